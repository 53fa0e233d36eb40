"""Attention: every position looks at the others, and takes of each as much as it fits.

A sequence of T vectors is a row of T D numbers; a head is a share of the columns of each vector. Scores are worked out
a block of rows at a time, so that what a causal mask hides is hardly computed, and all that is done to one example
stays in a near cache.

On a GPU a block works on 64 positions of one head. All that attention multiplies are small products within one head,
whose sides lie now along, now across memory: `tile` makes 64 rows and 32 columns of any of them.
"""

from __future__ import annotations

import numpy as np

from ..shapes import ATTENTION_BLOCK as BLOCK
from . import gpu, scalars
from .blas import ADD, REPLACE, multiply
from .gpu import cuda
from .op import op, scalar
from .parts import part, row_part
from .rows import sum_of
from .scalars import ONE, ZERO, F, U

LOWEST = F(-3.0e38)
TALL, WIDE, DEEP = U(64), U(32), U(16)  # of a tile on a GPU: rows, columns, and how much is summed at a time
LEFT, RIGHT, WEIGHTS = (16, 68), (16, 33), (32, 68)  # near memory, a little wider against conflicts
SUMS = (4, 4)  # of a thread
THREADS = U(128)


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


# -- what the CUDA kernels share -------------------------------------------------------------------

