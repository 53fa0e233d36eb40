"""The GRU: one state, and gates that say how much of it is kept and how much of it the new one sees.

Gates stand in the order r, u, n in z (N, T 3H), W (H, 3H) and a (N, T 3H). The reset gate r acts behind the product
with the state, as in cuDNN and PyTorch, so that one product a step is enough.
"""

from __future__ import annotations

import numpy as np

from . import gpu, scalars
from .blas import ADD, REPLACE
from .gpu import cuda
from .gpu_tiles import Side, products, put
from .op import op, scalar
from .parts import part, row_part
from .recurrence import (
    EXAMPLES,
    NEAR,
    STATES_BEFORE,
    add_sigmoid,
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
    states_before,
    step_product,
    steps_of,
    sum_of_shares,
    times_history,
    weights_of,
    zero,
)
from .scalars import ONE, ZERO, F, I, U

three_sums = gate_sums(3)


@op(cut="N")
def gru(z, W, b, lengths, scratch, *, steps: int, backwards: int, truncate: int):
    """a, q, h = gates, what r acts on, and states of every step (Cho et al. 2014)

    r, u = sigmoid of z + h_before W;  q = h_before W + b;  n = tanh(z + r q);  h = (1 - u) n + u h_before

    z (N, A)   W (H, G)   b (H)   lengths (N) int   scratch (S)   a (N, A)   q (N, Y)   h (N, Y)
    """
    H, G = W.shape
    state, a = np.zeros((len(z), H), z.dtype), np.zeros_like(z)
    q, h = np.zeros((2, len(z), steps * H), z.dtype)
    for t in order(steps, backwards):
        x, s, real = z[:, t * G : (t + 1) * G], state @ W, real_steps(lengths, t)
        gates = sigmoid(x[:, : 2 * H] + s[:, : 2 * H])
        r, u, inner = gates[:, :H], gates[:, H:], s[:, 2 * H :] + b
        n = np.tanh(x[:, 2 * H :] + r * inner)
        state = np.where(real, (1 - u) * n + u * state, state)
        a[:, t * G : (t + 1) * G] = np.where(real, np.concatenate([gates, n], 1), 0)
        q[:, t * H : (t + 1) * H], h[:, t * H : (t + 1) * H] = np.where(real, inner, 0), state
    return a, q, h


@gru.sizes
def gru_sizes(size, steps, backwards, truncate):
    return {"Y": steps * size["H"]}


@gru.gradient
def gru_gradient(ops, d, z, W, b, lengths, scratch, a, q, h, steps, backwards, truncate):
    dh, V, room = gradients_of_states(ops, d, h, W, steps)
    dz, dq = ops.gru_back(a, q, h, dh, V, lengths, room, steps=steps, backwards=backwards, truncate=truncate)
    (H, G), count = W.shape, z.shape[0] * steps
    history, rows = ops.view(h, (count, H)), ops.view(dq, (count, H))
    d[z] += dz
    d[W] += ops.gru_weights(history, ops.view(dz, (count, G)), rows, steps=steps, backwards=backwards)
    d[b] += ops.sum_rows(rows)


@scalar
def candidates(x, s, b, r, q, n):
    """q = s + b, n = tanh(x + r q)"""
    for j in range(q.size):
        q[j] = s[j] + b[j]
    for j in range(q.size):
        n[j] = scalars.tanh(x[j] + r[j] * q[j])


@scalar
def mix_states(u, n, state, h):
    """state = h = (1 - u) n + u state"""
    for j in range(h.size):
        h[j] = n[j] + u[j] * (state[j] - n[j])
    move(h, state)


