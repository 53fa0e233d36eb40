"""What only large sizes meet: states that shared memory has no room for, rows longer than a grid."""

from __future__ import annotations

from typing import Any

import pytest

from tuinet.engine import trials
from tuinet.kernels import gpu

MANY = {  # steps, units, which come first, how far gradients go back, tanh or relu
    "forwards": (3, 515, dict(backwards=0, truncate=0, relu=0)),
    "backwards": (3, 515, dict(backwards=1, truncate=2, relu=1)),
}


@pytest.mark.gpu
@pytest.mark.parametrize("way", MANY)
@pytest.mark.parametrize("name", ["rnn", "rnn_back", "gru", "gru_back", "lstm", "lstm_back"])
def test_more_units_than_shared_memory_holds_agree_with_the_definition(
    device: Any, monkeypatch: pytest.MonkeyPatch, name: str, way: str
) -> None:
    from tuinet.engine.cuda import calls
    from tuinet.engine.cuda.examination import AGREES, tried

    assert not calls.room_for([trials.operands_for(name, "tiles")[0]])  # the control: few units need no more memory
    monkeypatch.setitem(trials.RECURRENT, "odd", MANY[way])
    assert calls.room_for([trials.operands_for(name, "odd")[0]])
    assert tried(device, name, "odd") <= AGREES


@pytest.mark.gpu
@pytest.mark.parametrize("longest", [1, 2, 4])
def test_rows_that_a_grid_is_too_short_for_agree_with_the_definition(
    device: Any, monkeypatch: pytest.MonkeyPatch, longest: int
) -> None:
    from tuinet.engine.cuda.examination import AGREES, tried

    columns = trials.SIZES["wide"]["I"]
    assert gpu.over(9, columns) == (2, 5, 1)  # the control
    monkeypatch.setattr(gpu, "LONGEST", longest)
    assert gpu.over(9, columns) == {1: (2, 1, 5), 2: (2, 2, 3), 4: (2, 3, 2)}[longest]
    assert tried(device, "add_row", "wide") <= AGREES


@pytest.mark.gpu
def test_more_images_than_a_gpu_takes_at_a_time_are_told_and_not_left_out(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuinet.engine.cuda import driver
    from tuinet.engine.cuda.examination import AGREES, tried

    images = trials.SIZES["odd"]["N"]
    monkeypatch.setattr(driver, "LONGEST", images)
    assert tried(device, "conv2d_shares_of_pooled", "odd") <= AGREES  # the control
    monkeypatch.setattr(driver, "LONGEST", images - 1)
    with pytest.raises(driver.DeviceError, match=f"{images} products .* takes {images - 1}: make training.batch_size"):
        tried(device, "conv2d_shares_of_pooled", "odd")
