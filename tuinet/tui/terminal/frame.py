"""What the terminal shows, cell by cell, so that only what differs is sent.

Textual sends every line of a widget that asks to be painted, changed or not. Over ssh that is most of the traffic.
Here the bytes sent so far are remembered as cells (a character and its colours), and an update becomes the moves
and characters that turn these cells into the new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from tuinet.safe_text import safe

JUMP = 4
"""Bytes of a jump over unchanged cells: so many of them are sent again instead, where they look like what is sent."""

RESET = "\x1b[0m"
STYLES_KEPT = 4_096
"""And ways from one to another: widgets make new ones with every painting, and each takes half a kilobyte."""

Update = LayoutUpdate | ChopsUpdate
Piece = tuple[int, int, Strip]
"""A row, a column, and what is to stand from there."""


def pieces(update: Update) -> Iterator[Piece]:
    """What an update of Textual's wants to have on the screen."""
    if isinstance(update, LayoutUpdate):
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for part in line:
                yield y, x, part
                x += part.cell_length
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            begin, stop = max(x, left), min(end, right)
            if strip is not None and begin < stop:
                yield y, begin, strip if begin == x and stop == end else strip.crop(begin - x, stop - x)


class Row:
    """One line of the terminal."""

    def __init__(self, width: int) -> None:
        self.letters: list[str | None] = [None] * width  # None: not known
        self.looks: list[str] = [""] * width
        self.known: dict[int, tuple[int, Strip]] = {}  # column: what was painted there last, and where it ends

    def remember(self, x: int, end: int, strip: Strip) -> None:
        for column, (stop, _) in list(self.known.items()):
            if column < end and x < stop:
                del self.known[column]
        self.known[x] = (end, strip)


class Frame:
    """The cells of a terminal of the given size. At first none is known, and everything is sent once."""

    def __init__(self, width: int, height: int, console: Console) -> None:
        self.size = (width, height)
        self.rows = [Row(width) for _ in range(height)]
        self.console = console
        self._colours = console._color_system or ColorSystem.TRUECOLOR
        self._looks: dict[int, tuple[Style, str]] = {}  # by id: a Style's own hash takes longer than all the rest
        self._pen = RESET
        self._at: tuple[int, int] | None = None

    def paint(self, update: Update) -> str:
        """The bytes that are needed for this update: none where nothing changes."""
        out: list[str] = []
        self._pen, self._at = RESET, None
        for y, x, strip in pieces(update):
            if 0 <= y < self.size[1] and 0 <= x < self.size[0]:
                self._piece(y, x, strip, out)
        self._look(RESET, out)
        return "".join(out)

    def _piece(self, y: int, x: int, strip: Strip, out: list[str]) -> None:
        row = self.rows[y]
        known = row.known.get(x)
        if known is not None and known[1] == strip:
            return
        end = x + strip.cell_length
        if end > self.size[0]:
            end = self.size[0]
            strip = strip.crop(0, end - x)
        cells = self._cells(strip)
        if cells is None or len(cells[0]) != end - x:
            self._whole(y, x, end, strip, out)
        else:
            self._changes(y, x, end, *cells, out)
        row.remember(x, end, strip)

    def _cells(self, strip: Strip) -> tuple[list[str], list[str]] | None:
        """A letter and its look for each cell, or None where letters and cells are not one to one."""
        letters = strip.text
        if not (letters.isascii() and letters.isprintable()) and not all(map(is_narrow, set(letters))):
            return None
        looks: list[str] = []
        known = self._looks
        for text, style, _ in strip:
            found = known.get(id(style))
            looks += [found[1] if found is not None else self._look_of(style)] * len(text)
        return list(letters), looks

    def _changes(self, y: int, x: int, end: int, letters: list[str], looks: list[str], out: list[str]) -> None:
        row = self.rows[y]
        old_letters, old_looks = row.letters[x:end], row.looks[x:end]
        if old_letters == letters and old_looks == looks:
            return
        count = end - x
        same = [a == b and c == d for a, b, c, d in zip(old_letters, letters, old_looks, looks, strict=True)]
        first = 0
        while first < count:
            if same[first]:
                first += 1
                continue
            last = _last_of_run(first, same, letters, looks)
            self._run(y, x + first, letters[first : last + 1], looks[first : last + 1], out)
            first = last + 1
        row.letters[x:end] = letters
        row.looks[x:end] = looks

    def _run(self, y: int, x: int, letters: list[str], looks: list[str], out: list[str]) -> None:
        self._move(y, x, out)
        begin, count = 0, len(letters)
        while begin < count:
            look = looks[begin]
            stop = begin + 1
            while stop < count and looks[stop] == look:
                stop += 1
            self._look(look, out)
            out.append("".join(letters[begin:stop]))
            begin = stop
        self._at = (y, x + count)

    def _whole(self, y: int, x: int, end: int, strip: Strip, out: list[str]) -> None:
        """Wide, combining and doubtful characters: the terminal may count their cells otherwise than we do, so that
        the piece is sent as one, and nothing is believed about its cells afterwards."""
        self._move(y, x, out)
        self._look(RESET, out)
        out.append(Strip([Segment(safe(text), style) for text, style, _ in strip]).render(self.console))
        self._at = None
        row = self.rows[y]
        row.letters[x:end] = [None] * (end - x)

    def _move(self, y: int, x: int, out: list[str]) -> None:
        here = self._at
        if here is not None and here[0] == y and here[1] < x:
            out.append(f"\x1b[{x - here[1]}C")
        elif here != (y, x) or x == self.size[0]:
            out.append(move_to(x, y))

    def _look(self, look: str, out: list[str]) -> None:
        if look != self._pen:
            out.append(turned(self._pen, look))
            self._pen = look

    def _look_of(self, style: Style | None) -> str:
        if style is None:
            return RESET
        ansi = Strip.render_ansi(style, self._colours)
        look = f"\x1b[0;{ansi}m" if ansi else RESET
        if len(self._looks) > STYLES_KEPT:
            self._looks.clear()
        self._looks[id(style)] = style, look
        return look


