"""A GPU under examination: every kernel against the definitions, and its speeds beside what the card could do.

No kernel has to be believed because it was right somewhere else: `tuinet doctor --cuda` runs them all where they are to
be used.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ...kernels import OPS
from .. import reference
from ..program import Call, Slot
from ..trials import LONG, SIZES, Places, operands_for
from . import cublas, machine

AGREES = 1e-5  # of the largest number of what a kernel writes
WIDE = 4096  # rows and columns of the product that is timed
MANY = 1 << 26  # numbers of the sum that is timed
KERNELS = 200  # launches in the graph that is timed
CORES = {(7, 5): 64, (8, 0): 64, (8, 6): 128, (8, 7): 128, (8, 9): 128, (9, 0): 128, (10, 0): 128, (12, 0): 128}


class Apart:
    """Operands on the device, each in memory of its own."""

    def __init__(self, gpu, views):
        self.gpu, self.views = gpu, views
        self.memory = {slot: gpu.allocate(view.nbytes) for slot, view in views.items()}
        for slot, view in views.items():
            gpu.put(self.memory[slot].address, view)

    def address(self, slot):
        return self.memory[slot].address

    def fetch(self, slot):
        self.gpu.get(self.memory[slot].address, self.views[slot])
        return self.views[slot]


def on_device(gpu, call, views):
    """The operands after a call on the device."""
    apart = Apart(gpu, views)
    room = gpu.allocate(4 * machine.room_for([call]))
    gpu.go(machine.launches_of([call], apart, gpu.kernels, room.address))
    gpu.wait()
    return apart


@dataclass(frozen=True)
class Trial:
    """One op at one kind of sizes. error: the largest difference, as a share of the largest number."""

    op: str
    sizes: str
    error: float

    @property
    def right(self) -> bool:
        return self.error <= AGREES


def trials(gpu) -> Iterator[Trial]:
    """Every op at every kind of sizes, adding to its result where it can; products by cuBLAS too, where it is there."""
    for name in sorted(OPS):
        for sizes in (*SIZES, *["long"] * (name in LONG)):
            yield Trial(name, sizes, tried(gpu, name, sizes))
    with by_cublas(gpu) as there:
        for name in cublas.PLAIN if there else ():
            for sizes in SIZES:
                yield Trial(f"{name} by cuBLAS", sizes, tried(gpu, name, sizes))


@contextmanager
def by_cublas(gpu):
    """Products are cuBLAS's meanwhile, where it is installed: says whether it is."""
    gpu.kernels.blas = cublas.found(gpu, "float32")
    try:
        yield gpu.kernels.blas is not None
    finally:
        gpu.kernels.blas = None


def tried(gpu, name, sizes, keep=None):
    """How far the kernel of an op is off, as a share of the largest number that it writes."""
    call, views = operands_for(name, sizes)
    call.keep = OPS[name].keeps if keep is None else keep
    exact = {slot: view.astype(np.int64 if slot.whole else np.float64) for slot, view in views.items()}
    with np.errstate(all="ignore"):
        reference.step(call, Places(exact))
    apart, worst = on_device(gpu, call, views), 0.0
    for slot in call.writes:
        off = np.abs(apart.fetch(slot) - exact[slot]).max()
        share = off / max(np.abs(exact[slot]).max(), 1e-1)
        worst = max(worst, float(share)) if np.isfinite(share) else np.inf
    return worst


@dataclass(frozen=True)
class Speed:
    """What was measured, in its unit, and the most that the card can do; limit 0: nobody says."""

    what: str
    value: float
    unit: str
    limit: float = 0.0


def speeds(gpu) -> Iterator[Speed]:
    """Products by tuinet's own kernels, and by cuBLAS where it is installed; memory and launches."""
    about = gpu.device.properties
    cores = CORES.get(gpu.cc, 128) * about.multiprocessor_count
    yield Speed("products", _product_rate(gpu), "GFLOP/s", 2e-6 * cores * about.clock_rate)
    with by_cublas(gpu) as there:
        if there:
            yield Speed("by cuBLAS", _product_rate(gpu), "GFLOP/s, the same product")
    bandwidth = 2 * about.memory_clock_rate * 1e3 * about.global_memory_bus_width / 8 / 1e9
    yield Speed("memory", _memory_rate(gpu), "GB/s", bandwidth)
    yield Speed("launches", _launch_time(gpu), "µs each in a graph")


def _operands(gpu, name, shapes, settings=None):
    slots = [Slot(f"operand {i}", shape, "value") for i, shape in enumerate(shapes)]
    views = {slot: np.ones(slot.shape, np.float32) for slot in slots}
    op = OPS[name]
    call = Call(op, slots[: len(op.inputs)], slots[len(op.inputs) :], settings or {})
    apart = Apart(gpu, views)
    room = gpu.allocate(4 * machine.room_for([call]))
    return apart, room, machine.launches_of([call], apart, gpu.kernels, room.address)


def _seconds(gpu, act, times):
    """Of one turn, out of the fastest of three series."""
    act()
    gpu.wait()
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(times):
            act()
        gpu.wait()
        best = min(best, (time.perf_counter() - began) / times)
    return best


def _product_rate(gpu, wide=None):
    wide = wide or WIDE
    held = _operands(gpu, "matmul_nn", [(wide, wide)] * 3)
    return 2 * wide**3 / _seconds(gpu, lambda: gpu.go(held[2]), 10) / 1e9


def _memory_rate(gpu, many=None):
    many = many or MANY
    held = _operands(gpu, "add", [(many,)] * 3)
    return 12 * many / _seconds(gpu, lambda: gpu.go(held[2]), 10) / 1e9


def _launch_time(gpu):
    held = _operands(gpu, "copy", [(32,)] * 2)
    gpu.go(held[2])
    graph = gpu.captured(held[2] * KERNELS)
    return 1e6 * _seconds(gpu, lambda: gpu.replay(graph), 10) / KERNELS
