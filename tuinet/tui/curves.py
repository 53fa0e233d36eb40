"""The curves of one run, of any length, reduced to as many columns as a screen has.

    records  →  points (a record each, in order of their steps)  →  pyramid: 4 points, 16, 64 ... as one

A point keeps the lowest, mean and highest value of what it stands for. Any stretch of the curve is put together from
a few pieces of the pyramid, at its exact ends: a column costs the same whether it holds ten records or a hundred
thousand, and its lowest and highest value are those of the records, so no spike is lost at any zoom.

Memory is bounded: where a run has more points than KINDS allows, each comes to stand for two records, then four ...

Nothing here knows a screen; drawing is in widgets/plot.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tuinet.runs.checked import Json, number
from tuinet.runs.records import FILLED_IN

Axis = Literal["steps", "epochs", "seconds"]
Floats = NDArray[np.floating[Any]]
Wholes = NDArray[np.int64]

AXES: tuple[Axis, ...] = get_args(Axis)
FAN = 4  # points of a level that one point of the next stands for
KINDS = {"steps": ("f4", 1 << 15), "epoch": ("f8", 1 << 17), "evaluation": ("f8", 1 << 17)}
"""Of each kind of record: how its numbers are kept, and how many points at the finest: 55 minutes of steps at ten
records a second, in 5 MB; epochs stand by themselves for longer, as they are read one by one.
"""
NAMES = 256  # series of a kind; a forged file may name any number
SMOOTHING = 0.6
"""Where nothing else is said: the weight of what came before, as in TensorBoard."""
FORGOTTEN = 1e-3  # of a smoothed line: what is weighted less than this need not be looked at
STEPS = {"loss": 3, "gradient_norm": 3, "learning_rate": 1, "samples_per_s": 1}  # of a record of kind `steps`


class Columns(NamedTuple):
    """For each column the lowest, mean and highest value in it; NaN where there is none. The highest may be inf."""

    lowest: Floats
    mean: Floats
    highest: Floats


class Point(NamedTuple):
    """One point of a curve, and where it stands."""

    step: int
    epoch: float
    seconds: float
    lowest: float
    mean: float
    highest: float


@dataclass(frozen=True)
class Line:
    """A curve's means: `at` in columns from the window's left edge (may lie outside it), and their values."""

    at: Floats
    values: Floats


class Curves:
    """All curves of a run: `loss`, `gradient_norm`, `learning_rate`, `samples_per_s`, and every metric of its epochs.

    `version` grows with every change.
    """

    def __init__(self) -> None:
        self.version = 0
        self.test: Json = {}
        """The record of kind `test`, where the run has come to it."""
        self.kinds = {name: _Kind(*kept) for name, kept in KINDS.items()}

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Records of metrics.jsonl in the order in which they were written.

        What a generation has covered stands in place of what earlier ones recorded there (docs/formats.md). The same
        record twice counts once. Kinds that draw no curve are passed over.
        """
        found: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in self.kinds}
        for record in records:
            kind = record["k"]
            if kind in found:
                found[kind].append(record)
            elif kind == "test":
                self.test = dict(record)
        for kind, those in found.items():
            if those:
                self.kinds[kind].add(those, _read_steps if kind == "steps" else _read_measured)
        self.version += 1

    @property
    def names(self) -> list[str]:
        """The series that have been seen, those of `steps` records first."""
        return list(dict.fromkeys(name for kind in self.kinds.values() for name in kind.names))

    def extent(self, x: Axis) -> float:
        """How far the run has come."""
        return max((part.reach(AXES.index(x)) for kind in self.kinds.values() for part in kind.parts), default=0.0)

    def columns(self, name: str, x: Axis, lo: float, hi: float, width: int, *, log: bool = False) -> Columns:
        """The series between lo and hi (both included), in `width` columns; log: columns of equal ratio (lo > 0)."""
        if width <= 0:
            return Columns(*np.full((3, 0), np.nan))
        merged = self._over(name, x, _edges(lo, hi, width, log))
        return Columns(merged[0], merged[1], merged[2])

    def line(
        self, name: str, x: Axis, lo: float, hi: float, width: int, *, smooth: float = 0.0, log: bool = False
    ) -> Line:
        """The means as a line, with the point before the window and the one behind it, so that it runs through.

        smooth: from 0 up to 1, the weight of what came before: an exponential moving average over the points, or over
        the columns where several points share one, corrected for its start as in Adam. It begins far enough to the
        left of the window that moving the window does not change it.
        """
        before = math.ceil(math.log(FORGOTTEN) / math.log(smooth)) if smooth > 0 else 1
        if width <= 0 or hi <= lo:
            return Line(np.empty(0), np.empty(0))
        parts = self._parts(name)
        inside = sum(part.count(AXES.index(x), lo, hi) for part in parts)
        if inside > width:
            at, values = self._dense(name, x, (lo, hi, width, log), before)
        else:
            at, values = _sparse(parts, name, AXES.index(x), (lo, hi, width, log), before)
        values = smoothed(values, smooth) if smooth > 0 else values
        kept = slice(max(0, int(np.searchsorted(at, 0.0)) - 1), None)
        return Line(at[kept], values[kept])

    def points(self, name: str, x: Axis = "steps") -> tuple[Floats, Columns]:
        """Where all points of a series stand, and their values; there are as many as KINDS says at the most."""
        parts = self._parts(name)
        where, rows = _in_order([(part.where(AXES.index(x)), part.leaves(name)) for part in parts])
        return where, Columns(rows[0], rows[1], rows[2])

    def at(self, name: str, x: Axis, value: float) -> Point | None:
        """The point that says how the series stood there: of batches the one they lie in, else the last one before."""
        parts, axis = self._parts(name), AXES.index(x)
        if name in STEPS and parts and parts[0] in self.kinds["steps"].parts:
            for part in parts:
                if value <= part.reach(axis) and (covering := part.point_from(name, axis, value)):
                    return covering
        found = [point for part in parts if (point := part.point_up_to(name, axis, value))]
        return max(found, key=lambda point: point.step, default=None)

    def last(self, name: str) -> Point | None:
        """The newest point of a series: where a run was resumed, that of its newest generation."""
        mains = [kind.main for kind in self.kinds.values()]
        found = [
            point for part in self._parts(name) if part in mains and (point := part.point_up_to(name, 0, math.inf))
        ]
        return max(found, key=lambda point: point.step, default=None)

    def now(self) -> tuple[int, float, float]:
        """Step, epoch and seconds of the newest record."""
        newest = max(kind.generation for kind in self.kinds.values())
        mains = [kind.main for kind in self.kinds.values() if kind.generation == newest and len(kind.main)]
        step, epoch, seconds = (max((part.reach(axis) for part in mains), default=0.0) for axis in range(3))
        return int(step), epoch, seconds

    def best(self, name: str, *, largest: bool = False) -> Point | None:
        """The point of a series whose mean is the lowest (or the highest) of all."""
        best: Point | None = None
        for part in self._parts(name):
            means = part.leaves(name)[1]
            if not np.isfinite(means).any():
                continue
            point = part.as_point(name, int(np.nanargmax(means) if largest else np.nanargmin(means)))
            if best is None or (point.mean > best.mean if largest else point.mean < best.mean):
                best = point
        return best

    def convert(self, value: float, x: Axis, to: Axis) -> float:
        """Where a place on one axis lies on another: the steps of an epoch, the epoch at a second ..."""
        here, there = AXES.index(x), AXES.index(to)
        known = next((kind.parts for kind in self.kinds.values() if kind.parts), None)
        if known is None:
            return value if x == to else 0.0
        before = (0.0, 0.0)
        for part in known:
            places, others = part.where(here), part.where(there)
            if value <= places[-1]:
                if value >= places[0]:
                    return float(np.interp(value, places, others))
                return _between(value, before, (float(places[0]), float(others[0])))
            before = float(places[-1]), float(others[-1])
        return before[1] * value / before[0] if before[0] > 0 else before[1]

    def epochs(self, last: int | None = None, *, until: float = math.inf) -> list[Json]:
        """The epoch records again: `epoch`, `step`, `seconds` and every metric that was measured at its end.

        Up to the step `until`, and of these the last ones: a run may have a hundred thousand. A loss that is no number
        is NaN; another metric is left out then.
        """
        rows: list[Json] = []
        for part in reversed(self.kinds["epoch"].parts):
            end = int(np.searchsorted(part.where(0), until, "right"))
            begin = 0 if last is None else max(0, end - (last - len(rows)))
            rows = [*part.rows(begin, end), *rows]
        return rows

    def measured(self) -> dict[str, Floats]:
        """What `epochs` says, in columns; NaN where one was not measured."""
        parts = self.kinds["epoch"].parts
        names = dict.fromkeys(name for part in parts for name in part.series)
        columns = {name: [part.means(name) for part in parts] for name in names}
        columns["epoch"] = [np.rint(part.where(AXES.index("epochs"))) for part in parts]
        return {name: np.concatenate(found) if len(found) > 1 else found[0] for name, found in columns.items() if found}

    def packed(self) -> tuple[Json, list[Floats]]:
        """Everything in here as a table that says what there is, and arrays."""
        tables, arrays = {}, []
        for name, kind in self.kinds.items():
            tables[name] = {"generation": kind.generation, "parts": [part.table() for part in kind.parts]}
            arrays += [array for part in kind.parts for array in part.arrays()]
        return {"kinds": tables, "test": self.test}, arrays

    @classmethod
    def unpacked(cls, table: Json, take: Callable[[int, str, int], Floats]) -> Curves:
        """take(height, dtype, count): the next array. What is wrong with the table: KeyError, TypeError, ValueError."""
        curves = cls()
        for name, kind in curves.kinds.items():
            said = table["kinds"][name]
            kind.generation = int(said["generation"])
            parts = [_Track.made(kind.dtype, kind.most, part, take) for part in said["parts"]]
            if len(parts) > 2:
                raise ValueError("more than two parts")
            kind.main, kind.beyond = [*parts, _Track(kind.dtype, kind.most)][0], [*parts, None, None][1]
        curves.test = dict(table["test"])
        return curves

    def _parts(self, name: str) -> list[_Track]:
        """The tracks that hold the series: of batches where they recorded it, else of epochs and evaluations."""
        steps = [part for part in self.kinds["steps"].parts if name in part.series]
        measured = (self.kinds["epoch"], self.kinds["evaluation"])
        return steps or [part for kind in measured for part in kind.parts if name in part.series]

    def _over(self, name: str, x: Axis, edges: Floats) -> Floats:
        merged = _nothing(len(edges) - 1)
        for part in self._parts(name):
            merged = _both(merged, part.over(name, AXES.index(x), edges))
        return merged

    def _dense(self, name: str, x: Axis, window: tuple[float, float, int, bool], before: int) -> tuple[Floats, Floats]:
        """A mean a column, from `before` columns left of the window to one right of it; empty ones left out."""
        lo, hi, width, log = window
        left, right = _place(np.array([-before, width + 1.0]), lo, hi, width, log)
        means = self._over(name, x, _edges(float(left), float(right), width + before + 1, log))[1]
        full = np.flatnonzero(np.isfinite(means))
        return full - before + 0.5, means[full]


