"""Loops over stretches of neighbouring numbers, which go through vector registers once.

Called as Python they are NumPy; inside a compiled kernel they are those of engine/vectors.py. What they give for a
number does not depend on its neighbours. Every array is read from so many numbers behind its first, its "at".
"""

from __future__ import annotations

import numpy as np


def gather(values, v_at, places, p_at, count, table, t_at, out, out_at, length):
    """out += the sum of so many values, each times the stretch of the table that begins at its place behind t_at."""
    values, places, table, out = flat(values), flat(places), flat(table), flat(out)
    for e in range(count):
        start = t_at + places[p_at + e]
        out[out_at : out_at + length] += values[v_at + e] * table[start : start + length]


def largest(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length):
    """y, place = the first largest of rows times columns stretches of x, so far apart, and where it stands.

    first: the number of the first of them in its image. NaN is larger than anything.
    """
    x, y, place = flat(x), flat(y), flat(place)
    for c in range(length):
        best, where = x[x_at + c], first + c
        for step in (u * down + v * right for u in range(rows) for v in range(columns)):
            value = x[x_at + step + c]
            if value > best or value != value:
                best, where = value, first + step + c
        y[y_at + c], place[place_at + c] = best, where


def hand_down(dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length):
    """Add dy to that of the stretches of x which its place says: numbers are down and right apart in their image,
    and x_down and x_right in x.
    """
    dy, place, x = flat(dy), flat(place), flat(x)
    for u in range(rows):
        for v in range(columns):
            number, at = first + u * down + v * right, x_at + u * x_down + v * x_right
            for c in range(length):
                if place[place_at + c] == number + c:
                    x[at + c] += dy[dy_at + c]


def copy_rows(x, x_at, x_down, out, out_at, out_down, rows, length):
    """So many stretches of x, x_down apart, to where they are out_down apart."""
    x, out = flat(x), flat(out)
    for r in range(rows):
        start, to = x_at + r * x_down, out_at + r * out_down
        out[to : to + length] = x[start : start + length]


def flat(array):
    """All numbers from an array's first to its last, as one stretch."""
    steps = zip(array.shape, array.strides, strict=True)
    reach = 1 + sum((size - 1) * stride for size, stride in steps) // array.itemsize
    return np.lib.stride_tricks.as_strided(array, (reach,), (array.itemsize,))
