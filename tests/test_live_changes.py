"""A training that is changed between two steps keeps its weights, and a kill finds it wholly before or after that."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet import presets
from tuinet.engine.pace import Pace
from tuinet.errors import PresetError, TuinetError
from tuinet.kernels import OPS
from tuinet.optimizers import SCHEDULES
from tuinet.presets import Preset
from tuinet.runs import RunFolder
from tuinet.runs import checkpoint as checkpoints
from tuinet.training import live
from tuinet.training.changes import comparable, prepared
from tuinet.training.course import course_of, progress_of
from tuinet.training.engine import RealEngine
from tuinet.training.events import Event, Pipe, Reporter
from tuinet.training.measuring import Measured
from tuinet.training.signals import StopFlag
from tuinet.training.work import Work
from tuinet.training.worker import _parsed

ENGINE = RealEngine()
DIGITS = presets.load(Path(__file__).parent / "resume.toml")  # everything that has a state
SPIRAL = presets.load("spiral").with_overrides(["training.epochs=8", "data.samples=120"])


# -- which settings they are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.names())
def test_every_setting_that_is_live_can_be_set_to_what_it_is(name: str) -> None:
    preset = presets.load(name)
    keys = live.live_keys(preset)
    assert {"training.optimizer.learning_rate", "training.batch_size", "training.epochs"} <= set(keys)
    for key, value in keys.items():
        if value is None:
            continue  # not set
        assert live.differing(preset, live.changed(preset, key, value)) == [], key


SET: list[tuple[str, str, Any, list[str]]] = [  # a preset, what is set, and what is another then
    ("fashion-mlp", "training.optimizer.learning_rate", 0.01, ["training.optimizer.learning_rate"]),
    ("fashion-mlp", "training.optimizer.beta1", 0.5, ["training.optimizer.beta1"]),
    ("fashion-mlp", "training.batch_size", "all", ["training.batch_size"]),
    ("fashion-mlp", "layers.-1.l1", "1e-5", ["layers.out.l1"]),
    ("fashion-cnn", "layers.*.l2", 1e-4, [f"layers.{name}.l2" for name in ("conv_1", "conv_2", "hidden", "out")]),
    ("fashion-cnn", "layers.dropout_1.rate", 0.1, ["layers.dropout_1.rate"]),
    ("fashion-cnn", "training.augment.flip", "horizontal", ["training.augment.flip"]),
    ("fashion-cnn", "training.loss.label_smoothing", 0.1, ["training.loss.label_smoothing"]),
    ("fashion-mlp", "training.clip_norm", 1, ["training.clip_norm"]),
    ("fashion-mlp", "training.until", "val_accuracy>=0.5", ["training.until"]),
    ("sunspots-gru", "layers.look.read.mix.l2", 0, ["layers.look.read.mix.l2"]),
    ("sunspots-gru", "training.early_stopping.patience", 3, ["training.early_stopping.patience"]),
    ("sunspots-gru", "training.early_stopping", None, [f"training.early_stopping.{name}" for name in (
        "monitor", "min_delta", "patience", "restore_best")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "value", "differ"), SET)
def test_a_live_setting_is_set_and_nothing_else(name: str, key: str, value: Any, differ: list[str]) -> None:
    preset = presets.load(name)
    changed = live.changed(preset, key, value)
    assert [found for found, _, _ in live.differing(preset, changed)] == differ
    assert presets.load("again.toml", text=changed.resolved()) == changed


REFUSED: list[tuple[str, Any, str]] = [
    ("layers.hidden.units", 64, "layers.hidden.units: cannot be set once a run trains: the training is made of it"),
    ("layers.hidden.unit", 1, 'did you mean "units"?'),
    ("training.optimizer", "sgd", "training.optimizer.type: cannot be set once a run trains: the training is made of"),
    ("training.seed", 2, "cannot be set once a run trains: its data, and their order, are those that it began with"),
    ("data.validation", 0.2, "cannot be set once a run trains: its data, and their order, are those that it began"),
    ("training.batchsize", 8, 'did you mean "batch_size"?'),
    (
        "training.batch_size",
        0,
        'it must be a whole number, at least 1, or "all"',
    ),
    ("layers.*.units", 3, "no setting that is live fits this"),
    ("training.until", "soon", "a comparison such as"),
]


@pytest.mark.parametrize(("key", "value", "why"), REFUSED)
def test_any_other_is_refused_with_a_sentence(key: str, value: Any, why: str) -> None:
    with pytest.raises(PresetError) as caught:
        live.changed(presets.load("fashion-mlp"), key, value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("key", "guess"),
    [("layers.hidden.units", ""), ("training.seed", ""), ("layers.*.units", ""), ("layers.*.l3", ".l2")],
)
def test_what_is_spelt_right_is_not_guessed_at_and_what_can_be_set_is_told(key: str, guess: str) -> None:
    with pytest.raises(PresetError) as caught:
        live.changed(presets.load("fashion-mlp"), key, 3)
    told = str(caught.value)
    assert ("did you mean" in told) == bool(guess) and guess in told
    assert told.count("What can: ") == 1 and "training.optimizer.learning_rate" in told


def test_an_edited_preset_is_of_the_same_data_and_seed() -> None:
    preset = presets.load("fashion-mlp")
    text = preset.resolved()
    assert live.edited(preset, text.replace("units = 128", "units = 200")).layers[1]["units"] == 200
    for one, other, key in (
        ("seed = 1", "seed = 2", "training.seed"),
        ("test = 0.0", "test = 0.2", "data.test"),
    ):
        assert one in text
        with pytest.raises(PresetError, match="start a new run") as caught:
            live.edited(preset, text.replace(one, other))
        assert caught.value.key == key
    with pytest.raises(PresetError, match="the edited preset, line"):
        live.edited(preset, text.replace("units = 128", "units = 0"))


# -- the order of the examples ----------------------------------------------------------------------------------------


def rows(pace: Pace, step: int) -> list[int]:
    places = np.arange(pace.stride, dtype=np.int32)
    found = OPS["shuffled_rows"].define(
        np.int32(step), places, examples=pace.examples, stride=pace.stride, begin=pace.begin, seed=5
    )
    return [int(row) for row in found]


def test_every_epoch_sees_every_example_once_however_the_batches_change() -> None:
    draws, examples = random.Random(3), 23
    for _ in range(40):
        pace, step, seen = Pace(examples, draws.randrange(1, examples + 1)), 0, []
        for _ in range(draws.randrange(1, 5)):
            for _ in range(draws.randrange(0, 9)):
                seen += rows(pace, step)
                step += 1
            assert len(seen) == pace.seen(step)
            pace = Pace.from_here(examples, draws.randrange(1, examples + 1), step, pace.seen(step))
        for epoch in range(len(seen) // examples):
            assert sorted(seen[epoch * examples : (epoch + 1) * examples]) == list(range(examples))


def test_an_epoch_ends_with_the_step_that_sees_its_last_example() -> None:
    draws = random.Random(4)
    for _ in range(200):
        examples = draws.randrange(1, 50)
        step = draws.randrange(0, 100)
        pace = Pace.from_here(examples, draws.randrange(1, examples + 1), step, draws.randrange(0, 300))
        first = pace.seen(step) // examples + 1
        for epoch in range(first, first + 4):
            end = pace.epoch_end(epoch)
            assert end > step
            assert pace.seen(end) >= epoch * examples > pace.seen(end - 1)


@pytest.mark.parametrize("word", SCHEDULES)
def test_a_schedule_stands_where_as_many_examples_stand_whatever_the_batch_size(word: str) -> None:
    """A change of the batch size in the middle leaves the rate where it was, but for the rounding to whole steps."""
    schedule = SCHEDULES[word](warm_up=0.1)
    before = Pace(1000, 10)
    for stride in (5, 20, 40):
        at = before.epoch_end(4)
        after = Pace.from_here(1000, stride, at, before.seen(at))
        rates = [pace.factors(schedule, np.array([at]), 10)[0] for pace in (before, after)]
        assert rates[0] == pytest.approx(rates[1], rel=0.02, abs=0.02)
        end = after.factors(schedule, np.array([after.epoch_end(10) - 1]), 10)[0]
        assert end == pytest.approx(before.factors(schedule, np.array([before.epoch_end(10) - 1]), 10)[0], abs=0.02)


def test_longer_steps_do_not_begin_a_warm_up_anew() -> None:
    schedule = SCHEDULES["constant"](warm_up=50)
    before = Pace(1000, 10)
    after = Pace.from_here(1000, 100, 60, before.seen(60))
    assert before.factors(schedule, np.array([60]), 10)[0] == after.factors(schedule, np.array([60]), 10)[0] == 1.0


# -- bits -------------------------------------------------------------------------------------------------------------


class Standing:
    """A training in the test's hands: what `prepared` needs of a loop."""

    def __init__(self, preset: Preset, threads: int = 1) -> None:
        self.bound, self.threads, self.preset = ENGINE.bind(preset), threads, preset
        self.measured = Measured.of(self.bound, preset.training.seed)
        self.course = course_of(preset, self.bound)
        self.progress = progress_of(preset, self.measured.names(self.bound.facts))
        self.trainer: Any = ENGINE.trainer(preset, self.bound, device="cpu", threads=threads)

    def run(self, step: int) -> None:
        assert self.trainer.run(60.0, step) == "done"
        self.progress.step, self.progress.seen = step, self.course.pace.seen(step)

    def change(self, preset: Preset) -> Any:
        loop: Any = self
        found = prepared(ENGINE, loop, self.preset, preset, self.bound, device="cpu", threads=self.threads)
        self.preset, self.trainer, self.course, self.progress = preset, found.trainer, found.course, found.progress
        return found

    def bits(self) -> dict[str, bytes]:
        both = {**self.trainer.model(), **self.trainer.optimizer_state()}
        return {name: array.tobytes() for name, array in both.items()}


