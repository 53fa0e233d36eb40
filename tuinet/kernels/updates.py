"""What turns gradients into better parameters, and what is done to gradients before.

All of it treats every number by itself, so any stretch of a parameter can be worked on alone.
`clip` is what clipping by the global norm leaves of the gradient: 1 where nothing is clipped.
"""

from __future__ import annotations

import numpy as np

from . import columnwise, gpu
from .gpu import cuda
from .op import op
from .scalars import ONE, ZERO, F, U


@op(cut="*")
def sgd(p, g, rate, clip):
    """p = p - rate clip g        p (*)   g (*)   rate ()   clip ()"""
    return p - rate * clip * g


@sgd.cpu
def sgd_cpu(p, g, rate, clip):
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            p[n, i] -= rate * (clip * g[n, i])


@sgd.cuda(gpu.numbers())
def sgd_cuda(p, g, rate, clip, size):
    i = gpu.number()
    if i < size:
        p[i] -= rate[0] * (clip[0] * g[i])


@op(cut="*")
def momentum(p, g, m, rate, clip, *, momentum: float, nesterov: int):
    """p, m = p - rate (g + momentum m' with nesterov, else m'), with m' = momentum m + g (Sutskever et al. 2013)

    p (*)   g (*)   m (*)   rate ()   clip ()
    """
    g = clip * g
    m = momentum * m + g
    return p - rate * (g + momentum * m if nesterov else m), m


@momentum.cpu
def momentum_cpu(p, g, m, rate, clip, momentum, nesterov):
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            h = clip * g[n, i]
            m[n, i] = momentum * m[n, i] + h
            p[n, i] -= rate * (h + momentum * m[n, i] if nesterov else m[n, i])


@momentum.cuda(gpu.numbers())
def momentum_cuda(p, g, m, rate, clip, size, momentum, nesterov):
    i = gpu.number()
    if i < size:
        h = clip[0] * g[i]
        new = momentum * m[i] + h
        m[i] = new
        p[i] -= rate[0] * (h + momentum * new if nesterov else new)


@op(cut="*")
def rmsprop(p, g, v, m, rate, clip, *, decay: float, momentum: float, eps: float):
    """p, v, m = p - rate m', with v' = decay v + (1 - decay) g^2 and m' = momentum m + g / (sqrt(v') + eps)

    Hinton's lecture 6e.        p (*)   g (*)   v (*)   m (*)   rate ()   clip ()
    """
    g = clip * g
    v = decay * v + (1 - decay) * g * g
    m = momentum * m + g / (np.sqrt(v) + eps)
    return p - rate * m, v, m


@rmsprop.cpu
def rmsprop_cpu(p, g, v, m, rate, clip, decay, momentum, eps):
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            h = clip * g[n, i]
            v[n, i] = decay * v[n, i] + (ONE - decay) * h * h
            m[n, i] = momentum * m[n, i] + h / (np.sqrt(v[n, i]) + eps)
            p[n, i] -= rate * m[n, i]


@rmsprop.cuda(gpu.numbers())
def rmsprop_cuda(p, g, v, m, rate, clip, size, decay, momentum, eps):
    i = gpu.number()
    if i < size:
        h = clip[0] * g[i]
        square = decay * v[i] + (ONE - decay) * h * h
        move = momentum * m[i] + h / (np.sqrt(square) + eps)
        v[i], m[i] = square, move
        p[i] -= rate[0] * move


@op(cut="*")
def adagrad(p, g, v, rate, clip, *, eps: float):
    """p, v = p - rate g / (sqrt(v') + eps), with v' = v + g^2 (Duchi et al. 2011)

    p (*)   g (*)   v (*)   rate ()   clip ()
    """
    g = clip * g
    v = v + g * g
    return p - rate * g / (np.sqrt(v) + eps), v


@adagrad.cpu
def adagrad_cpu(p, g, v, rate, clip, eps):
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            h = clip * g[n, i]
            v[n, i] += h * h
            p[n, i] -= rate * h / (np.sqrt(v[n, i]) + eps)


@adagrad.cuda(gpu.numbers())
def adagrad_cuda(p, g, v, rate, clip, size, eps):
    i = gpu.number()
    if i < size:
        h = clip[0] * g[i]
        square = v[i] + h * h
        v[i] = square
        p[i] -= rate[0] * h / (np.sqrt(square) + eps)


