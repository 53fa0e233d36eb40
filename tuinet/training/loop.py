"""The training loop: stretches of steps, an evaluation after each epoch, and what follows from it.

`Loop.events()` yields what happens as it happens; whoever takes the events writes them down, and only when the next
one is asked for does the loop go on. So a checkpoint is never older than the records before it, and a metric is
on disk before it is shown. The loop itself touches no file but through the keeper of checkpoints.

Decisions (best epoch, early stopping, plateau, goal) are made at epoch ends, from measured values alone. The clock
decides when something is written, and when a time limit ends the run, but never what the next step will be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.diagnostics.by_class import ByClass, count
from tuinet.diagnostics.verdict import verdict
from tuinet.errors import Diverged
from tuinet.training.control import Control
from tuinet.training.course import Course
from tuinet.training.events import Event
from tuinet.training.keeping import Keeper, NotFinite
from tuinet.training.measuring import Measured, measure
from tuinet.training.progress import Progress
from tuinet.training.signals import StopAsked, StopFlag

if TYPE_CHECKING:
    from tuinet.data import Part

STRETCH = 0.03  # seconds of training between two looks at the world
RECORD_EVERY = 0.1  # seconds between two records of steps, at the least
UPDATE_EVERY = 0.3  # seconds between two steps whose updates are kept for those who look at them, at the least

Array = NDArray[np.generic]
Clock = Callable[[], float]


class Trains(Protocol):
    """What the loop needs of a trainer; `tuinet.engine.trainer.Trainer` is one."""

    @property
    def step(self) -> int: ...

    rate_factor: float

    def epoch_end(self, epoch: int) -> int: ...
    def run(self, seconds: float, until_step: int) -> str: ...
    def ask_to_stop(self) -> None: ...
    def drain(self) -> NDArray[np.float64]: ...
    def evaluate(self, part: Part) -> Mapping[str, float]: ...
    def outputs(self, inputs: Array) -> NDArray[np.floating[Any]]: ...
    def classify(self, inputs: NDArray[np.float32]) -> NDArray[np.integer[Any]]: ...
    def penalty(self) -> float: ...
    def value(self, name: str) -> Array: ...
    def model(self) -> dict[str, Array]: ...
    def optimizer_state(self) -> dict[str, Array]: ...
    def load(self, model: Mapping[str, Array], optimizer: Mapping[str, Array] | None, step: int | None) -> None: ...
    def explain_divergence(self) -> Mapping[str, Any]: ...


@dataclass
class Ending:
    """How it ended, for whoever leaves the process."""

    state: str = ""  # empty while it goes on
    reason: str = ""
    exit_code: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] | None = None
    baselines: dict[str, Any] | None = None
    verdict: str | None = None
    by_class: ByClass | None = None  # by the weights of the best epoch
    weights_sha256: str | None = None
    error: str | None = None


class Loop:
    """One generation of a training: from where `progress` stands to an end."""

    def __init__(
        self,
        trainer: Trains,
        measured: Measured,
        course: Course,
        progress: Progress,
        keeper: Keeper,
        *,
        stop: StopFlag | None = None,
        control: Control | None = None,
        history: Sequence[Mapping[str, object]] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        """history: the epoch records of earlier generations, up to `progress.epoch`. control: what clients ask."""
        self.trainer, self.measured, self.course = trainer, measured, course
        self.progress, self.keeper, self.clock = progress, keeper, clock
        self.stop, self.control = stop or StopFlag(), control or Control()
        self.updates: dict[str, Array] = {}  # of the parameters that are looked at: what a step added to them
        self._updated = -math.inf
        self.history: list[Mapping[str, object]] = list(history)
        self.window, self.epoch_window = _Window(clock()), _Window(clock())
        progress.seen = self.started_seen = course.pace.seen(progress.step)
        self.started_seconds = progress.spent.training
        self.ending = Ending(metrics=_metrics(self.history[-1]) if self.history else {})

    def go_on_with(self, trainer: Trains, course: Course, progress: Progress) -> None:
        """From now on, between two stretches."""
        self.trainer, self.course, self.progress = trainer, course, progress
        self.updates = {}

    def events(self) -> Iterator[Event]:
        """All that happens, to the `end`. The time that the taker of the events needs counts as `records`."""
        for event in self._events():
            taken = self.clock()
            yield event
            self.progress.spent.records += self.clock() - taken

    def _events(self) -> Iterator[Event]:
        reason: str | None = None
        while reason is None:
            reason = self._over() or (yield from self._epoch())
        yield from self._end(reason)

    def _over(self) -> str | None:
        progress, course = self.progress, self.course
        if progress.goal_met and course.goal is not None:
            return "until"
        if progress.stopped_early:
            return "early_stopping"
        if progress.epoch >= course.epochs:
            return "epochs"
        if course.max_steps is not None and progress.step >= course.max_steps:
            return "max_steps"
        return "max_seconds" if self._seconds_left() <= 0 else None

    # -- one epoch -----------------------------------------------------------------------------------------------

    def _epoch(self) -> Generator[Event, None, str | None]:
        """Trains to the end of the epoch and judges it. Returns why the run ends here, None to go on."""
        while True:
            yield from self.control.turn(self)
            if self.stop.asked:
                return "asked"
            epoch_end = self.trainer.epoch_end(self.progress.epoch + 1)
            until = epoch_end if self.course.max_steps is None else min(epoch_end, self.course.max_steps)
            outcome = self._stretch(self.control.bound(self, until))
            if self.window.due(self.clock()):
                yield self._steps_event()
            if outcome == "diverged":
                return "diverged"
            if self.stop.asked:
                return "asked"
            if self.progress.step >= until:
                break
            if self._seconds_left() <= 0:
                return "max_seconds"
            if self.keeper.due() and not (yield from self.save()):
                return "diverged"
        if self.progress.step < epoch_end:
            return None
        try:
            yield from self._judge()
        except StopAsked:
            return "asked"
        if self.keeper.due() and self._over() is None and not (yield from self.save()):
            return "diverged"
        return None

    def _stretch(self, until: int) -> str:
        watched = self.control.watched()
        if not watched or self.clock() - self._updated < UPDATE_EVERY:
            return self._run(until)
        before = {name: self.trainer.value(name) for name in watched}
        outcome = self._run(min(until, self.progress.step + 1))
        self.updates = {name: np.subtract(self.trainer.value(name), value) for name, value in before.items()}
        self._updated = self.clock()
        return outcome

    def _run(self, until: int) -> str:
        progress, began = self.progress, self.clock()
        outcome = self.trainer.run(max(min(STRETCH, self._seconds_left()), 0.0), until)
        took = self.clock() - began
        drained = self.trainer.drain()
        steps = self.trainer.step - progress.step
        examples = steps * self.course.pace.stride
        progress.spent.training += took
        progress.step = self.trainer.step
        progress.seen = self.course.pace.seen(progress.step)
        for window in (self.window, self.epoch_window):
            window.add(drained, steps, examples, took)
        return outcome

    def flush(self) -> Iterator[Event]:
        """The record of the steps that none has told of yet."""
        if self.window.loss.count:
            yield self._steps_event()

    def _seconds_left(self) -> float:
        limit = self.course.max_seconds
        return math.inf if limit is None else limit - self.progress.spent.total

    def _judge(self) -> Iterator[Event]:
        """Evaluates, and lets the figures decide. Nothing is decided where StopAsked ends the evaluation."""
        metrics, progress = self._evaluate(), self.progress
        progress.epoch += 1
        if progress.best.see(progress.epoch, progress.step, metrics[progress.best.metric]):
            self.keeper.hold_best(self.trainer, progress)
        goal = self.course.goal
        progress.goal_met = goal is not None and goal.met(metrics)
        event = self.event("epoch", **metrics, **self._epoch_figures())
        self.history.append(event.fields)
        yield event
        if progress.plateau is not None:
            yield from self._plateau(metrics)
        if progress.patience is not None and progress.patience.see(metrics[progress.patience.metric]):
            progress.stopped_early = True

    def _evaluate(self) -> dict[str, float]:
        began, found = self.clock(), {}
        for name, pieces in (("train", self.measured.train), ("val", self.measured.validation)):
            for metric, value in measure(self.trainer, pieces, self._between).items():
                found[f"{name}_{metric}"] = value
        for metric, value in self.measured.writing(self.trainer, self.measured.written, self._between).items():
            found[f"val_{metric}"] = value
        self.ending.metrics = dict(found)
        found["penalty"] = float(self.trainer.penalty())
        self.progress.spent.evaluation += self.clock() - began
        return found

    def _between(self) -> None:
        """Between two pieces that are measured: a signal ends it, and who looks need not wait for the end."""
        self.stop.check()
        self.control.glance(self)

    def _epoch_figures(self) -> dict[str, float]:
        window, self.epoch_window = self.epoch_window, _Window(self.clock())
        figures = {"learning_rate": self._rate(), "samples_per_s": window.rate}
        if window.norm.count:
            figures["gradient_norm"] = window.norm.mean
        return figures

    def _plateau(self, metrics: Mapping[str, float]) -> Iterator[Event]:
        plateau, before = self.progress.plateau, self._rate()
        if plateau is None or not plateau.see(metrics[plateau.patience.metric]):
            return
        self.trainer.rate_factor = plateau.rate_factor
        why = f"{plateau.patience.metric} did not improve for {plateau.patience.patience} epochs"
        yield self.event("changed", key="training.optimizer.learning_rate", old=before, new=self._rate(), why=why)

    # -- saving and ending ---------------------------------------------------------------------------------------

    def save(self) -> Generator[Event, None, bool]:
        """False where something is not finite: then nothing was saved, and `ending.error` says what it is."""
        began = self.clock()
        try:
            saved = self.keeper.save(self.trainer, self.progress)
        except NotFinite as found:
            self.ending.error = self.ending.error or self._divergence(found)
            return False
        finally:
            self.progress.spent.saving += self.clock() - began
        for checkpoint in saved:
            yield Event("checkpoint", checkpoint)
        return True

    def _end(self, reason: str) -> Iterator[Event]:
        ending = self.ending
        if reason == "diverged" and ending.error is None:
            ending.error = self._divergence()
        yield from self.flush()
        if not (yield from self.save()):
            reason = "diverged"
        epoch_end, epoch = self.trainer.epoch_end, self.progress.epoch
        inside = epoch_end(epoch) < self.progress.step < epoch_end(epoch + 1)  # at an epoch's end it has been measured
        if inside and reason in ("max_steps", "max_seconds"):
            yield from self._look_once_more()
        ending.reason = reason
        ending.state = {"diverged": "diverged", "asked": "stopped"}.get(reason, "finished")
        ending.weights_sha256 = self.keeper.weights_sha256
        if ending.state == "finished" and self.measured.test:
            yield from self._test()
        if ending.state == "finished" and self.measured.validation and self.course.class_names:
            self._count_by_class()
        ending.baselines = self._beside_baselines()
        judged = verdict(self.history, guess=self.course.guess, diverged=ending.error)
        ending.verdict = judged.word
        yield self.event("verdict", **judged.as_table())
        ending.exit_code = self._exit_code()
        yield self._end_event()

    def _look_once_more(self) -> Iterator[Event]:
        """A limit inside an epoch: measured for the user and the goal. After the save: no epoch is judged by it."""
        try:
            metrics = self._evaluate()
        except StopAsked:
            return
        goal = self.course.goal
        self.progress.goal_met = goal is not None and goal.met(metrics)
        epoch = round(self.course.pace.epochs(self.progress.step), 6)
        yield self.event("evaluation", **metrics, **self._epoch_figures(), epoch=epoch)

    def _test(self) -> Iterator[Event]:
        """After the last save, so that weights put back for the test never reach the last checkpoint."""
        best = self.keeper.best_model(self.progress) if self.course.restore_best else None
        began = self.clock()
        if best is not None:
            self.trainer.load(best, None, self.progress.step)
        try:
            found = measure(self.trainer, self.measured.test, self.stop.check)
            found |= self.measured.writing(self.trainer, self.measured.test_written, self.stop.check)
        except StopAsked:
            return
        self.progress.spent.evaluation += self.clock() - began
        self.ending.test = {f"test_{name}": value for name, value in found.items()}
        yield self.event("test", **self.ending.test)

    def _beside_baselines(self) -> dict[str, Any] | None:
        """The network's errors and the baselines' on the same part: the test part, or where none was measured the
        validation part, with the weights that the run stands for. None where there is nothing to set side by side."""
        part, own = "test", self.ending.test or {}
        if not own:
            part, best = "val", self.progress.best.epoch if self.course.restore_best else None
            rows = [row for row in self.history if best is None or row.get("epoch") == best]
            own = _metrics(rows[-1]) if rows else {}
        found = {name.removeprefix(f"{part}_"): value for name, value in own.items() if name.startswith(f"{part}_")}
        others = [{"name": each.name, **each.errors[part]} for each in self.course.baselines if part in each.errors]
        return {"part": part, "network": found, "others": others} if found and others else None

    def _count_by_class(self) -> None:
        """With the best weights, and like the test after the last save. A signal leaves it out."""
        best = self.keeper.best_model(self.progress)
        if best is None:
            return
        began, predicted = self.clock(), []
        self.trainer.load(best, None, self.progress.step)
        try:
            for piece in self.measured.validation:
                self.stop.check()
                predicted.append(self.trainer.classify(piece.inputs))
        except StopAsked:
            return
        self.progress.spent.evaluation += self.clock() - began
        true = np.concatenate([piece.targets.reshape(-1).astype(np.int64) for piece in self.measured.validation])
        self.ending.by_class = count(self.course.class_names, true, np.concatenate(predicted))

    def _divergence(self, tensor: NotFinite | None = None) -> str:
        """In words. tensor: what a save has found before any step has noticed it; the next step may know more."""
        if tensor is not None and self.trainer.run(0.0, self.progress.step + 1) != "diverged":
            return f"{tensor}; the last checkpoint stands."
        found = self.trainer.explain_divergence()
        layer = found["layer"] if found["layer"].startswith("the ") else f"layer {found['layer']}"
        return (
            f"NaN or infinity in the {found['kind']} at step {found['step']}: first in {found['slot']} of {layer}, "
            f"for the batch of training rows {_few(found['batch'])}. "
            f"{'The weights are those before that step.' if tensor is None else 'The last checkpoint stands.'}"
        )

    def _exit_code(self) -> int:
        if self.ending.state == "diverged":
            return Diverged.exit_code
        if self.ending.state == "stopped":
            return self.stop.exit_code
        return 3 if self.course.goal is not None and not self.progress.goal_met else 0

    # -- events --------------------------------------------------------------------------------------------------

    def _rate(self) -> float:
        """Learning rate of the step that was just made."""
        progress = self.progress
        factor = progress.plateau.rate_factor if progress.plateau is not None else 1.0
        return self.course.rate(max(progress.step - 1, 0)) * factor

    def event(self, kind: str, **fields: object) -> Event:
        progress = self.progress
        place = {"epoch": progress.epoch, "step": progress.step, "seconds": progress.spent.training}
        return Event(kind, place | fields)

    def _steps_event(self) -> Event:
        window, self.window = self.window, _Window(self.clock())
        return self.event(
            "steps",
            n=window.steps,
            loss=window.loss.as_list(),
            gradient_norm=window.norm.as_list(),
            learning_rate=self._rate(),
            samples_per_s=window.rate,
        )

    def _end_event(self) -> Event:
        progress, ending, best = self.progress, self.ending, self.progress.best
        examples = self.course.pace.seen(progress.step) - self.started_seen
        seconds = progress.spent.training - self.started_seconds
        return Event(
            "end",
            {
                "state": ending.state,
                "reason": ending.reason,
                "epoch": progress.epoch,
                "step": progress.step,
                "seconds": progress.spent.training,
                "monitor": best.metric,
                "best_epoch": best.epoch,
                "best": best.value,
                "test": ending.test,
                "baselines": ending.baselines,
                "until": None if self.course.goal is None else progress.goal_met,
                "samples_per_s": examples / seconds if seconds > 0 else 0.0,
                "spent": vars(progress.spent).copy(),
                "weights_sha256": ending.weights_sha256,
                "error": ending.error,
                "exit_code": ending.exit_code,
            },
        )


def _few(rows: Sequence[int]) -> str:
    """Row numbers in words, the first ten of them at the most."""
    shown = ", ".join(str(row) for row in rows[:10])
    return f"{shown} ... ({len(rows)} in all)" if len(rows) > 10 else shown


def _metrics(record: Mapping[str, object]) -> dict[str, float]:
    """The measured values in an epoch's record."""
    parts = ("train_", "val_")
    return {name: value for name, value in record.items() if name.startswith(parts) and isinstance(value, float)}


