"""Numbers into characters: a frame of axes, and curves of dots inside it. Pure functions, no widget and no colour.

A cell of the screen holds 2 x 4 dots of braille, or one plain character where the terminal has no braille. What is
drawn says by a word, its *ink*, what it is (`train`, `band`, `cursor` ...); whoever shows the picture gives each ink
its colour. Frames, ticks and legends are plotext's: a still picture that is made again only when it changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuinet import figures

Floats = NDArray[np.floating[Any]]
Wholes = NDArray[np.integer[Any]]
Cells = NDArray[np.uint8]
Pattern = Literal["solid", "dotted", "dashed"]
Runs = list[tuple[str, str]]
"""A row of the screen: texts with their inks."""

ACROSS, DOWN = 2, 4  # dots of a cell
DOTS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]], np.uint8)
BRAILLE = 0x2800
EMPTY = ""  # the ink of a cell that holds nothing
PATTERNS: dict[Pattern, tuple[int, int]] = {"solid": (1, 0), "dotted": (2, 2), "dashed": (6, 3)}  # dots on, dots off
PLAIN = str.maketrans("│┤├┼└┬┴─┌┐┘━┅╌▾▴▲┊●·×→–", "|||++++-+++=:-v^^:o.x>-")
TICK_ROWS, TICK_COLUMNS = 4, 9  # about so far apart
HUGE = 1e300  # what an axis shows at the most: the difference of two larger numbers may be more than a float holds
LETTERED = 1e12  # from here on a letter says less than a power of ten
LEFT = 6  # cells that labels and axis beside the canvas take, so that it seldom moves


class Axis(NamedTuple):
    """From lo to hi, straight or logarithmic (lo > 0)."""

    lo: float
    hi: float
    log: bool = False

    def share(self, values: Floats) -> Floats:
        """0 at lo, 1 at hi; NaN for what a logarithmic axis cannot show."""
        if not self.log:
            return np.asarray((values - self.lo) / (self.hi - self.lo))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.where(values > 0, values, np.nan))
        return np.asarray((logs - math.log(self.lo)) / (math.log(self.hi) - math.log(self.lo)))

    def value(self, share: float) -> float:
        return self.lo * (self.hi / self.lo) ** share if self.log else self.lo + (self.hi - self.lo) * share


class Tick(NamedTuple):
    value: float
    label: str


class Entry(NamedTuple):
    """A line of a legend: what it is drawn with, what it says, its ink."""

    mark: str
    name: str
    ink: str


class Frame(NamedTuple):
    """A still picture: rows of characters with a canvas of `width` x `height` cells in it, `left` cells from the left.

    legend: rows of equal width, to be laid over the canvas where there is room.
    """

    rows: tuple[str, ...]
    left: int
    width: int
    height: int
    legend: tuple[str, ...]


# -- axes that people can read ------------------------------------------------------------------------------------


def nice_step(span: float, most: int) -> float:
    """The smallest 1, 2 or 5 times a power of ten of which at most `most` fit into the span."""
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in (1, 2, 5, 10, 20) if nice * power >= rough * (1 - 1e-9))


def nice_end(value: float) -> float:
    """A round number a little above `value`: the end of an axis that should move seldom while a run grows."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(nice * power for nice in (1, 1.5, 2, 3, 4, 6, 8, 10, 15) if nice * power > value * 1.02)


def nice_limits(lo: float, hi: float, *, log: bool = False, ticks: int = 5) -> Axis:
    """An axis that holds lo to hi and ends at round numbers."""
    if log:
        if lo <= 0 or not math.isfinite(hi):
            lo, hi = 1e-3, max(1.0, hi if math.isfinite(hi) else 1.0)
        first, last = _down(lo), _up(max(lo, hi))
        return Axis(first, last if last > first * 1.01 else _up(first * 1.5), log=True)
    if not (math.isfinite(lo) and math.isfinite(hi)):
        lo, hi = 0.0, 1.0
    lo, hi = max(lo, -HUGE), min(hi, HUGE)
    if hi - lo < 1e-9 * max(abs(lo), abs(hi), 1e-30):
        room = abs(hi) / 2 or 0.5
        lo, hi = lo - room, hi + room
    step = nice_step(hi - lo, ticks)
    return Axis(math.floor(lo / step + 1e-9) * step, math.ceil(hi / step - 1e-9) * step)