@gru.cpu
def gru_cpu(z, W, b, lengths, scratch, a, q, h, steps, backwards, truncate):
    N, (H, G) = z.shape[0], W.shape
    sums = N * H  # scratch: the states, then what the states before add to the sums
    zero(part(scratch, 0, N * (H + G)))
    for i in range(steps):
        t = place(i, steps, backwards)
        if i > 0:
            step_product(scratch, 0, W, sums, N, REPLACE, z, a, q, h, t)
        for row in range(N):
            state, s, x = part(scratch, row * H, H), part(scratch, sums + row * G, G), row_part(z, row, t * G, G)
            q_t, h_t, gates = row_part(q, row, t * H, H), row_part(h, row, t * H, H), row_part(a, row, t * G, G)
            r, u, n = part(gates, 0, H), part(gates, H, H), part(gates, 2 * H, H)
            if t < lengths[row]:
                add_sigmoid(part(x, 0, 2 * H), part(s, 0, 2 * H), part(gates, 0, 2 * H))
                candidates(part(x, 2 * H, H), part(s, 2 * H, H), b, r, q_t, n)
                mix_states(u, n, state, h_t)
            else:
                zero(gates)
                zero(q_t)
                move(state, h_t)


@gpu.device
def gru_steps(states, first, z, W, b, lengths, a, q, h, N, A, H, G, Y, steps, backwards, shares):
    e, row = example()
    length, now, then = steps_of(lengths, row, N), U(first), U(first + H)
    for i in range(I(steps)):
        t = U(place(I(i), I(steps), backwards))
        for begin in range(U(0), H, U(64)):
            j = U(U(begin) + U(cuda.threadIdx.x))
            mine, at, here = cuda.threadIdx.y < 4 and j < H, U(row * A + t * G + j), U(row * Y + t * H + j)
            r = u = n = inner = state = ZERO
            if mine and t < length:
                r, u, n, inner = z[at], z[U(at + H)], z[U(at + U(2) * H)], b[j]
            if i > 0:
                three_sums(states, now, H, W, G, H, j, H, shares)
            cuda.syncthreads()
            if mine:
                if i > 0:
                    state = states[U(U(4) * U(now + j) + e)]
                if t < length:
                    if i > 0:
                        r, u = r + sum_of_shares(shares, e), u + sum_of_shares(shares, U(4) + e)
                        inner += sum_of_shares(shares, U(8) + e)
                    r, u = scalars.sigmoid(r), scalars.sigmoid(u)
                    n = scalars.tanh(n + r * inner)
                    state = n + u * (state - n)
                states[U(U(4) * U(then + j) + e)] = state
                if row < N:
                    a[at], a[U(at + H)], a[U(at + U(2) * H)] = r, u, n
                    q[here], h[here] = inner, state
            cuda.syncthreads()
        now, then = then, now


@gru.cuda(EXAMPLES, room=room_of_states)
def gru_cuda(z, W, b, lengths, scratch, a, q, h, N, A, H, G, S, Y, steps, backwards, truncate, room):
    shares, near = cuda.shared.array((8, 12, 64), F), cuda.shared.array(4096, F, alignment=16)
    if H <= NEAR:
        gru_steps(near, U(0), z, W, b, lengths, a, q, h, N, A, H, G, Y, steps, backwards, shares)
    else:
        first = U(U(cuda.blockIdx.x) * U(2) * H)
        gru_steps(room, first, z, W, b, lengths, a, q, h, N, A, H, G, Y, steps, backwards, shares)


# ------------------------------------------------------------------------------------------


