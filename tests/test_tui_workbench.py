"""The workbench as a frame: where the panes stand, what the keys ask of the training, and what is always visible."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.scripted_view import ScriptedView, scripted_view
from tests.tui_screens import at_rest, check_picture, on_screen, picture, until, without_rates
from tuinet.errors import TuinetError
from tuinet.runs import RunFolder
from tuinet.tui.actions import of
from tuinet.tui.app import TuinetApp
from tuinet.tui.panes import PANES, Pane, load
from tuinet.tui.screens import workbench as workbench_module
from tuinet.tui.screens.leaving import Leaving
from tuinet.tui.screens.workbench import AMONG, BESIDE, Workbench, arrangement
from tuinet.tui.view import Status
from tuinet.tui.widgets.status import DOT, bar, fitting, gpu_parts, parts

pytestmark = pytest.mark.usefixtures("home", "own_config")

ORIGINAL_POLL = ScriptedView.poll


class Alone(TuinetApp):
    """The application with one workbench and a view without a run."""

    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.shown = view
        self.started: list[Any] = []

    def open_first(self) -> None:
        self.push_screen(Workbench(self.shown))

    def start_run(self, preset: Any, name: str | None = None) -> None:
        self.started.append((preset, name))


def focused(app: TuinetApp) -> str:
    """The name of the pane that has the focus, or has what has it."""
    found = app.screen._focused_pane() if isinstance(app.screen, Workbench) else None
    return str(found.id) if found is not None else ""


def shown_panes(app: TuinetApp) -> list[str]:
    return [str(pane.id) for pane in app.screen.query(Pane) if pane.display and pane.size.area]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((80, 24), "one"), ((99, 60), "one"), ((120, 40), "square"), ((120, 31), "one"), ((200, 50), "wide"),
     ((300, 80), "wide"), ((160, 34), "square")],
)  # fmt: skip
def test_the_panes_stand_as_the_size_allows(size: tuple[int, int], wanted: str) -> None:
    assert arrangement(*size) == wanted
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: shown_panes(app), "panes")
        everything = {"architecture", "loss", "weights", "overfitting"}
        assert set(shown_panes(app)) == ({"loss"} if wanted == "one" else everything)

    on_screen(app, size, steps)


def test_three_columns_stand_in_the_drawn_order() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: len(shown_panes(app)) == 4)
        at = {pane.NAME: pane.region for pane in app.screen.query(Pane)}
        assert at["architecture"].x < at["loss"].x == at["weights"].x < at["overfitting"].x
        assert at["loss"].y < at["weights"].y
        assert at["architecture"].height == at["overfitting"].height == at["loss"].height + at["weights"].height

    on_screen(app, (200, 50), steps)


def test_a_resize_moves_the_panes_and_loses_none() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        for size, count in (((200, 50), 4), ((80, 24), 1), ((120, 40), 4), ((300, 80), 4), ((80, 24), 1)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda count=count: len(shown_panes(app)) == count, f"{size}")

    on_screen(app, (200, 50), steps)


def test_digits_and_tab_choose_the_pane_and_z_gives_it_the_screen() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        for key, name in (("1", "architecture"), ("3", "weights"), ("4", "overfitting"), ("2", "loss")):
            await pilot.press(key)
            await until(pilot, lambda name=name: focused(app) == name, name)
        await pilot.press("tab")
        await until(pilot, lambda: focused(app) == "weights")
        await pilot.press("z")
        await until(pilot, lambda: shown_panes(app) == ["weights"])
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_panes(app)) == 4)

    on_screen(app, (200, 50), steps)


def test_one_pane_at_a_time_tells_what_the_others_say() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "[3 Weights]" in picture(app))
        assert " 1 Architecture " in picture(app)
        await pilot.press("2")
        await until(pilot, lambda: "[2 Loss]" in picture(app))

    on_screen(app, (80, 24), steps)


def test_no_key_of_a_pane_hides_one_of_the_workbench() -> None:
    keys = {key: action.id for place in ("app", "workbench") for action in of(place) for key in action.keys.split(",")}
    for name in ("architecture", "loss", "weights", "overfitting"):
        for action in of(name):
            both = set(action.keys.split(",")) & set(keys) - {"escape"}  # which goes back one thing at a time
            assert not both, f"{action.id} and {[keys[key] for key in both]}"


@pytest.mark.parametrize(
    ("key", "commands"),
    [
        ("space", [("pause", {})]),
        (".", [("step", {"batches": 1})]),
        (">", [("step", {"epochs": 1})]),
        ("S", [("slow", {"seconds": 0.1})]),
        ("C", [("checkpoint", {})]),
        ("X", [("stop", {})]),
    ],
)
def test_a_key_asks_the_worker_for_what_it_says(key: str, commands: list[tuple[str, dict[str, Any]]]) -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press({".": "full_stop", ">": "greater_than_sign"}.get(key, key))
        await until(pilot, lambda: view.commands == commands, str(view.commands))

    on_screen(app, (120, 40), steps)


def test_space_pauses_and_goes_on_and_the_state_is_seen_at_once() -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "● training" in picture(app))
        await pilot.press("space")
        await until(pilot, lambda: "‖ paused" in picture(app))
        await pilot.press("space")
        await until(pilot, lambda: "● training" in picture(app))
        assert [name for name, _ in view.commands] == ["pause", "resume"]

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize(("key", "seed"), [("n", 2), ("N", 1)])
def test_starting_again_stops_the_run_and_trains_the_same_preset(key: str, seed: int) -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("2", key)
        await until(pilot, lambda: app.started)
        assert view.commands == [("stop", {})]
        preset, name = app.started[0]
        assert (preset.training.seed, name) == (seed, "fashion-mlp")

    on_screen(app, (120, 40), steps)


def test_a_run_that_is_being_started_is_not_started_once_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    go = threading.Event()

    def start(preset: Any, **said: Any) -> Any:
        asked.append(preset.training.seed)
        go.wait(10)
        raise TuinetError("no room")

    monkeypatch.setattr("tuinet.training.session.start", start)
    app, view = TuinetApp(runs=home / "runs"), scripted_view()
    assert view.preset is not None
    again = view.preset.with_overrides(["training.seed=7"])

    async def steps(pilot: Pilot[Any]) -> None:
        for preset in (view.preset, view.preset, again, view.preset):
            app.start_run(preset)
        await until(pilot, lambda: len(asked) == 2)
        go.set()
        await until(pilot, lambda: "no room" in picture(app))
        app.start_run(again)
        await until(pilot, lambda: len(asked) == 3)
        assert sorted(asked) == sorted([view.preset.training.seed, 7, 7])

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_of_a_diverged_run_it_is_said_what_to_try(size: tuple[int, int]) -> None:
    view = scripted_view()
    view.alive = False
    why = f"NaN or infinity in the loss at step 2: first in out, for the batch of rows {'926, ' * 20}... (32 in all)."
    view.status = replace(view.status, state="diverged", error=why)
    view.verdict = {"word": "diverged", "sentence": f"{why} A smaller learning rate is the first thing to try."}

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "first thing to try" in " ".join(picture(pilot.app).split("│")[0].split()))

    on_screen(Alone(view), size, steps)


def test_a_refusal_is_shown_as_a_sentence_and_changes_nothing() -> None:
    view = scripted_view()
    view.refuse = "this cannot be [b]done[/] now \x1b]52;c;eA==\x07"
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("C")
        await until(pilot, lambda: "this cannot be [b]done[/] now ␛]52" in picture(app).replace("\n", " "))
        assert not view.commands

    on_screen(app, (200, 50), steps)


def test_a_fault_is_said_once_as_safe_text_and_the_screen_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the reading, and of a pane: the others are still told what has changed."""
    view = scripted_view()
    app = Alone(view)
    said: list[str] = []
    monkeypatch.setattr(app, "notify", lambda message, **more: said.append(message))
    times = {"read": 0, "drawn": 0}
    well = False

    async def poll(self: ScriptedView) -> frozenset[str]:
        times["read"] += 1
        if times["read"] % 2 and not well:
            raise ZeroDivisionError("[b]no[/] \x1b]52;c;eA==\x07")
        self._changed.add("status")
        return await ORIGINAL_POLL(self)

    def see(self: Pane, changed: frozenset[str]) -> None:
        times["drawn"] += 1
        if not well:
            raise LookupError("in a pane")

    async def steps(pilot: Pilot[Any]) -> None:
        nonlocal well
        await until(pilot, lambda: times["read"] > 8 and times["drawn"] > 3)
        assert said == [
            "This is a fault of tuinet: ZeroDivisionError: [b]no[/] ␛]52;c;eA==␇",
            "This is a fault of tuinet: LookupError: in a pane",
        ]
        await pilot.press("space")
        await until(pilot, lambda: "‖ paused" in picture(app))
        assert [type(error) for error in app.faults.values()] == [ZeroDivisionError, LookupError]
        well = True
        await pilot.pause()
        app.faults.clear()

    monkeypatch.setattr(ScriptedView, "poll", poll)
    monkeypatch.setattr(load(PANES[0]), "see", see)
    on_screen(app, (200, 50), steps)