def ticks(axis: Axis, most: int) -> tuple[Tick, ...]:
    """Round places along the axis, at most about `most` of them, with labels of as many digits as they need."""
    if most < 1:
        return ()
    if axis.log:
        return _log_ticks(axis, most)
    step = nice_step(axis.hi - axis.lo, most)
    first, last = math.ceil(axis.lo / step - 1e-6), math.floor(axis.hi / step + 1e-6)
    return tuple(Tick(index * step, plain(index * step, step)) for index in range(first, last + 1))


def time_ticks(axis: Axis, most: int) -> tuple[Tick, ...]:
    """The same for seconds: whole minutes and hours rather than hundreds of seconds."""
    if axis.log or axis.hi - axis.lo < 20:
        return tuple(Tick(tick.value, f"{tick.label}s") for tick in ticks(axis, most))
    nice = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
    rough = (axis.hi - axis.lo) / max(1, most)
    step = next((step for step in nice if step >= rough), 86400 * math.ceil(rough / 86400))
    first, last = math.ceil(axis.lo / step - 1e-6), math.floor(axis.hi / step + 1e-6)
    return tuple(Tick(index * step, figures.clock(index * step)) for index in range(first, last + 1))


def plain(value: float, step: float) -> str:
    """A tick's label: no more digits than its step needs; thousands and millions by their letter, 2e27 by its power."""
    if value == 0 or abs(value) < step * 1e-6:
        return "0"
    if abs(value) >= LETTERED:
        digits = min(6, max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9)))
        mantissa, power = f"{value:.{digits}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(power)}"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and step >= size / 1000:
            return _digits(value / size, step / size) + letter
    if abs(value) < 1e-3 or abs(value) >= 1e6:
        return f"{value:.3g}"
    return _digits(value, step)


def _digits(value: float, step: float) -> str:
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text and step * 10**places % 1 > 1e-6 else text


def _log_ticks(axis: Axis, most: int) -> tuple[Tick, ...]:
    """1, 2 and 5 times the powers of ten, or the powers alone where those are too many: two labels at the least."""
    first, last = math.floor(math.log10(axis.lo) + 1e-9), math.ceil(math.log10(axis.hi) - 1e-9)

    def inside(powers: Iterable[int], marks: Sequence[int] = (1,)) -> list[float]:
        places = [mark * 10.0**power for power in powers for mark in marks]
        return [place for place in places if axis.lo * (1 - 1e-9) <= place <= axis.hi * (1 + 1e-9)]

    parts = inside(range(first, last + 1), (1, 2, 5)) if last - first <= most else []
    decades = inside(range(first, last + 1, max(1, math.ceil((last - first) / most))))
    if len(parts) < 2 and len(decades) < 2:  # a window on a part of a decade
        return ticks(axis._replace(log=False), max(2, most))
    chosen = parts if 2 <= len(parts) <= most + 1 else decades if len(decades) >= 2 else [parts[0], parts[-1]]
    return tuple(Tick(mark, plain(mark, mark)) for mark in chosen)


def _down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return max(nice * power for nice in (1, 2, 5) if nice * power <= value * (1 + 1e-9))


def _up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(nice * power for nice in (1, 2, 5, 10) if nice * power >= value * (1 - 1e-9))


