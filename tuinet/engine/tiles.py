"""One register tile for every matrix product: sizes and strides are operands.

C (M, N) = A (M, K) B (K, N) on plain row-major arrays, nothing packed. A is read as
A[i rows + k steps], so A or its transpose. A tile keeps a few rows of C in vector registers and
walks along K once; rows and columns that do not fill a tile have smaller and masked ones.
Every number of C is the fused sum of its products in the order of K, whichever tile it falls
into: that is why threads can share a product in any way and get the same bits.

It is compiled once, for all networks (kernels find it by its name, as they would find a BLAS).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils, config
from numba.extending import intrinsic, overload, register_jitable
from numba.np import arrayobj

from ..kernels import blas
from ..kernels.blas import ADD, REPLACE, ROW
from ..kernels.scalars import ZERO
from .cache import kept
from .primitives import LOOPS, bring_near, external, f32, i32, i64

FP = types.CPointer(types.float32)
WHOLE = types.int64
NEAR = 32768  # bytes of a panel of B that are worked through at a time: as many as the nearest cache holds
MANY = 48  # rows from which that is worth it


@dataclass(frozen=True)
class Machine:
    """What a tile is cut to: numbers in a vector register, vectors and rows in a tile."""

    name: str
    lanes: int
    vectors: int
    rows: tuple


WIDE_NAMES = ("skylake-avx512", "cascadelake", "icelake", "sapphirerapids", "graniterapids", "znver4", "znver5")
MIDDLE_NAMES = ("haswell", "broadwell", "skylake", "alderlake", "znver1", "znver2", "znver3", "x86-64-v3")


@cache
def machine():
    """The widest vectors of this processor, or of the one that NUMBA_CPU_NAME asks for."""
    name = config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
    if config.CPU_NAME:
        wide, middle = name.startswith(WIDE_NAMES), name in MIDDLE_NAMES
    else:
        features = llvmlite.binding.get_host_cpu_features()
        wide, middle = features.get("avx512f"), features.get("avx2")
    if wide:
        return Machine(name, 16, 2, (12, 8, 4, 2, 1))
    if middle:
        return Machine(name, 8, 2, (6, 4, 3, 2, 1))
    return Machine(name, 4, 4, (6, 4, 3, 2, 1))


# -- vectors, in LLVM ----------------------------------------------------------------------------

LANES = machine().lanes
REALS, WHOLES = ir.VectorType(f32, LANES), ir.VectorType(i32, LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
COUNTING = ir.Constant(WHOLES, list(range(LANES)))


def splat(builder, number, kind=REALS):
    """A vector of one number."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, i32(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(WHOLES, None))


def first_lanes(builder, left):
    """A mask of the first so many lanes."""
    return builder.icmp_signed("<", COUNTING, splat(builder, builder.trunc(left, i32), WHOLES))


def masked(builder, name, kind, result, arguments):
    """A masked load or store."""
    suffix = f"v{LANES}f32" if kind is REALS else f"v{LANES}i32"
    signature = ir.FunctionType(result, [each.type for each in arguments])
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.masked.{name}.{suffix}.p0")
    return builder.call(function, arguments)


def load(builder, pointer, mask=None, kind=REALS):
    """The vector at an address; of what the mask leaves out, zeros."""
    pointer = builder.bitcast(pointer, kind.as_pointer())
    if mask is None:
        return builder.load(pointer, align=4)
    return masked(builder, "load", kind, kind, [pointer, i32(4), mask, ir.Constant(kind, None)])


def store(builder, value, pointer, mask=None, kind=REALS):
    pointer = builder.bitcast(pointer, kind.as_pointer())
    if mask is None:
        builder.store(value, pointer).align = 4
    else:
        masked(builder, "store", kind, ir.VoidType(), [value, pointer, i32(4), mask])


def fused(builder, a, b, c):
    """a b + c, rounded once."""
    fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(REALS, [REALS] * 3), f"llvm.fma.v{LANES}f32")
    return builder.call(fma, [a, b, c])


# -- the tile, in LLVM ----------------------------------------------------------------------------


