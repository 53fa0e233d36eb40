"""The keys that do something now, with a sentence and the command-line form of each. Made from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen

from tuinet.cells import cell_width, pad
from tuinet.safe_text import safe
from tuinet.tui.actions import ACTIONS, PLACES, Action, bindings, spoken
from tuinet.tui.application import Tuinet
from tuinet.tui.screens.base import Page, Told, lines
from tuinet.tui.telling import Line, paragraph
from tuinet.tui.widgets.hints import Hints, labels


class Help(ModalScreen[None]):
    """The keys of the screen it was opened on. What lies below is hidden: dimming it takes a slow processor 0.2 s."""

    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    Help { align: center middle; background: $background; }
    Help > #box {
        width: 110; max-width: 100%; height: auto; max-height: 100%;
        border: round $border; border-title-color: $primary; border-title-style: bold; background: $surface;
        padding: 0 1;
    }
    Help Told { min-height: 1; }
    Help VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
    """

    def __init__(self, below: Screen[Any], names: Mapping[str, str]) -> None:
        """below: the screen whose keys are shown. names: what RUN, PRESET and SET stand for in commands."""
        super().__init__()
        self._found, self._names = active(below), names

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = "Keys"
            with VerticalScroll():
                yield Told(id="text")
        yield Hints("tuinet --help")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()  # it is told once its width is known

    def on_told_resized(self) -> None:
        self._tell()

    def _tell(self) -> None:
        text = self.query_one("#text", Told)
        text.update(lines(told(self._found, text.size.width or 76, self._names)))

    def action_close(self) -> None:
        self.dismiss()


def page(app: Tuinet) -> Help:
    names = {"RUN": app.view.name} if app.view is not None else {}
    return Help(app.screen, {**names, **(app.screen.names() if isinstance(app.screen, Page) else {})})


def active(screen: Screen[Any]) -> dict[str, list[tuple[Action, list[str]]]]:
    """By the title of a place: each action whose keys are heard now, and its keys. What is focused comes first."""
    keys = labels(screen)
    order = list(dict.fromkeys(ACTIONS[name].place for name in keys))
    order.sort(key=lambda place: ("rows", "app").index(place) if place in ("rows", "app") else -1)
    return {
        PLACES[place]: [
            (action, keys[action.id]) for action in ACTIONS.values() if action.place == place and action.id in keys
        ]
        for place in order
    }


def told(
    found: Mapping[str, list[tuple[Action, list[str]]]], width: int, names: Mapping[str, str] = MappingProxyType({})
) -> list[Line]:
    """Keys, what they do, and the same from the command line, in lines of this width."""
    commands = {action.id: safe(spoken(action.command, names), 80) for one in found.values() for action, _ in one}
    everything = [one for actions in found.values() for one in actions]
    keys_wide = min(18, max((cell_width("  ".join(keys)) for _, keys in everything), default=0))
    commands_wide = max(map(cell_width, commands.values()), default=0)
    beside = width >= keys_wide + 34 + commands_wide
    words_wide = width - keys_wide - 2 - (commands_wide + 2 if beside else 0)
    rows: list[Line] = []
    for title, actions in found.items():
        rows += [[], [(title, "heading")]] if rows else [[(title, "heading")]]
        for action, keys in actions:
            label, *more = [words for ((words, _),) in paragraph(action.help, words_wide)]
            command = f"  {commands[action.id]}" if beside and action.command else ""
            rows.append(
                [(pad("  ".join(keys), keys_wide), "accent"), ("  " + pad(label, words_wide), ""), (command, "dim")]
            )
            rows += [[(" " * (keys_wide + 2) + line, "")] for line in more]
            if action.command and not beside:
                rows.append([(" " * (keys_wide + 2) + "= " + commands[action.id], "dim")])
    return rows
