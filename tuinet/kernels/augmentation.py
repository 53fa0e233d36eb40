"""Ops that change the examples of a batch as they are drawn: moved, brightened, noisy, cut, mixed.

What happens to an example is a pure function of the seed, the step, and where the example stands in the step (rows), as
with dropout: any number of threads, and a resumed run, see the same pictures. None of them has a gradient rule but
`blend`, since nothing that is learned lies before them. Images are rows of numbers, channels last: x (N, X) with
X = height width channels.
"""

from __future__ import annotations

from functools import partial
from statistics import NormalDist

import numpy as np

from . import gpu, scalars
from .gpu import cuda
from .op import op, scalar
from .random import line_of, mixed
from .scalars import HALF, ONE, TWO, ZERO, F, I, U

# -- moving --------------------------------------------------------------------------------


@scalar
def drawn_below(u, n):
    """floor(u n), exactly: one of n whole numbers, for u in steps of 2^-24."""
    return I((np.uint64(U(u * F(16777216))) * np.uint64(n)) >> np.uint64(24))


@scalar
def drawn_turn(line, rotate, zoom):
    """By how many half turns an image is turned, and how many times as large it is, in the type of rotate and zoom."""
    turn = (TWO * scalars.uniform(line, U(0)) - ONE) * (rotate / F(180))
    return turn, ONE + (TWO * scalars.uniform(line, U(1)) - ONE) * zoom


@scalar
def map_of(line, c, s, height, width, shift, across, down):
    """drawn_map, given the cosine and the sine of the turn over the zoom, and in their type."""
    low = F(drawn_below(scalars.uniform(line, U(2)), 2 * shift + 1) - shift)
    right = F(drawn_below(scalars.uniform(line, U(3)), 2 * shift + 1) - shift)
    i_p, i_q, j_p, j_q = c, s, -s, c
    if down and scalars.uniform(line, U(4)) < HALF:
        i_p, i_q = -i_p, -i_q
    if across and scalars.uniform(line, U(5)) < HALF:
        j_p, j_q = -j_p, -j_q
    y, x = HALF * F(height - 1), HALF * F(width - 1)
    i = y - (y + low) * i_p - (x + right) * i_q
    j = x - (y + low) * j_p - (x + right) * j_q
    return i, i_p, i_q, j, j_p, j_q


@scalar
def drawn_map(line, height, width, shift, across, down, rotate, zoom):
    """Where pixel (p, q) of a moved image comes from: row i + p i_p + q i_q, column j + p j_p + q j_q, in pixels.

    The image is mirrored, zoomed and turned about its middle, and then shifted. Six float64, in which whole shifts and
    mirrors are exact.
    """
    turn, size = drawn_turn(line, np.float64(rotate), np.float64(zoom))
    c, s = np.cos(np.pi * turn) / size, np.sin(np.pi * turn) / size
    return map_of(line, c, s, height, width, shift, across, down)


def lines_of(step, rows, seed, tag):
    """The key of each example (N), from which its numbers are drawn."""
    return mixed(scalars.key(seed, int(step), tag) ^ rows.astype(np.uint32))


@op(cut="N")
def warp(
    x, step, rows, *, height: int, width: int, channels: int, shift: int, across: int, down: int, rotate: float,
    zoom: float, seed: int, tag: int,
):  # fmt: skip
    """y = x mirrored, zoomed, turned and shifted, each image by numbers of its own; between pixels bilinear, beyond 0

    A shift is a whole number of pixels up to `shift` each way; across and down say which mirrors there are, each drawn
    with a chance of one half; rotate is in degrees either way; zoom enlarges by 1 - zoom to 1 + zoom.

    x (N, X)   step () int   rows (N) int   y (N, X)
    """
    images = np.pad(x.reshape(-1, height, width, channels), ((0, 0), (1, 1), (1, 1), (0, 0)))
    p, q = np.arange(height)[:, None], np.arange(width)
    found = np.empty((len(x), height, width, channels), x.dtype)
    for n, line in enumerate(lines_of(step, rows, seed, tag)):
        i, i_p, i_q, j, j_p, j_q = drawn_map(line, height, width, shift, across, down, rotate, zoom)
        i, j = (i + p * i_p + q * i_q).clip(-1, height), (j + p * j_p + q * j_q).clip(-1, width)
        above, left = np.floor(i).clip(-1, height - 1).astype(int), np.floor(j).clip(-1, width - 1).astype(int)
        u, v = (i - above)[..., None], (j - left)[..., None]
        corner = partial(_pixels, images[n], above + 1, left + 1)  # of the image with a pixel of 0 all around
        found[n] = (1 - u) * ((1 - v) * corner(0, 0) + v * corner(0, 1))
        found[n] += u * ((1 - v) * corner(1, 0) + v * corner(1, 1))
    return found.reshape(x.shape)


