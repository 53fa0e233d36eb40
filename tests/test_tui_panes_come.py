"""The first opening of a run: the curve stands, with frames beside it, while the other panes are still imported."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.scripted_view import scripted_view
from tests.test_tui_workbench import Alone, focused
from tests.tui_screens import at_rest, on_screen, picture, until, without_rates
from tuinet.tui import panes
from tuinet.tui.panes import PANES, Pane, load
from tuinet.tui.screens import workbench

pytestmark = pytest.mark.usefixtures("home", "own_config")

FRAMES = tuple(name for name in PANES if name != panes.FIRST)
UNWANTED = ("tuinet.presets.preset", "tuinet.layers", "tuinet.training.looks", "tuinet.tui.draft", "tomlkit")


class Importing:
    """The panes but the first are on their way until they may come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.may_come, self.error = threading.Event(), error
        self.loaded = {panes.FIRST: load(panes.FIRST)}
        monkeypatch.setattr(panes, "_loaded", self.loaded)
        monkeypatch.setattr(workbench, "load", self)

    def __call__(self, name: str) -> type[Pane]:
        self.may_come.wait(20)
        if self.error is not None:
            raise self.error
        return load(name)


def frames(app: Any) -> list[str]:
    """The panes that have not come."""
    return [name for name, pane in zip(PANES, app.screen.panes, strict=True) if type(pane) is Pane]


def columns(app: Any) -> dict[str, int]:
    return {str(pane.id): pane.region.x for pane in app.screen.query(Pane)}


def test_the_curve_is_drawn_before_the_others_come_and_then_all_is_as_if_they_had_been_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, importing = Alone(scripted_view()), Importing(monkeypatch)
    app = Alone(scripted_view())
    seen: list[str] = []

    async def first(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: any("⠁" <= sign <= "⣿" for sign in picture(app)), "the curve")
        assert frames(app) == list(FRAMES)
        assert all(f"─ {name.capitalize()} " in picture(app) for name in PANES)
        importing.may_come.set()
        await until(pilot, lambda: not frames(app), "the other panes")
        await at_rest(pilot)
        seen.append(without_rates(picture(app)))

    async def then(pilot: Pilot[Any]) -> None:
        await at_rest(pilot)
        assert without_rates(picture(whole)) == seen[0]

    on_screen(app, (200, 50), first)
    on_screen(whole, (200, 50), then)


def test_keys_and_a_resize_mean_the_same_before_the_panes_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    importing, app = Importing(monkeypatch), Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: frames(app) == list(FRAMES))
        await pilot.press("4")
        await until(pilot, lambda: focused(app) == "overfitting")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: columns(app)["overfitting"] > 0)
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: columns(app)["weights"] == columns(app)["loss"])
        importing.may_come.set()
        await until(pilot, lambda: not frames(app), "the other panes")
        await until(pilot, lambda: columns(app)["architecture"] < columns(app)["loss"] < columns(app)["overfitting"])
        assert columns(app)["weights"] == columns(app)["loss"]
        assert focused(app) == "overfitting" and type(app.screen.panes[3]).__name__ == "OverfittingPane"
        await pilot.press("z")
        await until(pilot, lambda: app.screen.panes[3].size.width > 190)

    on_screen(app, (200, 50), steps)


def test_panes_that_cannot_be_imported_are_told_of_and_the_curve_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    importing, app = Importing(monkeypatch, ImportError("[b]no[/] libm")), Alone(scripted_view())
    importing.may_come.set()

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "[b]no[/] libm" in picture(app), "the reason")
        assert frames(app) == list(FRAMES)
        await pilot.press("x")
        await until(pilot, lambda: "x time" in picture(app), "the loss pane hears keys")
        app.faults.clear()

    on_screen(app, (200, 50), steps)


def unwanted_after(call: str) -> str:
    code = f"import sys, tuinet.tui.app as app; app.{call}(); print(*[m for m in {UNWANTED!r} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_what_the_curve_waits_for_is_neither_layers_nor_looks_nor_the_editor() -> None:
    assert unwanted_after("_workbench").split() == []


def test_control_the_whole_workbench_does_load_them() -> None:
    assert {"tuinet.layers", "tuinet.tui.draft"} < set(unwanted_after("_whole_workbench").split())
