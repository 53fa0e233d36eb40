"""Levels to strips: heatmaps in half blocks, legends, histograms and tiles. Pure functions; whoever draws keeps strips.

quantised    levels of a look (uint8, 128 zero, 0 nothing) to places on a ramp, with hysteresis: what hardly
             moves stays as it is, and costs a slow line nothing
enlarged     each cell over as many characters as there is room for
heat_strips  places to strips; two cells to a character (▀) where the ramp has colours of its own
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tuinet.diagnostics.pictures import HALF, NOTHING, ZERO
from tuinet.tui.colours import ANSI, Colour, Palette, Ramp

Places = NDArray[np.int16]

EMPTY, CURSOR = -1, -2  # places that are no level: nothing there, and where the cursor stands
STAYS = 0.75  # of a level: how far a number may move before its cell is drawn anew
MOST_ENLARGED, MOST_STRETCHED = 10, 4  # how much larger a cell is drawn, and how much longer than wide
HIGHLIGHT: dict[str, Colour] = {"full": (255, 95, 255), "256": (255, 95, 255), "16": ANSI[13]}
EIGHTHS, ASCII_EIGHTHS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"


class Grown(NamedTuple):
    """Places drawn larger: over how many columns, and how many rows of the drawing, each goes."""

    places: Places
    across: int
    down: int


def quantised(levels: NDArray[np.uint8], ramp: Ramp, before: Places | None = None) -> Places:
    """Places on a diverging ramp: int16 (H, W), EMPTY where there is no number.

    before: the places as they were last drawn under the same limit; what moved by less than 3/4 of one stays.
    """
    half = len(ramp) // 2
    exact = (levels.astype(np.float32) - ZERO) * (half / HALF) + half
    found = np.rint(exact).astype(np.int16)
    if before is not None and before.shape == found.shape:
        found = np.where((np.abs(exact - before) < STAYS) & (before >= 0), before, found)
    return np.where(levels == NOTHING, np.int16(EMPTY), found)


def classed(levels: NDArray[np.uint8], count: int) -> Places:
    """Numbers of classes from 1 on as places on a ramp of so many colours, which come again where they run out."""
    places = (levels.astype(np.int16) - 1) % count
    return np.where(levels == NOTHING, np.int16(EMPTY), places)


def halves(palette: Palette, ramp: Ramp) -> bool:
    """Whether two cells go into one character."""
    return not (palette.ascii or ramp.glyphs)


def enlarged(places: Places, width: int, height: int, *, two: bool) -> Grown:
    """The same with cells as large as fit into so many columns and lines, and not far from square.

    two: a line shows two cells.
    """
    rows, columns = places.shape
    square = 1 if two else 2  # columns of a cell that is one row high
    room_across, room_down = max(1, width // columns), max(1, (2 * height if two else height) // rows)
    across = min(room_across, MOST_ENLARGED * square, MOST_STRETCHED * room_down * square)
    down = min(room_down, MOST_ENLARGED, max(1, MOST_STRETCHED * across // square))
    return Grown(places.repeat(down, 0).repeat(across, 1), across, down)


def heat_strips(places: Places, ramp: Ramp, palette: Palette, base: Style = Style()) -> list[Strip]:  # noqa: B008
    """A strip for each line: of two rows of places, or of one where each character shows one. base: what lies under."""
    brush = _brush(ramp, palette.depth, base)
    width = places.shape[1]
    if not halves(palette, ramp):
        return [Strip([brush.one(place, count) for place, count in _runs(row)], width) for row in places]
    if len(places) % 2:
        places = np.vstack([places, np.full((1, width), EMPTY, np.int16)])
    pairs = (places[0::2].astype(np.int32) + 2) * 1024 + places[1::2] + 2
    return [
        Strip([brush.two(pair // 1024 - 2, pair % 1024 - 2, count) for pair, count in _runs(row)], width)
        for row in pairs
    ]


def _runs(row: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Equal neighbours as (what, how many)."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(row)) + 1))
    lengths = np.diff(np.concatenate((starts, [len(row)])))
    return list(zip(row[starts].tolist(), lengths.tolist(), strict=True))


class _Brush:
    """Places to segments on one ramp and ground; every style is made once, since that is what costs."""

    def __init__(self, ramp: Ramp, depth: str, base: Style) -> None:
        self._ramp, self._depth, self._base = ramp, depth, base
        self._ones: dict[int, tuple[str, Style]] = {}
        self._twos: dict[tuple[int, int], tuple[str, Style]] = {}

    def one(self, place: int, count: int) -> Segment:
        """Each character shows one place."""
        made = self._ones.get(place) or self._ones.setdefault(place, self._one(place))
        return Segment(made[0] * count, made[1])

    def two(self, top: int, bottom: int, count: int) -> Segment:
        """Each character shows two, one above the other."""
        made = self._twos.get((top, bottom)) or self._twos.setdefault((top, bottom), self._two(top, bottom))
        return Segment(made[0] * count, made[1])

    def _one(self, place: int) -> tuple[str, Style]:
        """A character and its style."""
        if place == EMPTY:
            return " ", self._base
        if place == CURSOR and self._depth == "none":
            return "X", self._base + Style(reverse=True)
        colour = self._colour(place)
        if not self._ramp.glyphs or place == CURSOR:
            return " ", self._base + Style(bgcolor=colour)
        return self._ramp.glyphs[place], self._base + Style(color=colour) if colour else self._base

    def _two(self, top: int, bottom: int) -> tuple[str, Style]:
        above, below = self._colour(top), self._colour(bottom)
        if top == bottom:
            return " ", self._base + Style(bgcolor=below) if below else self._base
        if above is None:
            return "▄", self._base + Style(color=below)
        return "▀", self._base + Style(color=above, bgcolor=below)

    def _colour(self, place: int) -> Color | None:
        if place == CURSOR:
            return colour_of(HIGHLIGHT.get(self._depth))
        return colour_of(self._ramp.colours[place]) if place >= 0 and self._ramp.colours else None


@lru_cache(32)
def _brush(ramp: Ramp, depth: str, base: Style) -> _Brush:
    return _Brush(ramp, depth, base)


def colour_of(colour: Colour | None) -> Color | None:
    """A colour as Rich has it."""
    return None if colour is None else Color.from_rgb(*colour)


def ink(colour: Colour | None, base: Style) -> Style:
    """Text of that colour; the terminal's own where there is none."""
    return base if colour is None else base + Style(color=colour_of(colour))


