"""Optimizers and schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError
from tuinet.fields import describe
from tuinet.optimizers import OPTIMIZERS, SCHEDULES, SGD


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_an_optimizer_updates_with_the_states_it_names(word: str) -> None:
    optimizer, recorder = OPTIMIZERS[word](), ShapeRecorder()
    p = Shaped("p", (3, 2))
    state = {name: Shaped(name, p.shape) for name in optimizer.states}
    optimizer.record(recorder, p, Shaped("g", p.shape), Shaped("rate", ()), Shaped("clip", ()), state)
    assert len(recorder.calls) == 1
    first = describe(type(optimizer))[0]
    assert first.name == "learning_rate" and first.live


def test_nesterov_needs_momentum() -> None:
    assert SGD().states == () and SGD(momentum=0.5).states == ("m",)
    with pytest.raises(PresetError, match="needs a momentum above 0"):
        SGD(nesterov=True)


def factors(word: str, steps: list[float], **settings: Any) -> list[float]:
    return list(SCHEDULES[word](**settings).factors(np.array(steps, np.int64), 100, 10.0))


@pytest.mark.parametrize(
    ("word", "settings", "steps", "expected"),
    [
        ("constant", {}, [0, 50, 99], [1, 1, 1]),
        ("constant", {"warm_up": 4}, [0, 1, 2, 3, 4, 50], [0.25, 0.5, 0.75, 1, 1, 1]),
        ("constant", {"warm_up": 0.1}, [0, 4, 9, 10], [0.1, 0.5, 1, 1]),
        ("step", {"every": 2, "factor": 0.5}, [0, 19, 20, 39, 40], [1, 1, 0.5, 0.5, 0.25]),
        ("exponential", {"decay": 0.5}, [0, 10, 20, 25], [1, 0.5, 0.25, 0.5**2.5]),
        ("cosine", {}, [0, 50, 100], [1, 0.5, 0]),
        ("cosine", {"final": 0.2}, [0, 50, 100, 200], [1, 0.6, 0.2, 0.2]),
        ("cosine", {"warm_up": 0.5}, [0, 49, 50, 75], [1 / 50, 1, 1, 0.5]),
        (
            "one_cycle",
            {"peak_at": 0.5, "start_div": 10, "end_div": 100},
            [0, 25, 50, 75, 100],
            [0.1, 0.55, 1, 0.505, 0.01],
        ),
        ("reduce_on_plateau", {}, [0, 99], [1, 1]),
    ],
)
def test_a_schedule_multiplies_the_rate_as_it_says(
    word: str, settings: dict[str, Any], steps: list[float], expected: list[float]
) -> None:
    assert factors(word, steps, **settings) == pytest.approx(expected)


@pytest.mark.parametrize("word", SCHEDULES)
def test_a_schedule_is_a_pure_function_of_the_step(word: str) -> None:
    schedule = SCHEDULES[word](warm_up=7)
    steps = np.arange(1000)
    whole = schedule.factors(steps, 1000, 31.25)
    pieces = np.concatenate([schedule.factors(steps[place : place + 13], 1000, 31.25) for place in range(0, 1000, 13)])
    assert (whole == pieces).all()
    assert ((whole > 0) & (whole <= 1)).all()
