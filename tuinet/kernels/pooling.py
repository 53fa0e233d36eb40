"""Pooling: each window of an image becomes one value, channel by channel."""

from __future__ import annotations

import numpy as np

from ..shapes import Geometry
from . import gpu
from .op import op, scalar
from .scalars import ZERO, F, I, U
from .vectors import hand_down, largest
from .windows import gathered, position, reaching, spread, sum_of_window, sum_over_windows


@op(cut="N")
def max_pool(x, *, geometry: Geometry):
    """y, place = the largest value of each window, and where in the image it stands

    x (N, X)   y (N, Y)   place (N, Y) int
    """
    g, (windows, real) = geometry, spread(x, geometry)
    windows = np.where(real[None, ..., None], windows, -np.inf)
    numbers = np.arange(g.height * g.width * g.channels, dtype=np.float64)[None]
    where = spread(numbers, geometry)[0].astype(np.int64)
    flat = windows.reshape(len(x), g.rows, g.columns, g.tall * g.wide, g.channels)
    best = flat.argmax(3)[:, :, :, None]
    y = np.take_along_axis(flat, best, 3)
    place = np.take_along_axis(np.broadcast_to(where.reshape(1, *flat.shape[1:]), flat.shape), best, 3)
    return y.reshape(len(x), -1), place.reshape(len(x), -1)


@max_pool.sizes
def max_pool_sizes(size, geometry):
    return {"Y": geometry.rows * geometry.columns * geometry.channels}


@max_pool.gradient
def max_pool_gradient(ops, d, x, y, place, geometry):
    d[x] += ops.max_pool_back(d[y], place, geometry=geometry)


@max_pool.cpu
def max_pool_cpu(x, y, place, geometry):
    g = geometry
    image, out, places = x.strides[0] // 4, y.strides[0] // 4, place.strides[0] // 4
    down, right = g.apart_down * g.width * g.channels, g.apart_right * g.channels
    for n in range(x.shape[0]):
        for p in range(g.rows):
            q = 0
            while q < g.columns:
                count = alike(q, geometry)
                top, rows, left, columns = inside(p, q, geometry)
                first, at = (top * g.width + left) * g.channels, (p * g.columns + q) * g.channels
                largest(
                    x, n * image + first, first, rows, down, columns, right,
                    y, n * out + at, place, n * places + at, g.channels, count, g.right * g.channels,
                )  # fmt: skip
                q += count


@max_pool.cuda(gpu.numbers("N", "Y"))
def max_pool_cuda(x, y, place, N, X, Y, geometry):
    """NaN is larger than anything."""
    n, number = gpu.place()
    if n < N and number < Y:
        g, (p, q, c) = geometry, position(number, geometry.columns, geometry.channels)
        best, where = ZERO, I(-1)
        for u in range(g.tall):
            i = I(p * g.down - g.top + u * g.apart_down)
            if i >= I(0) and i < g.height:
                for v in range(g.wide):
                    j = I(q * g.right - g.left + v * g.apart_right)
                    if j >= I(0) and j < g.width:
                        at = I((i * g.width + j) * g.channels + c)
                        value = x[U(n * X + U(at))]
                        if where < I(0) or value > best or value != value:
                            best, where = value, at
        y[U(n * Y + number)], place[U(n * Y + number)] = best, where


