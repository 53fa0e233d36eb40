"""Normalisation: mean 0 and spread 1, then a learned scale and shift. Over a row, a group, or a batch."""

from __future__ import annotations

import numpy as np

from .op import op
from .scalars import ONE, ZERO, F


@op(cut="N")
def layer_norm(x, g, b, *, eps: float):
    """y, u, r = g u + b, with u = (x - mean) r and r = 1 / sqrt(variance + eps), over a row (Ba et al. 2016)

    x (N, I)   g (I)   b (I)   y (N, I)   u (N, I)   r (N)
    """
    r = 1 / np.sqrt(x.var(1) + eps)
    u = (x - x.mean(1, keepdims=True)) * r[:, None]
    return g * u + b, u, r


@layer_norm.gradient
def layer_norm_gradient(ops, d, x, g, b, y, u, r, eps):
    d[x] += ops.layer_norm_back(g, u, r, d[y])
    d[g] += ops.sum_products(u, d[y])
    d[b] += ops.sum_rows(d[y])


@layer_norm.cpu
def layer_norm_cpu(x, g, b, y, u, r, eps):
    width = x.shape[1]
    for n in range(x.shape[0]):
        mean = ZERO
        for i in range(width):
            mean += x[n, i]
        mean /= F(width)
        variance = ZERO
        for i in range(width):
            variance += (x[n, i] - mean) * (x[n, i] - mean)
        scale = ONE / np.sqrt(variance / F(width) + eps)
        r[n] = scale
        for i in range(width):
            u[n, i] = (x[n, i] - mean) * scale
            y[n, i] = g[i] * u[n, i] + b[i]


@op(cut="N")
def layer_norm_back(g, u, r, dy):
    """dx = (v - mean v - u mean(u v)) r with v = g dy        g (I)   u (N, I)   r (N)   dy (N, I)   dx (N, I)"""
    v = g * dy
    return (v - v.mean(1, keepdims=True) - u * (u * v).mean(1, keepdims=True)) * r[:, None]


@layer_norm_back.cpu
def layer_norm_back_cpu(g, u, r, dy, dx):
    width = u.shape[1]
    for n in range(u.shape[0]):
        v_mean, uv_mean = ZERO, ZERO
        for i in range(width):
            v_mean += g[i] * dy[n, i]
            uv_mean += u[n, i] * g[i] * dy[n, i]
        v_mean /= F(width)
        uv_mean /= F(width)
        for i in range(width):
            dx[n, i] = (g[i] * dy[n, i] - v_mean - u[n, i] * uv_mean) * r[n]


@op(cut="I")
def sum_products(u, v):
    """s = the sum of u v over the rows        u (N, I)   v (N, I)   s (I)"""
    return (u * v).sum(0)


@sum_products.cpu
def sum_products_cpu(u, v, s):
    for i in range(s.size):
        s[i] = ZERO
    for n in range(u.shape[0]):
        for i in range(u.shape[1]):
            s[i] += u[n, i] * v[n, i]


@op(cut="N")
def rms_norm(x, g, *, eps: float):
    """y, u, r = g u, with u = x r and r = 1 / sqrt(mean x^2 + eps), over a row (Zhang and Sennrich 2019)

    x (N, I)   g (I)   y (N, I)   u (N, I)   r (N)
    """
    r = 1 / np.sqrt((x * x).mean(1) + eps)
    u = x * r[:, None]
    return g * u, u, r


@rms_norm.gradient
def rms_norm_gradient(ops, d, x, g, y, u, r, eps):
    d[x] += ops.rms_norm_back(g, u, r, d[y])
    d[g] += ops.sum_products(u, d[y])


@rms_norm.cpu
def rms_norm_cpu(x, g, y, u, r, eps):
    width = x.shape[1]
    for n in range(x.shape[0]):
        squares = ZERO
        for i in range(width):
            squares += x[n, i] * x[n, i]
        scale = ONE / np.sqrt(squares / F(width) + eps)
        r[n] = scale
        for i in range(width):
            u[n, i] = x[n, i] * scale
            y[n, i] = g[i] * u[n, i]


