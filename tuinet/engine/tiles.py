"""One register tile for every matrix product: sizes and strides are operands.

C (M, N) = A (M, K) B (K, N) on plain row-major arrays, nothing packed. A is read as
A[i rows + k steps], so A or its transpose. A tile keeps a few rows of C in vector registers and
walks along K once; rows and columns that do not fill a tile have smaller and masked ones.
Every number of C is the fused sum of its products in the order of K, whichever tile it falls
into: that is why threads can share a product in any way and get the same bits.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload, register_jitable

from ..kernels import blas
from ..kernels.blas import ADD, REPLACE, ROW, multiply, multiply_turned
from ..kernels.scalars import ZERO
from .lanes import (
    FP,
    LANES,
    REALS,
    WHOLE,
    first_lanes,
    fused,
    get,
    lines_of,
    load,
    machine,
    make_fetch,
    make_move,
    put,
    scratch,
    shift,
    splat,
    store,
    turn,
    turn_part,
    turned,
)
from .linking import stands_for
from .primitives import LOOPS, i64

NEAR = 32768  # bytes of a panel of B that are worked through at a time: as many as the nearest cache holds
MANY = 48  # rows from which that is worth it


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


OPERANDS = "f n n f n f n f n n n n"

# Globals and not cells of a closure: Numba keeps a function under a hash of its cells, and these
# would hash anew in every process.
WIDTH = LANES * machine().vectors
BLOCK = NEAR // (4 * WIDTH)
panel = make_panel(machine().lanes, machine().vectors)
take = scratch(BLOCK * WIDTH)
move, fetch = make_move(machine().vectors), make_fetch(machine().vectors)


@register_jitable(**LOOPS)
def piece_of(K):
    """K cut into pieces of one size, none longer than BLOCK: a short one at the end would be all overhead."""
    pieces = (K + BLOCK - 1) // BLOCK
    return (K + pieces - 1) // pieces


@stands_for(multiply, OPERANDS)
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


@stands_for(multiply_turned, OPERANDS)
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


# -- what kernels call ----------------------------------------------------------------------------------


@overload(blas.gemm, jit_options=LOOPS)
def gemm_compiled(a, a_turned, b, b_turned, out, keep):
    def gemm(a, a_turned, b, b_turned, out, keep):
        M, N = out.shape
        K = a.shape[0] if a_turned else a.shape[1]
        step, below, line = a.strides[0] // 4, b.strides[0] // 4, out.strides[0] // 4
        rows, steps = (1, step) if a_turned else (step, 1)
        mode = ADD if keep else REPLACE
        if b_turned:
            multiply_turned(a, 0, rows, steps, b, 0, below, out, 0, line, a, 0, M, N, K, mode)
        else:
            multiply(a, 0, rows, steps, b, 0, below, out, 0, line, a, 0, M, N, K, mode)

    return gemm


@overload(blas.gemm_row, jit_options=LOOPS)
def gemm_row_compiled(a, b, row, out):
    def gemm_row(a, b, row, out):
        step, below, line = a.strides[0] // 4, b.strides[0] // 4, out.strides[0] // 4
        multiply(a, 0, step, 1, b, 0, below, out, 0, line, row, 0, out.shape[0], out.shape[1], a.shape[1], ROW)

    return gemm_row