def smoothed(values: Floats, weight: float) -> Floats:
    """Exponential moving average, m = weight · m + (1 - weight) · value, over 1 - weight^t; `values` are finite."""
    result = np.empty(len(values))
    average, left = 0.0, 1.0
    for index, value in enumerate(values.tolist()):
        average = weight * average + (1 - weight) * value
        left *= weight
        result[index] = average / (1 - left)
    return result


class _Batch(NamedTuple):
    """Records of one kind as arrays. x: (3, m) steps, epochs, seconds. weight: (m,) updates that each speaks of."""

    generation: Wholes
    x: Floats
    weight: Floats
    values: dict[str, Floats]
    """By series, (3, m): lowest, mean, highest."""

    def part(self, some: slice) -> _Batch:
        values = {name: value[:, some] for name, value in self.values.items()}
        return _Batch(self.generation[some], self.x[:, some], self.weight[some], values)


def _read_steps(records: Sequence[Mapping[str, Any]]) -> _Batch:
    values = {}
    for name, count in STEPS.items():
        those = [record.get(name) for record in records]
        if any(value is not None for value in those):
            values[name] = _triples(those) if count == 3 else np.tile(_singles(those), (3, 1))
    weight = _singles([record.get("n") for record in records])
    return _head(records, np.where(weight >= 1, weight, 1.0), values)


