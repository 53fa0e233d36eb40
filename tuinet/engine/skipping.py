"""Passes that leave out work whose result is known: exact algebra around pooling and tables.

Each takes a part of a program's calls and gives a better list that means the same; what it leaves out is noted in
`program.skips`. They look at calls alone, so every network that has such a place profits, whatever its sizes.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from ..kernels.pooled_convolution import room
from ..kernels.windows import narrow
from .program import Call

READ_AT = {"conv2d_inputs": 0, "conv2d_weights": 1}  # which operand is the convolution's own gradient


class Skip(NamedTuple):
    """Work that is left out: in which layer, what, and how many values of an example are worked on, of how many."""

    layer: str
    what: str
    kept: int
    of: int
    unit: str = "of an example"

    def __str__(self):
        return f"{self.layer}: {self.what} ({self.kept:,} of {self.of:,} values {self.unit})"


def fold_tables(program, calls, wanted):
    """A product with rows that were looked up becomes a look-up in the table's product: each row is worked on once.

    Where nothing but such products reads the rows, and the table has fewer than are looked up, as an embedding of
    characters in front of a recurrent layer has. Gradients follow by the chain rule: they are added up by table row.
    """
    for look in [c for c in calls if c.op.name == "take"]:
        (table, rows), found = look.inputs, look.results[0]
        views, readers = _readers(found, calls)
        shown = {found, *(view.results[0] for view in views)}
        if table.kind not in ("parameter", "frozen") or table.size >= found.size or shown & set(wanted) or not readers:
            continue
        if any(c.op.name not in ("dense", "matmul_nn") or c.inputs[0].shape != found.shape for c in readers):
            continue
        if any(shown & set(c.inputs[1:]) for c in readers):
            continue
        new = {call: [] for call in (look, *views)}
        for call in readers:
            made = _recorded(program, partial(program.record, call.op, [table, *call.inputs[1:]], call.settings))
            folded, y = made[-1].results[0], call.results[0]
            folded.name = f"{_layer(y)}.folded"
            new[call] = [*made, Call(look.op, [folded, rows], [y], look.settings)]
            program.skips.append(Skip(_layer(y), "each token's row once", folded.size, y.size, "in a batch"))
        calls = _replaced(program, calls, new)
    return calls


def pool_first(program, calls, wanted):
    """max_pool(relu(x)) becomes relu(max_pool(x)): the same numbers and gradients, from fewer values.

    Where nothing but the pool reads what relu gave. Relu keeps the order of values, so the largest stays the largest;
    of several zeros none has a gradient, whichever was chosen. wanted: what is read from outside.
    """
    for pool in [c for c in calls if c.op.name == "max_pool"]:
        *views, relu = _sources(pool.inputs[0], calls, wanted)
        if relu is None or relu.op.name != "relu":
            continue
        x, shape, (y, place) = relu.inputs[0], pool.inputs[0].shape, pool.results
        for view in _sources(x, calls, wanted)[:-1]:
            if x.shape != shape:
                x = view.inputs[0]
                views.append(view)
        layer = y.name.rpartition(".max_pool")[0]
        largest = program.slot("relu", y.shape, "value")
        largest.name, y.name = y.name, f"{layer}.relu"
        new = _recorded(program, lambda x=x, shape=shape: program.view(x, shape))
        x = new[-1].results[0] if new else x
        new += [Call(pool.op, [x], [largest, place], pool.settings), Call(relu.op, [largest], [y], relu.settings)]
        _note(program, layer, "relu behind the pool", y, x)
        calls = _replaced(program, calls, {pool: new, relu: []} | {view: [] for view in views})
    return calls


def drop_unpooled(program, calls, wanted):
    """A convolution computes no rows and columns that lie behind the last window of the pool that reads it."""
    for pool in [c for c in calls if c.op.name in ("max_pool", "average_pool")]:
        *views, convolution = _sources(pool.inputs[0], calls, wanted)
        if convolution is None or convolution.op.name != "conv2d":
            continue
        g, old, seen = pool.settings["geometry"], convolution.results[0], convolution.settings["geometry"]
        if (seen.rows, seen.columns) != (g.height, g.width):  # reshaped in between
            continue
        rows = min(g.height, (g.rows - 1) * g.down - g.top + (g.tall - 1) * g.apart_down + 1)
        columns = min(g.width, (g.columns - 1) * g.right - g.left + (g.wide - 1) * g.apart_right + 1)
        if (rows, columns) == (g.height, g.width):
            continue
        z = program.slot("conv2d", (old.shape[0], rows * columns * g.channels), "value")
        z.name = old.name
        smaller = {"geometry": seen._replace(rows=rows, columns=columns)}
        new = {
            convolution: [Call(convolution.op, convolution.inputs, [z], smaller)],
            pool: [Call(pool.op, [z], pool.results, {"geometry": g._replace(height=rows, width=columns)})],
        }
        _note(program, _layer(z), "no places that the pool drops", z, old)
        calls = _replaced(program, calls, new | {view: [] for view in views})
    return calls


def gather_pooled(program, calls):
    """A convolution's gradients are made of the pooled ones: at all other places its own would be zero.

    Where nothing else reads its own, no groups part the channels and the pool leaves at most half of the values.
    """
    for back in [c for c in calls if c.op.name == "max_pool_back"]:
        (dy, place), dz, pool = back.inputs, back.results[0], back.settings["geometry"]
        views, readers = _readers(dz, calls)
        gradients = {dz, *(view.results[0] for view in views)}
        convolutions = [c for c in readers if c.op.name in READ_AT and c.inputs[READ_AT[c.op.name]] in gradients]
        sums = [c for c in readers if c.op.name == "sum_rows" and c.inputs[0].shape[1] == pool.channels]
        if not convolutions or len(convolutions) + len(sums) < len(readers):
            continue
        g = convolutions[0].settings["geometry"]
        if (g.rows, g.columns) != (pool.height, pool.width):  # reshaped in between
            continue
        if g.groups > 1 or 2 * dy.size > dz.size:
            continue
        new = {call: _from_pooled(program, calls, call, dy, place, pool) for call in readers}
        _note(program, _layer(dz), "no gradients but those that the pool hands down", dy, dz)
        calls = _replaced(program, calls, new | {call: [] for call in (back, *views)})
    return calls


def _from_pooled(program, calls, call, dy, place, pool):
    """What a reader of a convolution's gradient becomes, as one of the pooled gradient."""

    def by_channel(slot):
        view = program.view(slot, (slot.size // pool.channels, pool.channels))
        if view is not slot:
            view.name = f"{slot} by channel"
        return view

    def record():
        if call.op.name == "sum_rows":
            program.sum_rows(by_channel(dy))
            return
        g = call.settings["geometry"]
        reals, wholes = room(g, pool)
        memory, settings = (program.scratch(reals), program.scratch(wholes, whole=True)), dict(geometry=g, pool=pool)
        if call.op.name == "conv2d_inputs":
            W = next(c for c in calls if call.inputs[1] in c.results).inputs[0]
            weights = program.turned_in_pieces(W, geometry=g)
            program.conv2d_inputs_of_pooled(dy, place, weights, *memory, **settings)
        elif narrow(g):
            shares = program.conv2d_shares_of_pooled(call.inputs[0], dy, place, memory[0], **settings)
            program.view(program.sum_rows(shares), call.results[0].shape)
        else:
            x, numbers = call.inputs[0], call.inputs[3]
            both = by_channel(dy), by_channel(place)
            program.conv2d_weights_of_pooled(x, *both, *memory, numbers, **settings)

    *before, made = _recorded(program, record)
    program.slots.remove(made.results[0])
    for slot in call.results:
        if made.op.name == "view" and slot.base:  # it shows a parameter's gradient: so does what is made now
            made.inputs[0].base, made.inputs[0].name = slot.base, f"{slot} in a row"
        else:
            slot.base = made.results[0].base or slot.base
    return [*before, Call(made.op, made.inputs, call.results, made.settings, call.keep)]


# -- looking at calls, and changing them ------------------------------------------------------


def _sources(slot, calls, wanted):
    """The views that show a slot, and before them the call that made it: None if anybody else reads any of them."""
    made = {result: call for call in calls for result in call.results}
    views = []
    while slot in made and slot not in wanted and sum(c.inputs.count(slot) for c in calls) == 1:
        if made[slot].op.name != "view":
            return [*views, made[slot]]
        views.append(made[slot])
        slot = made[slot].inputs[0]
    return [*views, None]


def _readers(slot, calls):
    """The views of a slot, and all other calls that read it or them."""
    views, readers = [], []
    for call in calls:
        if slot in call.inputs or any(view.results[0] in call.inputs for view in views):
            (views if call.op.name == "view" else readers).append(call)
    return views, readers


def _recorded(program, record):
    """The calls that this records, and not in the program."""
    before, program.calls = program.calls, []
    record()
    before, program.calls = program.calls, before
    return before


def _replaced(program, calls, new):
    """The calls with some of them replaced. Slots that nobody makes any more are given up."""
    result = [each for call in calls for each in new.get(call, [call])]
    made = {slot for call in result for slot in call.results}
    given_up = {slot for call in new for slot in call.results} - made
    program.slots = [slot for slot in program.slots if slot not in given_up]
    return result


def _layer(slot):
    return slot.root.name.removeprefix("d ").rpartition(".")[0]


def _note(program, layer, what, few, many):
    program.skips.append(Skip(layer, what, few.size // few.shape[0], many.size // many.shape[0]))