QUERIES = gpu.Launch((128, 1), lambda s: (s["N"], s["heads"], gpu.blocks(s["steps"], 64)))
KEYS = gpu.Launch((128, 1), lambda s: (s["N"], s["heads"], gpu.blocks(s["B"] * s["steps"] // s["A"], 64)))


@gpu.device
def lay(x, first, row, step, rows, count, begin, depth, near):
    """near[k, i] = number begin + k of row i, for count rows i; 0 behind the last row, and behind depth numbers.

    Neighbouring threads read neighbouring numbers, whichever way x lies.
    """
    thread = U(cuda.threadIdx.x)
    if step == U(1):
        k, i = U(thread & U(15)), U(thread >> U(4))
        k_on, i_on = U(0), U(8)
    else:
        k, i = U(thread // count), U(thread % count)
        k_on, i_on = U(THREADS // count), U(0)
    for _ in range(count // U(8)):
        real = i < rows and U(begin + k) < depth
        near[k, i] = x[U(first + i * row + U(begin + k) * step)] if real else ZERO
        k, i = U(k + k_on), U(i + i_on)


@gpu.device
def tile(a, a_first, a_row, a_step, rows, b, b_first, b_row, b_step, columns, depth, left, right, sums):
    """sums = this thread's 4 x 4 of the tile a b^T: rows 4 y + i and columns x + 8 j of thread 8 y + x."""
    x, y = U(U(cuda.threadIdx.x) & U(7)), U(U(cuda.threadIdx.x) >> U(3))
    for i in range(4):
        for j in range(4):
            sums[i, j] = ZERO
    for begin in range(U(0), depth, DEEP):
        lay(a, a_first, a_row, a_step, rows, TALL, U(begin), depth, left)
        lay(b, b_first, b_row, b_step, columns, WIDE, U(begin), depth, right)
        cuda.syncthreads()
        for k in range(16):
            for i in range(4):
                for j in range(4):
                    sums[i, j] += left[U(k), U(U(4) * y + U(i))] * right[U(k), U(x + U(8 * j))]
        cuda.syncthreads()


@gpu.device
def put(sums, out, first, row, rows, columns):
    """A tile's sums to where they belong, as far as there are rows and columns."""
    x, y = U(U(cuda.threadIdx.x) & U(7)), U(U(cuda.threadIdx.x) >> U(3))
    for i in range(4):
        for j in range(4):
            r, c = U(U(4) * y + U(i)), U(x + U(8 * j))
            if r < rows and c < columns:
                out[U(first + r * row + c)] = sums[i, j]


@gpu.device
def block_head(tiled, A, B, steps, heads):
    """(example, head, first position and how many, of so many) of this block; (D, D / heads, S)."""
    D = U(A // U(steps))
    begin = U(U(cuda.blockIdx.z) * TALL)
    return U(cuda.blockIdx.x), U(cuda.blockIdx.y), begin, min(TALL, U(tiled - begin)), D, U(D // U(heads)), U(B // D)


@gpu.device
def soft_warp_row(_, p, first, seen, others, share):
    """What soft_row does, by a warp; the exponentials are worked out twice rather than kept."""
    lane, top, total = gpu.lane(), LOWEST, ZERO
    for j in range(lane, seen, U(32)):
        top = max(top, p[U(first + j)])
    top = gpu.warp_max(top)
    for j in range(lane, seen, U(32)):
        total += scalars.exp((p[U(first + j)] - top) * share)
    scale = ONE / gpu.warp_sum(total)
    for j in range(lane, others, U(32)):
        p[U(first + j)] = scalars.exp((p[U(first + j)] - top) * share) * scale if j < seen else ZERO


@gpu.device
def through_softmax(p, ds, first, seen, others, share):
    """A warp turns a row of dp into ds = p (dp - the sum of p dp) share, and 0 where nothing may be seen."""
    lane, total = gpu.lane(), ZERO
    for j in range(lane, seen, U(32)):
        total += p[U(first + j)] * ds[U(first + j)]
    total = gpu.warp_sum(total)
    for j in range(lane, others, U(32)):
        ds[U(first + j)] = p[U(first + j)] * (ds[U(first + j)] - total) * share if j < seen else ZERO


def weighing(row):
    """A function on a device: a block makes out = w c for its positions, with w = what `row` makes of a row of a b^T.

    a, out (N, A)   b, c (N, B)   w (N, P), all of it is written   p: what else `row` looks at
    """

    @gpu.device
    def weigh(a, b, c, lengths, p, w, out, A, B, P, steps, heads, causal):
        left, right = cuda.shared.array(LEFT, F, alignment=16), cuda.shared.array(RIGHT, F)
        sums, T = cuda.local.array(SUMS, F), U(steps)
        n, head, begin, rows, D, width, others = block_head(T, A, B, steps, heads)
        here, there, line = U(n * A + begin * D + head * width), U(n * B + head * width), U(n * P)
        line = U(line + U(head * T + begin) * others)
        seen = min(U(lengths[n]), U(begin + rows)) if causal else U(lengths[n])
        for s in range(U(0), seen, WIDE):
            tile(a, here, D, U(1), rows, b, U(there + s * D), D, U(1), U(seen - s), width, left, right, sums)
            put(sums, w, U(line + s), others, rows, U(seen - s))
        cuda.syncthreads()
        share = ONE / np.sqrt(F(width))
        for i in range(U(U(cuda.threadIdx.x) >> U(5)), rows, U(4)):
            until = min(seen, U(begin + i + U(1))) if causal else seen
            row(p, w, U(line + i * others), until, others, share)
        cuda.syncthreads()
        for d in range(U(0), width, WIDE):
            tile(w, line, others, U(1), rows, c, U(there + d), U(1), D, U(width - d), seen, left, right, sums)
            put(sums, out, U(here + d), D, rows, U(width - d))

    return weigh


weigh, weigh_back = weighing(soft_warp_row), weighing(through_softmax)


# ------------------------------------------------------------------------------------------


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
def soft_row(p, seen, share, room):
    """Softmax of share times the first numbers of p, as many as are seen; the rest becomes 0.

    Whole vectors are worked on, and what lies behind the last number is put aside: rows that end where a causal mask
    ends would be half leftovers. The exponentials stand in room meanwhile, as the loops that fill it and add it up are
    fast only apart.
    """
    others = p.size
    length = min(others, (seen + 15) // 16 * 16)
    top = LOWEST
    for j in range(length):
        top = max(top, p[j] if j < seen else LOWEST)
    for j in range(length):
        room[j] = scalars.exp((p[j] - top) * share) if j < seen else ZERO
    scale = ONE / sum_of(room, 0, length)
    for j in range(length):
        p[j] = room[j] * scale
    for j in range(others - length):
        p[length + j] = ZERO


@scalar
def see_head(q, k, v, n, h, limit, scratch, room, weights, on, y, steps, heads, causal):
    """One head of an example, which sees so many others: its columns of y.

    The weights of a position stand `on` numbers behind those of the one before, and where that is 0, those of a block
    of positions in place of those of the block before. The turned keys stand at the beginning of scratch.
    """
    D = q.shape[1] // steps
    others, width = k.shape[1] // D, D // heads
    share = ONE / np.sqrt(F(width))
    q_row, y_row, v_row = q.strides[0] // 4, y.strides[0] // 4, v.strides[0] // 4
    turn_head(k, n, h * width, width, others, D, scratch)
    for t in range(0, steps, BLOCK):
        rows = min(BLOCK, steps - t)
        seen = min(limit, t + rows) if causal else limit
        here, at = h * width + t * D, t * on
        multiply(
            q, n * q_row + here, D, 1, scratch, 0, others, weights, at, others, scratch, 0,
            rows, seen, width, REPLACE,
        )  # fmt: skip
        for i in range(rows):
            line = part(weights, at + i * others, others)
            soft_row(line, min(seen, t + i + 1) if causal else seen, share, part(scratch, room, others))
        multiply(
            weights, at, others, 1, v, n * v_row + h * width, D, y, n * y_row + here, D, scratch, 0,
            rows, width, seen, REPLACE,
        )  # fmt: skip


@attention.cpu
def attention_cpu(q, k, v, lengths, scratch, y, p, steps, heads, causal):
    D = q.shape[1] // steps
    others = k.shape[1] // D
    room = D // heads * others
    for n in range(q.shape[0]):
        for h in range(heads):
            weights = row_part(p, n, h * steps * others, steps * others)
            see_head(q, k, v, n, h, lengths[n], scratch, room, weights, others, y, steps, heads, causal)


@attention.cuda(QUERIES)
def attention_cuda(q, k, v, lengths, scratch, y, p, N, A, B, S, P, steps, heads, causal):
    weigh(q, k, v, lengths, p, p, y, A, B, P, steps, heads, causal)


@op(cut="N")
def attend(q, k, v, lengths, scratch, *, steps: int, heads: int, causal: int):
    """y = what attention gives, without keeping how much each position takes of each: for passes that end with y

    q (N, A)   k (N, B)   v (N, B)   lengths (N) int   scratch (S)   y (N, A)
    """
    return attention.define(q, k, v, lengths, scratch, steps=steps, heads=heads, causal=causal)[0]


@attend.cpu
def attend_cpu(q, k, v, lengths, scratch, y, steps, heads, causal):
    """The weights that are worked on stand behind the turned keys."""
    D = q.shape[1] // steps
    others = k.shape[1] // D
    behind = D // heads * others
    weights, room = part(scratch, behind, BLOCK * others), behind + BLOCK * others
    for n in range(q.shape[0]):
        for h in range(heads):
            see_head(q, k, v, n, h, lengths[n], scratch, room, weights, 0, y, steps, heads, causal)


@gpu.device
def row_max(value):
    """The largest over the 8 threads that share the rows of a tile."""
    for turn in range(3):
        value = max(value, cuda.shfl_xor_sync(0xFFFFFFFF, value, 4 >> turn))
    return value


@gpu.device
def row_sum(value):
    """The sum over them."""
    for turn in range(3):
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, 4 >> turn)
    return value


@attend.cuda(QUERIES)
def attend_cuda(q, k, v, lengths, scratch, y, N, A, B, S, steps, heads, causal):
    """A block sees 32 others at a time, and mends what it has summed where one of them outdoes all before.

    Milakov and Gimelshein 2018; Dao et al. 2022. For each 32 columns of y the scores are worked out anew: registers
    hold the sums of no more while two blocks share a multiprocessor.
    """
    left, right = cuda.shared.array(LEFT, F, alignment=16), cuda.shared.array(RIGHT, F)
    weights = cuda.shared.array(WEIGHTS, F, alignment=16)
    sums, found = cuda.local.array(SUMS, F), cuda.local.array(SUMS, F)
    tops, totals = cuda.local.array(4, F), cuda.local.array(4, F)
    x, r = U(U(cuda.threadIdx.x) & U(7)), U(U(U(cuda.threadIdx.x) >> U(3)) * U(4))
    n, head, begin, rows, D, width, _ = block_head(U(steps), A, B, steps, heads)
    here, there = U(n * A + begin * D + head * width), U(n * B + head * width)
    seen = min(U(lengths[n]), U(begin + rows)) if causal else U(lengths[n])
    share = ONE / np.sqrt(F(width))
    for d in range(U(0), width, WIDE):
        for i in range(4):
            tops[i], totals[i] = LOWEST, ZERO
            for j in range(4):
                found[i, j] = ZERO
        for s in range(U(0), seen, WIDE):
            tile(
                q, here, D, U(1), rows, k, U(there + s * D), D, U(1), U(seen - s), width, left, right, sums
            )  # fmt: skip
            for i in range(4):
                until = min(seen, U(begin + r + U(i) + U(1))) if causal else seen
                top = tops[i]
                for j in range(4):
                    if U(s + x + U(8 * j)) < until:
                        top = max(top, sums[i, j])
                top, total = row_max(top), ZERO
                for j in range(4):
                    weight = scalars.exp((sums[i, j] - top) * share) if U(s + x + U(8 * j)) < until else ZERO
                    weights[U(x + U(8 * j)), U(r + U(i))] = weight
                    total += weight
                kept = scalars.exp((tops[i] - top) * share)
                tops[i], totals[i] = top, totals[i] * kept + total
                for j in range(4):
                    found[i, j] *= kept
            for deep in range(U(0), WIDE, DEEP):
                lay(v, U(there + s * D + d), U(1), D, U(width - d), WIDE, U(deep), U(seen - s), right)
                cuda.syncthreads()
                for z in range(16):
                    for i in range(4):
                        for j in range(4):
                            found[i, j] += weights[U(deep + U(z)), U(r + U(i))] * right[U(z), U(x + U(8 * j))]
                cuda.syncthreads()
        for i in range(4):
            totals[i] = ONE / row_sum(totals[i])
            for j in range(4):
                found[i, j] *= totals[i]
        put(found, y, U(here + d), D, rows, U(width - d))


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


@attention_back.cuda(QUERIES, room=lambda s: s["N"] * s["P"])
def attention_back_queries_cuda(
    q, k, v, lengths, p, dy, scratch, dq, dk, dv, N, A, B, P, S, steps, heads, causal, room
):  # fmt: skip
    """ds goes into the room, whole, and with it dq is made."""
    weigh_back(dy, v, k, lengths, p, room, dq, A, B, P, steps, heads, causal)


@attention_back.cuda(KEYS)
def attention_back_keys_cuda(
    q, k, v, lengths, p, dy, scratch, dq, dk, dv, N, A, B, P, S, steps, heads, causal, room
):  # fmt: skip
    """dk and dv of a block's positions, from all that look at them."""
    left, right = cuda.shared.array(LEFT, F, alignment=16), cuda.shared.array(RIGHT, F)
    sums, T = cuda.local.array(SUMS, F), U(steps)
    n, head, begin, rows, D, width, others = block_head(U(U(B // U(A // T))), A, B, steps, heads)
    first = min(begin, T) if causal else U(0)
    here, there, line = U(n * A + first * D + head * width), U(n * B + begin * D + head * width), U(n * P + begin)
    line, count = U(line + U(head * T + first) * others), U(T - first)
    for d in range(U(0), width, WIDE):
        tile(
            room, line, U(1), others, rows, q, U(here + d), U(1), D, U(width - d), count, left, right, sums
        )  # fmt: skip
        put(sums, dk, U(there + d), D, rows, U(width - d))
        tile(
            p, line, U(1), others, rows, dy, U(here + d), U(1), D, U(width - d), count, left, right, sums
        )  # fmt: skip
        put(sums, dv, U(there + d), D, rows, U(width - d))
