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
from .cache import kept
from .primitives import LOOPS, external, f32, i32, i64

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


# -- the tile, in LLVM ----------------------------------------------------------------------------


def make_tile(rows, vectors, masked):
    """C[rows, vectors * lanes]; masked: of the last vector only the first `left` numbers are there."""
    lanes = machine().lanes
    V, mask_type = ir.VectorType(f32, lanes), ir.VectorType(ir.IntType(1), lanes)
    suffix = f"v{lanes}f32"

    def external_of(builder, name, result, arguments):
        return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)

    @intrinsic
    def tile(typingctx, A, ars, aks, B, brs, C, crs, row, K, mode, left):
        def generate(context, builder, signature, args):
            A, ars, aks, B, brs, C, crs, row, K, mode, left = args
            pv = V.as_pointer()

            def load(p, v):
                p = builder.bitcast(builder.gep(p, [i64(lanes * v)]), pv)
                if masked and v == vectors - 1:
                    function = external_of(builder, f"llvm.masked.load.{suffix}.p0", V, [pv, i32, mask_type, V])
                    return builder.call(function, [p, i32(4), mask, ir.Constant(V, None)])
                return builder.load(p, align=4)

            def store(value, p, v):
                p = builder.bitcast(builder.gep(p, [i64(lanes * v)]), pv)
                if masked and v == vectors - 1:
                    function = external_of(
                        builder, f"llvm.masked.store.{suffix}.p0", ir.VoidType(), [V, pv, i32, mask_type]
                    )
                    builder.call(function, [value, p, i32(4), mask])
                else:
                    builder.store(value, p).align = 4

            def splat(x, kind=f32):
                vector = ir.VectorType(kind, lanes)
                one = builder.insert_element(ir.Constant(vector, ir.Undefined), x, i32(0))
                zeros = ir.Constant(ir.VectorType(i32, lanes), None)
                return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

            if masked:
                left32 = splat(builder.trunc(left, i32), i32)
                counting = ir.Constant(ir.VectorType(i32, lanes), list(range(lanes)))
                mask = builder.icmp_signed("<", counting, left32)
            fma = external_of(builder, f"llvm.fma.{suffix}", V, [V, V, V])
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
            there = [load(lines[i], v) for i, v in places]
            builder.branch(loop)
            from_c = builder.block
            builder.position_at_end(from_row)
            shared = [load(row, v) for v in range(vectors)]
            builder.branch(loop)
            from_row = builder.block

            builder.position_at_end(loop)
            k, pa, pb = builder.phi(i64), builder.phi(A.type), builder.phi(B.type)
            sums = [builder.phi(V) for _ in places]
            for block in (from_zero, from_c, from_row):
                k.add_incoming(i64(0), block)
                pa.add_incoming(A, block)
                pb.add_incoming(B, block)
            for n, (_, v) in enumerate(places):
                sums[n].add_incoming(ir.Constant(V, None), from_zero)
                sums[n].add_incoming(there[n], from_c)
                sums[n].add_incoming(shared[v], from_row)
            columns = [load(pb, v) for v in range(vectors)]
            new = list(sums)
            for i in range(rows):
                a = splat(builder.load(builder.gep(pa, [skips[i]])))
                for v in range(vectors):
                    new[i * vectors + v] = builder.call(fma, [a, columns[v], new[i * vectors + v]])
            after = builder.add(k, i64(1))
            k.add_incoming(after, builder.block)
            pa.add_incoming(builder.gep(pa, [aks]), builder.block)
            pb.add_incoming(builder.gep(pb, [brs]), builder.block)
            for phi, value in zip(sums, new, strict=True):
                phi.add_incoming(value, builder.block)
            builder.cbranch(builder.icmp_signed("<", after, K), loop, done)
            builder.position_at_end(done)
            for n, (i, v) in enumerate(places):
                store(new[n], lines[i], v)
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


