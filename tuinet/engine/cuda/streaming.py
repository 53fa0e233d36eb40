"""A training set that does not fit on the GPU: some steps' worth of it at a time, in the order of the steps.

Step s of a chunk reads its rows where they stand in the chunk: only the choice of rows changes, from the shuffled order
to the order in which they lie. Which rows those are the device works out as it would have; the host gathers them in
pinned memory. There are two chunks: while the device works on one, the other is filled. Where examples are mixed, a
step has two orders of rows: those of the second stand behind those of the first.
"""

from __future__ import annotations

import numpy as np

from ...kernels import OPS
from ..program import Call, Slot

CHUNK_BYTES = 1 << 28  # of one chunk, but never more than a quarter of all
TABLES = ("train.inputs", "train.targets")


def steps_in_chunk(arrays, rows_a_step):
    """So many steps' worth of examples are together on the device."""
    bytes_a_step = rows_a_step * sum(array[:1].nbytes for array in arrays)
    return max(1, min(CHUNK_BYTES, sum(array.nbytes for array in arrays) // 4) // bytes_a_step)


class Stream:
    """The rows of the next steps, on the device before those are taken."""

    def __init__(self, step, arena, gpu, launches_of):
        self.step, self.arena, self.gpu = step, arena, gpu.aside()
        self.stride, self.steps = step.pace.stride, arena.chunk_steps
        self.choices = {c.results[0]: c for c in step.sections["batch"] if c.results and c.results[0] in step.orders}
        self.loaded = [None, None]
        self.length = self.steps * len(self.choices) * self.stride  # rows of a chunk
        tables = [arena.data[name] for name in TABLES]
        self.pinned = [gpu.pinned((self.length, *table.shape[1:]), table.dtype) for table in tables]
        self._order(launches_of)

    def _order(self, launches_of):
        """The launches that work out which rows a chunk holds: one for each order."""
        count = self.steps * self.stride
        self.at, places = Slot("at", (), "value", True), Slot("places", (count,), "value", True)
        self.found = [Slot(f"order_{i}", (count,), "value", True) for i in range(len(self.choices))]
        self.memory = {slot: self.gpu.allocate(4 * slot.size) for slot in (self.at, places, *self.found)}
        self.gpu.put(self.memory[places].address, np.arange(count, dtype=np.int32))
        choices = zip(self.choices.values(), self.found, strict=True)
        calls = [Call(choice.op, [self.at, places], [found], choice.settings) for choice, found in choices]
        self.launches = launches_of(calls, self, self.gpu.kernels, 0)

    def address(self, slot):
        return self.memory[slot].address

    def local(self, call):
        """The same call, reading rows where they stand in the chunks."""
        if not call.results or call.results[0] not in self.choices:
            return call
        orders = len(self.choices)
        here = {
            "examples": 2 * self.length,
            "stride": orders * self.stride,
            "begin": list(self.choices).index(call.results[0]) * self.stride,
        }
        settings = {**call.settings, **here}
        return Call(OPS["ordered_rows"], call.inputs, call.results, settings)

    def until(self, step):
        """Have the chunk of this step there; says before which step another one is needed."""
        chunk = step // self.steps
        if self.loaded[chunk % 2] != chunk:
            self._fill(chunk)
        return (chunk + 1) * self.steps

    def ahead(self, step):
        """Fill the chunk behind that of this step, while the device is at work."""
        chunk = step // self.steps + 1
        if self.loaded[chunk % 2] != chunk:
            self._fill(chunk)

    def _fill(self, chunk):
        self.gpu.put(self.memory[self.at].address, np.array([chunk * self.steps], np.int32))
        self.gpu.go(self.launches)
        orders = np.empty((len(self.found), self.steps, self.stride), np.int32)
        for order, slot in zip(orders, self.found, strict=True):
            self.gpu.get(self.memory[slot].address, order)
        rows = orders.swapaxes(0, 1).ravel()  # all that a step reads stands together
        for name, pinned in zip(TABLES, self.pinned, strict=True):
            np.take(self.arena.data[name], rows, axis=0, out=pinned)
            at = self.arena.tables[name].address + chunk % 2 * pinned.nbytes
            self.gpu.put(at, pinned)
        self.loaded[chunk % 2] = chunk
