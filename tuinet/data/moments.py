"""The column of a series that says when: time stamps read, held against the order of the rows, and told about.

A series has one row for each time, earlier ones first. Rows in another order are sorted, and it is told; two rows of
one time are an error, since nobody can say which of them counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tuinet.data.examples import listed
from tuinet.data.tables import Column, Table
from tuinet.errors import DataError, nearest
from tuinet.safe_text import safe

# Besides ISO 8601. Where two of them read a whole column, the one that puts it in order is meant.
FORMATS = (
    "%Y-%m", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
)  # fmt: skip
LONGEST = 40  # letters of a time stamp
UNEVEN = 1.15  # months have 28 to 31 days, and count as even
FEWEST = 3  # rows of which a pace can be read off


def time_column(table: Table, name: str | None, wanted: Sequence[str] = ()) -> Column | None:
    """The column of this name; where nothing is said, the first that holds dates, or else that counts evenly.

    wanted: names of what is to be predicted, which may count evenly and still be no time.
    """
    if name is not None:
        if name not in table.names:
            hint = nearest(name, table.names) or ";"
            raise DataError(f'{table.place}: has no column "{safe(name, 60)}" for the time{hint} {listed(table.names)}')
        return table.columns[table.names.index(name)]
    if len(table.columns) < 2:
        return None
    dates = (column for column in table.columns if column.kind == "category" and _dates(column) is not None)
    return next(dates, None) or next(
        (column for column in table.columns if counts_rows(column) and column.name not in wanted), None
    )


def counts_rows(column: Column) -> bool:
    """1, 2, 3 ... or another even count from row to row: a number of the row, and no property of what is in it."""
    if column.kind != "number" or len(column.values) < 20:
        return False
    steps = _steps(column.values)
    return bool(np.isfinite(steps).all() and steps[0] != 0 and (steps == steps[0]).all())


def _steps(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """From each to the next; infinite or NaN where a number is not finite, or the two lie further apart than floats."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.diff(moments)


def in_order(table: Table, column: Column, notes: list[str]) -> NDArray[np.intp]:
    """The places of the table's rows, earliest first. notes is told what is odd about them.

    DataError for a stamp that is missing or no time, and for two rows of one time.
    """
    moments = _moments(table, column)
    order = np.argsort(moments, kind="stable")
    same = np.flatnonzero(_steps(moments[order]) == 0)
    if len(same):
        first, second = order[same[0]], order[same[0] + 1]
        more = f" (and {len(same) - 1:,} more)" if len(same) > 1 else ""
        raise DataError(
            f"{_where(table, column, second)}: is the same time as line {table.lines[first]}{more}; "
            "a series has one row for each time: take one of them out, or name another column as data.time"
        )
    name = f'"{safe(column.name, 60)}"'
    back = np.flatnonzero(_steps(moments) < 0)
    if len(back):
        row = int(back[0]) + 1
        notes.append(
            f"the rows do not stand in the order of {name} (line {table.lines[row]} is earlier than the one before it)"
            ": they were sorted by it"
        )
    notes += _pace(moments[order], table.lines[order], name)
    return order


def stamps(column: Column) -> list[str]:
    """What stands in the column, a text a row."""
    if column.kind == "category":
        return [column.words[code] if code >= 0 else "" for code in column.values]
    return [f"{value:.15g}" for value in column.values]


def _pace(moments: NDArray[np.float64], lines: NDArray[np.int32], name: str) -> list[str]:
    """Whether the times have gaps: a window takes rows, and does not know how far they lie apart."""
    if len(moments) < FEWEST:
        return []
    steps = _steps(moments)
    with np.errstate(over="ignore", invalid="ignore"):
        usual = float(np.median(steps))
        odd = np.flatnonzero((steps > UNEVEN * usual) | (steps * UNEVEN < usual))
    if not len(odd):
        return []
    return [
        f"the times in {name} are not evenly spaced: {len(odd):,} of {len(steps):,} steps are longer or shorter than "
        f"most, the first before line {lines[odd[0] + 1]}; a window takes the rows as if they were"
    ]


def _moments(table: Table, column: Column) -> NDArray[np.float64]:
    """Seconds since 1970 (n) for dates, else the numbers themselves."""
    missing = column.missing
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(f"{_where(table, column, row)}: the cell is empty; a series needs a time in each row")
    if column.kind != "category":
        if column.trouble:
            raise DataError(column.trouble)
        return column.values.astype(np.float64)
    found = _dates(column)
    if found is not None:
        return found
    row = next((row for row, text in enumerate(stamps(column)) if _iso(text) is None), 0)
    raise DataError(
        f'{_where(table, column, row)}: "{safe(stamps(column)[row], 40)}" is no time; numbers are read, and dates such '
        "as 2020-01-31, 2020-01-31T12:00, 2020-01 or 31.01.2020"
    )


def _dates(column: Column) -> NDArray[np.float64] | None:
    """Seconds since 1970 for each row of a column of dates, -inf where it is empty; None where it holds others."""
    readings = [reading for reading in (_iso_all(column.words), *_by_formats(column.words)) if reading is not None]
    rows = [np.array([*reading, -math.inf])[column.values] for reading in readings]
    sorted_ones = (moments for moments in rows if (_steps(moments) > 0).all())
    return next(sorted_ones, rows[0] if rows else None)


def _iso_all(words: Sequence[str]) -> list[float] | None:
    found: list[float] = []
    for word in words:
        moment = _iso(word)
        if moment is None:
            return None
        found.append(moment)
    return found or None


def _iso(word: str) -> float | None:
    try:
        return _seconds(datetime.fromisoformat(word)) if len(word) <= LONGEST and not word.isdecimal() else None
    except ValueError:
        return None


def _by_formats(words: Sequence[str]) -> list[list[float] | None]:
    return [_by_format(words, form) for form in FORMATS]


def _by_format(words: Sequence[str], form: str) -> list[float] | None:
    try:
        return [_seconds(datetime.strptime(word[: LONGEST + 1], form)) for word in words] or None
    except ValueError:
        return None


def _seconds(moment: datetime) -> float:
    """A time without a zone counts as one of UTC, where no hour comes twice."""
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _where(table: Table, column: Column, row: int | np.intp) -> str:
    return f'{table.place}, line {table.lines[row]}, column "{safe(column.name, 60)}"'
