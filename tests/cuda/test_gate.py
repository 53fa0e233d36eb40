"""The gate lets a kernel pass that keeps to its registers, and turns down what costs a GPU most."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda, float32, uint32

from tests.cuda import gate
from tests.cuda.launching import ptx_of

ARCHS = {(7, 5): "75", (8, 0): "80", (12, 0): "120"}


def sums(x, out, n):
    total = float32(0)
    i = uint32(cuda.threadIdx.x)
    while i < n:
        total += x[i]
        i = uint32(i + uint32(32))
    out[uint32(cuda.threadIdx.x)] = total * float32(0.5)


def sums_in_float64(x, out, n):
    total = float32(0)
    i = uint32(cuda.threadIdx.x)
    while i < n:
        total += x[i]
        i = uint32(i + uint32(32))
    out[uint32(cuda.threadIdx.x)] = total * 0.1


def sums_on_a_stack(x, out, n):
    held = cuda.local.array(64, float32)
    for i in range(64):
        held[i] = float32(0)
    for i in range(64):
        held[uint32(x[uint32(i)]) % uint32(64)] += float32(1)
    out[uint32(cuda.threadIdx.x)] = held[n % uint32(64)]


def outer(x, out, n):
    """64 sums a thread: more than 32 registers hold."""
    left = cuda.local.array(8, float32)
    right = cuda.local.array(8, float32)
    total = cuda.local.array((8, 8), float32)
    t = uint32(cuda.threadIdx.x)
    for i in range(8):
        for j in range(8):
            total[i, j] = float32(0)
    k = uint32(0)
    while k < n:
        for i in range(8):
            left[i] = x[uint32(k * uint32(8) + uint32(i) + t)]
            right[i] = x[uint32(k * uint32(16) + uint32(i) + t)]
        for i in range(8):
            for j in range(8):
                total[i, j] += left[i] * right[j]
        k = uint32(k + uint32(1))
    for i in range(8):
        for j in range(8):
            out[uint32(uint32(8 * i + j) * uint32(256) + t)] = total[i, j]


@pytest.mark.parametrize("cc", ARCHS)
def test_a_good_kernel_passes(cc: tuple[int, int]) -> None:
    assert gate.check("sums", ptx_of(sums, "FFu", cc), ARCHS[cc], 32) == []
    report = gate.report(ptx_of(outer, "FFu", cc, launch_bounds=256), ARCHS[cc])
    assert 64 < report.registers <= 128 and report.stack == report.spill_stores == 0


@pytest.mark.parametrize("cc", ARCHS)
def test_arithmetic_in_float64_is_turned_down(cc: tuple[int, int]) -> None:
    (complaint,) = gate.check("sums", ptx_of(sums_in_float64, "FFu", cc), ARCHS[cc], 32)
    assert complaint.startswith(f"sums on sm_{ARCHS[cc]} computes in float64 (") and "mul" in complaint


@pytest.mark.parametrize("cc", ARCHS)
def test_an_array_that_is_indexed_at_run_time_is_turned_down(cc: tuple[int, int]) -> None:
    (complaint,) = gate.check("sums", ptx_of(sums_on_a_stack, "FFu", cc), ARCHS[cc], 128)
    assert "has a stack of 256 bytes" in complaint


def test_spilled_registers_are_turned_down() -> None:
    complaints = gate.check("outer", ptx_of(outer, "FFu", launch_bounds=(1024, 2)), "80", 32)
    assert any("spills" in complaint and "must keep its registers" in complaint for complaint in complaints)


def test_more_registers_than_allowed_are_turned_down() -> None:
    (complaint,) = gate.check("outer", ptx_of(outer, "FFu", launch_bounds=256), "80", 40)
    assert "registers; 40 are allowed" in complaint


def test_what_is_no_ptx_is_an_error_that_shows_what_the_assembler_said() -> None:
    with pytest.raises(ValueError, match=r"sm_80 turns the PTX down: .*syntax error"):
        gate.report(".version 8.0\n.target sm_80\n.address_size 64\nnonsense", "80")


def shared_product(x, out, n):
    held = cuda.shared.array(512, float32)
    t = uint32(cuda.threadIdx.x)
    held[t] = x[t]
    cuda.syncthreads()
    a = held[uint32(t ^ uint32(1))]
    total = float32(0)
    for k in range(8):
        total = cuda.fma(a, x[uint32(t + uint32(k))], total)
    out[t] = total


def test_machine_instructions_are_counted() -> None:
    if gate.disassembler() is None:
        pytest.skip("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    cubin, _ = gate.assemble(ptx_of(shared_product, "FFu"), "80")
    found = gate.instructions(cubin)
    assert gate.count(found, "FFMA") == 8 and gate.count(found, "LDS") == 1 and gate.count(found, "STG") == 1
    assert gate.count(found, "BAR") == 1 and gate.count(found, "DFMA") == 0
    assert gate.multiply_adds_per_shared_load(found) == 8
    assert np.isinf(gate.multiply_adds_per_shared_load(gate.instructions(gate.assemble(ptx_of(sums, "FFu"), "80")[0])))
