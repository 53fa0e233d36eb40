"""The matrix product of a GPU, which all others are made of: C[n, m] = the sum over k of A[n, k] B[k, m].

A block of 256 threads works out a square tile of C, each thread 4 x 4 or 8 x 8 numbers of it in registers. The block
reads A and B a few k at a time into shared memory, each number once for all its threads; while it multiplies these, the
next ones are on their way.

What A and B are is said by a `Side`: a matrix as it lies or turned, or the windows of images (convolution.py), of which
no array is ever made. How a sum ends up in memory is said by a function as well, with a bias or added to what is there.

A tile for each block leaves most of a GPU idle where C is small, as the gradient of weights is. There the sum over k is
cut into parts that are worked out at the same time and added up, always in the same order, by a second kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from . import gpu
from .gpu import cuda
from .op import scalar
from .scalars import ZERO, F, I, U

THREADS = 256
FULL = 256  # blocks that keep a GPU busy: two for each of its multiprocessors, of which large ones have over a hundred
PART = 128  # of k: what a part of a sum has at least


@dataclass(frozen=True)
class Tile:
    """size x size numbers of C, by THREADS threads that have each x each of them; k is worked off `deep` at a time."""

    size: int
    each: int
    deep: int


LARGE, SMALL = Tile(128, 8, 8), Tile(64, 4, 16)
EDGE = SMALL.size


@dataclass(frozen=True)
class Side:
    """Where the numbers of A are, or those of B: of row n of A, or of column m of B, at one k.

    place(operand, n) and inner(operand, k) give three whole numbers each: what is to be known of n, and what of k.
    value(operand, place, inner) is the number there. along: whether numbers whose k are neighbours lie side by side in
    memory, and not those whose n are; neighbouring threads read the ones that do.
    """

    along: bool
    place: Callable
    inner: Callable
    value: Callable


# -- matrices: (address, numbers before the first, numbers from line to line) -----------------------


@gpu.device
def line_start(matrix, n):
    return I(matrix[1] + n * matrix[2]), I(0), I(0)


@gpu.device
def in_line(matrix, k):
    return I(k), I(0), I(0)


@gpu.device
def in_first_line(matrix, n):
    return I(matrix[1] + n), I(0), I(0)


@gpu.device
def lines_on(matrix, k):
    return I(k * matrix[2]), I(0), I(0)


@gpu.device
def number_of(matrix, place, inner):
    return matrix[0][U(U(place[0]) + U(inner[0]))]


ALONG = Side(True, line_start, in_line, number_of)  # k is the place in a line: A as it lies, B turned
ACROSS = Side(False, in_first_line, lines_on, number_of)  # k is the number of the line: B as it lies, A turned


# -- how sums end up: (address, numbers before the first, numbers from line to line, ...) --------------


@gpu.device
def put(out, n, m, total):
    """out = the sum, or out += the sum where the last of its numbers says so."""
    at = U(out[1] + n * out[2] + m)
    before = out[0][at] if out[3] else ZERO
    out[0][at] = before + total


@gpu.device
def put_on_row(out, n, m, total):
    """out = the sum + a row that all rows share, which begins so far behind an address."""
    out[0][U(out[1] + n * out[2] + m)] = total + out[3][U(out[4] + m)]


# -- how the work is dealt out -----------------------------------------------------------------------


@scalar
def tiles_of(size, count, N, M):
    """How many tiles of this size cover so many results."""
    rows, columns = U(U(U(N) + U(size - 1)) // U(size)), U(U(U(M) + U(size - 1)) // U(size))
    return U(rows * columns * U(count))


@scalar
def parts_of(count, N, M, K):
    """Into how many parts the sum over k is cut, where small tiles cover so many results."""
    tiles = max(U(1), tiles_of(EDGE, count, N, M))
    return max(U(1), min(U(U(FULL) // tiles), U(U(K) // U(PART))))


def is_large(count, N, M, K):
    """Whether large tiles keep half of a GPU busy; then they are the faster ones."""
    return bool(tiles_of(LARGE.size, count, N, M) >= FULL // 2)


def is_cut(count, N, M, K):
    return not is_large(count, N, M, K) and int(parts_of(count, N, M, K)) > 1


def is_small(count, N, M, K):
    return not is_large(count, N, M, K) and not is_cut(count, N, M, K)


def products(op, sizes, left, right, finish, room=None):
    """Attach to an op the kernels of a product that take turns, by sizes.

    sizes(sizes by letter, and settings by name) gives how many products there are, and N, M and K of each. The
    decorated function is handed `multiply`, and gives the kernel that calls

        multiply(A, B, C, numbers of room in use before, how many products, N, M, K, room)

    where A and B are what the sides know how to read, C is what `finish` knows how to write. product_number() says
    which of the products a thread works on. room(the same) gives how much of it the op's kernels before these take.
    """

    def of(s):
        return tuple(map(int, sizes(s)))

    def whole_room(s):
        count, N, M, K = of(s)
        sums = int(parts_of(count, N, M, K)) * count * N * M if is_cut(count, N, M, K) else 0
        return sums + (room(s) if room else 0)

    def tiled(tile, turn):
        def grid(s):
            count, N, M, K = of(s)
            parts = int(parts_of(count, N, M, K)) if turn is is_cut else 1
            return gpu.blocks(N, tile.size), gpu.blocks(M, tile.size), count * parts * turn(count, N, M, K)

        return gpu.Launch((THREADS, 1), grid, together=2)

    def by_number(s):
        count, N, M, K = of(s)
        return gpu.blocks(N * M, THREADS), 1, count * is_cut(count, N, M, K)

    def attach(kernel_of):
        for launch, multiply in (
            (tiled(LARGE, is_large), in_tiles(LARGE, left, right, finish)),
            (tiled(SMALL, is_small), in_tiles(SMALL, left, right, finish)),
            (tiled(SMALL, is_cut), in_parts(left, right)),
            (gpu.Launch((THREADS, 1), by_number), adding_up(finish)),
        ):
            op.cuda(launch, whole_room)(kernel_of(multiply))
        return kernel_of

    return attach


@gpu.device
def product_number(count):
    """Which of so many products a thread works on."""
    return U(U(cuda.blockIdx.z) % U(count))


def in_tiles(tile, left, right, finish):
    """A tile is summed up over all k by one block."""
    sums = tile_sums(tile, left, right, finish)

    @gpu.device
    def multiply(a, b, out, begin, count, N, M, K, room):
        sums(a, b, out, N, M, U(0), K)

    return multiply


def in_parts(left, right):
    """A tile is summed up over a part of all k by one block; the sums of all parts go to room."""
    deep, sums = SMALL.deep, tile_sums(SMALL, left, right, put)

    @gpu.device
    def multiply(a, b, out, begin, count, N, M, K, room):
        parts = U(U(cuda.gridDim.z) // U(count))
        part = U(U(cuda.blockIdx.z) // U(count))
        length = U((U(U(K + parts - U(1)) // parts) + U(deep - 1)) & U(~(deep - 1)))  # of a part: in whole steps
        first = U(part * length)
        to = room, U(begin + U(cuda.blockIdx.z) * U(N * M)), M, False
        sums(a, b, to, N, M, first, min(K, U(first + length)))

    return multiply


def adding_up(finish):
    """A thread for each result adds up its parts."""

    @gpu.device
    def multiply(a, b, out, begin, count, N, M, K, room):
        size, at = U(N * M), gpu.number()
        if at < size:
            total = ZERO
            step = U(U(count) * size)
            first = U(begin + product_number(count) * size + at)
            for part in range(U(parts_of(count, N, M, K))):
                total += room[U(first + U(part) * step)]
            finish(out, U(at // M), U(at % M), total)

    return multiply


# -- a tile ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """How the threads of a block share in reading a side's numbers of a tile, as functions on a device.

    Each thread reads at its own place in i, and every `i_step` on; and likewise in k.
    """

    begin: Callable
    fetch: Callable
    store: Callable
    places: int
    numbers: int


@cache
def reading(side, tile):
    """A thread's share. Eight that lie side by side in memory are the least that is fetched of it at a time."""
    across = 8 if side.along else tile.size  # neighbouring threads stand so far in the direction of memory
    down = THREADS // across
    i_step, k_step = (down, across) if side.along else (across, down)
    i_times, k_times = tile.size // i_step, tile.deep // k_step
    along, line, place, inner, value = side.along, tile.size + 4, side.place, side.inner, side.value

    @gpu.device
    def begin(operand, first, places):
        """Note what is to be known of this thread's rows of A, or columns of B."""
        thread = U(cuda.threadIdx.x)
        i = U(thread // U(across)) if along else U(thread % U(across))
        for turn in range(i_times):
            found = place(operand, U(first + i + U(turn * i_step)))
            places[turn, 0], places[turn, 1], places[turn, 2] = found[0], found[1], found[2]

    @gpu.device
    def fetch(operand, places, first, limit, k, end, numbers):
        """This thread's numbers, of those from k on; zeros where there are none."""
        thread = U(cuda.threadIdx.x)
        beside, behind = U(thread % U(across)), U(thread // U(across))
        i, before = (behind, beside) if along else (beside, behind)
        for step in range(k_times):
            at = U(k + before + U(step * k_step))
            there = inner(operand, at)
            for turn in range(i_times):
                number = ZERO
                if at < end and U(first + i + U(turn * i_step)) < limit:
                    number = value(operand, (places[turn, 0], places[turn, 1], places[turn, 2]), there)
                numbers[step * i_times + turn] = number

    @gpu.device
    def store(numbers, shared, begin):
        """Put them where the block can read them: by k, and of each those of all i beside each other."""
        thread = U(cuda.threadIdx.x)
        beside, behind = U(thread % U(across)), U(thread // U(across))
        i, k = (behind, beside) if along else (beside, behind)
        at = U(U(begin) + k * U(line) + i)
        for step in range(k_times):
            for turn in range(i_times):
                shared[U(at + U(step * k_step * line + turn * i_step))] = numbers[step * i_times + turn]

    return Reading(begin, fetch, store, i_times, i_times * k_times)


@cache  # what is the same function to Numba is compiled once for all kernels that call it
def tile_sums(tile, left, right, finish):
    """A function on a device: the sums over k from begin to end for a block's tile, each handed to finish."""
    size, each, deep = tile.size, tile.each, tile.deep
    of_a, of_b = reading(left, tile), reading(right, tile)
    begin_a, fetch_a, store_a, places_a, numbers_a = of_a.begin, of_a.fetch, of_a.store, of_a.places, of_a.numbers
    begin_b, fetch_b, store_b, places_b, numbers_b = of_b.begin, of_b.fetch, of_b.store, of_b.places, of_b.numbers
    line = size + 4  # with a gap, so that what is turned on its way goes to 32 different banks
    second = deep * line  # where the numbers of B begin
    half = size // (each // 4)  # a thread has 4 neighbours of each half, or of the whole
    memory, rounds = max(2 * second, 16 * size), 16 * size // THREADS

    @gpu.device
    def sums(a, b, out, N, M, begin, end):
        shared = cuda.shared.array(memory, F, alignment=16)
        total = cuda.local.array((each, each), F)
        rows, columns = cuda.local.array((places_a, 3), I), cuda.local.array((places_b, 3), I)
        next_a, next_b = cuda.local.array(numbers_a, F), cuda.local.array(numbers_b, F)
        some_a, some_b = cuda.local.array(each, F), cuda.local.array(each, F)
        thread = U(cuda.threadIdx.x)
        x, y = U(U(thread & U(15)) * U(4)), U(U(thread >> U(4)) * U(4))
        n0, m0 = U(U(cuda.blockIdx.x) * U(size)), U(U(cuda.blockIdx.y) * U(size))
        for i in range(each):
            for j in range(each):
                total[i, j] = ZERO
        begin_a(a, n0, rows)
        begin_b(b, m0, columns)
        fetch_a(a, rows, n0, N, begin, end, next_a)
        fetch_b(b, columns, m0, M, begin, end, next_b)
        k = U(begin)
        while k < end:
            store_a(next_a, shared, 0)
            store_b(next_b, shared, second)
            cuda.syncthreads()
            k = U(k + U(deep))
            fetch_a(a, rows, n0, N, k, end, next_a)
            fetch_b(b, columns, m0, M, k, end, next_b)
            for step in range(deep):
                for i in range(each):
                    some_a[i] = shared[U(y + U(step * line + i // 4 * half + i % 4))]
                    some_b[i] = shared[U(x + U(second + step * line + i // 4 * half + i % 4))]
                for i in range(each):
                    for j in range(each):
                        total[i, j] += some_a[i] * some_b[j]
            cuda.syncthreads()
        for i in range(each):  # 16 rows at a time, so that neighbouring threads write to neighbouring addresses
            for j in range(each):
                shared[U(U(y * U(size // 4)) + U(x + U(j // 4 * half + j % 4)))] = total[0, j]
            cuda.syncthreads()
            n, m = U(n0 + U(i // 4 * half + i % 4)), U(m0 + U(thread % U(size)))
            for turn in range(rounds):
                place = U(thread + U(turn * THREADS))
                row = U(n + U(U(place // U(size)) * U(4)))
                if row < N and m < M:
                    finish(out, row, m, shared[place])
            cuda.syncthreads()
            for further in range(each - 1):  # only what is indexed by constants stays in registers
                for j in range(each):
                    total[further, j] = total[further + 1, j]

    return sums
