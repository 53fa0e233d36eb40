"""What people do with the screens, from key to file, in a real terminal and with a real training."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.cli_scenes import make_run
from tests.pty_screen import python
from tests.tmux import Ended, Tmux, needs_tmux
from tuinet import presets
from tuinet.runs import RunFolder, list_runs

pytestmark = [needs_tmux, pytest.mark.slow]

COMPILED = 240.0
"""Seconds after which the kernels are there, on a machine that has much else to do."""

PATIENT = 60.0
T = TypeVar("T")


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home for the whole module, so that one training is enough."""
    home = tmp_path_factory.mktemp("flows")
    return {"TUINET_HOME": str(home), "TUINET_CONFIG": str(home / "config")}


@pytest.fixture(scope="module")
def live(around: dict[str, str]) -> Iterator[RunFolder]:
    """A run that is trained, and will be for longer than any of these tests."""
    command = python("-m", "tuinet", "run", "fashion-mlp", "--epochs", "100000", "--threads", "1")
    out = Path(around["TUINET_HOME"]) / "out"
    with (
        out.open("wb") as file,
        subprocess.Popen(command, env={**os.environ, **around}, stdout=file, stderr=file) as it,
    ):
        try:
            found = until(lambda: trained(Path(around["TUINET_HOME"]) / "runs"), COMPILED)
            yield found
        finally:
            it.terminate()


def trained(runs: Path) -> RunFolder | None:
    """The run there, once it has a step behind it."""
    found = [RunFolder(path) for path in runs.glob("fashion-mlp-*")]
    return found[0] if found and found[0].metrics().read()[0] else None


def until(found: Callable[[], T | None], seconds: float = PATIENT) -> T:
    end = time.monotonic() + seconds
    while (value := found()) is None:
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)
    return value


def app(around: dict[str, str], *words: str) -> Tmux:
    return Tmux(python("-m", "tuinet", *words), size=(150, 44), **around)


def step_on(screen: Tmux) -> int:
    """The step that the status line says."""
    found = re.search(r"step\s+([\d,]+)/", screen.text)
    assert found is not None, screen.text
    return int(found[1].replace(",", ""))


def goes_on(screen: Tmux) -> bool:
    """Whether the status line comes to a later step."""
    before, end = step_on(screen), time.monotonic() + PATIENT
    while time.monotonic() < end:
        if step_on(screen) > before:
            return True
        time.sleep(0.1)
    return False


def leave(screen: Tmux) -> None:
    screen.keys("q")
    screen.wait_for("The training goes on", PATIENT)
    screen.keys("Enter")
    assert screen.wait_for_end(PATIENT) == Ended(code=0)


def test_a_network_is_edited_and_trained_on(live: RunFolder, around: dict[str, str]) -> None:
    with app(around, "attach", live.id) as screen:
        screen.wait_for("● training", PATIENT)
        screen.wait_for("hidden dense relu +128", PATIENT)
        screen.keys("1")
        screen.wait_for("a add", PATIENT)
        screen.keys("Home", "Down", "e")
        screen.wait_for("esc done", PATIENT)
        screen.keys("BSpace", "BSpace", "BSpace")
        screen.wait_for(
            "units +needed", PATIENT
        )  # Textual takes letters that come in the same moment before these keys
        screen.literal("48")
        screen.wait_for("units +48", PATIENT)
        screen.keys("Escape")
        screen.wait_for("hidden dense relu +48", PATIENT)
        screen.keys("Enter")
        until(lambda: presets.load(live.path / "preset.toml").table()["layers"][1]["units"] == 48 or None)
        screen.wait_for(r"Weights: hidden\.W · 784×48", PATIENT)
        assert goes_on(screen)
        leave(screen)


def test_a_training_is_paused_and_goes_on_with_another_learning_rate(live: RunFolder, around: dict[str, str]) -> None:
    with app(around, "attach", live.id) as screen:
        screen.wait_for("● training", PATIENT)
        screen.keys("Space")
        screen.wait_for("‖ paused", PATIENT)
        stands = step_on(screen)
        screen.keys("=")
        screen.wait_for("Set, while it trains", PATIENT)
        screen.literal("training.optimizer.learning_rate=0.00025")
        screen.wait_for(r"training\.optimizer\.learning_rate=0\.00025", PATIENT)
        screen.keys("Enter")
        screen.wait_until_gone("Set, while it trains", PATIENT)
        changed = until(
            lambda: next((e for e in live.events().read()[0] if e["k"] == "changed" and "rate" in e["key"]), None)
        )
        assert (changed["key"], changed["new"]) == ("training.optimizer.learning_rate", 0.00025)
        assert step_on(screen) == stands
        screen.keys("Space")
        screen.wait_for("● training", PATIENT)
        assert goes_on(screen)
        leave(screen)


def test_who_leaves_and_comes_back_finds_the_training_further_on(live: RunFolder, around: dict[str, str]) -> None:
    with app(around, "attach", live.id) as screen:
        screen.wait_for("● training", PATIENT)
        screen.wait_for(r"step\s+[\d,]+/", PATIENT)
        left = step_on(screen)
        leave(screen)
    with app(around, "attach", "last") as screen:
        screen.wait_for(rf"{live.id} +● training", PATIENT)
        screen.wait_for(r"step\s+[\d,]+/", PATIENT)
        assert step_on(screen) > left
        assert goes_on(screen)
        leave(screen)


def test_two_runs_are_marked_and_compared(tmp_path: Path) -> None:
    small, large = make_run(tmp_path / "runs", "spiral", units=8), make_run(tmp_path / "runs", "spiral", units=16)
    assert len(list_runs(tmp_path / "runs")) == 2
    with app({"TUINET_HOME": str(tmp_path), "TUINET_CONFIG": str(tmp_path / "config")}) as screen:
        screen.wait_for("Last runs", PATIENT)
        screen.keys("R")
        screen.wait_for("2 runs", PATIENT)
        screen.keys("Space", "Down", "c")
        text = screen.wait_for(r"layers\.hidden\.units +\d+ +\d+", PATIENT)
        assert {small.id, large.id} <= set(text.split())
        before = re.search(r"layers\.hidden\.units +(\d+) +(\d+)", text)
        screen.keys("x")
        swapped = screen.wait_for(rf"layers\.hidden\.units +{before[2]} +{before[1]}", PATIENT)  # type: ignore[index]
        assert "parameters" in swapped
        screen.keys("Escape")
        screen.wait_for("2 runs", PATIENT)
        screen.keys("q")
        assert screen.wait_for_end(PATIENT) == Ended(code=0)