@op(cut="N")
def rms_norm_back(g, u, r, dy):
    """dx = (v - u mean(u v)) r with v = g dy        g (I)   u (N, I)   r (N)   dy (N, I)   dx (N, I)"""
    v = g * dy
    return (v - u * (u * v).mean(1, keepdims=True)) * r[:, None]


@rms_norm_back.cpu
def rms_norm_back_cpu(g, u, r, dy, dx):
    width = u.shape[1]
    for n in range(u.shape[0]):
        mean = ZERO
        for i in range(width):
            mean += u[n, i] * g[i] * dy[n, i]
        mean /= F(width)
        for i in range(width):
            dx[n, i] = (g[i] * dy[n, i] - u[n, i] * mean) * r[n]


# -- over groups of channels ----------------------------------------------------------------


@op(cut="N")
def group_norm(x, g, b, *, groups: int, eps: float):
    """y, u, r = g u + b, with u = (x - mean) r and r = 1 / sqrt(variance + eps), over a group of channels everywhere

    Wu and He 2018. Channels come last, C of them at each place; a group is C / G neighbours among them.

    x (N, X)   g (C)   b (C)   y (N, X)   u (N, X)   r (N, G)
    """
    parts = x.reshape(len(x), -1, groups, len(g) // groups)
    r = 1 / np.sqrt(parts.var((1, 3)) + eps)
    u = (parts - parts.mean((1, 3), keepdims=True)) * r[:, None, :, None]
    y = g * u.reshape(len(x), -1, len(g)) + b
    return y.reshape(x.shape), u.reshape(x.shape), r


@group_norm.sizes
def group_norm_sizes(size, groups, eps):
    return {"G": groups}


@group_norm.gradient
def group_norm_gradient(ops, d, x, g, b, y, u, r, groups, eps):
    places = (x.size // g.size, g.size)
    d[x] += ops.group_norm_back(g, u, r, d[y])
    d[g] += ops.sum_products(ops.view(u, places), ops.view(d[y], places))
    d[b] += ops.sum_rows(ops.view(d[y], places))


@group_norm.cpu
def group_norm_cpu(x, g, b, y, u, r, groups, eps):
    channels = g.size
    depth, places = channels // groups, x.shape[1] // channels
    share = ONE / F(places * depth)
    for n in range(x.shape[0]):
        for k in range(groups):
            mean, variance = ZERO, ZERO
            for p in range(places):
                at = p * channels + k * depth
                for i in range(depth):
                    mean += x[n, at + i]
            mean *= share
            for p in range(places):
                at = p * channels + k * depth
                for i in range(depth):
                    variance += (x[n, at + i] - mean) * (x[n, at + i] - mean)
            scale = ONE / np.sqrt(variance * share + eps)
            r[n, k] = scale
            for p in range(places):
                at = p * channels + k * depth
                for i in range(depth):
                    u[n, at + i] = (x[n, at + i] - mean) * scale
        for p in range(places):
            at = p * channels
            for c in range(channels):
                y[n, at + c] = g[c] * u[n, at + c] + b[c]


@op(cut="N")
def group_norm_back(g, u, r, dy):
    """dx = (v - mean v - u mean(u v)) r with v = g dy, the means over a group

    g (C)   u (N, X)   r (N, G)   dy (N, X)   dx (N, X)
    """
    shape = (len(u), -1, r.shape[1], len(g) // r.shape[1])
    v, parts = (g * dy.reshape(len(u), -1, len(g))).reshape(shape), u.reshape(shape)
    lean = parts * (parts * v).mean((1, 3), keepdims=True)
    return ((v - v.mean((1, 3), keepdims=True) - lean) * r[:, None, :, None]).reshape(u.shape)


@group_norm_back.cpu
def group_norm_back_cpu(g, u, r, dy, dx):
    channels, groups = g.size, r.shape[1]
    depth, places = channels // groups, u.shape[1] // channels
    share = ONE / F(places * depth)
    for n in range(u.shape[0]):
        for k in range(groups):
            first = k * depth
            v_mean, uv_mean = ZERO, ZERO
            for p in range(places):
                at = p * channels + first
                for i in range(depth):
                    v = g[first + i] * dy[n, at + i]
                    v_mean += v
                    uv_mean += u[n, at + i] * v
            v_mean *= share
            uv_mean *= share
            for p in range(places):
                at = p * channels + first
                for i in range(depth):
                    dx[n, at + i] = (g[first + i] * dy[n, at + i] - v_mean - u[n, at + i] * uv_mean) * r[n, k]


# -- over a batch ---------------------------------------------------------------------------


@op(cut="I")
def batch_norm(x, g, b, *, eps: float):
    """y, u, r, mean, variance = g u + b, with u = (x - mean) r and r = 1 / sqrt(variance + eps), over the batch

    Ioffe and Szegedy 2015.

    x (N, I)   g (I)   b (I)   y (N, I)   u (N, I)   r (I)   mean (I)   variance (I)
    """
    mean, variance = x.mean(0), x.var(0)
    r = 1 / np.sqrt(variance + eps)
    u = (x - mean) * r
    return g * u + b, u, r, mean, variance


@batch_norm.gradient
def batch_norm_gradient(ops, d, x, g, b, y, u, r, mean, variance, eps):
    dg, db = ops.sum_products(u, d[y]), ops.sum_rows(d[y])
    d[x] += ops.batch_norm_back(g, u, r, d[y], dg, db)
    d[g] += dg
    d[b] += db


@batch_norm.cpu
def batch_norm_cpu(x, g, b, y, u, r, mean, variance, eps):
    # Row by row, as the array lies: the sums of all columns grow side by side.
    share = ONE / F(x.shape[0])
    width = x.shape[1]
    for i in range(width):
        mean[i] = ZERO
        variance[i] = ZERO
    for n in range(x.shape[0]):
        for i in range(width):
            mean[i] += x[n, i]
    for i in range(width):
        mean[i] *= share
    for n in range(x.shape[0]):
        for i in range(width):
            u[n, i] = x[n, i] - mean[i]
            variance[i] += u[n, i] * u[n, i]
    for i in range(width):
        variance[i] *= share
        r[i] = ONE / np.sqrt(variance[i] + eps)
    for n in range(x.shape[0]):
        for i in range(width):
            u[n, i] *= r[i]
            y[n, i] = g[i] * u[n, i] + b[i]


@op(cut="I")
def track(running, value, *, momentum: float):
    """running = momentum running + (1 - momentum) value        running (I)   value (I)"""
    return momentum * running + (1 - momentum) * value


@track.cpu
def track_cpu(running, value, momentum):
    for i in range(running.size):
        running[i] = momentum * running[i] + (ONE - momentum) * value[i]


@op(cut="I")
def batch_norm_back(g, u, r, dy, dg, db):
    """dx = g r (dy - (db + u dg) / N)        g (I)   u (N, I)   r (I)   dy (N, I)   dg (I)   db (I)   dx (N, I)

    dg and db are the sums of u dy and of dy over the whole batch.
    """
    return g * r * (dy - (db + u * dg) / len(u))


@batch_norm_back.cpu
def batch_norm_back_cpu(g, u, r, dy, dg, db, dx):
    share = ONE / F(u.shape[0])
    for n in range(u.shape[0]):
        for i in range(u.shape[1]):
            dx[n, i] = g[i] * r[i] * (dy[n, i] - (db[i] + u[n, i] * dg[i]) * share)


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


@op(cut="N I")
def batch_norm_fixed_back(g, variance, dy, *, eps: float):
    """dx = g dy / sqrt(variance + eps)        g (I)   variance (I)   dy (N, I)   dx (N, I)"""
    return g * dy / np.sqrt(variance + eps)


@batch_norm_fixed_back.cpu
def batch_norm_fixed_back_cpu(g, variance, dy, dx, eps):
    for n in range(dy.shape[0]):
        for i in range(dy.shape[1]):
            dx[n, i] = g[i] * dy[n, i] / np.sqrt(variance[i] + eps)
