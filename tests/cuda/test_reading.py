"""The hottest kernels keep to what a static reading can see: arithmetic for each load, sectors, instructions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.cuda import gate
from tests.cuda.reading import HOTTEST, Reading, read


@pytest.mark.slow
@pytest.mark.parametrize(("op", "number"), HOTTEST)
def test_a_hot_kernel_keeps_to_its_limits(gpu: Any, op: str, number: int) -> None:
    if gate.disassembler() is None:
        pytest.skip("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    assert read(gpu, op, number).wrong == []


def test_each_limit_is_one_that_can_be_broken() -> None:
    fine = Reading("made", 0, 32, 0, 20, 16.0, 1.0, "multiplies elements memory")
    assert fine.wrong == []
    for change in ({"multiplies": 3.0}, {"instructions": 25}, {"ratio": 1.3}):
        assert len(replace(fine, **change).wrong) == 1
