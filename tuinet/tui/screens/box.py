"""A small box in the middle of the screen that waits for an answer; what lies below stays in sight."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tuinet.safe_text import safe
from tuinet.tui.actions import bindings

Answer = TypeVar("Answer")


class Box(ModalScreen[Answer]):
    """Give `body()`; escape dismisses it with `NOTHING`."""

    BINDINGS = bindings("asking")
    DEFAULT_CSS = """
    Box { align: center middle; background: $background 60%; }
    Box > Vertical {
        width: 64; max-width: 96%; height: auto; padding: 1 2; background: $surface;
        border: round $border; border-title-color: $primary; border-title-style: bold;
        border-subtitle-color: $text-muted;
    }
    Box Static { height: auto; width: 1fr; }
    Box Input { border: none; height: 1; padding: 0 1; margin: 1 0; background: $panel; }
    Box Input:focus { border: none; }
    Box #wrong { color: $bad; display: none; }
    Box #wrong.-said { display: block; }
    """

    NOTHING: ClassVar[Any] = None
    """What is given where nothing was wanted."""

    KEYS: ClassVar[str] = ""
    """What the keys do here, in the lower edge."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = safe(title, 60)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = self.KEYS
            yield from self.body()
            yield Static("", id="wrong")

    def body(self) -> ComposeResult:
        yield from ()

    def wrong(self, sentence: str) -> None:
        """What is wrong with the answer; "" takes it away."""
        shown = self.query_one("#wrong", Static)
        shown.update(Content(safe(sentence, 300)))
        shown.set_class(bool(sentence), "-said")

    def action_cancel(self) -> None:
        self.dismiss(self.NOTHING)


class Line(Input):
    """The line in which the answer is written."""

    def __init__(self, answer: str = "", **more: Any) -> None:
        super().__init__(answer, select_on_focus=False, **more)
        self.cursor_blink = False
