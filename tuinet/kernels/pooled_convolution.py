"""The gradients of a convolution that max pooling follows, from the pooled gradient itself.

Of each window of the pool one value went on, so one place of the convolution has a gradient, and all the others have
none. Products with them are left out: this is exact, and a pass (engine/passes.py) puts these ops in place of
`max_pool_back` and the convolution's own gradients. There are no groups here.
"""

from __future__ import annotations

from ..shapes import Geometry
from .blas import ADD, REPLACE, multiply
from .convolution import conv2d_inputs, conv2d_weights
from .op import op, scalar
from .pooling import inside, max_pool_back
from .scalars import ZERO
from .vectors import copy_rows, gather, hand_down
from .windows import lay_across, narrow


@scalar
def stretch_of(geometry):
    """How many values of a row of a window lie in one piece."""
    return geometry.wide if geometry.apart_right == 1 else 1


@scalar
def framed(geometry):
    """Height and width of an image with the zeros that its windows reach over."""
    g = geometry
    return (
        (g.rows - 1) * g.down + (g.tall - 1) * g.apart_down + 1,
        (g.columns - 1) * g.right + (g.wide - 1) * g.apart_right + 1,
    )


def room(geometry, pool):
    """How many numbers the two ops put into their scratch memory, and how many whole ones."""
    high, wide = framed(geometry)
    values = pool.channels * max(pool.rows * pool.columns, pool.tall * pool.wide)
    span = 1 + ((pool.tall - 1) * pool.apart_down * pool.width + (pool.wide - 1) * pool.apart_right) * pool.channels
    sums = pool.channels * geometry.inside
    reals = sums + high * wide * geometry.channels + values
    if narrow(geometry):
        reals = max(reals, geometry.rows * geometry.columns * (geometry.inside + pool.channels))
    return reals, values + pool.channels + span


@op(cut="N")
def conv2d_inputs_of_pooled(dy, place, V, scratch, lists, *, geometry: Geometry, pool: Geometry):
    """dx = max_pool_back(dy, place) V laid back over the windows, with V the weights turned

    dy (N, Y)   place (N, Y) int   V (O, K)   scratch (S)   lists (L) int   dx (N, X)
    """
    return conv2d_inputs.define(max_pool_back.define(dy, place, geometry=pool), V, scratch, geometry=geometry)


@conv2d_inputs_of_pooled.sizes
def conv2d_inputs_of_pooled_sizes(size, geometry, pool):
    return {"X": geometry.height * geometry.width * geometry.channels}


