"""What the matrix products of a GPU promise: each of the kernels that take turns gives the definition's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cuda import gate
from tuinet.engine import reference
from tuinet.engine.program import Call, Slot
from tuinet.engine.trials import Places
from tuinet.kernels import OPS, Op, gpu_tiles

SHAPES = {  # rows, columns, and how many numbers each sum is of; none of them fills its tiles
    "large": (150, 140, 19),
    "small": (65, 70, 37),
    "cut": (65, 10, 1037),
}
KERNELS = {"large": [0], "small": [1], "cut": [2, 3]}  # that have their turn then
PRODUCTS = {"matmul_nn": ("NK", "KM"), "matmul_nt": ("NK", "MK"), "matmul_tn": ("KN", "KM"), "dense": ("NK", "KM", "M")}


def product(name: str, kind: str, keep: bool = False) -> tuple[Call, dict[Slot, np.ndarray]]:
    """A call with random operands of these sizes."""
    op, chance = OPS[name], np.random.default_rng(3)
    sizes = dict(zip("NMK", SHAPES[kind], strict=True))
    views = {}
    for operand, letters in zip(op.operands, (*PRODUCTS[name], "NM"), strict=True):
        shape = tuple(sizes[letter] for letter in letters)
        views[Slot(operand, shape, "value", False)] = chance.standard_normal(shape).astype(np.float32)
    *inputs, out = views
    return Call(op, inputs, [out], {}, keep=keep), views


def turns(op: Op, sizes: dict[str, int]) -> list[int]:
    """Which of the op's kernels are launched for these sizes."""
    return [number for number, (_, rule) in enumerate(op.cuda_stages) if 0 not in rule.grid(sizes)]


@pytest.mark.gpu
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_the_kernels_that_take_turns_agree_with_the_definition(
    device: Any, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    from tuinet.engine.cuda import machine
    from tuinet.engine.cuda.examination import on_device

    if kind == "large":  # a GPU of two multiprocessors: what keeps others busy would be an hour's work here
        monkeypatch.setattr(gpu_tiles, "FULL", 2)
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = product(name, kind, keep)
        sizes = machine.sizes_of(call)
        assert turns(call.op, sizes) == KERNELS[kind]
        exact = {slot: view.astype(np.float64) for slot, view in views.items()}
        reference.step(call, Places(exact))
        apart = on_device(device, call, views)
        (out,) = call.results
        assert np.abs(apart.fetch(out) - exact[out]).max() <= 1e-5 * np.abs(exact[out]).max(), keep


@pytest.mark.parametrize("op", PRODUCTS)
def test_for_all_sizes_one_kernel_makes_a_product(op: str) -> None:
    """Or two where its sums are cut; and then there is room for the parts."""
    for N in (1, 64, 500, 40_000):
        for M in (1, 130, 4096):
            for K in (1, 127, 256, 60_000):
                sizes = {"N": N, "M": M, "K": K}
                kernels, parts = turns(OPS[op], sizes), OPS[op].cuda_stages[2][1].grid(sizes)[2]
                assert kernels in KERNELS.values(), sizes
                assert OPS[op].cuda_room(sizes) == (parts * N * M if kernels == KERNELS["cut"] else 0), sizes


@pytest.mark.parametrize("arch", ["75", "80", "90", "120"])
def test_a_large_tile_multiplies_at_least_twelve_times_for_each_load(gpu: Any, arch: str) -> None:
    """In the loop that sums up, where each load brings four numbers."""
    from tuinet.engine.cuda import driver, machine

    if gate.disassembler() is None:
        pytest.skip("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    cc = int(arch[:-1]), int(arch[-1])
    gpu.compute_capability(*cc)
    loops = []
    for kernel, rule in OPS["matmul_nn"].cuda_stages[:2]:
        ptx = driver.compile_kernel(kernel, machine.kinds_of(OPS["matmul_nn"]), cc, rule.bounds)
        loops.append(gate.inner_loop(gate.assemble(ptx, arch)[0]))
    large, small = loops
    assert gate.count(large, "FFMA") >= 64
    assert gate.multiply_adds_per_shared_load(large) >= 12
    assert gate.multiply_adds_per_shared_load(small) < 12  # which shows that the count can tell
