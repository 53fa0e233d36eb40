"""What calls are on a GPU, as far as it can be said without compiling one: nothing here needs Numba."""

from __future__ import annotations


def sizes_of(call):
    """How much each letter of the op's docstring stands for in this call."""
    sizes = {}
    for name, slot in zip(call.op.operands, call.operands, strict=True):
        dims = call.op.dims[name]
        sizes |= {"size": slot.size} if dims == ("*",) else dict(zip(dims, slot.shape, strict=True))
    return sizes


def room_for(calls):
    """How many float32 the most demanding of these calls needs beside its operands."""
    rooms = [c.op.cuda_room(sizes_of(c) | c.settings) for c in calls if c.op.name != "view" and c.op.cuda_room]
    return int(max(rooms, default=0))


def calls_of(step):
    """All calls of a training step."""
    return [call for part in step.micro_batches for call in part] + step.guarded + step.updates


def kernels_of(calls):
    """How many kernels these calls are made of, at most: some of an op's are for other sizes."""
    ops = {call.op for call in calls if call.op.name != "view"}
    return sum(len(op.cuda_stages) for op in ops)