@conv2d_inputs_of_pooled.cpu
def conv2d_inputs_of_pooled_cpu(dy, place, V, scratch, lists, dx, geometry, pool):
    """For each place under a window of the pool the list of channels whose largest value stood there."""
    g, O, line = geometry, V.shape[0], V.strides[0] // 4  # noqa: E741
    ends = pool.tall * pool.wide * O  # behind the lists: where each ends, by how far its place is from the first
    down, right = pool.apart_down * pool.width * O, pool.apart_right * O
    for n in range(dy.shape[0]):
        image = n * (dx.strides[0] // 4)
        for i in range(dx.shape[1]):
            dx[n, i] = ZERO
        for p in range(pool.rows):
            for q in range(pool.columns):
                top, left = p * pool.down - pool.top, q * pool.right - pool.left
                first, out = (top * pool.width + left) * O, (p * pool.columns + q) * O
                for u in range(pool.tall):
                    for v in range(pool.wide):
                        lists[ends + u * down + v * right] = (u * pool.wide + v) * O
                for c in range(O):
                    value, end = dy[n, out + c], ends + place[n, out + c] - first - c
                    at = lists[end]
                    scratch[at] = value
                    lists[at] = c * line
                    lists[end] = at + (value != ZERO)
                for u in range(pool.tall):
                    for v in range(pool.wide):
                        begin = (u * pool.wide + v) * O
                        count = lists[ends + u * down + v * right] - begin
                        if count > 0:
                            i = (top + u * pool.apart_down) * g.down - g.top
                            j = (left + v * pool.apart_right) * g.right - g.left
                            add_window(scratch, lists, begin, count, V, dx, image, i, j, geometry)


@scalar
def add_window(scratch, lists, begin, count, V, dx, image, i, j, geometry):
    """Add the weights of the listed channels, each times its value, to a window that begins at i, j."""
    g, piece = geometry, stretch_of(geometry)
    for a in range(g.tall):
        row = i + a * g.apart_down
        if row >= 0 and row < g.height:
            for b in range(0, g.wide, piece):
                column = j + b * g.apart_right
                low, high = max(0, -column), min(piece, g.width - column)
                weights, to = (a * g.wide + b + low) * g.channels, (row * g.width + column + low) * g.channels
                if low < high:
                    length = (high - low) * g.channels
                    gather(scratch, begin, lists, begin, count, V, weights, dx, image + to, length)


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
    if narrow(geometry):
        product_of_images(x, dy, place, scratch, numbers, dW, geometry, pool)
    else:
        sums_of_lists(x, dy, place, scratch, lists, numbers, dW, geometry, pool)


@scalar
def product_of_images(x, dy, place, scratch, numbers, dW, geometry, pool):
    """Image by image the gradient of every place, in near memory, and a product: for windows too narrow for lists."""
    K, O = dW.shape  # noqa: E741
    places, windows = geometry.rows * geometry.columns, pool.rows * pool.columns
    dz, depth = K * places, pool.channels
    down, right = pool.apart_down * pool.width, pool.apart_right
    line, where = dy.strides[0] // 4, place.strides[0] // 4
    for n in range(x.shape[0]):
        for i in range(places * O):
            scratch[dz + i] = ZERO
        for p in range(pool.rows):
            for q in range(pool.columns):
                top, rows, left, columns = inside(p, q, pool)
                r, first = n * windows + p * pool.columns + q, top * pool.width + left
                number = first * depth + numbers[0]
                hand_down(
                    dy, r * line, place, r * where, number, rows, down * depth, columns, right * depth,
                    scratch, dz + first * O, down * O, right * O, O,
                )  # fmt: skip
        lay_across(x, n, scratch, 0, geometry.rows, 0, geometry)
        mode = ADD if n > 0 else REPLACE
        multiply(scratch, 0, places, 1, scratch, dz, O, dW, 0, dW.strides[0] // 4, dW, 0, K, O, places, mode)


@scalar
def sums_of_lists(x, dy, place, scratch, lists, numbers, dW, geometry, pool):
    """For each output the list of windows that it was largest in: their sum, each times its gradient."""
    g, piece = geometry, stretch_of(geometry)
    K, O = dW.shape  # noqa: E741
    depth, all_wide, windows = g.channels, framed(g)[1], pool.rows * pool.columns
    values = O * K + framed(g)[0] * all_wide * depth  # behind the sums and the image
    counts, shifts = O * windows, O * windows + O  # behind the lists: how long each is; from a place to its window
    down, right = pool.apart_down * pool.width * pool.channels, pool.apart_right * pool.channels
    for u in range(pool.tall):
        for v in range(pool.wide):
            there = (u * pool.apart_down * g.down * all_wide + v * pool.apart_right * g.right) * depth
            lists[shifts + u * down + v * right] = there
    for i in range(O * K):
        scratch[i] = ZERO
    for n in range(x.shape[0]):
        frame(x, n, scratch, O * K, geometry)
        for c in range(O):
            lists[counts + c] = 0
        for p in range(pool.rows):
            for q in range(pool.columns):
                top, left = p * pool.down - pool.top, q * pool.right - pool.left
                first = (top * pool.width + left) * pool.channels + numbers[0]
                window = O * K + (top * g.down * all_wide + left * g.right) * depth
                r = n * windows + p * pool.columns + q
                for c in range(O):
                    value, at = dy[r, c], c * windows + lists[counts + c]
                    scratch[values + at] = value
                    lists[at] = window + lists[shifts + place[r, c] - first - c]
                    lists[counts + c] += value != ZERO
        for c in range(O):
            begin, count = c * windows, lists[counts + c]
            for a in range(g.tall):
                for b in range(0, g.wide, piece):
                    there, to = (a * g.apart_down * all_wide + b * g.apart_right) * depth, (a * g.wide + b) * depth
                    gather(
                        scratch, values + begin, lists, begin, count, scratch, there, scratch, c * K + to, piece * depth
                    )
    for k in range(K):
        for c in range(O):
            dW[k, c] = scratch[c * K + k]


@scalar
def frame(x, n, scratch, at, geometry):
    """Image n with zeros around it, as far as its windows reach."""
    g = geometry
    high, wide = framed(geometry)
    low, end = min(wide, g.left) * g.channels, min(wide, g.left + g.width) * g.channels
    for i in range(high):
        start, row = at + i * wide * g.channels, i - g.top
        if row >= 0 and row < g.height:
            for c in range(low):
                scratch[start + c] = ZERO
            source = n * (x.strides[0] // 4) + row * g.width * g.channels
            copy_rows(x, source, 0, scratch, start + low, 0, 1, end - low)
            for c in range(wide * g.channels - end):
                scratch[start + end + c] = ZERO
        else:
            for c in range(wide * g.channels):
                scratch[start + c] = ZERO
