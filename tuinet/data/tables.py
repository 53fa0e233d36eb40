"""Tables of text: CSV and TSV files become columns of numbers or of categories, and every odd cell keeps its place.

The separator is the one that cuts a sample into equally many cells a line. The first line is a header where none of
its cells is a number though the column below is, or where its cells are words that do not come again.
"""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.foreign import LARGEST_TABLE, read_whole
from tuinet.errors import DataError
from tuinet.safe_text import safe

MISSING = frozenset({"", "?", "na", "n/a", "#n/a", "nan", "-nan", "null"})
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
MOST_COLUMNS = 10_000
MOST_CELLS = 60_000_000
SAMPLE = 100  # lines looked at to find separator and header
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

Record = tuple[int, list[str]]  # line in the file, counted from 1, and its cells


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table, of n cells.

    kind: number, category, or empty. values: float64 (n), NaN where missing; or int32 codes (n), -1 where missing.
    words: what the codes stand for, sorted. trouble: why the column cannot be used, said when somebody wants it.
    """

    name: str
    kind: str
    values: NDArray[Any]
    words: tuple[str, ...] = ()
    trouble: str | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which cells are missing (n)."""
        return self.values < 0 if self.kind == "category" else np.isnan(self.values)


@dataclass(frozen=True, eq=False)
class Table:
    """A table as read. place: the file's name for errors. lines: where each row stands in the file, from 1."""

    place: str
    columns: tuple[Column, ...]
    lines: NDArray[np.int32]
    header: bool

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def read_table(path: str | Path, separator: str = "auto", header: str = "auto") -> Table:
    """The table in a .csv, .tsv or similar file, gzipped or not.

    separator: auto, comma, semicolon, tab, bar or space. header: auto, yes or no.
    Raises DataError that names file, line and column.
    """
    place = safe(str(path), 200)
    return parse_table(decoded(read_whole(path, LARGEST_TABLE), place), place, separator, header)


def decoded(content: bytes, place: str) -> str:
    """The text of a file's bytes: UTF-8, UTF-16 with its mark, or else Latin-1."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DataError(f"{place}: begins as UTF-16 and is not ({error.reason})") from None
    if b"\0" in content:
        raise DataError(f"{place}: is no text: byte {content.index(0) + 1:,} is zero")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_table(
    text: str, place: str, separator: str = "auto", header: str = "auto", names: Iterable[str] = ()
) -> Table:
    """The table in a text; place is named in errors. names: the columns' names, where the text has no line of them."""
    mark = SEPARATORS.get(separator) or _sniffed(text, place)
    sample = list(islice(_records(text, mark, place), SAMPLE))
    if not sample:
        raise DataError(f"{place}: is empty; a table has at least one line of cells")
    first = sample[0][1]
    if len(first) > MOST_COLUMNS:
        raise DataError(f"{place}: has {len(first):,} columns; at most {MOST_COLUMNS:,} are read")
    given = list(names)
    with_header = header == "yes" or (header == "auto" and not given and _has_header([cells for _, cells in sample]))
    if given and len(given) != len(first):
        raise DataError(f"{place}: has {len(first)} columns where {len(given)} are expected")
    if with_header and len(sample) == 1:
        raise DataError(f"{place}: has a line of names and no row under it")
    if header == "auto" and not given and len(sample) == 1 and not any(map(_is_number, first)):
        raise DataError(
            f"{place}: holds one line, and no number in it: if these are the columns' names, there are no rows under "
            'them; if it is a row, write header = "no" in [data]'
        )
    titles = given or _titles(first if with_header else [""] * len(first))
    return _filled(titles, islice(_records(text, mark, place), int(with_header), None), place, with_header)


def is_table(start: bytes) -> bool:
    """Whether a file that begins so is cut into columns: as many cells in every line, and numbers in one of them."""
    lines = start.decode("latin-1").splitlines(keepends=True)[: SAMPLE + 1]
    text = "".join(lines if len(lines) < 2 or lines[-1].endswith(("\n", "\r")) else lines[:-1])
    try:
        rows = [cells for _, cells in islice(_records(text, _sniffed(text, "it"), "it", part=True), SAMPLE)]
    except DataError:
        return False
    if len(rows) < 3 or {len(cells) for cells in rows} != {len(rows[0])} or len(rows[0]) < 2:
        return False
    return any(all(_is_number(cells[place]) for cells in rows[1:]) for place in range(len(rows[0])))


# -- lines and cells -----------------------------------------------------------------------


def _records(text: str, mark: str, place: str, *, part: bool = False) -> Iterator[Record]:
    """The lines that hold anything, as cells without the blanks around them.

    part: the text goes on, so that it may end inside quotes.
    """
    lines = io.StringIO(text, newline="")
    if mark == " ":
        for number, line in enumerate(lines, 1):
            if cells := line.split():
                yield number, cells
        return
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    begin = 0  # lines before the record
    while True:
        begin = reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{place}, line {reader.line_num}: cannot be cut into cells ({error})") from None
        if not part and reader.line_num > begin + 1 and lines.tell() == len(text) and _is_open(text, begin, mark):
            raise DataError(f"{place}, line {begin + 1}: a quote opens here and is never closed")
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield reader.line_num, [cell.strip() for cell in cells]