def make_tile(rows, vectors, masked):
    """C[rows, vectors * lanes]; masked: of the last vector only the first `left` numbers are there."""

    @intrinsic
    def tile(typingctx, A, ars, aks, B, brs, C, crs, row, K, mode, left):
        def generate(context, builder, signature, args):
            A, ars, aks, B, brs, C, crs, row, K, mode, left = args
            mask = first_lanes(builder, left) if masked else None

            def vector(p, v):
                """Where vector v behind p is, and which of its numbers are there."""
                return builder.gep(p, [i64(LANES * v)]), mask if v == vectors - 1 else None

            lines = [builder.gep(C, [builder.mul(crs, i64(i))]) for i in range(rows)]
            skips = [builder.mul(ars, i64(i)) for i in range(rows)]
            places = [(i, v) for i in range(rows) for v in range(vectors)]

            function = builder.function
            from_zero = builder.block
            from_c, from_row, other = (function.append_basic_block(n) for n in ("from_c", "from_row", "other"))
            loop, done = function.append_basic_block("k"), function.append_basic_block("end")
            builder.cbranch(builder.icmp_signed("==", mode, i64(REPLACE)), loop, other)
            builder.position_at_end(other)
            builder.cbranch(builder.icmp_signed("==", mode, i64(ADD)), from_c, from_row)
            builder.position_at_end(from_c)
            there = [load(builder, *vector(lines[i], v)) for i, v in places]
            builder.branch(loop)
            from_c = builder.block
            builder.position_at_end(from_row)
            shared = [load(builder, *vector(row, v)) for v in range(vectors)]
            builder.branch(loop)
            from_row = builder.block

            builder.position_at_end(loop)
            k, pa, pb = builder.phi(i64), builder.phi(A.type), builder.phi(B.type)
            sums = [builder.phi(REALS) for _ in places]
            for block in (from_zero, from_c, from_row):
                k.add_incoming(i64(0), block)
                pa.add_incoming(A, block)
                pb.add_incoming(B, block)
            for n, (_, v) in enumerate(places):
                sums[n].add_incoming(ir.Constant(REALS, None), from_zero)
                sums[n].add_incoming(there[n], from_c)
                sums[n].add_incoming(shared[v], from_row)
            columns = [load(builder, *vector(pb, v)) for v in range(vectors)]
            new = list(sums)
            for i in range(rows):
                a = splat(builder, builder.load(builder.gep(pa, [skips[i]])))
                for v in range(vectors):
                    new[i * vectors + v] = fused(builder, a, columns[v], new[i * vectors + v])
            after = builder.add(k, i64(1))
            k.add_incoming(after, builder.block)
            pa.add_incoming(builder.gep(pa, [aks]), builder.block)
            pb.add_incoming(builder.gep(pb, [brs]), builder.block)
            for phi, value in zip(sums, new, strict=True):
                phi.add_incoming(value, builder.block)
            builder.cbranch(builder.icmp_signed("<", after, K), loop, done)
            builder.position_at_end(done)
            for n, (i, v) in enumerate(places):
                store(builder, new[n], *vector(lines[i], v))
            return context.get_dummy_value()

        return (
            types.void(FP, WHOLE, WHOLE, FP, WHOLE, FP, WHOLE, FP, WHOLE, WHOLE, WHOLE),
            generate,
        )

    return tile