def _pixels(image, rows, columns, lower, further):
    return image[rows + lower, columns + further]


@warp.cpu
def warp_cpu(x, step, rows, y, height, width, channels, shift, across, down, rotate, zoom, seed, tag):
    key = scalars.key(seed, step, tag)
    for n in range(x.shape[0]):
        line = scalars.mix(U(key ^ U(rows[n])))
        i, i_p, i_q, j, j_p, j_q = drawn_map(line, height, width, shift, across, down, rotate, zoom)
        for p in range(height):
            for q in range(width):
                row, column = i + p * i_p + q * i_q, j + p * j_p + q * j_q
                above, left = int(np.floor(row)), int(np.floor(column))
                u, v = F(row - above), F(column - left)
                here, out = (above * width + left) * channels, (p * width + q) * channels
                top, bottom = above >= 0 and above < height, above >= -1 and above < height - 1
                near, far = left >= 0 and left < width, left >= -1 and left < width - 1
                for c in range(channels):
                    upper = lower = ZERO
                    if top and near:
                        upper += (ONE - v) * x[n, here + c]
                    if top and far:
                        upper += v * x[n, here + channels + c]
                    if bottom and near:
                        lower += (ONE - v) * x[n, here + width * channels + c]
                    if bottom and far:
                        lower += v * x[n, here + (width + 1) * channels + c]
                    y[n, out + c] = (ONE - u) * upper + u * lower


@warp.cuda(gpu.numbers("N"), room=lambda s: 6 * s["N"])
def warp_maps_cuda(
    x, step, rows, y, N, X, height, width, channels, shift, across, down, rotate, zoom, seed, tag, room
):  # fmt: skip
    """The map of each image, in float32: whole shifts and mirrors are exact there as well."""
    n = gpu.number()
    if n < N:
        line, at = line_of(step, rows, n, seed, tag), U(n * U(6))
        turn, size = drawn_turn(line, rotate, zoom)
        c, s = cuda.libdevice.cospif(turn) / size, cuda.libdevice.sinpif(turn) / size
        i, i_p, i_q, j, j_p, j_q = map_of(line, c, s, height, width, shift, across, down)
        room[at], room[U(at + U(1))], room[U(at + U(2))] = i, i_p, i_q
        room[U(at + U(3))], room[U(at + U(4))], room[U(at + U(5))] = j, j_p, j_q


@gpu.device
def number_at(x, i, j, first, height, width, channels):
    """The number of pixel (i, j), of an image whose first one of this channel is given; beyond the image 0."""
    if U(i) < U(height) and U(j) < U(width):
        return x[U(first + U(U(U(i) * U(width)) + U(j)) * U(channels))]
    return ZERO