@op(cut="*")
def adam(p, g, m, v, rate, clip, step, *, beta1: float, beta2: float, eps: float, weight_decay: float):
    """p, m, v = (1 - rate weight_decay) p - rate m' / (sqrt(v') + eps), m and v the running means of g and g^2

    m' and v' are corrected for their start at 0 (Kingma and Ba 2015); the decay of the weights stands
    apart from the gradient (Loshchilov and Hutter 2019).

    p (*)   g (*)   m (*)   v (*)   rate ()   clip ()   step () int
    """
    g = clip * g
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    first, second = m / (1 - beta1 ** (step + 1)), v / (1 - beta2 ** (step + 1))
    return (1 - rate * weight_decay) * p - rate * first / (np.sqrt(second) + eps), m, v


@adam.cpu
def adam_cpu(p, g, m, v, rate, clip, step, beta1, beta2, eps, weight_decay):
    # rate m c1 / (sqrt(v c2) + eps), with the corrections taken out of the loop
    c1 = rate * F(1 / (1 - np.float64(beta1) ** (step + 1)))
    c2 = F(np.sqrt(1 / (1 - np.float64(beta2) ** (step + 1))))
    keep = ONE - rate * weight_decay
    o1, o2 = ONE - beta1, ONE - beta2
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            h = clip * g[n, i]
            a = beta1 * m[n, i] + o1 * h
            b = beta2 * v[n, i] + o2 * h * h
            m[n, i] = a
            v[n, i] = b
            p[n, i] = keep * p[n, i] - c1 * a / (np.sqrt(b) * c2 + eps)


@adam.cuda(gpu.numbers())
def adam_cuda(p, g, m, v, rate, clip, step, size, beta1, beta2, eps, weight_decay):
    # 1 - beta^t by squaring: a GPU has no float64 to spare, and 1 - beta is exact near 1
    i = gpu.number()
    if i < size:
        t, h = U(step[0] + 1), clip[0] * g[i]
        first = beta1 * m[i] + (ONE - beta1) * h
        second = beta2 * v[i] + (ONE - beta2) * h * h
        m[i], v[i] = first, second
        c1 = rate[0] / gpu.rest_of_power(ONE - beta1, t)
        c2 = ONE / np.sqrt(gpu.rest_of_power(ONE - beta2, t))
        p[i] = (ONE - rate[0] * weight_decay) * p[i] - c1 * first / (np.sqrt(second) * c2 + eps)


# -- gradients before the update --------------------------------------------------------------


@op(cut="*")
def penalise(g, p, *, l1: float, l2: float):
    """g = g + l1 sign(p) + 2 l2 p: the gradient of the penalty l1 sum |p| + l2 sum p^2        g (*)   p (*)"""
    return g + l1 * np.sign(p) + 2 * l2 * p


@penalise.cpu
def penalise_cpu(g, p, l1, l2):
    for n in range(p.shape[0]):
        for i in range(p.shape[1]):
            w = p[n, i]
            sign = ONE if w > ZERO else (-ONE if w < ZERO else ZERO)
            g[n, i] += l1 * sign + (l2 + l2) * w


@penalise.cuda(gpu.numbers())
def penalise_cuda(g, p, size, l1, l2):
    i = gpu.number()
    if i < size:
        w = p[i]
        sign = ONE if w > ZERO else (-ONE if w < ZERO else ZERO)
        g[i] += l1 * sign + (l2 + l2) * w


@op(cut="*")
def clip_values(g, *, limit: float):
    """g = g cut off at +-limit, but for what is infinite: that is for the guard to see        g (*)"""
    return np.where(np.isinf(g), g, np.clip(g, -limit, limit))


@clip_values.cpu
def clip_values_cpu(g, limit):
    # Compared so that NaN stays NaN.
    for n in range(g.shape[0]):
        for i in range(g.shape[1]):
            h = g[n, i]
            cut = limit if h > limit else (-limit if h < -limit else h)
            g[n, i] = h if abs(h) == F(np.inf) else cut


@clip_values.cuda(gpu.numbers())
def clip_values_cuda(g, size, limit):
    i = gpu.number()
    if i < size:
        h = g[i]
        cut = limit if h > limit else (-limit if h < -limit else h)
        g[i] = h if abs(h) == F(np.inf) else cut


@op(cut="*")
def accumulate(total, g, *, first: int, share: float):
    """total = share g, added to what is there unless first        total (*)   g (*)"""
    return share * g + (0 if first else total)