def _read_measured(records: Sequence[Mapping[str, Any]]) -> _Batch:
    names = dict.fromkeys(name for record in records for name in record if name not in FILLED_IN)
    read = {name: _singles([record.get(name) for record in records]) for name in names}
    said = {name: any(number(record.get(name)) is not None for record in records) for name in names}
    values = {name: np.tile(value, (3, 1)) for name, value in read.items() if said[name]}
    return _head(records, np.ones(len(records)), values)


def _head(records: Sequence[Mapping[str, Any]], weight: Floats, values: dict[str, Floats]) -> _Batch:
    generation = np.array([record["g"] for record in records], np.int64)
    x = np.array([_singles([record[key] for record in records]) for key in "sem"])
    return _Batch(generation, np.where(np.isfinite(x), x, 0.0), weight, values)


def _singles(values: Sequence[Any]) -> Floats:
    """Numbers as they stand, NaN for anything else."""
    try:
        return np.array(values, np.float64)  # None becomes NaN
    except (ValueError, TypeError, OverflowError):
        return np.array([_number(value) for value in values])


def _triples(values: Sequence[Any]) -> Floats:
    try:
        array = np.array(values, np.float64)
        if array.shape == (len(values), 3):
            return array.T
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


class _Kind:
    """The records of one kind that count: those of the newest generation and before it, and what lies beyond.

    After a resume the new generation covers steps again. Where an earlier one had come further, its records beyond
    the last covered step still count, until they are overtaken.
    """

    def __init__(self, dtype: str, most: int) -> None:
        self.dtype, self.most = dtype, most
        self.generation = 0
        self.main = _Track(dtype, most)
        self.beyond: _Track | None = None

    @property
    def parts(self) -> list[_Track]:
        """In order of their steps; none of them is empty."""
        return [part for part in (self.main, self.beyond) if part is not None and len(part)]

    @property
    def names(self) -> list[str]:
        return [name for part in self.parts for name in part.series]

    def add(self, records: Sequence[Mapping[str, Any]], read: Callable[[Sequence[Mapping[str, Any]]], _Batch]) -> None:
        batch = read(records)
        steps = batch.x[0]
        breaks = np.flatnonzero((np.diff(batch.generation) != 0) | (np.diff(steps) <= 0)) + 1
        ends = [0, *breaks.tolist(), len(steps)]
        for start, end in pairwise(ends):
            self._add_run(batch.part(slice(start, end)))

    def _add_run(self, batch: _Batch) -> None:
        """Records of one generation, their steps growing."""
        generation = int(batch.generation[0])
        if generation < self.generation:
            return  # no writer goes back to an earlier generation
        first = batch.x[0, 0]
        if generation > self.generation:
            first = max(first - batch.weight[0] + 1, 0.0)
            self.generation = generation
            if self.beyond is not None and len(self.main) and first > self.main.reach(0):
                rest = self.beyond.cut(first)
                self.main.add_points(self.beyond)
                self.beyond = rest
        if len(self.main) and first <= self.main.reach(0):
            self.beyond = _joined(self.main.cut(first), self.beyond)
        self.main.add(batch)
        if self.beyond is not None:
            self.beyond.begin_after(self.main.reach(0))
            if not len(self.beyond):
                self.beyond = None


