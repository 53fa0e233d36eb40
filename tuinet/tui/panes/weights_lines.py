"""What the weights pane draws, line by line, from the answers to its looks. Pure: no widget, no waiting.

matrix    a heatmap with its legend, its histogram and its statistics, or the number under the cursor
gallery   tiles side by side
surface   decision surface with points, and what each unit of a layer makes of the plane
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tuinet.cells import cell_width, cut
from tuinet.diagnostics.pictures import ZERO, edges
from tuinet.safe_text import safe
from tuinet.tui.colours import Palette, Ramp, readable
from tuinet.tui.widgets.heatmap import (
    CURSOR,
    Grid,
    Places,
    bars,
    classed,
    colour_of,
    enlarged,
    halves,
    heat_strips,
    ink,
    legend,
    quantised,
    side_by_side,
    spark,
)

Fields = Mapping[str, Any]
LEGEND = 32  # columns of the ramp, and bins of the histogram, at most
NARROW, SIDES = 66, 22  # columns below which words beside the legend give way, and those of the legend's numbers
CALM = 0.66  # of the ramp that surfaces use
FEET = ((10, 3), (6, 2), (4, 1))  # lines below a heatmap, by the height of the pane


@dataclass
class Drawn:
    """Lines, and how cells of the look lie in them: over so many columns, and rows of which a line has one or two."""

    lines: list[Strip]
    across: int = 0
    down: int = 0
    two: bool = False
    places: Places | None = None  # before they were enlarged, for the next time

    def cell_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Row and column of the cell drawn there, None where none is."""
        if self.places is None or not self.across:
            return None
        row, column = y * (2 if self.two else 1) // self.down, x // self.across
        inside = row < self.places.shape[0] and column < self.places.shape[1]
        return (row, column) if inside else None


@dataclass(frozen=True)
class Pen:
    """How to draw here: with which colours, on what ground, and in how many columns and lines."""

    palette: Palette
    base: Style
    width: int
    height: int

    @property
    def faint(self) -> Style:
        """Of what is said beside the numbers."""
        return ink(self.palette.faint, self.base)

    @property
    def ramp(self) -> Ramp:
        return self.palette.diverging

    @property
    def two(self) -> bool:
        return halves(self.palette, self.ramp)

    @property
    def feet(self) -> int:
        """Lines that stand below a heatmap."""
        return next((lines for least, lines in FEET if self.height >= least), 0)

    @property
    def bins(self) -> int:
        """Columns of the legend, and bins of the histogram below it."""
        return max(5, min(LEGEND, self.width - (SIDES if self.narrow else 44)))

    @property
    def narrow(self) -> bool:
        """Whether there is no room for words beside the legend."""
        return self.width < NARROW

    def line(self, *pieces: str | tuple[str, Style] | Segment) -> Strip:
        """A line of exactly the width."""
        segments = []
        for piece in pieces:
            if isinstance(piece, Segment):
                segments.append(piece)
            else:
                text, style = (piece, self.base) if isinstance(piece, str) else piece
                segments.append(Segment(text, style))
        return Strip(segments).crop_extend(0, self.width, self.base)

    def filled(self, lines: Sequence[Strip]) -> list[Strip]:
        """The lines at full width, and empty ones below."""
        found = [strip.crop_extend(0, self.width, self.base) for strip in lines[: self.height]]
        return found + [self.line()] * (self.height - len(found))


@dataclass
class Cursor:
    """Where it stands in the matrix, and what is known of the number there."""

    row: int
    column: int
    name: str = ""
    fields: Fields = field(default_factory=dict)
    error: str = ""


def signed(value: float | None, palette: Palette) -> str:
    """A number with its sign, in at most nine characters."""
    if value is None:
        return "?" if palette.ascii else "–"
    text = f"{value:+.3g}".replace("e+0", "e").replace("e+", "e")
    return text if palette.ascii else text.replace("-", "−")


