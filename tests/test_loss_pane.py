"""The loss pane: what each key and each movement of the mouse does, at every size, and what it looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.made_curves import made_curves, made_records
from tests.scripted_view import ScriptedView, scripted_view
from tests.tui_screens import check_picture, on_screen, picture
from tuinet.runs import RunFolder
from tuinet.runs.checked import encoded_line
from tuinet.tui import curve_cache, themes
from tuinet.tui.actions import ACTIONS
from tuinet.tui.navigation import Navigation
from tuinet.tui.panes.loss import LossPane
from tuinet.tui.terminal.abilities import Abilities
from tuinet.tui.view import Other, RunView

SIZES = [(30, 10), (28, 8), (80, 24), (120, 40), (300, 80)]


class OnePane(Navigation):
    """The pane alone on the screen, with what a workbench does for it."""

    CSS = "Screen { background: $background; } LossPane { width: 1fr; height: 1fr; }"

    def __init__(self, view: RunView | None, *, abilities: Abilities | None = None, theme: str = "tuinet-dark") -> None:
        super().__init__()
        self.shown, self.abilities, self.wanted = view, abilities or Abilities(), theme
        self.pane = LossPane()

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.theme = self.wanted
        self.pane.view = self.shown
        self.pane.focus()
        self.pane.see(frozenset({"view", "size"}))


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pane may be smaller than a terminal."""
    monkeypatch.setattr("tuinet.tui.screens.too_small.guard", lambda app, size: None)


Steps = Callable[[Pilot[Any], LossPane], Awaitable[None]]


def with_pane(steps: Steps, size: tuple[int, int] = (90, 24), view: RunView | None = None, **said: Any) -> None:
    app = OnePane(view or a_view(), **said)

    async def work(pilot: Pilot[Any]) -> None:
        await steps(pilot, app.pane)

    on_screen(app, size, work)


def a_view(**said: Any) -> ScriptedView:
    """Six epochs of 235 steps, with a best checkpoint, a live change and an alert."""
    view = scripted_view(epochs=1)
    view.curves = made_curves(6, **said)
    view.status = replace(view.status, step=1410, epoch=6.0, epochs=8, steps=1880)
    view.events.append({"k": "checkpoint", "s": 705, "e": 3.0, "kind": "best"})
    view.events.append({"k": "alert", "s": 300, "e": 1.3, "code": "slow-disk"})
    return view


async def pressed(pilot: Pilot[Any], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()
    return picture(pilot.app)


# -- what it looks like ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 22), (40, 12), (200, 46), (28, 8)])
def test_the_picture_at_every_size(size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        check_picture(pilot.app, f"loss-{size[0]}x{size[1]}")

    with_pane(steps, size)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("cursor", ("left", "left", "left")),
        ("beside", ("b",)),
        ("log", ("y", "x")),
        ("zoomed", ("i", "i", "s")),
        ("rate", ("M", "M", "M")),
    ],
)
def test_the_picture_of(name: str, keys: tuple[str, ...]) -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        await pressed(pilot, *keys)
        check_picture(pilot.app, f"loss-{name}")

    with_pane(steps, (100, 24))


def test_the_picture_of_runs_laid_over() -> None:
    view = a_view(spike=700)
    view.others = [Other("fashion-mlp-12ab", made_curves(4, seed=3)), Other("wide-77aa", made_curves(8, seed=4))]

    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        check_picture(pilot.app, "loss-others")

    with_pane(steps, (100, 24), view)


def test_the_picture_without_unicode() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        rows = ["".join(segment.text for segment in strip) for strip in pane._strips]
        assert all(row.isascii() for row in rows)
        assert "** train" in "\n".join(rows)
        check_picture(pilot.app, "loss-ascii")

    with_pane(steps, (80, 22), abilities=Abilities(unicode=False))


@pytest.mark.parametrize("theme", themes.NAMES)
def test_each_ink_has_a_colour_of_its_own_in_every_theme(theme: str) -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        styles = {ink: pane._style(ink) for ink in pane.INKS}
        colours = {ink: style.color for ink, style in styles.items()}
        assert colours["train"] != colours["val"]
        assert len({colours[f"other-{n}"] for n in range(5)}) == 5
        assert styles["band"] != styles["train"]

    with_pane(steps, theme=theme)


# -- keys -----------------------------------------------------------------------------------------------------------


