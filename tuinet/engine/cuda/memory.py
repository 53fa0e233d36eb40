"""A program's memory on a GPU: one stretch of it in the arena's order, and the data beside it.

The host has an arena too, whose numbers are fetched when somebody looks at them: a slot at a time, and only where the
device has worked since. `write` sets both.
"""

from __future__ import annotations

import numpy as np

from ...errors import OutOfDeviceMemory
from ..arena import Arena
from .streaming import TABLES, steps_in_chunk

SPARE = 0.95  # of the free memory may be used: the driver and its graphs want some


class DeviceArena(Arena):
    """An arena whose numbers live on a GPU. Threads there share everything: to the host it is one.

    chunk_steps: 0 where all data are on the device, else so many steps' worth of them are (streaming.py).
    Raises OutOfDeviceMemory, with what is needed and what there is, before anything is allocated.
    """

    def __init__(self, program, gpu, data, room, rows_a_step):
        self.gpu, self.memory, self._known, self.chunk_steps = None, None, set(), 0
        super().__init__(program, np.float32, 1, data)
        sizes = {name: array.nbytes for name, array in self.data.items()}
        own, have = 4 * self.end + room, int(SPARE * gpu.memory()[0])
        if own + sum(sizes.values()) > have:
            self.chunk_steps = steps_in_chunk([self.data[name] for name in TABLES], rows_a_step)
            rows = 2 * self.chunk_steps * rows_a_step
            sizes |= {name: rows * self.data[name][:1].nbytes for name in TABLES}
        if own + sum(sizes.values()) > have:
            raise OutOfDeviceMemory(
                f"{gpu.name} has {have / 1e6:,.0f} MB to give, and this training needs "
                f"{(own + sum(sizes.values())) / 1e6:,.0f} MB: make training.batch_size smaller, or train with "
                "--device cpu"
            )
        self.memory = gpu.allocate(4 * self.end)
        self.tables = {name: gpu.allocate(size) for name, size in sizes.items()}
        gpu.put(self.memory.address, self.words[: self.end])
        for name, array in self.data.items():
            if not (self.chunk_steps and name in TABLES):
                gpu.put(self.tables[name].address, array)
        self.gpu = gpu

    def address(self, slot):
        """Where a slot begins on the device."""
        root = slot.root
        if root.kind == "data":
            return self.tables[root.name].address
        begin = self._stretch(root)[0] if root.kind.startswith("all ") else self.place[root] + slot.offset
        return self.memory.address + 4 * begin

    def forget(self):
        """The device has worked: what the host knows of its numbers is old."""
        self._known.clear()

    def view(self, slot, thread=0):
        root = slot.root
        if self.gpu is not None and root.kind != "data" and root not in self._known:
            self._known.add(root)
            begin, end = self._stretch(root) if root.kind.startswith("all ") else self._extent(root)
            self.gpu.get(self.memory.address + 4 * begin, self.words[begin:end])
        return super().view(slot, thread)

    def write(self, slot, values, thread=0):
        array = self.view(slot, thread)
        array[...] = values
        if self.gpu is not None:
            self.gpu.put(self.address(slot), array)

    def _extent(self, slot):
        return self.place[slot], self.place[slot] + slot.size

    def _stretch(self, slot):
        return self.extent(*slot.kind[4:].split(":"))
