"""The loops of kernels/vectors.py in vector registers, as LLVM: its own vectorizer takes short stretches badly.

Compiled once, for all networks (kernels find them by their names, as they find the product of tiles.py).
"""

from __future__ import annotations

from functools import cache, partial

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from ..kernels import vectors
from .cache import kept
from .primitives import LOOPS, external, f32, i32, i64
from .tiles import FP, LANES, WHOLE, shift

IP = types.CPointer(types.int32)
MOST = 8  # vectors that `gather` sums at a time: enough to hide how long a sum takes
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


def repeat(builder, count, values, body):
    """A loop of at least one turn: body(turn, values) gives the values of the next."""
    before, loop = builder.block, builder.function.append_basic_block("turn")
    builder.branch(loop)
    builder.position_at_end(loop)
    turn, carried = builder.phi(i64), [builder.phi(value.type) for value in values]
    new = body(turn, carried)
    after = builder.add(turn, i64(1))
    for phi, begin, next_one in zip([turn, *carried], [i64(0), *values], [after, *new], strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(next_one, builder.block)
    done = builder.function.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", after, count), loop, done)
    builder.position_at_end(done)
    return new


def offset(builder, pointer, *terms):
    """pointer + the sum of products: of turns and how far they are apart."""
    for count, step in terms:
        pointer = builder.gep(pointer, [builder.mul(count, step)])
    return pointer


# -- gather ------------------------------------------------------------------------------------


def make_gather(count_of_vectors):
    """The sum over a list, so many vectors long; of the last only the first `left` numbers are there."""

    @intrinsic
    def gather(typingctx, values, places, count, table, out, left):
        def generate(context, builder, signature, args):
            values, places, count, table, out, left = args
            last = first_lanes(builder, left)
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(REALS, [REALS] * 3), f"llvm.fma.v{LANES}f32"
            )

            def pieces(pointer):
                for v in range(count_of_vectors):
                    yield builder.gep(pointer, [i64(LANES * v)]), last if v == count_of_vectors - 1 else None

            def add(e, sums):
                value = splat(builder, builder.load(builder.gep(values, [e])))
                row = builder.gep(table, [builder.sext(builder.load(builder.gep(places, [e])), i64)])
                rows = [load(builder, *piece) for piece in pieces(row)]
                return [builder.call(fma, [value, part, total]) for part, total in zip(rows, sums, strict=True)]

            sums = repeat(builder, count, [load(builder, *piece) for piece in pieces(out)], add)
            for total, piece in zip(sums, pieces(out), strict=True):
                store(builder, total, *piece)
            return context.get_dummy_value()

        return types.void(FP, IP, WHOLE, FP, FP, WHOLE), generate

    return gather


# Globals, and each by its name: Numba compiles no loop over different functions.
g1, g2, g3, g4, g5, g6, g7, g8 = (make_gather(count) for count in range(1, MOST + 1))