# -- the still picture --------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def frame(
    width: int,
    height: int,
    x: Axis,
    y: Axis,
    legend: tuple[Entry, ...] = (),
    *,
    left: int = LEFT,
    seconds: bool = False,
) -> Frame:
    """Axes with ticks and labels at this size, and the legend, drawn by plotext.

    left: cells beside the canvas, more where the labels need them. seconds: x is a time. Where there is no room for
    axes, the canvas is all there is.
    """
    bare = Frame((" " * width,) * height, 0, width, height, ())
    if width < 12 or height < 4:
        return bare
    up = ticks(y, max(1, (height - 2) // TICK_ROWS + 1))
    labels = [tick.label.rjust(left - 1) for tick in up] or [" " * (left - 1)]
    left = max(map(len, labels)) + 1
    if width - left < 6:
        return bare
    across, down = width - left, height - 2
    along = time_ticks if seconds else ticks
    right = along(x, max(1, across // TICK_COLUMNS))
    import plotext

    plotext.clear_figure()
    try:
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        plotext.theme("clear")
        for entry in legend:  # plotext names only what it has drawn: a point that is wiped out below
            plotext.scatter([0], [0], marker=entry.mark, label=entry.name)
        if not legend:
            plotext.scatter([0], [0])
        plotext.xaxes(True, False)
        plotext.yaxes(True, False)
        plotext.xlim(0, max(1, across - 1))
        plotext.ylim(0, max(1, down - 1))
        plotext.xticks([_cell(x, tick.value, across) for tick in right], [tick.label for tick in right])
        plotext.yticks([down - 1 - _row(y, tick.value, down) for tick in up], labels)
        rows = plotext.uncolorize(plotext.build()).rstrip("\n").split("\n")
    finally:
        plotext.clear_figure()
    rows = [row.ljust(width)[:width] for row in rows]
    block = 3 + max((len(entry.name) for entry in legend), default=0) + 2
    box = tuple(row[left : left + block] for row in rows[: len(legend)])
    drawn = all(entry.name in row for entry, row in zip(legend, box, strict=False)) and len(box) == len(legend)
    emptied = [row[:left] + " " * across for row in rows[:down]] + rows[down:]
    return Frame(tuple(emptied), left, across, down, box if drawn else ())


def _cell(axis: Axis, value: float, width: int) -> int:
    """The column of cells in which a value lies."""
    return min(width - 1, max(0, int(float(axis.share(np.array(value))) * width)))


def _row(axis: Axis, value: float, height: int) -> int:
    """The row of cells from the top in which a value lies."""
    share = min(1.0, max(0.0, float(axis.share(np.array(value)))))
    return round((1 - share) * (height * DOWN - 1)) // DOWN


# -- the canvas ---------------------------------------------------------------------------------------------------


class Canvas:
    """A field of cells to draw on: bands lie under vertical lines, those under curves, those under texts.

    Rows of dots count from the top; columns of dots from the left, two to a cell.
    """

    def __init__(self, width: int, height: int, y: Axis, *, braille: bool = True) -> None:
        self.width, self.height, self.y, self.braille = width, height, y, braille
        self._band = np.zeros((height, width), np.uint8)
        self._line = np.zeros((height, width), np.uint8)
        self._inks: list[str] = [EMPTY]
        self._marks: list[str] = [" "]
        self._band_ink = np.zeros((height, width), np.uint8)
        self._line_ink = np.zeros((height, width), np.uint8)
        self._over: dict[tuple[int, int], tuple[str, str]] = {}
        self._under: dict[tuple[int, int], tuple[str, str]] = {}

    @property
    def columns(self) -> int:
        """Columns of dots: what curves are to be reduced to."""
        return self.width * ACROSS

    def band(self, lowest: Floats, highest: Floats, ink: str) -> None:
        """What lies between two curves given for every column of dots; light, with its edges whole."""
        last = self.height * DOWN - 1
        top, bottom = (np.rint(self._dot_rows(values)) for values in (highest, lowest))
        shown = ~(np.isnan(top) | np.isnan(bottom))
        top = np.where(shown, np.clip(top, -1, last + 1), 1).astype(np.int32)
        bottom = np.where(shown, np.clip(bottom, -1, last + 1), 0).astype(np.int32)
        rows, columns = np.arange(last + 1, dtype=np.int32)[:, None], np.arange(self.columns, dtype=np.int32)
        inside = (rows >= top) & (rows <= bottom)
        edge = (rows == np.clip(top, 0, last)) | (rows == np.clip(bottom, 0, last))
        cells = _cells(inside & (edge | ((rows ^ columns) & 1 == 0)))
        self._band |= cells
        self._band_ink[cells > 0] = self._ink(ink, ":")

    def line(self, at: Floats, values: Floats, ink: str, *, pattern: Pattern = "solid", mark: str = "*") -> None:
        """A curve through points: `at` in columns of dots (fractions and places outside are fine), by rising `at`.

        mark: what it is drawn with where there is no braille.
        """
        heights = self._dot_rows(values)
        known = np.isfinite(heights)
        columns, heights = np.floor(at[known]), heights[known]
        if not len(columns):
            return
        first, last = max(0, int(columns[0])), min(self.columns - 1, int(columns[-1]))
        if last < first:
            return
        here = np.arange(first, last + 1)
        top = np.rint(np.interp(here, columns, heights))
        bottom = top.copy()
        inside = (columns >= first) & (columns <= last)
        places, points = columns[inside].astype(int) - first, np.rint(heights[inside])
        np.minimum.at(top, places, points)
        np.maximum.at(bottom, places, points)
        self._ink_dots(here, *_joined(top, bottom), ink, pattern, mark)

    def points(self, at: Floats, values: Floats, ink: str, *, mark: str = "*") -> None:
        """A blob of 2 x 2 dots at each point."""
        heights = self._dot_rows(values)
        inside = (heights > -1) & (heights < self.height * DOWN) & (at >= 0) & (at < self.columns)
        rows = np.clip(np.rint(heights[inside]).astype(int), 0, self.height * DOWN - 2)
        columns = np.clip(at[inside].astype(int), 0, self.columns - 2)
        dots = np.zeros((self.height * DOWN, self.columns), bool)
        for down in (0, 1):
            for right in (0, 1):
                dots[rows + down, columns + right] = True
        self._ink_cells(_cells(dots), ink, mark)

    def name(self, at: Floats, values: Floats, letter: str, ink: str) -> None:
        """A letter right of the last point of a curve that is on the canvas."""
        heights = self._dot_rows(values)
        shown = np.flatnonzero(np.isfinite(heights) & (at >= 0) & (at < self.columns))
        if len(shown):
            row = min(self.height - 1, max(0, round(float(heights[shown[-1]])) // DOWN))
            self.text(row, min(self.width - 1, int(at[shown[-1]]) // ACROSS + 1), letter, ink)

    def vertical(self, column: int, ink: str, glyph: str = "┊") -> None:
        """A line from top to bottom in a column of cells, behind the curves."""
        if 0 <= column < self.width:
            for row in range(self.height):
                self._under[row, column] = (glyph, ink)

    def text(self, row: int, column: int, text: str, ink: str) -> None:
        """Over everything; what does not fit is cut off. Characters must be one cell wide."""
        for index, character in enumerate(text):
            if 0 <= row < self.height and 0 <= column + index < self.width:
                self._over[row, column + index] = (character, ink)

    def free(self, row: int, column: int, length: int) -> bool:
        """Whether no text stands in these cells and they are on the canvas."""
        cells = range(column, column + length)
        return 0 <= row < self.height and all(0 <= c < self.width and (row, c) not in self._over for c in cells)

    def inked(self, row: int, column: int, length: int) -> int:
        """How many of these cells a curve runs through."""
        return int((self._line[row, max(0, column) : column + length] > 0).sum())

    def written(self, row: int, column: int, length: int) -> int:
        """How many of these cells a text stands in."""
        return sum((row, place) in self._over for place in range(column, column + length))

    def above(self, highest: Floats) -> list[int]:
        """The columns of cells in which a curve given for every column of dots leaves the canvas at the top."""
        out = np.nan_to_num(self._dot_rows(highest), nan=0.0) < -0.5
        return np.flatnonzero(out.reshape(self.width, ACROSS).any(axis=1)).tolist()

    def rows(self) -> Iterator[Runs]:
        """The picture, row by row."""
        codes, inks = self._glyphs(self._band, self._band_ink)
        for (row, column), (glyph, ink) in self._under.items():
            codes[row, column], inks[row, column] = ord(glyph), self._ink(ink, " ")
        line, line_inks = self._glyphs(self._line, self._line_ink)
        drawn = self._line > 0
        codes[drawn], inks[drawn] = line[drawn], line_inks[drawn]
        for (row, column), (glyph, ink) in self._over.items():
            codes[row, column], inks[row, column] = ord(glyph), self._ink(ink, " ")
        for row_codes, row_inks in zip(codes, inks, strict=True):
            yield self._runs(row_codes, row_inks)

    def _glyphs(self, cells: Cells, inks: Cells) -> tuple[NDArray[np.uint32], Cells]:
        """Characters by their code points, and their inks; blanks where there are no dots."""
        marks = np.array([ord(mark) for mark in self._marks], np.uint32)
        codes = BRAILLE + cells.astype(np.uint32) if self.braille else marks[inks]
        return np.where(cells > 0, codes, ord(" ")).astype(np.uint32), np.where(cells > 0, inks, 0).astype(np.uint8)

    def _runs(self, codes: NDArray[np.uint32], inks: Cells) -> Runs:
        """Neighbours of one ink as one text."""
        if not len(codes):
            return []
        text = codes.astype("<u4").tobytes().decode("utf-32-le")
        ends = [0, *(np.flatnonzero(np.diff(inks)) + 1).tolist(), len(text)]
        return [(text[start:end], self._inks[inks[start]]) for start, end in pairwise(ends)]

    def _ink(self, ink: str, mark: str) -> int:
        if ink not in self._inks:
            self._inks.append(ink)
            self._marks.append(mark)
        return self._inks.index(ink)

    def _dot_rows(self, values: Floats) -> Floats:
        """Rows of dots from the top as fractions; what is infinite lies far outside."""
        with np.errstate(invalid="ignore"):
            rows = (1 - self.y.share(values.astype(np.float64))) * (self.height * DOWN - 1)
        return np.clip(rows, -1e6, 1e6)

    def _ink_dots(self, columns: Wholes, top: Floats, bottom: Floats, ink: str, pattern: Pattern, mark: str) -> None:
        on, off = PATTERNS[pattern]
        shown = columns % (on + off) < on
        rows = np.arange(self.height * DOWN)[:, None]
        dots = np.zeros((self.height * DOWN, self.columns), bool)
        dots[:, columns[shown]] = (rows >= top[shown]) & (rows <= bottom[shown])
        self._ink_cells(_cells(dots), ink, mark)

    def _ink_cells(self, cells: Cells, ink: str, mark: str) -> None:
        self._line |= cells
        self._line_ink[cells > 0] = self._ink(ink, mark)


def together(cells: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> Runs:
    """Neighbours of one ink as one text."""
    runs: Runs = []
    for text, ink in cells:
        if runs and runs[-1][1] == ink:
            runs[-1] = (runs[-1][0] + text, ink)
        else:
            runs.append((text, ink))
    return runs


def to_plain(runs: Runs) -> Runs:
    """The same in ASCII."""
    return [(text.translate(PLAIN), ink) for text, ink in runs]


def _joined(top: Floats, bottom: Floats) -> tuple[Floats, Floats]:
    """Each column's stretch lengthened halfway towards its neighbours', so that a steep curve has no holes."""
    upper, lower = top.copy(), bottom.copy()
    for near, far in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        middle = np.floor((bottom[far] + top[near]) / 2)
        upper[near] = np.where(top[near] > bottom[far] + 1, np.minimum(upper[near], middle + 1), upper[near])
        middle = np.floor((top[far] + bottom[near]) / 2)
        lower[near] = np.where(bottom[near] < top[far] - 1, np.maximum(lower[near], middle), lower[near])
    return upper, lower


def _cells(dots: NDArray[np.bool_]) -> Cells:
    """Dots as the bits of braille cells."""
    bits = dots.view(np.uint8)
    cells = np.zeros((dots.shape[0] // DOWN, dots.shape[1] // ACROSS), np.uint8)
    for down, row in enumerate(DOTS):
        for right, bit in enumerate(row):
            cells |= bits[down::DOWN, right::ACROSS] * bit
    return cells
