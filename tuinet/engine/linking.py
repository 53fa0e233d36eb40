"""Loops that are compiled once, for all networks, as C functions: kernels find them by name, as they would find a BLAS.

Each stands for a Python function of kernels/ that says the same in NumPy: what calls that, once it is compiled, calls
the C function.
"""

from __future__ import annotations

from functools import cache, partial

import llvmlite.binding
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from .cache import kept
from .lanes import FP, IP, WHOLE
from .primitives import EXACT, LOOPS, external, f32, i32, i64

KINDS = {"f": (FP, f32.as_pointer()), "i": (IP, i32.as_pointer()), "n": (WHOLE, i64)}
FUNCTIONS = {}  # the kinds of each function's operands


def stands_for(python, kinds):
    """A decorator: in compiled kernels, this function is called where they call `python`.

    kinds: of its operands: f and i are pointers to reals and to whole numbers, n is a number. For each pointer Python
    is given an array, and how far behind its first number to begin.
    """

    def register(function):
        FUNCTIONS[function] = kinds.split()
        call_by_name = external(function.__name__, ir.VoidType(), [KINDS[kind][1] for kind in kinds.split()])

        @intrinsic
        def call(typingctx, *given):
            def generate(context, builder, signature, args):
                values, (known,) = [], signature.args
                numbers = zip(known, (builder.extract_value(args[0], i) for i in range(len(known))), strict=True)
                for kind in kinds.split():
                    of, value = next(numbers)
                    if kind == "n":
                        values.append(context.cast(builder, value, of, WHOLE))
                    else:
                        place = context.cast(builder, *reversed(next(numbers)), WHOLE)
                        array = arrayobj.make_array(of)(context, builder, value)
                        values.append(builder.gep(array.data, [place]))
                call_by_name(builder, values)
                return context.get_dummy_value()

            return types.void(types.StarArgTuple.from_types(given)), generate

        @overload(python, jit_options=LOOPS)
        def in_its_place(*operands):
            def calls(*operands):
                call(*operands)

            return calls

        return function

    return register


@cache
def compiled(function):
    """The C function. Compiled once, kept on disk; whoever is given it keeps it alive.

    Sums in vector registers stay in the order they are written in: LLVM must not split them in its own way.
    """
    signature = types.void(*(KINDS[kind][0] for kind in FUNCTIONS[function]))
    made = kept(partial(cfunc(signature, cache=True, **EXACT), function))
    llvmlite.binding.add_symbol(function.__name__, made.address)
    return made


def link_all():
    """Have all of them ready, before a kernel that calls them is compiled or loaded."""
    for function in FUNCTIONS:
        compiled(function)
