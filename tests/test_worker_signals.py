"""R14: a worker that is asked to stop saves and goes, wherever it is; asked twice, it goes at once."""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles import Scene
from tests.workers import LINEAR, Told, act, clouds, go_on, is_alive, listen, newest_step, train, wait_for
from tuinet.training.session import Session, start

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
PATIENCE = 1.5  # seconds from a signal to the end of the process, on a busy machine
PHASES = {
    "bind": {"bind_seconds": 0.3},
    "compile": {"compile_seconds": 0.6, "kernels": 30},
    "train": {"step_seconds": 0.004},
    "evaluate": {"evaluate_seconds": 0.05},
    "save": {},
}


@dataclass
class Stopped:
    """A worker that got a signal, and how long it took to go."""

    told: Told
    seconds: float


def stop_in(session: Session, number: int, phase: str, draws: random.Random) -> Stopped:
    """Sends the signal a random moment after the phase began."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        session.forward(number)

    def on(event: dict[str, object]) -> None:
        began = event["event"] in {
            "bind": ("start",), "compile": ("compile",), "train": ("epoch", "progress"), "evaluate": ("epoch",),
            "save": ("checkpoint",),
        }[phase]  # fmt: skip
        if began and not sent and not timers:
            timers.append(threading.Timer(draws.uniform(0, 0.12), send))
            timers[0].start()

    timers: list[threading.Timer] = []
    if phase == "bind":  # nothing is told yet: the lock says that the worker is there
        wait_for(session.folder.is_live)
        time.sleep(draws.uniform(0.0, 0.2))
        send()
    told = listen(session, on)
    for timer in timers:
        timer.join()
    return Stopped(told, time.monotonic() - sent[0])


def check(stopped: Stopped, number: int) -> None:
    told = stopped.told
    assert told.code == CODES[signal.Signals(number)], told.end
    assert told.end["state"] == "stopped"
    assert told.end["reason"] == "asked"
    assert stopped.seconds < PATIENCE
    assert told.run.state() == "stopped"
    steps = [event["step"] for event in told.events if event["event"] in ("progress", "epoch")]
    assert newest_step(told.run) >= max(steps, default=-1), "what was shown was not saved"
    assert not [path for path in told.run.path.rglob(".tmp-*")]


def stopped_run(runs: Path, phase: str, number: int, seed: int) -> Stopped:
    session = start(clouds(400), runs=runs, command=LINEAR, checkpoint_seconds=0.0 if phase == "save" else 30.0)
    return stop_in(session, number, phase, random.Random(seed))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_worker_that_is_asked_to_stop_saves_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, number: int
) -> None:
    act(monkeypatch, **PHASES[phase])
    check(stopped_run(tmp_path, phase, number, seed=number), number)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("phase", PHASES)
def test_two_hundred_signals_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    act(monkeypatch, **PHASES[phase])
    draws = random.Random(phase)
    for seed in range(40):
        number = draws.choice(list(CODES))
        check(stopped_run(tmp_path / f"{seed}", phase, number, seed), number)


@pytest.mark.parametrize("phase", ["compile", "train", "evaluate"])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    act(monkeypatch)
    whole = train(tmp_path, clouds(12))
    act(monkeypatch, **PHASES[phase])
    session = start(clouds(12), runs=tmp_path, command=LINEAR)
    stop_in(session, signal.SIGTERM, phase, random.Random(1))
    act(monkeypatch)
    assert go_on(session.folder).end["weights_sha256"] == whole.end["weights_sha256"]


@pytest.mark.parametrize("phase", ["compile", "train", "evaluate"])
def test_ctrl_c_twice_ends_the_worker_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    """Also while the main thread sits in something that does not look: here each step, or evaluation, takes 3 s."""
    blocked = {
        "compile": {"compile_seconds": 6.0, "kernels": 2}, "train": {"step_seconds": 3.0},
        "evaluate": {"evaluate_seconds": 3.0},
    }[phase]  # fmt: skip
    act(monkeypatch, **blocked)
    session = start(clouds(), runs=tmp_path, command=LINEAR)
    wait_for(lambda: session.folder.info()["state"] == "running")
    time.sleep(0.7)
    session.forward(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    session.forward(signal.SIGINT)
    told = listen(session)
    assert time.monotonic() - began < PATIENCE
    assert told.code == told.end["exit_code"] == 130
    assert "stopped at once" in told.end["error"]
    assert told.run.state() == "interrupted"


def test_the_checkpoint_from_before_stands_after_ctrl_c_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.02)
    session = start(clouds(60), runs=tmp_path, command=LINEAR, checkpoint_seconds=0.0)

    def twice(event: dict[str, object]) -> None:
        if event["event"] == "checkpoint":
            session.forward(signal.SIGINT)
            session.forward(signal.SIGINT)

    told = listen(session, twice)
    assert told.code == 130
    assert newest_step(told.run) > 0
    assert told.run.load_newest() is not None


def test_hanging_up_does_not_touch_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.004)
    session = start(clouds(), runs=tmp_path, command=LINEAR)
    told = listen(session, lambda event: session.forward(signal.SIGHUP))
    assert told.code == 0
    assert told.end["state"] == "finished"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
def test_a_signal_to_a_worker_that_is_just_starting_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: float
) -> None:
    """It comes before Python can know of any handler, and stops the run as any other."""
    act(monkeypatch)
    session = start(clouds(), runs=tmp_path, command=LINEAR)
    time.sleep(after)
    session.forward(number)
    told = listen(session)
    assert told.code == told.end["exit_code"] == CODES[signal.Signals(number)]
    assert told.run.state() == told.end["state"] == "stopped"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_the_third_ctrl_c_kills_a_worker_that_cannot_hear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = "import os, signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"
    session = start(clouds(), runs=tmp_path, command=("-c", deaf))
    time.sleep(0.5)
    for _ in range(3):
        session.forward(signal.SIGINT)
    told = listen(session)
    assert told.code == 130
    assert not is_alive(session.pid)


# -- controls: without the promise's means, the tests above must fail ----------------------------------------------

NAIVE = """
import sys
sys.path[0] = {root!r}
from tests.doubles import ScriptedEngine
from tuinet.training import signals, worker
{change}
sys.exit(worker.main(engine=ScriptedEngine()))
"""
CHANGES = {
    "no handlers": "worker.watch = lambda stop: None",
    "a flag that is never set": "signals.StopFlag.ask = lambda self, by: None",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_control_a_worker_without_the_flag_does_not_save_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    act(monkeypatch, Scene(), step_seconds=0.004)
    script = tmp_path / "naive.py"
    script.write_text(NAIVE.format(root=str(Path(__file__).parent.parent), change=CHANGES[change]))
    session = start(clouds(60), runs=tmp_path / "runs", command=(str(script),), checkpoint_seconds=30.0)
    stopped = stop_in(session, signal.SIGTERM, "train", random.Random(1))
    with pytest.raises(AssertionError):
        check(stopped, signal.SIGTERM)
