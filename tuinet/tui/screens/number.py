"""One number set by hand."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.widgets import Input

from tuinet.tui.screens.box import Box, Line


class Number(Box[float | None]):
    """Gives the number, or None."""

    def __init__(self, what: str, value: float | None, *, command: str = "") -> None:
        """what: of what it is the number. value: what it is now. command: the same from the command line."""
        super().__init__(what)
        self._value, self._command = value, command

    def command(self) -> str:
        return self._command

    def body(self) -> ComposeResult:
        yield Line("" if self._value is None else f"{self._value:.9g}")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.wrong("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            number = float(event.value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            self.dismiss(number)
        else:
            self.wrong(f"{event.value or 'nothing'} is no finite number, as 0.5 and -2e-3 are")
