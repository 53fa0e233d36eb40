"""Text of screens laid out in a width: paragraphs, tables, bars. Lines are lists of pieces; all of it is safe text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuinet.cells import wrap
from tuinet.columns import Column
from tuinet.safe_text import safe
from tuinet.tui.widgets.rows import Piece, laid_out

Line = list[Piece]
BARS = "▁▂▃▄▅▆▇"


def paragraph(text: str, width: int, kind: str = "", *, indent: str = "", longest: int = 2_000) -> list[Line]:
    """A sentence, wrapped."""
    return [[(line, kind)] for line in wrap(safe(text, longest), max(10, width), indent=indent)]


def table(columns: Sequence[Column], rows: Sequence[Sequence[Piece]], width: int) -> list[Line]:
    """Aligned columns, their titles above."""
    title, body = laid_out(columns, rows, width)
    return [list(title), *(list(row) for row in body)]


def bar(share: float, width: int) -> str:
    """A bar of half cells, at most `width` cells long; something is drawn of every share above 0."""
    halves = max(1, round(min(share, 1.0) * width * 2)) if share > 0 and width > 0 else 0
    return "━" * (halves // 2) + "╸" * (halves % 2)


def sparkline(values: Sequence[float], width: int, low: float | None = None, high: float | None = None) -> str:
    """Values as bars beside each other: of more than `width` of them, means of stretches. Gaps where none is finite.

    low, high: the values of the lowest and the highest bar; those that there are, unless said. A line that does not
    move lies low.
    """
    count = min(width, len(values))
    if count < 1:
        return ""
    means: list[float] = []
    for place in range(count):
        part = values[len(values) * place // count : len(values) * (place + 1) // count]
        finite = [value for value in part if math.isfinite(value)]
        means.append(sum(finite) / len(finite) if finite else math.nan)
    known = [value for value in means if math.isfinite(value)]
    if not known:
        return " " * count
    # Halves of all: the difference of two numbers may be more than a float can hold.
    low = (min(known) if low is None else low) / 2
    span = (max(known) if high is None else high) / 2 - low

    def height(value: float) -> int:
        return max(0, min(len(BARS) - 1, int((value / 2 - low) / span * len(BARS)))) if span > 0 else 0

    return "".join(BARS[height(value)] if math.isfinite(value) else " " for value in means)


DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character: 4 rows of 2


def dots(groups: Sequence[Sequence[tuple[float, float]]], width: int, height: int) -> list[Line]:
    """Points in the plane as dots, x to the right and y up; a character has the hue of the group with most points."""
    points = [point for group in groups for point in group if all(map(math.isfinite, point))]
    if not points or width < 1 or height < 1:
        return []
    (left, right), (low, high) = ((min(axis), max(axis)) for axis in zip(*points, strict=True))
    bits = [[0] * width for _ in range(height)]
    counts = [[[0] * len(groups) for _ in range(width)] for _ in range(height)]
    for number, group in enumerate(groups):
        for x, y in group:
            if not (math.isfinite(x) and math.isfinite(y)):
                continue
            column = min(2 * width - 1, int((x - left) / ((right - left) or 1) * 2 * width))
            row = min(4 * height - 1, int((high - y) / ((high - low) or 1) * 4 * height))
            bits[row // 4][column // 2] |= DOTS[row % 4][column % 2]
            counts[row // 4][column // 2][number] += 1
    return [
        [(chr(0x2800 + cell) if cell else " ", f"series-{1 + often.index(max(often)) % 8}" if cell else "")
         for cell, often in zip(line, counted, strict=True)]
        for line, counted in zip(bits, counts, strict=True)
    ]  # fmt: skip
