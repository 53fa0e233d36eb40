"""Rotary positions: where a vector stands in a sequence, as an angle that it is turned by."""

from __future__ import annotations

import numpy as np

from . import gpu
from .op import op, scalar
from .scalars import ONE, U


@op(cut="N")
def rotate(x, cosines, sines, *, steps: int, heads: int):
    """y = every pair (a, b) of numbers half a head apart, turned by the angle of its place: (a c - b s, a s + b c)

    Rotary positions (Su et al. 2021): the product of two turned vectors depends only on how far apart they stand.
    Of T D numbers in a row each head has D / heads; the tables hold T times half as many.

    x (N, A)   cosines (C)   sines (C)   y (N, A)
    """
    z = x.reshape(len(x), steps, heads, 2, -1)
    c, s = (table.reshape(steps, 1, -1) for table in (cosines, sines))
    a, b = z[..., 0, :], z[..., 1, :]
    return np.stack([a * c - b * s, a * s + b * c], 3).reshape(x.shape)


@rotate.gradient
def rotate_gradient(ops, d, x, cosines, sines, y, steps, heads):
    d[x] += ops.rotate_back(d[y], cosines, sines, steps=steps, heads=heads)


@scalar
def turn_pairs(x, n, cosines, sines, y, steps, heads, way):
    """Turn every pair of row n; way is 1, or -1 to turn back."""
    half = cosines.size // steps
    for t in range(steps):
        for h in range(heads):
            at = (t * heads + h) * 2 * half
            for i in range(half):
                a, b = x[n, at + i], x[n, at + half + i]
                c, s = cosines[t * half + i], way * sines[t * half + i]
                y[n, at + i] = a * c - b * s
                y[n, at + half + i] = a * s + b * c


@rotate.cpu
def rotate_cpu(x, cosines, sines, y, steps, heads):
    for n in range(x.shape[0]):
        turn_pairs(x, n, cosines, sines, y, steps, heads, ONE)


@gpu.device
def turned(x, n, i, A, C, cosines, sines, steps, way):
    """Number i of row n behind a turn; way is 1, or -1 to turn back."""
    D, half = U(A // U(steps)), U(C // U(steps))
    t, at = U(i // D), U(n * A + i)
    here = U(U(i - t * D) % U(half + half))
    if here < half:
        angle = U(t * half + here)
        return x[at] * cosines[angle] - x[U(at + half)] * (way * sines[angle])
    angle = U(t * half + here - half)
    return x[U(at - half)] * (way * sines[angle]) + x[at] * cosines[angle]


@rotate.cuda(gpu.numbers("N", "A"))
def rotate_cuda(x, cosines, sines, y, N, A, C, steps, heads):
    n, i = gpu.place()
    if n < N and i < A:
        y[U(n * A + i)] = turned(x, n, i, A, C, cosines, sines, steps, ONE)


@op(cut="N")
def rotate_back(dy, cosines, sines, *, steps: int, heads: int):
    """dx = every pair turned back        dy (N, A)   cosines (C)   sines (C)   dx (N, A)"""
    return rotate.define(dy, cosines, -sines, steps=steps, heads=heads)


@rotate_back.cpu
def rotate_back_cpu(dy, cosines, sines, dx, steps, heads):
    for n in range(dy.shape[0]):
        turn_pairs(dy, n, cosines, sines, dx, steps, heads, -ONE)


@rotate_back.cuda(gpu.numbers("N", "A"))
def rotate_back_cuda(dy, cosines, sines, dx, N, A, C, steps, heads):
    n, i = gpu.place()
    if n < N and i < A:
        dx[U(n * A + i)] = turned(dy, n, i, A, C, cosines, sines, steps, -ONE)
