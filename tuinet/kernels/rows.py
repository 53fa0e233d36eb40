"""Ops between a matrix and its rows."""

from __future__ import annotations

import numpy as np

from . import columnwise, gpu, scalars
from .gpu import cuda
from .op import op, scalar
from .scalars import ONE, ZERO, F, U


@scalar
def sum_of(x, first, count):
    """The sum of so many numbers of x. Eight sums do not wait for one another."""
    a, b, c, d, e, f, g, h = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    eights = count // 8
    for j in range(eights):
        a += x[first + 8 * j]
        b += x[first + 8 * j + 1]
        c += x[first + 8 * j + 2]
        d += x[first + 8 * j + 3]
        e += x[first + 8 * j + 4]
        f += x[first + 8 * j + 5]
        g += x[first + 8 * j + 6]
        h += x[first + 8 * j + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for j in range(count - 8 * eights):
        total += x[first + 8 * eights + j]
    return total


@scalar
def largest_of(x, count):
    """The largest of so many numbers of x, of at least one, found likewise."""
    a = b = c = d = e = f = g = h = x[0]
    eights = count // 8
    for j in range(eights):
        a = max(a, x[8 * j])
        b = max(b, x[8 * j + 1])
        c = max(c, x[8 * j + 2])
        d = max(d, x[8 * j + 3])
        e = max(e, x[8 * j + 4])
        f = max(f, x[8 * j + 5])
        g = max(g, x[8 * j + 6])
        h = max(h, x[8 * j + 7])
    for j in range(count - 8 * eights):
        a = max(a, x[8 * eights + j])
    return max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))


@op(keeps=True, cut="I")
def sum_rows(x):
    """s = the sum of the rows of x        x (N, I)   s (I)"""
    return x.sum(0)


@sum_rows.cpu
def sum_rows_cpu(x, s, keep):
    if not keep:
        for i in range(s.size):
            s[i] = ZERO
    columnwise.add(x, 0, x.strides[0] // 4, s, 0, x.shape[0], s.size)


@sum_rows.cuda(gpu.stretched("N", "I"), room=gpu.row_sums("N", "I"))
def sum_rows_cuda(x, s, N, I, keep, room):  # noqa: E741
    i, total = gpu.column(), ZERO
    first, end = gpu.row_stretch(N)
    if i < I:
        for n in range(first, end, U(8)):
            total += x[U(n * I + i)]
    gpu.give_sums(total, s, I, keep, room, U(0))


@sum_rows.cuda(gpu.joined("N", "I"))
def sum_rows_joined_cuda(x, s, N, I, keep, room):  # noqa: E741
    gpu.join_sums(s, N, I, keep, room, U(0))


@op(cut="N I")
def add_row(x, row):
    """y = x + row, on every row        x (N, I)   row (I)   y (N, I)"""
    return x + row


@add_row.gradient
def add_row_gradient(ops, d, x, row, y):
    d[x] += d[y]
    d[row] += ops.sum_rows(d[y])


@add_row.cpu
def add_row_cpu(x, row, y):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] + row[i]


@add_row.cuda(gpu.numbers("N", "I"))
def add_row_cuda(x, row, y, N, I):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        y[U(n * I + i)] = x[U(n * I + i)] + row[i]


# -- choosing rows --------------------------------------------------------------------------


@op(cut="N")
def take(table, rows):
    """out = table[rows]        table (R, I)   rows (N) int   out (N, I)"""
    return table[rows]


@take.gradient
def take_gradient(ops, d, table, rows, out):
    d[table] += ops.add_rows(rows, d[out], count=table.shape[0])


@take.cpu
def take_cpu(table, rows, out):
    for n in range(rows.size):
        r = rows[n]
        for i in range(out.shape[1]):
            out[n, i] = table[r, i]


@take.cuda(gpu.numbers("N", "I"))
def take_cuda(table, rows, out, R, I, N):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        out[U(n * I + i)] = table[U(U(rows[n]) * I + i)]


@op(cut="N")
def pick(labels, rows):
    """out = labels[rows]        labels (R) int   rows (N) int   out (N) int"""
    return labels[rows]


@pick.cpu
def pick_cpu(labels, rows, out):
    for n in range(rows.size):
        out[n] = labels[rows[n]]


@pick.cuda(gpu.numbers("N"))
def pick_cuda(labels, rows, out, R, N):
    n = gpu.number()
    if n < N:
        out[n] = labels[U(rows[n])]


@op(cut="N")
def pick_rows(table, rows):
    """out = table[rows]        table (R, I) int   rows (N) int   out (N, I) int"""
    return table[rows]


@pick_rows.cpu
def pick_rows_cpu(table, rows, out):
    for n in range(rows.size):
        r = rows[n]
        for i in range(out.shape[1]):
            out[n, i] = table[r, i]


