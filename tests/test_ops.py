"""What every op promises: its kernel agrees with its definition, at odd sizes, whole or in part."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tuinet.engine import reference
from tuinet.engine.program import Call, Slot
from tuinet.engine.trials import SIZES, Places, agree, operands_for
from tuinet.kernels import OPS, OpError, op, scalars

KERNELS = sorted(name for name, each in OPS.items() if each.cpu_kernel)


def run_compiled(call: Call, views: dict[Slot, np.ndarray], cut: Any = lambda slot, view: view) -> None:
    from tuinet.engine import cpu

    table = cpu.Table()
    cpu.add_call(table, call, [cut(slot, views[slot]) for slot in call.operands])
    words, starts = table.arrays()
    nowhere = np.zeros(0, np.int64)
    cpu.walk(words, starts, nowhere, nowhere, 1)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", KERNELS)
def test_the_compiled_kernel_agrees_with_the_definition(name: str, sizes: str) -> None:
    for keep in (False, True) if OPS[name].keeps else (False,):
        call, views = operands_for(name, sizes)
        call.keep = keep
        exact = {s: v.astype(np.int64 if s.whole else np.float64) for s, v in views.items()}
        reference.step(call, Places(exact))
        run_compiled(call, views)
        for slot in call.writes:
            assert agree(views[slot], exact[slot]), (slot.name, keep)


@pytest.mark.parametrize("name", KERNELS)
def test_the_kernel_is_plain_python_that_a_debugger_can_step_through(name: str) -> None:
    call, views = operands_for(name, "odd")
    exact = {s: v.astype(np.int64 if s.whole else np.float64) for s, v in views.items()}
    reference.step(call, Places(exact))
    values: list[Any] = []
    for operand, slot in zip(call.op.operands, call.operands, strict=True):
        view = views[slot]
        if view.shape == () and operand not in call.op.outputs:
            values.append(int(view) if slot.whole else view[()])
        else:
            values.append(view.reshape(1, -1) if call.op.dims[operand] == ("*",) else view)
    for setting, parameter in call.op.settings.items():
        given = call.settings[setting]
        values.append(np.float32(given) if parameter.annotation in (float, "float") else given)
    with np.errstate(all="ignore"):
        call.op.cpu_kernel(*values, *[False] * call.op.keeps)
    for slot in call.writes:
        assert agree(views[slot], exact[slot]), slot.name


def axis_of(dims: tuple[str, ...], letter: str) -> int | None:
    """Along which axis of an operand a letter cuts; "*0" and "*1" cut rows and columns of any shape."""
    if letter[0] == "*":
        return int(letter[1]) if dims == ("*",) else None
    return dims.index(letter) if letter in dims else None


def stretch(axes: dict[Slot, int | None], low: int, high: int, slot: Slot, view: np.ndarray) -> np.ndarray:
    """The stretch of an operand that one of several threads would see."""
    axis = axes[slot]
    return view if axis is None else view[low:high] if axis == 0 else view[:, low:high]


@pytest.mark.parametrize("sizes", ["odd", "tiles", "wide"])
@pytest.mark.parametrize("name", [n for n in KERNELS if OPS[n].cut])
def test_a_kernel_on_a_stretch_computes_the_same_bits_as_on_everything(name: str, sizes: str) -> None:
    """Wherever it is cut: numbers that fill a vector register and those that are left over must come out alike."""
    dims = OPS[name].dims
    for letter in ("*0", "*1") if OPS[name].cut == ("*",) else OPS[name].cut:
        for parts_of in (2, 3, 5):
            call, whole = operands_for(name, sizes)
            parts = {s: v.copy() for s, v in whole.items()}
            run_compiled(call, whole)
            axes = {slot: axis_of(dims[n], letter) for n, slot in zip(call.op.operands, call.operands, strict=True)}
            length = next(s.shape[axis] for s, axis in axes.items() if axis is not None)
            cuts = [length * i // parts_of for i in range(parts_of + 1)]
            for low, high in pairwise(cuts):
                run_compiled(call, parts, partial(stretch, axes, low, high))
            for slot in call.writes:
                assert whole[slot].tobytes() == parts[slot].tobytes(), (letter, parts_of, slot.name)


@pytest.mark.parametrize("function", ["exp", "log", "tanh", "sigmoid", "erf"])
def test_fast_functions_are_right_to_the_last_digits(function: str) -> None:
    import math

    wanted, low, high = {
        "exp": (math.exp, -80.0, 80.0),
        "log": (math.log, 1e-6, 1e6),
        "tanh": (math.tanh, -10.0, 10.0),
        "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), -60.0, 60.0),
        "erf": (math.erf, -5.0, 5.0),
    }[function]
    for x in np.linspace(low, high, 997).astype(np.float32):
        with np.errstate(all="ignore"):
            got = float(getattr(scalars, function)(x))
        exact = wanted(float(x))
        assert abs(got - exact) <= 3e-7 * abs(exact) + 2e-7 * (function == "log")


def test_an_op_whose_kernel_takes_other_operands_is_refused_by_name() -> None:
    with pytest.raises(OpError, match=r"bad_cpu takes \['x', 'z'\]; the definition of doubled asks for \['x', 'y'\]"):

        @op
        def doubled(x):  # type: ignore[no-untyped-def]
            """y = 2 x        x (N)   y (N)"""
            return 2 * x

        try:

            @doubled.cpu
            def bad_cpu(x, z):  # type: ignore[no-untyped-def]
                z[0] = x[0]

        finally:
            del OPS["doubled"]


def test_operands_that_do_not_fit_are_refused_by_letter_and_name() -> None:
    a, b = Slot("x", (3, 4), "value"), Slot("W", (5, 2), "parameter")
    with pytest.raises(OpError, match=r"matmul_nn: K is 4, but W \(5, 2\) has 5"):
        OPS["matmul_nn"].shapes([a, b], {})
