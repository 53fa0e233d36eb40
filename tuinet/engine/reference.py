"""The reference target: the same program, call by call, in NumPy and float64.

Slow, and made to be read and stepped through. It judges the other targets.
"""

from __future__ import annotations


def run(calls, arena):
    for call in calls:
        step(call, arena)


def step(call, arena):
    if call.op.name == "view":
        return
    inputs = [arena.view(slot) for slot in call.inputs]
    values = call.op.define(*inputs, **call.settings)
    values = values if len(call.op.outputs) > 1 else [values]
    place = dict(zip(call.op.operands, call.operands, strict=True))
    for name, value in zip(call.op.outputs, values, strict=True):
        slot = place[name]
        arena.write(slot, arena.view(slot) + value if call.keep else value)


def difference_quotient(calls, arena, loss, parameter, index, h):
    """d loss / d parameter[index] by central differences: the judge of the gradient rules."""
    view = arena.view(parameter)
    kept, losses = view[index], []
    for shifted in (kept + h, kept - h):
        view[index] = shifted
        run(calls, arena)
        losses.append(float(arena.view(loss)))
    view[index] = kept
    return (losses[0] - losses[1]) / (2 * h)
