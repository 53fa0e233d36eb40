"""Normalisation: mean 0 and spread 1, then a learned scale and shift. Over a row or a group of an example."""

from __future__ import annotations

import numpy as np

from . import columnwise, gpu
from .gpu import cuda
from .op import op
from .scalars import ONE, ZERO, F, U


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


@layer_norm.cuda(gpu.warps("N"))
def layer_norm_cuda(x, g, b, y, u, r, N, I, eps):  # noqa: E741
    n, lane, mean, variance = gpu.warp_row(), gpu.lane(), ZERO, ZERO
    if n < N:
        row = U(n * I)
        for i in range(lane, I, U(32)):
            mean += x[U(row + i)]
        mean = gpu.warp_sum(mean) / F(I)
        for i in range(lane, I, U(32)):
            e = x[U(row + i)] - mean
            variance += e * e
        scale = ONE / np.sqrt(gpu.warp_sum(variance) / F(I) + eps)
        if lane == U(0):
            r[n] = scale
        for i in range(lane, I, U(32)):
            h = (x[U(row + i)] - mean) * scale
            u[U(row + i)] = h
            y[U(row + i)] = g[i] * h + b[i]


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


@layer_norm_back.cuda(gpu.warps("N"))
def layer_norm_back_cuda(g, u, r, dy, dx, I, N):  # noqa: E741
    n, lane, v_mean, uv_mean = gpu.warp_row(), gpu.lane(), ZERO, ZERO
    if n < N:
        row = U(n * I)
        for i in range(lane, I, U(32)):
            v = g[i] * dy[U(row + i)]
            v_mean += v
            uv_mean += u[U(row + i)] * v
        v_mean, uv_mean, scale = gpu.warp_sum(v_mean) / F(I), gpu.warp_sum(uv_mean) / F(I), r[n]
        for i in range(lane, I, U(32)):
            dx[U(row + i)] = (g[i] * dy[U(row + i)] - v_mean - u[U(row + i)] * uv_mean) * scale


@op(cut="I")
def sum_products(u, v):
    """s = the sum of u v over the rows        u (N, I)   v (N, I)   s (I)"""
    return (u * v).sum(0)


@sum_products.cpu
def sum_products_cpu(u, v, s):
    for i in range(s.size):
        s[i] = ZERO
    columnwise.add_products(u, 0, u.strides[0] // 4, v, 0, v.strides[0] // 4, s, 0, u.shape[0], s.size)


@sum_products.cuda(gpu.stretched("N", "I"), room=gpu.row_sums("N", "I"))
def sum_products_cuda(u, v, s, N, I, room):  # noqa: E741
    i, total = gpu.column(), ZERO
    first, end = gpu.row_stretch(N)
    if i < I:
        for n in range(first, end, U(8)):
            total += u[U(n * I + i)] * v[U(n * I + i)]
    gpu.give_sums(total, s, I, False, room, U(0))


@sum_products.cuda(gpu.joined("N", "I"))
def sum_products_joined_cuda(u, v, s, N, I, room):  # noqa: E741
    gpu.join_sums(s, N, I, False, room, U(0))


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


@rms_norm.cuda(gpu.warps("N"))
def rms_norm_cuda(x, g, y, u, r, N, I, eps):  # noqa: E741
    n, lane, squares = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        row = U(n * I)
        for i in range(lane, I, U(32)):
            squares += x[U(row + i)] * x[U(row + i)]
        scale = ONE / np.sqrt(gpu.warp_sum(squares) / F(I) + eps)
        if lane == U(0):
            r[n] = scale
        for i in range(lane, I, U(32)):
            h = x[U(row + i)] * scale
            u[U(row + i)] = h
            y[U(row + i)] = g[i] * h


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


@rms_norm_back.cuda(gpu.warps("N"))
def rms_norm_back_cuda(g, u, r, dy, dx, I, N):  # noqa: E741
    n, lane, mean = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        row = U(n * I)
        for i in range(lane, I, U(32)):
            mean += u[U(row + i)] * g[i] * dy[U(row + i)]
        mean, scale = gpu.warp_sum(mean) / F(I), r[n]
        for i in range(lane, I, U(32)):
            dx[U(row + i)] = (g[i] * dy[U(row + i)] - u[U(row + i)] * mean) * scale


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


GROUP = gpu.Launch((256, 1), lambda s: (s["N"], s["G"], 1))  # a block for each group of each example


@gpu.device
def first_of_group(X, C, depth):
    """Where this thread begins: the channel in its group, and the place in the array."""
    thread = U(cuda.threadIdx.x)
    place = U(thread // depth)
    i = U(thread - U(place * depth))
    return i, U(U(U(cuda.blockIdx.x) * X + U(place * C)) + U(U(U(cuda.blockIdx.y) * depth) + i))


@gpu.device
def next_of_group(i, at, C, depth):
    """256 numbers further. The division does not depend on where that is, so the compiler makes it once."""
    places = U(U(256) // depth)
    step = U(U(256) - U(places * depth))
    i, at = U(i + step), U(at + step + U(places * C))
    return (U(i - depth), U(at + C - depth)) if i >= depth else (i, at)


@group_norm.cuda(GROUP)
def group_norm_cuda(x, g, b, y, u, r, N, X, C, G, groups, eps):
    shares, mean, variance = cuda.shared.array(32, F), ZERO, ZERO
    thread, depth = U(cuda.threadIdx.x), U(C // G)
    count, first = U(U(X // C) * depth), U(U(cuda.blockIdx.y) * depth)
    i, at = first_of_group(X, C, depth)
    for _ in range(thread, count, U(256)):
        mean += x[at]
        i, at = next_of_group(i, at, C, depth)
    mean = gpu.block_sum(mean, shares) / F(count)
    i, at = first_of_group(X, C, depth)
    for _ in range(thread, count, U(256)):
        e = x[at] - mean
        variance += e * e
        i, at = next_of_group(i, at, C, depth)
    scale = ONE / np.sqrt(gpu.block_sum(variance, shares) / F(count) + eps)
    if thread == U(0):
        r[U(U(cuda.blockIdx.x) * G + U(cuda.blockIdx.y))] = scale
    i, at = first_of_group(X, C, depth)
    for _ in range(thread, count, U(256)):
        h = (x[at] - mean) * scale
        u[at] = h
        y[at] = g[U(first + i)] * h + b[U(first + i)]
        i, at = next_of_group(i, at, C, depth)


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


@group_norm_back.cuda(GROUP)
def group_norm_back_cuda(g, u, r, dy, dx, C, N, X, G):
    shares, v_mean, uv_mean = cuda.shared.array(32, F), ZERO, ZERO
    thread, depth = U(cuda.threadIdx.x), U(C // G)
    count, first = U(U(X // C) * depth), U(U(cuda.blockIdx.y) * depth)
    i, at = first_of_group(X, C, depth)
    for _ in range(thread, count, U(256)):
        v = g[U(first + i)] * dy[at]
        v_mean += v
        uv_mean += u[at] * v
        i, at = next_of_group(i, at, C, depth)
    v_mean = gpu.block_sum(v_mean, shares) / F(count)
    uv_mean = gpu.block_sum(uv_mean, shares) / F(count)
    scale = r[U(U(cuda.blockIdx.x) * G + U(cuda.blockIdx.y))]
    i, at = first_of_group(X, C, depth)
    for _ in range(thread, count, U(256)):
        dx[at] = (g[U(first + i)] * dy[at] - v_mean - u[at] * uv_mean) * scale
        i, at = next_of_group(i, at, C, depth)
