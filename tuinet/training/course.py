"""Where a training is to end, and what decides it on the way: worked out from its preset and its data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tuinet.diagnostics.by_class import MOST_CLASSES
from tuinet.engine.pace import Pace
from tuinet.errors import PresetError, nearest
from tuinet.optimizers.schedules import ReduceOnPlateau
from tuinet.training.early_stopping import Best, Patience, Plateau
from tuinet.training.engine import batch_size
from tuinet.training.goals import Goal, parse
from tuinet.training.measuring import guess
from tuinet.training.progress import Progress

if TYPE_CHECKING:
    from tuinet.data import Bound
    from tuinet.data.baselines import Baseline
    from tuinet.presets import Preset

MOST_STEPS = 2**31 - 1  # the step is counted in 32 bits


@dataclass(frozen=True)
class Course:
    """Where a training is to end, and how its parts are counted."""

    epochs: int
    pace: Pace  # how steps count through them
    guess: float  # accuracy, rmse or bits per character of guessing
    max_steps: int | None = None
    max_seconds: float | None = None  # of the loop, over all generations
    goal: Goal | None = None
    restore_best: bool = False  # test with the best weights
    class_names: Sequence[str] = ()  # where each class is to be measured by itself
    rate: Callable[[int], float] = lambda step: math.nan  # learning rate of a step, without the plateau's factor
    baselines: Sequence[Baseline] = ()  # what simple methods make of the same series


def course_of(preset: Preset, bound: Bound, step: int = 0, seen: int = 0) -> Course:
    """From a step on, at which so many examples were seen. PresetError where an epoch would have no step."""
    training, examples = preset.training, len(bound.train.inputs)
    batch = batch_size(preset, bound)
    step_examples = batch * training.accumulate
    if step_examples > examples:
        raise PresetError(
            f"{training.accumulate} batches of {batch} examples are more than the {examples} of the training part, so "
            f"that an epoch would have no step; at most {examples // batch} fit",
            key="training.accumulate",
        )
    course = Course(
        epochs=training.epochs,
        pace=Pace.from_here(examples, step_examples, step, seen),
        guess=guess(bound),
        max_steps=training.max_steps,
        max_seconds=training.max_seconds,
        goal=parse(training.until),
        class_names=_class_names(bound),
        restore_best=training.early_stopping is not None and training.early_stopping.restore_best,
        baselines=bound.baselines,
    )
    steps = course.pace.epoch_end(training.epochs)
    if min(steps, training.max_steps or steps) > MOST_STEPS:
        raise PresetError(
            f"{training.epochs} epochs have {steps} steps; at most {MOST_STEPS} can be counted",
            key="training.epochs",
        )
    return replace(course, rate=_rates(preset, course))


def _class_names(bound: Bound) -> list[str]:
    """Of data with a class an example; none where there are too many to tell of each."""
    facts = bound.facts
    one_each = bound.train.targets.ndim == 1 if facts.task == "classes" else facts.task == "binary"
    return facts.class_names if one_each and len(facts.class_names) <= MOST_CLASSES else []


def _rates(preset: Preset, course: Course) -> Callable[[int], float]:
    """The learning rate of a step as the preset has it, for the records."""
    training = preset.training

    def rate(step: int) -> float:
        factor = course.pace.factors(training.schedule, np.array([step], np.int64), training.epochs)[0]
        return float(training.optimizer.learning_rate * factor)

    return rate


def progress_of(preset: Preset, measured: list[str]) -> Progress:
    """As it stands before the first step. PresetError where what a setting watches is not measured with this data."""
    goal = parse(preset.training.until)
    if goal is not None:
        _measured(goal.metric, measured, "training.until")
    stopping, schedule = preset.training.early_stopping, preset.training.schedule
    monitor = "val_loss" if "val_loss" in measured else "train_loss"
    patience = plateau = None
    if stopping is not None:
        monitor = _measured(stopping.monitor, measured, "training.early_stopping.monitor")
        patience = Patience(monitor, stopping.patience, stopping.min_delta)
    if isinstance(schedule, ReduceOnPlateau):
        watched = _measured(schedule.monitor, measured, "training.schedule.monitor")
        plateau = Plateau(Patience(watched, schedule.patience, schedule.min_delta), schedule.factor, schedule.minimum)
    return Progress(Best(monitor), patience=patience, plateau=plateau)


def _measured(monitor: str, measured: list[str], key: str) -> str:
    if monitor not in measured:
        hint = nearest(monitor, measured) or "."
        raise PresetError(f'"{monitor}" is not measured with this data{hint} Measured: {", ".join(measured)}', key=key)
    return monitor
