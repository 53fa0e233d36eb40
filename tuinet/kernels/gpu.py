"""What the CUDA kernels of the ops have in common: the words they are written in, and how they are launched.

A CUDA kernel is a plain function, as a CPU kernel is, and this file is read without Numba: `cuda` stands for
numba.cuda until engine/cuda compiles with the real one. What a kernel calls is a `scalar` (op.py), or a `device`
function: one that only makes sense on a GPU.

A kernel takes its operands as addresses of float32 or int32, row by row without gaps; then, as uint32, the letters of
its op's docstring ("size" for arrays of any shape); then the op's settings. Numba computes with 64 bits where whole
numbers meet, and a GPU has 32: hence U(...) around every index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from .scalars import ONE, ZERO, F, I, U

DEVICE: list[Callable] = []  # plain functions that kernels may call, of a GPU only
WARP = 32  # threads that go in step
LONGEST = 65535  # blocks along y, or along z; along x there may be 32,768 times as many


class Stand:
    """In place of numba.cuda, until a kernel is compiled."""


cuda = Stand()


def device(function):
    """Let CUDA kernels call this plain function."""
    DEVICE.append(function)
    return function


# -- how a kernel is launched -------------------------------------------------------------------


@dataclass(frozen=True)
class Launch:
    """How many blocks of how many threads: grid(sizes by letter, and settings by name) gives (x, y, z).

    Where one of them is 0 there is nothing to do, and nothing is launched.

    together: blocks that shall find room on a multiprocessor at the same time, which bounds their registers.
    """

    block: tuple[int, int]
    grid: Callable[[dict], tuple[int, int, int]]
    together: int = 1

    @property
    def threads(self):
        return prod(self.block)

    @property
    def bounds(self):
        """What the compiler must know of it."""
        return self.threads, self.together


def blocks(count, each):
    """As many as hold so many, each of them some."""
    return max(1, -(-int(count) // each))


def over(rows, columns):
    """A grid of blocks of 32 x 8 threads over a matrix: the columns that y is too short for go on along z."""
    across = blocks(columns, 32)
    layers = blocks(across, LONGEST)
    return blocks(rows, 8), blocks(across, layers), layers


def numbers(*letters):
    """A thread for each number: of a matrix at gpu.place(), of a vector or of any array at gpu.number()."""
    if len(letters) == 2:
        rows, columns = letters
        return Launch((32, 8), lambda s: over(s[rows], s[columns]))
    letter = letters[0] if letters else "size"
    return Launch((256, 1), lambda s: (blocks(s[letter], 256), 1, 1))


def warps(letter):
    """A warp for each row: gpu.warp_row() says which, gpu.lane() who in it."""
    return Launch((WARP, 4), lambda s: (blocks(s[letter], 4), 1, 1))


def columns(letter):
    """A block of 8 warps for each 32 columns: thread (x, y) works on the rows y, y + 8, ... of column gpu.column()."""
    return Launch((WARP, 8), lambda s: (blocks(s[letter], WARP), 1, 1))


def one_block(threads=256):
    """A single block, where all there is becomes one number."""
    return Launch((threads, 1), lambda s: (1, 1, 1))


def stretched(rows, columns):
    """As columns(), with blocks for each stretch of the rows: for a kernel that ends with gpu.give_sums()."""
    return Launch((WARP, 8), lambda s: (blocks(s[columns], WARP), int(stretches(s[rows], ROWS)), 1))


def joined(rows, columns):
    """As columns(), behind stretched(): nothing where a single stretch has all the rows."""
    return Launch((WARP, 8), lambda s: (blocks(s[columns], WARP) if s[rows] > ROWS else 0, 1, 1))


def row_sums(rows, columns):
    """The room that stretched() and joined() need."""
    return lambda s: int(stretches(s[rows], ROWS)) * s[columns]


def parts(letter):
    """A block for each stretch of a vector's numbers, before one_block(); nothing where that can add up all of them."""
    return Launch((256, 1), lambda s: (int(stretches(s[letter], NUMBERS)) if s[letter] > NUMBERS else 0, 1, 1))


def part_sums(letter):
    """The room that parts() needs."""
    return lambda s: int(stretches(s[letter], NUMBERS))


ALONE = Launch((1, 1), lambda s: (1, 1, 1))  # a single thread, for what is one number


# -- where a thread stands ----------------------------------------------------------------------


@device
def place():
    """(row, column) of this thread's number in a matrix."""
    n = U(U(cuda.blockIdx.x) * U(8) + U(cuda.threadIdx.y))
    across = U(U(cuda.blockIdx.z) * U(cuda.gridDim.y) + U(cuda.blockIdx.y))
    return n, U(across * U(32) + U(cuda.threadIdx.x))


@device
def number():
    """The number of this thread among all."""
    return U(U(cuda.blockIdx.x) * U(256) + U(cuda.threadIdx.x))


@device
def lane():
    """The number of this thread in its warp."""
    return U(U(cuda.threadIdx.x) & U(31))


@device
def warp_row():
    """The row that this warp works on."""
    return U(U(cuda.blockIdx.x) * U(4) + U(cuda.threadIdx.y))


@device
def block_row():
    """The row that this block works on."""
    return U(cuda.blockIdx.x)


@device
def column():
    """The column that this thread works on, of 32 in a block."""
    return U(U(cuda.blockIdx.x) * U(32) + U(cuda.threadIdx.x))


