"""The weights pane: what its keys show and ask for, what it tells the other panes, and how it looks at every size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from tests.scripted_view import ScriptedView, scripted_view
from tests.tui_screens import on_screen, picture
from tuinet.data import Facts, Part, Prepare
from tuinet.errors import TuinetError
from tuinet.runs.probes import Probes, ProbeWriter
from tuinet.training.looks import LOOKS, LiveSource, answer
from tuinet.tui.colours import palette, palette_of
from tuinet.tui.navigation import Navigation
from tuinet.tui.panes.weights import WeightsPane
from tuinet.tui.panes.weights_lines import signed
from tuinet.tui.screens.number import Number
from tuinet.tui.view import Looked

SNAPSHOTS = Path(__file__).with_name("snapshots")
FULL, ASCII = (
    SimpleNamespace(colours=2**24, unicode=True, ssh=False),
    SimpleNamespace(colours=0, unicode=False, ssh=True),
)
SHAPES = {"conv.W": (3, 3, 1, 8), "conv.b": (8,), "hidden.W": (200, 12), "hidden.b": (12,), "out.W": (12, 3)}


def waves(shape: tuple[int, ...], phase: float) -> np.ndarray:
    """Numbers with an order that can be seen, and without a chance that another machine rounds them otherwise."""
    flat = np.arange(int(np.prod(shape)), dtype=np.float64)
    return np.round(np.sin(flat * 0.37 + phase) * (1 + np.cos(flat * 0.011)), 3).astype(np.float32).reshape(shape)


class Trained:
    """A trainer as far as it is looked at: its outputs are a product of the two inputs, its layer one of each."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.step = 1648
        self.values = {name: waves(shape, len(name)) for name, shape in shapes.items()}
        slots = [SimpleNamespace(name=name, shape=shape, kind="parameter") for name, shape in shapes.items()]
        self.program = SimpleNamespace(kept=lambda: slots)
        self.value = self.values.__getitem__

    def gradient(self, name: str) -> np.ndarray:
        return self.values[name] / 50

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        return inputs[:, :1] * inputs[:, 1:]

    def activations(self, inputs: np.ndarray) -> dict[str, Any]:
        return {"hidden": SimpleNamespace(output=np.tanh(np.repeat(inputs[:100], 4, axis=1)))}


def source(folder: Path, **shapes: tuple[int, ...]) -> LiveSource:
    trained = Trained({name.replace("__", "."): shape for name, shape in shapes.items()} or SHAPES)
    bound: Any = SimpleNamespace(facts=Facts(name="made", source="made", inputs=(200,), task="classes", classes=3,
                                             outputs=3, class_names=list("abc"), class_counts=[1] * 3))  # fmt: skip
    first = {name: value * 0 for name, value in trained.values.items()}
    found = LiveSource(trained, bound, updates={}, initial=first, probes=Probes(folder))
    writer = ProbeWriter(folder, 0)
    for step in (0, 10, 812):
        writer.take(step, found)
    return found


def plane_source(folder: Path) -> LiveSource:
    found = source(folder, hidden__W=(2, 8), hidden__b=(8,))
    draws = np.random.default_rng(4).uniform(-5, 5, (60, 2)).round(1)
    facts = Facts(name="xor", source="generated", inputs=(2,), task="binary", classes=2, outputs=1,
                  class_names=["-1", "1"], class_counts=[30, 30], columns=["x", "y"])  # fmt: skip
    train = Part(draws.astype(np.float32), (draws.prod(1) > 0).astype(np.float32)[:, None])
    scaler = Prepare((2,), "none", np.zeros(1), np.ones(1), features=("x", "y"))
    found.bound = SimpleNamespace(facts=facts, train=train, scaler=scaler)  # type: ignore[assignment]
    return found


def looked(found: LiveSource, asked: list[dict[str, Any]]) -> dict[str, Callable[[dict[str, Any]], Looked]]:
    """Looks that are answered by the source; what was asked is noted."""

    def one(name: str) -> Callable[[dict[str, Any]], Looked]:
        def take(request: dict[str, Any]) -> Looked:
            asked.append({"look": name, **request})
            try:
                got = answer(found, {"look": name, **request})
            except TuinetError as error:
                return Looked(error=str(error))
            return Looked(got.fields, got.body)

        return take

    return {name: one(name) for name in LOOKS}