def _last_of_run(first: int, same: list[bool], letters: list[str], looks: list[str]) -> int:
    """Where a run that begins at a changed cell ends: it goes on over cells that cost less than a jump."""
    last, spent = first, 0
    for here in range(first + 1, len(same)):
        if not same[here]:
            last, spent = here, 0
            continue
        spent += 1 if letters[here].isascii() else 3
        if spent > JUMP or looks[here] != looks[last]:
            break
    return last


@lru_cache(maxsize=STYLES_KEPT)
def turned(before: str, look: str) -> str:
    """What turns one look into another: of colours only those that differ, since a heatmap is little else.

    After RESET, with which each painting begins, the whole look: something else may have written to the terminal.
    """
    if before == RESET:
        return look
    (old, *old_colours), (new, *new_colours) = _attributes_and_colours(before), _attributes_and_colours(look)
    if old != new:
        return look
    changed = [now or none for was, now, none in zip(old_colours, new_colours, ("39", "49"), strict=True) if was != now]
    shorter = f"\x1b[{';'.join(changed)}m" if changed else ""
    return shorter if len(shorter) < len(look) else look


def _attributes_and_colours(look: str) -> tuple[str, str, str]:
    """Of a look: what is no colour, the colour of the letters and that of the ground; empty where not said."""
    attributes, letters, ground = [], "", ""
    codes = iter(look.removeprefix("\x1b[").removesuffix("m").split(";"))
    for code in codes:
        if code in ("38", "48"):
            kind = next(codes)
            found = ";".join([code, kind, *(next(codes) for _ in range(1 if kind == "5" else 3))])
        else:
            found = code
        if code == "38" or (len(code) > 1 and code[-2] in "39"):
            letters = found
        elif code == "48" or (len(code) > 1 and code[-2] in "40"):
            ground = found
        else:
            attributes.append(code)
    return ";".join(attributes), letters, ground


def move_to(x: int, y: int) -> str:
    return f"\x1b[{y + 1};{x + 1}H"


@lru_cache(maxsize=4096)
def is_narrow(letter: str) -> bool:
    """Whether the character fills one cell by itself, and commands nothing."""
    return get_character_cell_size(letter) == 1 and safe(letter) == letter