@accumulate.cpu
def accumulate_cpu(total, g, first, share):
    for n in range(g.shape[0]):
        for i in range(g.shape[1]):
            total[n, i] = share * g[n, i] + (ZERO if first else total[n, i])


@accumulate.cuda(gpu.numbers())
def accumulate_cuda(total, g, size, first, share):
    i = gpu.number()
    if i < size:
        total[i] = share * g[i] + (ZERO if first else total[i])


@op(cut="C")
def squares(g):
    """s = g^2        g (C)   s (C)"""
    return g * g


@squares.cpu
def squares_cpu(g, s):
    for i in range(s.size):
        s[i] = g[i] * g[i]


@squares.cuda(gpu.numbers("C"))
def squares_cuda(g, s, C):
    i = gpu.number()
    if i < C:
        s[i] = g[i] * g[i]


@op(cut="C")
def column_squares(g):
    """s = the sum of g^2 down each column        g (R, C)   s (C)"""
    return (g * g).sum(0)


@column_squares.cpu
def column_squares_cpu(g, s):
    for i in range(s.size):
        s[i] = ZERO
    columnwise.add_products(g, 0, g.strides[0] // 4, g, 0, g.strides[0] // 4, s, 0, g.shape[0], s.size)


@column_squares.cuda(gpu.stretched("R", "C"), room=gpu.row_sums("R", "C"))
def column_squares_cuda(g, s, R, C, room):
    c, total = gpu.column(), ZERO
    first, end = gpu.row_stretch(R)
    if c < C:
        for r in range(first, end, U(8)):
            h = g[U(r * C + c)]
            total += h * h
    gpu.give_sums(total, s, C, False, room, U(0))


@column_squares.cuda(gpu.joined("R", "C"))
def column_squares_joined_cuda(g, s, R, C, room):
    gpu.join_sums(s, R, C, False, room, U(0))


@op(cut="R")
def row_squares(g):
    """s = the sum of g^2 along each row        g (R, C)   s (R)"""
    return (g * g).sum(1)


@row_squares.cpu
def row_squares_cpu(g, s):
    for n in range(g.shape[0]):
        total = ZERO
        for i in range(g.shape[1]):
            total += g[n, i] * g[n, i]
        s[n] = total


@row_squares.cuda(gpu.warps("R"))
def row_squares_cuda(g, s, R, C):
    r, lane, total = gpu.warp_row(), gpu.lane(), ZERO
    if r < R:
        for c in range(lane, C, U(32)):
            h = g[U(r * C + c)]
            total += h * h
        total = gpu.warp_sum(total)
        if lane == U(0):
            s[r] = total


@op
def norm(squares):
    """s = the square root of the sum of all        squares (P)   s ()"""
    return np.sqrt(squares.sum())


@norm.cpu
def norm_cpu(squares, s):
    total = ZERO
    for i in range(squares.size):
        total += squares[i]
    s[()] = np.sqrt(total)


@norm.cuda(gpu.parts("P"), room=gpu.part_sums("P"))
def norm_parts_cuda(squares, s, P, room):
    gpu.sum_part(squares, P, room)


@norm.cuda(gpu.one_block())
def norm_cuda(squares, s, P, room):
    total = gpu.sum_of_parts(squares, P, room)
    if cuda.threadIdx.x == 0:
        s[0] = np.sqrt(total)


@op
def clip_share(norm, *, limit: float):
    """clip = limit / norm where the norm is greater than the limit, else 1        norm ()   clip ()"""
    return np.where(norm > limit, limit / np.maximum(norm, limit), 1.0)


@clip_share.cpu
def clip_share_cpu(norm, clip, limit):
    clip[()] = limit / norm if norm > limit else ONE


@clip_share.cuda(gpu.ALONE)
def clip_share_cuda(norm, clip, limit):
    clip[0] = limit / norm[0] if norm[0] > limit else ONE


# -- what changes from step to step -----------------------------------------------------------


@op
def look_up(table, step):
    """value = table[step mod its length]        table (S)   step () int   value ()"""
    return table[int(step) % len(table)]


@look_up.cpu
def look_up_cpu(table, step, value):
    value[()] = table[step % table.size]


@look_up.cuda(gpu.ALONE)
def look_up_cuda(table, step, value, S):
    value[0] = table[U(U(step[0]) % S)]


@op
def tick(step):
    """step = step + 1        step () int"""
    return step + 1


@tick.cpu
def tick_cpu(step):
    step[()] += 1


@tick.cuda(gpu.ALONE)
def tick_cuda(step):
    step[0] += 1
