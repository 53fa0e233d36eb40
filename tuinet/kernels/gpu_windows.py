"""Windows of images as a side of a GPU's matrix product (gpu_tiles.py).

Windows are never laid out there: a tile reads their numbers in the image. What is to be known of a window, or of a
number in it, is where it begins: (numbers, rows, columns) into an image. For the way back it is the same with the
places of an image, and what was computed by the windows that reach over them.
"""

from __future__ import annotations

from . import gpu
from .gpu_tiles import Side, number_of
from .scalars import ZERO, I, U

# -- what windows hold ---------------------------------------------------------------------------------


@gpu.device
def channels_of_group(geometry):
    return U(U(geometry.channels) // U(geometry.groups))


@gpu.device
def windows_of(x, at, geometry):
    """What is to be known of all windows, which begin so many numbers behind the address."""
    g = geometry
    places, columns = gpu.divisor(U(g.rows * g.columns)), gpu.divisor(g.columns)
    return x, at, geometry, places, columns, gpu.divisor(channels_of_group(g)), gpu.divisor(g.wide)


@gpu.device
def window(windows, r):
    """Where window r of all images begins."""
    _, at, g, places, columns, _, _ = windows
    n, place = gpu.divided(r, places)
    p, q = gpu.divided(place, columns)
    i, j = I(I(p) * g.down - g.top), I(I(q) * g.right - g.left)
    image = U(U(U(n * U(g.height)) * U(g.width)) * U(g.channels))
    return I(at + image + U((i * g.width + j) * g.channels)), i, j


@gpu.device
def within(windows, k):
    """Where number k of a window stands in it."""
    _, _, g, _, _, channels, wide = windows
    place, c = gpu.divided(k, channels)
    u, v = gpu.divided(place, wide)
    i, j = I(I(u) * g.apart_down), I(I(v) * g.apart_right)
    return I(U((i * g.width + j) * g.channels) + c), i, j


@gpu.device
def pixel(windows, one, other):
    """The number that stands there; 0 outside of the image."""
    x, g = windows[0], windows[2]
    if U(one[1] + other[1]) < U(g.height) and U(one[2] + other[2]) < U(g.width):
        return x[U(one[0] + other[0])]
    return ZERO


WINDOWS = Side(True, window, within, pixel)  # row r is a window, k a number in it
WINDOWS_TURNED = Side(False, within, window, pixel)


# -- what windows have computed, from where it came ------------------------------------------------------


@gpu.device
def results_of(dy, at, Y, outputs, geometry):
    """What is to be known of what the windows computed, which begins so many numbers behind the address."""
    g = geometry
    places, width = gpu.divisor(U(g.height * g.width)), gpu.divisor(g.width)
    share, wide = gpu.divisor(U(outputs // U(g.groups))), gpu.divisor(g.wide)
    return dy, at, Y, outputs, geometry, places, width, share, wide, gpu.divisor(g.down), gpu.divisor(g.right)


@gpu.device
def image_place(results, r):
    """Where an image's results begin; and the row and column of place r of all images, counted with the padding."""
    _, at, Y, _, g, places, width, _, _, _, _ = results
    n, place = gpu.divided(r, places)
    i, j = gpu.divided(place, width)
    return I(at + U(n * Y)), I(i + U(g.top)), I(j + U(g.left))


@gpu.device
def way_back(results, k):
    """(output, rows, columns): k counts the outputs at each of the places where a number can stand in a window."""
    _, _, _, _, g, _, _, share, wide, _, _ = results
    place, output = gpu.divided(k, share)
    u, v = gpu.divided(place, wide)
    return I(output), I(I(u) * g.apart_down), I(I(v) * g.apart_right)


@gpu.device
def result(results, place, inner):
    """What the window computed in which the place stands there; 0 where there is no such window."""
    dy, _, _, outputs, g, _, _, _, _, down, right = results
    i, j = I(place[1] - inner[1]), I(place[2] - inner[2])
    if i < I(0) or j < I(0):
        return ZERO
    p, over = (U(i), U(0)) if g.down == 1 else gpu.divided(i, down)
    q, beside = (U(j), U(0)) if g.right == 1 else gpu.divided(j, right)
    if U(over | beside) or p >= U(g.rows) or q >= U(g.columns):
        return ZERO
    return dy[U(U(place[0]) + U(inner[0]) + U(U(p * U(g.columns) + q) * outputs))]


@gpu.device
def weights_of(V, at, line, outputs, geometry, piece, padded):
    """What is to be known of turned weights, which begin so many numbers behind the address. piece: places in a window
    whose numbers lie side by side; padded: numbers from one piece to the next.
    """
    share = gpu.divisor(U(outputs // U(geometry.groups)))
    return V, at, line, channels_of_group(geometry), U(padded), share, gpu.divisor(piece)


@gpu.device
def channel(weights, m):
    return I(weights[1] + m), I(0), I(0)


@gpu.device
def turned_line(weights, k):
    """Where the weights of an output begin at a place of its window; k as in way_back()."""
    _, _, line, depth, padded, share, piece = weights
    place, output = gpu.divided(k, share)
    number, inside = gpu.divided(place, piece)
    return I(U(output * line) + U(number * padded) + U(inside * depth)), I(0), I(0)


RESULTS = Side(True, image_place, way_back, result)  # row r is a place of an image, k an output of its windows
TURNED_WEIGHTS = Side(False, channel, turned_line, number_of)