def test_where_an_outlived_fault_came_from_is_told_when_the_terminal_is_given_back(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = Alone(scripted_view())
    monkeypatch.setattr("tuinet.tui.terminal.app.TerminalApp.main", lambda self: 0)
    monkeypatch.setattr(app, "notify", lambda message, **more: None)
    for _ in range(3):
        try:
            raise LookupError("[b]no[/] \x1b]52;c;eA==\x07")
        except LookupError as error:
            app.fault(error)
    assert app.main() == 0
    said = capfd.readouterr().err
    assert said.startswith("tuinet: a part of the screen failed, and the rest went on. This is a fault of tuinet:")
    assert said.count("LookupError: [b]no[/] ␛]52;c;eA==␇") == 1


def test_control_a_fault_that_is_outlived_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    async def poll(self: ScriptedView) -> frozenset[str]:
        raise ZeroDivisionError("planted")

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "This is a fault of tuinet" in picture(pilot.app))

    monkeypatch.setattr(ScriptedView, "poll", poll)
    with pytest.raises(ZeroDivisionError, match="planted"):
        on_screen(Alone(scripted_view()), (120, 40), steps)


def test_leaving_a_live_run_asks_once_and_says_how_to_come_back() -> None:
    for key, wanted, commands in (("enter", True, []), ("escape", False, []), ("x", True, [("stop", {})])):
        view = scripted_view()
        app = Alone(view)

        async def steps(pilot: Pilot[Any], app: Alone = app, key: str = key, wanted: bool = wanted) -> None:
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, Leaving))
            assert "tuinet attach fashion-mlp-7f3a" in picture(app)
            await pilot.press("q") if key == "enter" else await pilot.press(key)
            await until(pilot, lambda: (app._exit or not app.is_running) == wanted and not (
                isinstance(app.screen, Leaving) and not wanted))  # fmt: skip

        on_screen(app, (80, 24), steps)
        assert view.commands == commands


