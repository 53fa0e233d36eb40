"""The curves of one run, of any length, reduced to as many columns as a screen has.

    batches.py: records as columns  →  tracks.py: points in order of their steps  →  pyramid.py: any stretch as one

A point keeps the lowest, mean and highest value of what it stands for. Those of a column on the screen are those of
the records in it, so no spike is lost at any zoom.

Memory is bounded: where a run has more points than KINDS allows, each comes to stand for two records, then four ...

Nothing here knows a screen; drawing is in widgets/plot.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from tuinet.runs.checked import Json
from tuinet.tui.batches import STEPS, Piece, read
from tuinet.tui.packing import Take
from tuinet.tui.pyramid import Floats, both, nothing
from tuinet.tui.tracks import Kind, Point, Track

Axis = Literal["steps", "epochs", "seconds"]
AXES: tuple[Axis, ...] = get_args(Axis)
KINDS = {"steps": ("f4", 1 << 15), "epoch": ("f8", 1 << 16), "evaluation": ("f8", 1 << 16)}
"""Of each kind of record: how its numbers are kept, and how many points at the finest: 55 minutes of steps at ten
records a second, in 5 MB; epochs stand by themselves for longer, as they are read one by one.
"""
SMOOTHING = 0.6
"""Where nothing else is said: the weight of what came before, as in TensorBoard."""
FORGOTTEN = 1e-3  # of a smoothed line: what is weighted less than this need not be looked at


class Columns(NamedTuple):
    """For each column the lowest, mean and highest value in it; NaN where there is none. The highest may be inf."""

    lowest: Floats
    mean: Floats
    highest: Floats


class Line(NamedTuple):
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
        self.kinds = {name: Kind(*kept) for name, kept in KINDS.items()}

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Records of metrics.jsonl in the order in which they were written.

        What a generation has covered stands in place of what earlier ones recorded there (docs/formats.md). The same
        record twice counts once. Kinds that draw no curve are passed over.
        """
        self.add_piece(read(records))

    def add_piece(self, piece: Piece) -> None:
        """The same of what was read of them."""
        for kind, batch in piece.kinds.items():
            self.kinds[kind].add(batch)
        self.test = piece.test or self.test
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
        found = self._over(name, x, _edges(lo, hi, width, log))
        return Columns(found[0], found[1], found[2])

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
        """The point of a series that holds the lowest of all its values (or the highest), with that as its mean."""
        best: Point | None = None
        for part in self._parts(name):
            values = part.leaves(name)[2 if largest else 0]
            values = np.where(np.isfinite(values), values, np.nan)
            if np.isnan(values).all():
                continue
            at = int(np.nanargmax(values) if largest else np.nanargmin(values))
            point = part.as_point(name, at)._replace(mean=float(values[at]))
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
    def unpacked(cls, table: Json, take: Take) -> Curves:
        """What is wrong with the table: KeyError, TypeError, ValueError."""
        curves = cls()
        for name, kind in curves.kinds.items():
            said = table["kinds"][name]
            kind.generation = int(said["generation"])
            parts = [Track.made(kind.dtype, kind.most, part, take) for part in said["parts"]]
            if len(parts) > 2:
                raise ValueError("more than two parts")
            kind.main, kind.beyond = [*parts, Track(kind.dtype, kind.most)][0], [*parts, None, None][1]
        curves.test = dict(table["test"])
        return curves

    def _parts(self, name: str) -> list[Track]:
        """The tracks that hold the series: of batches where they recorded it, else of epochs and evaluations."""
        steps = [part for part in self.kinds["steps"].parts if name in part.series]
        measured = (self.kinds["epoch"], self.kinds["evaluation"])
        return steps or [part for kind in measured for part in kind.parts if name in part.series]

    def _over(self, name: str, x: Axis, edges: Floats) -> Floats:
        found = nothing(len(edges) - 1)
        for part in self._parts(name):
            found = both(found, part.over(name, AXES.index(x), edges))
        return found

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


def _in_order(found: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    if not found:
        return np.empty(0), nothing(0)
    if len(found) == 1:
        return found[0][0], found[0][1].astype(np.float64, copy=False)
    where = np.concatenate([x for x, _ in found])
    rows = np.hstack([rows for _, rows in found]).astype(np.float64)
    order = np.argsort(where, kind="stable")
    return where[order], rows[:, order]


def _sparse(
    parts: Sequence[Track], name: str, axis: int, window: tuple[float, float, int, bool], before: int
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
