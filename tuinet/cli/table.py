"""Tables of aligned columns that fit the terminal (columns.py). What a table leaves out can be had with --json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuinet.cells import cut_inside
from tuinet.cli.output import Terminal
from tuinet.columns import GAP, Column, fitted, laid
from tuinet.safe_text import safe

__all__ = ["Cell", "Column", "table"]

LONGEST_CELL = 200
"""Characters of one cell that are looked at: a name of ten thousand letters says no more than its beginning."""


@dataclass(frozen=True)
class Cell:
    """A cell that is painted; a plain string is a cell without paint."""

    text: str
    kinds: tuple[str, ...] = ()


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], terminal: Terminal) -> list[str]:
    """Lines of the table, title line first. Cells are made safe here; every row has one cell a column."""
    cells = [[_cell(cell, column) for cell, column in zip(row, columns, strict=False)] for row in rows]
    widths = fitted(columns, [[cell.text for cell in row] for row in cells], terminal.width)
    shown = [index for index in range(len(columns)) if widths[index]]
    title = [Cell(columns[index].title, ("dim",)) for index in range(len(columns))]
    return [_line(columns, row, widths, shown, terminal) for row in [title, *cells]]


def _cell(cell: str | Cell, column: Column) -> Cell:
    found = Cell(cell) if isinstance(cell, str) else cell
    text = cut_inside(found.text, LONGEST_CELL) if column.inside else found.text
    return Cell(safe(text, LONGEST_CELL), found.kinds)


def _line(
    columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], shown: Sequence[int], terminal: Terminal
) -> str:
    parts = []
    for index in shown:
        text = laid(columns[index], row[index].text, widths[index])
        if index == shown[-1] and not columns[index].right:
            text = text.rstrip()
        parts.append(terminal.paint(text, *row[index].kinds))
    return GAP.join(parts).rstrip()
