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


@pytest.mark.gpu
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", ON_DEVICE)
def test_the_kernel_agrees_with_the_definition(device: Any, name: str, sizes: str) -> None:
    """To 1e-5 of the largest number of what it writes."""
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = operands_for(name, sizes)
        call.keep = keep
        exact = {s: v.astype(np.int64 if s.whole else np.float64) for s, v in views.items()}
        reference.step(call, Places(exact))
        apart = run_on_device(device, call, views)
        for slot in call.writes:
            got = apart.fetch(slot)
            assert np.abs(got - exact[slot]).max() <= 1e-5 * np.abs(exact[slot]).max() + 1e-6, (slot.name, keep)
