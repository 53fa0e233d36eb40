"""A sheet at the right edge of the screen, over what is there; where there is no room beside it, over all of it."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.widgets.hints import Hints

Answer = TypeVar("Answer")
BESIDE = 100  # columns from which what lies below stays in sight


class Sheet(ModalScreen[Answer]):
    """Give `body()`; `says` stands above it, and `error()` shows below it what is wrong."""

    DEFAULT_CSS = """
    Sheet { align: right middle; background: $background 0%; }
    Sheet > #sheet { width: 100%; height: 100%; background: $background; border: round $accent; padding: 0 1;
                     border-title-color: $accent; border-title-style: bold; border-subtitle-color: $text-muted; }
    Sheet.-beside > #sheet { width: 58%; max-width: 110; }
    Sheet #says { color: $text-muted; height: auto; max-height: 4; margin-bottom: 1; }
    Sheet #error { color: $bad; height: auto; max-height: 6; display: none; }
    Sheet #error.-said { display: block; }
    Sheet Hints { dock: bottom; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-over"), (BESIDE, "-beside")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = bindings("sheet")

    def __init__(self, title: str, says: str = "") -> None:
        super().__init__()
        self._title, self._says = title, says

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet") as sheet:
            sheet.border_title = Content(safe(self._title, 80))
            if self._says:
                yield Static(Content(safe(self._says, 400)), id="says")
            yield from self.body()
            yield Static("", id="error")
            yield Hints()

    def body(self) -> ComposeResult:
        yield from ()

    def first(self) -> Widget | None:
        """What has the focus when it opens."""
        return None

    def on_mount(self) -> None:
        first = self.first()
        if first is not None:
            first.focus()

    def error(self, sentence: str) -> None:
        """What is wrong; "" takes it away."""
        shown = self.query_one("#error", Static)
        shown.update(Content(f"✖ {safe(sentence, 500)}" if sentence else ""))
        shown.set_class(bool(sentence), "-said")

    def action_close(self) -> None:
        self.dismiss(None)
