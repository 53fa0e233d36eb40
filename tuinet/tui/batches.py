"""Records of metrics.jsonl as columns of numbers, to be added to the curves many at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from tuinet.runs.checked import Json, number
from tuinet.runs.records import FILLED_IN
from tuinet.tui.packing import Take
from tuinet.tui.pyramid import Floats, Wholes

STEPS = {"loss": 3, "gradient_norm": 3, "learning_rate": 1, "samples_per_s": 1}
"""The series in a record of kind `steps`, and their numbers: lowest, mean and highest, or one."""
NAMES = 256  # series of a kind; a forged file may name any number


class Batch(NamedTuple):
    """Records of one kind as arrays. x: (3, m) steps, epochs, seconds. weight: (m,) updates that each speaks of."""

    generation: Wholes
    x: Floats
    weight: Floats
    values: dict[str, Floats]
    """By series, (3, m): lowest, mean, highest."""

    def series(self, name: str) -> Floats:
        return self.values[name] if name in self.values else np.full(self.x.shape, np.nan)

    def part(self, some: slice) -> Batch:
        values = {name: value[:, some] for name, value in self.values.items()}
        return Batch(self.generation[some], self.x[:, some], self.weight[some], values)


class Piece(NamedTuple):
    """What some records hold, by their kinds; and the last one of kind `test`."""

    kinds: dict[str, Batch]
    test: Json

    def packed(self) -> tuple[Json, list[Floats | Wholes]]:
        """As a table that says what there is, and arrays."""
        table: Json = {}
        arrays: list[Floats | Wholes] = []
        for kind, batch in self.kinds.items():
            table[kind] = {"records": len(batch.weight), "series": list(batch.values)}
            arrays += [batch.generation, batch.x, batch.weight, *batch.values.values()]
        return {"kinds": table, "test": self.test}, arrays

    @classmethod
    def unpacked(cls, table: Json, take: Take) -> Piece:
        kinds = {}
        for kind, said in table["kinds"].items():
            count = said["records"]
            generation, x, weight = take(1, "i8", count)[0], take(3, "f8", count), take(1, "f8", count)[0]
            values = {name: take(3, "f8", count) for name in said["series"]}
            kinds[kind] = Batch(generation.astype(np.int64), x, weight, values)
        return cls(kinds, table["test"])


NOTHING = Piece({}, {})


def together(pieces: Sequence[Piece]) -> Piece:
    """One piece of several that follow each other."""
    names = dict.fromkeys(kind for piece in pieces for kind in piece.kinds)
    kinds = {kind: _joined([piece.kinds[kind] for piece in pieces if kind in piece.kinds]) for kind in names}
    return Piece(kinds, next((piece.test for piece in reversed(pieces) if piece.test), {}))


def read(records: Iterable[Mapping[str, Any]]) -> Piece:
    """Kinds that draw no curve are left out."""
    found: dict[str, list[Mapping[str, Any]]] = {"steps": [], "epoch": [], "evaluation": []}
    test: Json = {}
    for record in records:
        kind = record["k"]
        if kind in found:
            found[kind].append(record)
        elif kind == "test":
            test = dict(record)
    return Piece(
        {kind: _steps(those) if kind == "steps" else _measured(those) for kind, those in found.items() if those}, test
    )


def _joined(batches: Sequence[Batch]) -> Batch:
    """One batch of those of several pieces that follow each other."""
    if len(batches) == 1:
        return batches[0]
    names = islice(dict.fromkeys(name for batch in batches for name in batch.values), NAMES)
    values = {name: np.hstack([batch.series(name) for batch in batches]) for name in names}
    generations, x, weights = zip(*(batch[:3] for batch in batches), strict=True)
    return Batch(np.concatenate(generations), np.hstack(x), np.concatenate(weights), values)


def _steps(records: Sequence[Mapping[str, Any]]) -> Batch:
    values: dict[str, Floats] = {}
    for name, count in STEPS.items():
        those = _column(records, name)
        if any(value is not None for value in those):
            values[name] = _triples(those) if count == 3 else np.tile(_singles(those), (3, 1))
    weight = _singles(_column(records, "n"))
    return _head(records, np.where(weight >= 1, weight, 1.0), values)


def _measured(records: Sequence[Mapping[str, Any]]) -> Batch:
    names = dict.fromkeys(name for record in records for name in record if name not in FILLED_IN)
    columns = ((name, _column(records, name)) for name in names)
    measured = ((name, those) for name, those in columns if any(number(value) is not None for value in those))
    values = {name: np.tile(_singles(those), (3, 1)) for name, those in islice(measured, NAMES)}
    return _head(records, np.ones(len(records)), values)


def _head(records: Sequence[Mapping[str, Any]], weight: Floats, values: dict[str, Floats]) -> Batch:
    generation = np.array([record["g"] for record in records], np.int64)
    x = np.array([_singles([record[key] for record in records]) for key in "sem"])
    return Batch(generation, np.where(np.isfinite(x), x, 0.0), weight, values)


def _column(records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """What each record says, None where it says nothing."""
    try:
        return [record[name] for record in records]  # half the time of get()
    except KeyError:
        return [record.get(name) for record in records]


def _singles(values: Sequence[Any]) -> Floats:
    """Numbers as they stand, NaN for anything else."""
    try:
        return np.array(values, np.float64)  # None becomes NaN
    except (ValueError, TypeError, OverflowError):
        return np.array([_number(value) for value in values])


def _triples(values: Sequence[Any]) -> Floats:
    try:
        if set(map(type, values)) == {list} and set(map(len, values)) == {3}:
            return np.fromiter(chain.from_iterable(values), np.float64, 3 * len(values)).reshape(-1, 3).T
    except (ValueError, TypeError, OverflowError):
        pass
    rows = [value if isinstance(value, list) and len(value) == 3 else [None] * 3 for value in values]
    return np.array([[_number(value) for value in row] for row in rows]).T


def _number(value: Any) -> float:
    try:
        found = number(value)
        return math.nan if found is None else float(found)
    except OverflowError:
        return math.inf
