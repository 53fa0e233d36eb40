"""A program: what a network does in one step, as a flat list of op calls on named slots.

A layer is handed a program and calls its ops; each call is written down and returns new slots:

    y = ops.relu(ops.dense(x, W, b))

A view is a call too (`view`), but an empty one: its result lies where its input lies.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..kernels import OPS, Op, OpError


class Nothing:
    """The gradient of a value that the loss does not depend on. Whatever is made of it is nothing."""

    def __add__(self, share):
        return share


NOTHING = Nothing()


@dataclass(eq=False)
class Slot:
    """An array's name, shape and use. Its place is chosen later (arena.py)."""

    name: str
    shape: tuple
    kind: str  # parameter, frozen, statistic, gradient, state, value, setting, scalar, scratch, constant or data
    whole: bool = False  # whole numbers instead of reals
    start: object = None  # first value: a number, an array, or a function of a numpy Generator and a shape
    base: Slot | None = None  # the slot whose memory a view shows
    offset: int = 0  # where in it the view begins
    program: Program | None = field(default=None, repr=False)
    l1: float = 0.0
    l2: float = 0.0

    @property
    def size(self):
        return prod(self.shape)

    @property
    def root(self):
        """The slot that owns the memory."""
        return self.base.root if self.base else self

    def __add__(self, other):
        return self if other is NOTHING else self.program.add(self, other)

    def __str__(self):
        return self.name


@dataclass(eq=False)
class Call:
    """One op on slots. keep: add to the result instead of replacing it."""

    op: Op
    inputs: list
    results: list
    settings: dict
    keep: bool = False

    @property
    def operands(self):
        return self.inputs + self.results

    @property
    def writes(self):
        return self.results + [
            slot for name, slot in zip(self.op.inputs, self.inputs, strict=True) if name in self.op.updates
        ]

    @property
    def reads(self):
        return self.inputs + (self.results if self.keep else [])

    def __str__(self):
        words = [str(s) for s in self.inputs] + [f"{k}={v}" for k, v in self.settings.items()]
        sign = " += " if self.keep else " = " if self.results else ""
        return f"{', '.join(map(str, self.results))}{sign}{self.op.name}({', '.join(words)})"


# A view has a definition and a gradient rule like any op, and no kernel: nothing is computed.
VIEW = Op.__new__(Op)
VIEW.name, VIEW.keeps, VIEW.cut = "view", False, ("*",)
VIEW.inputs, VIEW.outputs, VIEW.results, VIEW.updates = ["x"], ["y"], ["y"], []
VIEW.operands, VIEW.settings, VIEW.whole = ["x", "y"], {}, set()
VIEW.dims = {"x": ("*",), "y": ("*",)}
VIEW.cpu_kernel = None


def _view_chain(ops, d, x, y):
    gradient = d[y]
    d[x] += gradient if gradient is NOTHING else ops.view(gradient, x.shape)


VIEW.chain = _view_chain