def tuinet_gather(values, places, count, table, out, length):
    """A piece of `out` after the other, all about equally wide: a narrow one would only wait for its own sums."""
    if count <= 0:
        return
    every = (length + LANES - 1) // LANES
    pieces = (every + MOST - 1) // MOST
    for piece in range(pieces):
        first, last = every * piece // pieces, every * (piece + 1) // pieces
        at, n = first * LANES, last - first
        left = min(LANES, length - (last - 1) * LANES)
        if n == 1:
            g1(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 2:
            g2(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 3:
            g3(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 4:
            g4(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 5:
            g5(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 6:
            g6(values, places, count, shift(table, at), shift(out, at), left)
        elif n == 7:
            g7(values, places, count, shift(table, at), shift(out, at), left)
        else:
            g8(values, places, count, shift(table, at), shift(out, at), left)


# -- largest, and back ---------------------------------------------------------------------------


@intrinsic
def largest_vector(typingctx, x, first, rows, down, columns, right, y, place, left):
    def generate(context, builder, signature, args):
        x, first, rows, down, columns, right, y, place, left = args
        mask = first_lanes(builder, left)

        def numbers(number):
            return builder.add(splat(builder, builder.trunc(number, i32), WHOLES), COUNTING)

        def row(u, best):
            return repeat(builder, columns, best, lambda v, best: compare(u, v, *best))

        def compare(u, v, best, where):
            step = builder.add(builder.mul(u, down), builder.mul(v, right))
            value = load(builder, builder.gep(x, [step]), mask)
            above, nan = builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value)
            larger = builder.or_(above, nan)  # NaN counts, for the guard to see
            return [
                builder.select(larger, value, best),
                builder.select(larger, numbers(builder.add(first, step)), where),
            ]

        best, where = repeat(builder, rows, [load(builder, x, mask), numbers(first)], row)
        store(builder, best, y, mask)
        store(builder, where, place, mask, WHOLES)
        return context.get_dummy_value()

    return types.void(FP, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, FP, IP, WHOLE), generate


def tuinet_largest(x, first, rows, down, columns, right, y, place, length):
    for at in range(0, length, LANES):
        there, left = first + at, length - at
        largest_vector(shift(x, at), there, rows, down, columns, right, shift(y, at), shift(place, at), left)


@intrinsic
def hand_down_vector(typingctx, dy, place, first, rows, down, columns, right, x, x_down, x_right, left):
    def generate(context, builder, signature, args):
        dy, place, first, rows, down, columns, right, x, x_down, x_right, left = args
        mask = first_lanes(builder, left)
        gradient = load(builder, dy, mask)
        wanted = builder.sub(load(builder, place, mask, WHOLES), COUNTING)

        def row(u, _):
            repeat(builder, columns, [], lambda v, _: add(u, v))
            return []

        def add(u, v):
            number = builder.add(first, builder.add(builder.mul(u, down), builder.mul(v, right)))
            here = builder.icmp_signed("==", wanted, splat(builder, builder.trunc(number, i32), WHOLES))
            pointer = offset(builder, x, (u, x_down), (v, x_right))
            share = builder.select(here, gradient, ir.Constant(REALS, None))
            store(builder, builder.fadd(load(builder, pointer, mask), share), pointer, mask)
            return []

        repeat(builder, rows, [], row)
        return context.get_dummy_value()

    return types.void(FP, IP, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, FP, WHOLE, WHOLE, WHOLE), generate


def tuinet_hand_down(dy, place, first, rows, down, columns, right, x, x_down, x_right, length):
    for at in range(0, length, LANES):
        hand_down_vector(
            shift(dy, at), shift(place, at), first + at, rows, down, columns, right,
            shift(x, at), x_down, x_right, length - at,
        )  # fmt: skip


# -- copies --------------------------------------------------------------------------------------


def make_copy(partly):
    """One vector; partly: of which only the first `left` numbers."""

    @intrinsic
    def copy(typingctx, out, x, left):
        def generate(context, builder, signature, args):
            mask = first_lanes(builder, args[2]) if partly else None
            store(builder, load(builder, args[1], mask), args[0], mask)
            return context.get_dummy_value()

        return types.void(FP, FP, WHOLE), generate

    return copy


copy_whole, copy_part = make_copy(False), make_copy(True)


def tuinet_copy_rows(x, x_down, out, out_down, rows, length):
    whole = length // LANES * LANES
    for r in range(rows):
        source, target = shift(x, r * x_down), shift(out, r * out_down)
        for at in range(0, whole, LANES):
            copy_whole(shift(target, at), shift(source, at), LANES)
        if whole < length:
            copy_part(shift(target, whole), shift(source, whole), length - whole)


# -- what kernels call ---------------------------------------------------------------------------

R, I, W = FP, IP, WHOLE  # noqa: E741
ARGUMENTS = {
    tuinet_gather: (R, I, W, R, R, W),
    tuinet_largest: (R, W, W, W, W, W, R, I, W),
    tuinet_hand_down: (R, I, W, W, W, W, W, R, W, W, W),
    tuinet_copy_rows: (R, W, R, W, W, W),
}


@cache
def vector_kernels():
    """They as C functions. Compiled once, kept on disk."""
    kernels = []
    for function, arguments in ARGUMENTS.items():
        compile_it = cfunc(types.void(*arguments), cache=True, **LOOPS)
        kernels.append(kept(partial(compile_it, function)))
        llvmlite.binding.add_symbol(function.__name__, kernels[-1].address)
    return kernels


def caller(function):
    """Call a C function with an array and an index in place of each of its pointers."""
    kinds = {FP: f32.as_pointer(), IP: i32.as_pointer(), WHOLE: i64}
    wanted = ARGUMENTS[function]
    call = external(function.__name__, ir.VoidType(), [kinds[each] for each in wanted])

    def generate(context, builder, signature, args):
        given = iter(zip(args, signature.args, strict=True))
        values = []
        for each in wanted:
            value, kind = next(given)
            if each is not WHOLE:
                at, _ = next(given)
                value = builder.gep(arrayobj.make_array(kind)(context, builder, value).data, [at])
            values.append(value)
        call(builder, values)
        return context.get_dummy_value()

    def signature(*given):
        """Arrays as they are, numbers as 64 bits."""
        return types.void(*[each if isinstance(each, types.Array) else WHOLE for each in given])

    return signature, generate


of_gather, of_largest, of_hand_down, of_copy_rows = (caller(function) for function in ARGUMENTS)


@intrinsic
def call_gather(typingctx, values, v_at, places, p_at, count, table, t_at, out, out_at, length):
    signature, generate = of_gather
    return signature(values, v_at, places, p_at, count, table, t_at, out, out_at, length), generate


@intrinsic
def call_largest(typingctx, x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length):
    signature, generate = of_largest
    return signature(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length), generate


@intrinsic
def call_hand_down(
    typingctx, dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length
):
    signature, generate = of_hand_down
    given = dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length
    return signature(*given), generate


@intrinsic
def call_copy_rows(typingctx, x, x_at, x_down, out, out_at, out_down, rows, length):
    signature, generate = of_copy_rows
    return signature(x, x_at, x_down, out, out_at, out_down, rows, length), generate


@overload(vectors.gather, jit_options=LOOPS)
def gather_compiled(values, v_at, places, p_at, count, table, t_at, out, out_at, length):
    def gather(values, v_at, places, p_at, count, table, t_at, out, out_at, length):
        call_gather(values, v_at, places, p_at, count, table, t_at, out, out_at, length)

    return gather


@overload(vectors.largest, jit_options=LOOPS)
def largest_compiled(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length):
    def largest(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length):
        call_largest(x, x_at, first, rows, down, columns, right, y, y_at, place, place_at, length)

    return largest


@overload(vectors.hand_down, jit_options=LOOPS)
def hand_down_compiled(dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length):
    def hand_down(dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length):
        call_hand_down(dy, dy_at, place, place_at, first, rows, down, columns, right, x, x_at, x_down, x_right, length)

    return hand_down


@overload(vectors.copy_rows, jit_options=LOOPS)
def copy_rows_compiled(x, x_at, x_down, out, out_at, out_down, rows, length):
    def copy_rows(x, x_at, x_down, out, out_at, out_down, rows, length):
        call_copy_rows(x, x_at, x_down, out, out_at, out_down, rows, length)

    return copy_rows
