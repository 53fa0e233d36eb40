"""The verdict: six words for the shapes that training curves have."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from time import thread_time
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuinet.diagnostics.verdict import Word, judged, verdict

Rows = list[dict[str, object]]


def rows(
    train: Sequence[float], val: Sequence[float] | None = None, accuracy: Sequence[float] | float = 0.9,
    val_accuracy: Sequence[float] | float | None = None,
) -> Rows:  # fmt: skip
    """Epoch records; one accuracy stands for all epochs."""

    def at(series: Sequence[float] | float, i: int) -> float:
        return series[i] if isinstance(series, Sequence) else series

    found: Rows = []
    for i, loss in enumerate(train):
        row: dict[str, object] = {"epoch": i + 1, "train_loss": loss, "train_accuracy": at(accuracy, i)}
        if val is not None:
            row["val_loss"] = val[i]
            row["val_accuracy"] = at(val_accuracy if val_accuracy is not None else accuracy, i)
        found.append(row)
    return found


def falling(start: float, end: float, epochs: int, speed: float = 5.0) -> list[float]:
    return [end + (start - end) * math.exp(-speed * i / epochs) for i in range(epochs)]


def shaky(series: Sequence[float], by: float) -> list[float]:
    draws = random.Random(3)
    return [value * (1 + draws.uniform(-by, by)) for value in series]


SETTLED = falling(2.3, 0.30, 20)
SLOW = [2.3 - 0.05 * i for i in range(20)]
TURNED = [0.36 + 0.9 * math.exp(-0.6 * i) + 0.006 * max(0, i - 8) ** 1.5 for i in range(20)]
STEEP = [1.3478, 0.6040, 0.1373, 0.0423, 0.0084]

SCENES: list[tuple[str, str, Rows]] = [
    ("good", "a settled curve", rows(SETTLED, falling(2.3, 0.36, 20))),
    ("good", "settled with a little noise", rows(shaky(SETTLED, 0.02), shaky(falling(2.3, 0.36, 20), 0.02))),
    ("good", "little loss left, in leaps", rows(falling(0.7, 0.001, 60), shaky(falling(0.7, 0.002, 60), 0.5), 0.99)),
    ("overfitting", "validation turned", rows(falling(2.3, 0.02, 20), TURNED, 0.99, 0.9)),
    ("overfitting", "validation never followed", rows(falling(2.3, 0.01, 30), falling(2.3, 0.9, 30), 1.0, 0.75)),
    ("underfitting", "stuck at guessing", rows(shaky([2.30] * 12, 0.002), shaky([2.31] * 12, 0.002), 0.13)),
    ("underfitting", "a line through a circle", rows(falling(0.75, 0.69, 20), falling(0.75, 0.69, 20), 0.55)),
    ("too early", "two epochs", rows([2.0, 1.5], [2.0, 1.6], 0.4)),
    ("too early", "no epoch", []),
    ("too early", "a rate that is too small", rows(SLOW, SLOW, 0.4)),
    ("too early", "a steep fall that bends", rows(STEEP, STEEP, 0.99)),
    ("good", "a steep fall with a small bump", rows([*STEEP, 0.0085], [*STEEP, 0.0085], 0.99)),
    ("good", "settled after a steep fall", rows([*STEEP, *[0.0083] * 3], [*STEEP, *[0.0083] * 3], 0.99)),
    ("noisy", "leaps about a level", rows(shaky([0.9] * 30, 0.8), shaky([1.0] * 30, 0.8), 0.6)),
    ("diverged", "not a number", rows([2.0, 1.0, math.nan], [2.0, 1.0, math.nan])),
    ("diverged", "not a number, as records say it", [*rows([2.0, 1.0], [2.0, 1.1]), {"epoch": 3, "train_loss": "nan"}]),
    ("diverged", "rising and rising", rows([2.3 * 2**i for i in range(8)], [2.3 * 2**i for i in range(8)], 0.1)),
]


@pytest.mark.parametrize(("word", "scene", "records"), SCENES, ids=[scene for _, scene, _ in SCENES])
def test_each_shape_of_curve_has_its_word(word: str, scene: str, records: Rows) -> None:
    found = verdict(records, guess=0.1 if scene != "a line through a circle" else 0.5)
    assert found.word == word, f"{scene}: {found}"
    assert found.sentence.endswith((".", "?"))
    assert all(math.isfinite(value) for value in found.numbers.values())


@pytest.mark.parametrize("seed", range(20))
def test_a_loss_that_only_falls_has_no_jumps_and_one_that_goes_up_and_down_has(seed: int) -> None:
    draws = random.Random(seed)
    falls = sorted((draws.expovariate(1.0) for _ in range(12)), reverse=True)
    assert verdict(rows(falls, falls)).numbers["jumps"] == 0.0
    shaken = [1 + draws.choice((0.3, 0.5)) * (-1) ** i for i in range(12)]
    assert verdict(rows(falls, shaken)).word == "noisy"


def test_a_run_that_was_stopped_by_nan_is_diverged_with_the_reason() -> None:
    found = verdict(rows(SETTLED, SETTLED), guess=0.1, diverged="NaN in the loss at step 7.")
    assert found.word == "diverged"
    assert "step 7" in found.sentence


def test_overfitting_names_the_epoch_where_it_began() -> None:
    found = verdict(rows(falling(2.3, 0.02, 20), TURNED, 0.99, 0.9), guess=0.1)
    onset = int(found.numbers["best_epoch"])
    assert 7 <= onset <= 12
    assert f"Since epoch {onset}" in found.sentence


LATE = [*TURNED[:13], 0.34, *TURNED[14:]]


def test_overfitting_is_told_since_the_best_epoch_that_the_rows_show() -> None:
    """A single lucky epoch decides nothing; but it is the best, and is called so."""
    train = falling(2.3, 0.02, 20)
    found = verdict(rows(train, LATE, 0.99, 0.9), guess=0.1)
    assert found.word == "overfitting" and found.numbers["best_epoch"] == 14
    assert f"Since epoch 14 val_loss rose from 0.34 to {LATE[18]:.4g} " in found.sentence
    assert f"train_loss fell from {train[13]:.4g} to {train[19]:.4g}." in found.sentence


def test_a_loss_that_is_the_lowest_of_all_now_has_not_risen_since() -> None:
    found = verdict(rows(falling(2.3, 0.02, 20), [*TURNED[:19], 0.3]), guess=0.1)
    assert "rose" not in found.sentence and found.numbers["best_epoch"] == 20


def test_without_a_validation_part_it_says_what_cannot_be_seen() -> None:
    found = verdict(rows(SETTLED), guess=0.1)
    assert found.word == "good"
    assert "without a validation part" in found.sentence


def test_skill_of_reals_is_measured_against_the_mean() -> None:
    """An rmse of 5 is good where guessing gives 16, and none at all where it gives 5."""
    epochs: Rows = [
        {"epoch": i + 1, "train_loss": loss, "val_loss": loss, "train_rmse": 5.0, "val_rmse": 5.2}
        for i, loss in enumerate(falling(1.0, 0.1, 20))
    ]
    assert verdict(epochs, guess=16.0).word == "good"
    assert verdict(epochs, guess=5.0).word == "underfitting"


def test_it_does_not_change_what_it_is_given() -> None:
    records = rows(SETTLED, TURNED)
    before = [dict(row) for row in records]
    verdict(records, guess=0.1)
    assert records == before


number = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(["nan", "inf", "-inf", "words", None, True])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"train_loss": number},
            optional={"val_loss": number, "train_accuracy": number, "val_rmse": number, "epoch": st.integers(1, 99)},
        ),
        max_size=12,
    ),
    st.none() | st.floats(0, 1),
)
def test_any_records_get_one_of_the_six_words(records: Rows, guess: float | None) -> None:
    found = verdict(records, guess=guess)
    assert found.word in get_args(Word)
    assert found.sentence


def test_a_text_is_judged_by_its_bits_beside_those_of_knowing_only_how_often_each_character_comes() -> None:
    def text(bits: float) -> list[dict[str, object]]:
        row = {"train_loss": bits, "val_loss": bits, "train_accuracy": 0.3, "val_accuracy": 0.3}
        return [{"epoch": i + 1, **row, "train_bits_per_char": bits, "val_bits_per_char": bits} for i in range(9)]

    assert verdict(text(2.0), guess=4.5).word == "good"
    judged = verdict(text(4.0), guess=4.5)
    assert judged.word == "underfitting" and "bits_per_char is 4, where guessing gives 4.5" in judged.sentence


def test_metrics_that_do_not_belong_together_are_not_set_side_by_side() -> None:
    losses = {"train_loss": 0.0, "val_loss": 0.0}
    assert verdict([losses, losses, {**losses, "train_accuracy": 1.0, "val_rmse": 1.0}], guess=0.5).word == "good"


@pytest.mark.parametrize(("word", "name", "epochs"), SCENES, ids=[scene[1] for scene in SCENES])
def test_columns_are_judged_as_rows_are(word: str, name: str, epochs: Rows) -> None:
    names = dict.fromkeys(name for row in epochs for name in row)
    columns = {name: np.array([row.get(name, math.nan) for row in epochs], np.float64) for name in names}
    assert judged(columns, guess=0.1) == verdict(epochs, guess=0.1)


def test_a_run_of_a_hundred_thousand_epochs_is_judged_within_a_frame() -> None:
    """A screen judges at every epoch, on its event loop: looked at row by row this took more than a second."""
    count = 100_000
    loss = np.linspace(2.3, 0.3, count)
    columns = {"epoch": np.arange(1.0, count + 1), "train_loss": loss, "val_loss": 1.1 * loss}

    def seconds() -> float:
        began = thread_time()
        judged(columns)
        return thread_time() - began

    assert min(seconds() for _ in range(5)) < 0.05
