"""The architecture pane: what becomes of an edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.architecture_pane import App, drive, made_view, settled
from tests.test_tui_workbench import Alone
from tests.tui_screens import on_screen, until
from tests.tui_screens import picture as screen_text
from tuinet import presets
from tuinet.presets.finding import parse
from tuinet.tui.panes.architecture import ArchitecturePane
from tuinet.tui.sheets import Reading, Saving, Settings

pytestmark = pytest.mark.usefixtures("own_config")


BIG = ((120, 40), (300, 80))


def test_apply_sends_the_whole_preset_and_says_what_was_kept() -> None:
    async def apply(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "c")
        await settled(pilot)
        assert "⏎ apply: keeps 4 of 6 tensors, inserts dense_1; says what it said before" in app.words()
        edited = app.draft.preset
        await pilot.press("enter")
        await settled(pilot)
        ((name, fields),) = app.bench.view.commands
        assert name == "apply"
        assert parse(fields["preset"], "x", "x", Path.cwd()) == replace(edited, title=edited.title)
        assert not app.draft.changed
        await pilot.press("u")
        assert app.draft.changed

    drive(apply)


def test_a_refused_edit_stays_an_edit() -> None:
    async def apply(app: App, pilot: Pilot[Any]) -> None:
        app.bench.view.refuse = "the checkpoint cannot be written"
        await pilot.press("down", "c")
        await settled(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: any("cannot be written" in note.message for note in app._notifications))
        assert app.draft.changed

    drive(apply)


def test_without_a_worker_the_edit_becomes_a_new_run() -> None:
    async def start(app: App, pilot: Pilot[Any]) -> None:
        app.bench.view.alive = False
        await pilot.press("down", "c")
        await settled(pilot)
        assert "r start a run with it" in app.shown()
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert [preset == app.draft.preset for preset in app.bench.started] == [True, True]
        assert not app.bench.view.commands

    drive(start)


def test_enter_on_what_is_not_edited_opens_the_form() -> None:
    async def press(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "enter")
        assert isinstance(app.screen, Settings) and not app.bench.view.commands

    drive(press)


def test_saving_asks_before_it_replaces_a_file(tmp_path: Path) -> None:
    async def save(app: App, pilot: Pilot[Any]) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("old")
        await pilot.press("down", "c", "w")
        assert isinstance(app.screen, Saving)
        field = app.screen.query_one(Input)
        field.value = str(path)
        await pilot.press("enter")
        await pilot.pause()
        assert "press ⏎ once more" in app.words() and path.read_text() == "old"
        await pilot.press("enter")
        await pilot.pause()
        assert presets.load(path) == app.draft.preset and app.screen is app.bench
        assert path.read_text() == app.draft.text

    drive(save)


def test_the_difference_is_read_beside_the_list() -> None:
    async def read(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("v")
        await pilot.pause()
        assert isinstance(app.screen, Reading) and "nothing is edited" in app.shown()
        await pilot.press("escape", "down", "c", "v")
        await pilot.pause()
        assert "+ dense_1 (dense), after hidden" in app.shown()

    drive(read, size=(120, 30))


def test_the_run_may_be_changed_from_elsewhere_while_an_edit_is_under_way() -> None:
    async def change(app: App, pilot: Pilot[Any]) -> None:
        view = app.bench.view
        await pilot.press("down", "c")
        assert view.preset is not None
        view.preset = view.preset.with_overrides(["training.epochs=7"])
        view._changed.add("preset")
        app.bench.feed()
        await settled(pilot)
        assert "dense_1" in app.list_text()
        assert "training.epochs 7 → 25" in app.draft.difference()
        await pilot.press("u")
        await pilot.pause()
        assert app.draft.changed  # its epochs are those of before

    drive(change)


@pytest.mark.parametrize("size", [(80, 24), (200, 50), *(pytest.param(big, marks=pytest.mark.slow) for big in BIG)])
def test_in_the_workbench_an_edit_becomes_a_run_at_every_size(size: tuple[int, int]) -> None:
    app = Alone(made_view())

    async def steps(pilot: Pilot[Any]) -> None:
        def pane() -> ArchitecturePane:
            return app.screen_stack[1].query_one(ArchitecturePane)

        await until(pilot, lambda: len(app.screen_stack) > 1 and app.focused is not None)
        await pilot.press("1")
        await until(pilot, lambda: pane().plan is not None)
        await pilot.press("end", "e")
        await until(pilot, lambda: isinstance(app.screen, Settings))
        await pilot.press("escape", "home", "down", "c")
        await until(pilot, lambda: pane().fate is not None)
        assert "⏎ apply: keeps 4 of 6 tensors" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: app.started)
        assert app.started == [(pane().draft.whole(), "fashion-mlp")]  # type: ignore[union-attr]

    on_screen(app, size, steps)
