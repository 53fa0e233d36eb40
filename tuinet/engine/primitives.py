"""What kernels need and Numba has no word for, each a few LLVM instructions.

Only public interfaces are used: numba.extending (intrinsic, register_jitable), numba.types,
llvmlite.ir and llvmlite.binding.add_symbol, and the array helpers of numba.np.arrayobj, which
are not promised but have not changed since 2016.
"""

from __future__ import annotations

import ctypes
import operator
import platform
import time

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import ArrayModel
from numba.extending import intrinsic, lower_builtin, overload, register_jitable, register_model
from numba.np import arrayobj

from ..kernels import SCALARS, parts
from ..shapes import Geometry

# Neither "arcp" nor "afn": they let LLVM divide by an estimated reciprocal in vector code and exactly in what
# is left over, so that a number's bits would depend on where the threads' stretches begin.
LOOPS = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}
EXACT = {"error_model": "numpy", "fastmath": {"contract"}}  # no reordering: see kernels/scalars.py

for function in SCALARS:
    register_jitable(**EXACT)(function)

i8, i32, i64, f32, f64 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
RECORD = types.CPointer(types.int64)
ON_X86 = platform.machine().lower() in ("x86_64", "amd64")
NUMBERS_OF_A_LINE = 16  # of 4 bytes, in a line of a cache


# -- operands: vectors, and matrices that may be a stretch of a wider one -------------------------


class Operand(types.Array):
    """An array whose last axis lies in one piece, and whose indices are never negative.

    A plain array of any layout would do, but then every kernel is first optimised for columns at
    any distance, and what comes of that is not vectorised; the test for negative indices likewise.
    """

    def __init__(self, dtype, ndim):
        super().__init__(dtype, ndim, "A", name=f"Operand({dtype}, {ndim})")


register_model(Operand)(ArrayModel)


def _place(context, builder, kind, array, index_type, index):
    """The address of an element."""
    array = arrayobj.make_array(kind)(context, builder, array)
    kinds = [index_type] if isinstance(index_type, types.Integer) else list(index_type)
    values = [index] if isinstance(index_type, types.Integer) else cgutils.unpack_tuple(builder, index, len(kinds))
    values = [context.cast(builder, v, k, types.intp) for v, k in zip(values, kinds, strict=True)]
    data = array.data
    if len(values) == 2:
        row = builder.mul(values[0], cgutils.unpack_tuple(builder, array.strides, kind.ndim)[0])
        data = builder.bitcast(builder.gep(builder.bitcast(data, i8.as_pointer()), [row]), data.type)
    return builder.gep(data, values[-1:]) if values else data


def _getitem(context, builder, signature, args):
    kind, index_type = signature.args
    return builder.load(_place(context, builder, kind, args[0], index_type, args[1]))


def _setitem(context, builder, signature, args):
    kind, index_type, value_type = signature.args
    value = context.cast(builder, args[2], value_type, kind.dtype)
    builder.store(value, _place(context, builder, kind, args[0], index_type, args[1]))


for index in (types.Integer, types.BaseTuple):
    lower_builtin(operator.getitem, Operand, index)(_getitem)
    lower_builtin(operator.setitem, Operand, index, types.Any)(_setitem)


