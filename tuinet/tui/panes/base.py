"""What all panes of the workbench have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import RenderResult
from textual.binding import BindingType
from textual.geometry import Region
from textual.widget import Widget

from tuinet.tui.application import Teller
from tuinet.tui.view import RunView
from tuinet.tui.widgets.base_style import BaseStyle


class Pane(Teller, BaseStyle, Widget, can_focus=True):
    """One of the views of a run that stand side by side.

    `see` is called by the screen, on the event loop, a few times a second, with what has changed since the last time:
    "view" (another run, or its worker came), "status", "curves", "epochs", "events", "preset", "selection", "looks",
    "size"; and by the pane itself with "theme". A pane repaints what that concerns, and reads nothing but its `view`.
    """

    DEFAULT_CSS = """
    Pane {
        border: round $border-blurred; border-title-color: $text-muted; border-subtitle-color: $text-muted;
        padding: 0 1;
    }
    Pane:focus, Pane:focus-within { border: round $border; border-title-color: $primary; border-title-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []

    NAME: ClassVar[str] = ""  # as in actions.py; with a capital, the title

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id or self.NAME or None)
        self.view: RunView | None = None
        self.title = (id or self.NAME).capitalize()
        self.border_title = self.title
        self._theme = ""  # that the pane's styles are of

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.app.theme != self._theme:
            first, self._theme = not self._theme, self.app.theme
            if not first:
                self.call_after_refresh(self._take_theme)

    def _take_theme(self) -> None:
        """All of it in the new colours: lines that say what they said are painted, too."""
        with self.guarded():
            self.see(frozenset({"theme"}))
        self.refresh()

    def render(self) -> RenderResult:
        """Nothing inside the frame, of one that says nothing else."""
        return ""

    def see(self, changed: frozenset[str]) -> None:
        """Show what has changed. Must not wait."""

    def refresh_lines(self, before: Sequence[object], after: Sequence[object]) -> None:
        """Has those lines painted anew that differ. Textual renders all that it is asked for, changed or not."""
        both = min(len(before), len(after))
        changed = [y for y in range(max(len(before), len(after))) if y >= both or before[y] != after[y]]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed), layout=False)

    def summary(self) -> str:
        """One short line, for when there is no room for the pane. Safe text."""
        return ""

    def command_form(self) -> str:
        """The command that does what the pane shows, without `tuinet` in front; empty for the run's own."""
        return ""
