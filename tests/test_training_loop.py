"""The loop over a linear network: what it decides, what it saves, and that a resumed training is the same one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.doubles import MemoryStore, Scene, Script, ScriptedTrainer, scripted_bound
from tuinet.engine.pace import Pace
from tuinet.training.course import Course
from tuinet.training.early_stopping import Best, Patience, Plateau
from tuinet.training.events import Event
from tuinet.training.goals import parse
from tuinet.training.keeping import Keeper
from tuinet.training.loop import Loop
from tuinet.training.measuring import Measured, guess, measure, sample
from tuinet.training.progress import Progress
from tuinet.training.signals import StopFlag

BATCH = 16


@dataclass
class Training:
    """One run in memory: it can be stopped anywhere and go on from what the store holds."""

    epochs: int = 6
    seed: int = 3
    scene: Scene = field(default_factory=Scene)
    script: Script = field(default_factory=Script)
    course: dict[str, Any] = field(default_factory=dict)
    patience: int | None = None
    min_delta: float = 0.0
    plateau: int | None = None
    every: float = math.inf
    clock: Callable[[], float] | None = None
    rate: float = 0.05
    store: MemoryStore = field(default_factory=MemoryStore)
    events: list[Event] = field(default_factory=list)
    forget: tuple[str, ...] = ()  # for controls: parts of the manifest that get lost

    def run(self, *, stop_at: int | None = None, on: Callable[[Event], None] = lambda event: None) -> Loop:
        """One generation. stop_at: it is asked to stop before that step."""
        bound = scripted_bound(self.scene)
        stop = StopFlag()
        trainer = StoppingTrainer(stop, stop_at, bound=bound, seed=self.seed, epochs=self.epochs, script=self.script)
        trainer.base = self.rate
        stop.on_ask = trainer.ask_to_stop
        progress = self._progress()
        clock = {} if self.clock is None else {"clock": self.clock}
        keeper = Keeper(self.store, every=self.every, **clock)
        self._go_on(trainer, keeper, progress)
        pace = Pace(len(bound.train.inputs), BATCH)
        given = {"epochs": self.epochs, "pace": pace, "guess": guess(bound), "rate": lambda step: self.rate}
        course = Course(**given | self.course)
        history = [e.fields for e in self.events if e.kind == "epoch" and e.fields["step"] <= progress.step]
        loop = Loop(
            trainer, Measured.of(bound, self.seed), course, progress, keeper, stop=stop, history=history, **clock
        )  # fmt: skip
        for event in loop.events():
            self.events.append(event)
            on(event)
        return loop

    def _progress(self) -> Progress:
        patience = None if self.patience is None else Patience("val_loss", self.patience, self.min_delta)
        plateau = None if self.plateau is None else Plateau(Patience("val_loss", self.plateau, 0.01), factor=0.3)
        return Progress(Best("val_loss"), patience=patience, plateau=plateau)

    def _go_on(self, trainer: ScriptedTrainer, keeper: Keeper, progress: Progress) -> None:
        if not self.store.kept:
            return
        step = self.store.newest
        model, optimizer, manifest = self.store.kept[step]
        progress.take(step, {key: value for key, value in manifest.items() if key not in self.forget})
        trainer.load(model, None if "optimizer" in self.forget else optimizer, step)
        if progress.plateau is not None:
            trainer.rate_factor = progress.plateau.rate_factor
        keeper.goes_on(step, manifest, self.store.load_model(progress.best.step))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def last(self, kind: str) -> dict[str, Any]:
        return dict([event for event in self.events if event.kind == kind][-1].fields)

    def epochs_told(self) -> list[dict[str, Any]]:
        told: dict[int, dict[str, Any]] = {}
        timed = ("seconds", "samples_per_s", "gradient_norm")
        for event in self.events:
            if event.kind == "epoch":
                told[int(str(event.fields["epoch"]))] = {k: v for k, v in event.fields.items() if k not in timed}
        return [told[epoch] for epoch in sorted(told)]

    def outcome(self) -> dict[str, Any]:
        """What must not depend on where a run was interrupted."""
        end = self.last("end")
        timed = ("seconds", "samples_per_s", "spent")
        return {name: value for name, value in end.items() if name not in timed} | {"epochs": self.epochs_told()}


class StoppingTrainer(ScriptedTrainer):
    """Asks the flag to stop at a given step, as a signal would."""

    def __init__(self, stop: StopFlag, stop_at: int | None, *, bound: Any, seed: int, epochs: int, script: Script):
        super().__init__(None, None, None, bound, batch_size=BATCH, seed=seed, epochs=epochs, script=script)
        self.stop, self.stop_at = stop, stop_at

    def _one_step(self) -> bool:
        if self.step == self.stop_at:
            self.stop.ask()
        return super()._one_step()


# -- what happens, in which order ------------------------------------------------------------------------------------


def test_it_tells_every_epoch_then_the_last_checkpoint_the_verdict_and_the_end() -> None:
    training = Training(epochs=4, scene=Scene(test=30))
    training.run()
    kinds = [kind for kind in training.kinds() if kind != "steps"]
    assert kinds == ["epoch"] * 4 + ["checkpoint", "test", "verdict", "end"]
    epochs = training.epochs_told()
    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4]
    assert [row["step"] for row in epochs] == [math.ceil(e * 203 / BATCH) for e in (1, 2, 3, 4)]
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "penalty", "learning_rate"} <= set(epochs[0])
    end = training.last("end")
    assert (end["state"], end["reason"], end["exit_code"]) == ("finished", "epochs", 0)
    assert set(end["test"]) == {"test_loss", "test_accuracy"}
    assert end["weights_sha256"] == training.store.kept[training.store.newest][2]["weights_sha256"]


def test_an_epoch_is_told_before_a_checkpoint_that_knows_of_it() -> None:
    """Whoever takes the event writes it down before the loop goes on: a kill in between costs no metric."""
    training = Training(epochs=5, every=0.0)
    told: list[int] = []

    def on(event: Event) -> None:
        if event.kind == "epoch":
            told.append(int(str(event.fields["epoch"])))
        for _, _, manifest in training.store.kept.values():
            assert manifest["epoch"] <= len(told)

    training.run(on=on)
    assert told == [1, 2, 3, 4, 5]


def test_the_best_weights_are_on_disk_before_a_checkpoint_that_speaks_of_them() -> None:
    training = Training(epochs=12, rate=0.6, every=0.0)
    seen: list[str] = []

    def on(event: Event) -> None:
        for step, (_, _, manifest) in list(training.store.kept.items()):
            best = manifest["best"]
            assert best is None or best["step"] in training.store.kept
            seen.append(f"{step}")

    training.run(on=on)
    assert seen


def test_step_records_hold_everything_since_the_last_one() -> None:
    training = Training(epochs=3, script=Script(step_seconds=0.004))
    training.run()
    records = [event.fields for event in training.events if event.kind == "steps"]
    assert sum(int(str(record["n"])) for record in records) == training.last("end")["step"]
    for record in records:
        low, mean, high = record["loss"]  # type: ignore[misc]
        assert low <= mean <= high


def test_at_most_ten_step_records_a_second() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.0007
        return now[0]

    training = Training(epochs=30, clock=clock)
    training.run()
    count = training.kinds().count("steps")
    assert 2 <= count <= now[0] * 10 + 1


def test_seconds_are_told_apart_by_what_they_went_into() -> None:
    training = Training(epochs=3, script=Script(step_seconds=0.001, evaluate_seconds=0.01))
    training.run()
    end = training.last("end")
    spent = end["spent"]
    assert set(spent) == {"training", "evaluation", "saving", "records"}
    assert spent["training"] >= 0.001 * end["step"]
    assert spent["evaluation"] >= 3 * 2 * 0.01
    assert end["samples_per_s"] == pytest.approx(end["step"] * BATCH / spent["training"])


# -- limits ----------------------------------------------------------------------------------------------------------


def test_a_goal_ends_the_run_in_the_epoch_that_meets_it() -> None:
    training = Training(epochs=50, course={"goal": parse("val_accuracy>=0.6")})
    training.run()
    end = training.last("end")
    assert (end["reason"], end["until"], end["exit_code"]) == ("until", True, 0)
    accuracies = [row["val_accuracy"] for row in training.epochs_told()]
    assert accuracies[-1] >= 0.6
    assert all(accuracy < 0.6 for accuracy in accuracies[:-1])


def test_a_goal_that_is_not_met_is_exit_code_3() -> None:
    training = Training(epochs=2, course={"goal": parse("val_accuracy>=1.1")})
    training.run()
    end = training.last("end")
    assert (end["state"], end["until"], end["exit_code"]) == ("finished", False, 3)


def test_a_limit_of_steps_inside_an_epoch_is_measured_once_more_but_judges_no_epoch() -> None:
    training = Training(epochs=9, course={"max_steps": 20})
    loop = training.run()
    assert training.last("end")["reason"] == "max_steps"
    assert training.last("end")["step"] == 20
    assert training.kinds().count("epoch") == 1
    assert training.last("evaluation")["step"] == 20
    assert loop.progress.epoch == 1


def test_a_limit_of_steps_at_the_end_of_an_epoch_is_not_measured_twice() -> None:
    inside = Training(epochs=9, course={"max_steps": 20})
    inside.run()
    ends = inside.epochs_told()[0]["step"]
    training = Training(epochs=9, course={"max_steps": 2 * ends})
    training.run()
    assert (training.last("end")["reason"], training.last("end")["step"]) == ("max_steps", 2 * ends)
    assert training.kinds().count("epoch") == 2
    assert "evaluation" not in training.kinds()
    assert "evaluation" in inside.kinds()  # the control


def test_a_limit_of_time_ends_the_run() -> None:
    training = Training(epochs=10_000, course={"max_seconds": 0.2}, script=Script(step_seconds=0.002))
    training.run()
    end = training.last("end")
    assert (end["state"], end["reason"], end["exit_code"]) == ("finished", "max_seconds", 0)
    assert 0.15 < sum(end["spent"].values()) < 1.0


def test_early_stopping_waits_as_long_as_it_says() -> None:
    training = Training(epochs=200, patience=3, min_delta=0.02, rate=0.05)
    training.run()
    end = training.last("end")
    assert end["reason"] == "early_stopping"
    reference, waited = math.inf, 0
    for row in training.epochs_told():
        assert waited < 3
        reference, waited = (row["val_loss"], 0) if row["val_loss"] < reference - 0.02 else (reference, waited + 1)
    assert waited == 3


def test_a_plateau_lowers_the_rate_of_the_steps_after_it() -> None:
    training = Training(epochs=40, plateau=2)
    loop = training.run()
    changed = [event.fields for event in training.events if event.kind == "changed"]
    assert changed
    assert changed[0]["key"] == "training.optimizer.learning_rate"
    assert loop.progress.plateau is not None
    assert loop.trainer.rate_factor == loop.progress.plateau.rate_factor < 1


def test_the_test_part_is_measured_with_the_best_weights_where_they_are_to_be_restored() -> None:
    best = Training(epochs=12, rate=3.0, scene=Scene(test=50), course={"restore_best": True})
    last = Training(epochs=12, rate=3.0, scene=Scene(test=50))
    best.run()
    last.run()
    assert best.last("end")["weights_sha256"] == last.last("end")["weights_sha256"]
    assert best.last("end")["best_epoch"] < 12
    bound = scripted_bound(Scene(test=50))
    trainer = StoppingTrainer(StopFlag(), None, bound=bound, seed=3, epochs=1, script=Script())
    trainer.load(best.store.kept[best.last("end")["best_epoch"] * 203 // BATCH + 1][0], None, 0)
    assert best.last("end")["test"]["test_loss"] == trainer.evaluate(bound.test)["loss"]
    assert best.last("end")["test"] != last.last("end")["test"]


# -- resume is exact -------------------------------------------------------------------------------------------------

KINDS: list[dict[str, Any]] = [
    {},
    {"patience": 2, "min_delta": 0.05, "epochs": 30},
    {"plateau": 1, "epochs": 8},
    {"course": {"goal": parse("val_loss<=0.62")}, "epochs": 30},
    {"scene": Scene(task="reals"), "rate": 0.01},
    {"course": {"max_steps": 33}},
]


@pytest.mark.parametrize("kind", KINDS, ids=["plain", "early stopping", "plateau", "goal", "reals", "steps"])
def test_a_training_stopped_at_any_step_ends_as_one_that_never_was(kind: dict[str, Any]) -> None:
    whole = Training(**kind)
    whole.run()
    steps = whole.last("end")["step"]
    for stop_at in range(0, steps, max(1, steps // 25)):
        parts = Training(**kind)
        parts.run(stop_at=stop_at)
        if stop_at:
            assert parts.last("end")["state"] == "stopped"
        parts.run()
        assert parts.outcome() == whole.outcome(), f"stopped at step {stop_at}"


def test_a_training_stopped_many_times_ends_as_one_that_never_was() -> None:
    kind: dict[str, Any] = {"plateau": 1, "patience": 9, "epochs": 8}
    whole, parts, draws = Training(**kind), Training(**kind), random.Random(5)
    whole.run()
    at = 0
    while parts.run(stop_at=at).ending.state == "stopped":
        at += draws.randrange(1, 12)
    assert parts.outcome() == whole.outcome()


@pytest.mark.parametrize("forget", ["optimizer", "plateau", "patience", "best"])
def test_control_a_checkpoint_without_any_of_its_parts_does_not_resume_exactly(forget: str) -> None:
    kind: dict[str, Any] = {"plateau": 2, "patience": 4, "min_delta": 0.03, "epochs": 30}
    whole, differs = Training(**kind), 0
    whole.run()
    for stop_at in range(30, whole.last("end")["step"], 7):
        parts = Training(**kind, forget=(forget,))
        parts.run(stop_at=stop_at)
        parts.run()
        differs += parts.outcome() != whole.outcome()
    assert differs > 0


def test_no_decision_depends_on_the_clock() -> None:
    """Stretches of any length, checkpoints at any time, hours that pass between two looks: the same training."""
    kind: dict[str, Any] = {"plateau": 1, "patience": 6, "epochs": 12, "every": 5.0}
    whole = Training(**kind)
    whole.run()
    for seed in range(8):
        draws, now = random.Random(seed), [1e6]

        def clock(draws: random.Random = draws, now: list[float] = now) -> float:
            now[0] += draws.choice([0.0, 1e-6, 0.01, 4000.0])
            return now[0]

        shaken = Training(**kind, clock=clock)
        shaken.run()
        assert shaken.outcome() == whole.outcome()


def test_a_run_at_its_end_just_ends_again() -> None:
    training = Training(epochs=3)
    training.run()
    before, log = training.outcome(), list(training.store.log)
    training.run()
    assert training.outcome() == before
    assert training.store.log == log


def test_a_stop_during_evaluation_saves_and_judges_the_epoch_after_the_resume() -> None:
    whole, parts = Training(epochs=4), Training(epochs=4)
    whole.run()
    looks = [0]

    class Stopping(StopFlag):
        def check(self) -> None:
            looks[0] += 1
            if looks[0] == 4:  # train and validation of the first epoch, then of the second
                self.ask()
            super().check()

    def flag() -> StopFlag:
        return Stopping()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Training.run.__globals__, "StopFlag", flag)
        loop = parts.run()
    assert loop.ending.state == "stopped"
    assert (loop.progress.epoch, loop.progress.step) == (1, 26)
    assert parts.kinds().count("epoch") == 1
    parts.run()
    assert parts.outcome() == whole.outcome()


# -- NaN and infinity ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 7, 12, 13, 30])
@pytest.mark.parametrize("kind", ["loss", "gradient", "weights", "statistics"])
def test_nothing_that_is_not_finite_is_ever_saved(kind: str, step: int) -> None:
    training = Training(epochs=6, script=Script(poison={step: kind}), every=0.0)
    loop = training.run()
    assert loop.ending.state == "diverged"
    assert loop.ending.exit_code == 4
    assert training.last("verdict")["word"] == "diverged"
    for model, optimizer, _ in training.store.kept.values():
        for tensor in (*model.values(), *(optimizer or {}).values()):
            assert np.isfinite(tensor).all()
    if kind in ("loss", "gradient"):
        assert training.last("end")["step"] == step
        assert f"step {step}" in str(loop.ending.error)
        assert "layer out" in str(loop.ending.error)
        assert f"in the {kind}" in str(loop.ending.error)
    if kind == "weights":
        assert training.last("end")["step"] == step + 1
    if kind == "statistics":  # no gradient depends on them: the next save finds them
        assert training.last("end")["step"] <= step + 13


def test_bad_weights_in_the_last_step_of_all_are_found_before_they_are_saved() -> None:
    steps = Training(epochs=2).run().progress.step
    training = Training(epochs=2, script=Script(poison={steps - 1: "weights"}))
    loop = training.run()
    assert (loop.ending.state, loop.ending.exit_code) == ("diverged", 4)
    assert "first in out.W" in str(loop.ending.error)
    assert "The last checkpoint stands" in str(loop.ending.error)
    assert not training.store.kept


def test_the_loss_that_was_not_a_number_is_in_the_last_record() -> None:
    training = Training(epochs=2, script=Script(poison={9: "loss"}))
    training.run()
    assert all(math.isnan(value) for value in training.last("steps")["loss"])


# -- measuring -------------------------------------------------------------------------------------------------------


def test_the_honest_loss_is_measured_on_the_same_sample_each_time() -> None:
    part = scripted_bound(Scene(examples=12_003)).train
    first, again, other = sample(part, 1), sample(part, 1), sample(part, 2)
    assert len(first) == 12_003 // 16
    assert len(sample(scripted_bound(Scene(examples=30_003)).train, 1)) == 1_000
    assert np.array_equal(first.inputs, again.inputs)
    assert not np.array_equal(first.inputs, other.inputs)
    small = scripted_bound(Scene(examples=99)).train
    assert sample(small, 1) is small


def test_measuring_in_pieces_gives_what_measuring_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    for task in ("classes", "reals"):
        bound = scripted_bound(Scene(task=task))
        trainer = StoppingTrainer(StopFlag(), None, bound=bound, seed=1, epochs=1, script=Script())
        whole = trainer.evaluate(bound.train)
        for name in ("PIECE", "LEAST_PIECE"):
            monkeypatch.setattr(f"tuinet.training.measuring.{name}", 50)
        pieces = Measured.of(bound, 1).train
        assert len(pieces) == 5
        assert measure(trainer, pieces, lambda: None) == pytest.approx(whole, rel=1e-6)


def test_guessing_is_the_commonest_class_or_the_mean() -> None:
    bound = scripted_bound()
    counts = np.bincount(bound.train.targets)
    assert guess(bound) == counts.max() / counts.sum()
    reals = scripted_bound(Scene(task="reals"))
    assert guess(reals) == pytest.approx(float(reals.train.targets.std()))
