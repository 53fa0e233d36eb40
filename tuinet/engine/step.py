"""A training step as a program: batch, forward, loss, backward, penalty, clipping, update.

Recording needs no Numba: tables, listings and the editor make steps too, and never run them.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import pairwise

import numpy as np

from .arena import padded
from .backprop import backpropagate
from .pace import Pace
from .passes import add_in_place, bring_forward, drop_unused, leave_weights, put_off
from .program import Call, Program
from .sharing import as_matrix, own_axes
from .skipping import drop_unpooled, fold_tables, gather_pooled, pool_first

PARTNERS = 0x5EED  # gives the order in which examples are mixed into others
RATES = 16384  # learning rates are handed to the program for so many steps at a time


def batch_of(size, examples):
    """Examples in a batch: never more than there are, and with "all" as many as there are."""
    return examples if size == "all" else min(int(size), examples)


class Step:
    """One step of training, recorded.

    micro_batches: for each part of an accumulated batch, the calls from rows to gradients.
    guarded: from there to the norm of the gradient. updates: what happens if that is finite.
    """

    def __init__(
        self,
        network,
        loss,
        optimizer,
        facts,
        *,
        examples,
        batch_size,
        seed=0,
        accumulate=1,
        clip_value=None,
        clip_norm=None,
        shuffle=True,
        augment=None,
        begin=0,
    ):
        self.network, self.loss, self.optimizer, self.facts = network, loss, optimizer, facts
        self.examples, self.batch, self.accumulate = examples, batch_size, accumulate
        self.pace = Pace(examples, batch_size * accumulate, begin)
        self.program = ops = Program(seed)
        self._batch(ops, shuffle, augment)
        began = len(ops.calls)
        self.outputs = network.forward(ops, self.inputs)
        self.marks = list(ops.marks)
        predicted = len(ops.calls)
        self.losses = loss.record(ops, self.outputs, self.targets, facts)
        if self.mixed is not None:
            self._mix_losses(ops, *self.mixed)
        self.mean_loss = self._mean(ops)
        losing = len(ops.calls) - predicted
        ops.calls[began:] = self._skipping(ops.calls[began:], [self.outputs, self.losses, self.mean_loss])
        predicted = len(ops.calls) - losing
        last = ops.calls[-1]
        one = ops.slot("one", (), "scalar", start=1.0)
        ended = len(ops.calls)
        found = backpropagate(ops, self.mean_loss, one) if ops.parameters() else {}
        ops.gradients = {p: found[p] for p in ops.parameters()}
        ops.calls[ended:] = gather_pooled(ops, ops.calls[ended:])
        ops.owned = own_axes(ops.calls, ops.parameters(), batch_size)
        calls = add_in_place(drop_unused(ops.calls, [self.mean_loss, *ops.gradients.values()]))
        # Running statistics move with the update: a step that the guard stops leaves them as they were.
        self.tracking = [c for c in calls if any(s.kind == "statistic" for s in c.writes)]
        calls = [c for c in calls if c not in self.tracking]
        borders = (0, began, predicted, ended, len(ops.calls))
        first, forward, of_loss, backward = ({id(c) for c in ops.calls[a:b]} for a, b in pairwise(borders))
        self.sections = {
            "batch": [c for c in calls if id(c) in first],
            "forward": [c for c in calls if id(c) in forward],
            "loss": [c for c in calls if id(c) in of_loss and c is not last] + [last],
            "backward": bring_forward(put_off([c for c in calls if id(c) in backward], ops.gradients.values())),
        }
        every = self.sections["batch"] + self.sections["forward"] + self.sections["loss"][:-1]
        every += self.sections["backward"] + [last]
        self.micro_batches = [self._with_rows(every, k) for k in range(accumulate)]
        done = len(ops.calls)
        self._record_updates(ops, clip_value, clip_norm)
        self.sections["update"] = self.tracking + ops.calls[done:]

    def _skipping(self, calls, wanted):
        """A forward pass without work that pooling or small tables make needless."""
        calls = fold_tables(self.program, calls, wanted)
        return drop_unpooled(self.program, pool_first(self.program, calls, wanted), wanted)

    # -- the batch ----------------------------------------------------------------------------

    def _batch(self, ops, shuffle, augment):
        table, targets = data_slots(ops, "train", self.examples, self.loss, self.facts)
        self.order = {"examples": self.examples, "stride": self.pace.stride, "begin": self.pace.begin}
        choose = ops.shuffled_rows if shuffle else ops.ordered_rows
        self.place_slots = [
            ops.constant(f"place_{k}", np.arange(k * self.batch, (k + 1) * self.batch, dtype=np.int32))
            for k in range(self.accumulate)
        ]
        ops.batch_places = self.place_slots[0]
        rows = choose(ops.step, self.place_slots[0], **self.order, seed=ops.seed)
        self.rows = rows
        rows.name = "rows"
        self.orders = [rows]  # the rows of the training set that a batch reads: a second lot where examples are mixed
        chosen, self.targets = chosen_rows(ops, table, rows), chosen_rows(ops, targets, rows)
        chosen.name, self.targets.name = "inputs", "targets"
        self.tables = table, targets
        self.mixed = None  # where examples are mixed: the targets of the others, and what each keeps of itself
        self.inputs = ops.view(chosen, (self.batch, *self.facts.inputs))
        if augment is not None:
            self._augment(ops, augment, chosen)
        ops.lengths = lengths_of(ops, self.inputs, self.facts)

    def _augment(self, ops, augment, drawn):
        """Change the inputs as they are drawn; with mixup, mix in others, which are drawn and changed likewise."""
        changed = augment.record(ops, drawn, self.facts)
        if augment.mixup:
            others = ops.shuffled_rows(ops.step, ops.batch_places, **self.order, seed=ops.seed ^ PARTNERS)
            self.orders.append(others)
            inputs, targets = (chosen_rows(ops, table, others) for table in self.tables)
            partners = augment.record(ops, inputs, self.facts, partner=True)
            share = augment.shares(ops)
            changed = ops.blend(changed, partners, share)
            self.mixed = targets, share
        self.inputs = ops.view(changed, self.inputs.shape)

    def _mix_losses(self, ops, others, share):
        """The loss of a mixed example is the mix of its losses, whatever the loss is."""
        both = self.losses, self.loss.record(ops, self.outputs, others, self.facts)
        blended = ops.blend(*(ops.view(losses, (self.batch, losses.size // self.batch)) for losses in both), share)
        self.losses = ops.view(blended, self.losses.shape)

    def _mean(self, ops):
        """The mean loss: over what has a target, where some positions of a sequence have none."""
        if self.facts.steps and self.facts.padded:
            share = ops.share_of_known(ops.view(self.targets, self.losses.shape))
            return ops.sum_shared(self.losses, share)
        return ops.mean(self.losses)

    def _with_rows(self, calls, k):
        """The same calls for part k of an accumulated batch: only where its examples stand in the step differs."""
        first, here = self.place_slots[0], self.place_slots[k]

        def moved(call):
            if k == 0 or first not in call.inputs:
                return call
            inputs = [here if slot is first else slot for slot in call.inputs]
            return Call(call.op, inputs, call.results, call.settings, call.keep)

        return [moved(call) for call in calls]

    # -- from gradients to parameters -------------------------------------------------------------

    def _record_updates(self, ops, clip_value, clip_norm):
        parameters = ops.parameters()
        self.sums = []
        if self.accumulate > 1:
            total = ops.slot("loss_total", (), "scalar", start=0.0)
            pairs = [(total, self.mean_loss)]
            for p in parameters:
                pairs.append((ops.slot(f"total {p}", p.shape, "value", start=0.0), ops.gradients[p]))
            for call in self.tracking:  # once a step, by the mean of the parts
                value = call.inputs[1]
                call.inputs[1] = ops.slot(f"total {value}", value.shape, "value", start=0.0)
                pairs.append((call.inputs[1], value))
            for k in range(self.accumulate):
                for kept, g in pairs:
                    ops.accumulate(kept, g, first=int(k == 0), share=1.0 / self.accumulate)
                self.micro_batches[k] += ops.calls[-len(pairs) :]
            self.mean_loss = total
            # The sums take the gradients' place: they are what is clipped, measured and used.
            for (kept, _), p in zip(pairs[1:], parameters, strict=False):
                ops.gradients[p].kind = "value"
                kept.kind, kept.name = "gradient", f"d {p}"
                ops.gradients[p].name = f"part of d {p}"
                ops.gradients[p] = kept
        start = len(ops.calls)
        for p in parameters:
            if p.l1 or p.l2:
                ops.penalise(ops.gradients[p], p, l1=float(p.l1), l2=float(p.l2))
        size = sum(padded(p.size) for p in parameters)
        P = ops.slot("all parameters", (size,), "all parameter")
        G = ops.slot("all gradients", (size,), "all gradient")
        if clip_value:
            ops.clip_values(G, limit=float(clip_value))
        self._measure(ops, parameters)
        self.guarded = ops.calls[start:]
        start = len(ops.calls)
        self.rates = ops.slot("rates", (RATES,), "setting", start=0.0)
        rate = ops.look_up(self.rates, ops.step)
        rate.name = "rate"
        ops.clip = (
            ops.clip_share(self.norm, limit=float(clip_norm))
            if clip_norm
            else ops.slot("clip", (), "scalar", start=1.0)
        )
        state = {}
        for number, name in enumerate(self.optimizer.states):
            for p in parameters:
                ops.slot(f"{p}.{name}", p.shape, "state", start=0.0)
            state[name] = ops.slot(f"all {name}", (size,), f"all state:{number}")
        self.state_names = list(self.optimizer.states)
        if parameters:
            self.optimizer.record(ops, P, G, rate, ops.clip, state)
        ops.tick(ops.step)
        self.updates = self.tracking + ops.calls[start:]

    def _measure(self, ops, parameters):
        """The norm of the gradient, from sums along each parameter's own axis."""
        counts = [as_matrix(p.shape)[ops.owned[p]] for p in parameters]
        squares = ops.slot("squares", (max(1, sum(counts)),), "value", start=0.0)
        at = 0
        for p, count in zip(parameters, counts, strict=True):
            g = ops.view(ops.gradients[p], as_matrix(p.shape))
            if len(g.shape) == 1:
                ops.squares(g)
            elif ops.owned[p] == 1:
                ops.column_squares(g)
            else:
                ops.row_squares(g)
            part = ops.calls[-1].results[0]
            part.base, part.offset = squares, at
            at += count
        self.norm = ops.norm(squares)


