"""A list of lines with a cursor: thousands of them cost no more than those in view.

The caller lays its columns out itself (`laid_out`), so that headings and lines of several shapes can follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tuinet.columns import GAP, Column, fitted, laid
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.widgets.base_style import BaseStyle

KINDS = ("dim", "bold", "good", "warn", "bad", "accent", "heading", *(f"series-{n}" for n in range(1, 9)))
Piece = tuple[str, str]
"""Text and its kind: one of KINDS, or "" for plain."""


@dataclass(frozen=True)
class Row:
    """A line. key: what it stands for, "" for one that cannot be chosen. The text is safe already."""

    key: str
    pieces: tuple[Piece, ...]


class Rows(BaseStyle, ScrollView, can_focus=True):
    """Lines, one of them chosen: arrows and the mouse move the cursor, enter or a second click opens."""

    DEFAULT_CSS = """
    Rows { height: 1fr; width: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    Rows > .rows--dim { color: $dim; }
    Rows > .rows--bold { text-style: bold; }
    Rows > .rows--good { color: $good; }
    Rows > .rows--warn { color: $warn; }
    Rows > .rows--bad { color: $bad; }
    Rows > .rows--accent { color: $primary; }
    Rows > .rows--heading { color: $dim; text-style: bold; }
    Rows > .rows--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style;
    }
    Rows > .rows--cursor-blurred {
        background: $block-cursor-blurred-background; color: $block-cursor-blurred-foreground;
        text-style: $block-cursor-blurred-text-style;
    }
    """ + "".join(f"Rows > .rows--series-{n} {{ color: $series-{n}; }}\n" for n in range(1, 9))
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"rows--{kind}" for kind in KINDS),
        "rows--cursor",
        "rows--cursor-blurred",
    }
    BINDINGS = bindings("rows")

    class Chosen(Message):
        """The cursor stands on another line."""

        def __init__(self, rows: Rows, key: str) -> None:
            super().__init__()
            self.rows, self.key = rows, key

    class Opened(Message):
        """Enter, or a click on the chosen line."""

        def __init__(self, rows: Rows, key: str) -> None:
            super().__init__()
            self.rows, self.key = rows, key

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id)
        self._empty = empty
        self.lines: tuple[Row, ...] = ()
        self.cursor = -1
        self._styles: dict[str, Style] = {}

    @property
    def empty(self) -> str:
        """What is said where there is no line."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        if text != self._empty:
            self._empty = text
            self.refresh()

    # -- what is shown ------------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """What the cursor stands on; "" where there is nothing to choose."""
        return self.lines[self.cursor].key if 0 <= self.cursor < len(self.lines) else ""

    def show(self, lines: Iterable[Row], key: str | None = None) -> None:
        """Other lines. The cursor stays on the line with the same key (or goes to `key`), else near its place."""
        before, wanted = self.key, self.key if key is None else key
        new = tuple(lines)
        changed = new != self.lines
        self.lines = new
        place = next((at for at, row in enumerate(new) if row.key == wanted and wanted), None)
        self.cursor = self._near(self.cursor) if place is None else place
        self.virtual_size = Size(0, len(new))
        if changed or self.key != before:
            self.refresh()
        if self.key != before:
            self.call_after_refresh(self._follow)  # only then it is known how far there is to scroll
            self.post_message(self.Chosen(self, self.key))

    def choose(self, key: str) -> None:
        """Puts the cursor on the line with this key, where there is one."""
        place = next((at for at, row in enumerate(self.lines) if row.key == key), None)
        if place is not None:
            self._move_to(place)

    def _near(self, place: int) -> int:
        """The nearest line that can be chosen, -1 where there is none."""
        able = [at for at, row in enumerate(self.lines) if row.key]
        return min(able, key=lambda at: (abs(at - max(0, place)), at), default=-1)

    # -- moving -------------------------------------------------------------------------------------------------

    def _move_to(self, place: int) -> None:
        if place == self.cursor:
            return
        self.cursor = place
        self.refresh()
        self._follow()
        self.call_after_refresh(self._follow)  # again, for lines that have only just come
        self.post_message(self.Chosen(self, self.key))

    def _by(self, step: int, count: int = 1) -> None:
        place = self.cursor
        for _ in range(count):
            ahead = range(place + step, len(self.lines) if step > 0 else -1, step)
            place = next((at for at in ahead if self.lines[at].key), place)
        if place == self.cursor and step < 0:
            self.scroll_to(y=0, animate=False)  # a heading above the first line
        self._move_to(place)

    def _follow(self) -> None:
        above = self.cursor - 1 if self.cursor > 0 and not self.lines[self.cursor - 1].key else self.cursor
        self.scroll_to_region(Region(0, max(0, above), 1, 1), animate=False)
        self.scroll_to_region(Region(0, max(0, self.cursor), 1, 1), animate=False)

    def action_up(self) -> None:
        self._by(-1)

    def action_down(self) -> None:
        self._by(1)

    def action_page_up(self) -> None:
        self._by(-1, max(1, self.size.height - 1))

    def action_page_down(self) -> None:
        self._by(1, max(1, self.size.height - 1))

    def action_first(self) -> None:
        self._move_to(self._near(0))

    def action_last(self) -> None:
        self._move_to(self._near(len(self.lines)))

    def on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y
        if not 0 <= place < len(self.lines) or not self.lines[place].key:
            return
        if place == self.cursor:
            self.post_message(self.Opened(self, self.key))
        self._move_to(place)

    # -- drawing ------------------------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _style(self, kind: str) -> Style:
        if kind not in self._styles:
            self._styles[kind] = self.get_component_rich_style(f"rows--{kind}", partial=True)
        return self._styles[kind]

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.base_style
        at = y + self.scroll_offset.y
        if not self.lines and y == 1 and self.empty:
            return _fill([("  " + self.empty, "dim")], width, base, self._style)
        if at >= len(self.lines):
            return Strip.blank(width, base)
        if at != self.cursor:
            return _fill(self.lines[at].pieces, width, base, self._style)
        cursor = self._style("cursor" if self.has_focus else "cursor-blurred")
        return _fill(self.lines[at].pieces, width, base + cursor, self._on_cursor)

    def _on_cursor(self, kind: str) -> Style:
        """A kind's style where the cursor stands: on a bright ground its colour would not be seen."""
        theme = self.app.current_theme
        style = self._style(kind)
        bright = theme.ansi or theme.name == "tuinet-contrast"
        return Style(bold=style.bold) if bright or kind == "dim" else style


def _fill(pieces: Sequence[Piece], width: int, base: Style, style: Callable[[str], Style]) -> Strip:
    """The pieces on one line of exactly this width."""
    segments = [Segment(text, base + style(kind) if kind else base) for text, kind in pieces]
    return Strip(segments).crop_extend(0, width, base)


def laid_out(
    columns: Sequence[Column], rows: Sequence[Sequence[Piece]], width: int, *, longest: int = 200
) -> tuple[tuple[Piece, ...], list[tuple[Piece, ...]]]:
    """The title line and the lines of a table that fits the width. Cells are made safe here."""
    cells = [[(safe(text, longest), kind) for text, kind in row] for row in rows]
    widths = fitted(columns, [[text for text, _ in row] for row in cells], width)
    shown = [index for index in range(len(columns)) if widths[index]]

    def line(row: Sequence[Piece]) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        for index in shown:
            text, kind = row[index]
            pieces.append((laid(columns[index], text, widths[index]), kind))
            pieces.append((GAP, ""))
        return tuple(pieces[:-1])

    return line([(column.title, "dim") for column in columns]), [line(row) for row in cells]
