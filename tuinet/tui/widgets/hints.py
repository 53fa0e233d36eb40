"""The bottom line: the keys that do something here, and at its right end the same from the command line."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from textual import events
from textual.app import RenderResult
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tuinet.cells import cell_width, cut
from tuinet.safe_text import safe
from tuinet.tui.actions import ACTIONS, key_label
from tuinet.tui.terminal.abilities import Abilities
from tuinet.tui.terminal.visible import WORDS

GAP = 2


class Hints(Widget):
    """Reads the screen's active bindings; those of the actions that stand in the line of hints are shown."""

    DEFAULT_CSS = """
    Hints { height: 1; dock: bottom; }
    Hints > .hints--key { color: $footer-key-foreground; text-style: bold; }
    Hints > .hints--words { color: $dim; }
    Hints > .hints--command { color: $dim; text-style: italic; }
    """
    COMPONENT_CLASSES = {"hints--key", "hints--words", "hints--command"}  # noqa: RUF012

    def __init__(self, command: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._command = command
        self._places: list[tuple[int, int, str]] = []  # from, to, key: for the mouse

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self.refresh()

    def say(self, command: str) -> None:
        """Another command-line form of what the screen shows."""
        if command != self._command:
            self._command = command
            self.refresh()

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        key_style, words_style, command_style = (
            base + self.get_component_rich_style(f"hints--{part}", partial=True) for part in ("key", "words", "command")
        )
        command = cut(safe(f"= {self._command}", 200), max(0, width // 2 - 2)) if self._command else ""
        room = width - 1 - (cell_width(command) + GAP + 1 if command else 0)
        segments, at = [Segment(" ", base)], 1
        self._places = []
        abilities: Abilities | None = getattr(self.app, "abilities", None)
        in_words = {} if abilities is None or abilities.unicode else WORDS
        for key, words in hints(self.screen):
            shown = in_words.get(key, key)
            taken = cell_width(shown) + 1 + cell_width(words)
            if at + taken > room:
                break
            self._places.append((at, at + taken, key))
            segments += [Segment(shown, key_style), Segment(" " + words, words_style), Segment(" " * GAP, base)]
            at += taken + GAP
        if command:
            gap = width - at - cell_width(command) - 1
            segments += [Segment(" " * max(0, gap), base), Segment(command, command_style)]
        return Strip(segments).crop_extend(0, width, base)

    def render(self) -> RenderResult:
        return ""

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def on_click(self, event: events.Click) -> None:
        """A click on a hint presses its key."""
        labels = {key_label(key): key for key in self.screen.active_bindings}
        for start, end, label in self._places:
            if start <= event.x < end and label in labels:
                self.app.simulate_key(labels[label])


def labels(screen: Screen[Any]) -> dict[str, list[str]]:
    """By action, its keys as they are shown: of those that are heard now, what is focused first."""
    found: dict[str, list[str]] = {}
    for key, active in screen.active_bindings.items():
        if active.enabled and active.binding.id in ACTIONS:
            found.setdefault(active.binding.id, []).append(key_label(key))
    return found


def hints(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Key and words of each action that stands in the line of hints, those of the focused place first."""
    keys, order = labels(screen), list(ACTIONS)
    found = {name: (first, ACTIONS[name].words) for name, (first, *_) in keys.items() if ACTIONS[name].hint}
    own = [name for name in found if not name.startswith("app.")]
    everywhere = sorted((name for name in found if name.startswith("app.")), key=order.index)
    return [found[name] for name in sorted(own, key=order.index) + everywhere]
