"""How threads share a program: which stretch of each call is whose, and where they must wait.

Every op says along which letters it may be cut; whoever computes a stretch computes it with the
same bits as if it had computed everything. So the choice made here is only a matter of speed:
a matrix product is cut along the weights' columns where the weights are the larger side (they
then stay in one core's cache for good), along the batch elsewhere, and what follows it is cut as
its input was. A thread waits (a barrier) before it reads what another has written since the last
one, or writes what another may still be reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from .arena import PRIVATE, bounds

EVERYONE = None  # scalars, and what all read as a whole: each thread works it out for itself
WIDE = 64  # columns from which a product may be cut along them
HEAVY = 1024  # numbers of one example from which a batch is shared out example by example
PRODUCTS = ("dense", "matmul_nn", "matmul_nt")
CELLS = ("rnn", "lstm", "gru")  # recurrent: at each of their steps the states of all rows are multiplied by W


def along_columns(rows, columns, batch):
    """Whether a product of so many rows and columns is better cut along its columns.

    Not where an example has many rows, as a sequence has: what is done to one example stays with one core.
    """
    return columns >= WIDE and 2 * columns >= rows and rows <= batch


def own_axes(calls, parameters, batch):
    """For each parameter the axis along which, as a matrix, it is dealt out to its owners.

    It never depends on their number. A table whose rows are looked up has its gradient added up by columns.
    """
    rows, tables = dict.fromkeys(parameters, batch), set()
    for call in calls:
        if call.op.name in PRODUCTS and call.inputs[1].root in rows:
            root = call.inputs[1].root
            rows[root] = max(rows[root], call.inputs[0].shape[0])
        elif call.op.name in CELLS and call.inputs[1].root in rows:
            rows[call.inputs[1].root] = batch * call.settings["steps"]
        elif call.op.name == "take":
            tables.add(call.inputs[0].root)
    return {p: 1 if p in tables else _own_axis(p.shape, rows[p], batch) for p in parameters}


def _own_axis(shape, rows, batch):
    if len(shape) != 2:  # all weights of a convolution are read by everyone: owners have whole rows of them
        return 0
    tall, columns = shape
    return 1 if along_columns(rows, columns, batch) or tall < 16 <= columns else 0


def batch_cuts(batch, threads, calls):
    """Where the examples of a batch are cut: example by example where one is work enough, else by whole tiles."""
    heaviest = max((s.size // batch for call in calls for s in call.results if s.kind == "value"), default=0)
    if heaviest < HEAVY or batch < threads:
        return bounds(batch, threads)
    return [round(batch * t / threads) for t in range(threads + 1)]


def as_matrix(shape):
    """The shape of a parameter as rows and columns: its last axis is what belongs to one output."""
    return (prod(shape[:-1]), shape[-1]) if len(shape) > 2 else shape


def dealt_out(calls, program):
    """Parameters whose columns may lie apart, each owner's in one piece; with their gradients and states.

    Those that belong to owners by columns, and that nothing but products and updates looks at.
    """
    found = []
    for p, g in program.gradients.items():
        if len(p.shape) != 2 or program.owned[p] != 1:
            continue
        touching = [c for c in calls if any(s.root in (p, g) for s in c.operands)]
        if all(_knows_blocks(c, p, g) for c in touching):
            found += [p, g, *(s for s in program.slots if s.kind == "state" and s.name.startswith(f"{p}."))]
    return found


def _knows_blocks(call, p, g):
    if any(s.base and s.root in (p, g) for s in call.operands):
        return False
    if call.op.name in PRODUCTS:
        return all(s is not p and s is not g for i, s in enumerate(call.operands) if i != 1) and call.inputs[1] is not g
    return (call.op.name == "matmul_tn" and g in call.results and p not in call.inputs) or (
        call.op.name in ("penalise", "accumulate", "column_squares")
    )


@dataclass(frozen=True)
class Cut:
    """A call, the axis of each operand that the threads share (None: all of it for everyone), and where it is cut."""

    call: object
    axes: tuple
    cuts: tuple


BARRIER = "barrier"


class Sharing:
    """Goes through a step's calls in order; `items` is what comes out: cuts and barriers."""

    def __init__(self, batch, batch_cuts, threads, gradients, owned):
        """batch_cuts: where the examples of a batch are cut. owned: own_axes of the parameters."""
        self.batch, self.batch_cuts, self.threads, self.owned = batch, batch_cuts, threads, owned
        self.owner = {g: p for p, g in gradients.items()}
        self.home, self.written, self.read, self.items = {}, {}, {}, []

    def add(self, call):
        axes = self._axes(call, self._letter(call))
        cut = Cut(call, axes, self._cuts(call, axes))
        self._wait_for(cut)
        self.items.append(cut)

    def wait(self):
        """A barrier, whatever was done before."""
        if self.items and self.items[-1] != BARRIER:
            self.items.append(BARRIER)
        self.written.clear()
        self.read.clear()

    # -- which letter -----------------------------------------------------------------------

    def _letter(self, call):
        op = call.op
        if not op.cut:
            return EVERYONE
        if op.name in PRODUCTS:
            rows, columns = call.results[0].shape
            weight = call.inputs[1]
            if weight in self.owned and op.name != "matmul_nt":
                return "M" if self.owned[weight] == 1 and rows <= self.batch else "N"
            return "M" if along_columns(rows, columns, self.batch) else "N"
        owned = next((self.owner.get(s.root, s.root) for s in call.writes if self._is_owned(s.root)), None)
        if owned is not None:
            axis = self.owned.get(owned, 0)
            if op.cut == ("*",):  # weights of a convolution have more axes than rows and columns
                return f"*{axis}" if len(call.writes[0].shape) <= 2 else "*0"
            for letter in op.cut:
                if self._axis_of(op, call.writes[0], call, letter) == axis:
                    return letter
            return op.cut[0]
        # As its input was cut: one that was written since the last barrier, if any was, as that saves a barrier.
        for slot in sorted(call.inputs, key=lambda slot: slot.root not in self.written):
            axis = self.home.get(slot.root)
            if axis is None or slot.shape == ():
                continue
            if op.cut == ("*",):
                return "*1" if axis == 1 and len(slot.shape) == 2 and slot.shape == slot.root.shape else "*0"
            for letter in op.cut:
                if self._axis_of(op, slot, call, letter) == axis:
                    return letter
        return "*0" if op.cut == ("*",) else op.cut[0]

    def _is_owned(self, slot):
        return slot in self.owner or slot.kind == "parameter"

    @staticmethod
    def _axis_of(op, slot, call, letter):
        for name, operand in zip(op.operands, call.operands, strict=True):
            if operand is slot and letter in op.dims[name]:
                return op.dims[name].index(letter)
        return None

    def _axes(self, call, letter):
        axes = []
        for name, slot in zip(call.op.operands, call.operands, strict=True):
            dims = call.op.dims[name]
            if letter is EVERYONE or slot.shape == () or slot.kind.startswith("all "):
                axes.append(None)
            elif dims == ("*",):
                axes.append(min(int(letter[1]), len(slot.shape) - 1))
            else:
                axes.append(dims.index(letter) if letter in dims else None)
        return tuple(axes)

    def _cuts(self, call, axes):
        """Where the shared axis is cut: rows that belong to the examples of a batch where the examples are."""
        shared = [(s, axis) for s, axis in zip(call.operands, axes, strict=True) if axis is not None]
        if not shared:
            return ()
        slot, axis = shared[0]
        length = slot.shape[axis]
        if axis == 0 and length % self.batch == 0 and not any(self._is_owned(s.root) for s, _ in shared):
            return tuple(length // self.batch * cut for cut in self.batch_cuts)
        return tuple(bounds(length, self.threads))

    # -- where to wait ------------------------------------------------------------------------

    def _wait_for(self, cut):
        call = cut.call
        axes = dict(zip(map(id, call.operands), cut.axes, strict=True))

        def meets(known, slot):
            """Whether other threads' part of a slot is touched: its cut now is not its cut then."""
            if slot.root.kind in PRIVATE or slot.root not in known:
                return False
            mine, begin, end = self._part(slot, axes[id(slot)], cut.cuts), slot.offset, slot.offset + slot.size
            return any(
                (part != mine or mine[0] is None) and low < end and begin < high for part, low, high in known[slot.root]
            )

        def note(known, slot):
            part = self._part(slot, axes[id(slot)], cut.cuts), slot.offset, slot.offset + slot.size
            known.setdefault(slot.root, set()).add(part)

        if any(meets(self.written, s) for s in call.operands) or any(meets(self.read, s) for s in call.writes):
            self.wait()
        for slot in call.reads:
            if slot.root.kind not in PRIVATE:
                note(self.read, slot)
        for slot in call.writes:
            if slot.root.kind not in PRIVATE:
                note(self.written, slot)
                self.home[slot.root] = axes[id(slot)]

    @staticmethod
    def _part(slot, axis, cuts):
        """What of a slot's memory a cut touches. Shares of the rows are the same memory under any view."""
        if axis is None or not slot.shape:
            return (None,)
        if axis == 0:
            return (0, tuple(Fraction(cut, slot.shape[0]) for cut in cuts))
        return (axis, slot.shape, cuts)
