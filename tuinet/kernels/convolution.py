"""Convolution: the same weights look at every window of an image.

Laid out as rows, the windows of an image are a matrix, and the convolution is a product with the weights. Only a few
rows of windows are laid out at a time, in scratch memory that stays in a near cache: no array ever holds them all.

Weights are W (K, O): K numbers of a window (tall, wide, channels of a group), O outputs. Group g reads the g-th share
of the channels and gives the g-th share of the outputs.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Geometry
from . import gpu
from .blas import ADD, REPLACE, ROW, multiply
from .gpu import cuda
from .gpu_tiles import ACROSS, product_number, products, put, put_on_row
from .gpu_windows import (
    RESULTS,
    TURNED_WEIGHTS,
    WINDOWS,
    WINDOWS_TURNED,
    channels_of_group,
    results_of,
    weights_of,
    windows_of,
)
from .op import op
from .scalars import ZERO, F, U
from .vectors import turn
from .windows import add_up, gathered, lay_across, lay_out, narrow, spread


def one_each(s):
    """Of each group a product of its windows and weights."""
    g = s["geometry"]
    return g.groups, s["N"] * g.rows * g.columns, s["O"] // g.groups, g.inside


# ------------------------------------------------------------------------------------------


@op(cut="N")
def conv2d(x, W, b, scratch, *, geometry: Geometry):
    """y = b + the sum of W over each window of x        x (N, X)   W (K, O)   b (O)   scratch (S)   y (N, Y)"""
    y = np.concatenate([g @ w for g, w in _groups(spread(x, geometry)[0], W, geometry)], -1)
    return (y + b).reshape(len(x), -1)


@conv2d.sizes
def conv2d_sizes(size, geometry):
    return {"Y": geometry.rows * geometry.columns * size["O"]}


@conv2d.gradient
def conv2d_gradient(ops, d, x, W, b, scratch, y, geometry):
    rows = ops.view(d[y], (y.size // b.size, b.size))
    numbers = ops.places(b.size, "output_numbers")
    d[x] += ops.conv2d_inputs(d[y], ops.turned(W), scratch, geometry=geometry)
    d[W] += ops.conv2d_weights(x, rows, scratch, numbers, geometry=geometry)
    d[b] += ops.sum_rows(rows)


@conv2d.cpu
def conv2d_cpu(x, W, b, scratch, y, geometry):
    groups, rows, columns = geometry.groups, geometry.rows, geometry.columns
    K, O = W.shape  # noqa: E741
    share, across = O // groups, narrow(geometry)
    at_once = max(1, scratch.size // (columns * K))
    for n in range(x.shape[0]):
        for first in range(0, rows, at_once):
            last = min(first + at_once, rows)
            for g in range(groups):
                out = n * y.strides[0] // 4 + first * columns * O + g * share
                count = (last - first) * columns
                if across:
                    lay_across(x, n, scratch, 0, first, last, g, geometry)
                else:
                    lay_out(x, n, scratch, first, last, g, geometry)
                line, step = (1, count) if across else (K, 1)
                w, row = g * share, W.strides[0] // 4
                multiply(scratch, 0, line, step, W, w, row, y, out, O, b, w, count, share, K, ROW)


@products(conv2d, one_each, WINDOWS, ACROSS, put_on_row)
def conv2d_cuda(multiply):
    def kernel(x, W, b, scratch, y, N, X, K, O, S, Y, geometry, room):  # noqa: E741
        g, group = geometry, product_number(geometry.groups)
        windows, share = windows_of(x, U(group * channels_of_group(g)), geometry), U(O // U(g.groups))
        first, places = U(group * share), U(N * U(g.rows * g.columns))
        multiply(windows, (W, first, O), (y, first, O, b, first), U(0), g.groups, places, share, K, room)

    return kernel


# ------------------------------------------------------------------------------------------


@op(cut="N")
def conv2d_inputs(dy, V, scratch, *, geometry: Geometry):
    """dx = dy V laid back over the windows, with V the weights turned

    dy (N, Y)   V (O, K)   scratch (S)   dx (N, X)
    """
    g, share = geometry, len(V) // geometry.groups
    dy = dy.reshape(len(dy), g.rows, g.columns, len(V))
    parts = [dy[..., i * share : (i + 1) * share] @ V[i * share : (i + 1) * share] for i in range(g.groups)]
    shape = (len(dy), g.rows, g.columns, g.tall, g.wide, g.channels // g.groups)
    return gathered(np.concatenate([part.reshape(shape) for part in parts], -1), geometry)


@conv2d_inputs.sizes
def conv2d_inputs_sizes(size, geometry):
    return {"X": geometry.height * geometry.width * geometry.channels}


@conv2d_inputs.gradient
def conv2d_inputs_gradient(ops, d, dy, V, scratch, dx, geometry):
    outputs = V.shape[0]
    rows = ops.view(dy, (dy.size // outputs, outputs))
    numbers, no_offset = ops.places(outputs, "output_numbers"), ops.constant("no_offset", np.zeros(outputs))
    d[dy] += ops.conv2d(d[dx], ops.turned(V), no_offset, scratch, geometry=geometry)
    d[V] += ops.turned(ops.conv2d_weights(d[dx], rows, scratch, numbers, geometry=geometry))


@conv2d_inputs.cpu
def conv2d_inputs_cpu(dy, V, scratch, dx, geometry):
    groups, rows, columns = geometry.groups, geometry.rows, geometry.columns
    O, K = V.shape  # noqa: E741
    share, line = O // groups, V.strides[0] // 4
    at_once = max(1, scratch.size // (columns * K))
    for n in range(dy.shape[0]):
        for i in range(dx.shape[1]):
            dx[n, i] = np.float32(0)
        for first in range(0, rows, at_once):
            last = min(first + at_once, rows)
            for g in range(groups):
                start = n * dy.strides[0] // 4 + first * columns * O + g * share
                count = (last - first) * columns
                multiply(dy, start, O, 1, V, g * share * line, line, scratch, 0, K, V, 0, count, K, share, REPLACE)
                add_up(scratch, dx, n, first, last, g, geometry)


def one_each_back(s):
    """Of each group a product for the places of the images."""
    g = s["geometry"]
    share = s["O"] // g.groups
    return g.groups, s["N"] * g.height * g.width, g.channels // g.groups, g.tall * g.wide * share


@products(conv2d_inputs, one_each_back, RESULTS, TURNED_WEIGHTS, put)
def conv2d_inputs_cuda(multiply):
    def kernel(dy, V, scratch, dx, N, Y, O, K, S, X, geometry, room):  # noqa: E741
        g, group = geometry, product_number(geometry.groups)
        share, depth, places = U(O // U(g.groups)), channels_of_group(g), U(g.tall * g.wide)
        results = results_of(dy, U(group * share), Y, O, geometry)
        weights = weights_of(V, U(U(group * share) * K), K, O, geometry, places, K)
        to = dx, U(group * depth), U(g.channels), False
        multiply(results, weights, to, U(0), g.groups, U(N * U(g.height * g.width)), depth, U(places * share), room)

    return kernel


# ------------------------------------------------------------------------------------------


@op(cut="O")
def conv2d_weights(x, dy, scratch, numbers, *, geometry: Geometry):
    """dW = windows^T dy        x (N, X)   dy (R, O)   scratch (S)   numbers (O) int   dW (K, O)

    numbers says which outputs these are: whoever has only some of them must know the group of each.
    """
    g, windows = geometry, spread(x, geometry)[0]
    parts, share = [], len(numbers) // g.groups
    for i, (rows, _) in enumerate(_groups(windows, dy, geometry)):
        parts.append(rows.reshape(-1, g.inside).T @ dy[:, i * share : (i + 1) * share])
    return np.concatenate(parts, -1)


@conv2d_weights.sizes
def conv2d_weights_sizes(size, geometry):
    return {"K": geometry.inside}


@conv2d_weights.cpu
def conv2d_weights_cpu(x, dy, scratch, numbers, dW, geometry):
    groups, rows, columns = geometry.groups, geometry.rows, geometry.columns
    K, O = dW.shape  # noqa: E741
    line = dy.strides[0] // 4
    share, across = line // groups, narrow(geometry)  # dy is cut out of rows that hold all outputs
    at_once = max(1, scratch.size // (columns * K))
    for n in range(x.shape[0]):
        for first in range(0, rows, at_once):
            last = min(first + at_once, rows)
            for g in range(groups):
                low, high = max(0, g * share - numbers[0]), min(O, (g + 1) * share - numbers[0])
                if low < high:
                    start = (n * rows + first) * columns * line + low
                    count = (last - first) * columns
                    if across:
                        lay_across(x, n, scratch, 0, first, last, g, geometry)
                    else:
                        lay_out(x, n, scratch, first, last, g, geometry)
                    mode, row = ADD if n > 0 or first > 0 else REPLACE, dW.strides[0] // 4
                    a, step = (count, 1) if across else (1, K)
                    multiply(scratch, 0, a, step, dy, start, line, dW, low, row, dy, 0, K, high - low, count, mode)


def one_each_of_weights(s):
    """Of each group a product, for the numbers of a window."""
    count, windows, outputs, inside = one_each(s)
    return count, inside, outputs, windows


@products(conv2d_weights, one_each_of_weights, WINDOWS_TURNED, ACROSS, put)
def conv2d_weights_cuda(multiply):
    def kernel(x, dy, scratch, numbers, dW, N, X, R, O, S, K, geometry, room):  # noqa: E741
        g, group = geometry, product_number(geometry.groups)
        share = U(O // U(g.groups))
        windows, first = windows_of(x, U(group * channels_of_group(g)), geometry), U(group * share)
        multiply(windows, (dy, first, O), (dW, first, O, False), U(0), g.groups, K, share, R, room)

    return kernel


# ------------------------------------------------------------------------------------------


@op(cut="N")
def turned(a):
    """out = a^T        a (M, N)   out (N, M)"""
    return a.T


@turned.gradient
def turned_gradient(ops, d, a, out):
    d[a] += ops.turned(d[out])


@turned.cpu
def turned_cpu(a, out):
    turn(a, 0, a.strides[0] // 4, out, 0, out.strides[0] // 4, a.shape[0], a.shape[1])


BY_TILES = 32, 8  # threads of a tile of 32 x 32 numbers


@turned.cuda(gpu.Launch(BY_TILES, lambda s: (gpu.blocks(s["M"], 32), gpu.blocks(s["N"], 32), 1)))
def turned_cuda(a, out, M, N):
    turn_tile(a, out, M, N, M, M)


@gpu.device
def turn_tile(a, out, M, N, piece, line):
    """out (N, M) = a^T, where each piece of so many rows of a fills a line of out's columns, and zeros the rest of it.

    By way of shared memory, so that neighbouring threads read and write neighbouring numbers.
    """
    tile = cuda.shared.array((32, 33), F)
    x, y = U(cuda.threadIdx.x), U(cuda.threadIdx.y)
    m0, n0 = U(U(cuda.blockIdx.x) * U(32)), U(U(cuda.blockIdx.y) * U(32))
    for step in range(4):
        row = U(y + U(8 * step))
        m, n = U(m0 + row), U(n0 + x)
        number = U(m // line)
        inside = U(m - number * line)
        real = m < M and n < N and inside < piece
        tile[row, x] = a[U(U(number * piece + inside) * N + n)] if real else ZERO
    cuda.syncthreads()
    for step in range(4):
        row = U(y + U(8 * step))
        m, n = U(m0 + x), U(n0 + row)
        if m < M and n < N:
            out[U(n * M + m)] = tile[x, row]


def _groups(windows, weights, geometry):
    """Each group's windows as rows of numbers, and its columns of the weights."""
    g = geometry
    depth, share = g.channels // g.groups, weights.shape[1] // g.groups
    for i in range(g.groups):
        part = windows[..., i * depth : (i + 1) * depth]
        yield part.reshape(*part.shape[:3], g.inside), weights[:, i * share : (i + 1) * share]