@dataclass
class _Range:
    """Minimum, mean and maximum of values that come in pieces; what is not finite spoils all three, and says so."""

    count: int = 0
    total: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    def add(self, values: NDArray[np.float64]) -> None:
        self.count += len(values)
        self.total += float(values.sum())
        self.lowest = float(np.minimum(self.lowest, values.min()))
        self.highest = float(np.maximum(self.highest, values.max()))

    @property
    def mean(self) -> float:
        return self.total / self.count

    def as_list(self) -> list[float]:
        return [self.lowest, self.mean, self.highest]


class _Window:
    """What happened since the last record of its kind."""

    def __init__(self, now: float) -> None:
        self.since, self.steps, self.examples, self.seconds = now, 0, 0, 0.0
        self.loss, self.norm = _Range(), _Range()

    def add(self, drained: NDArray[np.float64], steps: int, examples: int, seconds: float) -> None:
        """drained (k, 3): step, data loss of the batch, gradient norm."""
        self.steps, self.examples, self.seconds = self.steps + steps, self.examples + examples, self.seconds + seconds
        if len(drained):
            with np.errstate(invalid="ignore", over="ignore"):
                self.loss.add(drained[:, 1])
                self.norm.add(drained[:, 2])

    def due(self, now: float) -> bool:
        return self.loss.count > 0 and now - self.since >= RECORD_EVERY

    @property
    def rate(self) -> float:
        """Examples a second."""
        return self.examples / self.seconds if self.seconds > 0 else 0.0
