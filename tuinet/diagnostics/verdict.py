"""What became of a training, in one of six words with its numbers: one pure function over the epochs' metrics.

    diverged       the loss is no number any more, or far above where it began
    too early      fewer than three epochs, or the loss still falls fast
    overfitting    validation turned while training went on falling, or stayed far behind it
    noisy          the loss jumps from epoch to epoch by more than it gains
    underfitting   even the training part is hardly better than guessing
    good           none of these

Losses are the honest ones: measured after the epoch, without dropout. Skill is the share of the way from guessing
(always the commonest class, always the mean) to perfect: (accuracy - guess) / (1 - guess), or 1 - (rmse / guess)^2.
Of a text it is 1 - bits / guess, in bits per character; guessing knows how often each character comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tuinet.diagnostics.order_statistics import median

Word = Literal["underfitting", "good", "overfitting", "diverged", "noisy", "too early"]

Floats = NDArray[np.floating[Any]]

METRICS = ("bits_per_char", "accuracy", "rmse")  # the first one that was measured is what guessing is compared by
ENOUGH_EPOCHS = 3
EXPLODED = 3.0  # diverged: the last loss is this many times the first one
RISE = 0.10  # overfitting: validation loss rose by this share above its best
GAP = 0.08  # overfitting: training skill, more than HARDLY, is ahead of validation skill by this much
CLOSE = 1.3  # held-out loss below this many times the training loss is called close to it
JUMPS = 0.15  # noisy: a typical jump between epochs, as a share of the loss
FALLS = 0.05  # too early: what the last fifth of the epochs gained, as a share of the loss ...
SHARE = 0.10  # ... and as a share of all that was gained
HARDLY = 0.5  # underfitting: training skill below this
SMALL = 0.1  # losses below this share of the first one are taken as this share: near 0 all ratios are large


@dataclass(frozen=True)
class Verdict:
    """A word, a sentence that holds the numbers, and the numbers apart (finite ones only)."""

    word: Word
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)

    def as_table(self) -> dict[str, object]:
        return {"word": self.word, "sentence": self.sentence, "numbers": dict(self.numbers)}


def verdict(
    epochs: Sequence[Mapping[str, object]], *, guess: float | None = None, diverged: str | None = None
) -> Verdict:
    """`epochs`: the epoch records in order (`epoch`, `train_loss`, `val_loss`, `train_accuracy` or `train_rmse` ...).

    guess: the accuracy (or rmse, or bits per character) of guessing, where known. diverged: where the run was stopped
    by NaN or infinity, the words for it.
    """
    epochs = [row for row in epochs if _number(row, "train_loss") is not None]
    names = dict.fromkeys(name for row in epochs for name in row)
    columns = {name: np.array([_number(row, name) for row in epochs], np.float64) for name in names}
    return judged(columns, guess=guess, diverged=diverged)


def judged(columns: Mapping[str, Floats], *, guess: float | None = None, diverged: str | None = None) -> Verdict:
    """The same of metrics that stand in columns, an epoch a row; NaN where one was not measured."""
    with np.errstate(all="ignore"):  # of losses as large as floats go
        curves = _Curves(columns, guess)
        numbers = curves.numbers()
        for judge in (_diverged, _too_few, _overfitting, _noisy, _still_falling, _underfitting):
            found = judge(curves, diverged)
            if found is not None:
                word, sentence = found
                return Verdict(word, sentence, numbers)
        return Verdict("good", _good(curves), numbers)


class _Curves:
    """The series that the rules look at. Epochs without finite values are left out of all but `diverged`."""

    def __init__(self, columns: Mapping[str, Floats], guess: float | None) -> None:
        self.guess = guess
        train = columns.get("train_loss", np.empty(0))
        fit = np.flatnonzero(np.isfinite(train))
        self.last_train = float(train[-1]) if len(train) else None
        held = columns["val_loss"][fit] if "val_loss" in columns else np.full(len(fit), np.nan)
        self.validated = bool(len(fit)) and bool(np.isfinite(held).all())
        counted = np.arange(1.0, len(fit) + 1)
        said = columns["epoch"][fit] if "epoch" in columns else counted
        self.epochs = np.where(said > 0, said, counted).astype(int)
        self.train = train[fit]
        self.held = held if self.validated else self.train
        self.held_name = "val_loss" if self.validated else "train_loss"
        last = {name: float(column[fit[-1]]) for name, column in columns.items()} if len(fit) else {}
        known = {name: value for name, value in last.items() if not math.isnan(value)}
        self.metric = next(name for name in METRICS if f"train_{name}" in known or name == METRICS[-1])
        self.last_metrics = {part: known.get(f"{part}_{self.metric}") for part in ("train", "val")}
        self.train_skill, self.val_skill = (self._skill(self.last_metrics[part]) for part in ("train", "val"))

    def _skill(self, value: float | None) -> float | None:
        """The share of the way from guessing to perfect that this value of the metric stands for."""
        if value is None or self.guess is None:
            return None
        if self.metric == "accuracy":
            return (value - self.guess) / (1 - self.guess) if self.guess < 1 else None
        if self.guess <= 0:
            return None
        ratio = value / self.guess
        return 1 - ratio if self.metric == "bits_per_char" else 1 - ratio * ratio

    @cached_property
    def best(self) -> int:
        """Index of the lowest held-out loss, after a median of three has taken single lucky epochs away."""
        held = self.held
        if len(held) < 2:
            return 0
        before, here, after = held[:-2], held[1:-1], held[2:]
        middle = np.maximum(np.minimum(before, here), np.minimum(np.maximum(before, here), after))
        first, last = (held[0] + held[1]) / 2, (held[-2] + held[-1]) / 2
        return int(np.argmin(np.concatenate(([first], middle, [last]))))

    @cached_property
    def lowest(self) -> int:
        """Index of the lowest held-out loss as it was measured: the best epoch, as rows and checkpoints have it."""
        return int(np.argmin(self.held)) if len(self.held) else 0

    @property
    def end(self) -> float:
        """Held-out loss now: the median of the last three epochs, so that one epoch decides nothing."""
        return _middle(self.held[-3:])

    @cached_property
    def rise(self) -> float:
        """How far the held-out loss now stands above its best, as a share of it."""
        lowest = _middle(self.held[max(0, self.best - 1) : self.best + 2])
        return (self.end - lowest) / self._scale(self.held, lowest)

    @property
    def gap(self) -> float | None:
        if self.train_skill is None or self.val_skill is None:
            return None
        return self.train_skill - self.val_skill

    @cached_property
    def jumps(self) -> float:
        """The typical distance of an epoch's loss from the middle of its neighbours, over the last half.

        A loss that only falls lies beside that middle too, by its bend: what does not rise again is no jump. Of one
        that goes up and down about a level, twice the mean rise is the mean step, which is more than the distance.
        """
        tail = self.held[-max(5, len(self.held) // 2) :]
        if len(tail) < 3:
            return 0.0
        off = np.abs(tail[1:-1] - (tail[:-2] + tail[2:]) / 2)
        rises = float(np.maximum(np.diff(tail), 0.0).mean())
        return min(_middle(off), 2 * rises) / self._scale(self.held, _middle(tail))

    @property
    def late(self) -> tuple[float, float]:
        """Held-out loss before the last fifth of the epochs (at least two), and now."""
        span = max(2, len(self.held) // 5)
        if len(self.held) < span + 3:  # too few for medians of three
            return float(self.held[max(0, len(self.held) - 1 - span)]), float(self.held[-1])
        return _middle(self.held[-span - 3 : -span]), self.end

    @property
    def falls(self) -> float:
        """What the last fifth of the epochs gained, as a share of the loss before it."""
        before, now = self.late
        return (before - now) / self._scale(self.held, before)

    @property
    def late_share(self) -> float:
        """The same as a share of all that was gained since the first epoch."""
        before, now = self.late
        gained = float(self.held[0]) - now
        return (before - now) / gained if gained > 0 else 0.0

    @staticmethod
    def _scale(series: Floats, level: float) -> float:
        return max(abs(level), SMALL * abs(float(series[0])), 1e-12)

    def numbers(self) -> dict[str, float]:
        found: dict[str, float | None] = {"epochs": float(len(self.epochs)), "guess": self.guess}
        if len(self.epochs):
            found |= {"train_loss": float(self.train[-1]), "best_epoch": float(self.epochs[self.lowest])}
            found |= {"rise": self.rise, "jumps": self.jumps, "falls": self.falls}
            if self.validated:
                found["val_loss"] = float(self.held[-1])
            found |= {"train_skill": self.train_skill, "val_skill": self.val_skill, "gap": self.gap}
        return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


_Found = tuple[Word, str] | None


def _diverged(curves: _Curves, diverged: str | None) -> _Found:
    if diverged is not None:
        return "diverged", f"{diverged} A smaller learning rate is the first thing to try."
    if curves.last_train is not None and not math.isfinite(curves.last_train):
        return "diverged", "The training loss is not a number any more; try a smaller learning rate."
    if len(curves.train) > 1 and curves.train[-1] > EXPLODED * max(curves.train[0], 1e-12):
        if (curves.train_skill or 0.0) > HARDLY:
            return None
        return "diverged", (
            f"train_loss rose from {curves.train[0]:.4g} to {curves.train[-1]:.4g}; try a smaller learning rate."
        )
    return None


def _too_few(curves: _Curves, _: str | None) -> _Found:
    if len(curves.train) >= ENOUGH_EPOCHS:
        return None
    count = len(curves.train)
    epochs = "1 epoch" if count == 1 else f"{count or 'no'} epochs"
    return "too early", f"After {epochs} nothing can be said; {ENOUGH_EPOCHS} are needed at the least."


def _overfitting(curves: _Curves, _: str | None) -> _Found:
    if not curves.validated:
        return None
    lowest, train = curves.lowest, curves.train
    trained = _middle(train[-3:])
    turned = curves.rise > max(RISE, 2 * curves.jumps) and trained < train[curves.best]
    if turned and lowest < len(train) - 1 and trained < train[lowest]:
        now = train[-1] if train[-1] < train[lowest] else trained
        return "overfitting", (
            f"Since epoch {curves.epochs[lowest]} val_loss rose from {curves.held[lowest]:.4g} to {curves.end:.4g} "
            f"while train_loss fell from {train[lowest]:.4g} to {now:.4g}."
        )
    if curves.gap is not None and curves.gap > GAP and (curves.train_skill or 0.0) > HARDLY:
        last = curves.last_metrics
        return "overfitting", (
            f"{curves.metric} is {last['train']:.4g} on the training part but {last['val']:.4g} on the validation part."
        )
    return None


def _noisy(curves: _Curves, _: str | None) -> _Found:
    if len(curves.held) < 5 or curves.jumps <= JUMPS or curves.falls > 2 * curves.jumps:
        return None
    return "noisy", (
        f"{curves.held_name} jumps by {curves.jumps:.0%} from epoch to epoch; "
        "a smaller learning rate or a larger batch would calm it."
    )


def _still_falling(curves: _Curves, _: str | None) -> _Found:
    if curves.falls <= max(FALLS, 2 * curves.jumps) or curves.late_share <= SHARE:
        return None
    return "too early", (
        f"{curves.held_name} still falls: by {curves.falls:.0%} over the last fifth of the epochs; "
        "more epochs would help."
    )


def _underfitting(curves: _Curves, _: str | None) -> _Found:
    skill, train = curves.train_skill, curves.train
    if skill is not None and skill < HARDLY:
        return "underfitting", (
            f"On the training part itself {curves.metric} is {curves.last_metrics['train']:.4g}, "
            f"where guessing gives {curves.guess:.4g}; {_advice(curves)}"
        )
    if skill is None and train[-1] > (1 - SMALL) * train[0]:
        return "underfitting", f"train_loss fell from {train[0]:.4g} to {train[-1]:.4g} only."
    return None


def _advice(curves: _Curves) -> str:
    """What an underfitting network needs most likely, by how its loss moved."""
    if curves.rise > RISE / 2:
        return "the loss rose again after its best, so a smaller learning rate would help."
    if curves.falls > 0 and curves.late_share > SHARE:
        return "the loss falls steadily but slowly, so a larger learning rate would help."
    return "another learning rate, more units or another activation may help."


def _good(curves: _Curves) -> str:
    if not curves.validated:
        return (
            f"train_loss fell from {curves.train[0]:.4g} to {curves.train[-1]:.4g}; "
            "without a validation part overfitting cannot be seen."
        )
    held, train = curves.held[-1], curves.train[-1]
    place = "stands close to" if held < CLOSE * train else "stands above"
    return f"val_loss {held:.4g} {place} train_loss {train:.4g} and has settled."


def _middle(values: Floats) -> float:
    return float(median(values))


def _number(row: Mapping[str, object], name: str) -> float | None:
    """Records write what is not finite as the words "nan", "inf" and "-inf"; float() reads them."""
    value = row.get(name)
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
