"""A small box in the middle of the screen that waits for an answer; what lies below stays in sight.

Its keys, and the same from the command line, stand in the bottom line of the screen.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.widgets.hints import Hints

Answer = TypeVar("Answer")


class Box(ModalScreen[Answer]):
    """Give `body()`; escape dismisses it with `NOTHING`."""

    BINDINGS = bindings("asking")
    DEFAULT_CSS = """
    Box { align: center middle; background: $background 60%; }
    Box > Vertical {
        width: 64; max-width: 96%; height: auto; padding: 1 2; background: $surface;
        border: round $border; border-title-color: $primary; border-title-style: bold;
    }
    Box Static { height: auto; width: 1fr; }
    Box Input { border: none; height: 1; padding: 0 1; margin: 1 0; background: $panel; }
    Box Input:focus { border: none; }
    Box #wrong { color: $bad; display: none; }
    Box #wrong.-said { display: block; }
    """

    NOTHING: ClassVar[Any] = None
    """What is given where nothing was wanted."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = safe(title, 60)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield from self.body()
            yield Static("", id="wrong")
        yield Hints(self.command())

    def body(self) -> ComposeResult:
        yield from ()

    def command(self) -> str:
        """The same from the command line, as the answer stands."""
        return ""

    def wrong(self, sentence: str) -> None:
        """What is wrong with the answer; "" takes it away."""
        shown = self.query_one("#wrong", Static)
        shown.update(Content(safe(sentence, 300)))
        shown.set_class(bool(sentence), "-said")

    def action_cancel(self) -> None:
        self.dismiss(self.NOTHING)


class Line(Input):
    """The line in which the answer is written."""

    BINDINGS = bindings("asking")

    def __init__(self, answer: str = "", **more: Any) -> None:
        super().__init__(answer, select_on_focus=False, **more)
        self.cursor_blink = False

    async def action_cancel(self) -> None:
        await self.run_action("screen.cancel")
