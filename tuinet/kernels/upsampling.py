"""Upsampling: each value of a small image is laid over its window of a larger one; the windows' sums lead back."""

from __future__ import annotations

import numpy as np

from ..shapes import Geometry
from . import gpu
from .op import op
from .scalars import ZERO, U
from .windows import gathered, position, spread, sum_of_window, sum_over_windows


@op(cut="N")
def upsample(x, *, geometry: Geometry):
    """y = each value of x on every place of its window; where windows overlap, their sum        x (N, Y)   y (N, X)"""
    g = geometry
    values = x.reshape(len(x), g.rows, g.columns, 1, 1, g.channels)
    return gathered(np.broadcast_to(values, (*values.shape[:3], g.tall, g.wide, g.channels)), geometry)


@upsample.sizes
def upsample_sizes(size, geometry):
    return {"X": geometry.height * geometry.width * geometry.channels}


@upsample.gradient
def upsample_gradient(ops, d, x, y, geometry):
    d[x] += ops.sum_windows(d[y], geometry=geometry)


@upsample.cpu
def upsample_cpu(x, y, geometry):
    g = geometry
    for n in range(x.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = ZERO
        for p in range(g.rows):
            for q in range(g.columns):
                at = (p * g.columns + q) * g.channels
                for u in range(g.tall):
                    i = p * g.down - g.top + u * g.apart_down
                    for v in range(g.wide):
                        j = q * g.right - g.left + v * g.apart_right
                        if i >= 0 and i < g.height and j >= 0 and j < g.width:
                            start = (i * g.width + j) * g.channels
                            for c in range(g.channels):
                                y[n, start + c] += x[n, at + c]


@upsample.cuda(gpu.numbers("N", "X"))
def upsample_cuda(x, y, N, Y, X, geometry):
    n, number = gpu.place()
    if n < N and number < X:
        y[U(n * X + number)] = sum_over_windows(x, U(n * Y), number, geometry, False)


@op(cut="N")
def sum_windows(x, *, geometry: Geometry):
    """y = the sum of each window, channel by channel        x (N, X)   y (N, Y)"""
    return spread(x, geometry)[0].sum((3, 4)).reshape(len(x), -1)


@sum_windows.sizes
def sum_windows_sizes(size, geometry):
    return {"Y": geometry.rows * geometry.columns * geometry.channels}


@sum_windows.gradient
def sum_windows_gradient(ops, d, x, y, geometry):
    d[x] += ops.upsample(d[y], geometry=geometry)


@sum_windows.cpu
def sum_windows_cpu(x, y, geometry):
    g = geometry
    for n in range(x.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = ZERO
        for p in range(g.rows):
            for q in range(g.columns):
                at = (p * g.columns + q) * g.channels
                for u in range(g.tall):
                    i = p * g.down - g.top + u * g.apart_down
                    for v in range(g.wide):
                        j = q * g.right - g.left + v * g.apart_right
                        if i >= 0 and i < g.height and j >= 0 and j < g.width:
                            start = (i * g.width + j) * g.channels
                            for c in range(g.channels):
                                y[n, at + c] += x[n, start + c]


@sum_windows.cuda(gpu.numbers("N", "Y"))
def sum_windows_cuda(x, y, N, X, Y, geometry):
    n, number = gpu.place()
    if n < N and number < Y:
        p, q, c = position(number, geometry.columns, geometry.channels)
        y[U(n * Y + number)] = sum_of_window(x, U(n * X), p, q, c, geometry)[0]
