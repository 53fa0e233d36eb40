"""One number set by hand."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tuinet.safe_text import safe


class Number(ModalScreen[float | None]):
    """Gives the number, or None."""

    BINDINGS = [("escape", "cancel", "cancel")]  # noqa: RUF012
    DEFAULT_CSS = """
    Number { align: center middle; }
    Number > Vertical {
        width: 56; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 0 1;
        border-title-color: $primary;
    }
    Number Input { border: none; height: 1; background: $panel; padding: 0 1; }
    Number Static { width: 100%; height: 1; }
    """

    def __init__(self, what: str, value: float | None) -> None:
        """what: of what it is the number. value: what it is now."""
        super().__init__()
        self._what, self._value = what, value

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(safe(self._what, 48))
            box.border_subtitle = "enter sets   esc leaves"
            line = Input("" if self._value is None else f"{self._value:.9g}")
            line.cursor_blink = False
            yield line
            yield Static("", id="wrong")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            number = float(event.value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            self.dismiss(number)
        else:
            wrong = f"{event.value or 'nothing'} is no finite number"
            self.query_one("#wrong", Static).update(Content.styled(safe(wrong, 50), "$error"))

    def action_cancel(self) -> None:
        self.dismiss(None)
