"""From outputs and targets to one loss an example; their mean is the data loss.

Cross-entropies are fused with the softmax or sigmoid in front of them: that is their stable
form, and its gradient is a difference.
"""

from __future__ import annotations

import numpy as np

from . import gpu, scalars
from .op import op, scalar
from .parts import row_part
from .rows import largest_of, sum_of
from .scalars import HALF, ONE, ZERO, F, U


@op(cut="N")
def cross_entropy(z, labels, weights, *, smoothing: float):
    """losses, p = -weights[label] sum t log p, with p = softmax(z), t = (1 - smoothing) onehot + smoothing / C

    A label of -1 is none: its loss is 0, and nothing is learned from it.

    z (N, C)   labels (N) int   weights (C)   losses (N)   p (N, C)
    """
    z = z - z.max(1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    hit = log_p[np.arange(len(z)), labels]
    weight = np.where(labels < 0, 0, weights[labels])
    return -weight * ((1 - smoothing) * hit + smoothing * log_p.mean(1)), np.exp(log_p)


@cross_entropy.gradient
def cross_entropy_gradient(ops, d, z, labels, weights, losses, p, smoothing):
    d[z] += ops.cross_entropy_back(p, labels, weights, d[losses], smoothing=smoothing)


@cross_entropy.cpu
def cross_entropy_cpu(z, labels, weights, losses, p, smoothing):
    """The loops that fill a row and those that add it up are fast only apart."""
    C = z.shape[1]
    for n in range(z.shape[0]):
        row, values = row_part(z, n, 0, C), row_part(p, n, 0, C)
        top = largest_of(row, C)
        for c in range(C):
            values[c] = scalars.exp(row[c] - top)
        s = sum_of(values, 0, C)
        log_s = scalars.log(s) + top
        losses[n] = ZERO
        if labels[n] >= 0:
            hit = row[labels[n]] - log_s
            total = sum_of(row, 0, C) if smoothing > ZERO else ZERO
            mean = total / F(C) - log_s
            losses[n] = -weights[labels[n]] * ((ONE - smoothing) * hit + smoothing * mean)
        r = ONE / s
        for c in range(C):
            values[c] *= r


@cross_entropy.cuda(gpu.warps("N"))
def cross_entropy_cuda(z, labels, weights, losses, p, N, C, smoothing):
    n, lane = gpu.warp_row(), gpu.lane()
    if n < N:
        row, top = U(n * C), F(-np.inf)
        for c in range(lane, C, U(32)):
            top = max(top, z[U(row + c)])
        top = gpu.warp_max(top)
        s = total = ZERO
        for c in range(lane, C, U(32)):
            e = scalars.exp(z[U(row + c)] - top)
            p[U(row + c)] = e
            s += e
            total += z[U(row + c)]
        s, total = gpu.warp_sum(s), gpu.warp_sum(total)
        for c in range(lane, C, U(32)):
            p[U(row + c)] /= s
        if lane == U(0):
            label, log_s = labels[n], scalars.log(s) + top
            if label >= 0:
                hit, mean = z[U(row + U(label))] - log_s, total / F(C) - log_s
                losses[n] = -weights[label] * ((ONE - smoothing) * hit + smoothing * mean)
            else:
                losses[n] = ZERO


@op(cut="N")
def cross_entropy_back(p, labels, weights, dlosses, *, smoothing: float):
    """dz = dlosses weights[label] (p - t)

    p (N, C)   labels (N) int   weights (C)   dlosses (N)   dz (N, C)
    """
    t = (1 - smoothing) * np.eye(p.shape[1])[labels] + smoothing / p.shape[1]
    return (dlosses * np.where(labels < 0, 0, weights[labels]))[:, None] * (p - t)


@cross_entropy_back.cpu
def cross_entropy_back_cpu(p, labels, weights, dlosses, dz, smoothing):
    share = smoothing / F(p.shape[1])
    for n in range(p.shape[0]):
        r = dlosses[n] * weights[labels[n]] if labels[n] >= 0 else ZERO
        for c in range(p.shape[1]):
            dz[n, c] = r * (p[n, c] - share)
        if labels[n] >= 0:
            dz[n, labels[n]] -= r * (ONE - smoothing)


@cross_entropy_back.cuda(gpu.numbers("N", "C"))
def cross_entropy_back_cuda(p, labels, weights, dlosses, dz, N, C, smoothing):
    n, c = gpu.place()
    if n < N and c < C:
        label, dzc = labels[n], ZERO
        if label >= 0:
            t = smoothing / F(C)
            if c == U(label):
                t += ONE - smoothing
            dzc = dlosses[n] * weights[label] * (p[U(n * C + c)] - t)
        dz[U(n * C + c)] = dzc


# ------------------------------------------------------------------------------------------


@op(cut="N")
def binary_cross_entropy(z, t, weights):
    """losses = the mean over a row of w (softplus(z) - t z), with w = weights[0] + t (weights[1] - weights[0])

    z (N, C)   t (N, C)   weights (2)   losses (N)
    """
    w = weights[0] + t * (weights[1] - weights[0])
    return (w * (np.logaddexp(0, z) - t * z)).mean(1)


@binary_cross_entropy.gradient
def binary_cross_entropy_gradient(ops, d, z, t, weights, losses):
    d[z] += ops.binary_cross_entropy_back(z, t, weights, d[losses])


@binary_cross_entropy.cpu
def binary_cross_entropy_cpu(z, t, weights, losses):
    for n in range(z.shape[0]):
        total = ZERO
        for c in range(z.shape[1]):
            w = weights[0] + t[n, c] * (weights[1] - weights[0])
            # softplus(z) = max(z, 0) + log(1 + e^-|z|) does not overflow
            soft = max(z[n, c], ZERO) + scalars.log(ONE + scalars.exp(-abs(z[n, c])))
            total += w * (soft - t[n, c] * z[n, c])
        losses[n] = total / F(z.shape[1])


@binary_cross_entropy.cuda(gpu.warps("N"))
def binary_cross_entropy_cuda(z, t, weights, losses, N, C):
    n, lane, total = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        for c in range(lane, C, U(32)):
            i = U(n * C + c)
            w = weights[0] + t[i] * (weights[1] - weights[0])
            soft = max(z[i], ZERO) + scalars.log(ONE + scalars.exp(-abs(z[i])))
            total += w * (soft - t[i] * z[i])
        total = gpu.warp_sum(total)
        if lane == U(0):
            losses[n] = total / F(C)


@op(cut="N")
def binary_cross_entropy_back(z, t, weights, dlosses):
    """dz = dlosses w (sigmoid(z) - t) / C        z (N, C)   t (N, C)   weights (2)   dlosses (N)   dz (N, C)"""
    w = weights[0] + t * (weights[1] - weights[0])
    return dlosses[:, None] * w * (1 / (1 + np.exp(-z)) - t) / z.shape[1]


@binary_cross_entropy_back.cpu
def binary_cross_entropy_back_cpu(z, t, weights, dlosses, dz):
    for n in range(z.shape[0]):
        r = dlosses[n] / F(z.shape[1])
        for c in range(z.shape[1]):
            w = weights[0] + t[n, c] * (weights[1] - weights[0])
            dz[n, c] = r * w * (scalars.sigmoid(z[n, c]) - t[n, c])


@binary_cross_entropy_back.cuda(gpu.numbers("N", "C"))
def binary_cross_entropy_back_cuda(z, t, weights, dlosses, dz, N, C):
    n, c = gpu.place()
    if n < N and c < C:
        i = U(n * C + c)
        w = weights[0] + t[i] * (weights[1] - weights[0])
        dz[i] = dlosses[n] / F(C) * w * (scalars.sigmoid(z[i]) - t[i])


# ------------------------------------------------------------------------------------------


@op(cut="N")
def squared_error(y, t):
    """losses = the mean over a row of (y - t)^2        y (N, C)   t (N, C)   losses (N)"""
    return ((y - t) ** 2).mean(1)


@squared_error.gradient
def squared_error_gradient(ops, d, y, t, losses):
    d[y] += ops.squared_error_back(y, t, d[losses])


@squared_error.cpu
def squared_error_cpu(y, t, losses):
    for n in range(y.shape[0]):
        total = ZERO
        for c in range(y.shape[1]):
            total += (y[n, c] - t[n, c]) * (y[n, c] - t[n, c])
        losses[n] = total / F(y.shape[1])


@squared_error.cuda(gpu.warps("N"))
def squared_error_cuda(y, t, losses, N, C):
    n, lane, total = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        for i in range(U(n * C + lane), U(n * C + C), U(32)):
            total += (y[i] - t[i]) * (y[i] - t[i])
        total = gpu.warp_sum(total)
        if lane == U(0):
            losses[n] = total / F(C)


@op(cut="N")
def squared_error_back(y, t, dlosses):
    """dy = 2 dlosses (y - t) / C        y (N, C)   t (N, C)   dlosses (N)   dy (N, C)"""
    return 2 * dlosses[:, None] * (y - t) / y.shape[1]


@squared_error_back.cpu
def squared_error_back_cpu(y, t, dlosses, dy):
    for n in range(y.shape[0]):
        r = F(2) * dlosses[n] / F(y.shape[1])
        for c in range(y.shape[1]):
            dy[n, c] = r * (y[n, c] - t[n, c])


@squared_error_back.cuda(gpu.numbers("N", "C"))
def squared_error_back_cuda(y, t, dlosses, dy, N, C):
    n, c = gpu.place()
    if n < N and c < C:
        i, r = U(n * C + c), F(2) * dlosses[n] / F(C)
        dy[i] = r * (y[i] - t[i])


# ------------------------------------------------------------------------------------------


@op(cut="N")
def absolute_error(y, t):
    """losses = the mean over a row of |y - t|        y (N, C)   t (N, C)   losses (N)"""
    return np.abs(y - t).mean(1)


@absolute_error.gradient
def absolute_error_gradient(ops, d, y, t, losses):
    d[y] += ops.absolute_error_back(y, t, d[losses])


@absolute_error.cpu
def absolute_error_cpu(y, t, losses):
    for n in range(y.shape[0]):
        total = ZERO
        for c in range(y.shape[1]):
            total += abs(y[n, c] - t[n, c])
        losses[n] = total / F(y.shape[1])


@absolute_error.cuda(gpu.warps("N"))
def absolute_error_cuda(y, t, losses, N, C):
    n, lane, total = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        for i in range(U(n * C + lane), U(n * C + C), U(32)):
            total += abs(y[i] - t[i])
        total = gpu.warp_sum(total)
        if lane == U(0):
            losses[n] = total / F(C)


@op(cut="N")
def absolute_error_back(y, t, dlosses):
    """dy = dlosses sign(y - t) / C        y (N, C)   t (N, C)   dlosses (N)   dy (N, C)"""
    return dlosses[:, None] * np.sign(y - t) / y.shape[1]


@absolute_error_back.cpu
def absolute_error_back_cpu(y, t, dlosses, dy):
    for n in range(y.shape[0]):
        r = dlosses[n] / F(y.shape[1])
        for c in range(y.shape[1]):
            e = y[n, c] - t[n, c]
            dy[n, c] = r if e > ZERO else (-r if e < ZERO else ZERO)


@absolute_error_back.cuda(gpu.numbers("N", "C"))
def absolute_error_back_cuda(y, t, dlosses, dy, N, C):
    n, c = gpu.place()
    if n < N and c < C:
        i, r = U(n * C + c), dlosses[n] / F(C)
        e = y[i] - t[i]
        dy[i] = r if e > ZERO else (-r if e < ZERO else ZERO)


# ------------------------------------------------------------------------------------------


@scalar
def huber_of(e, delta):
    """The loss of a distance e >= 0: a parabola, and from delta on its tangent."""
    return HALF * e * e if e <= delta else delta * (e - HALF * delta)


@op(cut="N")
def huber(y, t, *, delta: float):
    """losses = the mean over a row of e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), with e = y - t

    y (N, C)   t (N, C)   losses (N)
    """
    e = np.abs(y - t)
    return np.where(e <= delta, e * e / 2, delta * (e - delta / 2)).mean(1)


@huber.gradient
def huber_gradient(ops, d, y, t, losses, delta):
    d[y] += ops.huber_back(y, t, d[losses], delta=delta)


@huber.cpu
def huber_cpu(y, t, losses, delta):
    for n in range(y.shape[0]):
        total = ZERO
        for c in range(y.shape[1]):
            total += huber_of(abs(y[n, c] - t[n, c]), delta)
        losses[n] = total / F(y.shape[1])


@huber.cuda(gpu.warps("N"))
def huber_cuda(y, t, losses, N, C, delta):
    n, lane, total = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        for i in range(U(n * C + lane), U(n * C + C), U(32)):
            total += huber_of(abs(y[i] - t[i]), delta)
        total = gpu.warp_sum(total)
        if lane == U(0):
            losses[n] = total / F(C)


@op(cut="N")
def huber_back(y, t, dlosses, *, delta: float):
    """dy = dlosses e / C, with e = y - t cut off at +-delta        y (N, C)   t (N, C)   dlosses (N)   dy (N, C)"""
    return dlosses[:, None] * np.clip(y - t, -delta, delta) / y.shape[1]


@huber_back.cpu
def huber_back_cpu(y, t, dlosses, dy, delta):
    for n in range(y.shape[0]):
        r = dlosses[n] / F(y.shape[1])
        for c in range(y.shape[1]):
            dy[n, c] = r * min(max(y[n, c] - t[n, c], -delta), delta)


@huber_back.cuda(gpu.numbers("N", "C"))
def huber_back_cuda(y, t, dlosses, dy, N, C, delta):
    n, c = gpu.place()
    if n < N and c < C:
        i, r = U(n * C + c), dlosses[n] / F(C)
        dy[i] = r * min(max(y[i] - t[i], -delta), delta)
