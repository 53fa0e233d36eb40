"""The gradients of a convolution that max pooling follows, from the pooled gradient itself.

Of each window of the pool one value went on, so one place of the convolution has a gradient, and all the others have
none. Products with them are left out: this is exact, and a pass (engine/passes.py) puts these ops in place of
`max_pool_back` and the convolution's own gradients. There are no groups here.
"""

from __future__ import annotations

import numpy as np

from ..shapes import Geometry
from . import gpu
from .blas import ADD, REPLACE, multiply
from .convolution import BY_TILES, conv2d_inputs, conv2d_weights, one_each_back, one_each_of_weights, turn_tile
from .gpu_tiles import ACROSS, product_number, products, put
from .gpu_windows import RESULTS, TURNED_WEIGHTS, WINDOWS_TURNED, results_of, weights_of, windows_of
from .op import op, scalar
from .parts import part
from .pooling import alike, inside, max_pool_back, max_pool_back_cuda, tiled
from .scalars import ZERO, U
from .vectors import copy_rows, gather, hand_down, pick, turn
from .windows import VECTOR, lay_across, spread

NEAREST = 8192  # numbers: as many as the nearest cache holds


@scalar
def stretch_of(geometry):
    """How many values of a row of a window lie in one piece."""
    return geometry.wide if geometry.apart_right == 1 else 1


@scalar
def aligned(count):
    """The numbers of as many whole vectors as hold so many: what begins behind them is read in half the time."""
    return (count + VECTOR - 1) // VECTOR * VECTOR


@scalar
def framed(geometry):
    """Height and width of an image with the zeros that its windows reach over."""
    g = geometry
    return (
        (g.rows - 1) * g.down + (g.tall - 1) * g.apart_down + 1,
        (g.columns - 1) * g.right + (g.wide - 1) * g.apart_right + 1,
    )


@scalar
def listed(pool):
    """Numbers in the lists of a window: each place's has room for all channels, and whole vectors are written."""
    return pool.tall * pool.wide * pool.channels + VECTOR


def room(geometry, pool):
    """How many numbers the ops put into their scratch memory, and how many whole ones."""
    (high, wide), depth = framed(geometry), aligned(geometry.channels)
    windows, span = pool.rows * pool.columns, 1 + (pool.tall - 1) * pool.apart_down * pool.width * pool.channels
    span += (pool.wide - 1) * pool.apart_right * pool.channels
    sums = (pool.channels * geometry.tall * geometry.wide + high * wide) * depth + windows * pool.channels
    stripes = stripe(geometry, pool) * geometry.columns * (geometry.inside + aligned(pool.channels))
    wholes = max(listed(pool) + pool.tall * pool.wide, (windows + 1) * pool.channels + span)
    return max(listed(pool), sums, stripes), wholes


def in_pieces(geometry):
    """The pieces of a window's row of weights that lie side by side in an image: how many, and numbers in each."""
    pieces = geometry.tall * geometry.wide // stretch_of(geometry)
    return pieces, geometry.inside // pieces


@op(cut="O")
def turned_in_pieces(W, *, geometry: Geometry):
    """V = W^T, piece by piece as they lie side by side in an image, each filled up with zeros to whole vectors

    W (K, O)   V (O, L)
    """
    pieces, length = in_pieces(geometry)
    return np.pad(W.T.reshape(-1, pieces, length), ((0, 0), (0, 0), (0, aligned(length) - length))).reshape(
        W.shape[1], -1
    )


@turned_in_pieces.sizes
def turned_in_pieces_sizes(size, geometry):
    pieces, length = in_pieces(geometry)
    return {"L": pieces * aligned(length)}


@turned_in_pieces.cpu
def turned_in_pieces_cpu(W, V, geometry):
    length = stretch_of(geometry) * geometry.channels
    pieces, line = W.shape[0] // length, aligned(length)
    below, across = W.strides[0] // 4, V.strides[0] // 4
    for p in range(pieces):
        turn(W, p * length * below, below, V, p * line, across, length, W.shape[1])
        for o in range(W.shape[1]):
            for i in range(length, line):
                V[o, p * line + i] = ZERO


@turned_in_pieces.cuda(gpu.Launch(BY_TILES, lambda s: (gpu.blocks(s["L"], 32), gpu.blocks(s["O"], 32), 1)))
def turned_in_pieces_cuda(W, V, K, O, L, geometry):  # noqa: E741
    length = stretch_of(geometry) * geometry.channels
    turn_tile(W, V, L, O, U(length), U(aligned(length)))


# -- on a GPU: the convolution's gradient is made whole after all, in room, and multiplied as ever ------


def whole(s):
    """How many numbers the gradient of a convolution has that a pool follows."""
    pool = s["pool"]
    return s["N"] * pool.height * pool.width * pool.channels