def test_leaving_a_finished_run_asks_nothing() -> None:
    view = scripted_view()
    view.alive = False
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("q")
        await until(pilot, lambda: app._exit)

    on_screen(app, (80, 24), steps)


def test_a_step_under_the_cursor_is_told_in_the_top_line_and_escape_comes_back() -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        view.choose_step(812)
        await until(pilot, lambda: "step 812, not live (esc)" in picture(app))
        await pilot.press("escape")
        await until(pilot, lambda: view.at is None and "not live" not in picture(app))

    on_screen(app, (120, 40), steps)


def test_plus_and_minus_change_how_often_it_is_painted() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        before = app.pace.period
        await pilot.press("2", "minus")
        await until(pilot, lambda: app.pace.period > before)
        await pilot.press("plus")
        await until(pilot, lambda: app.pace.period <= before)

    on_screen(app, (120, 40), steps)


def test_the_screen_takes_less_where_the_training_needs_all_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        for processors, share in ((4, BESIDE), (2, AMONG), (1, AMONG)):
            monkeypatch.setattr(workbench_module, "cores", lambda count=processors: count)
            await until(pilot, lambda share=share: app.pace.share == share)
        await pilot.press("space")
        await until(pilot, lambda: app.pace.share == math.inf, "nobody trains")
        await pilot.press("space")
        await until(pilot, lambda: app.pace.share == AMONG)
        view.alive = False
        await until(pilot, lambda: app.pace.share == math.inf, "nor of a run that is over")

    on_screen(app, (120, 40), steps)


