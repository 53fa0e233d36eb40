"""A training set that does not fit on the GPU: some steps' worth of it at a time, in the order of the steps.

Step s of a chunk reads its rows where they stand in the chunk: only the choice of rows changes, from the shuffled order
to the order in which they lie. Which rows those are the device works out as it would have; the host gathers them in
pinned memory. There are two chunks: while the device works on one, the other is filled.
"""

from __future__ import annotations

import numpy as np

from ...kernels import OPS
from ..program import Call, Slot

CHUNK_BYTES = 1 << 28  # of one chunk, but never more than a quarter of all
TABLES = ("train.inputs", "train.targets")


def steps_in_chunk(arrays, stride):
    """So many steps' worth of examples are together on the device."""
    bytes_a_step = stride * sum(array[:1].nbytes for array in arrays)
    return max(1, min(CHUNK_BYTES, sum(array.nbytes for array in arrays) // 4) // bytes_a_step)


class Stream:
    """The rows of the next steps, on the device before those are taken."""

    def __init__(self, step, arena, gpu, launches_of):
        self.step, self.arena, self.gpu = step, arena, gpu.aside()
        self.stride, self.steps = step.pace.stride, arena.chunk_steps
        self.count = self.steps * self.stride
        self.choice = next(c for c in step.sections["batch"] if step.rows in c.results)
        self.loaded = [None, None]
        tables = [arena.data[name] for name in TABLES]
        self.pinned = [gpu.pinned((self.count, *table.shape[1:]), table.dtype) for table in tables]
        self.rows = np.empty(self.count, np.int32)
        self._order(launches_of)

    def _order(self, launches_of):
        """The launch that works out which rows a chunk holds."""
        slots = [Slot("at", (), "value", True), Slot("places", (self.count,), "value", True)]
        slots.append(Slot("order", (self.count,), "value", True))
        self.memory = {slot: self.gpu.allocate(4 * slot.size) for slot in slots}
        self.at, places, self.order = slots
        self.gpu.put(self.memory[places].address, np.arange(self.count, dtype=np.int32))
        call = Call(self.choice.op, slots[:2], slots[2:], self.choice.settings)
        self.launches = launches_of([call], self, self.gpu.kernels, 0)

    def address(self, slot):
        return self.memory[slot].address

    def local(self, call):
        """The same call, reading rows where they stand in the chunks."""
        if call.results != self.choice.results:
            return call
        settings = {**call.settings, "examples": 2 * self.count, "begin": 0}
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

    def rows_of(self, step):
        """The rows of the training set that a step reads."""
        self._find(step)
        return self.rows[: self.stride].copy()

    def _find(self, step):
        self.gpu.put(self.memory[self.at].address, np.array([step], np.int32))
        self.gpu.go(self.launches)
        self.gpu.get(self.memory[self.order].address, self.rows)

    def _fill(self, chunk):
        self._find(chunk * self.steps)
        for name, pinned in zip(TABLES, self.pinned, strict=True):
            np.take(self.arena.data[name], self.rows, axis=0, out=pinned)
            at = self.arena.tables[name].address + chunk % 2 * pinned.nbytes
            self.gpu.put(at, pinned)
        self.loaded[chunk % 2] = chunk
