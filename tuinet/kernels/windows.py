"""Windows that slide over an image: where they stand, and how their numbers are laid out in rows.

Images are rows of numbers, channels last: x (N, X) with X = height width channels. What a window computes stands
in the same way in y (N, Y) with Y = rows columns outputs.
"""

from __future__ import annotations

import numpy as np

from . import gpu
from .op import scalar
from .parts import part
from .scalars import ZERO, F, I, U
from .vectors import add_inside, copy_inside, copy_rows

VECTOR = 16  # numbers: as many as a wide vector holds


def spread(images, geometry):
    """Every window of images (N, X), in NumPy: (N, rows, columns, tall, wide, channels), and which values are real."""
    g = geometry
    images = images.reshape(len(images), g.height, g.width, g.channels)
    rows = (np.arange(g.rows) * g.down - g.top)[:, None] + np.arange(g.tall) * g.apart_down
    columns = (np.arange(g.columns) * g.right - g.left)[:, None] + np.arange(g.wide) * g.apart_right
    real = ((rows >= 0) & (rows < g.height))[:, None, :, None] & ((columns >= 0) & (columns < g.width))[
        None, :, None, :
    ]
    at = rows.clip(0, g.height - 1)[:, None, :, None], columns.clip(0, g.width - 1)[None, :, None, :]
    return np.where(real[None, ..., None], images[:, at[0], at[1]], 0), real


def gathered(windows, geometry):
    """The reverse of `spread`: windows added up where they stand, as images (N, X)."""
    g = geometry
    images = np.zeros((len(windows), g.height, g.width, g.channels), windows.dtype)
    for p, q, u, v in np.ndindex(g.rows, g.columns, g.tall, g.wide):
        i, j = p * g.down - g.top + u * g.apart_down, q * g.right - g.left + v * g.apart_right
        if 0 <= i < g.height and 0 <= j < g.width:
            images[:, i, j] += windows[:, p, q, u, v]
    return images.reshape(len(windows), -1)


@scalar
def in_one_piece(geometry):
    """Whether the numbers of a window's row lie beside each other in the image."""
    return geometry.groups == 1 and geometry.apart_right == 1


