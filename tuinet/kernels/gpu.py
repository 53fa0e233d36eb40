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

from .scalars import ZERO, U

DEVICE: list[Callable] = []  # plain functions that kernels may call, of a GPU only
WARP = 32  # threads that go in step


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

    when(the same) says for which sizes the kernel is launched at all, where those of an op take turns.
    """

    block: tuple[int, int]
    grid: Callable[[dict], tuple[int, int, int]]
    when: Callable[[dict], bool] = lambda s: True

    @property
    def threads(self):
        return prod(self.block)


def blocks(count, each):
    """As many as hold so many, each of them some."""
    return max(1, -(-int(count) // each))


def numbers(*letters):
    """A thread for each number: of a matrix at gpu.place(), of a vector or of any array at gpu.number()."""
    if len(letters) == 2:
        rows, columns = letters
        return Launch((32, 8), lambda s: (blocks(s[rows], 8), blocks(s[columns], 32), 1))
    letter = letters[0] if letters else "size"
    return Launch((256, 1), lambda s: (blocks(s[letter], 256), 1, 1))


def warps(letter):
    """A warp for each row: gpu.warp_row() says which, gpu.lane() who in it."""
    return Launch((WARP, 4), lambda s: (blocks(s[letter], 4), 1, 1))


def rows(letter, threads=256):
    """A block for each row: gpu.block_row() says which."""
    return Launch((threads, 1), lambda s: (max(1, s[letter]), 1, 1))


def columns(letter):
    """A block of 8 warps for each 32 columns: thread (x, y) works on the rows y, y + 8, ... of column gpu.column()."""
    return Launch((WARP, 8), lambda s: (blocks(s[letter], WARP), 1, 1))


def one_block(threads=256):
    """A single block, where all there is becomes one number."""
    return Launch((threads, 1), lambda s: (1, 1, 1))


ALONE = Launch((1, 1), lambda s: (1, 1, 1))  # a single thread, for what is one number


# -- where a thread stands ----------------------------------------------------------------------


@device
def place():
    """(row, column) of this thread's number in a matrix."""
    n = U(U(cuda.blockIdx.x) * U(8) + U(cuda.threadIdx.y))
    return n, U(U(cuda.blockIdx.y) * U(32) + U(cuda.threadIdx.x))


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
def block_max(value, shares):
    """The largest over a block of whole warps, at most 32 of them. shares: 32 shared float32."""
    at, warps = U(U(cuda.threadIdx.x) >> U(5)), U(U(cuda.blockDim.x) >> U(5))
    value = warp_max(value)
    if lane() == U(0):
        shares[at] = value
    cuda.syncthreads()
    largest = shares[0]
    for i in range(warps):
        largest = max(largest, shares[i])
    cuda.syncthreads()
    return largest


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