@op(cut="N")
def gru_back(a, q, h, dh, V, lengths, scratch, *, steps: int, backwards: int, truncate: int):
    """dz, dq = the gradients of the sums and of q, from the last step to the first        with V = W^T

    dz = dn q r (1 - r), d (h_before - n) u (1 - u), dn for dn = d (1 - u) (1 - n^2);  dq = dn r;
    d = dh + d_after u_after + (dr, du, dq after) V

    a (N, A)   q (N, Y)   h (N, Y)   dh (N, Y)   V (G, H)   lengths (N) int   scratch (S)   dz (N, A)   dq (N, Y)
    """
    G, H = V.shape
    flow = np.zeros((len(a), H), a.dtype)
    dz, dq = np.empty_like(a), np.empty_like(q)
    for k, t in reversed(list(enumerate(order(steps, backwards)))):
        real, before = real_steps(lengths, t), t + 1 if backwards else t - 1
        r, u, n = np.split(a[:, t * G : (t + 1) * G], 3, 1)
        h_before = h[:, before * H : (before + 1) * H] if k else np.zeros_like(u)
        d = flow + dh[:, t * H : (t + 1) * H]
        dn = real * d * (1 - u) * (1 - n * n)
        gates = [dn * q[:, t * H : (t + 1) * H] * r * (1 - r), real * d * (h_before - n) * u * (1 - u)]
        dq[:, t * H : (t + 1) * H] = dn * r
        dz[:, t * G : (t + 1) * G] = np.concatenate([*gates, dn], 1)
        flow = np.where(real, d * u, d) + np.concatenate([*gates, dn * r], 1) @ V
        if detached(k, truncate):
            flow = np.zeros_like(flow)
    return dz, dq


@scalar
def through_candidates(u, n, d, dn):
    """dn = d (1 - u) (1 - n^2)"""
    for j in range(n.size):
        dn[j] = d[j] * (ONE - u[j]) * (ONE - n[j] * n[j])


@scalar
def through_reset(r, q, dn, dr, dq):
    """dr = dn q r (1 - r), dq = dn r"""
    for j in range(r.size):
        dr[j] = dn[j] * q[j] * r[j] * (ONE - r[j])
        dq[j] = dn[j] * r[j]


@scalar
def through_update(u, n, before, d, du):
    """du = d (before - n) u (1 - u)"""
    for j in range(u.size):
        du[j] = d[j] * (before[j] - n[j]) * u[j] * (ONE - u[j])


@scalar
def through_first_update(u, n, d, du):
    """The same where the state before is 0."""
    for j in range(u.size):
        du[j] = -d[j] * n[j] * u[j] * (ONE - u[j])


@gru_back.cpu
def gru_back_cpu(a, q, h, dh, V, lengths, scratch, dz, dq, steps, backwards, truncate):
    N, (G, H) = a.shape[0], V.shape
    sums = N * H  # scratch: the gradients of the states, then those of the products with them
    zero(part(scratch, 0, N * H))
    for k in range(steps - 1, -1, -1):
        t, before = place(k, steps, backwards), place(k - 1, steps, backwards)
        for row in range(N):
            flow, inner, gates = part(scratch, row * H, H), part(scratch, sums + row * G, G), row_part(a, row, t * G, G)
            outer, dq_t = row_part(dz, row, t * G, G), row_part(dq, row, t * H, H)
            add_to(row_part(dh, row, t * H, H), flow)
            if t < lengths[row]:
                r, u, n, dn = part(gates, 0, H), part(gates, H, H), part(gates, 2 * H, H), part(outer, 2 * H, H)
                through_candidates(u, n, flow, dn)
                through_reset(r, row_part(q, row, t * H, H), dn, part(inner, 0, H), dq_t)
                if k > 0:
                    through_update(u, n, row_part(h, row, before * H, H), flow, part(inner, H, H))
                else:
                    through_first_update(u, n, flow, part(inner, H, H))
                move(part(inner, 0, 2 * H), part(outer, 0, 2 * H))
                move(dq_t, part(inner, 2 * H, H))
                scale(u, flow)
            else:
                zero(inner)
                zero(outer)
                zero(dq_t)
        if detached(k, truncate):
            zero(part(scratch, 0, N * H))
        else:
            step_product(scratch, sums, V, 0, N, ADD, a, dz, q, dh, before)


