"""The welcome screen, and how one goes from screen to screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_scenes import make_run
from tests.stand_in import StandIn, played, until
from tests.tui.scenes import Play
from tuinet.tui.screens.data import Data
from tuinet.tui.screens.log import Log
from tuinet.tui.screens.presets import Presets
from tuinet.tui.screens.runs import Runs
from tuinet.tui.screens.welcome import FIRST, Welcome


@pytest.mark.parametrize("number", range(3))
def test_one_key_starts_each_of_the_three_things_to_try_first(number: int) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press(str(number + 1))
        await until(pilot, lambda: bool(app.calls))

    assert played("welcome", play).calls == [("start_run", FIRST[number][0])]


@pytest.mark.slow
def test_the_first_start_says_what_this_is_and_what_to_do(home: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        found = await until(pilot, "Try first")
        assert "trains neural networks" in found and all(preset in found for preset, _ in FIRST)
        await pilot.press("down", "enter")
        await until(pilot, lambda: bool(app.calls))
        assert app.calls == [("start_run", FIRST[1][0])]

    played("welcome", play)


@pytest.mark.slow
def test_welcome_opens_the_last_runs(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "Last runs")
        await pilot.press("end", "enter")
        assert app.calls == [("open_run", "spiral-1a2b")]

    played("welcome", play)


@pytest.mark.slow
def test_a_run_that_is_being_trained_is_chosen_at_the_start(runs: Path) -> None:
    run = make_run(runs, "xor", state="running")
    with run.lock():

        async def play(app: StandIn, pilot: Play) -> None:
            await until(pilot, "running")
            await pilot.press("enter")
            assert app.calls == [("open_run", run.id)]

        played("welcome", play)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "screen"), [("p", Presets), ("r", Runs), ("d", Data), ("P", Presets), ("L", Log)])
def test_a_key_goes_to_each_screen_and_escape_back(
    key: str, screen: type, runs: Path, few: object, sets: object
) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, screen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Welcome)

    played("welcome", play)