class Program:
    """Records op calls: every op in OPS is a method."""

    def __init__(self, seed=0, training=True):
        self.slots, self.calls, self.seed, self.training = [], [], seed, training
        self.scopes, self.names, self.marks = [], {}, []
        self.tags = 0
        self.known = {}  # parameters and statistics by name, for a second recording of the same network
        self.step = self.slot("step", (), "scalar", whole=True, start=0)
        self._places, self._scratch = {}, {}
        self.skips = []  # work that passes have left out (skipping.py)
        self.lengths = None  # how many steps of each example are real, in a padded sequence: a slot (N), set likewise
        self.memory = None  # what an encoder has read, and the lengths of it
        self.owned = {}  # the axis along which each parameter is dealt out to threads (sharing.own_axes)
        self.batch_places = None  # where the examples of a batch stand in the step: a slot, set by who makes batches

    def __getattr__(self, name):
        if name.startswith("__") or name not in OPS:
            raise AttributeError(f"there is no op {name!r}")
        return lambda *operands, **settings: self.record(OPS[name], operands, settings)

    def record(self, op, inputs, settings):
        if set(settings) != set(op.settings):
            raise OpError(f"{op.name} has the settings {list(op.settings)}, got {list(settings)}")
        if NOTHING in inputs:
            return NOTHING if len(op.results) == 1 else (NOTHING,) * len(op.results)
        results = [
            self.slot(
                op.name if len(op.results) == 1 else f"{op.name}.{name}",
                shape,
                "value" if shape else "scalar",
                whole=name in op.whole,
            )
            for name, shape in zip(op.results, op.shapes(inputs, settings), strict=True)
        ]
        self.calls.append(Call(op, list(inputs), results, settings))
        return results[0] if len(results) == 1 else tuple(results)

    # -- slots ------------------------------------------------------------------------------

    def slot(self, name, shape, kind, whole=False, start=None, base=None):
        name = ".".join([*self.scopes, name])
        count = self.names[name] = self.names.get(name, 0) + 1
        slot = Slot(name if count == 1 else f"{name}_{count}", tuple(shape), kind, whole, start, base, program=self)
        self.slots.append(slot)
        return slot

    def parameter(self, name, shape, start=0.0, *, l1=0.0, l2=0.0, trainable=True):
        slot = self._kept(name, shape, "parameter" if trainable else "frozen", start)
        slot.l1, slot.l2 = l1, l2
        return slot

    def shared(self, name):
        """A parameter of a layer that was recorded before, by its full name; None where there is none."""
        return self.known.get(name)

    def statistic(self, name, shape, start=0.0):
        """A running statistic: kept with the weights, moved by the forward pass, never trained."""
        return self._kept(name, shape, "statistic", start)

    def _kept(self, name, shape, kind, start):
        full = ".".join([*self.scopes, name])
        if full not in self.known:
            self.known[full] = self.slot(name, shape, kind, start=start)
        return self.known[full]

    def constant(self, name, array):
        """Numbers that never change, such as class weights."""
        array = np.asarray(array)
        return self.slot(name, array.shape, "constant", whole=array.dtype.kind in "iu", start=array)

    def view(self, x, shape):
        """The same numbers under another shape; the first axis stays the batch."""
        if prod(shape) != x.size:
            raise OpError(f"{x.name} {x.shape} has {x.size} numbers; {tuple(shape)} would be {prod(shape)}")
        if tuple(shape) == x.shape:
            return x
        y = self.slot("view", shape, "value", x.whole, base=x)
        self.calls.append(Call(VIEW, [x], [y], {}))
        return y

    def scratch(self, size, whole=False):
        """Memory for whoever computes, one for each thread and for all calls: as much as the largest of them asks."""
        if whole not in self._scratch:
            scopes, self.scopes = self.scopes, []
            self._scratch[whole] = self.slot("lists" if whole else "scratch", (size,), "scratch", whole)
            self.scopes = scopes
        slot = self._scratch[whole]
        slot.shape = (max(size, slot.size),)
        return slot

    def places(self, count, name, period=None):
        """0, 1, 2 ... (from 0 again after each period): where things stand, for ops whose work threads share."""
        if (count, name) not in self._places:
            scopes, self.scopes = self.scopes, []
            numbers = np.arange(count, dtype=np.int32)
            self._places[count, name] = self.constant(name, numbers if period is None else numbers % period)
            self.scopes = scopes
        return self._places[count, name]

    def dropout_rows(self, x, rate):
        """Dropout of x (N, ...); its coins belong to this place of the network."""
        return self._dropout(x, rate, self.places(x.size // x.shape[0], "column_numbers"))

    def dropout_channels(self, x, rate):
        """The same with one coin for all values of a channel, the last axis of x (N, ..., C)."""
        channels = x.shape[-1]
        return self._dropout(x, rate, self.places(x.size // x.shape[0], f"channel_numbers_{channels}", channels))

    def _dropout(self, x, rate, columns):
        self.tags += 1
        flat = self.view(x, (x.shape[0], columns.size))
        rows = self.batch_places
        if rows is None or rows.size != flat.shape[0]:
            rows = self.places(flat.shape[0], "row_numbers")
        y = self.dropout(flat, self.step, rows, columns, rate=float(rate), seed=self.seed, tag=self.tags)
        return self.view(y, x.shape)

    @contextmanager
    def scope(self, name):
        self.scopes.append(name)
        try:
            yield
        finally:
            self.scopes.pop()

    def mark(self, path, layer, x, y):
        """Note that a layer made y of x. Networks call it, tables and listings read it."""
        self.marks.append((path, layer, x, y, len(self.calls)))

    def parameters(self):
        return [s for s in self.slots if s.kind == "parameter"]

    def kept(self):
        """What a checkpoint of the model holds: weights, trainable and frozen, then statistics."""
        return [s for s in self.slots if s.kind in ("parameter", "frozen")] + [
            s for s in self.slots if s.kind == "statistic"
        ]

    def __str__(self):
        return "\n".join(map(str, self.calls))
