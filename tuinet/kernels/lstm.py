"""The LSTM: a cell that keeps what its gates let in, and forgets only what they tell it to.

Gates stand in the order i, f, o, g in z (N, T 4H), W (H, 4H) and a (N, T 4H).
"""

from __future__ import annotations

import numpy as np

from . import gpu, scalars
from .blas import ADD, REPLACE
from .gpu import cuda
from .op import op, scalar
from .parts import part, row_part
from .recurrence import (
    EXAMPLES,
    NEAR,
    add_sigmoid,
    add_tanh,
    add_to,
    detached,
    example,
    flow_back,
    fresh,
    gate_sums,
    gradients_of_states,
    move,
    order,
    place,
    real_steps,
    room_of_states,
    room_of_sums,
    scale,
    sigmoid,
    step_product,
    steps_of,
    sum_of_shares,
    zero,
)
from .scalars import ONE, ZERO, F, I, U

four_sums = gate_sums(4)


@op(cut="N")
def lstm(z, W, lengths, scratch, *, steps: int, backwards: int, truncate: int):
    """a, c, h = gates, cells and states of every step (Hochreiter and Schmidhuber 1997, Gers et al. 2000)

    i, f, o, g = sigmoid, sigmoid, sigmoid, tanh of z + h_before W;  c = f c_before + i g;  h = o tanh(c)

    z (N, A)   W (H, G)   lengths (N) int   scratch (S)   a (N, A)   c (N, Y)   h (N, Y)
    """
    H, G = W.shape
    state = cell = np.zeros((len(z), H), z.dtype)
    a, c = np.zeros_like(z), np.empty((len(z), steps * H), z.dtype)
    h = np.empty_like(c)
    for t in order(steps, backwards):
        u, real = z[:, t * G : (t + 1) * G] + state @ W, real_steps(lengths, t)
        gates = np.concatenate([sigmoid(u[:, : 3 * H]), np.tanh(u[:, 3 * H :])], 1)
        i, f, o, g = np.split(gates, 4, 1)
        new = f * cell + i * g
        state, cell = np.where(real, o * np.tanh(new), state), np.where(real, new, cell)
        a[:, t * G : (t + 1) * G] = np.where(real, gates, 0)
        c[:, t * H : (t + 1) * H], h[:, t * H : (t + 1) * H] = cell, state
    return a, c, h


@lstm.sizes
def lstm_sizes(size, steps, backwards, truncate):
    return {"Y": steps * size["H"]}


@lstm.gradient
def lstm_gradient(ops, d, z, W, lengths, scratch, a, c, h, steps, backwards, truncate):
    dh, V, room = gradients_of_states(ops, d, h, W, steps)
    dz = ops.lstm_back(a, c, dh, V, lengths, room, steps=steps, backwards=backwards, truncate=truncate)
    (H, G), rows = W.shape, z.shape[0] * steps
    d[z] += dz
    d[W] += ops.recurrent_weights(ops.view(h, (rows, H)), ops.view(dz, (rows, G)), steps=steps, backwards=backwards)


@scalar
def gates_of(a, n, t, H):
    """The four gates of step t in row n."""
    gates = row_part(a, n, 4 * t * H, 4 * H)
    return part(gates, 0, H), part(gates, H, H), part(gates, 2 * H, H), part(gates, 3 * H, H)


@scalar
def cells(i, f, g, cell, c):
    """cell = c = f cell + i g"""
    for j in range(c.size):
        c[j] = f[j] * cell[j] + i[j] * g[j]
    move(c, cell)


@scalar
def states(o, c, state, h):
    """state = h = o tanh(c)"""
    for j in range(h.size):
        h[j] = o[j] * scalars.tanh(c[j])
    move(h, state)


@lstm.cpu
def lstm_cpu(z, W, lengths, scratch, a, c, h, steps, backwards, truncate):
    N, (H, G) = z.shape[0], W.shape
    sums, kept = N * H, N * (H + G)  # scratch: states, what the states before add to the sums, cells
    zero(part(scratch, 0, N * (2 * H + G)))
    for k in range(steps):
        t = place(k, steps, backwards)
        if k > 0:
            step_product(scratch, 0, W, sums, N, REPLACE, z, a, c, h, t)
        for n in range(N):
            state, cell = part(scratch, n * H, H), part(scratch, kept + n * H, H)
            c_t, h_t = row_part(c, n, t * H, H), row_part(h, n, t * H, H)
            if t < lengths[n]:
                s, (i, f, o, g) = sums + n * G, gates_of(a, n, t, H)
                add_sigmoid(row_part(z, n, t * G, 3 * H), part(scratch, s, 3 * H), row_part(a, n, t * G, 3 * H))
                add_tanh(row_part(z, n, t * G + 3 * H, H), part(scratch, s + 3 * H, H), g)
                cells(i, f, g, cell, c_t)
                states(o, c_t, state, h_t)
            else:
                zero(row_part(a, n, t * G, G))
                move(cell, c_t)
                move(state, h_t)


