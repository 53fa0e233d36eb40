"""Batch normalisation: every column has mean 0 and spread 1 over the batch, then a learned scale and shift."""

from __future__ import annotations

import numpy as np

from . import columnwise, gpu
from .gpu import cuda
from .op import op
from .scalars import ONE, ZERO, F, U


@op(cut="I")
def batch_norm(x, g, b, *, eps: float):
    """y, r, mean, variance = g (x - mean) r + b, with r = 1 / sqrt(variance + eps), over the batch

    Ioffe and Szegedy 2015.

    x (N, I)   g (I)   b (I)   y (N, I)   r (I)   mean (I)   variance (I)
    """
    mean, variance = x.mean(0), x.var(0)
    r = 1 / np.sqrt(variance + eps)
    return g * (x - mean) * r + b, r, mean, variance


@batch_norm.gradient
def batch_norm_gradient(ops, d, x, g, b, y, r, mean, variance, eps):
    dg, db = ops.batch_norm_sums(x, mean, r, d[y])
    d[x] += ops.batch_norm_back(g, x, mean, r, d[y], dg, db)
    d[g] += dg
    d[b] += db


STRETCH = 128  # rows that are read twice while they are in a near cache: as many whatever columns a thread has


@batch_norm.cpu
def batch_norm_cpu(x, g, b, y, r, mean, variance, eps):
    """Stretch by stretch of the rows, joined as Chan, Golub and LeVeque (1979) do."""
    rows, width = x.shape
    x_line = x.strides[0] // 4
    for i in range(width):
        mean[i] = ZERO
        variance[i] = ZERO
    for first in range(0, rows, STRETCH):
        count = min(STRETCH, rows - first)
        for i in range(width):
            r[i] = ZERO
        columnwise.add(x, first * x_line, x_line, r, 0, count, width)
        for i in range(width):
            r[i] /= F(count)
        columnwise.add_squares(x, first * x_line, x_line, r, 0, variance, 0, count, width)
        share = F(count) / F(first + count)
        for i in range(width):
            away = r[i] - mean[i]
            mean[i] += away * share
            variance[i] += away * away * share * F(first)
    for i in range(width):
        variance[i] /= F(rows)
        r[i] = ONE / np.sqrt(variance[i] + eps)
    columnwise.scale(x, 0, x_line, mean, 0, r, 0, g, 0, b, 0, y, 0, y.strides[0] // 4, rows, width)


@batch_norm.cuda(gpu.stretched("N", "I"), room=lambda s: 2 * gpu.row_sums("N", "I")(s))
def batch_norm_stretches_cuda(x, g, b, y, r, mean, variance, N, I, eps, room):  # noqa: E741
    """Of each column, by stretches of rows: the mean, and the sum of the squared distances from it."""
    shares, i = cuda.shared.array((8, 32), F), gpu.column()
    first, end = gpu.row_stretch(N)
    total = squares = ZERO
    if i < I:
        for n in range(first, end, U(8)):
            total += x[U(n * I + i)]
    middle = gpu.sum_over_warps(total, shares) / F(gpu.stretch_size(U(cuda.blockIdx.y), N))
    if i < I:
        for n in range(first, end, U(8)):
            e = x[U(n * I + i)] - middle
            squares += e * e
    squares = gpu.sum_over_warps(squares, shares)
    if i < I and cuda.threadIdx.y == 0:
        at = U(U(U(cuda.blockIdx.y) * U(2)) * I + i)
        room[at], room[U(at + I)] = middle, squares


@batch_norm.cuda(gpu.columns("I"))
def batch_norm_joined_cuda(x, g, b, y, r, mean, variance, N, I, eps, room):  # noqa: E741
    """Of all rows, as Chan, Golub and LeVeque (1979) join two: no difference of large sums is in it."""
    shares, i, turn = cuda.shared.array((8, 32), F), gpu.column(), U(cuda.threadIdx.y)
    count, total, squares = gpu.stretches(N, gpu.ROWS), ZERO, ZERO
    if i < I:
        for k in range(turn, count, U(8)):
            total += F(gpu.stretch_size(k, N)) * room[U(U(k * U(2)) * I + i)]
    middle = gpu.sum_over_warps(total, shares) / F(N)
    if i < I:
        for k in range(turn, count, U(8)):
            at = U(U(k * U(2)) * I + i)
            e = room[at] - middle
            squares += room[U(at + I)] + F(gpu.stretch_size(k, N)) * e * e
    spread = gpu.sum_over_warps(squares, shares) / F(N)
    if i < I and turn == U(0):
        mean[i], variance[i] = middle, spread
        r[i] = ONE / np.sqrt(spread + eps)


@batch_norm.cuda(gpu.numbers("N", "I"))
def batch_norm_cuda(x, g, b, y, r, mean, variance, N, I, eps, room):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        at = U(n * I + i)
        y[at] = g[i] * ((x[at] - mean[i]) * r[i]) + b[i]


@op(cut="I")
def track(running, value, *, momentum: float):
    """running = momentum running + (1 - momentum) value        running (I)   value (I)"""
    return momentum * running + (1 - momentum) * value


@track.cpu
def track_cpu(running, value, momentum):
    for i in range(running.size):
        running[i] = momentum * running[i] + (ONE - momentum) * value[i]


@track.cuda(gpu.numbers("I"))
def track_cuda(running, value, I, momentum):  # noqa: E741
    i = gpu.number()
    if i < I:
        running[i] = momentum * running[i] + (ONE - momentum) * value[i]


@op(cut="I")
def batch_norm_sums(x, mean, r, dy):
    """dg, db = the sums over the batch of u dy, with u = (x - mean) r, and of dy

    x (N, I)   mean (I)   r (I)   dy (N, I)   dg (I)   db (I)
    """
    return ((x - mean) * r * dy).sum(0), dy.sum(0)


@batch_norm_sums.cpu
def batch_norm_sums_cpu(x, mean, r, dy, dg, db):
    rows, width = x.shape
    for i in range(width):
        dg[i] = ZERO
        db[i] = ZERO
    columnwise.add_shares(x, 0, x.strides[0] // 4, mean, 0, dy, 0, dy.strides[0] // 4, dg, 0, db, 0, rows, width)
    for i in range(width):
        dg[i] *= r[i]


@batch_norm_sums.cuda(gpu.stretched("N", "I"), room=lambda s: 2 * gpu.row_sums("N", "I")(s))
def batch_norm_sums_cuda(x, mean, r, dy, dg, db, N, I, room):  # noqa: E741
    i, of_gain, of_offset = gpu.column(), ZERO, ZERO
    first, end = gpu.row_stretch(N)
    if i < I:
        for n in range(first, end, U(8)):
            gradient = dy[U(n * I + i)]
            of_gain += (x[U(n * I + i)] - mean[i]) * r[i] * gradient
            of_offset += gradient
    gpu.give_sums(of_gain, dg, I, False, room, U(0))
    gpu.give_sums(of_offset, db, I, False, room, U(gpu.stretches(N, gpu.ROWS) * I))


@batch_norm_sums.cuda(gpu.joined("N", "I"))
def batch_norm_sums_joined_cuda(x, mean, r, dy, dg, db, N, I, room):  # noqa: E741
    gpu.join_sums(dg, N, I, False, room, U(0))
    gpu.join_sums(db, N, I, False, room, U(gpu.stretches(N, gpu.ROWS) * I))


@op(cut="I")
def batch_norm_back(g, x, mean, r, dy, dg, db):
    """dx = g r (dy - (db + u dg) / N) with u = (x - mean) r

    g (I)   x (N, I)   mean (I)   r (I)   dy (N, I)   dg (I)   db (I)   dx (N, I)

    dg and db are the sums of u dy and of dy over the whole batch.
    """
    u = (x - mean) * r
    return g * r * (dy - (db + u * dg) / len(x))


@batch_norm_back.cpu
def batch_norm_back_cpu(g, x, mean, r, dy, dg, db, dx):
    lines = x.strides[0] // 4, dy.strides[0] // 4, dx.strides[0] // 4
    columnwise.scale_back(
        x, 0, lines[0], mean, 0, r, 0, g, 0, dg, 0, db, 0, dy, 0, lines[1], dx, 0, lines[2], x.shape[0], x.shape[1]
    )


@batch_norm_back.cuda(gpu.numbers("N", "I"))
def batch_norm_back_cuda(g, x, mean, r, dy, dg, db, dx, I, N):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        at = U(n * I + i)
        u = (x[at] - mean[i]) * r[i]
        dx[at] = g[i] * r[i] * (dy[at] - (db[i] + u * dg[i]) * (ONE / F(N)))


@op(cut="N I")
def batch_norm_fixed(x, g, b, mean, variance, *, eps: float):
    """y = g (x - mean) / sqrt(variance + eps) + b

    x (N, I)   g (I)   b (I)   mean (I)   variance (I)   y (N, I)
    """
    return g * (x - mean) / np.sqrt(variance + eps) + b


@batch_norm_fixed.gradient
def batch_norm_fixed_gradient(ops, d, x, g, b, mean, variance, y, eps):
    d[x] += ops.batch_norm_fixed_back(g, variance, d[y], eps=eps)


@batch_norm_fixed.cpu
def batch_norm_fixed_cpu(x, g, b, mean, variance, y, eps):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[n, i] = g[i] * (x[n, i] - mean[i]) / np.sqrt(variance[i] + eps) + b[i]


@batch_norm_fixed.cuda(gpu.numbers("N", "I"))
def batch_norm_fixed_cuda(x, g, b, mean, variance, y, N, I, eps):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        y[U(n * I + i)] = g[i] * (x[U(n * I + i)] - mean[i]) / np.sqrt(variance[i] + eps) + b[i]


@op(cut="N I")
def batch_norm_fixed_back(g, variance, dy, *, eps: float):
    """dx = g dy / sqrt(variance + eps)        g (I)   variance (I)   dy (N, I)   dx (N, I)"""
    return g * dy / np.sqrt(variance + eps)


@batch_norm_fixed_back.cpu
def batch_norm_fixed_back_cpu(g, variance, dy, dx, eps):
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            dx[n, i] = g[i] * dy[n, i] / np.sqrt(variance[i] + eps)


@batch_norm_fixed_back.cuda(gpu.numbers("N", "I"))
def batch_norm_fixed_back_cuda(g, variance, dy, dx, I, N, eps):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        dx[U(n * I + i)] = g[i] * dy[U(n * I + i)] / np.sqrt(variance[i] + eps)
