"""The log of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stand_in import StandIn, played, text, until
from tests.tui.scenes import Play
from tuinet.runs import RunFolder


def test_the_log_tells_events_and_what_the_worker_said(runs: Path) -> None:
    run = RunFolder(runs / "letters-1a2d")
    run.log_path.write_text("a warning about nothing\n")

    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "a warning about nothing")
        assert "▲ 3 examples stand in both parts" in shown and "good: It has settled." in shown
        with run.log_path.open("a") as log:
            log.write("and another line\n")
        await until(pilot, "and another line")
        await pilot.press("w")
        assert "a warning" not in await until(pilot, "events only")
        await pilot.press("w")
        assert "settled" not in await until(pilot, "worker only")
        await pilot.press("w", "slash", *"settled")
        assert "another line" not in await until(pilot, "/settled")

    played("log", play)


@pytest.mark.slow
def test_who_goes_up_in_the_log_stays_there_while_lines_come_in(runs: Path) -> None:
    run = RunFolder(runs / "letters-1a2d")
    run.log_path.write_text("".join(f"line {number}\n" for number in range(60)))

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "line 59")
        await pilot.press("home")
        await until(pilot, "does not follow")
        with run.log_path.open("a") as log:
            log.write("line 60\n")
        await pilot.pause(1.0)
        assert "line 60" not in text(app) and "3 examples" in text(app)
        await pilot.press("f")
        await until(pilot, "line 60")

    played("log", play)


@pytest.mark.slow
def test_there_is_no_log_without_a_run() -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "there is no run")

    played("log", play)
