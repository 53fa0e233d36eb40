"""Where a preset is to be written; asks before it takes the place of another."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from tuinet.errors import TuinetError
from tuinet.safe_text import safe
from tuinet.tui.draft import Taken
from tuinet.tui.sheets.base import Sheet


class Saving(Sheet[str]):
    """Answers with the path that was written."""

    DEFAULT_CSS = """
    Saving Input { height: 3; }
    """

    def __init__(self, name: str, save: Callable[[str, bool], str]) -> None:
        """save: writes the file of that name, over another one or not, and says where; raises TuinetError."""
        super().__init__("Save as a preset", "A .toml file: train it by `tuinet run FILE`.")
        self._file, self._save = name, save
        self._over = ""  # the name that was asked about

    def body(self) -> ComposeResult:
        field = Input(safe(self._file), placeholder="mine.toml", select_on_focus=False)
        field.cursor_blink = False
        yield field

    def first(self) -> Widget | None:
        return self.query_one(Input)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._over = ""
        self.error("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(self._save(event.value, bool(self._over) and self._over == event.value))
        except Taken as error:
            self._over = event.value
            self.error(f"{error}; press ⏎ once more to replace it, or give another name")
        except TuinetError as error:
            self.error(str(error))
