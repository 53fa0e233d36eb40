"""What only large sequences meet: states that shared memory has no room for."""

from __future__ import annotations

from typing import Any

import pytest

from tuinet.engine import trials

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
    from tuinet.engine.cuda import machine
    from tuinet.engine.cuda.examination import AGREES, tried

    assert not machine.room_for([trials.operands_for(name, "tiles")[0]])  # the control: few units need no more memory
    monkeypatch.setitem(trials.RECURRENT, "odd", MANY[way])
    assert machine.room_for([trials.operands_for(name, "odd")[0]])
    assert tried(device, name, "odd") <= AGREES
