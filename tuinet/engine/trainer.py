"""A trainer: a network, its data and its optimizer on one target, taking steps.

It owns the memory and the program; what an epoch, a checkpoint or an early stop is, is decided
above (tuinet/training).
"""

from __future__ import annotations

import math
import threading
import time

import numpy as np

from ..data.baselines import errors_of
from ..errors import RunDamaged
from ..processes import cores
from . import reference
from .arena import KINDS, PRIVATE, Arena, padded
from .inspection import Activations, changes
from .plan import WORD, multiply_adds
from .sharing import dealt_out
from .step import RATES, Pass, Step, batch_of

PASS_ROWS = 256  # examples that are evaluated at a time: as many as the second cache holds of a wide network ...
PASS_NUMBERS = 1 << 23  # ... but fewer, where the values of an example are many
LARGEST_EXPONENT = 709.0  # e to more than this is no float
HELD = (*KINDS, *PRIVATE, "data")  # kinds of slots that have memory of their own
SQUARES = ("squares", "row_squares", "column_squares", "norm")
TOP = 5  # guesses among which the right class is looked for, where there are more classes
SHARE_FLOPS = 1.5e6  # arithmetic of a step that is worth a thread of its own


def threads_for(step):
    """How many threads a step is worth: one for each 1.5 million operations, at most one a core."""
    work = 6 * sum(multiply_adds(call) for call in step.sections["forward"])
    return int(max(1, min(cores(), work // SHARE_FLOPS)))


def values_of_an_example(step):
    """Numbers that the network makes of one example."""
    return max(1, sum(s.size for c in step.sections["forward"] for s in c.results if s.kind == "value") // step.batch)


def pass_rows_for(step, examples):
    """How many examples are evaluated at a time."""
    return max(1, min(PASS_ROWS, examples, PASS_NUMBERS // values_of_an_example(step)))


def device_bytes(step, examples):
    """What training takes of a GPU's memory: every array of the program, of an evaluation too, and the data.

    And what the kernels need beside them. The passes of an evaluation are recorded into the step for it.
    """
    from .cuda.calls import calls_of, room_for

    forward = Pass(step, pass_rows_for(step, examples), examples)
    slots = [slot for slot in step.program.slots if not slot.base]
    held = sum(padded(s.size) if s.kind != "data" else s.size for s in slots if s.kind in HELD)
    return WORD * (held + room_for(calls_of(step)) + room_for(forward.calls))


class Trainer:
    """Training of one network. Steps are numbered from 0; `step` is the number of those that are done.

    precision: "tf32" lets a GPU's tensor cores round what they multiply to 10 bits, where cuBLAS is installed.
    """

    def __init__(
        self,
        network,
        loss,
        optimizer,
        bound,
        *,
        batch_size,
        seed=0,
        threads=None,
        device="cpu",
        schedule=None,
        epochs=1,
        accumulate=1,
        clip_value=None,
        clip_norm=None,
        shuffle=True,
        augment=None,
        begin=0,
        on_compile=None,
        precision="float32",
    ):
        train = bound.train
        examples = len(train.inputs)
        batch = batch_of(batch_size, examples)
        self.bound, self.device, self.seed = bound, device, seed
        self.schedule, self.epochs = schedule, epochs
        self.plan = Step(
            network,
            loss,
            optimizer,
            bound.facts,
            examples=examples,
            batch_size=batch,
            seed=seed,
            accumulate=accumulate,
            clip_value=clip_value,
            clip_norm=clip_norm,
            shuffle=shuffle,
            augment=augment,
            begin=begin,
        )
        self.program = self.plan.program
        self.on_gpu = device.startswith("cuda")
        self.real = np.dtype(np.float64 if device == "reference" else np.float32)
        self.integer = np.dtype(f"i{self.real.itemsize}")
        self.threads = 1 if device == "reference" or self.on_gpu else int(threads or threads_for(self.plan))
        self.pass_rows = pass_rows_for(self.plan, examples)
        self.forward = Pass(self.plan, self.pass_rows, examples)
        data = {
            "train.inputs": self._inputs(train.inputs),
            "train.targets": self._targets(train.targets),
            "pass.inputs": self._inputs(np.zeros(self.forward.inputs.shape)),
            "pass.targets": self._targets(np.zeros(self.forward.targets.shape, train.targets.dtype)),
        }
        self.machine = None
        if self.on_gpu:
            self._link_on_gpu(device, data, on_compile, precision)
        else:
            self._link_on_cpu(data, on_compile)
        self.rate = float(optimizer.learning_rate)
        self.rate_factor, self._filled = 1.0, None
        self._stop = threading.Event()
        self._fresh = []
        self._activations = None
        self.diverged = None

    def _link_on_cpu(self, data, on_compile):
        every = [call for part in self.plan.micro_batches for call in part] + self.plan.guarded
        dealt = dealt_out(every, self.program) if self.threads > 1 else ()
        self.arena = Arena(self.program, self.real, self.threads, data, dealt)
        self.arena.state_of = self._states()  # before the machine is made, whose threads share updates by parameter
        if self.device != "reference":
            from . import cpu

            self.machine = cpu.Machine(self.plan, self.arena, on_compile)
            self._forward_machine = cpu.Forward(self.forward, self.arena)

    def _link_on_gpu(self, device, data, on_compile, precision):
        from .cuda import cublas, driver, machine, memory
        from .cuda.calls import calls_of, kernels_of, room_for

        gpu = driver.Gpu(int(device.partition(":")[2] or 0), on_compile)
        gpu.kernels.blas = cublas.found(gpu, precision)
        calls = calls_of(self.plan)
        gpu.kernels.expect(kernels_of(calls + self.forward.calls))
        room = WORD * (room_for(calls) + room_for(self.forward.calls))
        rows_a_step = self.plan.pace.stride * len(self.plan.orders)
        self.arena = memory.DeviceArena(self.program, gpu, data, room, rows_a_step)
        self.arena.state_of = self._states()
        self.machine = machine.Machine(self.plan, self.arena, gpu)
        self._forward_machine = machine.Forward(self.forward, self.arena, gpu)

    def _inputs(self, array):
        kind = self.integer if self.bound.facts.tokens else self.real
        return np.ascontiguousarray(array.reshape(len(array), -1), kind)

    def _targets(self, array):
        return np.ascontiguousarray(array, self.integer if array.dtype.kind in "iu" else self.real)

    def _states(self):
        slots = [s for s in self.program.slots if s.kind == "state"]
        parameters = self.program.parameters()
        return {p: slots[i :: len(parameters)] for i, p in enumerate(parameters)}

    # -- counting -----------------------------------------------------------------------------

    @property
    def step(self):
        """Steps that are done."""
        return int(self.arena.view(self.program.step))

    @property
    def steps_per_epoch(self):
        return self.plan.pace.steps_per_epoch

    def epoch_end(self, epoch):
        """The number of steps after which so many epochs are done."""
        return self.plan.pace.epoch_end(epoch)

    @property
    def total_steps(self):
        return self.epoch_end(self.epochs)

    # -- training -------------------------------------------------------------------------------

    def run(self, seconds, until_step):
        """Train until a step number, for about so many seconds. Says "done", "time", "asked" or "diverged"."""
        deadline = time.monotonic() + seconds
        while True:
            before = self.step
            if before >= until_step:
                return "done"
            if self._stop.is_set():
                self._forget_request()
                return "asked"
            self._fill_rates(before)
            until = min(until_step, self._filled[0] + RATES)
            left = max(0.0, deadline - time.monotonic())
            reason = self._reference_run(left, until) if self.machine is None else self.machine.run(left, until)
            if reason == "asked":
                self._forget_request()
            self._collect(before, reason == "diverged")
            if reason == "diverged":
                self.diverged = self.step
                return reason
            if reason == "done" and self.step < until_step and time.monotonic() < deadline:
                continue
            return "time" if reason == "done" and self.step < until_step else reason

    def ask_to_stop(self):
        """End the stretch under way after its step. Safe in a signal handler and from other threads."""
        self._stop.set()
        if self.machine is not None:
            self.machine.ask()

    def _forget_request(self):
        self._stop.clear()
        if self.machine is not None:
            self.machine.ask(False)

    def _reference_run(self, seconds, until):
        deadline = time.monotonic() + seconds
        view = self.arena.view
        self._losses = []
        while True:
            with np.errstate(all="ignore"):
                for part in self.plan.micro_batches:
                    reference.run(part, self.arena)
                reference.run(self.plan.guarded, self.arena)
                loss, norm = float(view(self.plan.mean_loss)), float(view(self.plan.norm))
                self._losses.append((loss, norm))
                if not (np.isfinite(loss) and np.isfinite(norm)):
                    return "diverged"
                reference.run(self.plan.updates, self.arena)
            if self._stop.is_set():
                return "asked"
            if self.step >= until:
                return "done"
            if time.monotonic() > deadline:
                return "time"

    def _collect(self, before, diverged):
        """Take the losses and norms of the stretch out of the ring before it is overwritten."""
        after = self.step + diverged
        steps = np.arange(before, after)
        if self.machine is None:
            rows = np.array(self._losses, np.float64).reshape(-1, 2)
        else:
            rows = self.machine.ring[steps % len(self.machine.ring)].astype(np.float64)
        self._fresh.append(np.column_stack([steps, rows]))

    def drain(self):
        """(k, 3) float64: step, loss of its batch, norm of its gradient, of every step since the last call."""
        rows, self._fresh = self._fresh, []
        return np.concatenate(rows) if rows else np.zeros((0, 3))

    # -- learning rate ------------------------------------------------------------------------------

    def set_rate(self, rate):
        """Change the learning rate for the steps to come; the schedule goes on scaling it."""
        self.rate, self._filled = float(rate), None

    def rates_at(self, steps):
        """The learning rate of each step."""
        pace, schedule = self.plan.pace, self.schedule
        factors = 1.0 if schedule is None else pace.factors(schedule, np.asarray(steps, np.int64), self.epochs)
        return self.rate * self.rate_factor * factors * np.ones(len(steps))

    def _fill_rates(self, step):
        known = self._filled
        if known and known[0] <= step < known[0] + RATES and known[1] == self.rate_factor:
            return
        steps = np.arange(step, step + RATES)
        rates = np.empty(RATES, self.real)
        rates[steps % RATES] = self.rates_at(steps)
        self.arena.write(self.plan.rates, rates)
        self._filled = (step, self.rate_factor)

    # -- evaluation -----------------------------------------------------------------------------------

    def _pass(self, inputs, targets=None):
        """The network as in use, without dropout, on all rows: outputs (n, numbers) and losses (n, targets)."""
        rows, count, size = self._inputs(inputs), len(inputs), self.pass_rows
        table, wanted = self.arena.data["pass.inputs"], self.arena.data["pass.targets"]
        targets = np.zeros((count, *wanted.shape[1:]), wanted.dtype) if targets is None else self._targets(targets)
        view = self.arena.view
        outputs = np.empty((count, self.forward.outputs.size // size), self.real)
        losses = np.empty((count, self.forward.losses.size // size), self.real)
        begin = 0
        if self.machine is not None:
            begin = count - count % size
            if begin:
                self._forward_machine.run(rows[:begin], targets[:begin], losses[:begin], outputs[:begin])
        while begin < count:
            end = min(begin + size, count)
            table[: end - begin], wanted[: end - begin] = rows[begin:end], targets[begin:end]
            if self.machine is None:
                with np.errstate(all="ignore"):
                    reference.run(self.forward.calls, self.arena)
            else:
                self._forward_machine.run(table, wanted, view(self.forward.losses), view(self.forward.outputs))
            outputs[begin:end] = view(self.forward.outputs).reshape(size, -1)[: end - begin]
            losses[begin:end] = view(self.forward.losses).reshape(size, -1)[: end - begin]
            begin = end
        return outputs if self.forward.computes else rows, losses

    def outputs(self, inputs):
        """The network's outputs as in use, without dropout: (n, outputs), or (n, T, outputs) where each position has
        its own; logits where the loss wants them.
        """
        outputs = self._pass(inputs)[0]
        steps = self.bound.facts.steps
        return outputs.reshape(len(outputs), steps, -1) if steps else outputs

    def attention(self, inputs):
        """Where each attention of the network looks, for one example (1, ...): by the name of what holds it, weights
        (heads, T, S) that add up to 1 along S.
        """
        return self._looked().attention(inputs, self.arena)

    def activations(self, inputs):
        """{path of a layer: Activation} for the first examples of these (n, ...), as in use: as many as NumPy works
        through in a tenth of a second, at most 256. Layers are in the order in which they are done.
        """
        return self._looked().of(inputs, self.arena)

    def _looked(self):
        """The pass that is looked into, recorded when it is first asked for."""
        if self._activations is None:
            self._activations = Activations(self.plan, self.pass_rows)
        return self._activations

    def changes(self):
        """{parameter: Change}: at some of its places its numbers, the last gradient, and the update made of it."""
        return changes(self.plan, self.arena)

    def evaluate(self, part, limit=None):
        """Mean loss without dropout and penalty, and the loss's metrics, over the first `limit` examples."""
        count = len(part.inputs) if limit is None else min(limit, len(part.inputs))
        targets = part.targets[:count]
        outputs, losses = self._pass(part.inputs[:count], targets)
        kind, facts = self.plan.loss.targets, self.bound.facts
        if facts.steps:
            targets, known = targets.ravel(), targets.ravel() >= 0
            targets, losses = targets[known], losses.ravel()[known]
            outputs = outputs.reshape(len(known), -1)[known]
        loss = float(losses.mean(dtype=np.float64))
        written = text_metrics(loss) if facts.writes else {}
        return {"loss": loss, **metrics(kind, outputs, targets, facts), **written}

    def judge(self, inputs, targets):
        """Outputs (n, numbers) and losses (n), or (n, T) where each position has a target, of examples as in use."""
        return self._pass(inputs, targets)

    @property
    def multiply_adds(self):
        """Of the forward pass of one example."""
        return sum(multiply_adds(call) for call in self.forward.calls) // self.pass_rows

    def last_loss(self):
        """Mean loss of the last step's batch, without the penalty; None where no step was made."""
        return float(self.arena.view(self.plan.mean_loss)) if self.step else None

    def classify(self, inputs):
        """The class that the network gives each example: whole numbers (n). For yes or no, 1 from a half on."""
        outputs = self.outputs(inputs)
        if self.plan.loss.targets == "binary":
            return (outputs[:, 0] > 0).astype(np.int64)
        return outputs.argmax(1)

    def penalty(self):
        """The L1 and L2 penalty of the weights as they are: sum of l1 |w| + l2 w^2."""
        total = 0.0
        for slot in self.program.parameters():
            if slot.l1 or slot.l2:
                w = self.arena.view(slot).astype(np.float64)
                total += slot.l1 * np.abs(w).sum() + slot.l2 * (w * w).sum()
        return float(total)

    # -- weights --------------------------------------------------------------------------------------

    def value(self, name):
        """One of the weights or running statistics, copied."""
        return self.arena.view(next(s for s in self.program.kept() if s.name == name)).copy()

    def gradient(self, name):
        """The gradient of the last step of one of the weights, copied; None where it is not trained."""
        found = next((g for p, g in self.program.gradients.items() if p.name == name), None)
        return None if found is None else self.arena.view(found).copy()

    def model(self):
        """Weights by name, then running statistics, copied: float32 (float64 on the reference)."""
        return {s.name: self.arena.view(s).copy() for s in self.program.kept()}

    def optimizer_state(self):
        """The optimizer's arrays by name, copied."""
        return {s.name: self.arena.view(s).copy() for s in self.program.slots if s.kind == "state"}

    def gradients(self):
        """The gradient of the last step by parameter, copied."""
        return {p.name: self.arena.view(g).copy() for p, g in self.program.gradients.items()}

    def load(self, model, optimizer=None, step=None):
        """Set all weights by name, all of the optimizer's arrays, and the step number.

        Raises RunDamaged, and sets nothing, where they are not those of this network.
        """
        weights = {s.name: s for s in self.program.kept()}
        states = {s.name: s for s in self.program.slots if s.kind == "state"}
        _check_same(weights, model)
        if optimizer is not None:
            _check_same(states, optimizer)
        for name, array in model.items():
            self.arena.write(weights[name], array)
        for name, array in (optimizer or {}).items():
            self.arena.write(states[name], array)
        if step is not None:
            for thread in range(self.threads):
                self.arena.write(self.program.step, step, thread)
            self._filled = None
        self.diverged = None

    # -- when it goes wrong -----------------------------------------------------------------------------

    def explain_divergence(self):
        """Where the first number that is not finite came from, in the step that was stopped.

        A dict: kind ("loss" or "gradient"), layer, slot, step, and the rows of the batch in the training part.
        """
        parts, found = self.plan.micro_batches, None
        with np.errstate(all="ignore"):
            for part in parts:
                if len(parts) > 1:  # what it made was overwritten by the part after it
                    reference.run(part, self.arena)
                found = found or self._not_finite(part)
                if found:
                    break
        call, slot = found or self._not_finite(self.plan.guarded) or (None, self.plan.mean_loss)
        if call is not None and call.op.name in SQUARES and slot in call.results:
            slot = max(self.program.gradients.values(), key=lambda g: np.abs(self.arena.view(g)).max())
        backward = call in self.plan.sections["backward"] or call in self.plan.guarded
        return {
            "kind": "gradient" if backward else "loss",
            "layer": self._layer_of(slot),
            "slot": slot.name,
            "step": self.step,
            "batch": self._batch_rows(part),
        }

    def _batch_rows(self, part):
        """Worked out anew: a GPU that has a piece of the training set knows them by their places in the piece."""
        reference.run([call for call in part if self.plan.rows in call.results], self.arena)
        return [int(row) for row in self.arena.view(self.plan.rows)]

    def _not_finite(self, calls):
        """The first call that met or made a number that is not finite, and the slot that holds it; else None."""
        for call in calls:
            for slot in (*call.inputs, *call.results):
                if slot.whole or slot.kind.startswith("all ") or slot.kind in ("data", "setting", "scratch"):
                    continue
                if not np.isfinite(self.arena.view(slot)).all():
                    return call, slot
        return None

    def _layer_of(self, slot):
        """The layer that a slot belongs to; for what belongs to none, what it is."""
        name = slot.name.removeprefix("part of ").removeprefix("total ").removeprefix("d ")
        if "." in name:
            return name.rsplit(".", 1)[0]
        if slot.root is self.plan.inputs.root:
            return "the input"
        for path, _, x, y, _ in self.plan.marks:
            if slot.root in (x.root, y.root):
                return path
        return "the loss"


def _check_same(slots, arrays):
    """Names and shapes must be the same ones: NumPy would spread one number over a whole matrix."""
    for name in [*slots, *arrays]:
        here = slots[name].shape if name in slots else None
        there = np.shape(arrays[name]) if name in arrays else None
        if here != there:
            raise RunDamaged(
                f"{name} is {_words(there)} in the checkpoint, and {_words(here)} in the network of its preset: "
                "one of them was changed; put it back, or start a new run with --init"
            )


def _words(shape):
    return "not there" if shape is None else f"{' x '.join(map(str, shape)) or 'one number'}"


def metrics(targets_kind, outputs, targets, facts):
    """Accuracy for classes, top 5 where there are more; RMSE and MAE in the data's own units for numbers."""
    if targets_kind == "classes":
        found = {"accuracy": float((outputs.argmax(1) == targets).mean())}
        if outputs.shape[1] > TOP:
            wanted = outputs[np.arange(len(targets)), targets][:, None]
            ahead = (outputs > wanted) | ((outputs == wanted) & (np.arange(outputs.shape[1]) < targets[:, None]))
            found["top5"] = float(((ahead.sum(1) < TOP) & np.isfinite(wanted[:, 0])).mean())
        return found
    if targets_kind == "binary":
        return {"accuracy": float(((outputs > 0) == (targets > 0.5)).mean())}
    if facts.target_curve:
        errors = facts.in_own_units(outputs) - facts.in_own_units(targets)
    else:
        errors = (outputs.astype(np.float64) - targets) * (1.0 if facts.target_scale is None else facts.target_scale[1])
    steps = facts.horizon or 1  # of a series: an error of its own for each step ahead
    return errors_of(errors.reshape(len(errors), steps, -1))


def text_metrics(loss):
    """Of a network that predicts the next token, from its loss in nats: among how many tokens, all alike, it would be
    as much at a loss; and how many bits a token takes where it is written down by what the network expects.
    """
    return {"perplexity": exponential(loss), "bits_per_char": loss / math.log(2)}


def exponential(value):
    """e to the value; infinity where it is more than a float can hold."""
    return math.inf if value > LARGEST_EXPONENT else math.exp(value)
