"""New rows for a trained network: a table's columns by name, or an array of the right shape, scaled as in training."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.arrays import npz_names, read_npz
from tuinet.data.bound import Facts, Scaler
from tuinet.data.curves import Unscalable
from tuinet.data.examples import encoded, listed
from tuinet.data.foreign import LARGEST_TABLE, check_memory, read_whole
from tuinet.data.moments import in_order, stamps
from tuinet.data.own_files import INPUTS, binary_kind, check_finite, kind_of, no_text, read_array
from tuinet.data.pairs import source_rows
from tuinet.data.pictures import OTHERS, SUFFIXES, converted, pictures_in
from tuinet.data.scaling import Form, Prepare
from tuinet.data.series import check_whole, windows
from tuinet.data.tables import Column, Table, decoded, parse_table, read_table
from tuinet.data.texts import LARGEST_TEXT
from tuinet.data.texts import decoded as decoded_text
from tuinet.data.vocabulary import Vocabulary
from tuinet.errors import DataError, nearest
from tuinet.safe_text import safe

Array = NDArray[Any]
Inputs = tuple[Array, list[str]]


def read_inputs(path: str | Path, facts: Facts, prepare: Scaler) -> Inputs:
    """Examples (n, *facts.inputs) ready for the network, and a word for each that says where it stands; of a network
    that translates, sources (n, facts.source_steps).

    path: a CSV or TSV, .npy, .npz or idx file, a picture or a folder of them, or "-" for CSV on standard input. A
    table's columns are found by name, in any order; others, such as the label, are passed over. Of a series, each
    stretch of as many rows as a window has is an example; the last one ends where the file does. For a network that was
    trained on texts, a text a line. DataError names what is missing or does not fit.
    """
    if isinstance(prepare, Vocabulary):
        return _lines(path, prepare)
    if str(path) == "-":
        content = _standard_input()
        return _from_table(_parsed(decoded(content, "standard input"), "standard input", prepare), facts, prepare)
    if are_pictures(path, facts, prepare):
        return read_pictures(Path(path), facts, prepare)[:2]
    kind = kind_of(path)
    if kind in ("table", "text"):
        return _from_table(_read(path, prepare), facts, prepare)
    place = safe(str(path), 200)
    values = _npz(path) if kind == "npz" else read_array(path)
    rows = _stretches(values, prepare, place) if facts.horizon else _fitting(values, prepare, place)
    check_memory(place, len(rows), rows[0].size if len(rows) else 0, rows.nbytes)
    check_finite(
        rows, place, allow_missing=prepare.fills is not None,
        remedy="the run was trained without data.impute, so it cannot be filled in",
    )  # fmt: skip
    if facts.horizon and values.shape[1:] != prepare.raw:
        where = _step_of(prepare, lambda step: f"{place}, step {step + 1}")
    else:
        where = _row_of(lambda row: f"{place}, example {row + 1}")
    return _prepared(rows, prepare, where), [f"example {number}" for number in range(1, len(rows) + 1)]


Where = Callable[[int, int], str]  # the place in the file of an example's number, both counted from 0


def _prepared(rows: Array, prepare: Prepare, where: Where) -> NDArray[np.float32]:
    """The rows as the network takes them. DataError says where a number stands that was scaled by none of training."""
    try:
        return prepare(rows)
    except Unscalable as error:
        names = prepare.columns
        column = f'column "{safe(names[error.number % len(names)], 60)}"' if names else f"number {error.number + 1}"
        raise DataError(
            f"{where(error.row, error.number)}, {column}: {error.what}; a trained network keeps its scaling: correct "
            "the number, or leave it out"
        ) from None


def _row_of(place: Callable[[int], str]) -> Where:
    return lambda example, number: place(example)


def _step_of(prepare: Prepare, place: Callable[[int], str]) -> Where:
    """Of windows that begin one step after the other."""
    width = prepare.raw[-1]
    return lambda example, number: place(example + number // width)


def _standard_input() -> bytes:
    content = sys.stdin.buffer.read(LARGEST_TABLE + 1)
    if len(content) > LARGEST_TABLE:
        raise DataError(f"standard input: holds more than {LARGEST_TABLE:,} bytes, which is the most that is read")
    if binary_kind(content):
        raise DataError("standard input: is no CSV; pictures and arrays are read from files, so name the file")
    return content


def _lines(path: str | Path, vocabulary: Vocabulary) -> Inputs:
    """The lines of a text that hold anything, each an example."""
    lines = read_lines(path, vocabulary)
    texts, places = [line for _, line in lines], [place for place, _ in lines]
    rows = source_rows(texts, vocabulary, places) if vocabulary.source else vocabulary(texts, places)
    return rows, [place.rpartition(", ")[2] for place in places]


def read_lines(path: str | Path, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """The place and the text of each line that holds anything; DataError where there is none."""
    place = "standard input" if str(path) == "-" else safe(str(path), 200)
    tokens = vocabulary.tokens
    content = read_whole(path, LARGEST_TEXT) if str(path) != "-" else _standard_input()
    text = decoded_text(content, place, tokens, trained=True)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise DataError(f"{place}: holds no line of text")
    return [(f"{place}, line {number}", line) for number, line in lines]


def are_pictures(path: str | Path, facts: Facts, prepare: Prepare) -> bool:
    """Whether a file is read as a picture, or as a folder of them.

    Of a network that was trained on pictures also one that is called a picture, or is no text: what is wrong with it is
    told then as of a picture.
    """
    kind = kind_of(path)
    if kind in ("picture", "folder"):
        return True
    if kind not in ("table", "text") or not _white(facts, prepare):
        return False
    return Path(path).suffix.lower() in (*SUFFIXES, *OTHERS) or no_text(path)


def read_pictures(path: Path, facts: Facts, prepare: Prepare) -> tuple[NDArray[np.float32], list[str], list[str]]:
    """A picture, or all of a folder, ready for the network; the name of each, and in words what was done to them.

    DataError where the network was not trained on pictures, and where a file is none.
    """
    place, white = safe(str(path), 200), _white(facts, prepare)
    if not white:
        kind = "a folder" if path.is_dir() else "a picture"
        raise DataError(f"{place}: is {kind}, and the network was trained on {_kind(prepare)}")
    inside = path.is_dir()
    files = pictures_in(path) if inside else [path]
    check_memory(place, len(files), int(np.prod(prepare.raw)), len(files) * int(np.prod(prepare.raw)))
    found, done = [], Counter[str]()
    for file in files:
        pixels, what = converted(file, prepare.raw, white)
        found.append(pixels)
        done.update(what)
    notes = [
        f"{count:,} of {len(files):,} pictures {word}" if inside else f"picture {word}" for word, count in done.items()
    ]
    names = [str(file.relative_to(path)) if inside else file.name for file in files]
    return prepare(np.stack(found)), names, notes


def _white(facts: Facts, prepare: Prepare) -> int:
    """What a white pixel is to the network; 0 where it was not trained on pictures."""
    if not facts.white and prepare.scale == "pixels" and len(prepare.raw) == 3 and prepare.raw[-1] in (1, 3):
        return int(prepare.spread[0])  # a run of before it was kept
    return facts.white


def _kind(prepare: Prepare) -> str:
    return "a table" if prepare.forms else f"examples of the shape ({', '.join(map(str, prepare.raw))})"


def _npz(path: str | Path) -> Array:
    names = npz_names(path)
    tests = [name.replace("train", "test") for name in INPUTS if "train" in name]
    name = next((name for name in (*INPUTS, *tests) if name in names), names[0] if len(names) == 1 else None)
    if name is None:
        raise DataError(f"{safe(str(path), 200)}: has no array called x; it has {', '.join(map(safe, names[:20]))}")
    return read_npz(path, [name])[name]


def _fitting(rows: Array, prepare: Prepare, place: str) -> Array:
    """The rows as examples of the raw shape: a single example, and a missing axis of one colour, are seen to."""
    raw = prepare.raw
    for shape in (rows.shape[1:], rows.shape):  # many examples, or one
        if shape == raw or shape == tuple(size for size in raw if size != 1) or shape == (int(np.prod(raw)),):
            return rows.reshape(-1, *raw)
    raise DataError(
        f"{place}: has the shape {rows.shape}; examples of the shape ({', '.join(map(str, raw))}) are wanted, "
        "as in training"
    )


# -- tables --------------------------------------------------------------------------------


def _read(path: str | Path, prepare: Prepare) -> Table:
    return _chosen(prepare, lambda header: read_table(path, header=header))


def _parsed(text: str, place: str, prepare: Prepare) -> Table:
    return _chosen(prepare, lambda header: parse_table(text, place, header=header))


def _chosen(prepare: Prepare, read: Callable[[str], Table]) -> Table:
    """The table with its first line as a header where that line has the columns' names, however the rest looks."""
    names = {form.name for form in prepare.forms}
    if names:
        try:
            table = read("yes")
            if names & set(table.names):
                return table
        except DataError:
            pass  # a single line, say: read again, it comes out as what it is
    return read("auto")