@warp.cuda(gpu.numbers("N", "X"))
def warp_cuda(
    x, step, rows, y, N, X, height, width, channels, shift, across, down, rotate, zoom, seed, tag, room
):  # fmt: skip
    n, k = gpu.place()
    if n < N and k < X:
        pixel, at = U(k // U(channels)), U(n * U(6))
        p = U(pixel // U(width))
        q, first = U(pixel - U(p * U(width))), U(U(n * X) + k - U(pixel * U(channels)))
        row = room[at] + F(p) * room[U(at + U(1))] + F(q) * room[U(at + U(2))]
        column = room[U(at + U(3))] + F(p) * room[U(at + U(4))] + F(q) * room[U(at + U(5))]
        above, left = np.floor(row), np.floor(column)
        u, v, i, j = row - above, column - left, I(above), I(left)
        upper = (ONE - v) * number_at(x, i, j, first, height, width, channels)
        upper += v * number_at(x, i, j + 1, first, height, width, channels)
        lower = (ONE - v) * number_at(x, i + 1, j, first, height, width, channels)
        lower += v * number_at(x, i + 1, j + 1, first, height, width, channels)
        y[U(n * X + k)] = (ONE - u) * upper + u * lower


# -- brightness, noise, holes ----------------------------------------------------------------


@op(cut="N I")
def brighten(x, step, rows, *, by: float, seed: int, tag: int):
    """y = (1 + b) x, b between -by and by for each example        x (N, I)   step () int   rows (N) int   y (N, I)"""
    draw = np.array([scalars.uniform(line, 0) for line in lines_of(step, rows, seed, tag)], x.dtype)
    return x * (1 + (2 * draw - 1) * by)[:, None]


@brighten.cpu
def brighten_cpu(x, step, rows, y, by, seed, tag):
    key = scalars.key(seed, step, tag)
    for n in range(x.shape[0]):
        factor = ONE + (TWO * scalars.uniform(scalars.mix(U(key ^ U(rows[n]))), U(0)) - ONE) * by
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] * factor


@brighten.cuda(gpu.numbers("N", "I"))
def brighten_cuda(x, step, rows, y, N, I, by, seed, tag):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        u = scalars.uniform(line_of(step, rows, n, seed, tag), U(0))
        y[U(n * I + i)] = x[U(n * I + i)] * (ONE + (TWO * u - ONE) * by)


@op(cut="N I")
def add_noise(x, step, rows, columns, *, deviation: float, seed: int, tag: int):
    """y = x + deviation e, e normal, of each number by itself

    x (N, I)   step () int   rows (N) int   columns (I) int   y (N, I)
    """
    lines = lines_of(step, rows, seed, tag)[:, None]
    bits = mixed(mixed(columns.astype(np.uint32) ^ lines) ^ np.uint32(0x9E3779B9)) >> np.uint32(8)
    return x + deviation * np.vectorize(NormalDist().inv_cdf, otypes=[x.dtype])((bits + 0.5) / 16777216)


@add_noise.cpu
def add_noise_cpu(x, step, rows, columns, y, deviation, seed, tag):
    key = scalars.key(seed, step, tag)
    for n in range(x.shape[0]):
        line = scalars.mix(U(key ^ U(rows[n])))
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] + deviation * scalars.normal(scalars.uniform(line, U(columns[i])))


@add_noise.cuda(gpu.numbers("N", "I"))
def add_noise_cuda(x, step, rows, columns, y, N, I, deviation, seed, tag):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        u = scalars.uniform(line_of(step, rows, n, seed, tag), U(columns[i]))
        y[U(n * I + i)] = x[U(n * I + i)] + deviation * scalars.normal(u)