def data_slots(ops, name, examples, loss, facts):
    """Where inputs and targets of so many examples come from: numbers, or whole numbers for tokens and classes."""
    inputs = ops.slot(f"{name}.inputs", (examples, int(np.prod(facts.inputs))), "data", whole=bool(facts.tokens))
    classes = loss.targets == "classes"
    width = (facts.steps,) * (facts.steps > 0) if classes else (facts.outputs,)
    return inputs, ops.slot(f"{name}.targets", (examples, *width), "data", whole=classes)


def chosen_rows(ops, table, rows):
    """The rows of a batch out of all of them, whatever they hold."""
    if not table.whole:
        return ops.take(table, rows)
    return ops.pick_rows(table, rows) if len(table.shape) == 2 else ops.pick(table, rows)


def lengths_of(ops, inputs, facts):
    """How many steps of each example are real, where token 0 pads them; else None. Encoders see to theirs."""
    return ops.lengths_of(inputs) if facts.padded and not facts.source_steps else None


@contextmanager
def aside(program):
    """Record the network once more, as in use: without dropout, and beside the program's own calls."""
    kept = {name: getattr(program, name) for name in ("training", "calls", "marks", "skips", "lengths", "memory")}
    program.training, program.calls, program.marks, program.skips = False, [], [], []
    try:
        yield program
    finally:
        for name, value in kept.items():
            setattr(program, name, value)


class Pass:
    """The network without its gradients: outputs and losses of so many examples, as in use."""

    def __init__(self, step, rows, examples):
        self.step, self.rows, self.examples = step, rows, examples
        facts = step.facts
        with aside(step.program) as ops:
            self.inputs, self.targets = data_slots(ops, "pass", rows, step.loss, facts)
            x = ops.view(self.inputs, (rows, *facts.inputs))
            ops.lengths = lengths_of(ops, x, facts)
            self.outputs = step.network.forward(ops, x)
            self.losses = step.loss.record(ops, self.outputs, self.targets, facts)
            wanted = [self.outputs, self.losses]
            self.calls = leave_weights(ops, drop_unused(step._skipping(ops.calls, wanted), wanted), wanted)
            self.computes = self.outputs.root is not self.inputs  # a network of views alone gives its inputs back
            self.marks = ops.marks