def _from_table(table: Table, facts: Facts, prepare: Prepare) -> Inputs:
    labels = [f"line {line}" for line in table.lines]
    where = _row_of(lambda row: f"{table.place}, {labels[row]}")
    if not prepare.forms:
        return _prepared(_numbers(table, prepare), prepare, where), labels
    columns = [_as_trained(column, form, table) for column, form in zip(_columns(table, facts, prepare), prepare.forms,
                                                                       strict=True)]  # fmt: skip
    rows = encoded(columns, prepare.forms)
    _check_missing(table, columns, prepare)
    if facts.horizon:
        return _series(rows, table, facts, prepare)
    return _prepared(rows.reshape(len(rows), *prepare.raw), prepare, where), labels


def _series(rows: Array, table: Table, facts: Facts, prepare: Prepare) -> Inputs:
    """Windows of a table's rows in the order of their times; each is called by its last row."""
    check_whole(table)
    labels, order = [f"line {line}" for line in table.lines], np.arange(len(rows))
    if facts.time in table.names:
        column = table.columns[table.names.index(facts.time)]
        order = in_order(table, column, [])
        labels = [safe(stamp, 40) for stamp in stamps(column)]
    size = prepare.raw[0]
    stretches = _stretches(rows[order], prepare, table.place)
    where = _step_of(prepare, lambda step: f"{table.place}, line {table.lines[order[step]]}")
    return _prepared(stretches, prepare, where), [f"after {labels[place]}" for place in order[size - 1 :]]