@intrinsic
def shift(typingctx, pointer, count):
    """pointer + count."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.int64), generate


@intrinsic
def get(typingctx, pointer, i):
    """pointer[i]."""

    def generate(context, builder, signature, args):
        return builder.load(builder.gep(args[0], [args[1]]))

    return types.float32(pointer, types.int64), generate


@intrinsic
def put(typingctx, pointer, i, value):
    """pointer[i] = value."""

    def generate(context, builder, signature, args):
        builder.store(args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(pointer, types.int64, types.float32), generate


def make_fetch(vectors):
    """Have so many vectors brought near."""

    @intrinsic
    def fetch(typingctx, pointer):
        def generate(context, builder, signature, args):
            for v in range(vectors):
                bring_near(builder, builder.gep(args[0], [i64(LANES * v)]))
            return context.get_dummy_value()

        return types.void(pointer), generate

    return fetch


def make_move(vectors):
    """target[:] = source[:], so many vectors long."""

    @intrinsic
    def move(typingctx, target, source):
        def generate(context, builder, signature, args):
            places = [[builder.gep(pointer, [i64(LANES * v)]) for v in range(vectors)] for pointer in args]
            for value, place in zip([load(builder, place) for place in places[1]], places[0], strict=True):
                store(builder, value, place)
            return context.get_dummy_value()

        return types.void(target, source), generate

    return move


def turned(builder, rows):
    """As many vectors as each has lanes, transposed.

    Halves of pairs of rows are swapped, then quarters, and so on down to single numbers.
    """
    rows, lanes, apart = list(rows), len(rows), 1
    while apart < lanes:
        low = [lane if not lane & apart else lanes + lane - apart for lane in range(lanes)]
        high = [lane + apart if not lane & apart else lanes + lane for lane in range(lanes)]
        for i in range(lanes):
            if not i & apart:
                pair = rows[i], rows[i + apart]
                for place, choice in ((i, low), (i + apart, high)):
                    rows[place] = builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(i32, lanes), choice))
        apart *= 2
    return rows


def lines_of(builder, pointer, step, count=None):
    """Where as many rows begin as a vector has lanes. count: how many are there; the last stands for the others."""
    numbers = [i64(i) for i in range(LANES)]
    if count is not None:
        last = builder.sub(count, i64(1))
        numbers = [builder.select(builder.icmp_signed("<", i, count), i, last) for i in numbers]
    return [builder.gep(pointer, [builder.mul(step, i)]) for i in numbers]


def make_turn(partly):
    """target = source^T, both a square of so many numbers on a side, by rows that lie so far apart.

    partly: only so many rows and columns of source are there; what stands for the others is not to be used.
    """

    @intrinsic
    def turn(typingctx, target, target_rows, source, source_rows, count, left):
        def generate(context, builder, signature, args):
            target, target_rows, source, source_rows, count, left = args
            mask = first_lanes(builder, left) if partly else None
            lines = lines_of(builder, source, source_rows, count) if partly else lines_of(builder, source, source_rows)
            rows = turned(builder, [load(builder, line, mask) for line in lines])
            for row, line in zip(rows, lines_of(builder, target, target_rows), strict=True):
                store(builder, row, line)
            return context.get_dummy_value()

        return types.void(FP, WHOLE, FP, WHOLE, WHOLE, WHOLE), generate

    return turn


def make_thin(columns):
    """So many columns of C, of as many rows as a vector has lanes: C^T in place of C, by rows of a vector each.

    A, of which `count` rows are there, is turned on the way, square by square. whole: how many numbers of K, a multiple
    of the lanes.
    """

    @intrinsic
    def thin(typingctx, A, ars, count, B, brs, C, whole):
        def generate(context, builder, signature, args):
            A, ars, count, B, brs, C, whole = args
            lines = lines_of(builder, A, ars, count)
            places = [builder.gep(C, [i64(LANES * j)]) for j in range(columns)]
            before, loop = builder.block, builder.function.append_basic_block("square")
            done = builder.function.append_basic_block("end")
            there = [load(builder, place) for place in places]
            builder.cbranch(builder.icmp_signed("<", i64(0), whole), loop, done)
            builder.position_at_end(loop)
            k, sums = builder.phi(i64), [builder.phi(REALS) for _ in places]
            k.add_incoming(i64(0), before)
            for total, begin in zip(sums, there, strict=True):
                total.add_incoming(begin, before)
            rows = [load(builder, builder.gep(line, [k])) for line in lines]
            new = list(sums)
            for i, row in enumerate(turned(builder, rows)):
                line = builder.gep(B, [builder.mul(builder.add(k, i64(i)), brs)])
                for j in range(columns):
                    b = splat(builder, builder.load(builder.gep(line, [i64(j)])))
                    new[j] = fused(builder, row, b, new[j])
            after = builder.add(k, i64(LANES))
            k.add_incoming(after, builder.block)
            for total, value in zip(sums, new, strict=True):
                total.add_incoming(value, builder.block)
            builder.cbranch(builder.icmp_signed("<", after, whole), loop, done)
            builder.position_at_end(done)
            ends = [builder.phi(REALS) for _ in places]
            for end, begin, value in zip(ends, there, new, strict=True):
                end.add_incoming(begin, before)
                end.add_incoming(value, loop)
            for end, place in zip(ends, places, strict=True):
                store(builder, end, place)
            return context.get_dummy_value()

        return types.void(FP, WHOLE, WHOLE, FP, WHOLE, FP, WHOLE), generate

    return thin


def scratch(count):
    """An intrinsic that gives room for so many numbers on the stack."""

    @intrinsic
    def take(typingctx):
        def generate(context, builder, signature, args):
            with builder.goto_entry_block():
                place = builder.alloca(ir.ArrayType(f32, count))
                place.align = 64
            return builder.bitcast(place, f32.as_pointer())

        return FP(), generate

    return take


# -- sweeps over rows, then over columns --------------------------------------------------------------


def make_sweep(vectors, masked):
    """All rows of one panel of columns, with the tallest tiles that fit."""
    heights = machine().rows
    tallest = heights[0]
    first = make_tile(tallest, vectors, masked)
    rest = [(h, make_tile(h, vectors, masked)) for h in heights[1:]]
    # Numba compiles no loop over different functions: the smaller tiles are chained by hand.
    rest += [rest[-1]] * (4 - len(rest))
    (h1, t1), (h2, t2), (h3, t3), (h4, t4) = rest

    def sweep(A, ars, aks, B, brs, C, crs, row, M, K, mode, left):
        m = 0
        while m + tallest <= M:
            first(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, K, mode, left)
            m += tallest
        while m + h1 <= M:
            t1(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, K, mode, left)
            m += h1
        while m + h2 <= M:
            t2(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, K, mode, left)
            m += h2
        while m + h3 <= M:
            t3(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, K, mode, left)
            m += h3
        while m + h4 <= M:
            t4(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, K, mode, left)
            m += h4

    return register_jitable(**LOOPS)(sweep)


THIN = 4  # columns up to which a vector holds a number of so many rows, instead of so many numbers of a row
take_thin, take_square = scratch(THIN * LANES), scratch(LANES * LANES)
thin1, thin2, thin3, thin4 = (make_thin(columns) for columns in range(1, THIN + 1))
low1, low2, low3, low4 = (make_tile(columns, 1, False) for columns in range(1, THIN + 1))


@register_jitable(**LOOPS)
def low(A, ars, aks, B, brs, C, crs, N, K):
    if N == 1:
        low1(A, ars, aks, B, brs, C, crs, C, K, ADD, LANES)
    elif N == 2:
        low2(A, ars, aks, B, brs, C, crs, C, K, ADD, LANES)
    elif N == 3:
        low3(A, ars, aks, B, brs, C, crs, C, K, ADD, LANES)
    else:
        low4(A, ars, aks, B, brs, C, crs, C, K, ADD, LANES)


@register_jitable(**LOOPS)
def thin(A, ars, count, B, brs, C, N, whole):
    if N == 1:
        thin1(A, ars, count, B, brs, C, whole)
    elif N == 2:
        thin2(A, ars, count, B, brs, C, whole)
    elif N == 3:
        thin3(A, ars, count, B, brs, C, whole)
    else:
        thin4(A, ars, count, B, brs, C, whole)


@register_jitable(**LOOPS)
def thin_panel(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
    """A panel of a few columns, a vector for so many rows of each. Gives the number of rows that are done.

    Across a row most of a vector would be empty. Of C so many rows are turned before and after; A is turned on the way
    where its rows are not beside each other anyway.
    """
    T, square = take_thin(), take_square()
    whole, fewest = (K // LANES * LANES, LANES // 2) if aks == 1 else (0, LANES)
    m = 0
    while m + fewest <= M:
        count = min(LANES, M - m)
        for j in range(N):
            for i in range(count):
                if mode == REPLACE:
                    put(T, j * LANES + i, ZERO)
                else:
                    put(T, j * LANES + i, get(C, (m + i) * crs + j) if mode == ADD else get(row, j))
        here = shift(A, m * ars)
        if aks == 1:
            thin(here, ars, count, B, brs, T, N, whole)
            if whole < K:
                turn_part(square, LANES, shift(here, whole), ars, count, K - whole)
                low(shift(B, whole * brs), 1, brs, square, LANES, T, LANES, N, K - whole)
        else:
            low(B, 1, brs, here, aks, T, LANES, N, K)
        for j in range(N):
            for i in range(count):
                put(C, (m + i) * crs + j, get(T, j * LANES + i))
        m += count
    return m


def make_panel(lanes, vectors):
    """One panel of columns, full or not."""
    full = make_sweep(vectors, False)
    width = lanes * vectors
    one = make_sweep(1, True)
    two = make_sweep(2, True)
    four = make_sweep(4, True) if vectors == 4 else two
    three = make_sweep(3, True) if vectors == 4 else two

    def panel(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
        if width <= N:
            full(A, ars, aks, B, brs, C, crs, row, M, K, mode, lanes)
        elif lanes >= N:
            m = (
                thin_panel(A, ars, aks, B, brs, C, crs, row, M, N, K, mode)
                if N <= THIN and (ars == 1 or aks == 1)
                else 0
            )
            one(shift(A, m * ars), ars, aks, B, brs, shift(C, m * crs), crs, row, M - m, K, mode, N)
        elif 2 * lanes >= N:
            two(A, ars, aks, B, brs, C, crs, row, M, K, mode, N - lanes)
        elif 3 * lanes >= N:
            three(A, ars, aks, B, brs, C, crs, row, M, K, mode, N - 2 * lanes)
        else:
            four(A, ars, aks, B, brs, C, crs, row, M, K, mode, N - 3 * lanes)

    return register_jitable(**LOOPS)(panel)


POINTERS = (FP, WHOLE, WHOLE, FP, WHOLE, FP, WHOLE, FP)
SIGNATURE = types.void(*POINTERS, WHOLE, WHOLE, WHOLE, WHOLE)

# Globals and not cells of a closure: Numba keeps a function under a hash of its cells, and these
# would hash anew in every process.
WIDTH = LANES * machine().vectors
BLOCK = NEAR // (4 * WIDTH)
panel = make_panel(machine().lanes, machine().vectors)
take = scratch(BLOCK * WIDTH)
move, fetch = make_move(machine().vectors), make_fetch(machine().vectors)
turn, turn_part = make_turn(False), make_turn(True)


@register_jitable(**LOOPS)
def piece_of(K):
    """K cut into pieces of one size, none longer than BLOCK: a short one at the end would be all overhead."""
    pieces = (K + BLOCK - 1) // BLOCK
    return (K + pieces - 1) // pieces


def tuinet_product(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
    """C = A B, panel by panel; row and mode: what C starts from.

    Where many rows use a panel of B, a piece of it at a time is first moved onto the stack: rows that
    lie a power of two apart would push each other out of the nearest cache. Of the next panel the same
    rows are asked for meanwhile, as no processor guesses steps from row to row as long as these.
    """
    T, piece = take(), piece_of(K)
    for n in range(0, N, WIDTH):
        columns = min(WIDTH, N - n)
        if M < MANY or columns < WIDTH:
            panel(A, ars, aks, shift(B, n), brs, shift(C, n), crs, shift(row, n), M, columns, K, mode)
        else:
            for k in range(0, K, piece):
                deep, start = min(piece, K - k), mode if k == 0 else ADD
                ahead = shift(B, n + WIDTH if n + 2 * WIDTH <= N else n)
                for i in range(deep):
                    move(shift(T, i * WIDTH), shift(B, (k + i) * brs + n))
                    fetch(shift(ahead, (k + i) * brs))
                panel(shift(A, k * aks), ars, aks, T, WIDTH, shift(C, n), crs, shift(row, n), M, columns, deep, start)


def tuinet_product_turned(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
    """C = A B^T: a piece of B is turned back onto the stack at a time."""
    T, piece = take(), piece_of(K)
    for n in range(0, N, WIDTH):
        columns = min(WIDTH, N - n)
        for k in range(0, K, piece):
            deep = min(piece, K - k)
            for j in range(0, columns, LANES):
                for i in range(0, deep, LANES):
                    to, source = shift(T, i * WIDTH + j), shift(B, (n + j) * brs + k + i)
                    if j + LANES <= columns and i + LANES <= deep:
                        turn(to, WIDTH, source, brs, LANES, LANES)
                    else:
                        turn_part(to, WIDTH, source, brs, min(LANES, columns - j), min(LANES, deep - i))
            start = mode if k == 0 else ADD
            panel(shift(A, k * aks), ars, aks, T, WIDTH, shift(C, n), crs, shift(row, n), M, columns, deep, start)


@cache
def product_kernels():
    """The two products as C functions: B as it lies, and B turned. Compiled once, kept on disk."""
    compile_it = cfunc(SIGNATURE, cache=True, **LOOPS)
    kernels = [kept(partial(compile_it, f)) for f in (tuinet_product, tuinet_product_turned)]
    for kernel in kernels:
        llvmlite.binding.add_symbol(kernel.__name__, kernel.address)
    return kernels


# -- what kernels call ----------------------------------------------------------------------------------

ARGUMENTS = [f32.as_pointer(), i64, i64, f32.as_pointer(), i64, f32.as_pointer(), i64, f32.as_pointer()] + [i64] * 4


def caller(name):
    call_product = external(name, ir.VoidType(), ARGUMENTS)

    @intrinsic
    def product(typingctx, a, a_at, ars, aks, b, b_at, brs, c, c_at, crs, row, row_at, M, N, K, mode):
        def generate(context, builder, signature, args):
            def data(i):
                return builder.gep(
                    arrayobj.make_array(signature.args[i])(context, builder, args[i]).data, [args[i + 1]]
                )

            call_product(builder, [data(0), *args[2:4], data(4), args[6], data(7), args[9], data(10), *args[12:16]])
            return context.get_dummy_value()

        w = types.int64
        return types.void(a, w, w, w, b, w, w, c, w, w, row, w, w, w, w, w), generate

    return product


product, product_turned = caller("tuinet_product"), caller("tuinet_product_turned")


@overload(blas.gemm, jit_options=LOOPS)
def gemm_compiled(a, a_turned, b, b_turned, out, keep):
    def gemm(a, a_turned, b, b_turned, out, keep):
        M, N = out.shape
        K = a.shape[0] if a_turned else a.shape[1]
        step = a.strides[0] // 4
        rows, steps = (1, step) if a_turned else (step, 1)
        mode = ADD if keep else REPLACE
        if b_turned:
            product_turned(a, 0, rows, steps, b, 0, b.strides[0] // 4, out, 0, out.strides[0] // 4, a, 0, M, N, K, mode)
        else:
            product(a, 0, rows, steps, b, 0, b.strides[0] // 4, out, 0, out.strides[0] // 4, a, 0, M, N, K, mode)

    return gemm


@overload(blas.gemm_row, jit_options=LOOPS)
def gemm_row_compiled(a, b, row, out):
    def gemm_row(a, b, row, out):
        M, N = out.shape
        K = a.shape[1]
        product(a, 0, a.strides[0] // 4, 1, b, 0, b.strides[0] // 4, out, 0, out.strides[0] // 4, row, 0, M, N, K, ROW)

    return gemm_row


@overload(blas.multiply, jit_options=LOOPS)
def multiply_compiled(a, a_at, a_rows, a_steps, b, b_at, b_rows, c, c_at, c_rows, row, row_at, M, N, K, mode):
    def multiply(a, a_at, a_rows, a_steps, b, b_at, b_rows, c, c_at, c_rows, row, row_at, M, N, K, mode):
        product(a, a_at, a_rows, a_steps, b, b_at, b_rows, c, c_at, c_rows, row, row_at, M, N, K, mode)

    return multiply
