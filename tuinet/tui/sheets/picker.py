"""Which layer to add: every type that may stand there, searched by what is typed, and what each is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tuinet.columns import Column
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.sheets.base import Sheet
from tuinet.tui.widgets.rows import Row, Rows, laid_out


class Picker(Sheet[str]):
    """Answers with the chosen word, None where it was closed."""

    DEFAULT_CSS = """
    Picker Input { height: 1; border: none; padding: 0; margin-bottom: 1; background: $surface; }
    Picker Input:focus { border: none; }
    Picker Rows > .rows--cursor-blurred { text-style: $block-cursor-text-style; }
    Picker #about { height: auto; max-height: 12; margin-top: 1; color: $text-muted; }
    """
    BINDINGS = bindings("picker")

    def __init__(self, title: str, kinds: Mapping[str, type]) -> None:
        super().__init__(title)
        self._kinds = kinds

    def body(self) -> ComposeResult:
        yield Search(placeholder="type to search: a name, or a word of what it does", select_on_focus=False)
        yield Rows(id="kinds", empty="no layer has these words")
        yield Static("", id="about")

    def first(self) -> Widget | None:
        return self.query_one(Input)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._list)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self._tell()

    def on_rows_opened(self, event: Rows.Opened) -> None:
        self.action_pick()

    def action_above(self) -> None:
        self.query_one(Rows).action_up()

    def action_below(self) -> None:
        self.query_one(Rows).action_down()

    def action_pick(self) -> None:
        word = self.query_one(Rows).key
        if word:
            self.dismiss(word)

    def _list(self) -> None:
        rows = self.query_one(Rows)
        found = matching(self._kinds, self.query_one(Input).value)
        columns = (Column("", need=9), Column("", need=5, least=20))
        cells = [((word, "bold"), (sentence(self._kinds[word]), "dim")) for word in found]
        _, lines = laid_out(columns, cells, max(20, rows.size.width - 1))
        rows.show([Row(word, pieces) for word, pieces in zip(found, lines, strict=True)])
        self._tell()

    def _tell(self) -> None:
        kind = self._kinds.get(self.query_one(Rows).key)
        said = (inspect.getdoc(kind) or "") if kind is not None else ""
        self.query_one("#about", Static).update(Content("\n".join(safe(line) for line in said.split("\n"))))


class Search(Input):
    """What is typed here narrows the list; the picker's keys are heard here, too."""

    BINDINGS = bindings("picker")

    def on_mount(self) -> None:
        self.cursor_blink = False

    async def action_pick(self) -> None:
        await self.run_action("screen.pick")

    async def action_above(self) -> None:
        await self.run_action("screen.above")

    async def action_below(self) -> None:
        await self.run_action("screen.below")


def sentence(kind: type) -> str:
    """What a layer is, in its first sentence."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def matching(kinds: Mapping[str, type], text: str) -> list[str]:
    """The words that have every typed word in their name, first, or in what is told of them."""
    words = text.lower().split()
    named = [word for word in kinds if all(part in word for part in words)]
    told = [word for word, kind in kinds.items() if all(part in f"{word} {sentence(kind)}".lower() for part in words)]
    return list(dict.fromkeys([*named, *told]))
