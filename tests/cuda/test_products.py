"""What the matrix products of a GPU promise: each of the kernels that take turns gives the definition's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cuda import gate
from tests.cuda.test_ops import run_on_device
from tests.operands import Places
from tuinet.engine import reference
from tuinet.engine.program import Call, Slot
from tuinet.kernels import OPS, gpu_tiles

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


@pytest.mark.gpu
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_the_kernels_that_take_turns_agree_with_the_definition(
    device: Any, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    from tuinet.engine.cuda import machine

    if kind == "large":  # a GPU of two multiprocessors: what keeps others busy would be an hour's work here
        monkeypatch.setattr(gpu_tiles, "FULL", 2)
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = product(name, kind, keep)
        sizes = machine.sizes_of(call)
        assert [n for n, (_, rule) in enumerate(call.op.cuda_stages) if rule.when(sizes)] == KERNELS[kind]
        exact = {slot: view.astype(np.float64) for slot, view in views.items()}
        reference.step(call, Places(exact))
        apart = run_on_device(device, call, views)
        (out,) = call.results
        assert np.abs(apart.fetch(out) - exact[out]).max() <= 1e-5 * np.abs(exact[out]).max(), keep


@pytest.mark.parametrize("op", [name for name, each in OPS.items() if len(each.cuda_stages) >= 4])
def test_for_all_sizes_one_kernel_makes_a_product(op: str) -> None:
    """Or two where its sums are cut; and then there is room for the parts."""
    if op not in PRODUCTS:
        pytest.skip("its sizes are those of images")
    rules = [rule for _, rule in OPS[op].cuda_stages]
    for N in (1, 64, 500, 40_000):
        for M in (1, 130, 4096):
            for K in (1, 127, 256, 60_000):
                sizes = {"N": N, "M": M, "K": K}
                turns = [number for number, rule in enumerate(rules) if rule.when(sizes)]
                assert turns in KERNELS.values(), sizes
                parts = rules[2].grid(sizes)[2]
                assert OPS[op].cuda_room(sizes) == (parts * N * M if turns == [2, 3] else 0), sizes


@pytest.mark.parametrize("arch", ["75", "80", "90", "120"])
def test_a_large_tile_multiplies_at_least_twelve_times_for_each_load(gpu: Any, arch: str) -> None:
    """Where it sums up: the loop's own block of machine code, with vectors of four numbers for each load."""
    from tuinet.engine.cuda import driver, machine

    if gate.disassembler() is None:
        pytest.skip("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    op, cc = OPS["matmul_nn"], (int(arch[:-1]), int(arch[-1]))
    gpu.compute_capability(*cc)
    kernel, rule = op.cuda_stages[0]
    code, _ = gate.assemble(driver.compile_kernel(kernel, machine.kinds_of(op), cc, rule.threads), arch)
    loop = max(gate.blocks(code), key=lambda found: gate.count(found, "FFMA"))
    assert gate.count(loop, "FFMA") >= 64
    assert gate.multiply_adds_per_shared_load(loop) >= 12
