"""The settings of one layer, or of the training, as a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.widget import Widget

from tuinet.tui.entries import Entry
from tuinet.tui.sheets.base import Sheet
from tuinet.tui.widgets.form import SettingsForm


class Settings(Sheet[None]):
    """Every change is handed on at once. Esc closes."""

    def __init__(
        self, title: str, says: str, entries: Callable[[], Sequence[Entry]], enter: Callable[[str, str], str]
    ) -> None:
        """entries: the lines as they stand. enter: takes key and text, and says what is wrong with them, or ""."""
        super().__init__(title, says)
        self._entries, self._enter = entries, enter
        self._left = False

    def body(self) -> ComposeResult:
        yield SettingsForm(self._entries())

    def first(self) -> Widget | None:
        form = self.query_one(SettingsForm)
        return next((line.control for key in form.keys if key != "name" and (line := form.line(key))), None)

    async def on_settings_form_typed(self, event: SettingsForm.Typed) -> None:
        if self._left:
            return
        form = self.query_one(SettingsForm)
        error = self._enter(event.key, event.text)
        form.say(event.key, error)
        if not error:
            await form.show(self._entries())

    def action_close(self) -> None:
        """What was typed a moment before may not have come here yet: it counts too, as it stands at the end."""
        self._left = True
        for key, text in self.query_one(SettingsForm).unsaid():
            self._enter(key, text)
        super().action_close()
