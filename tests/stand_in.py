"""A little application around one screen: what a screen asks of its app is noted down, and what it shows is read.

A picture in characters is compared with tests/snapshots/NAME.txt; TUINET_SNAPSHOTS=write makes those anew.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.cli_scenes import PAYLOAD
from tuinet.presets import Preset
from tuinet.runs import RunFolder
from tuinet.tui.navigation import Navigation

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (120, 40))


class StandIn(Navigation):
    """Opens one screen; notes what is asked for in `calls`."""

    def __init__(self, first: str, chosen: str = "") -> None:
        super().__init__()
        self.first, self.chosen = first, chosen
        self.calls: list[tuple[str, str]] = []
        self.said: list[str] = []

    def on_mount(self) -> None:
        self.goto(self.first, self.chosen)

    def open_run(self, folder: RunFolder) -> None:
        self.calls.append(("open_run", folder.id))

    def start_run(self, preset: Preset, name: str | None = None) -> None:
        self.calls.append(("start_run", preset.name))

    def leave(self) -> None:
        self.calls.append(("leave", ""))

    def notify(self, message: str, **more: Any) -> None:
        self.said.append(message)
        super().notify(message, **more)


Play = Callable[[StandIn, Pilot[Any]], Awaitable[None]]


def played(first: str, play: Play, *, size: tuple[int, int] = (100, 30), chosen: str = "") -> StandIn:
    """Runs the application around a screen and lets `play` press its keys."""

    async def run() -> StandIn:
        app = StandIn(first, chosen)
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            await play(app, pilot)
        return app

    return asyncio.run(run())


def text(app: StandIn) -> str:
    """What stands on the screen, line by line; fails where anything in it could command a terminal."""
    lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    found = "\n".join(lines)
    assert not PAYLOAD & set(found)
    return found


async def until(pilot: Pilot[Any], wanted: str | Callable[[], bool], seconds: float = 6.0) -> str:
    """Waits for a text to stand on the screen, or for something to be so; gives what stands there then."""
    app = pilot.app
    assert isinstance(app, StandIn)
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        await pilot.pause(0.02)
        if wanted in text(app) if isinstance(wanted, str) else wanted():
            await pilot.pause()
            return text(app)
        assert asyncio.get_running_loop().time() < deadline, f"{wanted!r} does not come about:\n{text(app)}"


def same_as(name: str, found: str, size: tuple[int, int]) -> None:
    """Compares a screen with its picture of that name and size. Folders of this machine are left out of both."""
    found = re.sub(r" +/\S*$", "", found, flags=re.MULTILINE) + "\n"
    path = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("TUINET_SNAPSHOTS") == "write":
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing; TUINET_SNAPSHOTS=write makes it"
    assert found == path.read_text(encoding="utf-8")
