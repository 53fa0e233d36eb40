"""Loops over stretches of neighbouring numbers, which go through vector registers once.

Called as Python they are NumPy; inside a compiled kernel they are those of engine/vectors.py. What they give for a
number does not depend on its neighbours. Every array is read from so many numbers behind its first, its "at".
"""

from __future__ import annotations

import numpy as np


def gather(values, v_at, places, p_at, count, table, t_at, t_step, out, out_at, o_step, pieces, length):
    """out += the sum of so many values, each times the stretch of the table that begins at its place behind t_at.

    So it is done for as many pieces as there are, each a t_step further in the table and an o_step further in out.
    """
    values, places, table, out = flat(values), flat(places), flat(table), flat(out)
    for piece in range(pieces):
        begin, to = t_at + piece * t_step, out_at + piece * o_step
        for e in range(count):
            start = begin + places[p_at + e]
            out[to : to + length] += values[v_at + e] * table[start : start + length]


def pick(
    dy, dy_at, place, place_at, first, rows, down, columns, right, length, line, values, v_at, places, p_at,
    counts, c_at,
):  # fmt: skip
    """Lists of a window's numbers that are not zero: for each of rows times columns places those that stood there.

    A place's number is that of the first, so far on, and the channel. Its list has room for all channels: the numbers
    themselves go into values, line times their channels into places, and how many they are into counts.
    """
    dy, place = flat(dy), flat(place)
    for u in range(rows):
        for v in range(columns):
            number, at, count = first + u * down + v * right, (u * columns + v) * length, 0
            for c in range(length):
                if place[place_at + c] == number + c and dy[dy_at + c] != 0:
                    values[v_at + at + count], places[p_at + at + count] = dy[dy_at + c], c * line
                    count += 1
            counts[c_at + u * columns + v] = count


def largest(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length, count, step):
    """y, place = the first largest of rows times columns stretches of x, so far apart, and where it stands.

    first: the number of the first of them in its image. NaN is larger than anything. So it is done for as many windows
    in a row as count says, each a step behind the one before it in the image and in x; their results follow each other.
    """
    x, y, place = flat(x), flat(y), flat(place)
    for w in range(count):
        for c in range(length):
            begin, number, out = x_at + w * step + c, first + w * step + c, w * length + c
            best, where = x[begin], number
            for far in (u * down + v * right for u in range(rows) for v in range(columns)):
                value = x[begin + far]
                if value > best or value != value:
                    best, where = value, number + far
            y[y_at + out], place[place_at + out] = best, where


def hand_down(
    dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length, count, step,
    x_step, keep,
):  # fmt: skip
    """Add dy to that of the stretches of x which its place says: numbers are down and right apart in their image,
    and x_down and x_right in x. So it is done for as many windows in a row as count says, each a step behind the one
    before it in the image, and an x_step in x; what they hand down follows each other in dy and place.
    keep: 0 where x holds nothing yet; then the stretches of windows that overlap would replace each other.
    """
    dy, place, x = flat(dy), flat(place), flat(x)
    for w in range(count):
        for u in range(rows):
            for v in range(columns):
                number = first + w * step + u * down + v * right
                at = x_at + w * x_step + u * x_down + v * x_right
                for c in range(length):
                    share = dy[dy_at + w * length + c] if place[place_at + w * length + c] == number + c else 0
                    x[at + c] = x[at + c] + share if keep else share


def copy_rows(x, x_at, x_down, out, out_at, out_down, rows, length):
    """So many stretches of x, x_down apart, to where they are out_down apart."""
    x, out = flat(x), flat(out)
    for r in range(rows):
        start, to = x_at + r * x_down, out_at + r * out_down
        out[to : to + length] = x[start : start + length]


def copy_inside(x, x_at, first, end, out, out_at, length):
    """So many numbers of a row of x, from `first` on, to out: zeros for those before its first, and from `end` on."""
    x, out = flat(x), flat(out)
    for i in range(length):
        out[out_at + i] = x[x_at + first + i] if 0 <= first + i < end else 0


def add_inside(x, x_at, first, end, values, v_at, length):
    """The reverse: so many values are added to a row of x, from `first` on, but those before its first and from `end`
    on are left out.
    """
    x, values = flat(x), flat(values)
    for i in range(length):
        if 0 <= first + i < end:
            x[x_at + first + i] += values[v_at + i]


def turn(x, x_at, x_line, out, out_at, out_line, rows, columns):
    """out = x^T: so many rows and columns of x, each with its lines so far apart."""
    x, out = flat(x), flat(out)
    for r in range(rows):
        start = x_at + r * x_line
        out[out_at + r : out_at + r + columns * out_line : out_line] = x[start : start + columns]


def flat(array):
    """All numbers from an array's first to its last, as one stretch."""
    steps = zip(array.shape, array.strides, strict=True)
    reach = 1 + sum((size - 1) * stride for size, stride in steps) // array.itemsize
    return np.lib.stride_tricks.as_strided(array, (reach,), (array.itemsize,))
