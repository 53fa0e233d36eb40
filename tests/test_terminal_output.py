"""What is sent to a terminal: what differs and no more, the same picture, and never more than the line takes."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from tests.pty_screen import Pty, environment, python

SIZE = (120, 36)


def app(name: str, *flags: str, **more: object) -> Pty:
    env = environment(**more.pop("env", {}))  # type: ignore[arg-type]
    return Pty(python("-m", "tests.terminal_apps", name, *flags), env=env, **{"size": SIZE, **more})  # type: ignore[arg-type]


def typed(keys: str) -> Callable[[Pty], None]:
    def act(terminal: Pty) -> None:
        for key in keys:
            terminal.type(key)
            terminal.settle()

    return act


def resized(*sizes: tuple[int, int]) -> Callable[[Pty], None]:
    def act(terminal: Pty) -> None:
        for size in sizes:
            terminal.resize(*size)
            terminal.settle()

    return act


SCENES: dict[str, list[Callable[[Pty], None]]] = {
    "counters and cells": [typed("nnnccc")],
    "colours that drift": [typed("ddd")],
    "wide and combining characters": [typed("eeeee")],
    "a modal over wide characters, and away": [typed("m"), typed("\x1b"), typed("en")],
    "toasts": [typed("t"), typed("n"), typed("t")],
    "the palette": [typed("\x10"), typed("th"), typed("\x1b")],
    "resizing": [typed("n"), resized((60, 20), (140, 40), (97, 31)), typed("nde")],
    "a modal while the size changes": [typed("m"), resized((70, 20)), typed("\x1b"), resized(SIZE), typed("c")],
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_terminal_shows_the_same_cells_with_and_without_the_difference(scene: str) -> None:
    with app("board") as ours, app("board", "--stock") as stock:
        for terminal in (ours, stock):
            terminal.wait_for("step 0")
            terminal.settle()
        assert ours.cells() == stock.cells()
        for act in SCENES[scene]:
            act(ours)
            act(stock)
            assert ours.text == stock.text
            assert ours.cells() == stock.cells()
        assert len(ours.out) < len(stock.out)


def test_a_refresh_of_what_is_there_sends_nothing() -> None:
    with app("board", sync=True) as ours, app("board", "--stock") as stock:
        for terminal in (ours, stock):
            terminal.wait_for("step 0")
        again = typed("rr")
        assert ours.sent(lambda: again(ours)) == 0
        assert stock.sent(lambda: again(stock)) > 100_000


BUDGET = {"n": 100, "c": 500, "d": 4_000, "e": 300, "m": 80_000}
"""Bytes that a key may cost in a 120x36 terminal of 24-bit colour."""


def test_each_change_costs_about_what_it_changes() -> None:
    with app("board") as terminal:
        terminal.wait_for("step 0")
        for key, budget in BUDGET.items():
            assert terminal.sent(lambda key=key: typed(key)(terminal)) < budget, key  # type: ignore[misc]


def test_a_key_paints_everything_anew() -> None:
    with app("board") as terminal:
        terminal.wait_for("step 0")
        terminal.settle()
        good = terminal.cells()
        os.write(terminal.slave, b"\x1b[5;1Hrubbish from elsewhere\x1b[2;4H")
        terminal.wait_for("rubbish")
        terminal.type("\x0c")
        terminal.settle()
        assert terminal.cells() == good


def test_a_switch_sends_what_textual_would_send() -> None:
    with app("board", env={"TUINET_NO_DIFF": "1"}) as plain, app("board") as ours:
        for terminal in (plain, ours):
            terminal.wait_for("step 0")
            typed("mn\x1bd")(terminal)
        assert plain.cells() == ours.cells()
        assert plain.sent(lambda: typed("r")(plain)) > 50_000


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


@pytest.mark.parametrize("kind", COLOURS)
def test_only_the_colours_are_sent_that_the_terminal_has(kind: str) -> None:
    with app("board", env=COLOURS[kind]) as terminal:
        terminal.wait_for("step 0")
        typed("nmd")(terminal)
        assert colours_in(bytes(terminal.out)) - {"16"} == {kind} - {"16", "none"}
        assert ("16" in colours_in(bytes(terminal.out))) <= (kind != "none")


@pytest.mark.parametrize("env", [{"TERM": "linux"}, {"TUINET_ASCII": "1"}], ids=["linux console", "asked for"])
def test_a_terminal_without_unicode_gets_ascii(env: dict[str, str]) -> None:
    with app("board", env=env) as terminal:
        terminal.wait_for("step 0")
        typed("nmd")(terminal)
        assert bytes(terminal.out).isascii()
        assert "+-----------------------------+" in terminal.text


def test_on_a_slow_line_the_app_answers_and_leaves_at_once() -> None:
    with app("noisy", rate=50_000) as terminal:
        time.sleep(4.0)
        began = time.monotonic()
        terminal.type("q")
        assert terminal.wait() == 0
        assert time.monotonic() - began < 3.0
        assert terminal.modes_left_on() == []
        worst, frames = map(int, re.search(rb"worst (\d+) ms, (\d+) frames", bytes(terminal.out)).groups())  # type: ignore[union-attr]
    assert frames > 15, "it kept its own time"
    assert worst < 150


def test_control_on_a_slow_line_textual_stands_still() -> None:
    with app("noisy", "--stock", "--no-guard", rate=50_000) as terminal:
        time.sleep(8.0)
        terminal.rate = None
        os.kill(terminal.pid, signal.SIGINT)
        terminal.type("q")
        terminal.wait(20)
        found = re.search(rb"worst (\d+) ms", bytes(terminal.out))
    assert found is not None
    assert int(found[1]) > 150
