"""Lines to read, such as what an edited preset says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widget import Widget

from tuinet.cells import wrap
from tuinet.safe_text import safe
from tuinet.tui.sheets.base import Sheet
from tuinet.tui.widgets.rows import Row, Rows


class Reading(Sheet[None]):
    """Esc closes it."""

    def __init__(self, title: str, says: str, lines: Sequence[str], empty: str) -> None:
        super().__init__(title, says)
        self._lines, self._empty = lines, empty

    def body(self) -> ComposeResult:
        yield Rows(empty=self._empty)

    def first(self) -> Widget | None:
        return self.query_one(Rows)

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay)

    def _lay(self) -> None:
        rows = self.query_one(Rows)
        width = max(20, rows.size.width - 1)
        shown = [
            Row(f"{number}.{part}", ((text, _kind(line)),))
            for number, line in enumerate(self._lines)
            for part, text in enumerate(wrap(safe(line, 1_000), width, indent="    "))
        ]
        rows.show(shown)


def _kind(line: str) -> str:
    return {"+": "good", "-": "bad"}.get(line[:1], "")