def _joined(first: _Track, second: _Track | None) -> _Track:
    """Both as one track; `first` ends before `second` begins."""
    if second is None or not len(second):
        return first
    if not len(first):
        return second
    first.add_points(second)
    return first


class _Track:
    """Points in order of their steps, and the pyramid of every series over them."""

    def __init__(self, dtype: str, most: int) -> None:
        self.dtype, self.most = dtype, most
        self.start = 0  # points before it have been overtaken
        self.count_all = 0
        self.span = 1  # records that a whole point stands for
        self.held = 0  # records in the last point, where it is not whole yet; else 0
        self.x = _Rows(3, "f8")
        self.series: dict[str, _Pyramid] = {}

    def __len__(self) -> int:
        return self.count_all - self.start

    def reach(self, axis: int) -> float:
        return float(self.x.room[axis, self.count_all - 1]) if len(self) else 0.0

    def where(self, axis: int) -> Floats:
        return self.x.room[axis, self.start : self.count_all]

    def leaves(self, name: str) -> Floats:
        """(4, n): lowest, mean, highest, weight."""
        return self.series[name].levels[0].room[:, self.start : self.count_all]

    def count(self, axis: int, lo: float, hi: float) -> int:
        where = self.where(axis)
        return int(np.searchsorted(where, hi, "right") - np.searchsorted(where, lo, "left"))

    def over(self, name: str, axis: int, edges: Floats) -> Floats:
        """(4, columns): of each column, what its points come to. The last edge belongs to its column."""
        where = self.x.room[axis, : self.count_all]
        ends = np.searchsorted(where, edges, "left")
        ends[-1] = np.searchsorted(where, edges[-1], "right")
        ends = np.maximum(ends, self.start)
        return self.series[name].over(ends[:-1], ends[1:])

    def point_from(self, name: str, axis: int, value: float) -> Point | None:
        """The first point at `value` or behind it."""
        index = int(np.searchsorted(self.where(axis), value, "left"))
        known = np.flatnonzero(~np.isnan(self.leaves(name)[1, index:]))
        return self.as_point(name, index + int(known[0])) if len(known) else None

    def point_up_to(self, name: str, axis: int, value: float) -> Point | None:
        """The last point at `value` or before it."""
        index = int(np.searchsorted(self.where(axis), value, "right"))
        known = np.flatnonzero(~np.isnan(self.leaves(name)[1, :index]))
        return self.as_point(name, int(known[-1])) if len(known) else None

    def as_point(self, name: str, index: int) -> Point:
        step, epoch, seconds = self.x.room[:, self.start + index].tolist()
        lowest, mean, highest, _ = self.leaves(name)[:, index].tolist()
        return Point(int(step), epoch, seconds, lowest, mean, highest)

    def means(self, name: str) -> Floats:
        """(n,): of each point, NaN where the series has none."""
        return self.leaves(name)[1] if name in self.series else np.full(len(self), np.nan)

    def rows(self, begin: int, end: int) -> Iterator[Json]:
        steps, epochs, seconds = (self.where(axis)[begin:end].tolist() for axis in range(3))
        means = {name: self.leaves(name)[1, begin:end].tolist() for name in self.series}
        for index, step in enumerate(steps):
            measured = ((name, mean[index]) for name, mean in means.items())
            metrics = {name: mean for name, mean in measured if mean == mean or name.endswith("_loss")}
            yield {"epoch": round(epochs[index]), "step": int(step), "seconds": seconds[index], **metrics}

    def table(self) -> Json:
        return {"points": len(self), "span": self.span, "held": self.held, "series": list(self.series)}

    def arrays(self) -> list[Floats]:
        return [self.x.room[:, self.start : self.count_all], *(self.leaves(name) for name in self.series)]

    @classmethod
    def made(cls, dtype: str, most: int, table: Json, take: Callable[[int, str, int], Floats]) -> _Track:
        """A track from what table() and arrays() gave."""
        points, names = int(table["points"]), [str(name) for name in table["series"]]
        if not 0 < points <= most or len(names) > NAMES:
            raise ValueError(f"{points} points of {len(names)} series")
        track = cls(dtype, most)
        x = take(3, "f8", points)
        track._append(x, {name: take(4, dtype, points) for name in names})
        track.span, track.held = int(table["span"]), int(table["held"])
        if not 0 <= track.held < track.span:
            raise ValueError(f"{track.held} of {track.span} records")
        return track

    def add(self, batch: _Batch) -> None:
        leaves = {name: _leaves(value, batch.weight) for name, value in batch.values.items()}
        self._append(batch.x, leaves)

    def add_points(self, other: _Track) -> None:
        """The points of a track that begins where this one ends."""
        self.held = 0
        self._append(
            other.x.room[:, other.start : other.count_all], {name: other.leaves(name) for name in other.series}
        )

    def cut(self, first: float) -> _Track:
        """Takes away the points from step `first` on, and gives them as a track of their own."""
        index = max(int(np.searchsorted(self.x.room[0, : self.count_all], first)), self.start)
        rest = _Track(self.dtype, self.most)
        tail = slice(index, self.count_all)
        rest._append(
            self.x.room[:, tail].copy(),
            {name: pyramid.levels[0].room[:, tail].copy() for name, pyramid in self.series.items()},
        )
        self.count_all, self.held = index, 0
        return rest

    def begin_after(self, step: float) -> None:
        """Points up to this step no longer count."""
        self.start = max(self.start, int(np.searchsorted(self.x.room[0, : self.count_all], step, "right")))

    def _append(self, x: Floats, leaves: Mapping[str, Floats]) -> None:
        """x: (3, m). leaves: (4, m) for each series that was measured."""
        if not x.shape[1]:
            return
        for name in leaves:
            if name not in self.series and len(self.series) < NAMES:
                self.series[name] = _Pyramid(self.dtype)
                self.series[name].put(0, _nothing(self.count_all))
        whole = {name: leaves.get(name, _nothing(x.shape[1])) for name in self.series}
        if self.held:  # the last point takes more records in
            self.count_all -= 1
            open_point = slice(self.count_all, self.count_all + 1)
            x = np.hstack([self.x.room[:, open_point], x])
            whole = {name: np.hstack([self.series[name].levels[0].room[:, open_point], whole[name]]) for name in whole}
        x, whole = self._grouped(x, whole)
        self._put(self.count_all, x, whole)
        while self.count_all > self.most:
            self._halve()

    def _grouped(self, x: Floats, leaves: dict[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
        """As many records a point as it stands for; says how many the last one holds."""
        if self.span == 1:
            return x, leaves
        first = self.held or 1  # records in the first column
        records = first - 1 + x.shape[1]
        starts = np.maximum(np.arange(0, records, self.span) - (first - 1), 0)
        self.held = records % self.span
        return _ends(x, starts), {name: _merged(rows, starts) for name, rows in leaves.items()}

    def _put(self, at: int, x: Floats, leaves: Mapping[str, Floats]) -> None:
        if at:  # seconds and epochs never go back on the axis, whatever a file says
            x = np.maximum(x, self.x.room[:, at - 1 : at])
        self.x.put(at, np.maximum.accumulate(x, axis=1))
        for name, pyramid in self.series.items():
            pyramid.put(at, leaves[name])
        self.count_all = at + x.shape[1]

    def _halve(self) -> None:
        """Every two points become one."""
        starts = np.arange(0, len(self), 2)
        last = self.held or self.span
        records = last if len(self) % 2 else self.span + last
        x = _ends(self.x.room[:, self.start : self.count_all], starts)
        leaves = {name: _merged(self.leaves(name), starts) for name in self.series}
        self.start, self.span = 0, self.span * 2
        self.held = records % self.span
        self.x = _Rows(3, "f8")
        self.series = {name: _Pyramid(self.dtype) for name in leaves}
        self._put(0, x, leaves)


class _Pyramid:
    """One series: level 0 has its points, each next level one for every FAN of the level below."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.levels = [_Rows(4, dtype)]

    def put(self, at: int, rows: Floats) -> None:
        """Points from index `at` on, (4, m); what stood there before is gone."""
        level = 0
        while True:
            below = self.levels[level]
            below.put(at, rows)
            if below.count < FAN:
                del self.levels[level + 1 :]
                return
            at //= FAN
            changed = below.room[:, at * FAN : below.count]
            rows = _merged(changed, np.arange(0, changed.shape[1], FAN))
            level += 1
            if level == len(self.levels):
                self.levels.append(_Rows(4, self.dtype))

    def over(self, left: Wholes, right: Wholes) -> Floats:
        """(4, n): what the points of each stretch [left, right) come to, from at most a few of each level."""
        left, right = left.copy(), right.copy()
        merged = _nothing(len(left))
        for level in self.levels:
            for _ in range(FAN - 1):
                some = np.flatnonzero((left < right) & (left % FAN != 0))
                merged[:, some] = _both(merged[:, some], level.room[:, left[some]])
                left[some] += 1
            for _ in range(FAN - 1):
                some = np.flatnonzero((left < right) & (right % FAN != 0))
                right[some] -= 1
                merged[:, some] = _both(merged[:, some], level.room[:, right[some]])
            if not (left < right).any():
                break
            left //= FAN
            right //= FAN
        return merged


class _Rows:
    """A table of numbers whose rows grow at their ends."""

    def __init__(self, height: int, dtype: str) -> None:
        self.room = np.empty((height, 16), dtype)
        self.count = 0

    def put(self, at: int, block: Floats) -> None:
        self.count = at + block.shape[1]
        if self.count > self.room.shape[1]:
            larger = np.empty((len(self.room), max(self.count, self.room.shape[1] * 3 // 2)), self.room.dtype)
            larger[:, :at] = self.room[:, :at]
            self.room = larger
        with np.errstate(over="ignore"):  # 1e40 is inf in float32, which draws the same
            self.room[:, at : self.count] = block


def _leaves(values: Floats, weight: Floats) -> Floats:
    """(4, m) of lowest, mean, highest; a mean that is no number weighs nothing."""
    finite = np.isfinite(values[1])
    return np.vstack([values, np.where(finite, weight, 0.0)])


def _nothing(count: int) -> Floats:
    rows = np.full((4, count), np.nan)
    rows[3] = 0.0
    return rows


def _merged(rows: Floats, starts: Wholes) -> Floats:
    """(4, len(starts)): each stretch of columns as one; it goes up to the next start."""
    if not len(starts):
        return _nothing(0)
    with np.errstate(all="ignore"):
        weight = np.add.reduceat(rows[3], starts, dtype=np.float64)
        total = np.add.reduceat(np.where(rows[3] > 0, rows[1].astype(np.float64) * rows[3], 0.0), starts)
        mean = np.where(weight > 0, total / weight, np.nan)
        return np.vstack([np.fmin.reduceat(rows[0], starts), mean, np.fmax.reduceat(rows[2], starts), weight])


def _both(one: Floats, other: Floats) -> Floats:
    with np.errstate(all="ignore"):
        weight = one[3] + other[3].astype(np.float64)
        total = np.where(one[3] > 0, one[1] * one[3], 0.0) + np.where(
            other[3] > 0, other[1].astype(np.float64) * other[3], 0.0
        )
        mean = np.where(weight > 0, total / weight, np.nan)
        return np.vstack([np.fmin(one[0], other[0]), mean, np.fmax(one[2], other[2]), weight])


def _ends(x: Floats, starts: Wholes) -> Floats:
    """Of each stretch of columns the last one."""
    return x[:, np.append(starts[1:], x.shape[1]) - 1]


def _in_order(found: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    if not found:
        return np.empty(0), _nothing(0)
    if len(found) == 1:
        return found[0][0], found[0][1].astype(np.float64, copy=False)
    where = np.concatenate([x for x, _ in found])
    rows = np.hstack([rows for _, rows in found]).astype(np.float64)
    order = np.argsort(where, kind="stable")
    return where[order], rows[:, order]


def _sparse(
    parts: Sequence[_Track], name: str, axis: int, window: tuple[float, float, int, bool], before: int
) -> tuple[Floats, Floats]:
    """The points themselves, from `before` of them left of the window to one right of it."""
    lo, hi, width, log = window
    found = []
    for part in parts:
        where, rows = part.where(axis), part.leaves(name)
        some = slice(max(0, int(np.searchsorted(where, lo)) - before), int(np.searchsorted(where, hi, "right")) + 1)
        found.append((where[some], rows[:, some]))
    where, rows = _in_order(found)
    fits = np.isfinite(rows[1]) & ((where > 0) if log else True)
    return _column(where[fits], lo, hi, width, log), rows[1][fits]


def _edges(lo: float, hi: float, width: int, log: bool) -> Floats:
    return np.geomspace(lo, hi, width + 1) if log else np.linspace(lo, hi, width + 1)


def _column(where: Floats, lo: float, hi: float, width: int, log: bool) -> Floats:
    """Places on the axis, in columns from the left edge of the window."""
    share = np.log(where / lo) / math.log(hi / lo) if log else (where - lo) / (hi - lo)
    return np.asarray(share * width)


def _place(columns: Floats, lo: float, hi: float, width: int, log: bool) -> Floats:
    if log:
        return lo * (hi / lo) ** (columns / width)
    return lo + (hi - lo) * columns / width


def _between(value: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    """On the straight line through two points."""
    if other[0] <= one[0]:
        return other[1]
    return one[1] + (other[1] - one[1]) * (value - one[0]) / (other[0] - one[0])
