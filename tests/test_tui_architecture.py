"""The architecture pane: what its list shows, what each key edits, and that no text commands the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.architecture_pane import App, drive, made_view, settled
from tests.cli_scenes import HOSTILE, PAYLOAD
from tests.tui_screens import check_picture, until
from tuinet import presets
from tuinet.data.bound import Facts
from tuinet.presets.finding import parse
from tuinet.tui.sheets import Picker, Settings
from tuinet.tui.view import Looked

pytestmark = pytest.mark.usefixtures("own_config")


# -- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "size"), [("fashion-mlp", (42, 20)), ("fashion-mlp", (80, 24)),
                                              ("fashion-resnet", (60, 34)), ("deep", (80, 20))])  # fmt: skip
def test_the_list_looks_as_it_was_looked_at(preset: str, size: tuple[int, int]) -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        app.pane.speed = None  # a time is another one on every machine
        app.pane._draw()
        await pilot.pause()
        check_picture(app, f"architecture-{preset}-{size[0]}x{size[1]}")

    view = made_view(preset)
    view.status = replace(view.status, samples_per_s=float("nan"))
    if preset == "deep":
        view.facts = Facts(name="digits", source="", inputs=(8, 8, 1), task="classes", classes=10, outputs=10)
    drive(look, view=view, size=size)


def test_the_cursor_is_the_layer_of_all_panes_and_theirs_is_the_cursor() -> None:
    async def move(app: App, pilot: Pilot[Any]) -> None:
        view = app.bench.view
        await pilot.press("down")
        assert (view.layer, view.parameter) == ("hidden", "hidden.W")
        assert "▸ hidden" in app.list_text()
        view.choose_layer("out")
        app.bench.feed()
        await pilot.pause()
        assert app.pane.place == ("layers", 2)
        assert "▸ out" in app.list_text() and app.list_text().count("▸") == 1
        assert view.layer == "out"

    drive(move)


def test_health_has_a_mark_and_its_reason_in_words() -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        text = app.list_text()
        assert [line[-1] for line in text.splitlines()[2:5]] == ["●", "▲", "✖"]
        await pilot.press("down")
        await pilot.pause()
        assert "31% of its units are dead" in app.shown()

    drive(look)


def test_costs_stand_below_and_the_time_is_that_of_this_run() -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        assert "101,770 params" in app.shown() and "0.19 s an epoch here" in app.shown()
        app.draft.set(("layers", 1), "units", "256")
        app.pane._changed()
        await settled(pilot)
        assert "203,530 params" in app.shown() and "about 0." in app.shown()
        assert app.pane.speed is not None and app.pane.speed.known

    drive(look)


@pytest.mark.parametrize("state", ["finished", "slow motion", "elsewhere"])
def test_the_time_is_that_of_this_run_after_its_end_and_in_slow_motion_too(state: str) -> None:
    view = made_view("fashion-mlp")
    view.alive = state == "slow motion"
    view.status = replace(view.status, slow=0.5 if view.alive else 0.0, state="running" if view.alive else "finished")
    if state == "elsewhere":
        view.info["host"] = "another-machine"

    async def look(app: App, pilot: Pilot[Any]) -> None:
        app.pane.speed = None
        app.pane._draw()
        await pilot.pause()
        assert ("0.19 s an epoch here" in app.shown()) == (state != "elsewhere")

    drive(look, view=view)


def test_the_summary_is_one_short_line() -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        assert app.pane.summary() == "3 layers"
        await pilot.press("down")
        assert app.pane.summary() == "hidden ▲"
        await pilot.press("c")
        assert app.pane.summary() == "dense_1, edited"
        await pilot.press("u")
        await pilot.pause()
        assert app.pane.summary() == "out ✖", "the layer that the cursor stands on, for dense_1 is gone"
        assert app.bench.view.layer == "out"

    drive(look)


# -- edits -----------------------------------------------------------------------------------------


def test_add_picks_from_what_may_stand_there_and_undo_takes_it_back() -> None:
    async def add(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "a")
        assert isinstance(app.screen, Picker)
        await pilot.press(*"drop")
        await pilot.pause()
        assert "dropout" in app.shown() and "conv2d" not in app.shown()
        await pilot.press("enter")
        await settled(pilot)
        assert [row.path for row in app.draft.rows()] == ["flatten_1", "hidden", "dropout_1", "out"]
        assert app.pane.place == ("layers", 2)
        assert "⏎ apply: keeps 4 of 4 tensors, inserts dropout_1; says what it said before" in app.words()
        await pilot.press("u")
        assert not app.draft.changed and "⏎ apply" not in app.list_text()
        await pilot.press("ctrl+r")
        assert app.draft.changed

    drive(add)


def test_escape_closes_the_picker_and_nothing_is_added() -> None:
    async def close(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("a", "escape")
        await pilot.pause()
        assert app.screen is app.bench and not app.draft.changed

    drive(close)


def test_the_picker_finds_a_layer_by_what_it_does() -> None:
    async def search(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("a", *"largest value")
        await pilot.pause()
        assert "max_pool" in app.shown()
        await pilot.press(*"zzz")
        await pilot.pause()
        assert "no layer has these words" in app.shown()
        await pilot.press("enter")
        assert isinstance(app.screen, Picker)

    drive(search)


PRESSED: list[tuple[tuple[str, ...], list[str]]] = [
    (("down", "d"), ["flatten_1", "out"]),
    (("down", "delete"), ["flatten_1", "out"]),
    (("down", "c"), ["flatten_1", "hidden", "dense_1", "out"]),
    (("down", "J"), ["flatten_1", "out", "hidden"]),
    (("down", "shift+down"), ["flatten_1", "out", "hidden"]),
    (("down", "K"), ["hidden", "flatten_1", "out"]),
    (("down", "shift+up", "shift+up", "shift+up"), ["hidden", "flatten_1", "out"]),
    (("down", "J", "K"), ["flatten_1", "hidden", "out"]),
    (("d", "d", "d", "d"), []),
]


def test_keys_remove_duplicate_and_move() -> None:
    async def press(app: App, pilot: Pilot[Any]) -> None:
        for keys, paths in PRESSED:
            await pilot.press("home", *keys)
            await pilot.pause()
            assert [row.path for row in app.draft.rows()] == paths, keys
            while app.draft.changed:
                await pilot.press("u")

    drive(press)


def test_layers_go_into_a_residual_and_out_of_it() -> None:
    async def nest(app: App, pilot: Pilot[Any]) -> None:
        app.draft.add("residual", ("layers", 0))
        app.draft.add("dropout", ("layers", 1))
        app.pane._changed(("layers", 2))
        await pilot.pause()
        await pilot.press("H")
        assert app.pane.place == ("layers", 1, "layers", 1)
        await pilot.press("J")
        assert app.pane.place == ("layers", 2)
        await pilot.press("up", "up", "A")
        await pilot.press(*"layer_norm", "enter")
        await settled(pilot)
        assert app.pane.place == ("layers", 1, "layers", 0)

    drive(nest)


def test_a_layer_that_does_not_fit_is_marked_and_the_remedy_told_while_it_is_edited() -> None:
    async def break_it(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("a", *"conv1d", "enter")
        await settled(pilot)
        assert "✖" in app.list_text().splitlines()[3]
        assert "put a reshape" in app.words()
        await pilot.press("enter")
        assert not app.bench.view.commands
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Settings) and "put a reshape" in app.words())

    drive(break_it, size=(80, 30))


# -- a preset without a run ------------------------------------------------------------------------


def test_a_mere_preset_is_edited_with_data_that_are_read_beside_the_loop() -> None:
    async def edit(app: App, pilot: Pilot[Any]) -> None:
        app.pane.view = None
        app.pane.edit(presets.load("digits"))
        await settled(pilot)
        assert app.pane.facts is not None and app.pane.facts.inputs == (8, 8, 1) and app.pane.examples == 1438
        assert "about" in app.shown() and "r start" not in app.shown()
        await pilot.press("end", "up", "d")
        await settled(pilot)
        assert app.pane._error() is not None

    drive(edit)


def test_data_that_cannot_be_read_are_a_sentence() -> None:
    async def edit(app: App, pilot: Pilot[Any]) -> None:
        preset = presets.load("digits")
        text = preset.text.replace('set = "digits"', 'file = "/nowhere/at-all.csv"')
        app.pane.view, app.pane.facts, app.pane.plan = None, None, None
        app.pane.edit(parse(text, "mine", "mine.toml", Path("/nowhere")))
        for _ in range(100):
            await pilot.pause(0.02)
            if "at-all" in app.shown():
                break
        assert "/nowhere/at-all.csv" in app.words()
        assert "hidden" in app.list_text()

    drive(edit)


# -- hostile text ----------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """As TOML, which has no lone surrogates."""
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text if not 0xD800 <= ord(letter) <= 0xDFFF) + '"'


def test_no_name_or_text_of_a_preset_commands_the_terminal() -> None:
    base = presets.load("digits").text

    async def open_all(app: App, pilot: Pilot[Any]) -> None:
        view, seen = app.bench.view, ""
        for text in (*HOSTILE, "".join(HOSTILE)):
            view.looked["health"] = Looked({"layers": {"out": {"state": text, "reasons": [text]}}})
            wrong = f'[[layers]]\ntype = "dense"\nname = {quoted(text)}\nunits = 3\n'
            app.draft.replace(base.replace("[[layers]]", f"{wrong}\n[[layers]]", 1) + f"until = {quoted(text)}\n")
            app.pane._changed(("layers", 0))
            await pilot.pause()
            assert app.draft.error is not None
            seen += app.shown()
        for keys in (("e",), ("escape", "t"), ("escape", "v"), ("escape", "w"), ("escape", "a")):
            await pilot.press(*keys)
            await pilot.pause()
            seen += app.shown()
        assert "will not do here" in seen and not PAYLOAD & set(seen)

    drive(open_all)