@scalar
def lay_out(x, n, scratch, first, last, group, geometry):
    """The windows of rows first to last of image n, one after the other; zeros where they reach over the edge."""
    g = geometry
    depth, image = g.channels // g.groups, n * (x.strides[0] // 4)
    row, whole = g.wide * depth, in_one_piece(geometry)  # of a window
    low = high = 0  # the windows whose rows do, and inside the image
    if whole and g.wide <= g.width:
        low = min(g.columns, (g.left + g.right - 1) // g.right)
        high = max(low, min(g.columns, (g.width - g.wide + g.left) // g.right + 1))
    for p in range(first, last):
        for u in range(g.tall):
            i = p * g.down - g.top + u * g.apart_down
            begin, apart = ((p - first) * g.columns * g.tall + u) * row, g.tall * row
            inside, line = i >= 0 and i < g.height, image + i * g.width * g.channels
            if inside:
                start = line + (low * g.right - g.left) * depth
                copy_rows(x, start, g.right * depth, scratch, begin + low * apart, apart, high - low, row)
            for q in range(g.columns):
                if whole and not (inside and q >= low and q < high):
                    end = g.width * depth if inside else 0
                    copy_inside(x, line, (q * g.right - g.left) * depth, end, scratch, begin + q * apart, row)
                elif not whole:
                    for v in range(g.wide):
                        k, at = q * g.right - g.left + v * g.apart_right, begin + q * apart + v * depth
                        end = depth if inside and k >= 0 and k < g.width else 0
                        copy_inside(x, line + k * g.channels + group * depth, 0, end, scratch, at, depth)


@scalar
def narrow(geometry):
    """Whether so few numbers of a window lie in one piece that copying them one by one takes longer than the sums."""
    depth = geometry.channels // geometry.groups
    return depth * (geometry.wide if geometry.apart_right == 1 else 1) < VECTOR


@scalar
def lay_across(x, n, scratch, at, first, last, group, geometry):
    """The same turned, from so far on in scratch: number by number of a window, and of each those of all windows beside
    each other.
    """
    g = geometry
    depth, count = g.channels // g.groups, (last - first) * g.columns
    image, line = n * (x.strides[0] // 4), g.width * g.channels
    for u in range(g.tall):
        above = g.top - u * g.apart_down
        low, high = reached(above, g.down, g.height, first, last)
        for v in range(g.wide):
            over = g.left - v * g.apart_right
            begin, end = reached(over, g.right, g.width, 0, g.columns)
            for c in range(depth):
                row = part(scratch, at + ((u * g.wide + v) * depth + c) * count, count)
                if high - low < last - first or end - begin < g.columns:
                    for i in range(count):
                        row[i] = ZERO
                source = (low * g.down - above) * line + (begin * g.right - over) * g.channels + group * depth + c
                there, step = (low - first) * g.columns + begin, g.right * g.channels
                if step == 1:
                    copy_rows(x, image + source, g.down * line, row, there, g.columns, high - low, end - begin)
                else:
                    for p in range(high - low):
                        for q in range(end - begin):
                            row[there + p * g.columns + q] = x[n, source + p * g.down * line + q * step]


@scalar
def reached(before, step, size, first, last):
    """Which windows, of those from first to last, have a number inside the image, where it is so far before it in the
    first of all, and the windows are a step apart.
    """
    low = min(last, max(first, (before + step - 1) // step))
    return low, max(low, min(last, (size - 1 + before) // step + 1))


@scalar
def add_up(scratch, dx, n, first, last, group, geometry):
    """Add windows that were laid out so to image n."""
    g = geometry
    depth, image = g.channels // g.groups, n * (dx.strides[0] // 4)
    whole = in_one_piece(geometry)
    pieces, length = (1, g.wide * depth) if whole else (g.wide, depth)
    at = 0
    for p in range(first, last):
        for q in range(g.columns):
            j = q * g.right - g.left
            for u in range(g.tall):
                i = p * g.down - g.top + u * g.apart_down
                line = image + i * g.width * g.channels
                for v in range(pieces):
                    k = j + v * g.apart_right
                    if i >= 0 and i < g.height and whole:
                        add_inside(dx, line, k * depth, g.width * depth, scratch, at, length)
                    elif i >= 0 and i < g.height and k >= 0 and k < g.width:
                        add_inside(dx, line + k * g.channels + group * depth, 0, depth, scratch, at, depth)
                    at += length


# -- on a GPU, where a thread works on one number -----------------------------------------------


@gpu.device
def position(i, columns, channels):
    """(row, column, channel) of number i, of an image or of what its windows compute."""
    at = U(U(i) // U(channels))
    row = U(at // U(columns))
    return I(row), I(at - row * U(columns)), I(U(i) - at * U(channels))


@gpu.device
def inside_of(before, length, apart, size):
    """How many of a window's values along one axis lie in the image, where its first lies at `before`."""
    count = I(0)
    for u in range(length):
        at = I(before + u * apart)
        if at >= I(0) and at < size:
            count = I(count + I(1))
    return count


@gpu.device
def reaching(i, before, step, length, apart, count):
    """From which window on, and up to which, those lie that reach over i, of so many windows a step apart."""
    i = I(i + before)
    first = max(I(i - (length - 1) * apart), I(0))
    low = U(U(first + step - 1) // U(step))
    return I(low), min(I(U(U(i) // U(step)) + U(1)), count)


@gpu.device
def holds(distance, apart):
    """Whether one of a window's values, so far apart, stands at this distance from its first."""
    return apart == I(1) or U(U(distance) % U(apart)) == U(0)


@gpu.device
def sum_of_window(x, first, p, q, c, geometry):
    """The sum of one window of the image whose numbers begin at first, in one channel; and how many values it has."""
    g, total, count = geometry, ZERO, I(0)
    for u in range(g.tall):
        i = I(p * g.down - g.top + u * g.apart_down)
        if i >= I(0) and i < g.height:
            for v in range(g.wide):
                j = I(q * g.right - g.left + v * g.apart_right)
                if j >= I(0) and j < g.width:
                    total += x[U(first + U((i * g.width + j) * g.channels + c))]
                    count = I(count + I(1))
    return total, count


@gpu.device
def sum_over_windows(y, first, number, geometry, shared):
    """The sum of what the windows hold that this number of an image lies in; shared: of each window its share."""
    g, total, (i, j, c) = geometry, ZERO, position(number, geometry.width, geometry.channels)
    top, bottom = reaching(i, g.top, g.down, g.tall, g.apart_down, g.rows)
    left, right = reaching(j, g.left, g.right, g.wide, g.apart_right, g.columns)
    for p in range(top, bottom):
        above = I(p * g.down - g.top)
        if holds(I(i - above), g.apart_down):
            rows = inside_of(above, g.tall, g.apart_down, g.height) if shared else I(1)
            for q in range(left, right):
                over = I(q * g.right - g.left)
                if holds(I(j - over), g.apart_right):
                    value = y[U(first + U((p * g.columns + q) * g.channels + c))]
                    if shared:
                        value /= F(I(rows * inside_of(over, g.wide, g.apart_right, g.width)))
                    total += value
    return total