def _is_open(text: str, begin: int, mark: str) -> bool:
    """Whether the record that begins behind so many lines, the text's last, ends inside quotes."""
    rest = islice(io.StringIO(text, newline=""), begin, None)
    try:
        list(csv.reader(rest, delimiter=mark, skipinitialspace=True, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _sniffed(text: str, place: str) -> str:
    """The separator under which the first lines have equally many cells, and more than one."""
    sample = "".join(line for line in islice(io.StringIO(text[: 1 << 18], newline=""), SAMPLE))
    best, best_score = ",", (0.0, 0)
    for mark in SEPARATORS.values():
        if mark == " " and best_score[0] >= 0.9:
            continue  # blanks inside cells are common; they part columns only where nothing else does
        try:
            counts = Counter(len(cells) for _, cells in _records(sample, mark, place, part=True))
        except DataError:
            continue
        if not counts:
            continue
        size, often = counts.most_common(1)[0]
        score = (often / counts.total(), size)
        if size > 1 and score > best_score:
            best, best_score = mark, score
    return best


def _has_header(rows: list[list[str]]) -> bool:
    first, below = rows[0], rows[1:]
    if not below or any(_is_number(cell) for cell in first):
        return False
    columns = [[row[place] for row in below if len(row) > place] for place in range(len(first))]
    if any(cells and sum(map(_is_number, cells)) > 0.5 * len(cells) for cells in columns):
        return True
    come_again = any(word and word in cells for word, cells in zip(first, columns, strict=True))
    return not come_again and len(set(first)) == len(first)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in MISSING


def _titles(cells: list[str]) -> list[str]:
    """Names for the columns, none empty and none twice."""
    taken: set[str] = set()
    titles = []
    for place, cell in enumerate(cells, 1):
        title = cell or f"column_{place}"
        if title in taken:
            title = f"{title}_{place}"
        while title in taken:
            title += "_"
        taken.add(title)
        titles.append(title)
    return titles


# -- columns -------------------------------------------------------------------------------


def _filled(titles: list[str], records: Iterable[Record], place: str, with_header: bool) -> Table:
    readers = [_ColumnReader(title) for title in titles]
    lines = array("i")
    most = max(1, MOST_CELLS // len(titles))
    for line, cells in records:
        if len(cells) != len(readers):
            raise DataError(
                f"{place}, line {line}: has {len(cells)} cells; "
                f"{'the header' if with_header else 'the first line'} has {len(readers)}"
            )
        if len(lines) >= most:
            raise DataError(f"{place}: has more than {most:,} rows of {len(titles):,} cells; at most that is read")
        lines.append(line)
        for reader, cell in zip(readers, cells, strict=True):
            reader.add(cell, line)
    if not lines:
        raise DataError(f"{place}: has a header and no row under it")
    return Table(place, tuple(reader.column(place) for reader in readers), np.array(lines, np.int32), with_header)


class _ColumnReader:
    """Takes a column's cells one by one: numbers as numbers, and what is none as the code of its text."""

    def __init__(self, title: str):
        self.title = title
        self.values = array("d")
        self.codes: array[int] | None = None  # begun with the first text
        self.words: dict[str, int] = {}
        self.texts = 0
        self.first_text: tuple[int, str] | None = None
        self.not_finite: tuple[int, str] | None = None

    def add(self, cell: str, line: int) -> None:
        code = -1
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
            if cell.lower() not in MISSING:
                code = self._code(cell, line)
        else:
            if "_" in cell:  # Python's own way to write 1_000
                value, code = math.nan, self._code(cell, line)
            elif math.isinf(value) and self.not_finite is None:
                self.not_finite = (line, cell)
        self.values.append(value)
        if self.codes is not None:
            self.codes.append(code)

    def _code(self, cell: str, line: int) -> int:
        if self.codes is None:
            self.codes = array("i", [-1]) * len(self.values)
            self.first_text = (line, cell)
        self.texts += 1
        return self.words.setdefault(cell, len(self.words))

    def column(self, place: str) -> Column:
        values = np.frombuffer(self.values, np.float64)
        numbers = int(np.count_nonzero(~np.isnan(values)))
        if self.codes is None:
            trouble = self._infinite(place) if self.not_finite else None
            return Column(self.title, "number" if numbers else "empty", values, trouble=trouble)
        if numbers >= 9 * self.texts:
            return Column(self.title, "number", values, trouble=self._odd(place, numbers))
        return self._category(place, values)

    def _category(self, place: str, values: NDArray[np.float64]) -> Column:
        assert self.codes is not None
        codes = np.frombuffer(self.codes, np.int32).copy()
        for row in np.flatnonzero(~np.isnan(values)):  # a number among texts is a word like the others
            word = f"{values[row]:.15g}"
            codes[row] = self.words.setdefault(word, len(self.words))
        words = sorted(self.words)
        rank = np.empty(len(words) + 1, np.int32)
        rank[[self.words[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        rank[-1] = -1  # code -1, a missing cell, stays what it is
        commas = sum(1 for word in words if _DECIMAL_COMMA.fullmatch(word))
        trouble = self._comma(place) if len(words) > 1 and commas >= 0.9 * len(words) else None
        return Column(self.title, "category", rank[codes], tuple(words), trouble)

    def _where(self, place: str, line: int) -> str:
        return f'{place}, line {line}, column "{safe(self.title, 60)}"'

    def _odd(self, place: str, numbers: int) -> str:
        assert self.first_text is not None
        line, cell = self.first_text
        return (
            f'{self._where(place, line)}: "{safe(cell, 40)}" is no number, but {numbers:,} other cells of the column '
            "are; correct it, or leave it empty and choose data.impute"
        )

    def _infinite(self, place: str) -> str:
        assert self.not_finite is not None
        line, cell = self.not_finite
        return f'{self._where(place, line)}: "{safe(cell, 40)}" is not a finite number'

    def _comma(self, place: str) -> str:
        assert self.first_text is not None
        line, cell = self.first_text
        return f'{self._where(place, line)}: "{safe(cell, 40)}" has a decimal comma; numbers are read with a point'
