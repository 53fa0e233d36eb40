"""Columns that fit a width: what may shrink is cut first, then the least needed ones go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tuinet.cells import cell_width, cut_inside, pad

GAP = "  "


class Column(NamedTuple):
    """One column: its title, how it lines up, and what may happen to it where the terminal is narrow."""

    title: str
    right: bool = False
    need: int = 5  # 9 stays to the last; the smallest number leaves first
    least: int | None = None  # may be cut to so many cells; None: never cut
    cut_after: int = 0  # ... but only once all columns that are needed less than this have left
    inside: bool = False  # what is cut is cut inside, so that the end is kept, as of the names of files


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """The width of each column, 0 for one that does not fit."""
    natural = [
        max([cell_width(column.title), *(cell_width(row[index]) for row in rows)])
        for index, column in enumerate(columns)
    ]
    widths = list(natural)
    if width is None:
        return widths
    while total(widths) > width:
        excess = total(widths) - width
        present = [i for i in range(len(columns)) if widths[i]]
        needed = min(columns[i].need for i in present)
        soft = [i for i in present if widths[i] > (columns[i].least or widths[i]) and needed >= columns[i].cut_after]
        if soft:
            widest = max(soft, key=lambda i: widths[i])
            widths[widest] = max(columns[widest].least or 0, widths[widest] - excess)
            continue
        if len(present) <= 1:
            break
        gone = min(present, key=lambda i: (columns[i].need, -i))
        widths = [0 if not widths[i] or i == gone else natural[i] for i in range(len(columns))]
    return widths


def total(widths: Sequence[int]) -> int:
    """Cells of a line of such columns with the gaps between them."""
    present = [width for width in widths if width]
    return sum(present) + len(GAP) * (len(present) - 1)


def laid(column: Column, text: str, width: int) -> str:
    """A cell's text in exactly so many cells of a line, cut where its column says."""
    return pad(cut_inside(text, width) if column.inside else text, width, right=column.right)
