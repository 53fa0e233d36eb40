"""Vectors of an instruction, in LLVM: what a vector register holds, and what is done to all its lanes at once.

Every loop of the engine that is written by hand is made of these (tiles.py, vectors.py, columnwise.py); how many lanes
a vector has is the processor's affair, known when this is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from .primitives import bring_near, f32, i32, i64

FP, IP = types.CPointer(types.float32), types.CPointer(types.int32)
WHOLE = types.int64


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


# -- a vector -----------------------------------------------------------------------------------

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


# -- loops ---------------------------------------------------------------------------------------


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


def repeat_any(builder, count, values, body):
    """The same, of any number of turns."""
    before = builder.block
    some, done = (builder.function.append_basic_block(name) for name in ("some", "none"))
    builder.cbranch(builder.icmp_signed("<", i64(0), count), some, done)
    builder.position_at_end(some)
    new = repeat(builder, count, values, body)
    after = builder.block
    builder.branch(done)
    builder.position_at_end(done)
    ends = [builder.phi(value.type) for value in values]
    for end, begin, value in zip(ends, values, new, strict=True):
        end.add_incoming(begin, before)
        end.add_incoming(value, after)
    return ends


# -- places, and what is moved between them ------------------------------------------------------


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

    partly: only so many rows and columns of source are there, and as many columns and rows of target.
    """

    @intrinsic
    def turn(typingctx, target, target_rows, source, source_rows, count, left):
        def generate(context, builder, signature, args):
            target, target_rows, source, source_rows, count, left = args
            lines = lines_of(builder, source, source_rows, count) if partly else lines_of(builder, source, source_rows)
            mask = first_lanes(builder, left) if partly else None
            rows = turned(builder, [load(builder, line, mask) for line in lines])
            for i, (row, line) in enumerate(zip(rows, lines_of(builder, target, target_rows), strict=True)):
                there = builder.select(builder.icmp_signed("<", i64(i), left), count, i64(0))
                store(builder, row, line, first_lanes(builder, there) if partly else None)
            return context.get_dummy_value()

        return types.void(FP, WHOLE, FP, WHOLE, WHOLE, WHOLE), generate

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


turn, turn_part = make_turn(False), make_turn(True)