@pick_rows.cuda(gpu.numbers("N", "I"))
def pick_rows_cuda(table, rows, out, R, I, N):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        out[U(n * I + i)] = table[U(U(rows[n]) * I + i)]


@op(keeps=True, cut="I")
def add_rows(rows, x, *, count: int):
    """table = for each of count rows, the sum of the rows of x that came from it

    rows (N) int   x (N, I)   table (R, I)
    """
    table = np.zeros((count, x.shape[1]), x.dtype)
    np.add.at(table, rows, x)
    return table


@add_rows.sizes
def add_rows_sizes(size, count):
    return {"R": count}


@add_rows.cpu
def add_rows_cpu(rows, x, table, count, keep):
    if not keep:
        for r in range(table.shape[0]):
            for i in range(table.shape[1]):
                table[r, i] = F(0)
    for n in range(x.shape[0]):
        r = rows[n]
        for i in range(x.shape[1]):
            table[r, i] += x[n, i]


@add_rows.cuda(gpu.Launch((32, 8), lambda s: (s["R"], gpu.blocks(s["I"], 128), 1)))
def add_rows_cuda(rows, x, table, N, I, R, count, keep):  # noqa: E741
    """A block for each row of the table and 128 of its columns: its 8 warps look for what came from it, each in turn.

    Adding every row of x where it came from would take atomics, and then the order of a sum is the GPU's choice.
    """
    shares, totals = cuda.shared.array((8, 32), F), cuda.local.array(4, F)
    r, lane, turn = gpu.block_row(), gpu.lane(), U(cuda.threadIdx.y)
    column = U(U(cuda.blockIdx.y) * U(128) + lane)
    for k in range(4):
        totals[k] = ZERO
    for begin in range(U(turn * U(32)), N, U(256)):
        n = U(begin + lane)
        found = U(cuda.ballot_sync(0xFFFFFFFF, n < N and U(rows[n]) == r))
        while found != U(0):
            n = U(begin + U(cuda.ffs(found)) - U(1))
            found = U(found & U(found - U(1)))
            for k in range(4):
                i = U(column + U(k * 32))
                if i < I:
                    totals[k] += x[U(n * I + i)]
    for k in range(4):
        i, total = U(column + U(k * 32)), gpu.sum_over_warps(totals[k], shares)
        if i < I and turn == U(0):
            at = U(r * I + i)
            table[at] = table[at] + total if keep else total


@op(cut="N")
def lengths_of(tokens):
    """lengths = up to the last token that is not 0: how many steps of a padded sequence are real, at least one

    tokens (N, I) int   lengths (N) int
    """
    steps = np.arange(1, tokens.shape[1] + 1)
    return np.maximum(1, (steps * (tokens != 0)).max(1))


@lengths_of.cpu
def lengths_of_cpu(tokens, lengths):
    for n in range(tokens.shape[0]):
        lengths[n] = 1
        for i in range(tokens.shape[1]):
            if tokens[n, i] != 0:
                lengths[n] = i + 1


@lengths_of.cuda(gpu.warps("N"))
def lengths_of_cuda(tokens, lengths, N, I):  # noqa: E741
    n, lane, last = gpu.warp_row(), gpu.lane(), np.int32(1)
    if n < N:
        for i in range(lane, I, U(32)):
            if tokens[U(n * I + i)] != 0:
                last = np.int32(i + U(1))
        last = gpu.warp_max(last)
        if lane == U(0):
            lengths[n] = last


# -- means ----------------------------------------------------------------------------------


@op
def mean(values):
    """m = the mean of all values        values (N)   m ()"""
    return values.mean()


@mean.gradient
def mean_gradient(ops, d, values, m):
    d[values] += ops.mean_back(d[m], values, count=values.size)


@mean.cpu
def mean_cpu(values, m):
    total = np.float64(0)
    for n in range(values.size):
        total += values[n]
    m[()] = F(total / values.size)


@mean.cuda(gpu.parts("N"), room=gpu.part_sums("N"))
def mean_parts_cuda(values, m, N, room):
    gpu.sum_part(values, N, room)


@mean.cuda(gpu.one_block())
def mean_cuda(values, m, N, room):
    total = gpu.sum_of_parts(values, N, room)
    if cuda.threadIdx.x == 0:
        m[0] = total / F(N)


@op(cut="N")
def mean_back(dm, values, *, count: int):
    """dvalues = dm / count for every value        dm ()   values (N)   dvalues (N)"""
    return np.full_like(values, dm / count)


@mean_back.cpu
def mean_back_cpu(dm, values, dvalues, count):
    share = dm / F(count)
    for n in range(values.size):
        dvalues[n] = share


@mean_back.cuda(gpu.numbers("N"))
def mean_back_cuda(dm, values, dvalues, N, count):
    n = gpu.number()
    if n < N:
        dvalues[n] = dm[0] / F(count)