def make_move(vectors):
    """target[:] = source[:], so many vectors long."""
    V = ir.VectorType(f32, machine().lanes)

    @intrinsic
    def move(typingctx, target, source):
        def generate(context, builder, signature, args):
            values = []
            for v in range(vectors):
                place = builder.gep(args[1], [i64(v * machine().lanes)])
                values.append(builder.load(builder.bitcast(place, V.as_pointer()), align=4))
            for v, value in enumerate(values):
                place = builder.gep(args[0], [i64(v * machine().lanes)])
                builder.store(value, builder.bitcast(place, V.as_pointer())).align = 4
            return context.get_dummy_value()

        return types.void(target, source), generate

    return move


def make_turn(lanes):
    """target = source^T, both a square of so many numbers on a side, by rows that lie so far apart.

    Halves of pairs of rows are swapped, then quarters, and so on down to single numbers.
    """
    V = ir.VectorType(f32, lanes)

    @intrinsic
    def turn(typingctx, target, target_rows, source, source_rows):
        def generate(context, builder, signature, args):
            target, target_rows, source, source_rows = args

            def line(pointer, step, i):
                return builder.bitcast(builder.gep(pointer, [builder.mul(step, i64(i))]), V.as_pointer())

            rows = [builder.load(line(source, source_rows, i), align=4) for i in range(lanes)]
            apart = 1
            while apart < lanes:
                low = [lane if not lane & apart else lanes + lane - apart for lane in range(lanes)]
                high = [lane + apart if not lane & apart else lanes + lane for lane in range(lanes)]
                for i in range(lanes):
                    if not i & apart:
                        pair = rows[i], rows[i + apart]
                        for place, choice in ((i, low), (i + apart, high)):
                            mask = ir.Constant(ir.VectorType(i32, lanes), choice)
                            rows[place] = builder.shuffle_vector(*pair, mask)
                apart *= 2
            for i, row in enumerate(rows):
                builder.store(row, line(target, target_rows, i)).align = 4
            return context.get_dummy_value()

        return types.void(FP, WHOLE, FP, WHOLE), generate

    return turn


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
            one(A, ars, aks, B, brs, C, crs, row, M, K, mode, N)
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
LANES = machine().lanes
WIDTH = LANES * machine().vectors
BLOCK = NEAR // (4 * WIDTH)
panel = make_panel(machine().lanes, machine().vectors)
take = scratch(BLOCK * WIDTH)
move = make_move(machine().vectors)
turn = make_turn(LANES)


@register_jitable(**LOOPS)
def piece_of(K):
    """K cut into pieces of one size, none longer than BLOCK: a short one at the end would be all overhead."""
    pieces = (K + BLOCK - 1) // BLOCK
    return (K + pieces - 1) // pieces


def tuinet_product(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
    """C = A B, panel by panel; row and mode: what C starts from.

    Where many rows use a panel of B, a piece of it at a time is first moved onto the stack: rows that
    lie a power of two apart would push each other out of the nearest cache.
    """
    T, piece = take(), piece_of(K)
    for n in range(0, N, WIDTH):
        columns = min(WIDTH, N - n)
        if M < MANY or columns < WIDTH:
            panel(A, ars, aks, shift(B, n), brs, shift(C, n), crs, shift(row, n), M, columns, K, mode)
        else:
            for k in range(0, K, piece):
                deep, start = min(piece, K - k), mode if k == 0 else ADD
                for i in range(deep):
                    move(shift(T, i * WIDTH), shift(B, (k + i) * brs + n))
                panel(shift(A, k * aks), ars, aks, T, WIDTH, shift(C, n), crs, shift(row, n), M, columns, deep, start)


def tuinet_product_turned(A, ars, aks, B, brs, C, crs, row, M, N, K, mode):
    """C = A B^T: a piece of B is turned back onto the stack at a time."""
    T, piece = take(), piece_of(K)
    for n in range(0, N, WIDTH):
        columns = min(WIDTH, N - n)
        for k in range(0, K, piece):
            deep = min(piece, K - k)
            squares, whole = columns // LANES * LANES, deep // LANES * LANES
            for j in range(0, squares, LANES):
                for i in range(0, whole, LANES):
                    turn(shift(T, i * WIDTH + j), WIDTH, shift(B, (n + j) * brs + k + i), brs)
            for j in range(columns):
                source = shift(B, (n + j) * brs + k)
                for i in range(whole if j < squares else 0, deep):
                    put(T, i * WIDTH + j, get(source, i))
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