def _stretch(context, builder, kind, data, count):
    """An operand of one axis that begins at an address."""
    size = i64(kind.dtype.bitwidth // 8)
    array = arrayobj.make_array(kind)(context, builder)
    arrayobj.populate_array(array, data, [count], [size], size, None)
    return array._getvalue()


@intrinsic
def stretch(typingctx, x, first, count):
    """kernels/parts.py: part"""
    kind = Operand(x.dtype, 1)

    def generate(context, builder, signature, args):
        data = _place(context, builder, signature.args[0], args[0], types.int64, args[1])
        return _stretch(context, builder, kind, data, args[2])

    return kind(x, types.int64, types.int64), generate


@intrinsic
def row_stretch(typingctx, x, n, first, count):
    """kernels/parts.py: row_part"""
    kind, place = Operand(x.dtype, 1), types.UniTuple(types.int64, 2)

    def generate(context, builder, signature, args):
        at = context.make_tuple(builder, place, args[1:3])
        data = _place(context, builder, signature.args[0], args[0], place, at)
        return _stretch(context, builder, kind, data, args[3])

    return kind(x, types.int64, types.int64, types.int64), generate


def bring_near(builder, pointer):
    """Ask for what stands at an address, to the second cache: whoever reads it soon need not wait."""
    pointer = builder.bitcast(pointer, i8.as_pointer())
    signature = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
    ask = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
    builder.call(ask, [pointer, i32(0), i32(2), i32(1)])  # for reading; of 3 to 0 near; data


@intrinsic
def bring_number_near(typingctx, x, n, at):
    """The cache line of a number in row n."""
    place = types.UniTuple(types.int64, 2)

    def generate(context, builder, signature, args):
        at = context.make_tuple(builder, place, args[1:3])
        bring_near(builder, _place(context, builder, signature.args[0], args[0], place, at))
        return context.get_dummy_value()

    return types.void(x, types.int64, types.int64), generate


@overload(parts.part)
def part_compiled(x, first, count):
    return lambda x, first, count: stretch(x, first, count)


@overload(parts.row_part)
def row_part_compiled(x, n, first, count):
    return lambda x, n, first, count: row_stretch(x, n, first, count)


@overload(parts.ask_for)
def ask_for_compiled(x, n, first, count):
    def ask_for(x, n, first, count):
        for i in range(0, count, NUMBERS_OF_A_LINE):
            bring_number_near(x, n, first + i)

    return ask_for


# -- records: a call's operands as a row of 64-bit words ----------------------------------------

TYPES = {"f": types.float32, "i": types.int32, "l": types.int64}


def kinds_of(layout):
    """The Numba types of a layout's operands."""

    def kind(word):
        if word in ("iv", "is"):
            return types.int64
        if word in ("fv", "fs"):
            return types.float32
        if word == "gs":
            return types.NamedUniTuple(types.int64, len(Geometry._fields), Geometry)
        return Operand(TYPES[word[0]], int(word[1]))

    return [kind(word) for word in layout.split()]


@intrinsic(prefer_literal=True)
def operands(typingctx, record, layout):
    """A record as a tuple of arrays and numbers.

    The layout has two letters for each operand: f2 a matrix of float32 (address, rows, columns
    and the step from row to row in the record), f1 a vector (address and length), i1 of int32,
    f0 an array without axes (address); fv, iv the number at an address; fs, is a setting, in the
    record itself, and gs a Geometry.
    """
    words, kinds = layout.literal_value.split(), kinds_of(layout.literal_value)

    def generate(context, builder, signature, args):
        position = iter(range(1000))

        def word():
            return builder.load(builder.gep(args[0], [i64(next(position))]))

        def address(kind):
            return builder.inttoptr(word(), kind.as_pointer())

        values = []
        for w, kind in zip(words, kinds, strict=True):
            if w == "is":
                values.append(word())
            elif w == "fs":
                values.append(builder.fptrunc(builder.bitcast(word(), f64), f32))
            elif w == "gs":
                values.append(context.make_tuple(builder, kind, [word() for _ in range(kind.count)]))
            elif w == "fv":
                values.append(builder.load(address(f32)))
            elif w == "iv":
                values.append(builder.sext(builder.load(address(i32)), i64))
            else:
                item = {"f": f32, "i": i32, "l": i64}[w[0]]
                size = 8 if w[0] == "l" else 4
                data, shape = address(item), [word() for _ in range(kind.ndim)]
                strides = [i64(size)] if kind.ndim else []
                if kind.ndim == 2:
                    strides.insert(0, builder.mul(word(), i64(size)))
                array = arrayobj.make_array(kind)(context, builder)
                arrayobj.populate_array(array, data, shape, strides, i64(size), None)
                values.append(array._getvalue())
        return context.make_tuple(builder, signature.return_type, values)

    return types.Tuple(kinds)(record, layout), generate


@intrinsic
def address(typingctx, array, i):
    """A pointer to array[i]."""

    def generate(context, builder, signature, args):
        data = arrayobj.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return types.CPointer(array.dtype)(array, types.intp), generate


@intrinsic
def call(typingctx, function, record):
    """Call the function at an address with a record."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [i64.as_pointer()])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1]])
        return context.get_dummy_value()

    return types.void(types.int64, record), generate


def external(name, result, arguments, at=None):
    """Call a C function by name. The name, not the address, is compiled in: that is why code
    that uses it can be kept on disk."""
    if at is not None:
        llvmlite.binding.add_symbol(name, at)

    def call_by_name(builder, values):
        module = builder.module
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)
        return builder.call(function, values)

    return call_by_name


def room(builder, kind):
    """Stack space for one value, taken when the function is entered: taken inside a loop, it
    would be taken again on each turn, until the stack is used up."""
    with builder.goto_entry_block():
        return builder.alloca(kind)


# -- how a thread computes --------------------------------------------------------------------------

FLUSH = 0x8040  # of x86's control word: results and operands that are denormal are 0


def _control_word(builder, act, place):
    """Load this thread's control word from a place, or store it there."""
    pointer = builder.bitcast(place, i8.as_pointer())
    name = f"llvm.x86.sse.{act}mxcsr"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [pointer.type]), name)
    builder.call(function, [pointer])


