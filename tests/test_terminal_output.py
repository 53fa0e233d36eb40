"""What is sent to a terminal: what differs and no more, the same picture, and never more than the line takes."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from tests.pty_screen import Pty, environment, python

SIZE = (120, 36)


def app(name: str, *flags: str, **more: object) -> Pty:
    env = environment(**more.pop("env", {}))  # type: ignore[arg-type]
    return Pty(python("-m", "tests.terminal_apps", name, *flags), env=env, **{"size": SIZE, **more})  # type: ignore[arg-type]


ESCAPE = "\x1b"
PALETTE = "\x10"
Step = str | tuple[int, int]
SCENES: dict[str, list[Step]] = {
    "a little of everything": [*"ncdem", ESCAPE, "t", (70, 21), "ecn"],
    "counters and cells": [*"nnnccc"],
    "colours that drift": [*"ddd"],
    "wide and combining characters": [*"eeeee"],
    "a modal over wide characters, and away": ["m", ESCAPE, *"en"],
    "toasts": [*"tnt"],
    "the palette": [PALETTE, *"th", ESCAPE],
    "resizing": ["n", (60, 20), (140, 40), (97, 31), *"nde"],
    "a modal while the size changes": ["m", (70, 20), ESCAPE, SIZE, "c"],
}


def take(step: Step, *terminals: Pty) -> None:
    for terminal in terminals:
        if isinstance(step, str):
            terminal.type(step)
        else:
            terminal.resize(*step)
    for terminal in terminals:
        terminal.settle()


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_the_terminal_shows_the_same_cells_with_and_without_the_difference(scene: str) -> None:
    with app("board") as ours, app("board", "--stock") as stock:
        for terminal in (ours, stock):
            terminal.wait_for("step 0")
            terminal.settle()
        assert ours.comes_to(stock.cells)
        for step in SCENES[scene]:
            take(step, ours, stock)
            assert ours.comes_to(stock.cells), f"{step!r}\n{ours.text}\n{stock.text}"
        assert len(ours.out) < len(stock.out)


BUDGET = {"r": 0, "n": 100, "c": 500, "d": 4_000, "e": 300, "m": 80_000, ESCAPE: 80_000, "rr": 0}
"""Bytes that a key may cost in a 120x36 terminal of 24-bit colour; r paints again what is there."""


def test_each_change_costs_what_it_changes_and_the_rest_nothing() -> None:
    with app("board", sync=True) as terminal:
        terminal.wait_for("step 0")
        for key, budget in BUDGET.items():
            assert terminal.sent(lambda key=key: take(key, terminal)) <= budget, key  # type: ignore[misc]


def test_a_key_paints_everything_anew() -> None:
    with app("board") as terminal:
        terminal.wait_for("step 0")
        terminal.settle()
        good = terminal.cells()
        os.write(terminal.slave, b"\x1b[5;1Hrubbish from elsewhere\x1b[2;4H")
        terminal.wait_for("rubbish")
        terminal.type("\x0c")
        assert terminal.comes_to(lambda: good)


def test_a_window_that_was_small_for_a_moment_is_whole_again() -> None:
    with app("board") as terminal:
        terminal.wait_for("step 0")
        terminal.settle()
        good = terminal.cells()
        terminal.resize(40, 10)
        terminal.resize(*SIZE)
        assert terminal.comes_to(lambda: good)


@pytest.mark.slow
def test_control_textual_sends_again_what_is_there() -> None:
    with app("board", "--stock") as stock:
        stock.wait_for("step 0")
        assert stock.sent(lambda: take("r", stock)) > 50_000


@pytest.mark.slow
def test_a_switch_sends_what_textual_would_send() -> None:
    with app("board", env={"TUINET_NO_DIFF": "1"}) as plain, app("board") as ours:
        for terminal in (plain, ours):
            terminal.wait_for("step 0")
        for key in ("m", ESCAPE, "d"):
            take(key, plain, ours)
        assert plain.comes_to(ours.cells)
        assert plain.sent(lambda: take("r", plain)) > 50_000


COLOURS = {
    "truecolor": {},
    "256": {"COLORTERM": ""},
    "16": {"COLORTERM": "", "TERM": "xterm"},
    "none": {"NO_COLOR": "1"},
}
KINDS = {
    "truecolor": r"[34]8;2;\d+;\d+;\d+",
    "256": r"[34]8;5;\d+",
    "16": r"(?:3|4|9|10)[0-7]",
}


def colours_in(out: bytes) -> set[str]:
    """The kinds of colour that were sent."""
    found = set()
    for parameters in set(re.findall(rb"\x1b\[([\d;]*)m", out)):
        left = parameters.decode()
        for kind, pattern in KINDS.items():
            left, count = re.subn(rf"(?<![\d]){pattern}(?![\d])", "", left)
            if count:
                found.add(kind)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", COLOURS)
def test_only_the_colours_are_sent_that_the_terminal_has(kind: str) -> None:
    with app("board", env=COLOURS[kind]) as terminal:
        terminal.wait_for("step 0")
        take("nmd", terminal)
        assert colours_in(bytes(terminal.out)) - {"16"} == {kind} - {"16", "none"}
        assert ("16" in colours_in(bytes(terminal.out))) <= (kind != "none")


def test_a_terminal_without_unicode_gets_ascii() -> None:
    with app("board", env={"TERM": "linux"}) as terminal:
        terminal.wait_for("step 0")
        take("nmd", terminal)
        terminal.wait_for(r"\+-----------------------------\+")
        assert bytes(terminal.out).isascii()


NOISY = rb"98 of 100 under (\d+) ms, still (\d+) % of the time, (\d+) frames"


@pytest.mark.slow
def test_on_a_slow_line_the_app_answers_and_leaves_at_once() -> None:
    with app("noisy", rate=50_000) as terminal:
        terminal.wait_for("step 0")
        time.sleep(4.0)
        began = time.monotonic()
        terminal.type("q")
        assert terminal.wait() == 0
        assert time.monotonic() - began < 3.0
        assert terminal.modes_left_on() == []
        found = re.search(NOISY, terminal.out)
    assert found is not None
    lag, still, frames = map(int, found.groups())
    assert lag < 150
    assert still < 35
    assert frames > 15, "it kept its own time"


@pytest.mark.slow
def test_control_on_a_slow_line_textual_stands_still() -> None:
    with app("noisy", "--stock", "--no-guard", rate=50_000) as terminal:
        time.sleep(5.0)
        terminal.rate = None
        os.kill(terminal.pid, signal.SIGINT)
        terminal.wait(20)
        found = re.search(NOISY, terminal.out)
    assert found is not None
    assert int(found[2]) > 45
