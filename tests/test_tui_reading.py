"""Opening a long run for the first time: how far it is can be seen, and whoever goes elsewhere does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.golden_run import PRESET
from tests.tui_screens import on_screen, picture, until
from tuinet.errors import RunDamaged
from tuinet.runs import Records, RunFolder
from tuinet.tui import curve_cache
from tuinet.tui.app import TuinetApp
from tuinet.tui.screens import reading
from tuinet.tui.screens.welcome import Welcome
from tuinet.tui.screens.workbench import Workbench

Progress = Callable[[float], None]


class SlowReading:
    """Stands at 42 % until it may go on."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.go_on = threading.Event()
        self.given_up = False
        self.really = curve_cache.opened

    def __call__(self, records: Records, progress: Progress = lambda share: None) -> Any:
        progress(0.42)
        self.go_on.wait(20)
        try:
            progress(0.9)
        except reading.GivenUp:
            self.given_up = True
            raise
        if self.error is not None:
            raise self.error
        return self.really(records)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "home"))
    made = RunFolder.create(tmp_path / "home" / "runs", "golden", epochs=2)
    made.write_preset(PRESET.read_text())
    yield made


def test_how_far_it_is_can_be_seen_and_then_the_workbench_stands_there(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowReading()
    monkeypatch.setattr(curve_cache, "opened", slow)

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "42%" in picture(pilot.app), "the share that has been read")
        assert f"Reading the records of {folder.id}" in picture(pilot.app)
        slow.go_on.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, Workbench), "the workbench")

    on_screen(TuinetApp(folder), (80, 24), steps)


def test_a_run_that_cannot_be_read_says_so(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowReading(RunDamaged("metrics.jsonl: cannot be read"))
    monkeypatch.setattr(curve_cache, "opened", slow)

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "42%" in picture(pilot.app), "the share that has been read")
        slow.go_on.set()
        await until(pilot, lambda: "cannot be read" in picture(pilot.app), "the reason")
        assert not any(isinstance(screen, reading.Reading) for screen in pilot.app.screen_stack)

    on_screen(TuinetApp(folder), (80, 24), steps)


def test_opening_another_run_ends_the_reading(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowReading()
    monkeypatch.setattr(curve_cache, "opened", slow)
    other = RunFolder.create(folder.path.parent, "other", epochs=2)
    other.write_preset(PRESET.read_text())

    async def steps(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, TuinetApp)
        await until(pilot, lambda: "42%" in picture(app), "the share that has been read")
        monkeypatch.setattr(curve_cache, "opened", slow.really)
        app.open_run(other)
        await until(pilot, lambda: app.view is not None and app.view.name == other.id, "the other run")
        slow.go_on.set()
        await until(pilot, lambda: slow.given_up, "the end of the reading")
        assert app.view is not None and app.view.name == other.id

    on_screen(TuinetApp(folder), (80, 24), steps)


@pytest.mark.parametrize("key", ["escape", "q"])
def test_nobody_has_to_wait(key: str, folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowReading()
    monkeypatch.setattr(curve_cache, "opened", slow)

    async def steps(pilot: Pilot[Any]) -> None:
        app = pilot.app
        await until(pilot, lambda: "42%" in picture(app), "the share that has been read")
        assert "esc give up" in picture(app) and "q leave" in picture(app)
        await pilot.press(key)
        slow.go_on.set()
        if key == "q":
            await until(pilot, lambda: app.return_code == 0, "the end of the application")
            return
        await until(pilot, lambda: isinstance(app.screen, Welcome), "the welcome")
        assert slow.given_up and "GivenUp" not in picture(app)

    on_screen(TuinetApp(folder), (80, 24), steps)