UNDONE = [
    ("training.optimizer.learning_rate", 0.1),
    ("training.optimizer.beta1", 0.5),
    ("training.batch_size", 7),
    ("layers.*.l2", 0.1),
    ("layers.dropout_1.rate", 0.7),
    ("layers.dropout_1.rate", 0.0),
    ("training.augment.noise", 0.3),
    ("training.loss.label_smoothing", 0.2),
    ("training.clip_norm", 0.01),
    ("training.clip_value", 0.01),
    ("training.epochs", 3),
    ("training.accumulate", 3),
    ("training.early_stopping", None),
]


@pytest.fixture(scope="module")
def unchanged() -> dict[str, bytes]:
    whole = Standing(DIGITS)
    whole.run(90)
    return whole.bits()


@pytest.mark.parametrize(("key", "value"), UNDONE)
def test_a_change_that_is_undone_at_once_leaves_the_same_bits(
    key: str, value: Any, unchanged: dict[str, bytes]
) -> None:
    standing = Standing(DIGITS)
    standing.run(45)
    changed = live.changed(DIGITS, key, value)
    assert changed != DIGITS
    standing.change(changed)
    standing.change(DIGITS)
    standing.run(90)
    assert standing.bits() == unchanged


@pytest.mark.parametrize(("key", "value"), [each for each in UNDONE if "early" not in each[0]])
def test_a_change_keeps_the_weights_and_makes_the_next_step_another(key: str, value: Any) -> None:
    standing, beside = Standing(DIGITS), Standing(DIGITS)
    for each in (standing, beside):
        each.run(45)
    standing.change(live.changed(DIGITS, key, value))
    assert standing.bits() == beside.bits()
    assert standing.trainer.step == 45
    for each in (standing, beside):
        each.run(60)
    assert standing.bits() != beside.bits()