def message(pen: Pen, sentence: str) -> list[Strip]:
    """A sentence in the middle, over as many lines as it takes."""
    room = max(8, min(pen.width - 2, 60))
    lines, line = [], ""
    for word in safe(sentence, 600).split():
        if line and cell_width(f"{line} {word}") > room:
            lines.append(line)
            line = ""
        line = cut(f"{line} {word}".strip(), room)
    lines.append(line)
    above = max(0, (pen.height - len(lines)) // 2)
    return pen.filled([pen.line()] * above + [pen.line((f" {text}", pen.faint)) for text in lines])


# -- a matrix -------------------------------------------------------------------------------------------------------


def matrix(pen: Pen, fields: Fields, body: bytes, before: Places | None, cursor: Cursor | None) -> Drawn:
    """A look `heatmap`. before: the places as they were drawn last under the same limit."""
    levels = np.frombuffer(body, np.uint8).reshape(fields["rows"], fields["columns"])
    places = quantised(levels, pen.ramp, before)
    shown = places
    if cursor is not None and (at := cell_of(fields, cursor.row, cursor.column)) is not None:
        shown = places.copy()
        shown[at] = CURSOR
    grown = enlarged(shown, pen.width, max(1, pen.height - pen.feet), two=pen.two)
    lines = heat_strips(grown.places, pen.ramp, pen.palette, pen.base)[: pen.height - pen.feet]
    lines = [strip.crop_extend(0, pen.width, pen.base) for strip in lines]
    lines += [pen.line()] * (pen.height - pen.feet - len(lines))
    lines += _feet(pen, fields, cursor)[: pen.feet]
    return Drawn(lines, grown.across, grown.down, pen.two, places)


def cell_of(fields: Fields, row: int, column: int) -> tuple[int, int] | None:
    """In which cell of a look `heatmap` a place of the matrix is drawn; None where it is outside."""
    top, bottom, left, right = fields["crop"]
    if not (top <= row < bottom and left <= column < right):
        return None
    if fields["folded"]:
        cells = _cells(fields)
        place = ((column - left + 1) * cells - 1) // (right - left)
        return place // int(fields["columns"]), place % int(fields["columns"])
    return (
        ((row - top + 1) * fields["rows"] - 1) // (bottom - top),
        ((column - left + 1) * fields["columns"] - 1) // (right - left),
    )


def place_of(fields: Fields, row: int, column: int) -> tuple[int, int] | None:
    """The first place of the matrix that a cell of a look `heatmap` shows; None where it shows none."""
    top, bottom, left, right = fields["crop"]
    if fields["folded"]:
        cell, cells = row * fields["columns"] + column, _cells(fields)
        return (top, int(edges(left, right, cells)[cell])) if cell < cells else None
    return int(edges(top, bottom, fields["rows"])[row]), int(edges(left, right, fields["columns"])[column])


def _cells(fields: Fields) -> int:
    """Cells of a folded vector: its last row may not be full."""
    _, _, left, right = fields["crop"]
    return int(min(right - left, fields["rows"] * fields["columns"]))


def _feet(pen: Pen, fields: Fields, cursor: Cursor | None) -> list[Strip]:
    palette = pen.palette
    low, high = (signed(sign * fields["limit"], palette) for sign in (-1, 1))
    left, right = ("[", "]") if palette.ascii else ("▕", "▏")
    spread = "sd" if palette.ascii else "σ"
    middle = f"mean {signed(fields['mean'], palette):<9} {spread} {fields['deviation']:.3g}"
    about: list[str | tuple[str, Style] | Segment] = [
        f"{low:>7} {left}", *legend(palette, pen.ramp, pen.bins, pen.base), f"{right} {high:<7}",
    ]  # fmt: skip
    if not pen.narrow:
        about.append((f"  {middle}", pen.faint))
    if fields["strange"]:
        about.append((f"  {fields['strange']:,} not finite", ink(palette.bad, pen.base)))
    if cursor is not None:
        return [pen.line(*about), *_under(pen, cursor)]
    counted = bars(fields["counts"], fields["lowest"], fields["highest"], palette, pen.base)
    lowest, highest = signed(fields["lowest"], palette), signed(fields["highest"], palette)
    histogram = pen.line(f"{lowest:>7}  ", *counted, f"  {highest:<9}", (_zeros(fields), pen.faint))
    grain = _grain(fields, narrow=pen.narrow)
    grain = f"{middle}  {grain}" if pen.narrow else grain
    return [pen.line(*about), histogram, pen.line((grain, pen.faint))]


def _zeros(fields: Fields) -> str:
    top, bottom, left, right = fields["crop"]
    total = (bottom - top) * (right - left)
    return f"{fields['zeros'] / max(1, total):.0%} zero" if fields["zeros"] else ""


def _grain(fields: Fields, *, narrow: bool) -> str:
    """What a cell is, and which part is shown where it is not the whole."""
    top, bottom, left, right = fields["crop"]
    rows, columns = fields["matrix"]
    if fields["folded"]:
        block = f"{(right - left) / _cells(fields):.3g}"
    else:
        block = f"{(bottom - top) / fields['rows']:.3g} × {(right - left) / fields['columns']:.3g}"
    if narrow:
        return "exact" if fields["exact"] else f"cells of {block}"
    grain = "each cell is one number" if fields["exact"] else f"each cell is the mean of about {block}"
    if [top, bottom, left, right] == [0, rows, 0, columns]:
        return grain
    return f"rows {top:,}–{bottom - 1:,} of {rows:,}, columns {left:,}–{right - 1:,} of {columns:,}; {grain}"


def _under(pen: Pen, cursor: Cursor) -> list[Strip]:
    """The number under the cursor, and its history."""
    if cursor.error:
        return [pen.line(cursor.name, (f"  {safe(cursor.error, 300)}", pen.faint)), pen.line()]
    fields, palette = cursor.fields, pen.palette
    if not fields:
        return [pen.line(cursor.name), pen.line()]
    modes = ("value", "gradient", "update", "change")
    told = [(f" {mode} " if mode != "value" else " ", signed(fields[mode], palette)) for mode in modes]
    room = pen.width - cell_width(cursor.name)
    wide = max(0, min(9, (room - sum(len(word) for word, _ in told)) // len(told)))  # numbers stand still, if they can
    pieces: list[str | tuple[str, Style] | Segment] = [(cursor.name, pen.base + Style(bold=True))]
    for word, number in told:
        room -= len(word) + max(wide, len(number))
        if room < 0:
            break
        pieces += [(word, pen.faint), number.ljust(wide)]
    history = fields["history"]
    if not history:
        return [pen.line(*pieces), pen.line(("no history yet", pen.faint))]
    said = f"  steps {history[0][0]:,}–{history[-1][0]:,}"
    if fields["block"] > 1:
        said += f", mean of {fields['block']:,} around it"
    values = [number for _, number in history]
    course = spark(values, max(8, pen.width - cell_width(said) - 1), palette)
    return [pen.line(*pieces), pen.line((course, ink(palette.positive, pen.base)), (said, pen.faint))]


# -- a gallery ------------------------------------------------------------------------------------------------------


def gallery(pen: Pen, fields: Fields, body: bytes, grid: Grid) -> list[Strip]:
    """A look `tiles`, laid out in the grid, with the range that is shown and the legend below."""
    count = fields["count"]
    levels = np.frombuffer(body, np.uint8).reshape(count, fields["height"], fields["width"])
    tiles = [quantised(tile, pen.ramp) for tile in levels[: grid.room]]
    drawn = side_by_side(tiles, grid)
    lines = heat_strips(drawn, pen.ramp, pen.palette, pen.base)[: pen.height - 1]
    lines += [pen.line()] * (pen.height - 1 - len(lines))
    return pen.filled([*lines, _captions(pen, fields, len(tiles))])


def _captions(pen: Pen, fields: Fields, shown: int) -> Strip:
    first, last, total = fields["first"] + 1, fields["first"] + shown, fields["total"]
    what = f"{fields['each']}s" if fields["channels"] == 1 else f"{fields['each']}s × {fields['channels']} channels"
    more = "" if shown == total else "  pgup pgdn"
    if pen.narrow:
        return pen.line((f"{first:,}–{last:,} of {total:,} {what}{more}", pen.faint))
    low, high = (signed(sign * fields["limit"], pen.palette) for sign in (-1, 1))
    left, right = ("[", "]") if pen.palette.ascii else ("▕", "▏")
    return pen.line(
        f"{low:>7} {left}", *legend(pen.palette, pen.ramp, pen.bins, pen.base), f"{right} {high:<7}",
        (f"  {first:,}–{last:,} of {total:,} {what}{more}", pen.faint),
    )  # fmt: skip


# -- the plane ------------------------------------------------------------------------------------------------------

MARKS, DIGITS, ASCII_MARKS = "○●◇◆□■△▲", "01234567", "ox+*svAV"


def surface(pen: Pen, fields: Fields, body: bytes, units: tuple[Fields, bytes, Grid] | None) -> list[Strip]:
    """A look `plane` of the output with its points, and to its right one of a layer's units in a grid."""
    size = fields["size"]
    levels = np.frombuffer(body, np.uint8).reshape(fields["count"], size, size)[0]
    lines = _pointed(pen, fields, *_ramped(pen, levels, fields["signed"]))
    height = pen.height - 1
    lines = lines[:height] + [pen.line()] * (height - len(lines))
    left = _across(pen, size)
    if units is not None:
        said, drawn, grid = units
        tiles = np.frombuffer(drawn, np.uint8).reshape(said["count"], said["size"], said["size"])
        right = heat_strips(
            side_by_side([_calm(pen, tile) for tile in tiles[: grid.room]], grid),
            pen.ramp, pen.palette, pen.base,
        )[:height]  # fmt: skip
        gap = Strip([Segment("  ", pen.base)])
        lines = [
            Strip.join([strip.crop_extend(0, left, pen.base), gap, right[y] if y < len(right) else Strip([])])
            for y, strip in enumerate(lines)
        ]
    x0, x1, y0, y1 = fields["box"]
    where = f"x {x0:.3g} to {x1:.3g}, y {y0:.3g} to {y1:.3g}"
    of = f"  {units[0]['layer']}: {units[0]['count']} of {units[0]['total']} units" if units is not None else ""
    return pen.filled([*lines, pen.line((where, pen.faint), (safe(of, 80), pen.faint))])


def surface_size(pen: Pen) -> int:
    """Points of the grid across and down, so that the surface is square and leaves room for the units."""
    rows = (pen.height - 1) * (2 if pen.two else 1)
    wide = pen.width // (1 if pen.two else 2)
    return max(2, min(rows, wide if pen.width < 40 else round(wide * 0.6), 256))


def units_room(pen: Pen, size: int) -> int:
    """Columns that are left for the units."""
    return max(0, pen.width - _across(pen, size) - 2)


def _across(pen: Pen, size: int) -> int:
    return size if pen.two else 2 * size


def _ramped(pen: Pen, levels: NDArray[np.uint8], is_signed: bool) -> tuple[Places, Ramp]:
    """Places of a surface, and the ramp that they are on: signed, or of several classes."""
    if is_signed:
        return _calm(pen, levels), pen.ramp
    ramp = Ramp(pen.palette.series, ASCII_MARKS[: len(pen.palette.series) or 8] if not pen.two else "")
    return classed(levels, len(ramp)), ramp


def _calm(pen: Pen, levels: NDArray[np.uint8]) -> Places:
    """Levels without the ends of the ramp: a surface is mostly sure of itself, and nobody looks at glare for long."""
    return quantised((ZERO + CALM * (levels.astype(np.float32) - ZERO)).astype(np.uint8), pen.ramp)


def _pointed(pen: Pen, fields: Fields, places: Places, ramp: Ramp) -> list[Strip]:
    """The surface with points on it: at most one in six characters, so that it can still be seen."""
    drawn = places if pen.two else places.repeat(2, 1)
    lines = heat_strips(drawn, ramp, pen.palette, pen.base)
    height, width = len(lines), drawn.shape[1]
    x0, x1, y0, y1 = fields["box"]
    marks = MARKS if pen.two else DIGITS
    taken: dict[tuple[int, int], float] = {}
    for x, y, label in fields["points"]:
        column, line = (x - x0) / (x1 - x0) * width, (y1 - y) / (y1 - y0) * height
        if 0 <= column < width and 0 <= line < height and len(taken) < width * height // 6:
            taken.setdefault((int(line), int(column)), label)
    for (line, column), label in taken.items():
        number = int(label) if not fields["signed"] or label in (0.0, 1.0) else int(label > fields["middle"])
        below = drawn[min(len(drawn) - 1, (line * 2 + 1) if pen.two else line), column]
        style = pen.base + Style(reverse=True)
        if pen.two:
            seen = ramp.colours[below] if below >= 0 and ramp.colours else None
            style = ink(readable(seen or (0, 0, 0)), pen.base + Style(bgcolor=colour_of(seen)))
        mark = Segment(marks[number % len(marks)], style)
        strip = lines[line]
        lines[line] = Strip.join([strip.crop(0, column), Strip([mark]), strip.crop(column + 1)])
    return lines
