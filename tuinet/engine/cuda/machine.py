"""The CUDA target: a step's calls as kernel launches, captured once and replayed.

Everything that changes from step to step (the learning rate, the examples, chance) is worked out on the device from the
step number, so that a graph of launches is the same for every step, and the host has nothing to do but to replay it.
Where a loss is not finite the device notes it, and what would move the weights does nothing from then on; the host sees
that when it next waits for the device.
"""

from __future__ import annotations

import time

import numpy as np

from ...kernels.gpu import ALONE, cuda, one_block
from ...kernels.scalars import F, U
from . import cublas, driver
from .calls import calls_of, room_for, sizes_of
from .streaming import Stream

RING = 16384  # steps whose losses and norms the device keeps
WAIT = 0.02  # seconds between two looks at what the device has done
MOST = 4096  # replays between two looks


def guard(loss, norm, step, halted, ring):
    """Note loss and gradient norm; halt before the update if they are not finite."""
    row = U(U(step[0]) % U(RING))
    ring[2 * row], ring[2 * row + 1] = loss[0], norm[0]
    if not (abs(loss[0]) < F(np.inf) and abs(norm[0]) < F(np.inf)):
        halted[0] = 1


def launches_of(calls, arena, kernels, room, halted=None):
    """The launches of these calls, ready to go. halted: the address whose number stops them."""
    found = []
    for call in calls:
        op = call.op
        if op.name == "view":
            continue
        sizes = sizes_of(call) | call.settings
        by_blas = cublas.launches(call, sizes, arena, kernels)
        if by_blas:
            found += by_blas
            continue
        arguments = [arena.address(slot) for slot in call.operands]
        arguments += [np.uint32(sizes[letter]) for letter in op.letters]
        for name, parameter in op.settings.items():
            arguments += SETTINGS[parameter.annotation](call.settings[name])
        arguments += [np.int64(call.keep)] * op.keeps
        if op.cuda_room is not None:
            arguments.append(room)
        if halted is not None:
            arguments = [halted, *arguments]
        for number, (kernel, rule) in enumerate(op.cuda_stages):
            if 0 in rule.grid(sizes):
                continue
            made = kernels.get(f"{op.name}-{number}", kernel, kinds_of(op), rule.bounds, halted is not None)
            found.append(driver.Launch(rule, sizes, made, *arguments))
    return found


SETTINGS = {
    "float": lambda value: [np.float32(value)],
    "int": lambda value: [np.int64(value)],
    "Geometry": lambda value: [np.int32(part) for part in value],
}


def kinds_of(op):
    """What an op's kernels take, in driver.KINDS."""
    operands = ["i*" if name in op.whole else "f*" for name in op.operands]
    settings = [{"float": "f", "int": "l", "Geometry": "g"}[p.annotation] for p in op.settings.values()]
    return [*operands, *["u"] * len(op.letters), *settings, *["l"] * op.keeps, *["f*"] * (op.cuda_room is not None)]


