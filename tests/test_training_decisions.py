"""What the epochs decide: goals, the best epoch, patience, plateaus. Pure functions, no training."""

from __future__ import annotations

import json
import math
import re

import pytest

from tuinet import presets
from tuinet.errors import RunDamaged, UsageError
from tuinet.training.course import progress_of
from tuinet.training.early_stopping import Best, Patience, Plateau, improves
from tuinet.training.goals import parse
from tuinet.training.progress import Progress


@pytest.mark.parametrize(
    ("text", "metrics", "met"),
    [
        ("val_accuracy>=0.9", {"val_accuracy": 0.9}, True),
        ("val_top5>=0.99", {"val_top5": 0.991}, True),
        ("val_accuracy>0.9", {"val_accuracy": 0.9}, False),
        (" val_loss <= 1e-2 ", {"val_loss": 0.01}, True),
        ("val_loss<0.01", {"val_loss": 0.01}, False),
        ("val_loss<0.01", {"train_loss": 0.0}, False),
        ("val_loss<0.01", {"val_loss": math.nan}, False),
        ("val_rmse>=-1", {"val_rmse": 0.0}, True),
    ],
)
def test_a_goal_is_met_by_what_it_says(text: str, metrics: dict[str, float], met: bool) -> None:
    goal = parse(text)
    assert goal is not None
    assert goal.met(metrics) is met


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("val_accuracy", "is not a comparison"),
        ("val_acuracy>=0.9", 'did you mean "val_accuracy"?'),
        ("val_accuracy=>0.9", "is not a comparison"),
        ("val_accuracy>=high", '"high" is not a number'),
        ("val_accuracy>=nan", '"nan" is not a number'),
        ("accuracy>0.9", "no metric is called"),
        ("val_loss<1;import os", "is not a comparison"),
        ("\x1b]0;x\x07>=1", "is not a comparison"),
    ],
)
def test_a_goal_that_says_nothing_is_refused_with_the_remedy(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"--until") as refused:
        parse(text)
    assert words in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_no_goal_is_no_goal() -> None:
    assert parse("") is None
    assert parse("  ") is None


def test_a_goal_that_is_never_measured_is_refused_before_training() -> None:
    preset = presets.load("spiral").with_overrides(["training.until=val_accuracy>=0.9"])
    progress_of(preset, ["train_loss", "val_accuracy"])
    said = 'training.until: "val_accuracy" is not measured with this data. Measured: train_loss, train_rmse'
    with pytest.raises(UsageError, match=re.escape(said)):
        progress_of(preset, ["train_loss", "train_rmse"])


@pytest.mark.parametrize(
    ("metric", "value", "best", "by", "better"),
    [
        ("val_loss", 0.5, None, 0.0, True),
        ("val_loss", 0.5, 0.5, 0.0, False),
        ("val_loss", 0.4, 0.5, 0.2, False),
        ("val_loss", 0.2, 0.5, 0.2, True),
        ("val_accuracy", 0.6, 0.5, 0.0, True),
        ("val_top5", 0.6, 0.5, 0.0, True),
        ("val_accuracy", 0.4, 0.5, 0.0, False),
        ("val_loss", math.nan, None, 0.0, False),
        ("val_loss", -math.inf, 0.5, 0.0, False),
    ],
)
def test_better_is_lower_for_losses_and_higher_for_accuracies(
    metric: str, value: float, best: float | None, by: float, better: bool
) -> None:
    assert improves(metric, value, best, by) is better


def test_the_first_of_two_equal_epochs_is_the_best() -> None:
    best = Best("val_loss")
    seen = [best.see(epoch, 10 * epoch, value) for epoch, value in enumerate([0.5, 0.3, 0.3, 0.4], start=1)]
    assert seen == [True, True, False, False]
    assert (best.epoch, best.step, best.value) == (2, 20, 0.3)


def test_patience_counts_epochs_that_improve_by_too_little() -> None:
    patience = Patience("val_loss", patience=2, min_delta=0.05)
    assert [patience.see(value) for value in [0.50, 0.46, 0.44, 0.42, 0.41]] == [False, False, False, False, True]


def test_a_plateau_lowers_the_rate_to_its_minimum_and_no_further() -> None:
    plateau = Plateau(Patience("val_loss", patience=2), factor=0.1, minimum=0.05)
    changes = [plateau.see(value) for value in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    assert changes == [False, False, True, False, True, False, False]
    assert plateau.rate_factor == 0.05


def test_progress_comes_back_from_json_as_it_was() -> None:
    def fresh() -> Progress:
        return Progress(
            Best("val_loss"), patience=Patience("val_loss", 3),
            plateau=Plateau(Patience("train_loss", 2), factor=0.3),
        )  # fmt: skip

    progress = fresh()
    progress.step, progress.epoch = 120, 7
    for epoch, value in enumerate([0.7, 0.1 + 0.2, 0.5, 0.6], start=1):
        progress.best.see(epoch, epoch * 9, value)
        assert progress.patience is not None
        assert progress.plateau is not None
        progress.patience.see(value)
        progress.plateau.see(value)
    progress.spent.training = 1 / 3
    table = json.loads(json.dumps({"epoch": progress.epoch, **progress.as_table()}))
    again = fresh()
    again.take(120, table)
    assert again == progress


@pytest.mark.parametrize(
    "damage",
    [
        {"best": "high"},
        {"best": {"monitor": "val_loss", "epoch": -1, "step": 0, "value": 1.0}},
        {"best": {"monitor": "val_loss", "epoch": 1, "step": 0, "value": "inf"}},
        {"patience": {"waited": 0.5, "reference": None}},
        {"epoch": None},
        {"spent": {"training": "long"}},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(damage: dict[str, object]) -> None:
    progress = Progress(Best("val_loss"), patience=Patience("val_loss", 3))
    with pytest.raises(RunDamaged, match="manifest"):
        progress.take(5, {"epoch": 1, **progress.as_table(), **damage})