@gpu.device
def lstm_steps(states, first, z, W, lengths, a, c, h, N, A, H, G, Y, steps, backwards, shares):
    e, n = example()
    length, now, then = steps_of(lengths, n, N), U(first), U(first + H)
    for k in range(I(steps)):
        t, before = U(place(I(k), I(steps), backwards)), U(place(I(k - 1), I(steps), backwards))
        for begin in range(U(0), H, U(64)):
            j = U(U(begin) + U(cuda.threadIdx.x))
            mine, at, here = cuda.threadIdx.y < 4 and j < H, U(n * A + t * G + j), U(n * Y + j)
            i = f = o = g = cell = state = ZERO
            if mine and t < length:
                i, f, o, g = z[at], z[U(at + H)], z[U(at + U(2) * H)], z[U(at + U(3) * H)]
            if mine and n < N and k > 0:
                cell = c[U(here + before * H)]
            if k > 0:
                four_sums(states, now, H, W, G, H, j, H, shares)
            cuda.syncthreads()
            if mine:
                if k > 0:
                    state = states[U(U(4) * U(now + j) + e)]
                if t < length:
                    if k > 0:
                        i, f = i + sum_of_shares(shares, e), f + sum_of_shares(shares, U(4) + e)
                        o, g = o + sum_of_shares(shares, U(8) + e), g + sum_of_shares(shares, U(12) + e)
                    i, f, o, g = scalars.sigmoid(i), scalars.sigmoid(f), scalars.sigmoid(o), scalars.tanh(g)
                    cell = f * cell + i * g
                    state = o * scalars.tanh(cell)
                states[U(U(4) * U(then + j) + e)] = state
                if n < N:
                    a[at], a[U(at + H)], a[U(at + U(2) * H)], a[U(at + U(3) * H)] = i, f, o, g
                    c[U(here + t * H)], h[U(here + t * H)] = cell, state
            cuda.syncthreads()
        now, then = then, now


@lstm.cuda(EXAMPLES, room=room_of_states)
def lstm_cuda(z, W, lengths, scratch, a, c, h, N, A, H, G, S, Y, steps, backwards, truncate, room):
    shares, near = cuda.shared.array((8, 16, 64), F), cuda.shared.array(4096, F, alignment=16)
    if H <= NEAR:
        lstm_steps(near, U(0), z, W, lengths, a, c, h, N, A, H, G, Y, steps, backwards, shares)
    else:
        first = U(U(cuda.blockIdx.x) * U(2) * H)
        lstm_steps(room, first, z, W, lengths, a, c, h, N, A, H, G, Y, steps, backwards, shares)


# ------------------------------------------------------------------------------------------


@op(cut="N")
def lstm_back(a, c, dh, V, lengths, scratch, *, steps: int, backwards: int, truncate: int):
    """dz = the gradient of the sums, from the last step to the first        with V = W^T

    dc = dc_after f_after + d o (1 - tanh(c)^2) for d = dh + dz_after V;
    dz = dc g i (1 - i), dc c_before f (1 - f), d tanh(c) o (1 - o), dc i (1 - g^2)

    a (N, A)   c (N, Y)   dh (N, Y)   V (G, H)   lengths (N) int   scratch (S)   dz (N, A)
    """
    G, H = V.shape
    flow = dcell = np.zeros((len(a), H), a.dtype)
    dz = np.empty_like(a)
    for k, t in reversed(list(enumerate(order(steps, backwards)))):
        real, before = real_steps(lengths, t), t + 1 if backwards else t - 1
        i, f, o, g = np.split(a[:, t * G : (t + 1) * G], 4, 1)
        top = np.tanh(c[:, t * H : (t + 1) * H])
        c_before = c[:, before * H : (before + 1) * H] if k else np.zeros_like(top)
        d = flow + dh[:, t * H : (t + 1) * H]
        dc = dcell + real * d * o * (1 - top * top)
        du = [dc * g * i * (1 - i), dc * c_before * f * (1 - f), d * top * o * (1 - o), dc * i * (1 - g * g)]
        dz[:, t * G : (t + 1) * G] = du = real * np.concatenate(du, 1)
        flow, dcell = np.where(real, 0, d) + du @ V, np.where(real, dc * f, dcell)
        if detached(k, truncate):
            flow = dcell = np.zeros_like(flow)
    return dz


@scalar
def through_states(o, c, d, dcell, do):
    """dcell += d o (1 - tanh(c)^2), do = d tanh(c) o (1 - o)"""
    for j in range(c.size):
        top = scalars.tanh(c[j])
        dcell[j] += d[j] * o[j] * (ONE - top * top)
        do[j] = d[j] * top * o[j] * (ONE - o[j])