# -- beside a heatmap -----------------------------------------------------------------------------------------------


def legend(palette: Palette, ramp: Ramp, width: int, base: Style) -> list[Segment]:
    """The whole ramp, from its lowest to its highest level, in so many columns."""
    places = np.rint(np.linspace(0, len(ramp) - 1, max(width, 1))).astype(np.int16)
    brush = _brush(ramp, palette.depth, base)
    return [brush.one(place, count) for place, count in _runs(places)]


def bars(counts: Sequence[float], low: float, high: float, palette: Palette, base: Style) -> list[Segment]:
    """A histogram on one line, a character a bin: orange bins below zero, blue ones above."""
    top = max(counts, default=0) or 1
    glyphs = ASCII_EIGHTHS if palette.ascii or palette.depth == "none" else EIGHTHS
    found = []
    for place, count in enumerate(counts):
        middle = low + (high - low) * (place + 0.5) / len(counts)
        size = 0 if not count else max(1, round(count / top * 8))
        colour = palette.negative if middle < 0 else palette.positive
        found.append(Segment(glyphs[size], ink(colour, base)))
    return found


def spark(values: Sequence[float], width: int, palette: Palette) -> str:
    """A course of numbers in so many characters, the last ones at the right: lowest to highest."""
    glyphs = (ASCII_EIGHTHS if palette.ascii or palette.depth == "none" else EIGHTHS)[1:]
    if not values:
        return ""
    shown = [values[round(k * (len(values) - 1) / max(1, min(width, len(values)) - 1))]
             for k in range(min(width, len(values)))]  # fmt: skip
    low, high = min(shown), max(shown)
    if low == high:
        return glyphs[len(glyphs) // 2] * len(shown)
    return "".join(glyphs[round((value - low) / (high - low) * (len(glyphs) - 1))] for value in shown)


# -- galleries ------------------------------------------------------------------------------------------------------


class Grid(NamedTuple):
    """Tiles side by side: how many across and down, and how large each is in columns and rows of the drawing."""

    across: int
    down: int
    width: int
    height: int

    @property
    def room(self) -> int:
        """For how many tiles."""
        return self.across * self.down


LEAST_SIDE, WANTED = 5, 12  # cells of a tile across, at least; tiles that are wanted at once


def grid_for(height: int, width: int, total: int, columns: int, lines: int, *, two: bool) -> Grid:
    """How tiles of height x width cells are laid out in so many columns and lines, a free column and row between.

    Small ones are enlarged until they fill the room, large ones made smaller until a dozen, or all, can be seen.
    """
    rows = lines * 2 if two else lines
    wanted = min(total, WANTED)

    def laid(tall: int, wide: int) -> Grid:
        return Grid(max(1, (columns + 1) // (wide + 1)), max(1, (rows + 1) // (tall + 1)), wide, tall)

    for scale in range(MOST_ENLARGED, 1, -1):
        tall, wide = height * scale, width * scale * (1 if two else 2)
        if tall <= rows and wide <= columns and laid(tall, wide).room >= min(total, 4 * WANTED):
            return laid(tall, wide)
    largest = max(height, width)
    for side in range(largest, min(LEAST_SIDE, largest - 1), -1):
        share = side / largest
        tall, wide = max(1, round(height * share)), max(1, round(width * share)) * (1 if two else 2)
        if tall <= rows and wide <= columns and laid(tall, wide).room >= wanted:
            return laid(tall, wide)
    return laid(min(rows, height, LEAST_SIDE), min(columns, min(width, LEAST_SIDE) * (1 if two else 2)))


def side_by_side(tiles: Sequence[Places], grid: Grid) -> Places:
    """Tiles laid out in a grid, enlarged to its size: one drawing, EMPTY between them."""
    down = -(-len(tiles) // grid.across)
    found = np.full((down * (grid.height + 1) - 1, grid.across * (grid.width + 1) - 1), EMPTY, np.int16)
    for number, tile in enumerate(tiles):
        top, left = number // grid.across * (grid.height + 1), number % grid.across * (grid.width + 1)
        rows = np.arange(grid.height) * tile.shape[0] // grid.height
        columns = np.arange(grid.width) * tile.shape[1] // grid.width
        found[top : top + grid.height, left : left + grid.width] = tile[np.ix_(rows, columns)]
    return found