@op
def share_of_known(labels):
    """share = what one of the labels counts that are there, which are those of 0 and more

    labels (N) int   share ()
    """
    return 1 / max(1, (labels >= 0).sum())


@share_of_known.cpu
def share_of_known_cpu(labels, share):
    count = 0
    for n in range(labels.size):
        count += labels[n] >= 0
    share[()] = F(1) / F(max(1, count))


@share_of_known.cuda(gpu.one_block(1024))
def share_of_known_cuda(labels, share, N):
    shares, count = cuda.shared.array(32, F), ZERO
    for n in range(U(cuda.threadIdx.x), N, U(1024)):
        count += ONE if labels[n] >= 0 else ZERO
    count = gpu.block_sum(count, shares)
    if cuda.threadIdx.x == 0:
        share[0] = ONE / max(ONE, count)


@op
def sum_shared(values, share):
    """m = share times the sum of all values        values (N)   share ()   m ()"""
    return values.sum() * share


@sum_shared.gradient
def sum_shared_gradient(ops, d, values, share, m):
    d[values] += ops.sum_shared_back(d[m], share, values)


@sum_shared.cpu
def sum_shared_cpu(values, share, m):
    total = np.float64(0)
    for n in range(values.size):
        total += values[n]
    m[()] = F(total * share)


@sum_shared.cuda(gpu.parts("N"), room=gpu.part_sums("N"))
def sum_shared_parts_cuda(values, share, m, N, room):
    gpu.sum_part(values, N, room)


@sum_shared.cuda(gpu.one_block())
def sum_shared_cuda(values, share, m, N, room):
    total = gpu.sum_of_parts(values, N, room)
    if cuda.threadIdx.x == 0:
        m[0] = total * share[0]


@op(cut="N")
def sum_shared_back(dm, share, values):
    """dvalues = dm share for every value        dm ()   share ()   values (N)   dvalues (N)"""
    return np.full_like(values, dm * share)


@sum_shared_back.cpu
def sum_shared_back_cpu(dm, share, values, dvalues):
    for n in range(values.size):
        dvalues[n] = dm * share


@sum_shared_back.cuda(gpu.numbers("N"))
def sum_shared_back_cuda(dm, share, values, dvalues, N):
    n = gpu.number()
    if n < N:
        dvalues[n] = dm[0] * share[0]


# -- softmax --------------------------------------------------------------------------------


@op(cut="N")
def softmax(x):
    """y = e^x / the sum of e^x over a row        x (N, I)   y (N, I)"""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@softmax.gradient
def softmax_gradient(ops, d, x, y):
    d[x] += ops.softmax_back(y, d[y])


@softmax.cpu
def softmax_cpu(x, y):
    for n in range(x.shape[0]):
        top = x[n, 0]
        for i in range(x.shape[1]):
            top = max(top, x[n, i])
        s = F(0)
        for i in range(x.shape[1]):
            y[n, i] = scalars.exp(x[n, i] - top)
            s += y[n, i]
        for i in range(x.shape[1]):
            y[n, i] /= s


@softmax.cuda(gpu.warps("N"))
def softmax_cuda(x, y, N, I):  # noqa: E741
    n, lane = gpu.warp_row(), gpu.lane()
    if n < N:
        first, end = U(n * I + lane), U(n * I + I)
        top, s = F(-np.inf), ZERO
        for i in range(first, end, U(32)):
            top = max(top, x[i])
        top = gpu.warp_max(top)
        for i in range(first, end, U(32)):
            e = scalars.exp(x[i] - top)
            y[i] = e
            s += e
        s = gpu.warp_sum(s)
        for i in range(first, end, U(32)):
            y[i] /= s


@op(cut="N")
def softmax_back(y, dy):
    """dx = y (dy - the sum of y dy over a row)        y (N, I)   dy (N, I)   dx (N, I)"""
    return y * (dy - (y * dy).sum(1, keepdims=True))


@softmax_back.cpu
def softmax_back_cpu(y, dy, dx):
    for n in range(y.shape[0]):
        s = F(0)
        for i in range(y.shape[1]):
            s += y[n, i] * dy[n, i]
        for i in range(y.shape[1]):
            dx[n, i] = y[n, i] * (dy[n, i] - s)


@softmax_back.cuda(gpu.warps("N"))
def softmax_back_cuda(y, dy, dx, N, I):  # noqa: E741
    n, lane, s = gpu.warp_row(), gpu.lane(), ZERO
    if n < N:
        first, end = U(n * I + lane), U(n * I + I)
        for i in range(first, end, U(32)):
            s += y[i] * dy[i]
        s = gpu.warp_sum(s)
        for i in range(first, end, U(32)):
            dx[i] = y[i] * (dy[i] - s)