@scalar
def through_sigmoid(y, factor, d, dx):
    """dx = d factor y (1 - y)"""
    for j in range(y.size):
        dx[j] = d[j] * factor[j] * y[j] * (ONE - y[j])


@scalar
def through_inputs(i, g, d, dg):
    """dg = d i (1 - g^2)"""
    for j in range(g.size):
        dg[j] = d[j] * i[j] * (ONE - g[j] * g[j])


@lstm_back.cpu
def lstm_back_cpu(a, c, dh, V, lengths, scratch, dz, steps, backwards, truncate):
    N, (G, H) = a.shape[0], V.shape
    sums, kept = N * H, N * (H + G)  # scratch: the gradients of states, sums and cells
    zero(part(scratch, 0, N * (2 * H + G)))
    for k in range(steps - 1, -1, -1):
        t, before = place(k, steps, backwards), place(k - 1, steps, backwards)
        for n in range(N):
            flow, dcell, du = part(scratch, n * H, H), part(scratch, kept + n * H, H), part(scratch, sums + n * G, G)
            add_to(row_part(dh, n, t * H, H), flow)
            if t < lengths[n]:
                i, f, o, g = gates_of(a, n, t, H)
                through_states(o, row_part(c, n, t * H, H), flow, dcell, part(du, 2 * H, H))
                through_sigmoid(i, g, dcell, part(du, 0, H))
                if k > 0:
                    through_sigmoid(f, row_part(c, n, before * H, H), dcell, part(du, H, H))
                else:
                    zero(part(du, H, H))
                through_inputs(i, g, dcell, part(du, 3 * H, H))
                scale(f, dcell)
                zero(flow)
            else:
                zero(du)
            move(du, row_part(dz, n, t * G, G))
        if detached(k, truncate):
            zero(part(scratch, 0, N * H))
            zero(part(scratch, kept, N * H))
        else:
            step_product(scratch, sums, V, 0, N, ADD, a, dz, c, dh, before)


@gpu.device
def lstm_steps_back(du, first, a, c, dh, V, lengths, flow, dz, N, A, Y, G, H, steps, backwards, truncate, shares):
    """What flows back to the cells stands in the same memory as what flows back to the states, behind it."""
    e, n = example()
    length = steps_of(lengths, n, N)
    for turn in range(I(steps)):
        k = I(steps - 1 - turn)
        t, before = U(place(k, I(steps), backwards)), U(place(I(k - 1), I(steps), backwards))
        for j in range(U(U(cuda.threadIdx.x) + U(U(cuda.threadIdx.y) >> U(2)) * U(64)), H, U(128)):
            di = df = do = dg = ZERO
            if n < N:
                at, here, kept = U(n * A + t * G + j), U(n * Y + j), U(n * H + j)
                d, dcell = dh[U(here + t * H)], ZERO
                if not fresh(k, steps, truncate):
                    d, dcell = d + flow[kept], flow[U(N * H + kept)]
                if t < length:
                    i, f, o, g = a[at], a[U(at + H)], a[U(at + U(2) * H)], a[U(at + U(3) * H)]
                    top = scalars.tanh(c[U(here + t * H)])
                    dcell += d * o * (ONE - top * top)
                    do = d * top * o * (ONE - o)
                    di = dcell * g * i * (ONE - i)
                    if k > 0:
                        df = dcell * c[U(here + before * H)] * f * (ONE - f)
                    dg = dcell * i * (ONE - g * g)
                    d, dcell = ZERO, dcell * f
                flow[kept], flow[U(N * H + kept)] = d, dcell
                dz[at], dz[U(at + H)], dz[U(at + U(2) * H)], dz[U(at + U(3) * H)] = di, df, do, dg
            to, apart = U(U(4) * U(first + j) + e), U(U(4) * H)
            du[to], du[U(to + apart)], du[U(to + U(2) * apart)], du[U(to + U(3) * apart)] = di, df, do, dg
        cuda.syncthreads()
        if not detached(U(k), U(truncate)):
            flow_back(du, first, G, V, H, N, flow, shares)


@lstm_back.cuda(EXAMPLES, room=room_of_sums)
def lstm_back_cuda(a, c, dh, V, lengths, scratch, dz, N, A, Y, G, H, S, steps, backwards, truncate, room):
    shares, near = cuda.shared.array((8, 4, 64), F), cuda.shared.array(8192, F, alignment=16)
    if H <= NEAR:
        lstm_steps_back(
            near, U(0), a, c, dh, V, lengths, scratch, dz, N, A, Y, G, H, steps, backwards, truncate, shares
        )  # fmt: skip
    else:
        first = U(U(cuda.blockIdx.x) * G)
        lstm_steps_back(
            room, first, a, c, dh, V, lengths, scratch, dz, N, A, Y, G, H, steps, backwards, truncate, shares
        )  # fmt: skip
