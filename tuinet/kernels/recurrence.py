"""Recurrence: a state that every step of a sequence moves on. Here the plain cell, and what all cells share.

A sequence is a row: x (N, T D) for T steps of D numbers. What the inputs add to the gates is worked out before, for all
steps at once, by an ordinary product: z (N, T G). What is left of a step is a product with the state before it,
W (H, G), and the gates' functions. The state starts at 0.

steps: T. backwards: the last step comes first. lengths (N): so many steps of each example are real; any other leaves
the state as it is, so that the state at the far end is the one after the last real step. truncate: gradients do not
pass from one stretch of so many steps to the one before it (Williams and Peng 1990); 0: they pass through all.

The kernels keep the states and gates of all rows in scratch, close together: T G numbers apart, their lines would
push each other out of the caches. The gates' functions are short loops over few arrays each, or they would not be
vectorised.

On a GPU one launch goes through all steps: a block keeps 4 examples, whose states only it needs to know, and nothing
waits for the other blocks. What the block reads of the weights in a step serves all 4. Of 512 threads 64 work on
neighbouring units, and 8 share the sum over the state.
"""

from __future__ import annotations

import numpy as np

from . import gpu, scalars
from .blas import ADD, REPLACE, multiply
from .gpu import cuda
from .gpu_tiles import ACROSS, Side, products, put
from .op import op, scalar
from .parts import ask_for, part, row_part
from .scalars import ONE, ZERO, F, I, U

# -- what the definitions share ---------------------------------------------------------------


def order(steps, backwards):
    """The steps in the order in which the state sees them."""
    return range(steps - 1, -1, -1) if backwards else range(steps)


def real_steps(lengths, t):
    """Which rows have a step t: (N, 1)."""
    return (t < lengths)[:, None]


def sigmoid(x):
    return np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x)))


def states_before(h, steps, backwards):
    """From states (R, H), R = N T, those that each step starts from: (R, H), 0 where a sequence begins."""
    h = h.reshape(-1, steps, h.shape[1])
    before = np.zeros_like(h)
    if backwards:
        before[:, :-1] = h[:, 1:]
    else:
        before[:, 1:] = h[:, :-1]
    return before.reshape(-1, h.shape[2])


# -- what the kernels share ---------------------------------------------------------------------

PANEL = 32  # columns of a step's product between two looks ahead


@scalar
def place(i, steps, backwards):
    """Where in a row the i-th step stands that the state sees."""
    return steps - 1 - i if backwards else i


@scalar
def detached(i, truncate):
    """Whether the state that the i-th of the steps starts from is taken as given, so that no gradient passes on."""
    return i == 0 or (truncate > 0 and i % truncate == 0)


@scalar
def zero(x):
    """x = 0"""
    for j in range(x.size):
        x[j] = ZERO


@scalar
def move(x, y):
    """y = x"""
    for j in range(x.size):
        y[j] = x[j]


@scalar
def add_to(x, y):
    """y += x"""
    for j in range(x.size):
        y[j] += x[j]


@scalar
def scale(x, y):
    """y *= x"""
    for j in range(y.size):
        y[j] *= x[j]


@scalar
def add_sigmoid(x, s, y):
    """y = sigmoid(x + s)"""
    for j in range(x.size):
        y[j] = scalars.sigmoid(x[j] + s[j])


@scalar
def add_tanh(x, s, y):
    """y = tanh(x + s)"""
    for j in range(x.size):
        y[j] = scalars.tanh(x[j] + s[j])


@scalar
def add_relu(x, s, y):
    """y = relu(x + s)"""
    for j in range(x.size):
        u = x[j] + s[j]
        y[j] = ZERO if u < ZERO else u