def test_a_terminal_that_is_too_small_is_told_so_and_growing_it_brings_the_workbench_back() -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: "60" in picture(app) and "40" in picture(app))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: isinstance(app.screen, Workbench))

    on_screen(app, (120, 40), steps)


# -- the top line ----------------------------------------------------------------------------------------------------

RUNNING = Status(state="running", step=1648, steps=4700, epoch=7.01, epochs=20, seconds=40.0, samples_per_s=41_200.4,
                 device="cpu", threads=2)  # fmt: skip


def test_the_top_line_says_what_is_needed_most_at_every_width() -> None:
    found = parts("fashion-mlp-7f3a", RUNNING, None, "2.0 Hz")
    for width in range(1, 240):
        kept = fitting(found, width)
        assert sum(len(part.text) for part in kept) + 3 * (len(kept) - 1) <= max(0, width - 2)
    words = [part.text for part in fitting(found, 80)]
    assert words[:2] == ["fashion-mlp-7f3a", "● training"]
    assert " ".join(part.text for part in fitting(found, 240)) == (
        "tuinet fashion-mlp-7f3a ● training epoch  7/20 ▕███▌      ▏ step 1,648/4,700    41,200 samples/s "
        "ETA     1:14 cpu ×2 2.0 Hz"
    )


def test_slow_motion_tells_no_speed_and_no_end_as_they_would_be_without_it() -> None:
    words = " ".join(part.text for part in parts("xor", Status(**{**vars(RUNNING), "slow": 0.02}), None, "2.0 Hz"))
    assert "slow motion" in words
    assert "samples/s" not in words
    assert "ETA" not in words


def test_why_it_is_painted_seldom_is_said_rather_than_what_it_trains_on() -> None:
    for pace, kept in (("2.0 Hz", "cpu ×2"), ("0.7 Hz ↓link", "0.7 Hz ↓link"), ("1.2 Hz ↓cpu", "1.2 Hz ↓cpu")):
        found = parts("fashion-mlp-7f3a", RUNNING, None, pace)
        width = sum(len(part.text) + 3 for part in found if part.text not in ("tuinet", "cpu ×2", pace)) + len(kept) + 2
        assert [part.text for part in fitting(found, width)][-1] == kept


def test_a_number_that_grows_moves_nothing() -> None:
    early = parts("a", Status(**{**vars(RUNNING), "step": 3, "epoch": 1.0}), None, "2.0 Hz")
    late = parts("a", RUNNING, None, "2.0 Hz")
    assert [len(part.text) for part in early[:5]] == [len(part.text) for part in late[:5]]


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, "▕    ▏"), (0.5, "▕██  ▏"), (1, "▕████▏"), (2, "▕████▏"), (0.03, "▕▏   ▏")]
)
def test_the_bar_is_as_long_as_its_share(share: float, wanted: str) -> None:
    assert bar(share, 4) == wanted


def test_the_run_that_is_open_is_known_to_the_application(tmp_path: Any) -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: app.view is app.shown)
        assert isinstance(app.view.folder, RunFolder)

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_workbench_looks_as_it_did(size: tuple[int, int]) -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "best" in picture(app))
        await at_rest(pilot)
        check_picture(app, f"workbench-{size[0]}x{size[1]}", still=without_rates)

    on_screen(app, size, steps)


# -- the line of a GPU -----------------------------------------------------------------------------------------------

SAID = {"event": "gpu", "utilisation": 87.0, "memory_used": 12_100_000_000, "memory_total": 80_000_000_000,
        "temperature": 54.0, "power": 310.2, "power_limit": 700.0}  # fmt: skip


