"""Tables of aligned columns that fit the terminal: what may shrink is cut first, then the least needed columns go.

Everything a table leaves out can be had with --json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuinet.cells import cell_width, pad
from tuinet.cli.output import Terminal
from tuinet.safe_text import safe

GAP = "  "
LONGEST_CELL = 200
"""Characters of one cell that are looked at: a name of ten thousand letters says no more than its beginning."""


@dataclass(frozen=True)
class Column:
    """One column: its title, how it lines up, and what may happen to it where the terminal is narrow."""

    title: str
    right: bool = False
    need: int = 5  # 9 stays to the last; the smallest number leaves first
    least: int | None = None  # may be cut to so many cells; None: never cut
    cut_after: int = 0  # ... but only once all columns that are needed less than this have left


@dataclass(frozen=True)
class Cell:
    """A cell that is painted; a plain string is a cell without paint."""

    text: str
    kinds: tuple[str, ...] = ()


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], terminal: Terminal) -> list[str]:
    """Lines of the table, title line first. Cells are made safe here; every row has one cell a column."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = fitted(columns, [[cell.text for cell in row] for row in cells], terminal.width)
    shown = [index for index in range(len(columns)) if widths[index]]
    title = [Cell(columns[index].title, ("dim",)) for index in range(len(columns))]
    return [_line(columns, row, widths, shown, terminal) for row in [title, *cells]]


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """The width of each column, 0 for one that does not fit."""
    natural = [
        max([cell_width(column.title), *(cell_width(row[index]) for row in rows)])
        for index, column in enumerate(columns)
    ]
    widths = list(natural)
    if width is None:
        return widths
    while _total(widths) > width:
        excess = _total(widths) - width
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


def _total(widths: Sequence[int]) -> int:
    present = [width for width in widths if width]
    return sum(present) + len(GAP) * (len(present) - 1)


def _cell(cell: str | Cell) -> Cell:
    found = Cell(cell) if isinstance(cell, str) else cell
    return Cell(safe(found.text, LONGEST_CELL), found.kinds)


def _line(
    columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], shown: Sequence[int], terminal: Terminal
) -> str:
    parts = []
    for index in shown:
        text = pad(row[index].text, widths[index], right=columns[index].right)
        if index == shown[-1] and not columns[index].right:
            text = text.rstrip()
        parts.append(terminal.paint(text, *row[index].kinds))
    return GAP.join(parts).rstrip()
