"""Arrays as small pictures of signed levels: how a matrix of any shape is laid out, made smaller, and put into a byte.

array (any shape)  →  matrix (R, C)  →  means of blocks (rows, columns)  →  levels, uint8 (rows, columns)

matrix    the last axis across, all others down: dense (I, O), convolution (KH KW C, O); a vector lies in one row
blocks    as equal as whole numbers let them be; where there are as many cells as numbers, each cell is one number
levels    128 is zero, 1 is -limit and less, 255 is +limit and more; 0: no number (NaN, infinity, nothing there)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Numbers = NDArray[np.floating[Any]]
Levels = NDArray[np.uint8]
Crop = tuple[int, int, int, int]  # first row, row after the last, first column, column after the last

ZERO, HALF, NOTHING = 128, 127, 0
MOST_OUTSIDE = 0.01  # share of the cells that may lie beyond the limit: one large weight must not darken all others
NICE = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Picture:
    """A part of a matrix in cells.

    levels: uint8 (rows, columns). limit: the number of level 255, rounded up so that it seldom changes.
    crop: which part of the matrix. folded: the matrix is a vector, whose cells go on in the next row.
    exact: whether each cell is one number.
    """

    levels: Levels
    limit: float
    crop: Crop
    folded: bool
    exact: bool


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns in which an array of that shape is laid out."""
    size = math.prod(shape)
    if size in shape or not shape:  # at most one axis is longer than 1
        return 1, size
    return size // shape[-1], shape[-1]


def index_of(shape: tuple[int, ...], row: int, column: int) -> tuple[int, ...]:
    """The array's index of a place in its matrix."""
    flat = row * matrix_shape(shape)[1] + column
    index = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        index.append(place)
    return tuple(reversed(index))


def edges(first: int, end: int, cells: int) -> NDArray[np.intp]:
    """Where the blocks of a stretch begin, and its end: (cells + 1)."""
    return first + np.arange(cells + 1) * (end - first) // cells


def means(matrix: Array, rows: int, columns: int) -> Numbers:
    """Means of blocks (rows, columns) of a matrix (R, C) that has at least as many rows and columns."""
    found: Numbers = matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
    with np.errstate(all="ignore"):
        for axis, cells in ((0, rows), (1, columns)):
            length = found.shape[axis]
            if cells < length:
                starts = edges(0, length, cells)
                shape = (-1, 1) if axis == 0 else (1, -1)
                found = np.add.reduceat(found, starts[:-1], axis=axis) / np.diff(starts).reshape(shape)
    return found


def limit_of(values: Numbers, outside: float = MOST_OUTSIDE) -> float:
    """A round number that at most such a share of the values lies beyond; 0 where all of them are 0."""
    sizes = np.abs(values[np.isfinite(values)]).astype(np.float64)
    if not sizes.size:
        return 0.0
    place = max(0, math.ceil((1 - outside) * sizes.size) - 1)
    largest = float(np.partition(sizes.ravel(), place)[place]) or float(sizes.max())
    if largest < np.finfo(np.float32).tiny:
        return 0.0
    ten = 10.0 ** math.floor(math.log10(largest))
    return next(float(f"{ten * nice:.3g}") for nice in (*NICE, 20.0) if ten * nice >= largest * (1 - 1e-9))


def levels_of(values: Numbers, limit: float) -> Levels:
    """Values as levels; with limit 0 all are zero."""
    with np.errstate(all="ignore"):
        scaled = values * (HALF / limit) if limit > 0 else np.where(np.isfinite(values), 0.0, np.nan)
        found = np.clip(np.rint(scaled), -HALF, HALF) + ZERO
    return np.where(np.isfinite(values), found, NOTHING).astype(np.uint8)


def values_of(levels: Levels, limit: float) -> Numbers:
    """The numbers that levels stand for, NaN where there is none: right to limit / 254."""
    found = (levels.astype(np.float64) - ZERO) * (limit / HALF)
    found[levels == NOTHING] = np.nan
    return found


def picture(array: Array, rows: int, columns: int, crop: Crop | None = None, outside: float = MOST_OUTSIDE) -> Picture:
    """The array, or a part of its matrix, in at most rows x columns cells; a vector is folded into as many rows."""
    matrix = array.reshape(matrix_shape(array.shape))
    crop = crop or (0, matrix.shape[0], 0, matrix.shape[1])
    part = matrix[crop[0] : crop[1], crop[2] : crop[3]]
    if len(part) == 1:
        cells = means(part, 1, min(part.shape[1], rows * columns))
        wide = min(cells.size, columns)
        held = np.full(-(-cells.size // wide) * wide, np.nan)
        held[: cells.size] = cells[0]
        limit = limit_of(cells, outside)
        return Picture(levels_of(held.reshape(-1, wide), limit), limit, crop, True, cells.size == part.size)
    cells = means(part, min(rows, part.shape[0]), min(columns, part.shape[1]))
    limit = limit_of(cells, outside)
    return Picture(levels_of(cells, limit), limit, crop, False, cells.shape == part.shape)


def cells_of(picture: Picture, shape: tuple[int, ...]) -> Numbers:
    """The numbers of a picture of a whole array of that shape, as a matrix: (rows, columns), a vector's in one row."""
    values = values_of(picture.levels, picture.limit)
    if not picture.folded:
        return values
    return values.reshape(1, -1)[:, : math.prod(shape)]


def small(array: Array, like: Numbers) -> Numbers:
    """The array in as many cells as another one of its pictures has."""
    return means(array.reshape(matrix_shape(array.shape)), *like.shape)


def statistics(values: Array) -> dict[str, float | int]:
    """lowest, highest, mean and deviation of the numbers, how many are exactly 0, and how many are none."""
    known = values if values.dtype.kind != "f" else values[np.isfinite(values)]
    if not known.size:
        return {"lowest": 0.0, "highest": 0.0, "mean": 0.0, "deviation": 0.0, "zeros": 0, "strange": values.size}
    return {
        "lowest": float(known.min()),
        "highest": float(known.max()),
        "mean": float(known.mean(dtype=np.float64)),
        "deviation": float(known.std(dtype=np.float64)),
        "zeros": int(known.size - np.count_nonzero(known)),
        "strange": int(values.size - known.size),
    }


def counts(values: Array, bins: int) -> list[int]:
    """How many of the numbers lie in each of so many bins of equal width between the lowest and the highest."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return [0] * bins
    low, high = known.min(), known.max()
    if low == high:
        return [known.size if place == bins // 2 else 0 for place in range(bins)]
    places = np.minimum(((known - low) * (bins / (high - low))).astype(np.intp), bins - 1)
    return [int(count) for count in np.bincount(places, minlength=bins)]
