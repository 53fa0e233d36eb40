"""Backpropagation: the chain rule, applied to a list.

A forward pass is a list of calls  y = op(x, ...).  Walk it from the last call to the first.
At each call, d[y] is already known: how the loss changes when y does. The op's own rule
turns it into what the loss owes to each input. A value that was used twice collects two
such shares, and they add up:

    d[x] += matmul_nt(d[y], W)

That is all. The rules stand beside their ops (tuinet/kernels), and what they call is recorded
on the same program, so that the backward pass is a list of calls too.
"""

from __future__ import annotations

from ..errors import ShapeError
from .program import NOTHING


class Gradients(dict):
    """From a slot to the slot that holds its gradient. Notes what a rule has asked for."""

    def __getitem__(self, slot):
        self.asked.add(slot)
        return self.get(slot, NOTHING)

    def __setitem__(self, slot, gradient):
        if gradient is not NOTHING:
            super().__setitem__(slot, gradient)


def learnable(calls, parameters):
    """All slots whose value depends on a trainable parameter."""
    reached = set(parameters)
    for call in calls:
        if reached.intersection(call.inputs):
            reached.update(call.results)
    return reached


def backpropagate(ops, loss, one):
    """Record the backward pass of everything recorded so far. Returns {slot: its gradient}."""
    forward, parameters = list(ops.calls), ops.parameters()
    reached = learnable(forward, parameters)
    d = Gradients({loss: one})
    for call in reversed(forward):
        if not reached.intersection(call.results) or not d.keys() & set(call.results):
            continue
        if call.op.chain is None:
            raise TypeError(f"{call.op.name} has no gradient rule, and {call} leads to the loss")
        d.asked = set()
        call.op.chain(ops, d, *call.operands, **call.settings)
        for forgotten in d.keys() & set(call.results) - d.asked:
            raise TypeError(f"the rule of {call.op.name} makes no use of the gradient of {forgotten}")
    for parameter in parameters:
        keep_apart(ops, d, parameter, parameters)
    for slot, gradient in d.items():
        if gradient.kind == "value" and not gradient.base and not gradient.name.startswith("d "):
            gradient.name = f"d {slot}"
    return d


def keep_apart(ops, d, parameter, parameters):
    """Give a parameter a gradient slot of its own, named after it."""
    known = d.get(parameter)
    if known is None:
        path = parameter.name.rpartition(".")[0]
        raise ShapeError(
            "nothing that it learns has a part in the loss, as no layer looks at what it gives; take it out, or put in "
            "one that does (a decoder_block looks at what an encoder has read)",
            key=f"layers.{path}",
        )
    others = {d[p].root for p in parameters if p is not parameter and p in d}
    made = known.root
    if made.kind != "value" or made in others:
        known = d[parameter] = ops.copy(known)
    elif known is not made:  # the same numbers under the parameter's shape: what is computed shows them instead
        known.base, made.base, made.name = None, known, f"d {parameter} as a matrix"
    known.kind, known.name = "gradient", f"d {parameter}"