@gpu.device
def gru_steps_back(du, first, a, q, h, dh, V, lengths, flow, dz, dq, N, A, Y, G, H, steps, backwards, truncate, shares):
    e, row = example()
    length = steps_of(lengths, row, N)
    for turn in range(I(steps)):
        k = I(steps - 1 - turn)
        t, before = U(place(k, I(steps), backwards)), U(place(I(k - 1), I(steps), backwards))
        for j in range(U(U(cuda.threadIdx.x) + U(U(cuda.threadIdx.y) >> U(2)) * U(64)), H, U(128)):
            dr = update = dn = inner = ZERO
            if row < N:
                at, here, kept = U(row * A + t * G + j), U(row * Y + j), U(row * H + j)
                d = dh[U(here + t * H)]
                if not fresh(k, steps, truncate):
                    d += flow[kept]
                if t < length:
                    r, u, n = a[at], a[U(at + H)], a[U(at + U(2) * H)]
                    state = h[U(here + before * H)] if k > 0 else ZERO
                    dn = d * (ONE - u) * (ONE - n * n)
                    dr = dn * q[U(here + t * H)] * r * (ONE - r)
                    update = d * (state - n) * u * (ONE - u)
                    inner, d = dn * r, d * u
                flow[kept], dq[U(here + t * H)] = d, inner
                dz[at], dz[U(at + H)], dz[U(at + U(2) * H)] = dr, update, dn
            to, apart = U(U(4) * U(first + j) + e), U(U(4) * H)
            du[to], du[U(to + apart)], du[U(to + U(2) * apart)] = dr, update, inner
        cuda.syncthreads()
        if not detached(U(k), U(truncate)):
            flow_back(du, first, G, V, H, N, flow, shares)


@gru_back.cuda(EXAMPLES, room=room_of_sums)
def gru_back_cuda(a, q, h, dh, V, lengths, scratch, dz, dq, N, A, Y, G, H, S, steps, backwards, truncate, room):
    shares, near = cuda.shared.array((8, 4, 64), F), cuda.shared.array(6144, F, alignment=16)
    if H <= NEAR:
        gru_steps_back(
            near, U(0), a, q, h, dh, V, lengths, scratch, dz, dq, N, A, Y, G, H, steps, backwards, truncate, shares
        )  # fmt: skip
    else:
        first = U(U(cuda.blockIdx.x) * G)
        gru_steps_back(
            room, first, a, q, h, dh, V, lengths, scratch, dz, dq, N, A, Y, G, H, steps, backwards, truncate, shares
        )  # fmt: skip


# ------------------------------------------------------------------------------------------


@op(cut="H")
def gru_weights(h, dz, dq, *, steps: int, backwards: int):
    """dW = the sum over all steps of (state before it)^T (dr, du, dq)

    h (R, H)   dz (R, G)   dq (R, D)   dW (H, G)
    """
    gates = np.concatenate([dz[:, : dz.shape[1] - dq.shape[1]], dq], 1)
    return states_before(h, steps, backwards).T @ gates


@gru_weights.cpu
def gru_weights_cpu(h, dz, dq, dW, steps, backwards):
    outer = dz.shape[1] - dq.shape[1]
    times_history(h, dz, outer, dW, 0, steps, backwards)
    times_history(h, dq, dq.shape[1], dW, outer, steps, backwards)


@gpu.device
def gate(gradients, m):
    """Where column m of (dr, du, dq) begins, how far its numbers are apart, and whether it is one of dq."""
    _, _, G, D = gradients
    outer = U(G - D)
    if m < outer:
        return I(m), I(G), I(0)
    return I(U(m) - outer), I(D), I(1)


@gpu.device
def step(gradients, r):
    return I(r), I(0), I(0)


@gpu.device
def gradient(gradients, gate, step):
    at = U(U(gate[0]) + U(step[0]) * U(gate[1]))
    return gradients[1][at] if gate[2] else gradients[0][at]


GATES = Side(False, gate, step, gradient)


@products(gru_weights, weights_of, STATES_BEFORE, GATES, put)
def gru_weights_cuda(multiply):
    def kernel(h, dz, dq, dW, R, H, G, D, steps, backwards, room):
        multiply((h, H, steps, backwards, gpu.divisor(steps)), (dz, dq, G, D), (dW, U(0), G, 0), U(0), 1, H, G, R, room)

    return kernel
