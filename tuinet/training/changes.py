"""Changing a training between two of its steps, the weights kept: what is built anew for it, and how it becomes final.

Nothing of the training is touched before all of the new is there. Then one checkpoint is written, which has the changed
preset in its manifest: it appears by a rename, so that a run that is killed at any moment goes on either wholly before
the change or wholly after it. What is written then (the records, preset.toml, run.json) a resume makes good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tuinet.presets import Preset
from tuinet.training import live
from tuinet.training.course import Course, course_of, progress_of
from tuinet.training.goals import parse
from tuinet.training.progress import Progress

if TYPE_CHECKING:
    from tuinet.data import Bound
    from tuinet.training.engine import Engine, OnCompile
    from tuinet.training.loop import Loop, Trains

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Change:
    """A training as it goes on.

    first: what its weights would begin with in a run of its own. best_anew: what was measured before cannot be compared
    with what comes.
    """

    preset: Preset
    trainer: Trains
    first: dict[str, Array]
    course: Course
    progress: Progress
    best_anew: bool
    differences: list[live.Difference]


def prepared(
    engine: Engine,
    loop: Loop,
    old: Preset,
    new: Preset,
    bound: Bound,
    *,
    device: str,
    threads: int | None,
    model: Mapping[str, Array] | None = None,
    optimizer: Mapping[str, Array] | None = None,
    on_compile: OnCompile | None = None,
) -> Change:
    """Everything that a change needs, the training left as it is.

    model, optimizer: of a changed network, whose tensors are not those of the old one. Where nothing differs, the steps
    to come have the same bits. Nothing is compiled but ops that the run has not met yet. Raises TuinetError where the
    changed preset does not suit the data.
    """
    parse(new.training.until, "training.until")
    progress, names = loop.progress, loop.measured.names(bound.facts)
    course = course_of(new, bound, progress.step, loop.course.pace.seen(progress.step))
    goes_on = progress_of(new, names)
    goes_on.take(progress.step, {**progress.as_table(), "epoch": progress.epoch})
    best_anew = not comparable(old, new)
    if best_anew or old.training.early_stopping != new.training.early_stopping:
        goes_on.begin_anew(best=best_anew)
    old_one, begin = loop.trainer, course.pace.begin
    trainer = engine.trainer(new, bound, device=device, threads=threads, begin=begin, on_compile=on_compile)
    first = trainer.model()
    model = old_one.model() if model is None else model
    take_over(trainer, model, old_one.optimizer_state() if optimizer is None else optimizer, old_one.step)
    trainer.rate_factor = 1.0 if goes_on.plateau is None else goes_on.plateau.rate_factor
    return Change(new, trainer, first, course, goes_on, best_anew, live.differing(old, new))


def take_over(trainer: Trains, model: Mapping[str, Array], optimizer: Mapping[str, Array] | None, step: int) -> None:
    """Goes on from a state. An optimizer that has learned to keep an array, as for momentum, begins it at 0."""
    own = trainer.optimizer_state()
    state = None if optimizer is None else {name: optimizer.get(name, zero) for name, zero in own.items()}
    trainer.load(model, state, step)


def comparable(old: Preset, new: Preset) -> bool:
    """Whether the epochs under both can be compared, and weights of one be put into the other: the best one then stays.

    Not where the network is another one, another loss is measured, or another metric is watched.
    """
    may_differ = {*live.live_keys(old), *live.live_keys(new)}
    others = [key for key, _, _ in live.differing(old, new) if key.startswith("layers") and key not in may_differ]
    monitors = [getattr(each.training.early_stopping, "monitor", None) for each in (old, new)]
    return not others and old.training.loss == new.training.loss and monitors[0] == monitors[1]
