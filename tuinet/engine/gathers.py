"""A sum of few rows, each times a number: what is left of a matrix product where one side is mostly zero.

out += values[0] table[places[0]:] + values[1] table[places[1]:] + ...

A piece of `out` stays in vector registers while the list is walked along once, in its order, so that the bits of a
number depend on its list alone. Compiled once, for all networks (kernels find it by its name).
"""

from __future__ import annotations

from functools import cache

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from ..kernels import blas
from .cache import kept
from .primitives import LOOPS, external, f32, i32, i64
from .tiles import FP, LANES, WHOLE, shift

IP = types.CPointer(types.int32)
MOST = 8  # vectors of `out` in registers: enough to hide how long a sum takes


def make_gather(vectors):
    """The sum over the list, so many vectors long; of the last only the first `left` numbers are there."""
    V, mask_type = ir.VectorType(f32, LANES), ir.VectorType(ir.IntType(1), LANES)
    suffix = f"v{LANES}f32"

    def external_of(builder, name, result, arguments):
        return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)

    @intrinsic
    def gather(typingctx, values, places, count, table, out, left):
        def generate(context, builder, signature, args):
            values, places, count, table, out, left = args
            pv = V.as_pointer()

            def splat(x, kind):
                vector = ir.VectorType(kind, LANES)
                one = builder.insert_element(ir.Constant(vector, ir.Undefined), x, i32(0))
                zeros = ir.Constant(ir.VectorType(i32, LANES), None)
                return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)

            counting = ir.Constant(ir.VectorType(i32, LANES), list(range(LANES)))
            mask = builder.icmp_signed("<", counting, splat(builder.trunc(left, i32), i32))

            def load(p, v):
                p = builder.bitcast(builder.gep(p, [i64(LANES * v)]), pv)
                if v < vectors - 1:
                    return builder.load(p, align=4)
                function = external_of(builder, f"llvm.masked.load.{suffix}.p0", V, [pv, i32, mask_type, V])
                return builder.call(function, [p, i32(4), mask, ir.Constant(V, None)])

            def store(value, p, v):
                p = builder.bitcast(builder.gep(p, [i64(LANES * v)]), pv)
                if v < vectors - 1:
                    builder.store(value, p).align = 4
                else:
                    kinds = [V, pv, i32, mask_type]
                    function = external_of(builder, f"llvm.masked.store.{suffix}.p0", ir.VoidType(), kinds)
                    builder.call(function, [value, p, i32(4), mask])

            fma = external_of(builder, f"llvm.fma.{suffix}", V, [V, V, V])
            before = builder.block
            there = [load(out, v) for v in range(vectors)]
            loop, done = (builder.function.append_basic_block(name) for name in ("entry", "end"))
            builder.branch(loop)
            builder.position_at_end(loop)
            e, sums = builder.phi(i64), [builder.phi(V) for _ in there]
            e.add_incoming(i64(0), before)
            for phi, value in zip(sums, there, strict=True):
                phi.add_incoming(value, before)
            value = splat(builder.load(builder.gep(values, [e])), f32)
            row = builder.gep(table, [builder.sext(builder.load(builder.gep(places, [e])), i64)])
            new = [builder.call(fma, [value, load(row, v), sums[v]]) for v in range(vectors)]
            after = builder.add(e, i64(1))
            e.add_incoming(after, loop)
            for phi, total in zip(sums, new, strict=True):
                phi.add_incoming(total, loop)
            builder.cbranch(builder.icmp_signed("<", after, count), loop, done)
            builder.position_at_end(done)
            for v, total in enumerate(new):
                store(total, out, v)
            return context.get_dummy_value()

        return types.void(FP, IP, WHOLE, FP, FP, WHOLE), generate

    return gather


# Globals, and each by its name: Numba compiles no loop over different functions.
g1, g2, g3, g4, g5, g6, g7, g8 = (make_gather(vectors) for vectors in range(1, MOST + 1))


def tuinet_gather(values, places, count, table, out, length):
    """A piece of `out` after the other, all about equally wide: a narrow one would only wait for its own sums."""
    if count <= 0:
        return
    vectors = (length + LANES - 1) // LANES
    pieces = (vectors + MOST - 1) // MOST
    for piece in range(pieces):
        first, last = vectors * piece // pieces, vectors * (piece + 1) // pieces
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


@cache
def gather_kernel():
    """The gather as a C function. Compiled once, kept on disk."""
    signature = types.void(FP, IP, WHOLE, FP, FP, WHOLE)
    kernel = kept(lambda: cfunc(signature, cache=True, **LOOPS)(tuinet_gather))
    llvmlite.binding.add_symbol(kernel.__name__, kernel.address)
    return kernel


call_gather = external(
    "tuinet_gather",
    ir.VoidType(),
    [f32.as_pointer(), i32.as_pointer(), i64, f32.as_pointer(), f32.as_pointer(), i64],
)


@intrinsic
def gathered(typingctx, values, v_at, places, p_at, count, table, t_at, out, out_at, length):
    def generate(context, builder, signature, args):
        def data(i):
            array = arrayobj.make_array(signature.args[i])(context, builder, args[i])
            return builder.gep(array.data, [args[i + 1]])

        call_gather(builder, [data(0), data(2), args[4], data(5), data(7), args[9]])
        return context.get_dummy_value()

    w = types.int64
    return types.void(values, w, places, w, w, table, w, out, w, w), generate


@overload(blas.gather, jit_options=LOOPS)
def gather_compiled(values, v_at, places, p_at, count, table, t_at, out, out_at, length):
    def gather(values, v_at, places, p_at, count, table, t_at, out, out_at, length):
        gathered(values, v_at, places, p_at, count, table, t_at, out, out_at, length)

    return gather
