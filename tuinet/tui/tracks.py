"""The records of one kind of a run's metrics, in order of their steps, whatever was resumed: what counts of them.

    Kind  →  one Track, or two where an earlier generation had come further  →  a pyramid for each series

A track holds so many points at the most: beyond that, each comes to stand for two records, then four ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tuinet.runs.checked import Json
from tuinet.tui.batches import NAMES, Batch
from tuinet.tui.packing import Take
from tuinet.tui.pyramid import Floats, Pyramid, Rows, Wholes, merged, nothing, point_rows


class Point(NamedTuple):
    """One point of a curve, and where it stands."""

    step: int
    epoch: float
    seconds: float
    lowest: float
    mean: float
    highest: float


class Kind:
    """The records of one kind that count: those of the newest generation and before it, and what lies beyond.

    After a resume the new generation covers steps again. Where an earlier one had come further, its records beyond
    the last covered step still count, until they are overtaken.
    """

    def __init__(self, dtype: str, most: int) -> None:
        self.dtype, self.most = dtype, most
        self.generation = 0
        self.main = Track(dtype, most)
        self.beyond: Track | None = None

    @property
    def parts(self) -> list[Track]:
        """In order of their steps; none of them is empty."""
        return [part for part in (self.main, self.beyond) if part is not None and len(part)]

    @property
    def names(self) -> list[str]:
        return [name for part in self.parts for name in part.series]

    def add(self, batch: Batch) -> None:
        """Records in the order in which they were written."""
        steps = batch.x[0]
        breaks = np.flatnonzero((np.diff(batch.generation) != 0) | (np.diff(steps) <= 0)) + 1
        ends = [0, *breaks.tolist(), len(steps)]
        for start, end in pairwise(ends):
            self._add_run(batch.part(slice(start, end)))

    def _add_run(self, batch: Batch) -> None:
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


def _joined(first: Track, second: Track | None) -> Track:
    """Both as one track; `first` ends before `second` begins."""
    if second is None or not len(second):
        return first
    if not len(first):
        return second
    first.add_points(second)
    return first


class Track:
    """Points in order of their steps, and the pyramid of every series over them."""

    def __init__(self, dtype: str, most: int) -> None:
        self.dtype, self.most = dtype, most
        self.start = 0  # points before it have been overtaken
        self.count_all = 0
        self.span = 1  # records that a whole point stands for
        self.held = 0  # records in the last point, where it is not whole yet; else 0
        self.x = Rows(3, "f8")
        self.series: dict[str, Pyramid] = {}

    def __len__(self) -> int:
        return self.count_all - self.start

    def reach(self, axis: int) -> float:
        return float(self.x.room[axis, self.count_all - 1]) if len(self) else 0.0

    def where(self, axis: int) -> Floats:
        return self.x.room[axis, self.start : self.count_all]

    def leaves(self, name: str) -> Floats:
        """(4, n): lowest, mean, highest, weight."""
        return self.series[name].points(slice(self.start, self.count_all))

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
        known = np.flatnonzero(~np.isnan(self.means(name)[index:]))
        return self.as_point(name, index + int(known[0])) if len(known) else None

    def point_up_to(self, name: str, axis: int, value: float) -> Point | None:
        """The last point at `value` or before it."""
        index = int(np.searchsorted(self.where(axis), value, "right"))
        known = np.flatnonzero(~np.isnan(self.means(name)[:index]))
        return self.as_point(name, int(known[-1])) if len(known) else None

    def as_point(self, name: str, index: int) -> Point:
        index += self.start
        step, epoch, seconds = self.x.room[:, index].tolist()
        lowest, mean, highest = self.series[name].points(slice(index, index + 1))[:3, 0].tolist()
        return Point(int(step), epoch, seconds, lowest, mean, highest)

    def means(self, name: str) -> Floats:
        """(n,): of each point, NaN where the series has none."""
        if name not in self.series:
            return np.full(len(self), np.nan)
        return self.series[name].means(slice(self.start, self.count_all))

    def rows(self, begin: int, end: int) -> Iterator[Json]:
        steps, epochs, seconds = (self.where(axis)[begin:end].tolist() for axis in range(3))
        means = {name: self.means(name)[begin:end].tolist() for name in self.series}
        for index, step in enumerate(steps):
            measured = ((name, mean[index]) for name, mean in means.items())
            metrics = {name: mean for name, mean in measured if mean == mean or name.endswith("_loss")}
            yield {"epoch": round(epochs[index]), "step": int(step), "seconds": seconds[index], **metrics}

    def table(self) -> Json:
        return {"points": len(self), "span": self.span, "held": self.held, "series": list(self.series)}

    def arrays(self) -> list[Floats]:
        return [self.x.room[:, self.start : self.count_all], *(self.leaves(name) for name in self.series)]

    @classmethod
    def made(cls, dtype: str, most: int, table: Json, take: Take) -> Track:
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

    def add(self, batch: Batch) -> None:
        leaves = {name: point_rows(value, batch.weight) for name, value in batch.values.items()}
        self._append(batch.x, leaves)

    def add_points(self, other: Track) -> None:
        """The points of a track that begins where this one ends."""
        self.held = 0
        self._append(
            other.x.room[:, other.start : other.count_all], {name: other.leaves(name) for name in other.series}
        )

    def cut(self, first: float) -> Track:
        """Takes away the points from step `first` on, and gives them as a track of their own."""
        index = max(int(np.searchsorted(self.x.room[0, : self.count_all], first)), self.start)
        rest = Track(self.dtype, self.most)
        tail = slice(index, self.count_all)
        rest._append(
            self.x.room[:, tail].copy(),
            {name: pyramid.points(tail).copy() for name, pyramid in self.series.items()},
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
                self.series[name] = Pyramid(self.dtype)
                self.series[name].put(0, nothing(self.count_all))
        whole = {name: leaves.get(name, nothing(x.shape[1])) for name in self.series}
        if self.held:  # the last point takes more records in
            self.count_all -= 1
            open_point = slice(self.count_all, self.count_all + 1)
            x = np.hstack([self.x.room[:, open_point], x])
            whole = {name: np.hstack([self.series[name].points(open_point), whole[name]]) for name in whole}
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
        return _ends(x, starts), {name: merged(rows, starts) for name, rows in leaves.items()}

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
        leaves = {name: merged(self.leaves(name), starts) for name in self.series}
        self.start, self.span = 0, self.span * 2
        self.held = records % self.span
        self.x = Rows(3, "f8")
        self.series = {name: Pyramid(self.dtype) for name in leaves}
        self._put(0, x, leaves)


def _ends(x: Floats, starts: Wholes) -> Floats:
    """Of each stretch of columns the last one."""
    return x[:, np.append(starts[1:], x.shape[1]) - 1]