def test_one_thread_and_two_give_the_same_bits_after_a_change() -> None:
    found = []
    for threads in (1, 2):
        standing = Standing(DIGITS, threads)
        standing.run(30)
        standing.change(live.changed(DIGITS, "training.batch_size", 50))
        standing.run(60)
        found.append(standing.bits())
    assert found[0] == found[1]


def test_momentum_begins_with_nothing_gathered() -> None:
    preset = DIGITS.with_overrides(["training.optimizer={type='sgd', learning_rate=0.01}"])
    standing = Standing(preset)
    standing.run(20)
    standing.change(live.changed(preset, "training.optimizer.momentum", 0.9))
    assert standing.trainer.optimizer_state() and not any(a.any() for a in standing.trainer.optimizer_state().values())
    standing.run(40)
    standing.change(live.changed(standing.preset, "training.optimizer.momentum", 0.0))
    assert standing.trainer.optimizer_state() == {}
    standing.run(50)


def test_nothing_is_changed_where_the_new_does_not_suit_the_data() -> None:
    standing = Standing(DIGITS)
    standing.run(10)
    before, trainer = standing.bits(), standing.trainer
    for key, value, why in (
        ("training.augment.shift", 20, "whole image"),
        ("training.accumulate", 900, "more than the"),
        ("training.until", "val_rmse<1", "val_rmse"),
        ("training.early_stopping.monitor", "val_rmse", "val_rmse"),
    ):
        with pytest.raises(TuinetError, match=why):
            standing.change(live.changed(DIGITS, key, value))
    assert standing.trainer is trainer and standing.bits() == before


