"""Losses: what they give and refuse, and the weights of classes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.families import Facts
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError, ShapeError
from tuinet.losses import LOSSES, CrossEntropy


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("cross_entropy", Facts()),
        ("binary_cross_entropy", Facts("binary", 2, 1)),
        ("mean_squared_error", Facts("reals", 0, 2)),
        ("mean_absolute_error", Facts("reals", 0, 2)),
        ("huber", Facts("reals", 0, 2)),
    ],
)
def test_a_loss_gives_one_number_an_example_and_refuses_other_outputs(word: str, facts: Facts) -> None:
    loss = LOSSES[word]()
    wanted = facts.classes if loss.targets == "classes" else facts.outputs
    assert loss.record(ShapeRecorder(), Shaped("y", (4, wanted)), Shaped("t", (4, wanted)), facts).shape == (4,)
    with pytest.raises(ShapeError, match=f"the network gives \\({wanted + 1}\\).*the data has {wanted} .*units = "):
        loss.record(ShapeRecorder(), Shaped("y", (4, wanted + 1)), Shaped("t", (4, wanted)), facts)
    other = Facts("reals" if facts.task != "reals" else "classes", 3, 3)
    with pytest.raises(PresetError, match="use loss = ") as caught:
        loss.record(ShapeRecorder(), Shaped("y", (4, 3)), Shaped("t", (4, 3)), other)
    assert caught.value.key == "training.loss"


@pytest.mark.parametrize(
    ("setting", "weights"), [(None, (1, 1, 1)), ((1.0, 2.0, 3.0), (1, 2, 3)), ("balanced", (4 / 3, 2 / 3, 4 / 3))]
)
def test_class_weights_are_given_even_or_balanced(setting: Any, weights: tuple[float, ...]) -> None:
    recorder, facts = ShapeRecorder(), Facts(class_counts=(5, 10, 5))
    CrossEntropy(class_weights=setting).record(recorder, Shaped("y", (4, 3)), Shaped("t", (4,)), facts)
    assert recorder.calls[0][1]["array"] == pytest.approx(weights)
    with pytest.raises(PresetError, match="give one for each class"):
        CrossEntropy(class_weights=(1.0,)).record(recorder, Shaped("y", (4, 3)), Shaped("t", (4,)), facts)
