"""What a training is said to need of a GPU's memory is what it then takes."""

from __future__ import annotations

import pytest

from tests.cuda.stand_in import StandIn
from tuinet import presets
from tuinet.training.engine import RealEngine, free_bytes

SMALL = 1 << 20  # bytes: the losses that the device notes, and the kernels' scratch memory


@pytest.mark.parametrize("overrides", [(), ("training.batch_size=256", "layers.hidden_1.units=512")])
def test_what_is_foretold_is_taken(overrides: tuple[str, ...], gpu: StandIn) -> None:
    preset = presets.load("digits").with_overrides(overrides)
    engine = RealEngine()
    bound = engine.bind(preset)
    foretold = engine.preview(preset, bound, device="cuda:0", threads=None)
    assert foretold.device_bytes is not None and foretold.free_bytes == free_bytes("cuda:0")
    before = gpu.memory_used()
    trainer = engine.trainer(preset, bound, device="cuda:0", threads=None)
    taken = gpu.memory_used() - before
    assert trainer.step == 0
    assert foretold.device_bytes <= taken <= foretold.device_bytes + SMALL
    assert engine.preview(preset, bound, device="cpu", threads=1).device_bytes is None