@op(cut="N")
def cut_out(x, step, rows, *, height: int, width: int, channels: int, side: int, seed: int, tag: int):
    """y = x with a square of 0 whose middle lies on some pixel (DeVries and Taylor 2017)

    x (N, X)   step () int   rows (N) int   y (N, X)
    """
    y = x.reshape(-1, height, width, channels).copy()
    for n, line in enumerate(lines_of(step, rows, seed, tag)):
        top = drawn_below(scalars.uniform(line, 0), height) - side // 2
        left = drawn_below(scalars.uniform(line, 1), width) - side // 2
        y[n, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return y.reshape(x.shape)


@cut_out.cpu
def cut_out_cpu(x, step, rows, y, height, width, channels, side, seed, tag):
    key = scalars.key(seed, step, tag)
    for n in range(x.shape[0]):
        line = scalars.mix(U(key ^ U(rows[n])))
        top = drawn_below(scalars.uniform(line, U(0)), height) - side // 2
        left = drawn_below(scalars.uniform(line, U(1)), width) - side // 2
        for k in range(x.shape[1]):
            y[n, k] = x[n, k]
        for p in range(max(0, top), min(height, top + side)):
            for q in range(max(0, left), min(width, left + side)):
                for c in range(channels):
                    y[n, (p * width + q) * channels + c] = ZERO


@cut_out.cuda(gpu.numbers("N", "X"))
def cut_out_cuda(x, step, rows, y, N, X, height, width, channels, side, seed, tag):
    n, k = gpu.place()
    if n < N and k < X:
        line, pixel = line_of(step, rows, n, seed, tag), U(k // U(channels))
        p = U(pixel // U(width))
        down = I(p) - drawn_below(scalars.uniform(line, U(0)), height) + I(side // 2)
        right = I(pixel - U(p * U(width))) - drawn_below(scalars.uniform(line, U(1)), width) + I(side // 2)
        cut = down >= 0 and down < side and right >= 0 and right < side
        y[U(n * X + k)] = ZERO if cut else x[U(n * X + k)]


# -- mixing --------------------------------------------------------------------------------


@scalar
def beta(line, alpha):
    """A number of Beta(alpha, alpha), by Jöhnk's method (1964), in logarithms: a small alpha would underflow."""
    turn = U(0)
    while True:
        a = scalars.log(scalars.uniform(line, turn) + F(2.0**-25)) / alpha
        b = scalars.log(scalars.uniform(line, U(turn + U(1))) + F(2.0**-25)) / alpha
        if scalars.exp(a) + scalars.exp(b) <= ONE:
            return scalars.sigmoid(a - b)
        turn = U(turn + U(2))


@op(cut="N")
def mixing_shares(step, rows, *, alpha: float, seed: int, tag: int):
    """share = a number of Beta(alpha, alpha) for each example        step () int   rows (N) int   share (N)"""
    return np.array([beta(line, F(alpha)) for line in lines_of(step, rows, seed, tag)])


@mixing_shares.cpu
def mixing_shares_cpu(step, rows, share, alpha, seed, tag):
    key = scalars.key(seed, step, tag)
    for n in range(rows.size):
        share[n] = beta(scalars.mix(U(key ^ U(rows[n]))), alpha)


@mixing_shares.cuda(gpu.numbers("N"))
def mixing_shares_cuda(step, rows, share, N, alpha, seed, tag):
    n = gpu.number()
    if n < N:
        share[n] = beta(line_of(step, rows, n, seed, tag), alpha)


@op(cut="N I")
def blend(a, b, share):
    """y = share a + (1 - share) b        a (N, I)   b (N, I)   share (N)   y (N, I)"""
    return share[:, None] * a + (1 - share[:, None]) * b


@blend.gradient
def blend_gradient(ops, d, a, b, share, y):
    d[a] += ops.share_of_rows(d[y], share, rest=0)
    d[b] += ops.share_of_rows(d[y], share, rest=1)


@blend.cpu
def blend_cpu(a, b, share, y):
    for n in range(a.shape[0]):
        s = share[n]
        for i in range(a.shape[1]):
            y[n, i] = s * a[n, i] + (ONE - s) * b[n, i]


@blend.cuda(gpu.numbers("N", "I"))
def blend_cuda(a, b, share, y, N, I):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        y[U(n * I + i)] = share[n] * a[U(n * I + i)] + (ONE - share[n]) * b[U(n * I + i)]


@op(cut="N I")
def share_of_rows(dy, share, *, rest: int):
    """dx = share dy, or with rest (1 - share) dy        dy (N, I)   share (N)   dx (N, I)"""
    return (1 - share if rest else share)[:, None] * dy


@share_of_rows.cpu
def share_of_rows_cpu(dy, share, dx, rest):
    for n in range(dy.shape[0]):
        s = ONE - share[n] if rest else share[n]
        for i in range(dy.shape[1]):
            dx[n, i] = s * dy[n, i]


@share_of_rows.cuda(gpu.numbers("N", "I"))
def share_of_rows_cuda(dy, share, dx, N, I, rest):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        dx[U(n * I + i)] = (ONE - share[n] if rest else share[n]) * dy[U(n * I + i)]
