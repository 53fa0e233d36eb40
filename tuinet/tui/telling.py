"""Text of screens laid out in a width: paragraphs, tables, bars. Lines are lists of pieces; all of it is safe text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuinet.cells import wrap
from tuinet.columns import Column
from tuinet.safe_text import safe
from tuinet.tui.widgets.rows import Piece, laid_out

Line = list[Piece]
BARS = "▁▂▃▄▅▆▇█"


def paragraph(text: str, width: int, kind: str = "", *, indent: str = "", longest: int = 2_000) -> list[Line]:
    """A sentence, wrapped."""
    return [[(line, kind)] for line in wrap(safe(text, longest), max(10, width), indent=indent)]


def table(columns: Sequence[Column], rows: Sequence[Sequence[Piece]], width: int) -> list[Line]:
    """Aligned columns, their titles above."""
    title, body = laid_out(columns, rows, width)
    return [list(title), *(list(row) for row in body)]


def bar(share: float, width: int) -> str:
    """A bar of eighths of a cell, at most `width` cells long; something is drawn of every share above 0."""
    if not share > 0 or width < 1:
        return ""
    eighths = max(1, round(min(share, 1.0) * width * 8))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


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
    low = min(known) if low is None else low
    span = (max(known) if high is None else high) - low
    return "".join(
        " " if not math.isfinite(value) else BARS[max(0, min(7, int((value - low) / span * 8))) if span > 0 else 0]
        for value in means
    )