@scalar
def inside(p, q, geometry):
    """Where the part of a window that is in the image begins, and how many values it has: down, then right."""
    g = geometry
    top, left = p * g.down - g.top, q * g.right - g.left
    u, v = max(0, (g.apart_down - 1 - top) // g.apart_down), max(0, (g.apart_right - 1 - left) // g.apart_right)
    rows = min(g.tall, (g.height - 1 - top) // g.apart_down + 1) - u
    columns = min(g.wide, (g.width - 1 - left) // g.apart_right + 1) - v
    return top + u * g.apart_down, rows, left + v * g.apart_right, columns


@scalar
def alike(q, geometry):
    """How many windows of a row, from the q-th on, lie in the image as this one does: whole, one step after another."""
    g = geometry
    left, reach = q * g.right - g.left, (g.wide - 1) * g.apart_right
    if left < 0 or left + reach >= g.width:
        return 1
    return min(g.columns - q, (g.width - 1 - reach - left) // g.right + 1)


@scalar
def tiled(geometry):
    """Whether windows cover an image and do not overlap."""
    g = geometry
    return (
        g.down == g.tall
        and g.right == g.wide
        and (g.apart_down == 1 or g.tall == 1)
        and (g.apart_right == 1 or g.wide == 1)
        and g.rows * g.down - g.top >= g.height
        and g.columns * g.right - g.left >= g.width
    )


@op(cut="N")
def max_pool_back(dy, place, *, geometry: Geometry):
    """dx = dy where each largest value stood, else 0        dy (N, Y)   place (N, Y) int   dx (N, X)"""
    g = geometry
    dx = np.zeros((len(dy), g.height * g.width * g.channels), dy.dtype)
    np.add.at(dx, (np.arange(len(dy))[:, None], place), dy)
    return dx


@max_pool_back.sizes
def max_pool_back_sizes(size, geometry):
    return {"X": geometry.height * geometry.width * geometry.channels}


@max_pool_back.cpu
def max_pool_back_cpu(dy, place, dx, geometry):
    g = geometry
    image, out, places = dx.strides[0] // 4, dy.strides[0] // 4, place.strides[0] // 4
    down, right = g.apart_down * g.width * g.channels, g.apart_right * g.channels
    for n in range(dy.shape[0]):
        for i in range(dx.shape[1]):
            dx[n, i] = ZERO
        for p in range(g.rows):
            q = 0
            while q < g.columns:
                count, step = alike(q, geometry), g.right * g.channels
                top, rows, left, columns = inside(p, q, geometry)
                first, at = (top * g.width + left) * g.channels, (p * g.columns + q) * g.channels
                hand_down(
                    dy, n * out + at, place, n * places + at, first, rows, down, columns, right,
                    dx, n * image + first, down, right, g.channels, count, step, step, 1,
                )  # fmt: skip
                q += count


@max_pool_back.cuda(gpu.numbers("N", "X"))
def max_pool_back_cuda(dy, place, dx, N, Y, X, geometry):
    """Each number of the image asks the windows that reach over it, so that nobody adds to what another adds to."""
    n, number = gpu.place()
    if n < N and number < X:
        g, total, (i, j, c) = geometry, ZERO, position(number, geometry.width, geometry.channels)
        top, bottom = reaching(i, g.top, g.down, g.tall, g.apart_down, g.rows)
        left, right = reaching(j, g.left, g.right, g.wide, g.apart_right, g.columns)
        for p in range(top, bottom):
            for q in range(left, right):
                at = U(n * Y + U((p * g.columns + q) * g.channels + c))
                if U(place[at]) == number:
                    total += dy[at]
        dx[U(n * X + number)] = total


# ------------------------------------------------------------------------------------------


@op(cut="N")
def average_pool(x, *, geometry: Geometry):
    """y = the mean of each window, over what of it lies in the image        x (N, X)   y (N, Y)"""
    windows, real = spread(x, geometry)
    return (windows.sum((3, 4)) / real.sum((2, 3))[..., None]).reshape(len(x), -1)


@average_pool.sizes
def average_pool_sizes(size, geometry):
    return {"Y": geometry.rows * geometry.columns * geometry.channels}


@average_pool.gradient
def average_pool_gradient(ops, d, x, y, geometry):
    d[x] += ops.average_pool_back(d[y], geometry=geometry)


@average_pool.cpu
def average_pool_cpu(x, y, geometry):
    g = geometry
    for n in range(x.shape[0]):
        for p in range(g.rows):
            for q in range(g.columns):
                out = (p * g.columns + q) * g.channels
                for c in range(g.channels):
                    y[n, out + c] = ZERO
                count = 0
                for u in range(g.tall):
                    i = p * g.down - g.top + u * g.apart_down
                    for v in range(g.wide):
                        j = q * g.right - g.left + v * g.apart_right
                        if i >= 0 and i < g.height and j >= 0 and j < g.width:
                            start = (i * g.width + j) * g.channels
                            count += 1
                            for c in range(g.channels):
                                y[n, out + c] += x[n, start + c]
                for c in range(g.channels):
                    y[n, out + c] /= F(count)


@average_pool.cuda(gpu.numbers("N", "Y"))
def average_pool_cuda(x, y, N, X, Y, geometry):
    n, number = gpu.place()
    if n < N and number < Y:
        p, q, c = position(number, geometry.columns, geometry.channels)
        total, count = sum_of_window(x, U(n * X), p, q, c, geometry)
        y[U(n * Y + number)] = total / F(count)


@op(cut="N")
def average_pool_back(dy, *, geometry: Geometry):
    """dx = dy shared out over each window        dy (N, Y)   dx (N, X)"""
    g = geometry
    real = spread(np.ones((1, g.height * g.width * g.channels)), geometry)[1]
    share = dy.reshape(len(dy), g.rows, g.columns, g.channels) / real.sum((2, 3))[..., None]
    windows = np.broadcast_to(share[:, :, :, None, None], (*share.shape[:3], g.tall, g.wide, g.channels))
    return gathered(windows, geometry)


@average_pool_back.sizes
def average_pool_back_sizes(size, geometry):
    return {"X": geometry.height * geometry.width * geometry.channels}


@average_pool_back.cpu
def average_pool_back_cpu(dy, dx, geometry):
    g = geometry
    for n in range(dy.shape[0]):
        for i in range(dx.shape[1]):
            dx[n, i] = ZERO
        for p in range(g.rows):
            for q in range(g.columns):
                out = (p * g.columns + q) * g.channels
                count = 0
                for u in range(g.tall):
                    i = p * g.down - g.top + u * g.apart_down
                    for v in range(g.wide):
                        j = q * g.right - g.left + v * g.apart_right
                        count += i >= 0 and i < g.height and j >= 0 and j < g.width
                share = F(1) / F(count)
                for u in range(g.tall):
                    i = p * g.down - g.top + u * g.apart_down
                    for v in range(g.wide):
                        j = q * g.right - g.left + v * g.apart_right
                        if i >= 0 and i < g.height and j >= 0 and j < g.width:
                            start = (i * g.width + j) * g.channels
                            for c in range(g.channels):
                                dx[n, start + c] += dy[n, out + c] * share


@average_pool_back.cuda(gpu.numbers("N", "X"))
def average_pool_back_cuda(dy, dx, N, Y, X, geometry):
    n, number = gpu.place()
    if n < N and number < X:
        dx[U(n * X + number)] = sum_over_windows(dy, U(n * Y), number, geometry, True)
