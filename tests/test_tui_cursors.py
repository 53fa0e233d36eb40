"""Where the cursor stands can be read: in sixteen colours the terminal's own foreground is white on most grounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.color import Color
from rich.segment import Segment
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from tests.cli_scenes import make_run
from tests.scripted_view import scripted_view
from tests.test_tui_workbench import Alone
from tests.tui_screens import on_screen, picture, until
from tuinet.errors import TuinetError
from tuinet.tui.navigation import Navigation


@pytest.fixture(autouse=True)
def _sixteen_colours(home: Path, own_config: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for screen in ("presets", "data"):
        monkeypatch.setattr(f"tuinet.tui.screens.{screen}.all_of", refused)


async def refused(*words: str) -> list[dict[str, Any]]:
    """In the place of what a process would be asked for."""
    raise TuinetError("not now")


def is_own(colour: Color | None) -> bool:
    """Whether it is whatever the terminal has."""
    return colour is None or colour.is_default


def grounds(app: Navigation) -> list[Segment]:
    """Words on a ground that is not the terminal's own."""
    segments = (segment for strip in app.screen._compositor.render_strips() for segment in strip)
    return [one for one in segments if one.text.strip() and one.style is not None and not is_own(one.style.bgcolor)]


def unreadable(app: Navigation) -> list[str]:
    """Those of them whose own colour is that of the terminal, or of their ground."""
    found = []
    for text, style, _ in grounds(app):
        assert style is not None
        if is_own(style.color) or style.color == style.bgcolor:
            found.append(f"{text!r} is {style}")
    return found


# Keys from the workbench on, and words of what the cursor then stands on (of what is chosen in other panes, too).
PLACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "architecture": (("1",), ("flatten_1", "▸[ ] L2 penalty")),
    "architecture, another layer": (("1", "down", "down"), ("▸ out", "▸[ ] L2 penalty")),
    "overfitting": (("4",), ("▸[ ] L2 penalty", "flatten_1")),
    "overfitting, a cure that cannot be": (("4", "up"), ("▸[–] dropout", "flatten_1")),
    "loss": (("2", "left"), ("▸[ ] L2 penalty", "flatten_1")),
    "settings, a choice": (("1", "down", "e", "down"), ("relu",)),
    "settings, a line": (("1", "down", "e"), ("128",)),
    "picker": (("1", "a"), ("activation",)),
    "text": (("1", "t"), ("[",)),
    "saving": (("1", "w", "left"), ("flatten_1",)),
    "setting": (("equals_sign", *"training", "left"), ("flatten_1",)),
    "palette": (("colon", *"theme", "down"), ("tuinet-dark",)),
    "welcome": (("W",), ("fashion-mlp",)),
    "presets": (("P",), ("circle",)),
    "presets, a filter": (("P", "slash", *"deep"), ("deep",)),
    "runs": (("R",), ("spiral",)),
    "data": (("D",), ("fashion",)),
}  # fmt: skip


FEW = ("architecture", "loss", "picker", "runs")
ALL = [place if place in FEW else pytest.param(place, marks=pytest.mark.slow) for place in PLACES]


@pytest.mark.parametrize("place", ALL)
def test_what_the_cursor_stands_on_can_be_read_in_sixteen_colours(home: Path, place: str) -> None:
    make_run(home / "runs", "spiral", best=12)
    app, (keys, words) = Alone(scripted_view()), PLACES[place]

    async def steps(pilot: Pilot[Any]) -> None:
        assert app.theme == "tuinet-terminal"
        await until(pilot, lambda: "cures" in picture(app))
        for key in keys:
            await pilot.press(key)
        for word in words:
            await until(pilot, lambda word=word: word in "".join(one.text for one in grounds(app)), word)
        assert unreadable(app) == []

    on_screen(app, (200, 50), steps)


def marked(app: Navigation) -> str:
    """Words that are reversed or underlined."""
    segments = (segment for strip in app.screen._compositor.render_strips() for segment in strip)
    return "".join(one.text for one in segments if one.style and (one.style.reverse or one.style.underline))


COLOURLESS = (
    "settings, a choice",
    "settings, a line",
    "picker",
    "palette",
    "overfitting",
    "welcome",
    "presets",
    "runs",
)


@pytest.mark.parametrize(
    "place", [place if place in FEW else pytest.param(place, marks=pytest.mark.slow) for place in (*COLOURLESS, "data")]
)
def test_what_the_cursor_stands_on_is_marked_without_colours(
    home: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    make_run(home / "runs", "spiral", best=12)
    app, (keys, words) = Alone(scripted_view()), PLACES[place]

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "cures" in picture(app))
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: words[0] in marked(app), words[0])

    on_screen(app, (200, 50), steps)


class Bare(Navigation):
    """A line whose ground alone is said."""

    CSS = "Static { background: ansi_white; }"

    def compose(self) -> ComposeResult:
        yield Static("white on white")


def test_control_a_ground_without_a_colour_on_it_is_found() -> None:
    async def steps(pilot: Pilot[Any]) -> None:
        assert len(unreadable(pilot.app)) == 1  # type: ignore[arg-type]

    on_screen(Bare(), (80, 24), steps)