@intrinsic
def flush_denormals(typingctx):
    """From here on this thread takes numbers below 1.2e-38 for 0; gives what `compute_as` wants to undo it.

    They carry no information, and are slow: moments of units that are dead shrink to them and stay there. On other
    processors than x86 nothing is changed.
    """

    def generate(context, builder, signature, args):
        if not ON_X86:
            return i32(0)
        place = room(builder, i32)
        _control_word(builder, "st", place)
        before = builder.load(place)
        builder.store(builder.or_(before, i32(FLUSH)), place)
        _control_word(builder, "ld", place)
        return before

    return types.int32(), generate


@intrinsic
def compute_as(typingctx, before):
    """Undo flush_denormals."""

    def generate(context, builder, signature, args):
        if ON_X86:
            place = room(builder, i32)
            builder.store(args[0], place)
            _control_word(builder, "ld", place)
        return context.get_dummy_value()

    return types.void(types.int32), generate


# -- threads and time ----------------------------------------------------------------------------


@intrinsic
def atomic_add(typingctx, array, i, value):
    """array[i] += value in one indivisible act; gives what was there before."""

    def generate(context, builder, signature, args):
        data = arrayobj.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [args[1]]), args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def atomic_load(typingctx, array, i):
    """array[i] as the other threads have left it."""

    def generate(context, builder, signature, args):
        data = arrayobj.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "seq_cst", 8)

    return types.int64(array, types.intp), generate


def symbol(name):
    """The address of a function of the C library."""
    return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value


call_yield = external("tuinet_yield", i32, [], symbol("sched_yield"))
call_clock = external("tuinet_clock", i32, [i32, i64.as_pointer()], symbol("clock_gettime"))


@intrinsic
def let_others_run(typingctx):
    """Give the rest of this thread's time slice away."""

    def generate(context, builder, signature, args):
        call_yield(builder, [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def nanoseconds(typingctx):
    """The monotonic clock."""

    def generate(context, builder, signature, args):
        two = room(builder, ir.ArrayType(i64, 2))
        at = builder.bitcast(two, i64.as_pointer())
        call_clock(builder, [i32(time.CLOCK_MONOTONIC), at])
        seconds, rest = builder.load(at), builder.load(builder.gep(at, [i64(1)]))
        return builder.add(builder.mul(seconds, i64(10**9)), rest)

    return types.int64(), generate