def test_the_best_epoch_stays_where_epochs_can_be_compared() -> None:
    same = ["layers.*.l2=1", "training.batch_size=7", "training.early_stopping.patience=3"]
    other = ["layers.dense_1.activation=tanh", "training.loss.label_smoothing=0.1"]
    other += ["training.early_stopping.monitor=val_accuracy", "layers.dense_1.units=40"]
    assert all(comparable(DIGITS, live.changed(DIGITS, *each.split("="))) for each in same)
    assert not any(comparable(DIGITS, DIGITS.with_overrides([each])) for each in other)


# -- kills ------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a SIGKILL at this very place: nothing that comes after it is done."""


class Asked:
    """A request whose answer is kept."""

    def __init__(self, command: str, fields: dict[str, Any]) -> None:
        self.command, self.fields = command, fields
        self.answers: list[Any] = []

    def answer(self, fields: Any = None, body: bytes = b"") -> None:
        self.answers.append(fields)

    def refuse(self, why: str) -> None:
        self.answers.append(why)


class Hearing(Reporter):
    """Hands the requests over after an epoch."""

    def __init__(self, run: RunFolder, asked: dict[int, Asked]) -> None:
        super().__init__(Pipe(None), run=run.id)
        self.asked, self.heard = asked, list[Event]()
        self.work: Any = None

    def pass_on(self, event: Event) -> None:
        super().pass_on(event)
        self.heard.append(event)
        epoch = event.fields.get("epoch")
        if event.kind == "epoch" and isinstance(epoch, int) and epoch in self.asked:
            self.work.control.ask(self.asked.pop(epoch))


class Alone(Work):
    """Without a socket: what is asked comes from the test."""

    def _listen(self) -> None:
        pass


def made(runs: Path, preset: Preset) -> RunFolder:
    run = RunFolder.create(runs, "changed", title="", seed=preset.training.seed, epochs=preset.training.epochs)
    run.write_preset(preset.resolved())
    return run


def trained(run: RunFolder, asked: dict[int, Asked] | None = None, *options: str) -> tuple[int, list[Event]]:
    """One generation, in this process. Gives the exit code and what was told."""
    with ExitStack() as held:
        held.enter_context(run.lock())
        reporter = Hearing(run, dict(asked or {}))
        given = _parsed([str(run.path), "--threads", "1", "--checkpoint-seconds", "0.0", *options])
        reporter.work = Alone(run, given, StopFlag(), reporter, held)
        return reporter.work.train(), reporter.heard


TIMED = ("m", "t", "g", "samples_per_s", "gradient_norm", "c")


def outcome(run: RunFolder) -> dict[str, Any]:
    records, damaged = run.metrics().read({"epoch"})
    assert damaged == 0
    epochs = [{key: value for key, value in record.items() if key not in TIMED} for record in records]
    info = run.info()
    said = {key: info[key] for key in ("state", "epoch", "step", "best", "best_epoch", "weights_sha256", "parameters")}
    changes = {(event["key"], event["s"]): event["new"] for event in run.events().read({"changed"})[0]}
    return {"epochs": epochs, **said, "preset": run.preset_text(), "changes": changes}


