"""What can be seen inside a network between two steps: what each layer gives, and how much an update changes.

All of it runs call by call in NumPy, on memory of its own: training and its arena stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .arena import first_values
from .plan import multiply_adds
from .step import aside, lengths_of

ROWS = 256  # examples that are looked at, at the most ...
WORK = 120_000_000  # ... and in multiply-adds: NumPy needs less than 0.1 s for so many in a convolution
NUMBERS = 1 << 22  # ... and in numbers that are held at once
LEAST_ROWS = 8
SAMPLE = 1 << 14  # numbers of a parameter whose updates are measured
BOUNDED = ("relu", "tanh", "sigmoid")  # functions that can stop passing gradients on


@dataclass
class Activation:
    """What a layer gives for n examples, and what the bounded functions inside it give: (name, values) of each.

    output: (n, ...). values: (n, places, units); a channel of an image is a unit that is seen at many places.
    """

    output: np.ndarray
    functions: list = field(default_factory=list)


class Activations:
    """The forward pass in use, without dropout, recorded once with nothing left out, so that every output is there."""

    def __init__(self, step, most_rows):
        """most_rows: no more than the trainer's own passes have, whose scratch memory is shared."""
        facts = step.facts
        with aside(step.program) as ops:
            kept = ops.slots, ops._places
            ops.slots, ops._places = list(ops.slots), dict(ops._places)
            one = ops.slot("looked at", (1, *facts.inputs), "data", whole=bool(facts.tokens))
            ops.lengths = lengths_of(ops, one, facts)
            step.network.forward(ops, one)
            self.rows = int(max(min(LEAST_ROWS, most_rows), min(most_rows, ROWS, _affordable(ops.calls))))
            ops.calls, ops.marks = [], []
            self.inputs = ops.slot("looked at", (self.rows, *facts.inputs), "data", whole=bool(facts.tokens))
            ops.lengths = lengths_of(ops, self.inputs, facts)
            step.network.forward(ops, self.inputs)
            self.calls, self.marks = ops.calls, ops.marks
            ops.slots, ops._places = kept

    def of(self, inputs, arena):
        """{path: Activation} of the first `rows` of the examples (n, numbers), in the order of the layers."""
        count = min(len(inputs), self.rows)
        memory = self._worked(inputs[:count], arena)
        found = {path: Activation(memory[y][:count]) for path, _, _, y, _ in self.marks}
        for call in self.calls:
            function, units = _function(call)
            path = _nearest(call.results[0].name, found) if function else ""
            if path:
                values = memory[call.results[0]].reshape(self.rows, -1, units)[:count]
                found[path].functions.append((function, values))
        return found

    def attention(self, inputs, arena):
        """{name of what holds an attention: its weights (heads, T, S)} for the first of the examples (n, numbers)."""
        memory, found = self._worked(inputs[:1], arena), {}
        for call in self.calls:
            if call.op.name == "attention":
                p = call.results[1]
                shape = self.rows, call.settings["heads"], call.settings["steps"], -1
                found[p.name.rsplit(".", 2)[0]] = memory[p].reshape(shape)[0]
        return found

    def _worked(self, inputs, arena):
        """The memory in which the pass has been worked through for so many examples, and for nothing in their place
        up to `rows`.
        """
        padded = np.zeros(self.inputs.shape, arena.integer if self.inputs.whole else arena.real)
        padded[: len(inputs)] = inputs.reshape(len(inputs), *self.inputs.shape[1:])
        memory = _Memory(arena, {self.inputs: padded})
        with np.errstate(all="ignore"):
            for call in self.calls:
                memory.run(call)
        return memory


def _affordable(calls):
    """So many examples as may be worked through, from the calls for one."""
    work = sum(map(multiply_adds, calls)) or 1
    numbers = sum(slot.size for call in calls for slot in call.results if not slot.base) or 1
    return min(WORK // work, NUMBERS // numbers)


def _function(call):
    """Which of the bounded functions a call is, and of how many units; "" where it is none."""
    if call.op.name == "rnn":  # its function is inside it
        return "relu" if call.settings["relu"] else "tanh", call.inputs[1].shape[0]
    return (call.op.name, call.results[0].shape[-1]) if call.op.name in BOUNDED else ("", 0)


def _nearest(name, paths):
    """The innermost layer in whose scope a slot of this name was made; "" where it is none's."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in paths:
            return name
    return ""


class _Memory:
    """Values that calls have made; what none has made lies in the arena, or is a constant of the recording."""

    def __init__(self, arena, values):
        self.arena, self.values = arena, values

    def __getitem__(self, slot):
        if slot in self.values:
            return self.values[slot]
        if slot.base is not None:
            return self[slot.base].reshape(slot.shape)
        if slot in self.arena.place or slot.kind == "data":
            return self.arena.view(slot)
        kind = self.arena.integer if slot.whole else self.arena.real
        return np.broadcast_to(np.asarray(0 if slot.start is None else first_values(slot, 0), kind), slot.shape)

    def run(self, call):
        if call.op.name == "view":
            self.values[call.results[0]] = self[call.inputs[0]].reshape(call.results[0].shape)
            return
        made = call.op.define(*(self[slot] for slot in call.inputs), **call.settings)
        made = made if len(call.op.outputs) > 1 else [made]
        place = dict(zip(call.op.operands, call.operands, strict=True))
        for name, value in zip(call.op.outputs, made, strict=True):
            slot = place[name]
            self.values[slot] = self[slot] + value if call.keep else value


@dataclass(frozen=True)
class Change:
    """Of one parameter, at the same places: its numbers, their gradient, and what an update adds to them.

    gradient_norm: of the whole gradient.
    """

    values: np.ndarray
    gradient: np.ndarray
    update: np.ndarray
    gradient_norm: float


def changes(step, arena, most=SAMPLE):
    """{parameter: Change} at no more than `most` places each, evenly spread.

    The update is that which the optimizer would make now of the last step's gradient: it treats every number by
    itself, so that a part of them is enough. {} where nothing is trained, or no step was made.
    """
    parameters, last = step.program.parameters(), int(arena.view(step.program.step)) - 1
    if not parameters or last < 0:
        return {}
    begin, _ = arena.flat["parameter"]
    places, bounds = [], [0]
    for p in parameters:
        places.append(arena.place[p] - begin + np.unique(np.linspace(0, p.size - 1, min(p.size, most)).astype(int)))
        bounds.append(bounds[-1] + len(places[-1]))
    chosen = np.concatenate(places)
    every = {slot.kind[4:]: slot for slot in step.program.slots if slot.kind.startswith("all ")}
    values = {slot: arena.stretch(*kind.split(":"))[chosen] for kind, slot in every.items()}
    before, gradient = values[every["parameter"]], values[every["gradient"]]
    memory = _Memory(arena, values | {step.program.step: np.asarray(last, arena.integer)})
    with np.errstate(all="ignore"):
        for call in step.updates[len(step.tracking) :]:
            memory.run(call)
        update = memory[every["parameter"]] - before
    found = {}
    for p, (low, high) in zip(parameters, pairwise(bounds), strict=True):
        at = arena.place[step.program.gradients[p]]
        norm = float(np.linalg.norm(arena.words[at : at + p.size]))
        found[p.name] = Change(before[low:high], gradient[low:high], update[low:high], norm)
    return found