def test_every_action_of_the_table_is_there() -> None:
    for action in ACTIONS.values():
        if action.place == "loss":
            assert hasattr(LossPane, f"action_{action.method}"), action.id


def test_smoothing_goes_through_its_weights_and_is_said() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        seen = []
        for _ in range(4):
            shown = await pressed(pilot, "s")
            seen.append(pane.choices.smooth)
            assert f"smooth {pane.choices.smooth:g}".replace("0.", ".") in shown
        assert seen == [0.9, 0.99, 0.0, 0.6]

    with_pane(steps)


def test_the_x_axis_is_epochs_then_time_then_steps_and_a_window_stays_where_it_is() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        for word, name in (("time", "seconds"), ("step", "steps"), ("epoch", "epochs")):
            shown = await pressed(pilot, "x")
            assert f"x {word}" in shown and pane.choices.x == name
        await pressed(pilot, "i", "i")
        lo, hi = pane.choices.window or (0, 0)
        await pressed(pilot, "x")
        assert pane.choices.window == pytest.approx((lo * 235 * 0.02, hi * 235 * 0.02), rel=1e-3)
        await pressed(pilot, "x", "x")
        assert pane.choices.window == pytest.approx((lo, hi), rel=1e-3)

    with_pane(steps)


def test_both_axes_can_be_logarithmic() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        assert "y log" in await pressed(pilot, "y")
        assert "x epoch log" in await pressed(pilot, "g")
        assert "y linear" in await pressed(pilot, "y")

    with_pane(steps)


def test_m_goes_through_the_metrics_and_back() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        titles = []
        for _ in range(6):
            await pressed(pilot, "m")
            titles.append(str(pane.border_title))
        wanted = ["Accuracy", "Penalty", "Learning rate", "Gradient norm", "Samples per second", "Loss"]
        assert titles == wanted
        await pressed(pilot, "M", "M")
        assert pane.border_title == "Gradient norm"
        assert "gradient norm" in picture(pilot.app)

    with_pane(steps)


def test_b_puts_another_metric_beside_the_loss_and_m_changes_that_one() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        await pressed(pilot, "b")
        assert pane.border_title == "Loss and accuracy" and len(pane._pictures) == 2
        await pressed(pilot, "m")
        assert pane.beside == "penalty" and pane.choices.metric == "loss"
        await pressed(pilot, "b")
        assert len(pane._pictures) == 1 and pane.border_title == "Loss"

    with_pane(steps)


def test_where_there_is_no_room_beside_it_takes_the_place() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        await pressed(pilot, "b")
        assert len(pane._pictures) == 1
        assert "95.1%" in picture(pilot.app)
        assert pane.border_title == "Accuracy", "the loss is not to be seen"
        assert "y log" in await pressed(pilot, "y") and pane._shown(46)[0].log_y, "what is shown changes"
        assert "y linear" in await pressed(pilot, "b") and pane.border_title == "Loss", "the loss stays as it was"

    with_pane(steps, (50, 16))


def test_of_two_charts_it_is_said_how_high_each_one_counts() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        assert "y linear  whole run" in await pressed(pilot, "b")
        assert "y log, linear  whole run" in await pressed(pilot, "y")

    with_pane(steps)


def test_the_title_keeps_the_capitals_of_a_metric() -> None:
    view = a_view()
    view.curves.add([{"k": "epoch", "s": 1410, "e": 6, "g": 1, "m": 30.0, "val_rmse": 1.5, "val_mae": 1.0}])

    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        titles = []
        for _ in range(3):
            await pressed(pilot, "m")
            titles.append(str(pane.border_title))
        assert titles == ["Accuracy", "RMSE", "MAE"]

    with_pane(steps, view=view)


def test_left_and_right_move_the_step_of_all_panes_by_a_column() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        view = pane.view
        assert view is not None
        shown = await pressed(pilot, "left")
        first = view.at
        assert first is not None and first < 1410
        assert f"step {first:,}" in shown and "│" in shown
        await pressed(pilot, "left")
        second = view.at
        assert second is not None
        column = 8 * 235 / pane._pictures[0][1].width
        assert first - second == pytest.approx(column, abs=2)
        await pressed(pilot, "right")
        assert view.at == pytest.approx(first, abs=2)
        await pressed(pilot, "right", "right")
        assert view.at is None, "behind the newest step it is now"
        await pressed(pilot, "home", "left")
        assert view.at is not None and view.at <= column
        await pressed(pilot, *["left"] * 3)
        assert view.at == 0
        await pressed(pilot, "end")
        assert view.at == 1410
        assert "selection" in view._changed

    with_pane(steps)


