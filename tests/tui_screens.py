"""Screens in tests: an application without a terminal, its picture as text, and pictures kept to compare with.

    async with shown(TuinetApp(), (80, 24)) as pilot: ...
    check_picture(pilot.app, "workbench-80x24")

A kept picture is a text file in tests/snapshots/. After a wanted change: TUINET_SNAPSHOTS=write pytest ..., then look
at what git says has changed.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from tuinet.tui import panes
from tuinet.tui.navigation import Navigation
from tuinet.tui.terminal.app import TerminalApp
from tuinet.tui.terminal.pace import Pace

SNAPSHOTS = Path(__file__).parent / "snapshots"
PATIENCE = 20.0  # seconds, on a busy machine

for pane in panes.PANES:  # else they come a moment after the workbench, which is a test's own subject
    panes.load(pane)


def picture(app: App[Any]) -> str:
    """What stands on the screen, line by line, without blanks at the ends."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips()) + "\n"


def check_picture(app: App[Any], name: str, *, still: Callable[[str], str] = lambda text: text) -> None:
    """The screen is as in tests/snapshots/NAME.txt. still: puts words in the place of what differs from run to run."""
    path, found = SNAPSHOTS / f"{name}.txt", still(picture(app))
    if os.environ.get("TUINET_SNAPSHOTS") == "write":
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"{path} is not there; TUINET_SNAPSHOTS=write makes it"
    assert found == path.read_text(encoding="utf-8")


def without_rates(text: str) -> str:
    """The picture with a rate of painting that does not depend on the machine."""
    return re.sub(r"\d\.\d Hz( ↓link)?", "5.0 Hz", text)


def on_screen(app: Navigation, size: tuple[int, int], steps: Callable[[Pilot[Any]], Awaitable[None]]) -> None:
    """Runs the application at that size, and the steps with it. Raises what it has outlived as a fault, too.

    It is painted as often as it wishes, however much of a processor that takes here.
    """
    if isinstance(app, TerminalApp):
        app.pace = Pace(app.line_is_busy, app.pace.wanted, used=lambda: 0.0)

    async def work() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await steps(pilot)

    try:
        asyncio.run(asyncio.wait_for(work(), 6 * PATIENCE))
    finally:
        for fault in app.faults.values():
            raise fault


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "") -> None:
    """Waits for something to come about, and not for a time."""
    for _ in range(round(PATIENCE / 0.02)):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come about: {what}\n{picture(pilot.app)}")


async def at_rest(pilot: Pilot[Any], seconds: float = 0.5) -> None:
    """Waits until nothing has changed on the screen for so long."""
    before, since = "", time.monotonic()
    for _ in range(round(PATIENCE / 0.05)):
        await pilot.pause(0.05)
        now = without_rates(picture(pilot.app))
        if now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since >= seconds:
            return
    raise AssertionError(f"the screen is never at rest\n{picture(pilot.app)}")