HANDED_BACK = gpu.Launch((32, 8), lambda s: gpu.over(s["N"], whole(s) // max(1, s["N"])))
hand_back = gpu.device(max_pool_back_cuda)


@gpu.device
def image_of(pool):
    """Numbers of an image that is pooled, and of what the pool makes of it."""
    return U(U(pool.height * pool.width) * U(pool.channels)), U(U(pool.rows * pool.columns) * U(pool.channels))


# ------------------------------------------------------------------------------------------


@op(cut="N")
def conv2d_inputs_of_pooled(dy, place, V, scratch, lists, *, geometry: Geometry, pool: Geometry):
    """dx = max_pool_back(dy, place) V laid back over the windows, with V the weights turned in pieces

    dy (N, Y)   place (N, Y) int   V (O, L)   scratch (S)   lists (M) int   dx (N, X)
    """
    pieces, length = in_pieces(geometry)
    weights = V.reshape(len(V), pieces, -1)[:, :, :length].reshape(len(V), -1)
    return conv2d_inputs.define(max_pool_back.define(dy, place, geometry=pool), weights, scratch, geometry=geometry)


@conv2d_inputs_of_pooled.sizes
def conv2d_inputs_of_pooled_sizes(size, geometry, pool):
    return {"X": geometry.height * geometry.width * geometry.channels}


@conv2d_inputs_of_pooled.cpu
def conv2d_inputs_of_pooled_cpu(dy, place, V, scratch, lists, dx, geometry, pool):
    """For each place under a window of the pool the list of channels whose largest value stood there."""
    g, O, line = geometry, V.shape[0], V.strides[0] // 4  # noqa: E741
    depth, counts = O * pool.width, listed(pool)
    for n in range(dy.shape[0]):
        image, row, where = n * (dx.strides[0] // 4), n * (dy.strides[0] // 4), n * (place.strides[0] // 4)
        for i in range(dx.shape[1]):
            dx[n, i] = ZERO
        for p in range(pool.rows):
            for q in range(pool.columns):
                top, left, out = p * pool.down - pool.top, q * pool.right - pool.left, (p * pool.columns + q) * O
                pick(
                    dy, row + out, place, where + out, (top * pool.width + left) * O,
                    pool.tall, pool.apart_down * depth, pool.wide, pool.apart_right * O, O, line,
                    scratch, 0, lists, 0, lists, counts,
                )  # fmt: skip
                for u in range(pool.tall):
                    for v in range(pool.wide):
                        number = u * pool.wide + v
                        i = (top + u * pool.apart_down) * g.down - g.top
                        j = (left + v * pool.apart_right) * g.right - g.left
                        if lists[counts + number] > 0:
                            add_window(scratch, lists, number * O, lists[counts + number], V, dx, image, i, j, geometry)


@conv2d_inputs_of_pooled.cuda(HANDED_BACK, whole)
def hand_back_to_inputs(dy, place, V, scratch, lists, dx, N, Y, O, L, S, M, X, geometry, pool, room):  # noqa: E741
    hand_back(dy, place, room, N, Y, image_of(pool)[0], pool)


@products(conv2d_inputs_of_pooled, one_each_back, RESULTS, TURNED_WEIGHTS, put, whole)
def conv2d_inputs_of_pooled_cuda(multiply):
    def kernel(dy, place, V, scratch, lists, dx, N, Y, O, L, S, M, X, geometry, pool, room):  # noqa: E741
        g, piece, numbers = geometry, stretch_of(geometry), image_of(pool)[0]
        results = results_of(room, U(0), numbers, O, geometry)
        weights = weights_of(V, U(0), L, O, geometry, piece, aligned(piece * g.channels))
        to, places = (dx, U(0), U(g.channels), False), U(N * U(g.height * g.width))
        k = U(U(g.tall * g.wide) * O)
        multiply(results, weights, to, U(N * numbers), 1, places, U(g.channels), k, room)

    return kernel


@scalar
def add_window(scratch, lists, begin, count, V, dx, image, i, j, geometry):
    """Add the weights of the listed channels, each times its value, to a window that begins at i, j."""
    g, piece = geometry, stretch_of(geometry)
    first = max(0, (g.apart_down - 1 - i) // g.apart_down)  # of the rows those in the image
    rows = min(g.tall, (g.height - 1 - i) // g.apart_down + 1) - first
    pieces, line, down = g.wide // piece, aligned(piece * g.channels), g.apart_down * g.width * g.channels
    for b in range(pieces):
        column = j + b * g.apart_right
        low, high = max(0, -column), min(piece, g.width - column)
        if low < high and rows > 0:
            weights, to = (first * pieces + b) * line + low * g.channels, (i + first * g.apart_down) * g.width
            gather(
                scratch, begin, lists, begin, count, V, weights, pieces * line,
                dx, image + (to + column + low) * g.channels, down, rows, (high - low) * g.channels,
            )  # fmt: skip


# ------------------------------------------------------------------------------------------


@op(cut="O")
def conv2d_weights_of_pooled(x, dy, place, scratch, lists, numbers, *, geometry: Geometry, pool: Geometry):
    """dW = windows^T max_pool_back(dy, place)

    x (N, X)   dy (R, O)   place (R, O) int   scratch (S)   lists (L) int   numbers (O) int   dW (K, O)

    numbers says which outputs these are.
    """
    dy, place = (array.reshape(len(x), -1) for array in (dy, place))
    dz = max_pool_back.define(dy, place, geometry=pool).reshape(-1, pool.channels)
    return conv2d_weights.define(x, dz, scratch, numbers, geometry=geometry)


@conv2d_weights_of_pooled.sizes
def conv2d_weights_of_pooled_sizes(size, geometry, pool):
    return {"K": geometry.inside}


@conv2d_weights_of_pooled.cpu
def conv2d_weights_of_pooled_cpu(x, dy, place, scratch, lists, numbers, dW, geometry, pool):
    """For each output the list of windows that it was largest in: their sum, each times its gradient."""
    g, O, piece, depth = geometry, dW.shape[1], stretch_of(geometry), aligned(geometry.channels)  # noqa: E741
    (high, all_wide), windows, row = framed(g), pool.rows * pool.columns, g.tall * g.wide * depth
    values = O * row + high * all_wide * depth  # behind the sums and the image
    counts, shifts = O * windows, O * windows + O  # behind the lists: how long each is; from a place to its window
    down, right = pool.apart_down * pool.width * pool.channels, pool.apart_right * pool.channels
    for u in range(pool.tall):
        for v in range(pool.wide):
            there = (u * pool.apart_down * g.down * all_wide + v * pool.apart_right * g.right) * depth
            lists[shifts + u * down + v * right] = there
    for i in range(O * row):
        scratch[i] = ZERO
    for n in range(x.shape[0]):
        frame(x, n, scratch, O * row, depth, geometry)
        for c in range(O):
            lists[counts + c] = 0
        for p in range(pool.rows):
            for q in range(pool.columns):
                top, left = p * pool.down - pool.top, q * pool.right - pool.left
                first = (top * pool.width + left) * pool.channels + numbers[0]
                window = O * row + (top * g.down * all_wide + left * g.right) * depth
                r = n * windows + p * pool.columns + q
                for c in range(O):
                    value, at = dy[r, c], c * windows + lists[counts + c]
                    scratch[values + at] = value
                    lists[at] = window + lists[shifts + place[r, c] - first - c]
                    lists[counts + c] += value != ZERO
        for c in range(O):
            begin, count = c * windows, lists[counts + c]
            for b in range(g.wide // piece):
                gather(
                    scratch, values + begin, lists, begin, count,
                    scratch, b * g.apart_right * depth, g.apart_down * all_wide * depth,
                    scratch, c * row + b * depth, g.wide * depth, g.tall, piece * depth,
                )  # fmt: skip
    below = dW.strides[0] // 4
    for k in range(g.tall * g.wide):
        turn(scratch, k * depth, row, dW, k * g.channels * below, below, O, g.channels)


@conv2d_weights_of_pooled.cuda(HANDED_BACK, whole)
def hand_back_to_weights(x, dy, place, scratch, lists, numbers, dW, N, X, R, O, S, L, K, geometry, pool, room):  # noqa: E741
    image, pooled = image_of(pool)
    hand_back(dy, place, room, N, pooled, image, pool)


@products(conv2d_weights_of_pooled, one_each_of_weights, WINDOWS_TURNED, ACROSS, put, whole)
def conv2d_weights_of_pooled_cuda(multiply):
    def kernel(x, dy, place, scratch, lists, numbers, dW, N, X, R, O, S, L, K, geometry, pool, room):  # noqa: E741
        g, taken = geometry, U(N * image_of(pool)[0])
        count = U(N * U(g.rows * g.columns))
        multiply(windows_of(x, U(0), g), (room, U(0), O), (dW, U(0), O, False), taken, 1, K, O, count, room)

    return kernel


@scalar
def frame(x, n, scratch, at, depth, geometry):
    """Image n with zeros around it, as far as its windows reach, and behind the numbers of each of its places."""
    g = geometry
    high, wide = framed(geometry)
    low, end = min(wide, g.left), min(wide, g.left + g.width)
    image = part(scratch, at, high * wide * depth)
    if low > 0 or end < wide or high > g.height or g.top > 0 or depth > g.channels:
        for i in range(high * wide * depth):
            image[i] = ZERO
    for i in range(high):
        row = i - g.top
        if row >= 0 and row < g.height and low < end:
            source = (n * (x.strides[0] // 4)) + row * g.width * g.channels
            copy_rows(x, source, g.channels, image, (i * wide + low) * depth, depth, end - low, g.channels)


# ------------------------------------------------------------------------------------------


@scalar
def stripe(geometry, pool):
    """So many rows of windows are worked on at a time that their numbers and gradients stay in the nearest cache."""
    g = geometry
    rows = NEAREST // (g.columns * (g.tall * g.wide * g.channels + aligned(pool.channels)))
    return min(g.rows, max(1, rows // pool.down) * pool.down)


@op(cut="N")
def conv2d_shares_of_pooled(x, dy, place, scratch, *, geometry: Geometry, pool: Geometry):
    """dW = of each image windows^T max_pool_back(dy, place), as a row of numbers

    x (N, X)   dy (N, Y)   place (N, Y) int   scratch (S)   dW (N, P)
    """
    dz, windows = max_pool_back.define(dy, place, geometry=pool), spread(x, geometry)[0]
    both = windows.reshape(len(x), -1, geometry.inside), dz.reshape(len(x), -1, pool.channels)
    return (both[0].swapaxes(1, 2) @ both[1]).reshape(len(x), -1)


@conv2d_shares_of_pooled.sizes
def conv2d_shares_of_pooled_sizes(size, geometry, pool):
    return {"P": geometry.inside * pool.channels}


@conv2d_shares_of_pooled.cpu
def conv2d_shares_of_pooled_cpu(x, dy, place, scratch, dW, geometry, pool):
    """A few rows at a time the gradient of every place, in near memory, and a product: for windows too narrow for
    lists.
    """
    g, depth = geometry, pool.channels
    K, keep = dW.shape[1] // depth, not tiled(pool)
    down, right, line, high = pool.apart_down * pool.width, pool.apart_right, aligned(depth), stripe(geometry, pool)
    for n in range(x.shape[0]):
        for first in range(0, g.rows, high):
            last = min(first + high, g.rows)
            places = (last - first) * g.columns
            dz = part(scratch, 0, places * line)
            if keep:
                for i in range(places * line):
                    dz[i] = ZERO
            for p in range(pool.rows):
                q = 0
                while q < pool.columns:
                    count = alike(q, pool)
                    top, rows, left, columns = inside(p, q, pool)
                    above = max(0, (first - top + pool.apart_down - 1) // pool.apart_down)
                    rows = min(rows, (last - 1 - top) // pool.apart_down + 1) - above
                    if rows > 0:
                        top += above * pool.apart_down
                        r, number = (p * pool.columns + q) * depth, (top * pool.width + left) * depth
                        hand_down(
                            dy, n * (dy.strides[0] // 4) + r, place, n * (place.strides[0] // 4) + r, number,
                            rows, down * depth, columns, right * depth,
                            dz, ((top - first) * g.columns + left) * line, down * line, right * line, depth,
                            count, pool.right * depth, pool.right * line, keep,
                        )  # fmt: skip
                    q += count
            lay_across(x, n, scratch, places * line, first, last, 0, geometry)
            mode, out = ADD if first > 0 else REPLACE, n * (dW.strides[0] // 4)
            multiply(scratch, places * line, places, 1, scratch, 0, line, dW, out, depth, dW, 0, K, depth, places, mode)


@conv2d_shares_of_pooled.cuda(HANDED_BACK, whole)
def hand_back_to_shares(x, dy, place, scratch, dW, N, X, Y, S, P, geometry, pool, room):
    hand_back(dy, place, room, N, Y, image_of(pool)[0], pool)


def one_each_image(s):
    """Of each image a product of its windows and gradients."""
    g = s["geometry"]
    return s["N"], g.inside, s["pool"].channels, g.rows * g.columns


@products(conv2d_shares_of_pooled, one_each_image, WINDOWS_TURNED, ACROSS, put, whole)
def conv2d_shares_of_pooled_cuda(multiply):
    def kernel(x, dy, place, scratch, dW, N, X, Y, S, P, geometry, pool, room):
        g, n, image, outputs = geometry, product_number(N), image_of(pool)[0], U(pool.channels)
        windows, gradients = windows_of(x, U(n * X), g), (room, U(n * image), outputs)
        inside, places = U(U(g.tall * g.wide) * U(g.channels)), U(g.rows * g.columns)
        multiply(windows, gradients, (dW, U(n * P), outputs, False), U(N * image), N, inside, outputs, places, room)

    return kernel
