"""What stands in the place of everything where the terminal is too small for it."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from tuinet.tui.actions import bindings
from tuinet.tui.screens.base import content

COLUMNS, LINES = 60, 15


def is_too_small(size: Size) -> bool:
    return size.width < COLUMNS or size.height < LINES


def guard(app: App[Any], size: Size) -> None:
    """To be called whenever the terminal has another size: puts the sentence up, or takes it away."""
    shown = [screen for screen in app.screen_stack if isinstance(screen, TooSmall)]
    if is_too_small(size) and not shown:
        app.push_screen(TooSmall())
    elif shown and isinstance(app.screen, TooSmall):
        if is_too_small(size):
            app.screen.said(size)
        else:
            app.pop_screen()


class TooSmall(ModalScreen[None]):
    """The size that is needed, and the size there is. No key of what lies below is heard."""

    DEFAULT_CSS = """
    TooSmall { background: $background; align: center middle; }
    TooSmall > Static { width: auto; height: auto; text-align: center; }
    """
    BINDINGS = bindings("small")

    def compose(self) -> ComposeResult:
        yield Static(sentence(self.app.size), id="sentence")

    def said(self, size: Size) -> None:
        self.query_one("#sentence", Static).update(sentence(size))


def sentence(size: Size) -> Content:
    """What is said, in as few letters as there is room for."""
    need, have = f"{COLUMNS}×{LINES}", f"{size.width}×{size.height}"
    if size.width >= 36 and size.height >= 4:
        return content(
            ("The terminal is too small.\n", "bold"),
            f"tuinet needs {need}, and this is {have}.\n",
            ("Training goes on.", "dim"),
        )
    return content(f"{have}\nneeds {need}")
