"""The loops of kernels/vectors.py in vector registers, as LLVM: its own vectorizer takes short stretches badly."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..kernels import vectors
from .lanes import (
    COUNTING,
    FP,
    IP,
    LANES,
    MASK,
    REALS,
    WHOLE,
    WHOLES,
    first_lanes,
    fused,
    load,
    repeat,
    shift,
    splat,
    store,
    turn,
    turn_part,
)
from .linking import stands_for
from .primitives import i32, i64

MOST = 8  # vectors of a piece that `gather` sums at a time: enough to hide how long a sum takes ...
SUMS = 24 if LANES == 16 else 8  # ... and vectors of all pieces: as many as there are registers for
PIECES = SUMS // MOST


def offset(builder, pointer, *terms):
    """pointer + the sum of products: of turns and how far they are apart."""
    for count, step in terms:
        pointer = builder.gep(pointer, [builder.mul(count, step)])
    return pointer


# -- gather ------------------------------------------------------------------------------------


def gather_some(builder, values, places, count, table, t_step, out, o_step, pieces, vectors, last):
    """The sums over a list of so many pieces, each so many vectors long; last: the mask of the last vector of each."""

    def vectors_of(pointer, step):
        for piece in range(pieces):
            line = builder.gep(pointer, [builder.mul(step, i64(piece))])
            for v in range(vectors):
                yield builder.gep(line, [i64(LANES * v)]), last if v == vectors - 1 else None

    def add(e, sums):
        value = splat(builder, builder.load(builder.gep(values, [e])))
        row = builder.gep(table, [builder.sext(builder.load(builder.gep(places, [e])), i64)])
        found = [load(builder, *each) for each in vectors_of(row, t_step)]
        return [fused(builder, value, part, total) for part, total in zip(found, sums, strict=True)]

    sums = repeat(builder, count, [load(builder, *each) for each in vectors_of(out, o_step)], add)
    for total, each in zip(sums, vectors_of(out, o_step), strict=True):
        store(builder, total, *each)


@intrinsic
def gather_pieces(typingctx, values, places, count, table, t_step, out, o_step, pieces, vectors, left):
    """`gather_some` of as many pieces and vectors: code of its own for each, as all sums stay in registers."""

    def generate(context, builder, signature, args):
        *operands, pieces, vectors, left = args
        last = first_lanes(builder, left)
        done = builder.function.append_basic_block("gathered")
        choice = builder.switch(builder.add(builder.mul(pieces, i64(MOST + 1)), vectors), done)
        for some in range(1, PIECES + 1):
            for many in range(1, min(MOST, SUMS // some) + 1):
                case = builder.function.append_basic_block(f"gather_{some}_{many}")
                choice.add_case(i64(some * (MOST + 1) + many), case)
                builder.position_at_end(case)
                gather_some(builder, *operands, some, many, last)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(FP, IP, WHOLE, FP, WHOLE, FP, WHOLE, WHOLE, WHOLE, WHOLE), generate


@stands_for(vectors.gather, "f i n f n f n n n")
def tuinet_gather(values, places, count, table, t_step, out, o_step, pieces, length):
    """A stretch of a piece after the other, all about equally wide: a narrow one would only wait for its own sums."""
    if count <= 0:
        return
    every = (length + LANES - 1) // LANES
    stretches = (every + MOST - 1) // MOST
    at_once = min(PIECES, max(1, SUMS // ((every + stretches - 1) // stretches)))
    for piece in range(0, pieces, at_once):
        for stretch in range(stretches):
            first, last = every * stretch // stretches, every * (stretch + 1) // stretches
            gather_pieces(
                values, places, count, shift(table, piece * t_step + first * LANES), t_step,
                shift(out, piece * o_step + first * LANES), o_step,
                min(at_once, pieces - piece), last - first, min(LANES, length - (last - 1) * LANES),
            )  # fmt: skip


# -- pick ----------------------------------------------------------------------------------------


@intrinsic
def pick_vector(typingctx, dy, place, number, channel, line, values, places, left):
    """Of a vector of dy what is not zero and stood at this place, beside each other. Gives how many they are."""

    def generate(context, builder, signature, args):
        dy, place, number, channel, line, values, places, left = args
        mask = first_lanes(builder, left)

        def whole(number):
            return splat(builder, builder.trunc(number, i32), WHOLES)

        def beside(vector):
            """As whole numbers: for processors that cannot do it at once, LLVM puts reals together wrongly."""
            compress = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(WHOLES, [WHOLES, MASK, WHOLES]),
                f"llvm.experimental.vector.compress.v{LANES}i32",
            )
            return builder.call(compress, [vector, here, ir.Constant(WHOLES, None)])

        gradient = load(builder, dy, mask)
        wanted = builder.add(whole(builder.add(number, channel)), COUNTING)
        here = builder.icmp_signed("==", load(builder, place, mask, WHOLES), wanted)
        here = builder.and_(here, builder.fcmp_unordered("!=", gradient, ir.Constant(REALS, None)))
        rows = builder.mul(builder.add(whole(channel), COUNTING), whole(line))
        store(builder, builder.bitcast(beside(builder.bitcast(gradient, WHOLES)), REALS), values)
        store(builder, beside(rows), places, None, WHOLES)
        bits = builder.bitcast(here, ir.IntType(LANES))
        return builder.zext(builder.ctpop(bits), i64)

    return types.int64(FP, IP, WHOLE, WHOLE, WHOLE, FP, IP, WHOLE), generate


@intrinsic
def put_whole(typingctx, pointer, i, value):
    """pointer[i] = value."""

    def generate(context, builder, signature, args):
        builder.store(builder.trunc(args[2], i32), builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(IP, WHOLE, WHOLE), generate


@stands_for(vectors.pick, "f i n n n n n n n f i i")
def tuinet_pick(dy, place, first, rows, down, columns, right, length, line, values, places, counts):
    for u in range(rows):
        for v in range(columns):
            number, at, count = first + u * down + v * right, (u * columns + v) * length, 0
            for c in range(0, length, LANES):
                count += pick_vector(
                    shift(dy, c), shift(place, c), number, c, line,
                    shift(values, at + count), shift(places, at + count), length - c,
                )  # fmt: skip
            put_whole(counts, u * columns + v, count)


# -- largest, and back ---------------------------------------------------------------------------


def make_largest(square):
    """One vector of a window. square: of so many values each way, without loops; else 0.

    Windows of 2 x 2 are by far the commonest, and loops would take most of the time that they need.
    """

    @intrinsic
    def largest_vector(typingctx, x, first, rows, down, columns, right, y, place, left):
        def generate(context, builder, signature, args):
            x, first, rows, down, columns, right, y, place, left = args
            mask = first_lanes(builder, left)

            def row(u, best):
                return repeat(builder, columns, best, lambda v, best: compare(u, v, *best))

            def compare(u, v, best, where):
                step = builder.add(builder.mul(u, down), builder.mul(v, right))
                value = load(builder, builder.gep(x, [step]), mask)
                above, nan = builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value)
                larger = builder.or_(above, nan)  # NaN counts, for the guard to see
                here = splat(builder, builder.trunc(step, i32), WHOLES)
                return [builder.select(larger, value, best), builder.select(larger, here, where)]

            found = [load(builder, x, mask), ir.Constant(WHOLES, None)]
            if square:
                for u, v in list(np.ndindex(square, square))[1:]:
                    found = compare(i64(u), i64(v), *found)
            else:
                found = repeat(builder, rows, found, row)
            best, where = found
            number = builder.add(splat(builder, builder.trunc(first, i32), WHOLES), COUNTING)
            store(builder, best, y, mask)
            store(builder, builder.add(where, number), place, mask, WHOLES)
            return context.get_dummy_value()

        return types.void(FP, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, FP, IP, WHOLE), generate

    return largest_vector


largest_any, largest_2 = make_largest(0), make_largest(2)


@stands_for(vectors.largest, "f n n n n n f i n n n")
def tuinet_largest(x, first, rows, down, columns, right, y, place, length, count, step):
    small = rows == 2 and columns == 2
    for w in range(count):
        here, number, out, where = shift(x, w * step), first + w * step, shift(y, w * length), shift(place, w * length)
        for at in range(0, length, LANES):
            if small:
                largest_2(
                    shift(here, at), number + at, rows, down, columns, right,
                    shift(out, at), shift(where, at), length - at,
                )  # fmt: skip
            else:
                largest_any(
                    shift(here, at), number + at, rows, down, columns, right,
                    shift(out, at), shift(where, at), length - at,
                )  # fmt: skip


def make_hand_down(square):
    """The way back, one vector of a window. square: as for `make_largest`."""

    @intrinsic
    def hand_down_vector(typingctx, dy, place, first, rows, down, columns, right, x, x_down, x_right, keep, left):
        def generate(context, builder, signature, args):
            dy, place, first, rows, down, columns, right, x, x_down, x_right, keep, left = args
            mask = first_lanes(builder, left)
            gradient, kept = load(builder, dy, mask), first_lanes(builder, builder.mul(keep, left))
            number = builder.add(splat(builder, builder.trunc(first, i32), WHOLES), COUNTING)
            wanted = builder.sub(load(builder, place, mask, WHOLES), number)

            def row(u, _):
                repeat(builder, columns, [], lambda v, _: add(u, v))
                return []

            def add(u, v):
                step = builder.add(builder.mul(u, down), builder.mul(v, right))
                here = builder.icmp_signed("==", wanted, splat(builder, builder.trunc(step, i32), WHOLES))
                pointer = offset(builder, x, (u, x_down), (v, x_right))
                share = builder.select(here, gradient, ir.Constant(REALS, None))
                store(builder, builder.fadd(load(builder, pointer, kept), share), pointer, mask)
                return []

            if square:
                for u, v in np.ndindex(square, square):
                    add(i64(u), i64(v))
            else:
                repeat(builder, rows, [], row)
            return context.get_dummy_value()

        return types.void(FP, IP, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, FP, WHOLE, WHOLE, WHOLE, WHOLE), generate

    return hand_down_vector


hand_down_any, hand_down_2 = make_hand_down(0), make_hand_down(2)


@stands_for(vectors.hand_down, "f i n n n n n f n n n n n n n")
def tuinet_hand_down(
    dy, place, first, rows, down, columns, right, x, x_down, x_right, length, count, step, x_step, keep
):
    small = rows == 2 and columns == 2
    for w in range(count):
        gradient, where, out = shift(dy, w * length), shift(place, w * length), shift(x, w * x_step)
        for at in range(0, length, LANES):
            number = first + w * step + at
            if small:
                hand_down_2(
                    shift(gradient, at), shift(where, at), number, rows, down, columns, right,
                    shift(out, at), x_down, x_right, keep, length - at,
                )  # fmt: skip
            else:
                hand_down_any(
                    shift(gradient, at), shift(where, at), number, rows, down, columns, right,
                    shift(out, at), x_down, x_right, keep, length - at,
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


@stands_for(vectors.copy_rows, "f n f n n n")
def tuinet_copy_rows(x, x_down, out, out_down, rows, length):
    whole = length // LANES * LANES
    for r in range(rows):
        source, target = shift(x, r * x_down), shift(out, r * out_down)
        for at in range(0, whole, LANES):
            copy_whole(shift(target, at), shift(source, at), LANES)
        if whole < length:
            copy_part(shift(target, whole), shift(source, whole), length - whole)


def inside(builder, first, end):
    """A mask of a vector's numbers that lie from 0 up to `end`, if its first one is number `first`."""
    number = builder.add(splat(builder, builder.trunc(first, i32), WHOLES), COUNTING)
    below = builder.icmp_signed("<", number, splat(builder, builder.trunc(end, i32), WHOLES))
    return builder.and_(below, builder.icmp_signed(">=", number, ir.Constant(WHOLES, None)))


