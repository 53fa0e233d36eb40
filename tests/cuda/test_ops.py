"""What the CUDA kernel of every op promises: the definition's numbers, on a GPU and on the one that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.operands import SIZES, Places, operands_for
from tuinet.engine import reference
from tuinet.engine.program import Call, Slot
from tuinet.kernels import OPS

ON_DEVICE = sorted(name for name, each in OPS.items() if each.cuda_stages)


class Apart:
    """Operands on the device, each in memory of its own: what reaches over its end is found."""

    def __init__(self, gpu: Any, views: dict[Slot, np.ndarray]) -> None:
        self.gpu, self.views = gpu, views
        self.memory = {slot: gpu.allocate(view.nbytes) for slot, view in views.items()}
        for slot, view in views.items():
            gpu.put(self.memory[slot].address, view)

    def address(self, slot: Slot) -> int:
        return int(self.memory[slot].address)

    def fetch(self, slot: Slot) -> np.ndarray:
        self.gpu.get(self.memory[slot].address, self.views[slot])
        return self.views[slot]


def run_on_device(gpu: Any, call: Call, views: dict[Slot, np.ndarray]) -> Apart:
    from tuinet.engine.cuda import machine

    apart = Apart(gpu, views)
    room = gpu.allocate(4 * machine.room_for([call]))
    gpu.go(machine.launches_of([call], apart, gpu.kernels, room.address))
    gpu.wait()
    return apart


def agrees(gpu: Any, name: str, sizes: str) -> None:
    """To 1e-5 of the largest number of what it writes."""
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = operands_for(name, sizes)
        call.keep = keep
        exact = {s: v.astype(np.int64 if s.whole else np.float64) for s, v in views.items()}
        reference.step(call, Places(exact))
        apart = run_on_device(gpu, call, views)
        for slot in call.writes:
            got = apart.fetch(slot)
            assert np.abs(got - exact[slot]).max() <= 1e-5 * np.abs(exact[slot]).max() + 1e-6, (slot.name, keep)


@pytest.mark.gpu
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", ON_DEVICE)
def test_the_kernel_agrees_with_the_definition(device: Any, name: str, sizes: str) -> None:
    agrees(device, name, sizes)


MANY = {  # of what adds up more than one block can, and of a table far longer than a batch and the other way round
    "sum_rows": dict(N=1031, I=35),
    "sum_products": dict(N=769, I=33),
    "column_squares": dict(R=513, C=3),
    "batch_norm": dict(N=1025, I=34),
    "mean": dict(N=9001),
    "norm": dict(P=4097),
    "sum_shared": dict(N=8193),
    "share_of_known": dict(N=5003),
    "add_rows": dict(N=1200, I=131),
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted({*MANY} & {*ON_DEVICE}))
def test_sums_by_more_than_one_block_agree_with_the_definition(
    device: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SIZES, "many", MANY[name])
    agrees(device, name, "many")


@pytest.mark.gpu
@pytest.mark.parametrize(("rows", "launches"), [(256, 1), (257, 2)])
def test_a_kernel_without_blocks_is_not_launched(
    device: Any, rows: int, launches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What joins the sums of several blocks has nothing to do behind a single one."""
    from tuinet.engine.cuda import machine

    monkeypatch.setitem(SIZES, "many", dict(N=rows, I=3))
    call, views = operands_for("sum_rows", "many")
    assert len(machine.launches_of([call], Apart(device, views), device.kernels, 0)) == launches