def test_zoomed_in_as_far_as_can_be_the_cursor_still_moves_by_a_step() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        view = pane.view
        assert view is not None
        view.choose_step(700)
        await pressed(pilot, *["i"] * 16)
        await pressed(pilot, "right")
        assert view.at == 701
        await pressed(pilot, "left", "left")
        assert view.at == 699
        lo, hi = pane.choices.window or (0, 0)
        assert lo <= 699 / 235 <= hi, "the window goes along"

    with_pane(steps)


def test_a_step_chosen_in_another_pane_is_marked_here() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        assert pane.view is not None
        pane.view.choose_step(470)
        pane.see(frozenset({"selection"}))
        await pilot.pause()
        assert "step 470" in picture(pilot.app)
        pane.view.choose_step(None)
        pane.see(frozenset({"selection"}))
        await pilot.pause()
        assert "step 470" not in picture(pilot.app)

    with_pane(steps)


def test_zoom_and_pan_and_the_whole_run_again() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        assert pane.choices.window is None and "whole run" in picture(pilot.app)
        await pressed(pilot, "i")
        lo, hi = pane.choices.window or (0, 0)
        assert hi - lo == pytest.approx(4) and lo <= 6.0 <= hi
        assert "following" in picture(pilot.app)
        await pressed(pilot, "left_square_bracket")
        assert pane.choices.window == pytest.approx((lo - 1, hi - 1))
        assert "part of the run" in picture(pilot.app)
        await pressed(pilot, "right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert pane.choices.window == pytest.approx((4, 8)), "no further than there is anything"
        await pressed(pilot, "o")
        assert pane.choices.window is None
        await pressed(pilot, "i", "i", "w")
        assert pane.choices.window is None
        await pressed(pilot, "left_square_bracket")
        assert pane.choices.window is None

    with_pane(steps)


def test_a_window_that_follows_keeps_the_newest_step_in_view_and_one_that_does_not_stays() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        view = pane.view
        assert view is not None
        await pressed(pilot, "i", "i", "i")
        records = made_records(8)
        grown = [record for record in records if record["s"] > 1410]
        view.curves.add(grown[:300])
        pane.see(frozenset({"curves"}))
        lo, hi = pane.choices.window or (0, 0)
        assert lo <= view.curves.extent("epochs") <= hi
        await pressed(pilot, "f")
        assert "part of the run" in picture(pilot.app)
        view.curves.add(grown[300:])
        pane.see(frozenset({"curves"}))
        assert pane.choices.window == (lo, hi)
        view.choose_step(500)
        await pressed(pilot, "f")
        assert view.at is None and pane.follows
        lo, hi = pane.choices.window or (0, 0)
        assert lo <= view.curves.extent("epochs") <= hi

    with_pane(steps)


def test_an_empty_run_takes_every_key() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        for key in ("m", "M", "b", "x", "g", "y", "s", "i", "o", "left", "right", "home", "end", "f", "w", "[", "]"):
            await pilot.press(key)
        await pilot.pause()
        assert "nothing measured yet" in picture(pilot.app)
        assert pane.summary() == ""

    view = a_view()
    view.curves = type(view.curves)()
    view.events = []
    with_pane(steps, view=view)


def test_without_a_view_it_is_an_empty_box() -> None:
    app = OnePane(None)

    async def steps(pilot: Pilot[Any]) -> None:
        for key in ("m", "left", "home", "i", "f", "x"):
            await pilot.press(key)
        assert app.pane.summary() == ""

    on_screen(app, (40, 12), steps)


# -- the mouse ------------------------------------------------------------------------------------------------------


def test_a_click_sets_the_cursor_and_the_wheel_zooms_around_the_pointer() -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        view = pane.view
        assert view is not None
        left, shown = pane._pictures[0]
        x = 1 + left + shown.left + shown.column(3.0)  # 1: the border
        await pilot.click(LossPane, offset=(x, 8))
        assert view.at == pytest.approx(705, abs=16)
        await pilot.click(LossPane, offset=(2, 8))
        assert view.at == pytest.approx(705, abs=16), "beside the canvas nothing happens"
        await pilot._post_mouse_events([_scroll_up()], LossPane, offset=(x, 8))
        await pilot.pause()
        window = pane.choices.window
        assert window is not None and window[1] - window[0] == pytest.approx(4)
        assert (3.0 - window[0]) / 4 == pytest.approx(3.0 / 8, abs=0.02)
        await pilot._post_mouse_events([_scroll_down()], LossPane, offset=(x, 8))
        await pilot.pause()
        assert pane.choices.window is None
        await pressed(pilot, "b")
        left, shown = pane._pictures[1]
        await pilot.click(LossPane, offset=(1 + left + shown.left + shown.column(2.0), 8))
        assert view.at == pytest.approx(470, abs=30), "the second chart has its own canvas"

    with_pane(steps)


def _scroll_up() -> Any:
    from textual.events import MouseScrollUp

    return MouseScrollUp


def _scroll_down() -> Any:
    from textual.events import MouseScrollDown

    return MouseScrollDown


# -- painting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*SIZES, (3, 3), (2, 2), (14, 5)])
def test_it_fits_every_size_and_follows_a_changing_one(size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        for width, height in (size, (60, 18), size):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert len(pane._strips) == (pane.size.height if pane.size.width else len(pane._strips))
            assert all(strip.cell_length == pane.size.width for strip in pane._strips if pane.size.area)

    with_pane(steps)


def test_only_rows_that_have_changed_are_painted_and_nothing_where_nothing_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        view, rows = pane.view, []
        assert view is not None

        def noted(*regions: Region, **said: Any) -> LossPane:
            rows.extend(region.y for region in regions)
            return pane

        monkeypatch.setattr(pane, "refresh", noted)
        pane.see(frozenset({"curves", "status"}))
        assert rows == []
        view.curves.add([record for record in made_records(7) if record["s"] > 1410][:20])
        pane.see(frozenset({"curves"}))
        assert 0 < len(rows) < pane.size.height // 2
        rows.clear()
        view.events = []
        pane.see(frozenset({"looks"}))
        assert rows == [], "looks are no business of this pane"

    with_pane(steps)


def test_names_from_outside_are_shown_as_what_they_are() -> None:
    view = a_view()
    view.others = [Other("\x1b[31m[bold]evil[/]", made_curves(4, seed=3))]
    view.events.append({"k": "alert", "s": 900, "e": 3.8, "code": "\x07\x1b]0;title\x07"})
    view.events.append({"k": "changed", "s": 1200, "e": 5, "key": "[red]", "old": "\u202e", "new": "\x9b"})

    async def steps(pilot: Pilot[Any], pane: LossPane) -> None:
        shown = picture(pilot.app)
        assert not any(ord(character) < 32 and character != "\n" for character in shown)
        assert "\x9b" not in shown and "\u202e" not in shown
        assert "[bold]evil" in shown

    with_pane(steps, (100, 24), view)


# -- a long run in a view -------------------------------------------------------------------------------------------


def test_a_run_that_was_read_before_opens_from_its_cache_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(curve_cache, "WORTH", 10_000)
    folder = RunFolder.create(tmp_path / "runs", "xor", epochs=8)
    records = made_records(6)
    with folder.metrics().path.open("wb") as file:
        file.writelines(encoded_line(record) for record in records[:1000])

    async def opened() -> tuple[RunView, list[float]]:
        shares: list[float] = []
        view = RunView(folder)
        await view.open(shares.append)
        return view, shares

    async def work() -> None:
        first, shares = await opened()
        assert shares[-1] == 1.0
        again, _ = await opened()
        assert (
            first.status == again.status
            and first.curves.epochs() == again.curves.epochs()
            and first.verdict == again.verdict
        )
        assert again.status.step == records[999]["s"] and again.status.loss == pytest.approx(records[999]["loss"][1])
        with folder.metrics().path.open("ab") as file:
            file.writelines(encoded_line(record) for record in records[1000:])
        await again.poll()
        assert again.status.step == 1410 and [row["epoch"] for row in again.curves.epochs()] == [1, 2, 3, 4, 5, 6]
        await again.close()
        kept = curve_cache._from_cache(folder.metrics().path)
        assert kept is not None and kept[1] == folder.metrics().path.stat().st_size, "what was added is kept too"

    asyncio.run(work())
