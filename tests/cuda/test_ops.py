"""What the CUDA kernel of every op promises: the definition's numbers, on a GPU and on the one that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tuinet.engine.program import Call, Slot
from tuinet.engine.trials import LONG, SIZES
from tuinet.kernels import OPS

ON_DEVICE = sorted(name for name, each in OPS.items() if each.cuda_stages)
CASES = [(name, sizes) for name in ON_DEVICE for sizes in (*SIZES, *["long"] * (name in LONG))]
SECONDS = {  # what an emulator needs several for
    (name, "wide") for name in ("attend", "attention_back", "conv2d_inputs", "conv2d_inputs_of_pooled")
}


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("name", "sizes"), [pytest.param(*case, marks=[pytest.mark.slow] * (case in SECONDS)) for case in CASES]
)
def test_the_kernel_agrees_with_the_definition(device: Any, name: str, sizes: str) -> None:
    """To 1e-5 of the largest number of what it writes, with and without adding to what is there."""
    from tuinet.engine.cuda.examination import AGREES, tried

    for keep in (False, True) if OPS[name].keeps else (False,):
        assert tried(device, name, sizes, keep) <= AGREES, keep


@pytest.mark.gpu
@pytest.mark.parametrize(("rows", "launches"), [(256, 1), (257, 2)])
def test_a_kernel_without_blocks_is_not_launched(device: Any, rows: int, launches: int) -> None:
    """What joins the sums of several blocks has nothing to do behind a single one."""
    from tuinet.engine.cuda import examination, machine

    x, s = Slot("x", (rows, 3), "value"), Slot("s", (3,), "value")
    apart = examination.Apart(device, {x: np.ones(x.shape, np.float32), s: np.zeros(3, np.float32)})
    call = Call(OPS["sum_rows"], [x], [s], {})
    assert len(machine.launches_of([call], apart, device.kernels, 0)) == launches


@pytest.mark.gpu
def test_a_kernel_that_is_wrong_is_found(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: another op's kernel in the place of one, and an op that writes NaN."""
    from tuinet.engine.cuda.examination import Trial, tried

    monkeypatch.setattr(OPS["add"], "cuda_stages", OPS["multiply"].cuda_stages)
    monkeypatch.setattr(OPS["add"], "name", "added wrongly")
    assert not Trial("add", "odd", tried(device, "add", "odd")).right


@pytest.mark.gpu
def test_the_examination_measures_products_memory_and_launches(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuinet.engine.cuda import examination

    for name, size in (("WIDE", 16), ("MANY", 1000), ("KERNELS", 3)):
        monkeypatch.setattr(examination, name, size)
    found = {speed.what: speed for speed in examination.speeds(device)}
    assert list(found) == ["products", "memory", "launches"]
    assert all(speed.value > 0 for speed in found.values())
    assert found["products"].limit > 0 and found["memory"].limit > 0