class Bench(Navigation):
    """The pane alone."""

    CSS = "WeightsPane { height: 1fr; }"
    BINDINGS: ClassVar[Any] = [("escape", "out", "out")]

    def __init__(self, abilities: Any) -> None:
        super().__init__()
        self.abilities, self.left = abilities, 0

    def compose(self) -> ComposeResult:
        yield WeightsPane()

    def on_mount(self) -> None:
        self.theme = "tuinet-dark"

    def action_out(self) -> None:
        self.left += 1


class Scene:
    """An app with the pane in it, its view, and all that was asked of the view."""

    def __init__(self, app: Bench, pilot: Any, view: ScriptedView, asked: list[dict[str, Any]]) -> None:
        self.app, self.pilot, self.view, self.asked = app, pilot, view, asked
        self.pane = app.query_one(WeightsPane)

    async def settle(self) -> None:
        """Until what is wished for is drawn."""
        for _ in range(3):
            await asyncio.sleep(0)
            self.pane.see(await self.view.poll())

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    def text(self) -> str:
        return picture(self.app)

    def last(self, look: str) -> dict[str, Any]:
        return next(request for request in reversed(self.asked) if request["look"] == look)


def play(found: LiveSource, script: Callable[[Scene], Awaitable[None]], size: tuple[int, int] = (90, 26),
         abilities: Any = FULL) -> None:  # fmt: skip
    asked: list[dict[str, Any]] = []
    view = scripted_view(looks=looked(found, asked))
    view.facts = found.facts
    app = Bench(abilities)

    async def steps(pilot: Pilot[Any]) -> None:
        scene = Scene(app, pilot, view, asked)
        scene.pane.view = view
        scene.pane.focus()
        await scene.settle()
        await script(scene)

    on_screen(app, size, steps)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish is granted again as soon as something has changed."""
    monkeypatch.setattr("tuinet.tui.view.LOOK_EVERY", 0.0)


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pane may be smaller than a terminal."""
    monkeypatch.setattr("tuinet.tui.screens.too_small.guard", lambda app, size: None)


# -- what the keys do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "mode"), [("v", "value"), ("g", "gradient"), ("c", "change")])
def test_a_key_shows_another_side_of_the_parameter(tmp_path: Path, key: str, mode: str) -> None:
    async def script(scene: Scene) -> None:
        await scene.press(key)
        assert scene.last("heatmap") | {"mode": mode, "slot": "conv.W"} == scene.last("heatmap")
        assert f"Weights: conv.W · 3×3×1×8 · {mode}" in scene.text()
        assert "each cell is one number" in scene.text()

    play(source(tmp_path), script)