def _stretches(rows: Array, prepare: Prepare, place: str) -> Array:
    """Every window (n, T, D) of the steps of a series (L, D), or (L) where it has one number a step."""
    size, width = prepare.raw
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.shape[1:] == prepare.raw:
        return rows
    if rows.shape[1:] != (width,):
        raise DataError(f"{place}: has the shape {rows.shape}; steps of {width} numbers are wanted, as in training")
    if len(rows) < size:
        raise DataError(f"{place}: has {len(rows)} steps; the network looks at {size} at a time, so give it as many")
    check_memory(place, len(rows) - size + 1, size * width, rows.nbytes)
    return windows(rows, size)


def _numbers(table: Table, prepare: Prepare) -> Array:
    """A table of numbers alone, a line an example, for data that had no columns' names."""
    size = int(np.prod(prepare.raw))
    if len(table.columns) != size:
        raise DataError(f"{table.place}: has {len(table.columns)} columns; {size} numbers a line are wanted")
    for column in table.columns:
        if column.kind != "number" or column.trouble:
            raise DataError(column.trouble or f'{table.place}, column "{safe(column.name, 60)}": holds no numbers')
    return np.stack([column.values for column in table.columns], axis=1).reshape(-1, *prepare.raw)


def _columns(table: Table, facts: Facts, prepare: Prepare) -> list[Column]:
    """The columns that the network was trained on, in its order: by name, or by place where the table has no names."""
    forms, names = prepare.forms, table.names
    if not table.header and not {form.name for form in forms} <= set(names):
        others = [column for column in table.columns if column.name != facts.target]
        if len(table.columns) == len(forms):
            return list(table.columns)
        raise DataError(
            f"{table.place}: has no line of column names, and {len(others)} columns where {len(forms)} were trained "
            f"on; name them: {', '.join(safe(form.name, 40) for form in forms[:20])}"
        )
    found = []
    for form in forms:
        if form.name not in names:
            raise DataError(
                f'{table.place}: has no column "{safe(form.name, 60)}", which the network was trained on'
                f"{nearest(form.name, names) or ';'} {listed(names)}"
            )
        found.append(table.columns[names.index(form.name)])
    return found


@dataclass(frozen=True)
class _Spot:
    table: Table
    column: Column

    def at(self, row: int) -> str:
        return f'{self.table.place}, line {self.table.lines[row]}, column "{safe(self.column.name, 60)}"'


def _as_trained(column: Column, form: Form, table: Table) -> Column:
    """The column with the codes that its words had in training."""
    spot = _Spot(table, column)
    if not form.words:
        if column.trouble:
            raise DataError(column.trouble)
        if column.kind == "category":
            row = int(np.argmax(column.values >= 0))
            raise DataError(f'{spot.at(row)}: "{safe(column.words[column.values[row]], 40)}" is no number')
        return Column(column.name, "number", column.values.astype(np.float64))
    words, codes = _as_words(column)
    places = {word: place for place, word in enumerate(form.words)}
    for code, word in enumerate(words):
        if word not in places:
            row = int(np.argmax(codes == code))
            known = ", ".join(f'"{safe(one, 30)}"' for one in form.words[:20])
            raise DataError(
                f'{spot.at(row)}: "{safe(word, 40)}" did not come in training{nearest(word, form.words) or ";"} '
                f"it knew {known}"
            )
    table_of = np.array([places[word] for word in words] + [-1], np.int32)
    return Column(column.name, "category", table_of[codes], form.words)


def _as_words(column: Column) -> tuple[list[str], NDArray[np.int32]]:
    """A column's words and codes, also where a few rows of numbers make it look like one of numbers."""
    if column.kind == "category":
        return list(column.words), column.values.astype(np.int32)
    codes = np.full(len(column.values), -1, np.int32)
    known = ~np.isnan(column.values)
    numbers, codes[known] = np.unique(column.values[known], return_inverse=True)
    return [f"{number:.15g}" for number in numbers], codes


def _check_missing(table: Table, columns: list[Column], prepare: Prepare) -> None:
    if prepare.fills is not None:
        return
    for column in columns:
        if column.missing.any():
            row = int(np.argmax(column.missing))
            raise DataError(f"{_Spot(table, column).at(row)}: the cell is empty; a network needs a number there")