@intrinsic
def copy_some(typingctx, x, first, end, out, left):
    """One vector of a row, zeros for what lies outside of it."""

    def generate(context, builder, signature, args):
        x, first, end, out, left = args
        mask = first_lanes(builder, left)
        there = builder.and_(inside(builder, first, end), mask)
        store(builder, load(builder, builder.gep(x, [first]), there), out, mask)
        return context.get_dummy_value()

    return types.void(FP, WHOLE, WHOLE, FP, WHOLE), generate


@intrinsic
def add_some(typingctx, x, first, end, values, left):
    """One vector is added to a row, but what lies outside of it."""

    def generate(context, builder, signature, args):
        x, first, end, values, left = args
        there, place = builder.and_(inside(builder, first, end), first_lanes(builder, left)), builder.gep(x, [first])
        store(builder, builder.fadd(load(builder, place, there), load(builder, values, there)), place, there)
        return context.get_dummy_value()

    return types.void(FP, WHOLE, WHOLE, FP, WHOLE), generate


@stands_for(vectors.copy_inside, "f n n f n")
def tuinet_copy_inside(x, first, end, out, length):
    for at in range(0, length, LANES):
        copy_some(x, first + at, end, shift(out, at), length - at)


@stands_for(vectors.add_inside, "f n n f n")
def tuinet_add_inside(x, first, end, values, length):
    for at in range(0, length, LANES):
        add_some(x, first + at, end, shift(values, at), length - at)


@stands_for(vectors.turn, "f n f n n n")
def tuinet_turn(x, x_line, out, out_line, rows, columns):
    for r in range(0, rows, LANES):
        for c in range(0, columns, LANES):
            there, source = shift(out, c * out_line + r), shift(x, r * x_line + c)
            if r + LANES <= rows and c + LANES <= columns:
                turn(there, out_line, source, x_line, LANES, LANES)
            else:
                turn_part(there, out_line, source, x_line, min(LANES, rows - r), min(LANES, columns - c))
