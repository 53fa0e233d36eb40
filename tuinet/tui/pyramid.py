"""A long series of numbers that can be asked for any stretch of itself: its lowest, mean and highest there.

    points  →  4 of them as one  →  16  →  64 ...

A stretch is put together from at most a few pieces of each level, at its exact ends: it costs the same whether it
holds ten points or a hundred thousand. What is lowest and highest in it is so in one of its points.

Tables here have four rows: lowest, mean, highest, and the weight of the mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Wholes = NDArray[np.int64]

FAN = 4  # points of a level that one point of the next stands for


class Rows:
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


class Pyramid:
    """One series. As long as each of its points is one number, as those of epochs are, only that is kept of it."""

    def __init__(self, dtype: str) -> None:
        self._points = Rows(1, dtype)
        self._levels: list[Rows] = []
        self._under_levels = 0  # points that the levels stand on

    @property
    def nbytes(self) -> int:
        return sum(rows.room.nbytes for rows in (self._points, *self._levels))

    def put(self, at: int, rows: Floats) -> None:
        """Points from index `at` on, (4, m); what stood there before is gone."""
        self._put_points(at, rows)
        self._under_levels = min(self._under_levels, at)

    def points(self, some: slice | Wholes) -> Floats:
        """(4, n), of the pyramid's type."""
        rows = self._points.room[:, some]
        if len(rows) == 4:
            return rows
        return point_rows(np.repeat(rows, 3, axis=0), 1.0).astype(rows.dtype, copy=False)

    def means(self, some: slice) -> Floats:
        """(n,): of these points."""
        return self._points.room[1 if len(self._points.room) == 4 else 0, some]

    def over(self, left: Wholes, right: Wholes) -> Floats:
        """(4, n): what the points of each stretch [left, right) come to, from at most a few of each level."""
        self._build()
        left, right = left.copy(), right.copy()
        found = nothing(len(left))
        for level in range(len(self._levels) + 1):
            for _ in range(FAN - 1):
                some = np.flatnonzero((left < right) & (left % FAN != 0))
                found[:, some] = both(found[:, some], self._of(level, left[some]))
                left[some] += 1
            for _ in range(FAN - 1):
                some = np.flatnonzero((left < right) & (right % FAN != 0))
                right[some] -= 1
                found[:, some] = both(found[:, some], self._of(level, right[some]))
            if not (left < right).any():
                break
            left //= FAN
            right //= FAN
        return found

    def _build(self) -> None:
        """Makes the levels over what is new, once a stretch is asked for: of a long run few series are drawn."""
        at, count, level = self._under_levels, self._points.count, 0
        if at == count:
            return
        self._under_levels = count
        while count >= FAN:
            at //= FAN
            changed = self._of(level, slice(at * FAN, count))
            if level == len(self._levels):
                self._levels.append(Rows(4, self._points.room.dtype.str))
            self._levels[level].put(at, merged(changed, np.arange(0, changed.shape[1], FAN)))
            count, level = self._levels[level].count, level + 1
        del self._levels[level:]

    def _of(self, level: int, some: slice | Wholes) -> Floats:
        return self._levels[level - 1].room[:, some] if level else self.points(some)

    def _put_points(self, at: int, rows: Floats) -> None:
        if len(self._points.room) == 1:
            if _are_numbers(rows):
                rows = rows[1:2]
            else:
                before = self.points(slice(0, at))
                self._points = Rows(4, self._points.room.dtype.str)
                self._points.put(0, before)
        self._points.put(at, rows)


def point_rows(values: Floats, weight: Floats | float) -> Floats:
    """(4, m) from lowest, mean, highest; a mean that is no number weighs nothing."""
    return np.vstack([values, np.where(np.isfinite(values[1]), weight, 0.0)])


def nothing(count: int) -> Floats:
    """(4, count): of points where a series has none."""
    rows = np.full((4, count), np.nan)
    rows[3] = 0.0
    return rows


def merged(rows: Floats, starts: Wholes) -> Floats:
    """(4, len(starts)): each stretch of columns as one; it goes up to the next start."""
    if not len(starts):
        return nothing(0)
    with np.errstate(all="ignore"):
        weight = np.add.reduceat(rows[3], starts, dtype=np.float64)
        total = np.add.reduceat(np.where(rows[3] > 0, rows[1].astype(np.float64) * rows[3], 0.0), starts)
        mean = np.where(weight > 0, total / weight, np.nan)
        return np.vstack([np.fmin.reduceat(rows[0], starts), mean, np.fmax.reduceat(rows[2], starts), weight])


def both(one: Floats, other: Floats) -> Floats:
    """(4, n): column by column, two as one."""
    with np.errstate(all="ignore"):
        weight = one[3] + other[3].astype(np.float64)
        total = np.where(one[3] > 0, one[1] * one[3], 0.0) + np.where(
            other[3] > 0, other[1].astype(np.float64) * other[3], 0.0
        )
        mean = np.where(weight > 0, total / weight, np.nan)
        return np.vstack([np.fmin(one[0], other[0]), mean, np.fmax(one[2], other[2]), weight])


def _are_numbers(rows: Floats) -> bool:
    """Whether each point is one number, or none."""
    lowest, mean, highest, weight = rows
    return (
        np.array_equal(lowest, mean, equal_nan=True)
        and np.array_equal(highest, mean, equal_nan=True)
        and np.array_equal(weight, np.isfinite(mean))
    )
