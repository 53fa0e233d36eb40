"""The preset as TOML, to be edited by hand."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import TextArea

from tuinet.safe_text import safe
from tuinet.tui.sheets.base import Sheet

PAUSE = 0.15  # seconds without a key after which the text is read


class Text(Sheet[None]):
    """What is typed is handed on once the keys rest; where it cannot be read, the sentence stands below."""

    DEFAULT_CSS = """
    Text TextArea { height: 1fr; border: none; padding: 0; }
    Text TextArea:focus { border: none; }
    """

    def __init__(
        self, title: str, says: str, kept: Callable[[], str], enter: Callable[[str], str], line: int = 1
    ) -> None:
        """kept: the text as it was taken last. enter: takes it, and says what is wrong with it, or "".

        line: where the cursor begins.
        """
        super().__init__(title, says)
        self._kept, self._enter, self._line = kept, enter, line
        self._text = kept()
        self._timer: Timer | None = None
        self.wrong = ""  # with what is written now
        self._warned = False

    def body(self) -> ComposeResult:
        area = TextArea(shown(self._text), show_line_numbers=True, tab_behavior="focus", soft_wrap=False)
        area.cursor_blink = False
        yield area

    def first(self) -> Widget | None:
        area = self.query_one(TextArea)
        area.move_cursor((max(0, self._line - 1), 0))
        return area

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._read)
        self._warned = False

    def _read(self) -> None:
        self._timer = None
        text = self.query_one(TextArea).text
        if text != shown(self._text):
            self.wrong = self._enter(text)
            self.error(self.wrong)
            self._text = text

    def action_close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._read()
        written, kept = self.query_one(TextArea).text, self._kept()
        if self.wrong and written not in (kept, shown(kept)) and not self._warned:
            self._warned = True
            self.error(f"{self.wrong}; esc again goes back to what could be read last")
        else:
            self.dismiss(None)


def shown(text: str) -> str:
    """The text line by line, with marks for what a terminal would obey."""
    return "\n".join(safe(line.replace("\t", "    ")) for line in text.split("\n"))
