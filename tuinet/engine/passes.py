"""Passes: each takes a program's calls and returns a better list that means the same."""

from __future__ import annotations

from collections import Counter

from ..kernels import OPS
from .program import Call


def drop_unused(calls, wanted):
    """Leave out every call whose results nobody reads. What updates a statistic is wanted for that."""
    needed, kept = set(wanted), []
    for call in reversed(calls):
        if needed.intersection(call.writes) or any(s.kind == "statistic" for s in call.writes):
            needed.update(call.inputs)
            kept.append(call)
    return kept[::-1]


def leave_weights(program, calls, wanted):
    """Attention whose weights nobody reads does not write them: they are the square of a sequence for each head."""
    read = {slot for call in calls for slot in call.inputs}.union(wanted)
    for i, call in enumerate(calls):
        if call.op.name == "attention" and call.results[1] not in read:
            y, weights = call.results
            program.slots.remove(weights)
            calls[i] = Call(OPS["attend"], call.inputs, [y], call.settings)
    return calls


def add_in_place(calls):
    """Turn  q = op(...); r = p + q  into  r += op(...), where the op can, and p becomes r.

    Only where p and q are read nowhere else, neither is a view or viewed, and q is made after p.
    """
    readers = Counter(slot for call in calls for slot in call.inputs)
    writers = {}
    for call in calls:
        for slot in call.results:
            writers.setdefault(slot, []).append(call)
    place = {id(call): i for i, call in enumerate(calls)}
    viewed = {slot.root for call in calls for slot in call.results if slot.base}
    kept = []
    for call in calls:
        if call.op.name == "add":
            (p, q), r = call.inputs, call.results[0]
            if all(
                s in writers and readers[s] == 1 and s.kind == "value" and not s.base and s not in viewed
                for s in (p, q)
            ):
                p, q = sorted((p, q), key=lambda s: place[id(writers[s][-1])])
                later = writers[q][0]
                if len(writers[q]) == 1 and later.op.keeps and not later.keep and len(later.results) == 1:
                    for first in writers[p]:
                        first.results[first.results.index(p)] = r
                    later.results, later.keep = [r], True
                    writers[r] = [*writers.pop(p), later]
                    continue
        kept.append(call)
    return kept


def put_off(calls, gradients):
    """What only makes gradients of parameters goes behind everything that passes gradients on.

    Then what is passed on from layer to layer can be worked on row by row, and threads wait less often.
    """
    last, readers = set(gradients), {}
    for call in calls:
        for slot in call.inputs:
            readers.setdefault(slot, []).append(call)
    late = set()
    for call in reversed(calls):
        if all(s in last or (s in readers and all(id(r) in late for r in readers[s])) for s in call.results):
            late.add(id(call))
    return [c for c in calls if id(c) not in late] + [c for c in calls if id(c) in late]


def bring_forward(calls):
    """What is made of weights alone goes before everything else: in between, threads would have to wait for it."""
    made, early = set(), set()
    for call in calls:
        if all(s.root.kind in ("parameter", "frozen", "constant") or s.root in made for s in call.inputs):
            early.add(id(call))
            made.update(call.results)
    return [c for c in calls if id(c) in early] + [c for c in calls if id(c) not in early]