class Machine:
    """A step's program on a GPU: one graph a step."""

    def __init__(self, step, arena, gpu):
        self.step, self.arena, self.gpu = step, arena, gpu
        before = [c for part in step.micro_batches for c in part] + step.guarded
        self.stream = Stream(step, arena, gpu, launches_of) if arena.chunk_steps else None
        if self.stream is not None:
            before = [self.stream.local(call) for call in before]
        self.room = gpu.allocate(4 * room_for(calls_of(step)))
        self.control, self.marks = gpu.allocate(4), gpu.allocate(8 * RING)
        self.ring = np.zeros((RING, 2), np.float32)
        self._halt(0)
        gpu.put(self.marks.address, self.ring)
        kernels, room, halted = gpu.kernels, self.room.address, self.control.address
        self.launches = launches_of(before, arena, kernels, room)
        made = kernels.get("guard", guard, ["f*", "f*", "i*", "i*", "f*"], ALONE.bounds)
        seen = [arena.address(slot) for slot in (step.mean_loss, step.norm, step.program.step)]
        self.launches.append(driver.Launch(ALONE, {}, made, *seen, halted, self.marks.address))
        self.launches += launches_of(step.updates, arena, kernels, room, halted)
        self._graph, self._asked, self._replays = None, False, 1

    def ask(self, wanted=True):
        """Have the stretch under way end soon."""
        self._asked = wanted

    def run(self, seconds, until):
        """Train for about this long, or until so many steps are done. Says why it stopped."""
        deadline = time.monotonic() + seconds
        done, reason = self._step(), None
        while reason is None:
            done, halted = self._stretch(done, until)
            if halted:
                self._halt(0)
                reason = "diverged"
            elif self._asked:
                reason = "asked"
            elif done >= until:
                reason = "done"
            elif time.monotonic() > deadline:
                reason = "time"
        self.arena.forget()
        self.gpu.get(self.marks.address, self.ring)
        return reason

    def _stretch(self, done, until):
        """Some steps, of which the host sees nothing: how many are done then, and whether the device has halted."""
        began = time.monotonic()
        if self.stream is not None:
            until = min(until, self.stream.until(done))
        if self._graph is None:  # what is launched for the first time may have to be loaded: no graph can hold that
            self.gpu.go(self.launches)
            replays = 1
            self._graph = self.gpu.captured(self.launches)
        else:
            replays = min(self._replays, until - done)
            for _ in range(replays):
                self.gpu.replay(self._graph)
        if self.stream is not None:
            self.stream.ahead(done)
        halted = np.zeros(1, np.int32)
        self.gpu.get(self.control.address, halted)
        each = max(1e-7, (time.monotonic() - began) / replays)
        self._replays = int(max(1, min(MOST, WAIT / each)))
        return done + replays, bool(halted[0])

    def _step(self):
        self.arena.forget()
        return int(self.arena.view(self.step.program.step))

    def _halt(self, value):
        self.gpu.put(self.control.address, np.array([value], np.int32))


class Forward:
    """A pass without gradients on a GPU: outputs and losses of so many rows, and of the rows behind them, and so on."""

    def __init__(self, forward, arena, gpu):
        self.forward, self.arena, self.gpu = forward, arena, gpu
        self.room = gpu.allocate(4 * room_for(forward.calls))
        self.launches = launches_of(forward.calls, arena, gpu.kernels, self.room.address)
        self._graph = None

    def run(self, inputs, targets, losses, outputs):
        """All arrays are contiguous and hold the same number of rows: a whole number of passes."""
        rows, slots = self.forward.rows, self.forward
        for begin in range(0, len(inputs), rows):
            part = slice(begin, begin + rows)
            self.gpu.put(self.arena.address(slots.inputs), inputs[part])
            self.gpu.put(self.arena.address(slots.targets), targets[part])
            self._pass()
            self.gpu.get(self.arena.address(slots.losses), losses[part])
            if slots.computes:
                self.gpu.get(self.arena.address(slots.outputs), outputs[part])
        self.arena.forget()

    def _pass(self):
        if self._graph is None:
            self.gpu.go(self.launches)
            self._graph = self.gpu.captured(self.launches) if self.launches else None
        else:
            self.gpu.replay(self._graph)


def add_one_by_one(a, b, out):
    """out = a + b"""
    i = U(cuda.threadIdx.x)
    out[i] = a[i] + b[i]


def probe(gpu):
    """Whether the GPU can be given a kernel and numbers, and gives the right ones back."""
    numbers = np.arange(32, dtype=np.float32)
    memory = [gpu.allocate(numbers.nbytes) for _ in range(3)]
    for place in memory:
        gpu.put(place.address, numbers)
    rule = one_block(32)
    made = gpu.kernels.get("probe", add_one_by_one, ["f*"] * 3, rule.bounds)
    gpu.go([driver.Launch(rule, {}, made, *(place.address for place in memory))])
    got = np.empty_like(numbers)
    gpu.get(memory[2].address, got)
    return bool(np.array_equal(got, numbers + numbers))
