"""The architecture pane: every key does what it says, edits are seen at once, and no text commands the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

from tests.cli_scenes import HOSTILE, PAYLOAD
from tests.scripted_view import ScriptedView, scripted_view
from tests.test_tui_workbench import Alone
from tests.tui_screens import check_picture, on_screen, until
from tests.tui_screens import picture as screen_text
from tuinet import presets
from tuinet.data.bound import Facts
from tuinet.diagnostics.pictures import levels_of
from tuinet.presets.finding import parse
from tuinet.tui.draft import TRAINING
from tuinet.tui.navigation import Navigation
from tuinet.tui.net_picture import MOST, Net, net_of, picture
from tuinet.tui.panes.architecture import ArchitecturePane
from tuinet.tui.sheets import Picker, Reading, Saving, Settings, Text
from tuinet.tui.view import Looked
from tuinet.tui.widgets.form import Choice, SettingsForm
from tuinet.tui.widgets.net import NetPicture
from tuinet.tui.widgets.rows import Rows

BIG = ((120, 40), (300, 80))
HEALTH = {
    "flatten_1": {"state": "ok", "reasons": []},
    "hidden": {"state": "warn", "reasons": ["31% of its units are dead"]},
    "out": {"state": "bad", "reasons": ["its gradient is not a number"]},
}


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path / "config"))


class Bench(Screen[None]):
    """The pane by itself, or with something at its side, fed as the workbench feeds it."""

    CSS = "Horizontal { height: 1fr; } ArchitecturePane { width: 1fr; height: 1fr; }"

    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.view = view
        self.started: list[Any] = []

    def compose(self) -> ComposeResult:
        pane = ArchitecturePane()
        pane.view = self.view
        yield Horizontal(pane)

    def on_mount(self) -> None:
        self.query_one(ArchitecturePane).focus()
        self.feed()

    def feed(self) -> None:
        self.view._grant()
        changed, self.view._changed = self.view._changed, set()
        self.query_one(ArchitecturePane).see(frozenset(changed))

    def on_architecture_pane_start_asked(self, event: ArchitecturePane.StartAsked) -> None:
        self.started.append(event.preset)


class App(Navigation):
    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.bench = Bench(view)

    def on_mount(self) -> None:
        self.push_screen(self.bench)

    @property
    def pane(self) -> ArchitecturePane:
        return self.bench.query_one(ArchitecturePane)

    @property
    def draft(self) -> Any:
        return self.pane.draft

    def shown(self) -> str:
        """The text on the screen."""
        return screen_text(self)

    def words(self) -> str:
        """The same as one line, without frames and without what only fills it."""
        return " ".join(self.shown().replace("│", " ").split())

    def list_text(self) -> str:
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in self.pane.query_one(Rows).lines)


def made_view(preset: str = "fashion-mlp", facts: Facts | None = None) -> ScriptedView:
    view = scripted_view(preset, epochs=2, looks={"health": lambda _: Looked({"layers": HEALTH})})
    view.start["examples"] = {"train": 8_000}
    if facts is not None:
        view.facts = facts
    return view


async def settled(pilot: Pilot[Any]) -> None:
    """Until the costs of what is edited are worked out."""
    app = pilot.app
    assert isinstance(app, App)
    for _ in range(200):
        await pilot.pause(0.02)
        pane = app.pane
        busy = any(worker.group == "plan" and not worker.is_finished for worker in app.workers)
        if pane._timer is None and not busy and (pane.plan is not None or pane.draft is None or pane.draft.error):
            break
    app.bench.feed()
    await pilot.pause()


def drive(
    test: Callable[[App, Pilot[Any]], Awaitable[None]], *, view: ScriptedView | None = None,
    size: tuple[int, int] = (100, 30),
) -> App:  # fmt: skip
    app = App(view or made_view())

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await settled(pilot)
            await test(app, pilot)

    asyncio.run(run())
    return app


# -- what is shown -----------------------------------------------------------------------------


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


def test_the_summary_is_one_short_line() -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        assert app.pane.summary() == "3 layers"
        await pilot.press("down")
        assert app.pane.summary() == "hidden ▲"
        await pilot.press("c")
        assert app.pane.summary() == "dense_1, edited"

    drive(look)


# -- edits -------------------------------------------------------------------------------------


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


# -- the form ----------------------------------------------------------------------------------


def test_the_form_sets_what_is_typed_at_once_and_says_what_cannot_be() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "e")
        await pilot.pause()
        assert isinstance(app.screen, Settings)
        field = app.focused
        assert isinstance(field, Input) and field.value == "128"
        await pilot.press("backspace", "backspace", "backspace")
        assert app.draft.table(("layers", 1))["units"] == 1
        assert "is missing" in app.shown()
        await pilot.press("6", "4")
        assert app.draft.table(("layers", 1))["units"] == 64 and "is missing" not in app.shown()
        await pilot.press("x")
        assert app.draft.table(("layers", 1))["units"] == 64
        assert "must be a whole number" in app.words()
        await pilot.press("escape")
        assert app.screen is app.bench
        await settled(pilot)
        assert "50,240" in app.list_text()
        await pilot.press("u")
        assert not app.draft.changed

    drive(type_, size=(80, 24))


def test_what_is_typed_just_before_the_form_closes_counts() -> None:
    """On a busy machine keys come faster than they are looked at."""

    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "e")
        await pilot.pause()
        assert isinstance(app.screen, Settings) and isinstance(app.focused, Input)
        for text in ("12", "1", "4", "48"):
            app.focused.value = text
        app.screen.action_close()
        await settled(pilot)
        assert app.draft.table(("layers", 1))["units"] == 48

    drive(type_, size=(80, 24))


def test_a_choice_goes_round_by_arrows_and_by_its_first_letter() -> None:
    async def choose(app: App, pilot: Pilot[Any]) -> None:
        def said() -> Any:
            return app.draft.table(("layers", 1)).get("activation")

        await pilot.press("down", "e", "down")
        assert isinstance(app.focused, Choice)
        await pilot.press("t")
        assert said() == "tanh"
        before = said()
        await pilot.press("right")
        assert said() != before
        await pilot.press("left")
        assert said() == before
        await pilot.press("delete")
        assert said() is None
        await pilot.press("q")
        assert isinstance(app.screen, Settings)

    drive(choose)


def test_another_part_brings_its_own_settings_into_the_form() -> None:
    async def exchange(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("end", "e")
        await pilot.pause()
        form = app.screen.query_one(SettingsForm)
        assert app.pane.place == TRAINING and "optimizer.beta1" in form.keys
        line = form.line("optimizer")
        assert line is not None
        line.control.focus()
        await pilot.press("s")
        await pilot.pause()
        assert app.draft.preset.training.optimizer.__class__.__name__ == "SGD"
        assert "optimizer.momentum" in form.keys and "optimizer.beta1" not in form.keys
        assert app.focused is line.control
        rate = form.line("optimizer.learning_rate")
        assert rate is not None
        rate.control.focus()
        await pilot.press(*"0.25")
        assert app.draft.preset.training.optimizer.learning_rate == 0.25

    drive(exchange)


@pytest.mark.parametrize(("word", "size"), [("dense", (80, 24)), ("training", (160, 40))])
def test_the_form_looks_as_it_was_looked_at(word: str, size: tuple[int, int]) -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press(*(("end",) if word == "training" else ("down",)), "e")
        await pilot.pause(0.1)
        app.pane.speed = None
        app.pane._draw()
        await pilot.pause()
        check_picture(app, f"architecture-form-{word}")

    view = made_view()
    view.status = replace(view.status, samples_per_s=float("nan"))
    drive(look, view=view, size=size)


# -- the text ----------------------------------------------------------------------------------


def test_text_and_list_are_in_step_and_an_error_names_its_line() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "t")
        await pilot.pause()
        assert isinstance(app.screen, Text)
        area = app.screen.query_one(TextArea)
        assert area.cursor_location[0] == area.text.split("\n").index('type = "dense"') - 1
        area.text = area.text.replace("units = 128", "units = 32")
        await until(pilot, lambda: app.draft.table(("layers", 1))["units"] == 32)
        assert "32" in app.list_text()
        area.text = area.text.replace("units = 32", "units = ")
        await until(pilot, lambda: "this is not TOML" in app.words())
        assert app.draft.table(("layers", 1))["units"] == 32
        area.text = area.text.replace("units = ", 'units = "many"', 1)
        await until(pilot, lambda: '"many" is not known here' in app.words())
        area.text = area.text.replace('units = "many"', "units = 16")
        await pilot.press("escape")
        await settled(pilot)
        assert app.draft.table(("layers", 1))["units"] == 16 and app.draft.error is None
        await pilot.press("u")
        assert not app.draft.changed

    drive(type_)


# -- apply, start, save, difference ---------------------------------------------------------------


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


# -- the picture -----------------------------------------------------------------------------------

PLANE = Facts(name="xor", source="", inputs=(2,), task="binary", classes=2, outputs=1, columns=["x", "y"])


def test_a_small_network_is_drawn_with_the_weights_that_it_has_now() -> None:
    def heatmap(request: dict[str, Any]) -> Looked:
        rows, columns = request["rows"], request["columns"]
        weights = np.linspace(-1.0, 1.0, rows * columns).reshape(rows, columns)
        return Looked({"limit": 1.0}, levels_of(weights, 1.0).tobytes())

    async def draw(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        for _ in range(20):
            app.bench.feed()
            await pilot.pause(0.02)
        text = app.shown()
        assert text.count("●") + text.count("◉") >= 2 + 8 + 1
        assert "positive" in text and "negative" in text and "largest 1" in text
        widget = app.pane.query_one(NetPicture)
        assert {kind for row in widget._rows for _, kind in row} >= {"plus", "minus", "node"}
        await pilot.press("p")
        await pilot.pause()
        assert "positive" not in app.shown() and not [key for key in app.bench.view._wishes if key.startswith("net:")]

    view = made_view("xor", PLANE)
    view.looks["heatmap"] = heatmap
    drive(draw, view=view)


def test_why_there_is_no_picture_is_said() -> None:
    async def draw(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        await pilot.pause()
        assert f"there are 784 inputs; the picture shows up to {MOST} units a layer" in app.shown()

    drive(draw)


def links(net: Net, weights: dict[str, Any], width: int = 60, height: int = 20) -> list[list[tuple[str, str]]]:
    return picture(net, weights, width, height)


def planned_layers(name: str, facts: Facts) -> Any:
    from tuinet.training.planning import planned

    return planned(presets.load(name), facts, 100).layers


def test_a_link_is_solid_or_broken_by_its_sign_and_thick_by_its_size() -> None:
    net = net_of(planned_layers("xor", PLANE), (2,), ["x", "y"])
    assert isinstance(net, Net) and [column.units for column in net.columns] == [2, 8, 1]

    def dots(strength: float, other: float = 1.0) -> tuple[int, set[str]]:
        weights = {"hidden.W": np.zeros((2, 8)), "out.W": np.zeros((8, 1))}
        weights["hidden.W"][0, 0], weights["out.W"][7, 0] = strength, other
        rows = links(net, weights)
        middle = [cell for row in rows for cell in row[: len(row) // 2 - 2]]
        drawn = [(text, kind) for text, kind in middle if "⠀" < text <= "⣿"]
        return sum(bin(ord(text) - 0x2800).count("1") for text, _ in drawn), {kind for _, kind in drawn}

    solid, broken, thin = dots(1.0), dots(-1.0), dots(0.1)
    assert solid[1] == thin[1] == {"plus"} and broken[1] == {"minus"}
    assert solid[0] > 1.5 * broken[0] and solid[0] > 2 * thin[0]
    assert dots(0.001)[0] == 0


@pytest.mark.parametrize("size", [(0, 0), (11, 9), (12, 4), (13, 5), (200, 60)])
def test_a_picture_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    net = net_of(planned_layers("xor", PLANE), (2,), ["a very long name of an input", "\u4e16\u754c"])
    assert isinstance(net, Net)
    rows = links(net, {"hidden.W": np.ones((2, 8)), "out.W": np.ones((7, 1))}, *size)
    assert [len(row) for row in rows] == [size[0]] * size[1]


# -- hostile text ------------------------------------------------------------------------------------


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
