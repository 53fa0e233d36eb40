"""A little application around one screen: what a screen asks of its app is noted down, and what it shows is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from tests.cli_scenes import PAYLOAD
from tests.tui_screens import check_picture, on_screen, picture
from tuinet.presets import Preset
from tuinet.runs import RunFolder
from tuinet.tui.navigation import Navigation


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

    app = StandIn(first, chosen)
    on_screen(app, size, lambda pilot: play(app, pilot))
    return app


def text(app: StandIn) -> str:
    """What stands on the screen, line by line; fails where anything in it could command a terminal."""
    found = picture(app)
    assert not PAYLOAD & set(found)
    return found


async def until(pilot: Pilot[Any], wanted: str | Callable[[], bool], seconds: float = 20.0) -> str:
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


def same_as(name: str, app: StandIn, size: tuple[int, int]) -> None:
    """Compares a screen with its picture of that name and size. Folders of this machine are left out of both."""
    check_picture(app, f"{name}-{size[0]}x{size[1]}", still=lambda text: re.sub(r"(?m) +/\S*$", "", text))
