"""S1 and S2 on the real screens: of a folder full of hostile text nothing commands the terminal, on no screen.

Each screen is opened in a pseudo-terminal by its keys. Nothing but our own commands may be among the bytes, and every
box that is drawn must be whole. The control opens the same screens with the checks taken out.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hostile_home import hostile_home
from tests.pty_screen import Pty, environment, python
from tests.test_terminal_hostile import commands_in
from tuinet.runs import RunFolder


class Visit(NamedTuple):
    """What keys open it, and what is to be seen then.

    foreign: whether text of others comes with it. over: whether it lies over a screen, so that boxes are hidden.
    """

    keys: str
    mark: str
    foreign: bool = True
    over: bool = False


ESCAPE = "\x1b"
LISTS = {
    "welcome": Visit("", "Last runs", False),
    "runs": Visit("R", "4 runs", False),
    "runs, the next one": Visit("j", "4 runs"),
    "compare": Visit(" jc", "compare"),
    "back": Visit(ESCAPE, "4 runs"),
    "runs, filtered": Visit("/[/x\r", "/\\[/x", False),
    "runs again": Visit("W", "Last runs", False),
    "log": Visit("L", "▾ follows"),
    "log, up": Visit("kkkkkkkkkkkk", "does not follow"),
    "data": Visit("D", "sets", False),
    "presets": Visit("P", "Presets", False),
    "help": Visit("?", "Everywhere", False, over=True),
    "palette": Visit("q:spi", "spi", False, over=True),
}
"""From the welcome screen on."""

BENCH = {
    "workbench": Visit("", "Architecture"),
    "another metric": Visit("2m", "Loss|loss"),
    "and another": Visit("m", "x epoch"),
    "a second chart": Visit("b", "and "),
    "the cursor at another step": Visit("hhhh", "not live"),
    "weights": Visit("3", "Weights"),
    "overfitting": Visit("4m", "Overfitting", False),
    "overfitting, the worst": Visit("m", "Overfitting", False),
    "setting": Visit("=", "(?i)set", False, over=True),
    "architecture": Visit(f"{ESCAPE}1", "layer"),
    "settings of a layer": Visit("e", "(?i)units|settings", False, over=True),
    "text": Visit(f"{ESCAPE}t", r"\.toml ─", False, over=True),
    "difference": Visit(f"{ESCAPE}v", "(?i)difference", False, over=True),
    "saving": Visit(f"{ESCAPE}w", r"\.toml", False, over=True),
    "and away": Visit(ESCAPE, "layer", False),
}
"""From the workbench of a run on."""


def boxes(cells: list[list[tuple[object, ...]]]) -> list[str]:
    """What is wrong with the boxes that are drawn: their edges must run through from corner to corner."""
    letters = [[str(cell[0]) for cell in row] for row in cells]
    wrong = []
    for y, row in enumerate(letters):
        for x, letter in enumerate(row):
            if letter != "╭" or row[x + 1 : x + 2] != ["─"] or row[x + 2] not in "─ ":
                continue
            right = next((place for place in range(x + 1, len(row)) if row[place] == "╮"), None)
            below = next((place for place in range(y + 1, len(letters)) if letters[place][x] == "╰"), None)
            if right is None or below is None or letters[below][right] != "╯":
                wrong.append(f"corner at row {y}, column {x}")
                continue
            wrong += [
                f"edge at row {place}, column {column}"
                for place in range(y + 1, below)
                for column in (x, right)
                if letters[place][column] != "│"
            ]
    return wrong


@pytest.fixture
def runs(home: Path) -> list[RunFolder]:
    return hostile_home(home / "runs")


def visited(terminal: Pty, visits: dict[str, Visit], *, watched: bool) -> dict[str, bytes]:
    """The bytes that each screen sent. watched: what is to be seen is waited for, and looked at."""
    sent: dict[str, bytes] = {}
    for name, visit in visits.items():
        before = len(terminal.out) if sent else 0  # what comes before the first key is the first screen's
        for key in visit.keys:
            terminal.type(key)
            _rest(terminal, 0.3 if key == ESCAPE else 0.1)
        with contextlib.nullcontext() if watched else contextlib.suppress(AssertionError):
            terminal.wait_for(visit.mark, seconds=30 if watched else 5)
        _rest(terminal, 0.6)
        sent[name] = bytes(terminal.out[before:])
        if watched:
            broken = [] if visit.over else boxes(terminal.cells())
            assert broken == [], f"{name}\n{terminal.text}"
            assert commands_in(sent[name]) == [], f"{name}\n{terminal.text}"
    return sent


def _rest(terminal: Pty, calm: float) -> None:
    """Until nothing more comes, or nothing but a cursor that blinks."""
    with contextlib.suppress(AssertionError):
        terminal.settle(calm, seconds=3.0)


SCENES = {"from the welcome screen": LISTS, "in the workbench": BENCH}


def words(scene: str, runs: list[RunFolder]) -> list[str]:
    return ["attach", runs[0].id] if scene == "in the workbench" else []


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("scene", SCENES)
def test_no_text_of_a_hostile_folder_commands_the_terminal(
    scene: str, size: tuple[int, int], runs: list[RunFolder], home: Path
) -> None:
    env = environment(TUINET_HOME=str(home), TUINET_CONFIG=str(home / "config"))
    with Pty(python("-m", "tuinet", *words(scene, runs)), env=env, size=size) as terminal:
        visited(terminal, SCENES[scene], watched=True)
        terminal.type(ESCAPE)
        _rest(terminal, 0.3)
        terminal.type("q")
        assert terminal.wait(seconds=30) == 0
        assert terminal.modes_left_on() == []


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_control_with_the_checks_taken_out_each_screen_sends_it(scene: str, runs: list[RunFolder], home: Path) -> None:
    env = environment(TUINET_HOME=str(home), TUINET_CONFIG=str(home / "config"))
    with Pty(python("-m", "tests.hostile_home", *words(scene, runs)), env=env, size=(120, 40)) as terminal:
        _rest(terminal, 1.0)
        sent = visited(terminal, SCENES[scene], watched=False)
    assert [name for name, visit in SCENES[scene].items() if visit.foreign and not commands_in(sent[name])] == []
