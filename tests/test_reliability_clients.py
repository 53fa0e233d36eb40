"""R10: killing a screen or closing its terminal never touches the training, and who comes back misses nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.pty_screen import Pty, children, environment, python
from tests.workers import is_alive, wait_for
from tuinet.runs import RunFolder
from tuinet.training.client import Connection
from tuinet.training.session import Session
from tuinet.tui.view import RunView


def attach(session: Session) -> Pty:
    return Pty(python("-m", "tuinet", "attach", session.id), size=(120, 40), env=environment())


def came_back(folder: RunFolder) -> tuple[bool, list[Any]]:
    """Whether a new client finds the worker, and the epochs that it sees."""

    async def look() -> tuple[bool, list[Any]]:
        view = RunView(folder)
        await view.open()
        found = view.live, [row["epoch"] for row in view.curves.epochs()]
        await view.close()
        return found

    return asyncio.run(look())


def kill(screen: Pty) -> None:
    for pid in [*children(screen.pid), screen.pid]:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(screen.pid, 0)
    screen.status = 9


def gone(screen: Pty) -> None:
    deadline = time.monotonic() + 10
    while screen.status is None:
        pid, status = os.waitpid(screen.pid, os.WNOHANG)
        if pid:
            screen.status = status
        assert time.monotonic() < deadline, "the screen lives on without its terminal"
        time.sleep(0.02)


def close(screen: Pty) -> None:
    """The terminal is closed: its programs get SIGHUP, and what they read ends."""
    screen.hang_up()
    gone(screen)


ENDINGS = {"killed": kill, "closed": close}


def check(session: Session, way: str, count: int, together: int = 1) -> None:
    """Ends so many screens; so many of them are open at a time."""
    draws = random.Random(way)
    for number in range(count // together):
        screens = [attach(session) for _ in range(together)]
        try:
            if number % 2:  # in the middle of its start, too
                for screen in screens:
                    screen.wait_for(session.id, seconds=30)
            time.sleep(draws.uniform(0.0, 0.6))
            for screen in screens:
                ENDINGS[way](screen)
        finally:
            for screen in screens:
                screen.close()
        assert is_alive(session.pid)
        live, epochs = came_back(session.folder)
        assert live and epochs == list(range(1, len(epochs) + 1)), f"after {number + 1} times: a gap in {epochs}"
    before = len(came_back(session.folder)[1])
    wait_for(lambda: len(came_back(session.folder)[1]) > before)


@pytest.mark.parametrize("way", ENDINGS)
def test_a_training_outlives_its_screens(trained: Session, way: str) -> None:
    check(trained, way, 4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ENDINGS)
def test_a_training_outlives_a_hundred_screens(trained: Session, way: str) -> None:
    check(trained, way, 100, together=2)


def test_control_a_worker_in_the_terminals_own_session_dies_with_it(home: Path) -> None:
    """What `start_new_session` is for: without it the closed terminal takes the training along."""
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    screen = Pty(["/bin/sh", "-c", "exec " + subprocess.list2cmdline(words)], env=environment())
    time.sleep(0.3)
    screen.hang_up()
    gone(screen)
    screen.close()
    assert screen.status is not None and os.WIFSIGNALED(screen.status)


def test_several_screens_and_a_script_are_at_one_run(trained: Session) -> None:
    screens = [attach(trained) for _ in range(3)]
    try:
        for screen in screens:
            screen.wait_for("training", seconds=30)
        with Connection(trained.folder) as script:
            script.request("pause")
            for screen in screens:
                screen.wait_for("paused", seconds=10)
            script.request("resume")
            for screen in screens:
                screen.wait_for("● training", seconds=10)
        screens[0].type("q")
        screens[0].wait_for("tuinet attach", seconds=10)
        screens[0].type("\r")
        assert screens[0].wait() == 0
        assert screens[0].modes_left_on() == []
        assert is_alive(trained.pid)
    finally:
        for screen in screens:
            screen.close()