# -- what the threads of a warp, or of a block, make together --------------------------------------


@device
def warp_sum(value):
    """The sum over the warp, the same for each of its threads and in the same order."""
    for turn in range(5):
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, 16 >> turn)
    return value


@device
def warp_max(value):
    """The largest over the warp."""
    for turn in range(5):
        value = max(value, cuda.shfl_xor_sync(0xFFFFFFFF, value, 16 >> turn))
    return value


@device
def block_sum(value, shares):
    """The sum over a block of whole warps, at most 32 of them. shares: 32 shared float32."""
    at, warps = U(U(cuda.threadIdx.x) >> U(5)), U(U(cuda.blockDim.x) >> U(5))
    value = warp_sum(value)
    if lane() == U(0):
        shares[at] = value
    cuda.syncthreads()
    total = ZERO
    for i in range(warps):
        total += shares[i]
    cuda.syncthreads()
    return total


@device
def sum_over_warps(value, shares):
    """Of a block of 8 warps, for each of 32 columns: the sum over the warps. shares: (8, 32) shared float32."""
    x, y = U(cuda.threadIdx.x), U(cuda.threadIdx.y)
    shares[y, x] = value
    cuda.syncthreads()
    total = ZERO
    for i in range(8):
        total += shares[i, x]
    cuda.syncthreads()
    return total


# -- long sums: each block adds up a stretch, and then one adds up what they found -----------------

ROWS, NUMBERS = U(256), U(4096)  # a stretch has at least so many rows of a matrix, or numbers of a vector


@device
def stretch(count, least):
    """How many of so many one block adds up: at least so many that 256 blocks do, on any device."""
    return max(least, U(U(U(count) + U(255)) >> U(8)))


@device
def stretches(count, least):
    """How many blocks that makes."""
    each = stretch(count, least)
    return max(U(1), U(U(U(count) + each - U(1)) // each))


@device
def row_stretch(N):
    """(first, end) of the rows that this block adds up, for this warp: it takes each eighth."""
    each = stretch(N, ROWS)
    first = U(U(cuda.blockIdx.y) * each)
    return U(first + U(cuda.threadIdx.y)), min(N, U(first + each))


@device
def stretch_size(k, N):
    """How many rows stretch k has: the last has what is left."""
    each = stretch(N, ROWS)
    return min(each, U(N - U(k * each)))


@device
def give_sums(total, s, I, keep, room, begin):  # noqa: E741
    """Make s[i] of the totals that the warps have of column i, or put them into room where there are more stretches.

    begin: from where on in room, as several sums may be made at once.
    """
    i, total = column(), sum_over_warps(total, cuda.shared.array((8, 32), F))
    if i < I and cuda.threadIdx.y == 0:
        if cuda.gridDim.y > 1:
            room[U(begin + U(U(cuda.blockIdx.y) * I + i))] = total
        else:
            s[i] = s[i] + total if keep else total


@device
def join_sums(s, N, I, keep, room, begin):  # noqa: E741
    """Make s of what the stretches have put into room."""
    i, total = column(), ZERO
    if i < I:
        for k in range(U(cuda.threadIdx.y), stretches(N, ROWS), U(8)):
            total += room[U(begin + U(k * I + i))]
    total = sum_over_warps(total, cuda.shared.array((8, 32), F))
    if i < I and cuda.threadIdx.y == 0:
        s[i] = s[i] + total if keep else total


@device
def sum_part(values, N, room):
    """Put the sum of this block's stretch of the values into room."""
    each = stretch(N, NUMBERS)
    first, total = U(U(cuda.blockIdx.x) * each), ZERO
    for n in range(U(first + U(cuda.threadIdx.x)), min(N, U(first + each)), U(256)):
        total += values[n]
    total = block_sum(total, cuda.shared.array(32, F))
    if cuda.threadIdx.x == 0:
        room[U(cuda.blockIdx.x)] = total


@device
def sum_of_parts(values, N, room):
    """The sum of all values, for one block: of what is in room where their stretches had blocks of their own."""
    count, total = stretches(N, NUMBERS), ZERO
    addends = room if count > U(1) else values
    for n in range(U(cuda.threadIdx.x), count if count > U(1) else N, U(256)):
        total += addends[n]
    return block_sum(total, cuda.shared.array(32, F))


# -- arithmetic that needs care in 32 bits --------------------------------------------------------


@device
def rest_of_power(rest, t):
    """1 - (1 - rest)^t without cancellation, by squaring: what is missing to 1 of a b is r + s - r s for 1-a, 1-b."""
    missing = ZERO
    while t > U(0):
        if t & U(1):
            missing = missing + rest - missing * rest
        rest = rest + rest - rest * rest
        t = U(t >> U(1))
    return missing


@device
def divisor(d):
    """What divided() takes to divide by d."""
    return U(d), ONE / F(U(d))


@device
def divided(x, by):
    """(x // d, x % d) without a division, for whole numbers whose quotient is below 2^21.

    In float32 the quotient is then off by one at most.
    """
    d, share = by
    q = U(F(U(x)) * share)
    rest = I(U(x) - U(q * d))
    if rest < I(0):
        q, rest = U(q - U(1)), I(rest + I(d))
    elif rest >= I(d):
        q, rest = U(q + U(1)), I(rest - I(d))
    return q, U(rest)
