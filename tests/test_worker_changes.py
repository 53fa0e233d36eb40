"""A worker that is changed while it trains, from the command line and by clients, and killed in the middle of it."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import tuinet
from tests.doubles import ScriptedEngine
from tests.workers import LINEAR, act, clouds, heard, listen, wait_for
from tuinet import presets
from tuinet.engine.trainer import Trainer
from tuinet.errors import TuinetError
from tuinet.presets import Preset
from tuinet.runs import RunFolder, weights_sha256
from tuinet.training import live
from tuinet.training.client import Connection
from tuinet.training.course import course_of
from tuinet.training.engine import RealEngine
from tuinet.training.growing import applied
from tuinet.training.session import WORKER, Session, resume, start


def changes_of(run: RunFolder) -> list[tuple[int, str, Any]]:
    """What was changed, in its order: a kill may have had a record written twice."""
    found = [(event["s"], event["key"], event["new"]) for event in run.events().read({"changed"})[0]]
    return list(dict.fromkeys(found))


def trained_so(preset: Preset, engine: Any, changes: list[tuple[int, str, Any]], last: int) -> str:
    """The weights of a training in one piece that has had these changes at these steps."""
    bound = engine.bind(preset)
    pace = course_of(preset, bound).pace
    trainer: Any = engine.trainer(preset, bound, device="cpu", threads=1)
    for step, key, value in [*changes, (last, "", None)]:
        assert trainer.run(600.0, step) == "done"
        if key:
            preset = live.changed(preset, key, value)
            pace = course_of(preset, bound, step, pace.seen(step)).pace
            model, optimizer = trainer.model(), trainer.optimizer_state()
            trainer = engine.trainer(preset, bound, device="cpu", threads=1, begin=pace.begin)
            trainer.load(model, optimizer, step)
    return weights_sha256(trainer.model())


def set_at_random(session: Session, draws: random.Random, stop: threading.Event, done: list[object]) -> None:
    """Keeps changing the batch size and the learning rate until the worker is gone. done: the answers."""
    with contextlib.suppress(TuinetError, OSError), Connection(session.folder, patience=20.0) as client:
        while not stop.wait(draws.uniform(0.0, 0.08)):
            one = {"key": "training.batch_size", "value": draws.randrange(5, 60)}
            other = {"key": "training.optimizer.learning_rate", "value": draws.uniform(0.001, 0.05)}
            done.append(client.request("set", **draws.choice([one, other])))


@pytest.mark.slow
@pytest.mark.parametrize("kills", [4, 15])
def test_changes_and_kills_at_any_moment_end_as_the_records_say(
    home: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """The run is what one in one piece would be that has had the recorded changes at the recorded steps."""
    act(monkeypatch, step_seconds=0.004, kernels=0)
    draws, preset = random.Random(kills), clouds(100_000)
    session = start(preset, runs=home / "runs", command=LINEAR, checkpoint_seconds=0.05)
    for _ in range(kills):
        stop, done = threading.Event(), list[object]()
        setter = threading.Thread(target=set_at_random, args=(session, random.Random(draws.random()), stop, done))
        with heard(session):
            setter.start()
            count = draws.randrange(1, 4)
            wait_for(lambda count=count, done=done: len(done) >= count, 60.0)
            time.sleep(draws.uniform(0.0, 0.2))
        stop.set()
        setter.join()
        session = resume(session.folder, command=LINEAR, checkpoint_seconds=0.05)
    with heard(session) as told:
        with Connection(session.folder, patience=20.0) as client:
            client.request("checkpoint")
        session.forward(signal.SIGTERM)
        wait_for(lambda: bool(told))
    end, changes = told[0].end, changes_of(session.folder)
    assert end["state"] == "stopped" and len(changes) >= kills
    act(monkeypatch)
    assert trained_so(preset, ScriptedEngine(), changes, end["step"]) == end["weights_sha256"]
    kept = presets.load(session.folder.path / "preset.toml")
    newest = {key: value for _, key, value in changes}
    assert {key: live.live_keys(kept)[key] for key in newest} == newest


def said(*words: str) -> str:
    result = tuinet(*words)
    assert result.exit_code == 0, result.output
    return result.output


def test_ctl_sets_and_applies(home: Path, tmp_path: Path) -> None:
    """The real engine, end to end: what is answered, what is recorded, and that the run goes on to exactly that."""
    preset = presets.load("spiral").with_overrides(["training.epochs=100000", "data.samples=100"])
    session = start(preset, runs=home / "runs", command=WORKER, threads=1)
    with heard(session) as told:
        wait_for(lambda: session.folder.info()["step"] > 0, 60.0)
        name = session.id
        assert "training.batch_size: 10 to 7 from step" in said("ctl", name, "set", "training.batch_size=7")
        assert "is so already" in said("ctl", name, "set", "training.batch_size=7")
        one = json.loads(said("ctl", name, "set", "training.batch_size=8", "--json").splitlines()[0])["answer"]
        assert list(one) == ["step", "epoch", "changes"]
        assert one["changes"] == [{"key": "training.batch_size", "old": 7, "new": 8}]
        many = json.loads(said("ctl", name, "set", "layers.*.l2=1e-4", "--json").splitlines()[0])
        assert list(many["answer"]) == list(one)
        assert [each["key"] for each in many["answer"]["changes"]] == [
            f"layers.{each}.l2" for each in ("hidden_1", "hidden_2", "out")
        ]
        refused = tuinet("ctl", name, "set", "layers.hidden_1.units=3")
        assert refused.exit_code == 1 and "cannot be set once a run trains" in refused.output
        edited = tmp_path / "edited.toml"
        text = session.folder.preset_text()
        edited.write_text(text.replace("units = 32", "units = 48", 1))
        wide = said("ctl", name, "apply", str(edited))
        assert "widened: hidden_1.W: 2 x 32 to 2 x 48" in wide and "the network says what it said before" in wide
        edited.write_text(session.folder.preset_text().replace('"tanh"', '"relu"', 1))
        other = said("ctl", name, "apply", str(edited))
        assert 'the outputs change: hidden_1: activation is "relu", was "tanh"' in other
        assert session.folder.info()["parameters"] == 2 * 48 + 48 + 48 * 32 + 32 + 33
        said("ctl", name, "stop")
        wait_for(lambda: bool(told))
    end = told[0].end
    assert end["state"] == "stopped"
    again = resume(session.folder, overrides=[f"training.max_steps={end['step'] + 50}"], command=WORKER)
    last = listen(again)
    assert last.code == 0 and last.end["step"] == end["step"] + 50
    assert "predict" in said("predict", name, "--help")
    assert weights_of_one_piece(preset, session.folder, last.end["step"]) == last.end["weights_sha256"]


def weights_of_one_piece(preset: Preset, run: RunFolder, last: int) -> str:
    """The same changes at the same steps, the network's among them, in a training of one piece."""
    engine, changes = RealEngine(), changes_of(run)
    bound = engine.bind(preset)
    pace = course_of(preset, bound).pace
    trainer: Any = engine.trainer(preset, bound, device="cpu", threads=1)
    for step, key, value in changes:
        assert trainer.run(60.0, step) == "done"
        new = preset.with_overrides([f"{key}={json.dumps(value)}"])
        found = applied(preset, new, bound.facts, trainer.model(), trainer.optimizer_state())
        preset, pace = new, course_of(new, bound, step, pace.seen(step)).pace
        trainer = engine.trainer(preset, bound, device="cpu", threads=1, begin=pace.begin)
        zeros = trainer.optimizer_state()
        trainer.load(found.model, zeros | found.optimizer, step)
    assert isinstance(trainer, Trainer)
    assert trainer.run(60.0, last) == "done"
    return weights_sha256(trainer.model())


@pytest.mark.slow
def test_fashion_mlp_grows_while_it_trains(home: Path) -> None:
    """The loss of the epoch in which units are added goes on where it was."""
    preset = presets.load("fashion-mlp").with_overrides(["data.limit=4000", "training.epochs=100000"])
    session = start(preset, runs=home / "runs", command=WORKER)
    with heard(session) as told, Connection(session.folder, patience=60.0) as client:
        wait_for(lambda: session.folder.info()["epoch"] >= 3, 120.0)
        text = session.folder.preset_text().replace("units = 128", "units = 256")
        answer = client.request("apply", preset=text).fields
        assert answer["differs"] == [] and len(answer["widened"]) == 3
        epoch = int(answer["epoch"])
        wait_for(lambda: session.folder.info()["epoch"] >= epoch + 3, 120.0)
        client.request("stop")
        wait_for(lambda: bool(told))
    losses = {event["epoch"]: event["val_loss"] for event in told[0].all("epoch")}
    assert max(losses[epoch + 1], losses[epoch + 2]) < 1.5 * losses[epoch]
