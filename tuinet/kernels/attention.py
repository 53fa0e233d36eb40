"""Attention: every position looks at the others, and takes of each as much as it fits.

A sequence of T vectors is a row of T D numbers; a head is a share of the columns of each vector. Scores are worked out
a block of rows at a time, so that what a causal mask hides is hardly computed, and all that is done to one example
stays in a near cache.
"""

from __future__ import annotations

import numpy as np

from ..shapes import ATTENTION_BLOCK as BLOCK
from . import scalars
from .blas import ADD, REPLACE, multiply
from .op import op, scalar
from .rows import sum_of
from .scalars import ONE, ZERO, F

LOWEST = F(-3.0e38)


def split(x, steps, heads):
    """Rows (N, T D) as (N, heads, T, D / heads)."""
    return x.reshape(len(x), steps, heads, -1).swapaxes(1, 2)


def joined(x):
    """And back."""
    return x.swapaxes(1, 2).reshape(len(x), -1)


def mask(lengths, steps, others, causal):
    """(N, 1, T, S), or (N, 1, 1, S): whether position t may look at s."""
    seen = np.arange(others) < np.asarray(lengths)[:, None, None, None]
    return seen & (np.arange(others) <= np.arange(steps)[:, None] if causal else True)


@op(cut="N")
def attention(q, k, v, lengths, scratch, *, steps: int, heads: int, causal: int):
    """y, p = p v in every head, with p = softmax(q k^T / sqrt(D / heads)) over what may be seen (Vaswani et al. 2017)

    Position t of T sees the first lengths[n] of S positions; where causal, none behind t.

    q (N, A)   k (N, B)   v (N, B)   lengths (N) int   scratch (S)   y (N, A)   p (N, P)
    """
    D = q.shape[1] // steps
    others = k.shape[1] // D
    q, k, v = split(q, steps, heads), split(k, others, heads), split(v, others, heads)
    s = q @ k.swapaxes(2, 3) / np.sqrt(D / heads)
    s = np.where(mask(lengths, steps, others, causal), s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return joined(p @ v), p.reshape(len(p), -1)


@attention.sizes
def attention_sizes(size, steps, heads, causal):
    return {"P": heads * steps * (size["B"] // (size["A"] // steps))}


@attention.gradient
def attention_gradient(ops, d, q, k, v, lengths, scratch, y, p, steps, heads, causal):
    dq, dk, dv = ops.attention_back(q, k, v, lengths, p, d[y], scratch, steps=steps, heads=heads, causal=causal)
    d[q] += dq
    d[k] += dk
    d[v] += dv


@scalar
def turn_head(x, n, first, width, rows, D, out):
    """One head's columns of a sequence, turned, to the beginning of out: (width, rows)."""
    for d in range(width):
        for t in range(rows):
            out[d * rows + t] = x[n, first + d + t * D]


@scalar
def soft_row(p, n, first, seen, others, share, room, at):
    """Softmax of share times so many numbers of row n, from the first on; the rest of the others becomes 0.

    Whole vectors are worked on, and what lies behind the last number is put aside: rows that end where a causal mask
    ends would be half leftovers. The exponentials stand in room meanwhile, as the loops that fill it and add it up are
    fast only apart.
    """
    length = min(others, (seen + 15) // 16 * 16)
    top = LOWEST
    for j in range(length):
        top = max(top, p[n, first + j] if j < seen else LOWEST)
    for j in range(length):
        room[at + j] = scalars.exp((p[n, first + j] - top) * share) if j < seen else ZERO
    scale = ONE / sum_of(room, at, length)
    for j in range(length):
        p[n, first + j] = room[at + j] * scale
    for j in range(others - length):
        p[n, first + length + j] = ZERO


@attention.cpu
def attention_cpu(q, k, v, lengths, scratch, y, p, steps, heads, causal):
    D = q.shape[1] // steps
    others, width = k.shape[1] // D, D // heads
    share = ONE / np.sqrt(F(width))
    behind = width * others
    q_row, p_row = q.strides[0] // 4, p.strides[0] // 4
    y_row, v_row = y.strides[0] // 4, v.strides[0] // 4
    for n in range(q.shape[0]):
        for h in range(heads):
            turn_head(k, n, h * width, width, others, D, scratch)
            at = n * p_row + h * steps * others
            for t in range(0, steps, BLOCK):
                rows = min(BLOCK, steps - t)
                seen = min(lengths[n], t + rows) if causal else lengths[n]
                here = h * width + t * D
                multiply(
                    q, n * q_row + here, D, 1, scratch, 0, others, p, at + t * others, others, scratch, 0,
                    rows, seen, width, REPLACE,
                )  # fmt: skip
                for i in range(rows):
                    first = (h * steps + t + i) * others
                    soft_row(p, n, first, min(seen, t + i + 1) if causal else seen, others, share, scratch, behind)
                multiply(
                    p, at + t * others, others, 1, v, n * v_row + h * width, D, y, n * y_row + here, D, scratch, 0,
                    rows, width, seen, REPLACE,
                )  # fmt: skip


@op(cut="N")
def attention_back(q, k, v, lengths, p, dy, scratch, *, steps: int, heads: int, causal: int):
    """dq, dk, dv = ds k, ds^T q, p^T dy in every head, with ds = p (dp - sum p dp) / sqrt(D / heads), dp = dy v^T

    q (N, A)   k (N, B)   v (N, B)   lengths (N) int   p (N, P)   dy (N, A)   scratch (S)
    dq (N, A)   dk (N, B)   dv (N, B)
    """
    D = q.shape[1] // steps
    others = k.shape[1] // D
    p = p.reshape(len(p), heads, steps, others)
    q, dy, k, v = (split(x, n, heads) for x, n in ((q, steps), (dy, steps), (k, others), (v, others)))
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / np.sqrt(D / heads)
    return joined(ds @ k), joined(ds.swapaxes(2, 3) @ q), joined(p.swapaxes(2, 3) @ dy)


@attention_back.cpu
def attention_back_cpu(q, k, v, lengths, p, dy, scratch, dq, dk, dv, steps, heads, causal):
    D = q.shape[1] // steps
    others, width = k.shape[1] // D, D // heads
    share = ONE / np.sqrt(F(width))
    q_row, k_row, p_row, dy_row = q.strides[0] // 4, k.strides[0] // 4, p.strides[0] // 4, dy.strides[0] // 4
    dq_row, dk_row, dv_row = dq.strides[0] // 4, dk.strides[0] // 4, dv.strides[0] // 4
    behind = width * others
    for n in range(q.shape[0]):
        for i in range(dk.shape[1]):
            dk[n, i] = ZERO
            dv[n, i] = ZERO
        for h in range(heads):
            turn_head(v, n, h * width, width, others, D, scratch)
            at = n * p_row + h * steps * others
            for t in range(0, steps, BLOCK):
                rows = min(BLOCK, steps - t)
                seen = min(lengths[n], t + rows) if causal else lengths[n]
                here, head = h * width + t * D, h * width
                multiply(
                    dy, n * dy_row + here, D, 1, scratch, 0, others, scratch, behind, others, scratch, 0,
                    rows, seen, width, REPLACE,
                )  # fmt: skip
                for i in range(rows):
                    first = (h * steps + t + i) * others
                    line = behind + i * others
                    total = ZERO
                    for j in range(seen):
                        total += p[n, first + j] * scratch[line + j]
                    for j in range(seen):
                        scratch[line + j] = p[n, first + j] * (scratch[line + j] - total) * share
                multiply(
                    scratch, behind, others, 1, k, n * k_row + head, D, dq, n * dq_row + here, D, scratch, 0,
                    rows, width, seen, REPLACE,
                )  # fmt: skip
                multiply(
                    scratch, behind, 1, others, q, n * q_row + here, D, dk, n * dk_row + head, D, scratch, 0,
                    seen, width, rows, ADD,
                )  # fmt: skip
                multiply(
                    p, at + t * others, 1, others, dy, n * dy_row + here, D, dv, n * dv_row + head, D, scratch, 0,
                    seen, width, rows, ADD,
                )  # fmt: skip


# ------------------------------------------------------------------------------------------


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


@op(cut="N")
def rotate_back(dy, cosines, sines, *, steps: int, heads: int):
    """dx = every pair turned back        dy (N, A)   cosines (C)   sines (C)   dx (N, A)"""
    return rotate.define(dy, cosines, -sines, steps=steps, heads=heads)


@rotate_back.cpu
def rotate_back_cpu(dy, cosines, sines, dx, steps, heads):
    for n in range(dy.shape[0]):
        turn_pairs(dy, n, cosines, sines, dx, steps, heads, -ONE)
