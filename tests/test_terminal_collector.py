"""The garbage collector of the application: what stays is not looked at, and what was left goes."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from tuinet.tui.terminal import app as app_module
from tuinet.tui.terminal.app import TIDIED_SECONDS, TerminalApp
from tuinet.tui.terminal.collector import forget_widgets

COLLECTOR = """
import gc, weakref
from tuinet.tui.terminal.collector import Collector

class Ring:
    def __init__(self):
        self.itself = self

def rings(count):
    made = [Ring() for _ in range(count)]
    return made, [weakref.ref(ring) for ring in made]

gc.disable()
collector = Collector()
"""


def said(code: str) -> str:
    """In a process of its own: what the collector does not look at is a matter of the whole process."""
    return subprocess.run(
        [sys.executable, "-c", COLLECTOR + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_was_left_goes_and_what_stays_is_looked_at_once() -> None:
    code = (
        "collector.settle(); stays = rings(10)[0]; gone = rings(10)[1]; collector.tidy();"
        "print(all(one() is None for one in gone), any(one is stays[0] for one in gc.get_objects()), gc.isenabled())"
    )
    assert said(code) == "True False True"


def test_before_a_screen_has_settled_nothing_is_tidied() -> None:
    assert said("gone = rings(10)[1]; collector.tidy(); print(gone[0]() is None, gc.get_freeze_count())") == "False 0"


def test_what_was_frozen_and_went_later_goes_when_much_has_come_to_it() -> None:
    code = (
        "collector.settle(); stays, seen = rings(gc.get_freeze_count() // 10); collector.tidy();"
        "del stays; collector.tidy(); collector.tidy(); before = seen[0]() is None;"
        "stays, _ = rings(gc.get_freeze_count()); collector.tidy(); print(before, seen[0]() is None)"
    )
    assert said(code) == "False True", "at once only where it is worth a pass over everything"


class Page(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Static("a line\n" * 20)


def test_a_textual_without_that_cache_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in (None, object()):
        monkeypatch.setattr("tuinet.tui.terminal.collector.StylesCache", other)
        forget_widgets()


def played(play: Any) -> None:
    async def session() -> None:
        app = TerminalApp()
        async with app.run_test(size=(80, 24)) as pilot:
            await play(app, pilot)

    asyncio.run(session())


@pytest.mark.parametrize("forgets", [True, False])
def test_a_screen_that_was_left_goes_with_all_its_painted_lines(forgets: bool) -> None:
    async def play(app: TerminalApp, pilot: Any) -> None:
        page = Page()
        await app.push_screen(page)
        await pilot.pause()
        assert page.query_one(Static)._styles_cache._cache, "its lines were painted"
        lines = weakref.ref(page.query_one(Static)._styles_cache)
        await app.pop_screen()
        await pilot.pause()
        del page
        if forgets:
            forget_widgets()
        gc.collect()
        assert (lines() is None) == forgets, "without it Textual keeps them"

    played(play)


def test_the_collector_comes_when_the_screen_that_stays_is_on_top_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "TIDIED_SECONDS", 0.01)
    monkeypatch.setattr(app_module, "SETTLED_SECONDS", 0.01)
    done: list[str] = []

    class Watched:
        def settle(self) -> None:
            done.append("settle")

        def tidy(self) -> None:
            done.append("tidy")

    async def play(app: TerminalApp, pilot: Any) -> None:
        app._collector = Watched()  # type: ignore[assignment]
        monkeypatch.setattr(app_module, "LinuxDriver", type(app._driver))
        app.spare_collector()
        await pilot.pause(0.1)
        assert done == ["settle"]
        await app.push_screen(Page())
        await pilot.pause(0.1)
        await app.push_screen(Page())
        await app.pop_screen()
        await pilot.pause(0.1)
        assert done == ["settle"], "another screen is on top"
        await app.pop_screen()
        await pilot.pause(0.1)
        assert done == ["settle", "tidy"]

    assert TIDIED_SECONDS > 0.1
    played(play)
