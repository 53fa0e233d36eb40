"""The loops of kernels/columnwise.py in vector registers, as LLVM: down a panel of columns, with sums in registers.

Across, as an array lies, a sum would be written and read again at every row, and a loop over a few columns takes longer
to begin than to run.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..kernels import columnwise
from .lanes import LANES, first_lanes, fused, load, repeat_any, splat, store
from .linking import stands_for
from .primitives import f32, i64

WIDE = 8 if LANES == 16 else 4  # vectors of a wide panel: neighbouring lines of a cache are read one after the other


def loop_down(roles, row):
    """An intrinsic that goes down some rows of some columns.

    roles: of its operands: x is a matrix that is read and y one that is written, each with how far its rows are apart;
    c has a number for each column, and to s, which has one too, sums are added. Behind them: rows and columns.
    row(builder, rows, *numbers, *sums): from a vector of each x and c, what becomes of the sums, or is written to y.
    """

    @intrinsic
    def loop(typingctx, *given):
        def generate(context, builder, signature, args):
            *operands, rows, columns = (builder.extract_value(args[0], i) for i in range(len(given)))
            panels = builder.sdiv(columns, i64(WIDE * LANES))
            begun = builder.mul(panels, i64(WIDE * LANES))
            vectors = builder.sdiv(builder.sub(columns, begun), i64(LANES))
            whole = builder.add(begun, builder.mul(vectors, i64(LANES)))

            def go(first, number, mask):
                Panel(builder, roles, row, operands, rows, first, number, mask).go_down()
                return []

            repeat_any(builder, panels, [], lambda turn, _: go(builder.mul(turn, i64(WIDE * LANES)), WIDE, None))
            repeat_any(
                builder, vectors, [], lambda turn, _: go(builder.add(begun, builder.mul(turn, i64(LANES))), 1, None)
            )
            left = builder.sub(columns, whole)
            with builder.if_then(builder.icmp_signed("<", i64(0), left)):
                go(whole, 1, first_lanes(builder, left))
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(given)), generate

    return loop


class Panel:
    """So many vectors of columns, from one column on."""

    def __init__(self, builder, roles, row, operands, rows, first, vectors, mask):
        self.builder, self.row, self.rows, self.mask = builder, row, rows, mask
        self.read, self.written, self.sums = [], None, []  # read: what gives vector v of row n
        given = iter(operands)
        for role in roles.split():
            pointer = builder.gep(next(given), [first])
            places = [builder.gep(pointer, [i64(LANES * v)]) for v in range(vectors)]
            if role == "x":
                self.read.append(self._row_by_row(places, next(given)))
            elif role == "c":
                self.read.append(self._once(places))
            elif role == "y":
                self.written = places, next(given)
            else:
                self.sums.append(places)
        self.vectors = range(vectors)

    def go_down(self):
        """Row by row, in their order: a column's sums are the same bits in a wide panel and in a narrow one."""
        begun = [load(self.builder, places[v], self.mask) for v in self.vectors for places in self.sums]
        sums = iter(repeat_any(self.builder, self.rows, begun, self._one))
        for v in self.vectors:
            for places in self.sums:
                store(self.builder, next(sums), places[v], self.mask)

    def _one(self, n, sums):
        """Row n: the new sums, or none where it is written."""
        builder, new, each = self.builder, [], len(self.sums)
        for v in self.vectors:
            numbers = [read(n, v) for read in self.read]
            made = self.row(builder, self.rows, *numbers, *sums[v * each : (v + 1) * each])
            if self.written is None:
                new += made
            else:
                store(builder, made, self._place(*self.written, n, v), self.mask)
        return new

    def _place(self, places, line, n, v):
        """Where vector v of row n is."""
        return self.builder.gep(places[v], [self.builder.mul(n, line)])

    def _row_by_row(self, places, line):
        return lambda n, v: load(self.builder, self._place(places, line, n, v), self.mask)

    def _once(self, places):
        values = [load(self.builder, place, self.mask) for place in places]
        return lambda n, v: values[v]


# -- sums ----------------------------------------------------------------------------------------

add_all = loop_down("x s", lambda builder, rows, x, s: [builder.fadd(s, x)])
add_all_products = loop_down("x x s", lambda builder, rows, u, v, s: [fused(builder, u, v, s)])


def square(builder, rows, x, middle, s):
    away = builder.fsub(x, middle)
    return [fused(builder, away, away, s)]


def shares(builder, rows, x, middle, gradient, s, t):
    return [fused(builder, builder.fsub(x, middle), gradient, s), builder.fadd(t, gradient)]


add_all_squares, add_all_shares = loop_down("x c s", square), loop_down("x c x s s", shares)


@stands_for(columnwise.add, "f n f n n")
def tuinet_add(x, line, s, rows, columns):
    add_all(x, line, s, rows, columns)


@stands_for(columnwise.add_products, "f n f n f n n")
def tuinet_add_products(u, u_line, v, v_line, s, rows, columns):
    add_all_products(u, u_line, v, v_line, s, rows, columns)


@stands_for(columnwise.add_squares, "f n f f n n")
def tuinet_add_squares(x, line, m, s, rows, columns):
    add_all_squares(x, line, m, s, rows, columns)


@stands_for(columnwise.add_shares, "f n f f n f f n n")
def tuinet_add_shares(x, x_line, m, d, d_line, s, t, rows, columns):
    add_all_shares(x, x_line, m, d, d_line, s, t, rows, columns)


# -- row by row ----------------------------------------------------------------------------------


def scaled(builder, rows, x, middle, spread, gain, offset):
    return fused(builder, builder.fmul(builder.fsub(x, middle), spread), gain, offset)


def scaled_back(builder, rows, x, middle, spread, gain, of_gain, of_offset, gradient):
    """What does not depend on the row is worked out once: LLVM sees to that."""
    share = splat(builder, builder.fdiv(ir.Constant(f32, 1.0), builder.sitofp(rows, f32)))
    lean, common = builder.fmul(builder.fmul(of_gain, spread), share), builder.fmul(of_offset, share)
    rest = builder.fsub(gradient, fused(builder, builder.fsub(x, middle), lean, common))
    return builder.fmul(builder.fmul(gain, spread), rest)


scale_all, scale_all_back = loop_down("x c c c c y", scaled), loop_down("x c c c c c x y", scaled_back)


@stands_for(columnwise.scale, "f n f f f f f n n n")
def tuinet_scale(x, x_line, m, r, g, b, y, y_line, rows, columns):
    scale_all(x, x_line, m, r, g, b, y, y_line, rows, columns)


@stands_for(columnwise.scale_back, "f n f f f f f f n f n n n")
def tuinet_scale_back(x, x_line, m, r, g, dg, db, dy, dy_line, dx, dx_line, rows, columns):
    scale_all_back(x, x_line, m, r, g, dg, db, dy, dy_line, dx, dx_line, rows, columns)
