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
"""

from __future__ import annotations

import numpy as np

from . import scalars
from .blas import ADD, REPLACE, multiply
from .op import op, scalar
from .parts import part, row_part
from .scalars import ONE, ZERO

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
