"""The hardware lesson on a screen: rows as they are measured, and what they teach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.scripted_view import scripted_view
from tests.test_tui_workbench import Alone
from tests.tui_screens import on_screen, picture, until
from tuinet.errors import TuinetError
from tuinet.tui.screens.hardware import Hardware, timed_of

CPU = {
    "row": "width",
    "batch": 256,
    "device": "cpu",
    "gpu": None,
    "threads": 2,
    "multiply_adds": 1_556_480,
    "kernels": 0,
}
GPU = {**CPU, "device": "cuda:0", "gpu": "NVIDIA H100", "threads": 1, "kernels": 27}
ROWS = [
    {**CPU, "width": 32, "us_per_step": 20.4}, {**GPU, "width": 32, "us_per_step": 60.0},
    {**CPU, "width": 64, "us_per_step": 940.0}, {**GPU, "width": 64, "us_per_step": 66.0},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "home"))


def telling(*rows: Any, then: Callable[[], Awaitable[Any]] | None = None) -> Callable[[], AsyncIterator[Any]]:
    """What tells these rows, and then does this."""

    async def told() -> AsyncIterator[Any]:
        for row in rows:
            yield row
        if then is not None:
            await then()

    return told


async def fail() -> None:
    raise TuinetError("the command failed")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_both_halves_and_the_sentence_are_shown(size: tuple[int, int]) -> None:
    app = Alone(scripted_view())
    end = {"row": "end", "wins_from": 64, "sentence": "From width 64 on the GPU wins.", "no_gpu": None}

    async def steps(pilot: Pilot[Any]) -> None:
        await app.push_screen(Hardware(telling(*ROWS, {"row": "no row"}, end)))
        await until(pilot, lambda: "From width 64 on the GPU wins." in picture(app))
        text = picture(app)
        assert "0.34× as fast" in text and "14.24× as fast" in text and "940 µs" in text
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Hardware))

    on_screen(app, size, steps)


def test_rows_are_shown_while_more_are_measured_and_closing_ends_it() -> None:
    app, ended = Alone(scripted_view()), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async def steps(pilot: Pilot[Any]) -> None:
        await app.push_screen(Hardware(telling(*ROWS[:2], then=forever)))
        await until(pilot, lambda: "60 µs" in picture(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Hardware) and ended.is_set())

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (telling(ROWS[0], {"row": "end", "sentence": "", "no_gpu": "no [b]GPU[/] \x1b[2J"}),
         "Only the processor was timed: no [b]GPU[/] ␛[2J."),
        (telling(ROWS[0], then=fail), "The measuring has failed"),
    ],
)  # fmt: skip
def test_why_something_is_missing_is_said(rows: Callable[[], AsyncIterator[Any]], says: str) -> None:
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await app.push_screen(Hardware(rows))
        await until(pilot, lambda: says in picture(app))

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"width": "x"}, {"us_per_step": 0}, {"us_per_step": float("inf")}, {"kernels": None}]
)
def test_a_row_that_cannot_be_is_passed_over(wrong: dict[str, Any]) -> None:
    assert timed_of(ROWS[0]) is not None
    assert timed_of({**ROWS[0], **wrong}) is None


def test_a_key_opens_it_from_every_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuinet.tui.screens.hardware.page", lambda app: Hardware(telling(*ROWS)))
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await pilot.press("G")
        await until(pilot, lambda: isinstance(app.screen, Hardware) and "940 µs" in picture(app))

    on_screen(app, (120, 40), steps)