def test_what_cannot_be_had_is_said_in_the_pane(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.press("u")
        assert "the update is taken with the next step" in scene.text()

    play(source(tmp_path), script)


def test_brackets_go_through_the_parameters_and_tell_the_others(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        seen = [scene.last("heatmap")["slot"]]
        for _ in range(5):
            await scene.press("right_square_bracket")
            seen.append(scene.last("heatmap")["slot"])
            assert scene.view.parameter == seen[-1] and scene.view.layer == seen[-1].split(".")[0]
        assert seen == [*SHAPES, "conv.W"]
        await scene.press("left_square_bracket")
        assert scene.view.parameter == "out.W"

    play(source(tmp_path), script)


def test_the_layer_that_is_chosen_elsewhere_is_shown(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_layer("hidden")
        await scene.settle()
        assert "Weights: hidden.W" in scene.text()
        scene.view.choose_parameter("out.W")
        await scene.settle()
        assert "Weights: out.W" in scene.text()
        scene.view.choose_layer("dropout")  # has no parameters: what was shown stays
        await scene.settle()
        assert "Weights: out.W" in scene.text()

    play(source(tmp_path), script)


def test_the_cursor_says_the_number_and_its_history(tmp_path: Path) -> None:
    found = source(tmp_path)

    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("out.W")
        await scene.settle()
        await scene.press("enter", "up", "right", "down", "down")
        index = scene.last("cell")["index"]
        assert index == [6, 2]
        value = f"{found.value('out.W')[6, 2]:+.3g}".replace("-", "−")
        assert f"[6, 2] {value}" in scene.text() and "steps 0–812" in scene.text()
        await scene.press("right")  # the edge
        assert scene.last("cell")["index"] == [6, 2]
        await scene.press("enter")
        assert "steps 0–812" not in scene.text()

    play(found, script)


def test_a_parameter_that_has_another_shape_is_shown_from_its_beginning(tmp_path: Path) -> None:
    before, after = source(tmp_path, hidden__W=(200, 12)), source(tmp_path, hidden__W=(200, 4))

    async def script(scene: Scene) -> None:
        await scene.press("i", "i", "enter", "right", "right")
        assert scene.pane.crop is not None and scene.pane.cursor is not None
        scene.view.looks = looked(before, scene.asked)
        scene.pane.see(frozenset({"preset"}))
        await scene.settle()
        assert scene.pane.crop is not None and scene.pane.cursor is not None, "the same shape: nothing moves"
        scene.view.looks = looked(after, scene.asked)
        scene.pane.see(frozenset({"preset"}))
        await scene.settle()
        assert scene.pane.crop is None and scene.pane.cursor is None
        assert scene.last("heatmap")["crop"] is None and "200×4" in scene.text()

    play(before, script)


def test_where_the_chosen_parameter_is_gone_the_first_is_shown(tmp_path: Path) -> None:
    before, after = source(tmp_path, one__W=(6, 5), two__W=(5, 5)), source(tmp_path, one__W=(6, 5))

    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("two.W")
        await scene.settle()
        assert "two.W" in scene.text()
        scene.view.layer = "two"
        scene.view.looks = looked(after, scene.asked)
        scene.pane.see(frozenset({"preset"}))
        await scene.settle()
        assert "one.W" in scene.text() and "not there yet" not in scene.text()

    play(before, script)


@pytest.mark.parametrize("width", [44, 52, 60, 67, 90])
def test_no_number_under_the_cursor_is_cut(tmp_path: Path, width: int) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("hidden.W")
        await scene.settle()
        await scene.press("enter")
        said = next(line for line in scene.text().splitlines() if "gradient" in line).strip("│ ")
        cell = scene.view.looked["weights.cell"].fields
        last = next(mode for mode in ("change", "update", "gradient") if mode in said)
        assert said.endswith(f"{last} {signed(cell[last], palette_of(scene.app))}")
        assert width < 66 or last == "change"

    play(source(tmp_path), script, (width, 26))


def test_a_number_is_written_by_hand(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.press("w")
        assert scene.view.commands == [] and not isinstance(scene.app.screen, Number)
        await scene.press("enter", "w")
        assert isinstance(scene.app.screen, Number)
        for key in ("ctrl+u", "n", "a", "n", "enter"):
            await scene.pilot.press(key)
        assert isinstance(scene.app.screen, Number), "nan is no finite number"
        for key in ("ctrl+u", "minus", "0", "full_stop", "5", "enter"):
            await scene.pilot.press(key)
        await scene.settle()
        assert scene.view.commands == [("write", {"slot": "conv.W", "index": [1, 1, 0, 3], "value": -0.5})]
        scene.view.refuse = "the training is over"
        await scene.pilot.press("w")
        for key in ("ctrl+u", "1", "enter"):
            await scene.pilot.press(key)
        await scene.settle()
        assert [notice.message for notice in scene.app._notifications][-1] == "the training is over"
        scene.view.alive = False
        await scene.press("w")
        assert not isinstance(scene.app.screen, Number)

    play(source(tmp_path), script)


def test_a_part_is_shown_closer_until_each_cell_is_a_number(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("hidden.W")
        await scene.settle()
        assert "mean of about" in scene.text()
        await scene.press("i", "i", "i")
        top, bottom, left, right = scene.last("heatmap")["crop"]
        assert (bottom - top, left, right) == (25, 0, 12) and top < 100 < bottom
        assert f"rows {top}–{bottom - 1} of 200" in scene.text() and "each cell is one number" in scene.text()
        await scene.press("o", "o", "o", "o")
        assert scene.last("heatmap")["crop"] is None and scene.app.left == 0
        await scene.press("i", "escape")
        assert scene.last("heatmap")["crop"] is None and scene.app.left == 0
        await scene.press("escape")
        assert scene.app.left == 1, "with nothing to leave it is the workbench's key"

    play(source(tmp_path), script)


def test_filters_are_shown_as_a_gallery_that_turns_its_pages(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.press("t")
        assert "gallery, value" in scene.text() and "of 512 filters × 8 channels" in scene.text()
        first = scene.last("tiles")
        await scene.press("pagedown")
        assert scene.last("tiles")["first"] == first["count"] and f"{first['count'] + 1}–" in scene.text()
        await scene.press("pageup", "pageup")
        assert scene.last("tiles")["first"] == 0
        await scene.press("g")
        assert scene.last("tiles")["mode"] == "gradient"
        await scene.press("right_square_bracket")
        assert "conv.b (64) has no pictures" in " ".join(scene.text().split())
        await scene.press("t")
        assert "Weights: conv.b · 64 · gradient" in scene.text()

    play(source(tmp_path, conv__W=(3, 3, 8, 64), conv__b=(64,)), script, size=(58, 16))


def test_the_plane_is_shown_with_points_and_a_picture_for_each_neuron(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.press("d")
        assert "· plane" in scene.text() and "hidden: 8 of 8 units" in scene.text()
        assert "●" in scene.text() and "○" in scene.text()
        assert scene.last("plane")["layer"] == "hidden"
        await scene.press("d")
        assert "· value" in scene.text()

    play(plane_source(tmp_path), script)


def test_without_a_plane_the_key_says_why(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.press("d")
        assert "two inputs" in [notice.message for notice in scene.app._notifications][-1]
        assert "· value" in scene.text()

    play(source(tmp_path), script)


def test_the_past_is_named_in_the_title(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_step(500)
        await scene.settle()
        assert scene.last("heatmap")["at"] == 500
        assert "value · step 10, not live" in scene.text()
        await scene.press("g")
        assert "the gradient of step 500 is gone" in scene.text()
        scene.view.choose_step(None)
        await scene.settle()
        assert "not live" not in scene.text()

    play(source(tmp_path), script)


def test_a_click_puts_the_cursor_on_a_cell(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("out.W")
        await scene.settle()
        drawn = scene.pane._drawn
        await scene.pilot.click(WeightsPane, offset=(2 + drawn.across * 2, 1 + -(-drawn.down * 5 // 2)))
        await scene.settle()
        assert scene.last("cell")["index"] == [5, 2]

    play(source(tmp_path), script)


# -- how it is drawn ------------------------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_painted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(scene: Scene) -> None:
        painted: list[object] = []
        monkeypatch.setattr(scene.pane, "refresh", lambda *regions, **options: painted.append(regions))
        for _ in range(3):
            scene.pane.see(frozenset({"looks", "status", "events"}))
        assert painted == []
        scene.view.looked["weights"] = Looked(scene.view.looked["weights"].fields, bytes([200]) * 72)
        scene.pane.see(frozenset({"looks"}))
        assert len(painted) == 1

    play(source(tmp_path), script)


def test_another_theme_is_another_ramp(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        def inks() -> set[tuple[int, ...]]:
            styles = [piece.style for strip in scene.pane._drawn.lines for piece in strip if "▀" in piece.text]
            return {tuple(style.color.triplet or ()) for style in styles if style is not None and style.color}

        scene.view.choose_parameter("hidden.W")
        await scene.settle()
        assert inks() and inks() <= set(palette("full", True).diverging.colours)
        scene.app.theme = "tuinet-light"
        await scene.pilot.pause()
        assert inks() and inks() <= set(palette("full", False).diverging.colours)

    play(source(tmp_path), script)


def test_a_narrow_pane_still_says_that_it_shows_the_past(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("hidden.W")
        scene.view.choose_step(500)
        await scene.settle()
        assert "hidden.W · value · step 10, not live" in scene.text() and "cells of 10 × 1" in scene.text()

    play(source(tmp_path), script, size=(46, 15))


@pytest.mark.parametrize("width", [40, 46, 57, 66, 90])
@pytest.mark.parametrize("size", [887_000.0, 8.87e20, 1e-9])
def test_numbers_beside_the_histogram_are_whole_in_any_width(tmp_path: Path, width: int, size: float) -> None:
    found = source(tmp_path)
    values = found.trainer.values["hidden.W"]  # type: ignore[attr-defined]
    values *= np.float32(size)

    async def script(scene: Scene) -> None:
        scene.view.choose_parameter("hidden.W")
        await scene.settle()
        for number in (values.min(), values.max()):
            words = signed(float(number), palette_of(scene.app))
            assert words in scene.text().split() and len(words) <= 9

    play(found, script, size=(width, 15))


def test_names_from_a_foreign_run_command_nothing(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        assert "[red]a[/red]␛[2J\\.W" in scene.text()
        assert scene.pane.summary().startswith("[red]a[/red]␛[2J\\.W sd ")

    play(source(tmp_path, **{"[red]a[/red]\x1b[2J\\.W": (3, 4)}), script)


def test_a_run_without_weights_says_so() -> None:
    view = scripted_view(looks={"parameters": lambda request: Looked(error="run a-1 has no weights yet")})
    app = Bench(FULL)

    async def steps(pilot: Pilot[Any]) -> None:
        scene = Scene(app, pilot, view, [])
        scene.pane.view = view
        await scene.settle()
        assert "run a-1 has no weights yet" in scene.text() and scene.pane.summary() == ""

    on_screen(app, (60, 12), steps)


SIZES = [(80, 24), (60, 15), (38, 10), (120, 20), (200, 50), (24, 6), (12, 3), (9, 4)]


@pytest.mark.parametrize("abilities", [FULL, ASCII], ids=["full", "ascii"])
def test_every_view_fits_every_size(tmp_path: Path, abilities: Any) -> None:
    async def script(scene: Scene) -> None:
        pane = scene.pane
        for size in SIZES:
            await scene.pilot.resize_terminal(*size)
            for name, act in (("value", lambda: pane.action_mode("value")), ("next", pane.action_next),
                              ("closer", lambda: pane.action_zoom(1)), ("cursor", pane.action_cursor),
                              ("gallery", pane.action_templates), ("plane", pane.action_plane)):  # fmt: skip
                act()
                await scene.settle()
                width, height = pane.size
                if width >= 8 and height >= 2:
                    assert [line.cell_length for line in pane._drawn.lines] == [width] * height, (size, name)
                    inside = "".join(line.text for line in pane._drawn.lines)
                    assert abilities is FULL or inside.replace("×", "x").replace("–", "-").isascii()

    play(plane_source(tmp_path), script, abilities=abilities)


LOOKS_OF = {
    "matrix": ((80, 24), FULL, ("right_square_bracket", "right_square_bracket", "enter")),
    "matrix-ascii": ((80, 24), ASCII, ("right_square_bracket", "right_square_bracket")),
    "gallery": ((60, 15), FULL, ("t",)),
    "vector": ((60, 15), FULL, ("right_square_bracket",)),
    "plane": ((80, 24), FULL, ("d",)),
    "plane-ascii": ((80, 24), ASCII, ("d",)),
}


@pytest.mark.parametrize("name", LOOKS_OF)
def test_the_pane_looks_as_it_did(tmp_path: Path, name: str) -> None:
    """Text and, below it, each colour with how many cells it has. TUINET_SNAPSHOTS=write draws them anew."""
    size, abilities, keys = LOOKS_OF[name]

    async def script(scene: Scene) -> None:
        await scene.press(*keys)
        colours: dict[str, int] = {}
        for strip in scene.pane._drawn.lines:
            for text, style, _ in strip:
                drawn = (
                    style.bgcolor.triplet.hex if style is not None and style.bgcolor and style.bgcolor.triplet else ""
                )
                colours[drawn] = colours.get(drawn, 0) + len(text)
        shown = scene.text() + "".join(f"{colour} {count}\n" for colour, count in sorted(colours.items()))
        path = SNAPSHOTS / f"weights-{name}.txt"
        if os.environ.get("TUINET_SNAPSHOTS") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        assert shown == path.read_text(encoding="utf-8")

    found = plane_source(tmp_path) if "plane" in name else source(tmp_path)
    play(found, script, size=size, abilities=abilities)