def on_a_gpu(name: str = "NVIDIA H100 80GB HBM3", **said: Any) -> ScriptedView:
    """A view of a run that trains on a GPU, which has said this of itself."""
    view = scripted_view()
    view._show(replace(view.status, device="cuda:0", gpu=name, threads=1))
    view._hear({**SAID, **said})
    return view


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_workbench_of_a_run_on_a_gpu_looks_as_it_did(size: tuple[int, int]) -> None:
    app = Alone(on_a_gpu())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "best" in picture(app))
        await at_rest(pilot)
        assert picture(app).splitlines()[1].strip() == (
            "cuda:0 H100 80GB HBM3 ·  87 % · 12.1/80.0 GB · 54 °C · 310/700 W"
        )
        check_picture(app, f"workbench-gpu-{size[0]}x{size[1]}", still=without_rates)

    on_screen(app, size, steps)


def test_the_line_of_a_gpu_comes_and_goes_with_what_is_told() -> None:
    view = scripted_view()
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "cpu ×2" in picture(app))
        view._show(replace(view.status, device="cuda:0", gpu="NVIDIA H100"))
        await until(pilot, lambda: "cuda:0 H100" in picture(app).splitlines()[0])
        view._hear({**SAID, "power": None})
        await until(pilot, lambda: "54 °C ·   –/700 W" in picture(app).splitlines()[1])
        assert "cuda:0" not in picture(app).splitlines()[0]
        view._hear({"event": "end", "state": "finished"})
        await until(pilot, lambda: "°C" not in picture(app) and "cuda:0 H100" in picture(app).splitlines()[0])

    on_screen(app, (200, 50), steps)


def test_where_there_is_no_room_the_line_of_a_gpu_keeps_how_busy_and_how_full_it_is() -> None:
    status = on_a_gpu().status
    for width, wanted in ((80, 5), (66, 5), (65, 4), (53, 3), (24, 2), (10, 1)):
        kept = [part.text for part in fitting(gpu_parts(status), width, DOT)]
        assert len(kept) == wanted and " 87 %" in kept, (width, kept)
    assert gpu_parts(RUNNING) == []


def test_a_gpus_name_is_no_markup_and_no_command() -> None:
    app = Alone(on_a_gpu("[red]x[/] \x1b]52;c;eA==\x07"))

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "cuda:0 [red]x[/] ␛]52;c;eA==␇ · " in picture(app))

    on_screen(app, (120, 40), steps)


def test_before_the_first_step_the_line_says_what_is_needed_of_the_gpus_memory() -> None:
    view = scripted_view()
    view._show(replace(view.status, state="starting", device="cuda:0", gpu="NVIDIA H100"))
    view._take_start({**view.start, "device_memory": {"needed": 1_230_000_000, "free": 78_300_000_000}})
    assert [part.text for part in gpu_parts(view.status)] == [
        "cuda:0 H100", "needs 1.23 GB of the GPU's memory, 78.3 GB are free",
    ]  # fmt: skip
    view._hear({"event": "state", "state": "running"})
    assert gpu_parts(view.status) == []
    view._hear(SAID)
    assert gpu_parts(view.status)[1].text == " 87 %"


@pytest.mark.parametrize("theme", ["tuinet-light", "tuinet-terminal"])
def test_another_theme_leaves_nothing_in_the_colours_of_the_one_before(theme: str) -> None:
    painted: list[list[Any]] = []

    def shows(app: Alone) -> list[Any]:
        """The lines of the panes, with their styles."""
        strips = list(app.screen._compositor.render_strips())[app.screen.query_one("#panes").region.y : -1]
        return [[(one.text, str(one.style)) for one in strip if one.text] for strip in strips]

    for first in (theme, "tuinet-dark"):
        app = Alone(scripted_view())
        app.theme = first

        async def steps(pilot: Pilot[Any], app: Alone = app) -> None:
            await at_rest(pilot)
            app.theme = theme
            await at_rest(pilot)
            painted.append(shows(app))

        on_screen(app, (120, 40), steps)
    assert painted[0] == painted[1]
