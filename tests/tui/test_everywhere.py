"""On every screen: its help, the palette, the mouse, its picture at two sizes, and that no text commands it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import HOSTILE, make_run
from tests.stand_in import StandIn, played, same_as, text, until
from tests.tui.scenes import SCREENS, Play, bound, example
from tuinet.presets import Headline
from tuinet.tui.screens.base import Told
from tuinet.tui.screens.data import Data
from tuinet.tui.screens.help import Help
from tuinet.tui.screens.presets import Presets
from tuinet.tui.screens.runs import Runs
from tuinet.tui.screens.too_small import TooSmall

# -- help, the palette, a small terminal -----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SCREENS)
def test_the_help_of_each_screen_says_what_its_keys_do(name: str, runs: Path, few: object, sets: object) -> None:
    from tuinet.tui.actions import ACTIONS

    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        shown = " ".join(str(app.screen.query_one(Told).render()).split())
        for action in ACTIONS.values():
            if action.place in (name, "app"):
                assert action.help in shown, action.id
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, SCREENS[name])

    played(name, play, size=(160, 60))


def test_the_help_shows_the_commands_with_what_is_chosen(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("question_mark")
        await until(pilot, "tuinet rm letters-1a2d")

    played("runs", play, size=(120, 40))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("train spiral", ("start_run", "spiral")),
        ("open overfit", ("open_run", "overfit-1a2c")),
        ("close the application", ("leave", "")),
    ],
)
def test_the_palette_finds_and_does(words: str, call: tuple[str, str], runs: Path, few: object) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press(*words)
        await until(pilot, words.split()[1])
        await pilot.pause(0.4)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.calls))
        assert app.calls == [call]

    played("welcome", play)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "screen"), [("preset spam", Presets), ("data digits", Data)])
def test_the_palette_goes_to_a_line_of_another_screen(
    words: str, screen: type, few: object, sets: object, runs: Path
) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press(*words)
        await pilot.pause(0.6)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, screen))
        await until(pilot, lambda: app.screen.query_one("Rows").key.startswith(words.split()[1]))  # type: ignore[attr-defined]

    played("runs", play)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(59, 24), (80, 14), (30, 8), (12, 3), (1, 1)])
def test_a_terminal_that_is_too_small_is_told_so_and_grows_back(size: tuple[int, int], runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: isinstance(app.screen, TooSmall))
        if size[0] >= 30:
            assert "60×15" in text(app) and f"{size[0]}×{size[1]}" in text(app)
        await pilot.press("d", "R", "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, TooSmall) and len(list(runs.iterdir())) == 3
        await pilot.press("q")
        assert app.calls == [("leave", "")]
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: isinstance(app.screen, Runs))

    played("runs", play)


@pytest.mark.slow
def test_the_screens_load_no_compiler_and_the_first_one_no_arrays() -> None:
    names = ("compare", "data", "help", "log", "presets", "runs")
    code = (
        "import sys; import tuinet.tui.navigation, tuinet.tui.screens.welcome; first = set(sys.modules)\n"
        f"for name in {names}: __import__(f'tuinet.tui.screens.{{name}}')\n"
        "print('numpy' in first, [name for name in sys.modules if name.startswith(('numba', 'llvmlite', "
        "'tuinet.engine', 'tuinet.kernels', 'scipy', 'plotext'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False []"


# -- the mouse -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_click_chooses_and_a_second_one_opens(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.click("Rows", offset=(5, 2))
        await pilot.pause()
        assert app.screen.query_one("Rows").key == "spiral-1a2b" and not app.calls  # type: ignore[attr-defined]
        await pilot.click("Rows", offset=(5, 2))
        assert app.calls == [("open_run", "spiral-1a2b")]
        await pilot.click("Rows", offset=(5, 9))
        assert len(app.calls) == 1

    played("runs", play)


@pytest.mark.slow
def test_a_click_on_a_hint_presses_its_key(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "spiral-")
        place = shown.splitlines()[-1].index("space mark")
        await pilot.click("Hints", offset=(place + 2, 0))
        await until(pilot, "1 marked")

    played("runs", play)


# -- pictures in characters ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "keys", "wanted"),
    [
        ("welcome", [], "Last runs"),
        ("presets", [], "1,185"),
        ("runs", ["down", "space"], "1 marked"),
        ("data", [], "100 training"),
        ("log", [], "It has settled."),
        ("help", ["question_mark"], "Runs"),
        ("compare", ["space", "c"], "best_epoch"),
    ],
)
def test_each_screen_looks_as_it_did(
    name: str, keys: list[str], wanted: str, size: tuple[int, int], runs: Path, few: object, sets: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tuinet.tui.told._clock", lambda seconds: "12:00:00")
    monkeypatch.setattr("tuinet.tui.run_list.size_on_disk", lambda path: 1_500_000)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, {"log": wanted, "data": wanted}.get(name, "spiral"))
        await pilot.pause(0.2)
        await pilot.press(*keys)
        await until(pilot, wanted)
        await pilot.pause(0.3)
        text(app)
        same_as(name, app, size)

    played(name if name in SCREENS else "runs", play, size=size)


# -- hostile text ----------------------------------------------------------------------------------


def test_no_text_of_others_commands_the_terminal(
    home: Path, few: object, sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look at the screen (`text`) fails where anything in it could command a terminal."""
    payloads = "".join(HOSTILE)
    markup = f"[bold red]{payloads.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace')}[/nothing] $boom"
    run = make_run(home / "runs", "spiral", title=markup, error=markup, verdict=markup[:40])
    run.write_info(run=f"copy {markup}", host=markup)
    lock = run.lock()
    with run.events().writer(2) as events:
        for kind in ("alert", "changed", "stopped", markup[:40]):
            events.append({"k": kind, "s": 1, "e": 0.0, "message": markup, "key": markup, "state": markup})
    lock.release()
    run.log_path.write_bytes(payloads.encode("utf-8", "surrogatepass") + b"\xff\x9b31m\n")
    hostile = [Headline(f"x{markup}", markup, markup, (markup,), markup, 1, (markup,), "")]
    monkeypatch.setattr("tuinet.tui.screens.presets.library.headlines", lambda: hostile)
    about = bound(classes={markup: 3}, notes=[markup], columns=[markup], inputs=[1], task=markup, source=markup)
    sets["rows"] = [about, example(1, label=markup, text=markup, numbers=[1.0])]
    marks = {"R": "spiral-", "P": "[/nothing]", "D": "100 training", "L": "▲ ", "W": "Last runs"}

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        for key, mark in marks.items():
            await pilot.press(key)
            await until(pilot, mark)
            await pilot.press("question_mark")
            await pilot.pause()
            text(app)
            await pilot.press("escape")
        await pilot.press("colon", *"bold")
        await pilot.pause(0.3)
        text(app)
        await pilot.press("escape", "R")
        app.tell(markup, bad=True)
        await until(pilot, "spiral-")
        await pilot.press("slash", *"a[b")
        await until(pilot, "/a[b")

    played("welcome", play, size=(120, 40))
