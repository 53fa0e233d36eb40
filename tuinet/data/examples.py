"""Examples before they are split and scaled: what every kind of source is brought to, and every binding starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.foreign import check_memory
from tuinet.data.labels import RECONSTRUCT, Labels, labels_of
from tuinet.data.scaling import Form
from tuinet.data.settings import DataSettings
from tuinet.data.tables import Column, Table
from tuinet.data.vocabulary import Vocabulary
from tuinet.errors import DataError, nearest
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.data.series import Series

MOST_WORDS = 100  # of a category that is an input


@dataclass(frozen=True, eq=False, kw_only=True)
class Examples:
    """rows (n, *raw) of any real dtype, NaN where a number is missing; labels of the same n.

    own_test: the last so many are the set's own test part. scale, split: what "auto" means for this set.
    series: whose windows they are, where they are such.
    vocabulary: what the rows, int32 (n, T) then, stand for where they are text. documents: which file each is from (n).
    """

    name: str
    source: str
    rows: NDArray[Any]
    labels: Labels
    target: str = ""
    own_test: int = 0
    scale: str = "standard"
    split: str = "auto"
    impute: str = "no"
    forms: tuple[Form, ...] = ()
    features: tuple[str, ...] = ()
    largest_pixel: float = 255.0
    vocabulary: Vocabulary | None = None
    documents: NDArray[np.int32] | None = None
    keep_targets: bool = False  # real targets stay as they are, not standardised
    series: Series | None = None
    notes: list[str] = field(default_factory=list)


# -- from a table --------------------------------------------------------------------------


def from_table(
    table: Table,
    settings: DataSettings,
    *,
    name: str,
    source: str,
    wanted: str | None = None,
    usual: str | None = None,
    own_test: int = 0,
) -> Examples:
    """Examples from a table's columns: one of them the label, the others inputs, categories as 0 and 1.

    Raises DataError that names line and column of a missing cell, where nothing is to stand in for it.
    """
    notes: list[str] = []
    label = None if settings.reconstructs and settings.label is None else label_column(table, settings.label)
    if label is not None and not settings.reconstructs:
        if label.trouble:
            raise DataError(label.trouble)
        no_missing(table, [label], "the label cannot be guessed: leave the line out")
    inputs = inputs_of(table, () if label is None else (label,), settings.ignore, notes)
    if settings.impute == "no":
        no_missing(table, inputs, 'fill it in, or choose data.impute = "median"')
    labels = RECONSTRUCT if label is None else labels_of(label, table.place, settings.task, wanted, usual)
    width = sum(len(column.words) or 1 for column in inputs)
    check_memory(table.place, len(table), width, stored=16 * len(table) * width)
    forms = tuple(Form(column.name, column.words if column.kind == "category" else ()) for column in inputs)
    rows = encoded(inputs, forms)
    told_of_filled(inputs, settings.impute, notes)
    if settings.label is None and label is not None and source == "file":
        notes.append(f'the label is the last column, "{safe(label.name, 60)}"')
    return Examples(
        name=name, source=source, rows=rows, labels=labels, target=label.name if label else "", own_test=own_test,
        impute=settings.impute, forms=forms, notes=notes,
    )  # fmt: skip


def label_column(table: Table, label: str | None) -> Column:
    """The column of this name, or of this number from 1 (or from the end: -1); the last one where nothing is said."""
    if len(table.columns) < 2:
        raise DataError(
            f"{table.place}: has only one column; a label and at least one input are needed. "
            "Is the separator right (data.separator)?"
        )
    return table.columns[-1] if label is None else named_column(table, label)


def named_column(table: Table, label: str) -> Column:
    """The column of this name, or of this number from 1 (or from the end: -1)."""
    names = table.names
    if label in names:
        return table.columns[names.index(label)]
    if label.lstrip("-").isdecimal() and len(label) < 7:
        number = int(label)
        if 1 <= abs(number) <= len(names):
            return table.columns[number - 1 if number > 0 else number]
        raise DataError(f"{table.place}: has no column number {number}; it has {len(names)} columns, counted from 1")
    raise DataError(f'{table.place}: has no column "{safe(label, 60)}"{nearest(label, names) or ";"} {listed(names)}')


def listed(names: list[str]) -> str:
    """Column names for the end of an error, not too many."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"its columns: {', '.join(safe(name, 40) for name in names[:20])}{more}"


def told_of_filled(inputs: list[Column], impute: str, notes: list[str]) -> None:
    """Notes how many missing cells get a number, and in which columns."""
    filled = sum(int(column.missing.sum()) for column in inputs)
    if filled:
        names = ", ".join(f'"{safe(column.name, 40)}"' for column in inputs if column.missing.any())
        notes.append(f"{filled:,} missing cells are filled with the training part's {impute}: {names[:200]}")


def inputs_of(table: Table, others: tuple[Column, ...], ignore: tuple[str, ...], notes: list[str]) -> list[Column]:
    """The columns that can be learnt from: none of the others (the label, the time), and none that is ignored."""
    for name in ignore:
        if name not in table.names:
            raise DataError(
                f'{table.place}: has no column "{safe(name, 60)}" to ignore{nearest(name, table.names) or ";"} '
                f"{listed(table.names)}"
            )
    inputs = []
    for column in table.columns:
        if column in others or column.name in ignore:
            continue
        reason = unusable(column, len(table))
        if reason:
            notes.append(f'column "{safe(column.name, 60)}" is left out: {reason}')
            continue
        if column.trouble:
            raise DataError(column.trouble)
        inputs.append(column)
    if not inputs:
        raise DataError(f"{table.place}: no column is left to learn from; " + "; ".join(notes or ["all are ignored"]))
    return inputs


def unusable(column: Column, n: int) -> str | None:
    """Why a column cannot be an input, or None."""
    if column.kind == "empty":
        return "it is empty"
    if column.kind == "category" and not column.trouble:
        words = len(column.words)
        if words > MOST_WORDS or (words > 10 and words > n // 2):
            return f"it holds {words:,} different words in {n:,} rows, too many to be a category"
    return None


def no_missing(table: Table, columns: list[Column], remedy: str) -> None:
    """DataError for the first empty cell of these columns, with what can be done about it."""
    masks = [(column, column.missing) for column in columns]
    troubled = [(column, mask) for column, mask in masks if mask.any()]
    if not troubled:
        return
    column, mask = min(troubled, key=lambda pair: int(np.argmax(pair[1])))
    others = sum(int(mask.sum()) for _, mask in troubled) - 1
    raise DataError(
        f'{table.place}, line {table.lines[int(np.argmax(mask))]}, column "{safe(column.name, 60)}": the cell is empty'
        + (f" (and {others:,} more)" if others else "")
        + f"; {remedy}"
    )


def encoded(columns: list[Column], forms: tuple[Form, ...]) -> NDArray[np.float64]:
    """Columns as numbers (n, k): a category as 0 and 1 for each of its form's words, NaN where it is missing."""
    n = len(columns[0].values)
    rows = np.empty((n, sum(len(form.titles) for form in forms)), np.float64)
    start = 0
    for column, form in zip(columns, forms, strict=True):
        end = start + len(form.titles)
        if not form.words:
            rows[:, start] = column.values
        else:
            rows[:, start:end] = column.values[:, None] == np.arange(end - start)
            rows[column.missing, start:end] = np.nan
        start = end
    return rows