def once(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    """The function, with a kill before or after it the first time that the change is under way."""

    def killing(*given: Any, **named: Any) -> Any:
        dies, ARMED[:] = bool(ARMED), []
        if dies and when == "before":
            raise Killed
        found = real(*given, **named)
        if dies:
            raise Killed
        return found

    return killing


ARMED: list[bool] = []  # whether the change is under way
PLACES = {  # what a commit does, in its order; and whether a kill there comes too late
    "before the checkpoint": (checkpoints, "_put_in_place", "before", False),
    "after the checkpoint": (checkpoints, "_put_in_place", "after", True),
    "before the records": (Reporter, "record", "before", True),
    "after the first record": (Reporter, "record", "after", True),
    "before preset.toml": (RunFolder, "write_preset", "before", True),
    "after preset.toml": (RunFolder, "write_preset", "after", True),
    "before run.json": (RunFolder, "write_info", "before", True),
    "after run.json": (RunFolder, "write_info", "after", True),
}
CHANGES: dict[str, tuple[str, Callable[[Preset], dict[str, Any]]]] = {
    "batch size": ("set", lambda preset: {"key": "training.batch_size", "value": 23}),
    "penalty": ("set", lambda preset: {"key": "layers.*.l2", "value": 0.01}),
    "more units": ("apply", lambda preset: {"preset": preset.resolved().replace("units = 32", "units = 40", 1)}),
    "another activation": ("apply", lambda preset: {"preset": preset.resolved().replace('"tanh"', '"relu"')}),
}


def change(name: str) -> Asked:
    command, fields = CHANGES[name]
    return Asked(command, fields(SPIRAL))


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The outcome without a change, and with each."""
    found = {}
    for name in ("", *CHANGES):
        run = made(tmp_path_factory.mktemp("whole"), SPIRAL)
        asked = change(name) if name else None
        trained(run, {} if asked is None else {4: asked})
        found[name] = outcome(run)
        assert asked is None or isinstance(asked.answers[0], dict), asked.answers
    return found


def test_a_change_is_in_the_records_and_in_the_preset(wholes: dict[str, dict[str, Any]]) -> None:
    before, after = wholes[""], wholes["batch size"]
    assert after["epochs"][:4] == before["epochs"][:4]
    assert after["epochs"][4] != before["epochs"][4]
    assert "batch_size = 23" in after["preset"]
    assert after["changes"] == {("training.batch_size", after["epochs"][3]["s"]): 23}
    assert wholes["more units"]["parameters"] > before["parameters"]


def killed_at(patch: pytest.MonkeyPatch, run: RunFolder, place: str, asked: Asked) -> None:
    """One generation, which is killed at that place of the commit."""
    owner, function, when, _ = PLACES[place]
    commit = Work._commit

    def armed(work: Work, *given: Any) -> None:
        ARMED.append(True)
        commit(work, *given)

    with patch.context() as during:
        during.setattr(Work, "_commit", armed)
        during.setattr(owner, function, once(getattr(owner, function), when))
        with pytest.raises(Killed):
            trained(run, {4: asked})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "name",
    [
        "batch size",
        "more units",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("penalty", "another activation")),
    ],
)
def test_a_kill_finds_a_change_wholly_done_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: dict[str, dict[str, Any]], name: str, place: str
) -> None:
    run = made(tmp_path, SPIRAL)
    killed_at(monkeypatch, run, place, change(name))
    trained(run)
    assert outcome(run) == wholes[name if PLACES[place][3] else ""]


def test_a_run_that_is_resumed_often_goes_on_as_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: dict[str, dict[str, Any]]
) -> None:
    """Killed after each epoch, the change among them."""
    run, asked = made(tmp_path, SPIRAL), {4: change("batch size")}
    real = Work.keep_history
    for epoch in range(1, SPIRAL.training.epochs):

        def die(work: Work, loop: Any, epoch: int = epoch) -> None:
            real(work, loop)
            if loop.progress.epoch >= epoch and (epoch != 4 or loop.course.pace.stride == 23):
                raise Killed

        monkeypatch.setattr(Work, "keep_history", die)
        with pytest.raises(Killed):
            trained(run, asked)
    monkeypatch.undo()
    trained(run)
    assert outcome(run) == wholes["batch size"]


def test_a_resume_sets_what_may_change_as_a_client_does(tmp_path: Path, wholes: dict[str, dict[str, Any]]) -> None:
    run = made(tmp_path, SPIRAL)
    trained(run, None, "--set", "training.epochs=4")
    trained(run, None, "--set", "training.epochs=8", "--set", "training.batch_size=23")
    assert [each["s"] for each in outcome(run)["epochs"]] == [each["s"] for each in wholes["batch size"]["epochs"]]
    with pytest.raises(PresetError, match="cannot be set once a run trains"):
        trained(run, None, "--set", "layers.hidden_1.units=3")


def test_an_older_checkpoint_without_preset_and_examples_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: dict[str, dict[str, Any]]
) -> None:
    real = checkpoints._manifest

    def older(*given: Any, **named: Any) -> Any:
        return {key: value for key, value in real(*given, **named).items() if key not in ("preset", "seen")}

    run = made(tmp_path, SPIRAL)
    monkeypatch.setattr(checkpoints, "_manifest", older)
    trained(run, None, "--set", "training.max_steps=20")
    monkeypatch.undo()
    run.write_preset(SPIRAL.resolved())
    trained(run)
    assert outcome(run) | {"changes": {}} == wholes[""]


def test_a_checkpoint_from_before_a_change_brings_its_preset_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wholes: dict[str, dict[str, Any]]
) -> None:
    """Where the newest one is damaged, the one before is the whole truth, of the network too."""
    run = made(tmp_path, SPIRAL)
    killed_at(monkeypatch, run, "after run.json", change("more units"))
    newest = run.checkpoints()[0]
    (newest.path / "model.safetensors").write_bytes(b"\0" * newest.manifest["files"]["model.safetensors"]["bytes"])
    assert "units = 40" in run.preset_text()
    _, heard = trained(run)
    assert outcome(run) | {"changes": {}} == wholes[""]
    assert {"checkpoint-damaged"} == {event.fields["code"] for event in heard if event.kind == "warning"}
    assert [event.fields["new"] for event in heard if event.kind == "changed"] == [32]


def refused(answers: list[Any]) -> Iterator[str]:
    return (answer for answer in answers if isinstance(answer, str))


def test_what_is_refused_leaves_the_training_as_it_was(tmp_path: Path, wholes: dict[str, dict[str, Any]]) -> None:
    text = SPIRAL.resolved()
    wrong = [
        Asked("set", {"key": "layers.hidden_1.units", "value": 3}),
        Asked("set", {"key": "training.augment.flip", "value": "horizontal"}),
        Asked("apply", {"preset": text.replace('units = "outputs"', "units = 7")}),
        Asked("apply", {"preset": text.replace("seed = 1", "seed = 2")}),
        Asked("apply", {"preset": "[[[["}),
    ]
    run = made(tmp_path, SPIRAL)
    trained(run, dict(enumerate(wrong, 1)))
    assert len([*refused([each.answers[0] for each in wrong])]) == len(wrong)
    assert outcome(run) == wholes[""]


@pytest.mark.parametrize(
    ("epochs", "done", "fits"), [(3, 3.0, True), (3, 2.4, True), (3, 3.0000003, True), (2, 2.1, False)]
)
def test_fewer_epochs_than_are_done_are_refused(epochs: int, done: float, fits: bool) -> None:
    preset = presets.load("xor").with_overrides([f"training.epochs={epochs}"])
    if fits:
        live.check_epochs(preset, done)
    else:
        with pytest.raises(PresetError, match=r"training.epochs: is 2, and 2\.1 are done; at least 3 would be right"):
            live.check_epochs(preset, done)


@pytest.mark.parametrize(
    ("key", "reached", "words"),
    [("max_steps", 300, "is 300, and 2,359 steps are done"), ("max_seconds", 4, "is 4.0, and 12.5 seconds are done")],
)
def test_a_limit_that_has_been_reached_is_refused_where_it_is_set_anew(key: str, reached: int, words: str) -> None:
    plain = presets.load("xor")
    made = {limit: plain.with_overrides([f"training.{key}={limit}"]) for limit in (reached, 5000)}
    live.check_limits(plain, made[5000], 2359, 12.5)
    live.check_limits(made[reached], made[reached], 2359, 12.5)  # one that was there just ends the run again
    with pytest.raises(PresetError, match=re.escape(f"training.{key}: {words}; more than that would be right")):
        live.check_limits(plain, made[reached], 2359, 12.5)