@scalar
def times_history(h, dz, columns, dW, first, steps, backwards):
    """Columns of dW, from the first on: the sum over all steps of (state before it)^T (so many columns of dz)."""
    H, h_row, dz_row = dW.shape[0], h.strides[0] // 4, dz.strides[0] // 4
    if steps == 1:
        for k in range(H):
            zero(row_part(dW, k, first, columns))
    else:
        for n in range(h.shape[0] // steps):
            states, gates = (n * steps + backwards) * h_row, (n * steps + 1 - backwards) * dz_row
            multiply(
                h, states, 1, h_row, dz, gates, dz_row, dW, first, dW.strides[0] // 4, dz, 0,
                H, columns, steps - 1, ADD if n > 0 else REPLACE,
            )  # fmt: skip


@scalar
def step_product(scratch, at, W, to, N, mode, gates, more_gates, states, more_states, t):
    """A step's product, of rows in scratch into rows of scratch: (N, K) from `at`, times W (K, M), (N, M) from `to`.

    Meanwhile what step t reads and writes elsewhere comes nearer: two arrays of gates, two of states.
    """
    (K, M), line = W.shape, W.strides[0] // 4
    H, G = min(K, M), max(K, M)
    for first in range(0, M, PANEL):
        count = min(PANEL, M - first)
        multiply(scratch, at, K, 1, W, first, line, scratch, to + first, M, W, 0, N, count, K, mode)
        for n in range(N * first // M, N * (first + count) // M):
            ask_for(gates, n, t * G, G)
            ask_for(more_gates, n, t * G, G)
            ask_for(states, n, t * H, H)
            ask_for(more_states, n, t * H, H)


# -- what the CUDA kernels share ------------------------------------------------------------------

EXAMPLES = gpu.Launch((64, 8), lambda s: (gpu.blocks(s["N"], 4), 1, 1), together=2)
NEAR = U(512)  # units whose states have room in shared memory; those of more are in room, in global memory


def room_of_states(s):
    """How many float32 the kernel needs for the states of a step and of the one before it."""
    return gpu.blocks(s["N"], 4) * 8 * s["H"] if s["H"] > 512 else 0


def room_of_sums(s):
    """And those for the gradients of a step's sums."""
    return gpu.blocks(s["N"], 4) * 4 * s.get("G", s["H"]) if s["H"] > 512 else 0


@gpu.device
def example():
    """(its number in the block, its number of all) for the example whose units this thread works on."""
    e = U(U(cuda.threadIdx.y) & U(3))
    return e, U(U(cuda.blockIdx.x) * U(4) + e)


@gpu.device
def steps_of(lengths, n, N):
    """How many steps of an example are real: none of one that does not exist."""
    return lengths[n] if n < N else I(0)


@gpu.device
def fresh(i, steps, truncate):
    """Whether nothing comes back to the i-th step from those after it."""
    return i + 1 == steps or detached(U(i + 1), U(truncate))


def gate_sums(gates):
    """A function for blocks of EXAMPLES that multiplies their states by some of the weights' columns.

    Weights come from far away: several of them are asked for before the first is used.
    """
    deep = 6 if gates == 1 else 4

    @gpu.device
    def sums(states, first, K, W, row, apart, j, columns, shares):
        """This thread's share of s[e, gate] = the sum over k of the states' [first + k, e] W[k, j + gate apart].

        shares: (8, 4 gates, 64) shared float32, where sum_of_shares finds them behind a barrier.
        """
        x, y = U(cuda.threadIdx.x), U(cuda.threadIdx.y)
        total, weights = cuda.local.array((gates, 4), F), cuda.local.array((deep, gates), F)
        for gate in range(gates):
            for e in range(4):
                total[gate, e] = ZERO
        if j < columns:
            for begin in range(y, K, U(8 * deep)):
                for d in range(deep):
                    k = U(begin + U(8 * d))
                    for gate in range(gates):
                        weights[d, gate] = W[U(k * row + U(U(gate) * apart) + j)] if k < K else ZERO
                for d in range(deep):
                    k = U(U(4) * U(first + min(U(begin + U(8 * d)), U(K - U(1)))))
                    for e in range(4):
                        state = states[U(k + U(e))]
                        for gate in range(gates):
                            total[gate, e] += state * weights[d, gate]
        for gate in range(gates):
            for e in range(4):
                shares[y, U(4 * gate + e), x] = total[gate, e]

    return sums


one_sum = gate_sums(1)


@gpu.device
def sum_of_shares(shares, which):
    """The whole sum, of all 8 shares."""
    total = ZERO
    for y in range(8):
        total += shares[U(y), U(which), U(cuda.threadIdx.x)]
    return total


@gpu.device
def flow_back(states, first, G, V, H, N, flow, shares):
    """flow += the gradients of a step's sums times V, for a block's examples; flow (N, H) comes first in its memory."""
    e, n = example()
    for begin in range(U(0), H, U(64)):
        j = U(U(begin) + U(cuda.threadIdx.x))
        one_sum(states, first, G, V, H, U(0), j, H, shares)
        cuda.syncthreads()
        if cuda.threadIdx.y < 4 and n < N and j < H:
            flow[U(n * H + j)] += sum_of_shares(shares, e)
        cuda.syncthreads()


# -- the gradient of the weights ------------------------------------------------------------------


@op(cut="H")
def recurrent_weights(h, dz, *, steps: int, backwards: int):
    """dW = the sum over all steps of (state before it)^T dz        h (R, H)   dz (R, G)   dW (H, G)

    R = N T rows, one for each step.
    """
    return states_before(h, steps, backwards).T @ dz


@recurrent_weights.cpu
def recurrent_weights_cpu(h, dz, dW, steps, backwards):
    times_history(h, dz, dz.shape[1], dW, 0, steps, backwards)


@gpu.device
def unit(states, n):
    return I(n), I(0), I(0)


@gpu.device
def step_before(states, r):
    """Where the states begin that the step of row r starts from; and whether it is the first of its sequence."""
    _, H, steps, backwards, by_steps = states
    t = gpu.divided(r, by_steps)[1]
    if backwards:
        return I(U(r + 1) * H), I(t == U(steps - 1)), I(0)
    return I(U(U(r) - U(1)) * H), I(t == U(0)), I(0)


@gpu.device
def state_before(states, unit, step):
    return ZERO if step[1] else states[0][U(U(unit[0]) + U(step[0]))]


STATES_BEFORE = Side(False, unit, step_before, state_before)  # of a unit's states the one that a step starts from


def weights_of(s):
    """One product, over all steps of all examples."""
    return 1, s["H"], s["G"], s["R"]


@products(recurrent_weights, weights_of, STATES_BEFORE, ACROSS, put)
def recurrent_weights_cuda(multiply):
    def kernel(h, dz, dW, R, H, G, steps, backwards, room):
        multiply((h, H, steps, backwards, gpu.divisor(steps)), (dz, U(0), G), (dW, U(0), G, 0), U(0), 1, H, G, R, room)

    return kernel


def gradients_of_states(ops, d, h, W, steps):
    """What every backward op takes: the gradient of the states, the weights turned, and room to work in."""
    H, G = W.shape
    return d[h], ops.turned(W), ops.scratch(h.shape[0] * (G + 2 * H))


# -- the plain cell -----------------------------------------------------------------------------------


@op(cut="N")
def rnn(z, W, lengths, scratch, *, steps: int, backwards: int, truncate: int, relu: int):
    """h = f(z + h_before W) at every step, f = tanh, or relu (Elman 1990)

    z (N, A)   W (H, H)   lengths (N) int   scratch (S)   h (N, A)
    """
    H = len(W)
    state, h = np.zeros((len(z), H), z.dtype), np.empty_like(z)
    for t in order(steps, backwards):
        u = z[:, t * H : (t + 1) * H] + state @ W
        new = np.where(u < 0, 0, u) if relu else np.tanh(u)
        state = h[:, t * H : (t + 1) * H] = np.where(real_steps(lengths, t), new, state)
    return h


@rnn.gradient
def rnn_gradient(ops, d, z, W, lengths, scratch, h, steps, backwards, truncate, relu):
    dh, V, room = gradients_of_states(ops, d, h, W, steps)
    dz = ops.rnn_back(h, dh, V, lengths, room, steps=steps, backwards=backwards, truncate=truncate, relu=relu)
    H = W.shape[0]
    rows = (z.size // H, H)
    d[z] += dz
    d[W] += ops.recurrent_weights(ops.view(h, rows), ops.view(dz, rows), steps=steps, backwards=backwards)


@rnn.cpu
def rnn_cpu(z, W, lengths, scratch, h, steps, backwards, truncate, relu):
    N, H = z.shape[0], W.shape[0]
    sums = N * H  # scratch: the states, then what the state before adds to each sum
    zero(part(scratch, 0, 2 * N * H))
    for i in range(steps):
        t = place(i, steps, backwards)
        if i > 0:
            multiply(scratch, 0, H, 1, W, 0, W.strides[0] // 4, scratch, sums, H, W, 0, N, H, H, REPLACE)
        for n in range(N):
            state, s = part(scratch, n * H, H), part(scratch, sums + n * H, H)
            x, y = row_part(z, n, t * H, H), row_part(h, n, t * H, H)
            if t >= lengths[n]:
                move(state, y)
            else:
                if relu:
                    add_relu(x, s, y)
                else:
                    add_tanh(x, s, y)
                move(y, state)


@gpu.device
def rnn_steps(states, first, z, W, lengths, h, N, A, H, steps, backwards, relu, shares):
    e, n = example()
    length, now, then = steps_of(lengths, n, N), U(first), U(first + H)
    for i in range(I(steps)):
        t = U(place(I(i), I(steps), backwards))
        for begin in range(U(0), H, U(64)):
            j = U(U(begin) + U(cuda.threadIdx.x))
            mine, at, value = cuda.threadIdx.y < 4 and j < H, U(n * A + t * H + j), ZERO
            if mine and t < length:
                value = z[at]
            if i > 0:
                one_sum(states, now, H, W, H, U(0), j, H, shares)
            cuda.syncthreads()
            if mine:
                if t < length:
                    if i > 0:
                        value += sum_of_shares(shares, e)
                    value = (ZERO if value < ZERO else value) if relu else scalars.tanh(value)
                elif i > 0:
                    value = states[U(U(4) * U(now + j) + e)]
                states[U(U(4) * U(then + j) + e)] = value
                if n < N:
                    h[at] = value
            cuda.syncthreads()
        now, then = then, now


@rnn.cuda(EXAMPLES, room=room_of_states)
def rnn_cuda(z, W, lengths, scratch, h, N, A, H, S, steps, backwards, truncate, relu, room):
    shares, near = cuda.shared.array((8, 4, 64), F), cuda.shared.array(4096, F, alignment=16)
    if H <= NEAR:
        rnn_steps(near, U(0), z, W, lengths, h, N, A, H, steps, backwards, relu, shares)
    else:
        first = U(U(cuda.blockIdx.x) * U(2) * H)
        rnn_steps(room, first, z, W, lengths, h, N, A, H, steps, backwards, relu, shares)


@op(cut="N")
def rnn_back(h, dh, V, lengths, scratch, *, steps: int, backwards: int, truncate: int, relu: int):
    """dz = f'(z) (dh + dz_after V), from the last step to the first        with V = W^T

    h (N, A)   dh (N, A)   V (H, H)   lengths (N) int   scratch (S)   dz (N, A)
    """
    H = len(V)
    flow, dz = np.zeros((len(h), H), h.dtype), np.empty_like(h)
    for i, t in reversed(list(enumerate(order(steps, backwards)))):
        y, d, real = h[:, t * H : (t + 1) * H], flow + dh[:, t * H : (t + 1) * H], real_steps(lengths, t)
        dz[:, t * H : (t + 1) * H] = du = real * d * ((y > 0) if relu else 1 - y * y)
        flow = np.zeros_like(d) if detached(i, truncate) else np.where(real, 0, d) + du @ V
    return dz


@scalar
def through_tanh(y, dy, dx):
    """dx = (1 - y^2) dy"""
    for j in range(y.size):
        dx[j] = dy[j] * (ONE - y[j] * y[j])


@scalar
def through_relu(y, dy, dx):
    """dx = dy where y > 0"""
    for j in range(y.size):
        dx[j] = dy[j] if y[j] > ZERO else ZERO


@rnn_back.cpu
def rnn_back_cpu(h, dh, V, lengths, scratch, dz, steps, backwards, truncate, relu):
    N, H = h.shape[0], V.shape[1]
    gates = N * H  # scratch: the gradients of the states, then those of the sums
    zero(part(scratch, 0, N * H))
    for i in range(steps - 1, -1, -1):
        t = place(i, steps, backwards)
        for n in range(N):
            flow, du, y = part(scratch, n * H, H), part(scratch, gates + n * H, H), row_part(h, n, t * H, H)
            add_to(row_part(dh, n, t * H, H), flow)
            if t >= lengths[n]:
                zero(du)
            else:
                if relu:
                    through_relu(y, flow, du)
                else:
                    through_tanh(y, flow, du)
                zero(flow)
            move(du, row_part(dz, n, t * H, H))
        if detached(i, truncate):
            zero(part(scratch, 0, N * H))
        else:
            multiply(scratch, gates, H, 1, V, 0, V.strides[0] // 4, scratch, 0, H, V, 0, N, H, H, ADD)


@gpu.device
def rnn_steps_back(du, first, h, dh, V, lengths, flow, dz, N, A, H, steps, backwards, truncate, relu, shares):
    e, n = example()
    length = steps_of(lengths, n, N)
    for turn in range(I(steps)):
        i = I(steps - 1 - turn)
        t = U(place(i, I(steps), backwards))
        for j in range(U(U(cuda.threadIdx.x) + U(U(cuda.threadIdx.y) >> U(2)) * U(64)), H, U(128)):
            gradient = ZERO
            if n < N:
                at = U(n * A + t * H + j)
                d = dh[at] if fresh(i, steps, truncate) else dh[at] + flow[U(n * H + j)]
                if t < length:
                    y = h[at]
                    gradient = (d if y > ZERO else ZERO) if relu else d * (ONE - y * y)
                    d = ZERO
                flow[U(n * H + j)], dz[at] = d, gradient
            du[U(U(4) * U(first + j) + e)] = gradient
        cuda.syncthreads()
        if not detached(U(i), U(truncate)):
            flow_back(du, first, H, V, H, N, flow, shares)


@rnn_back.cuda(EXAMPLES, room=room_of_sums)
def rnn_back_cuda(h, dh, V, lengths, scratch, dz, N, A, H, S, steps, backwards, truncate, relu, room):
    shares, near = cuda.shared.array((8, 4, 64), F), cuda.shared.array(2048, F, alignment=16)
    if H <= NEAR:
        rnn_steps_back(
            near, U(0), h, dh, V, lengths, scratch, dz, N, A, H, steps, backwards, truncate, relu, shares
        )  # fmt: skip
    else:
        first = U(U(cuda.blockIdx.x) * H)
        rnn_steps_back(
            room, first, h, dh, V, lengths, scratch, dz, N, A, H, steps, backwards, truncate, relu, shares
        )  # fmt: skip
