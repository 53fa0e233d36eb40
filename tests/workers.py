"""Workers for tests: the real process around a linear network, or around the real engine, with what it told."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import Scene, Script
from tuinet import presets
from tuinet.runs import RunFolder
from tuinet.training.session import Session, resume, start

LINEAR = (str(Path(__file__).parent / "linear_worker.py"),)

PRESET = """
title = "Clouds"
[data]
set = "spiral"
[[layers]]
type = "dense"
name = "out"
units = "classes"
[training]
loss = "cross_entropy"
epochs = {epochs}
batch_size = 16
seed = 3
optimizer = {{ type = "sgd", learning_rate = 0.02 }}
"""


def clouds(epochs: int = 6, *overrides: str) -> presets.Preset:
    """A preset for the linear worker; what its data and layers say does not matter there."""
    return presets.load("clouds.toml", text=PRESET.format(epochs=epochs)).with_overrides(overrides)


def act(patch: pytest.MonkeyPatch, scene: Scene | None = None, **script: Any) -> None:
    """What workers started from here on are to act out; the fields of doubles.Script."""
    Script(**script)
    patch.setenv("TUINET_TEST_SCRIPT", json.dumps(script))
    patch.setenv("TUINET_TEST_SCENE", json.dumps(asdict(scene or Scene())))


@dataclass
class Told:
    """All that a session told, and how it ended."""

    run: RunFolder
    events: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == kind]

    @property
    def end(self) -> dict[str, Any]:
        return self.events[-1]


def listen(session: Session, on: Callable[[dict[str, Any]], None] = lambda event: None) -> Told:
    """Reads to the end."""
    told = Told(session.folder)
    for event in session.events():
        told.events.append(event)
        on(event)
    told.code = session.wait()
    return told


@contextmanager
def heard(session: Session) -> Iterator[list[Told]]:
    """Listens beside, and has what was told in the list at the end; then the worker is killed if it is still there."""
    told: list[Told] = []
    listener = threading.Thread(target=lambda: told.append(listen(session)))
    listener.start()
    try:
        yield told
    finally:
        with suppress(ProcessLookupError):
            session.forward(signal.SIGKILL)
        listener.join()


@contextmanager
def training(
    runs: Path, patch: pytest.MonkeyPatch, epochs: int = 100_000, *, device: str = "auto", **script: Any
) -> Iterator[Session]:
    """A training that goes on for as long as this is open. script: what it acts out, besides short steps."""
    act(patch, **{"step_seconds": 0.001, "kernels": 0, **script})
    session = start(clouds(epochs), runs=runs, device=device, command=LINEAR)
    with heard(session):
        yield session


def train(runs: Path, preset: presets.Preset | None = None, *, command: Sequence[str] = LINEAR, **more: Any) -> Told:
    return listen(start(preset or clouds(), runs=runs, command=command, **more))


def go_on(run: RunFolder, *, command: Sequence[str] = LINEAR, **more: Any) -> Told:
    return listen(resume(run, command=command, **more))


def kill_at_random(session: Session, draws: random.Random, window: tuple[float, float]) -> tuple[Told, bool]:
    """SIGKILL after a random time, unless the worker is at its end before. Says whether it was killed."""
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        session.forward(signal.SIGKILL)

    timer = threading.Timer(draws.uniform(*window), kill)
    timer.start()
    told = listen(session)
    timer.cancel()
    return told, killed.is_set() and told.code != 0


def kill_after_epochs(session: Session, count: int) -> tuple[Told, bool]:
    """SIGKILL when that many epochs were told, unless the worker is at its end before. Says whether it was killed."""
    told_epochs = 0

    def on(event: dict[str, Any]) -> None:
        nonlocal told_epochs
        told_epochs += event["event"] == "epoch"
        if told_epochs == count:
            session.forward(signal.SIGKILL)

    told = listen(session, on)
    return told, told.end["state"] == "interrupted"


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


def newest_step(run: RunFolder) -> int:
    """Step of the newest checkpoint to go on from; -1 where there is none."""
    return max((one.step for one in run.checkpoints() if one.resumable), default=-1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
