"""What a network costs, and what it does in a step, before any of it is run: no Numba is loaded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..errors import ShapeError
from ..fields import type_word
from ..layers import LAYERS
from ..shapes import ATTENTION_BLOCK as BLOCK
from .arena import KINDS, PRIVATE, padded
from .program import Program
from .sharing import CELLS
from .step import Step, batch_of, lengths_of

WORD = 4  # bytes of a float32


@dataclass(frozen=True)
class Row:
    """A layer: multiply-adds of its forward pass for one example; bytes of its weights and of a batch's values."""

    path: str
    type: str
    input_shape: tuple
    output_shape: tuple
    parameters: int
    trainable: bool
    multiply_adds: int
    memory_bytes: int


@dataclass(frozen=True)
class Plan:
    """rows: the layers, after each those that it holds. arena_bytes: all that training holds besides the data.

    tensors: shape of each parameter and running statistic, by name, as a checkpoint holds them.
    """

    rows: tuple
    tensors: dict
    parameters: int
    trainable_parameters: int
    multiply_adds: int
    arena_bytes: int
    batch: int
    sections: dict

    def listing(self):
        """{"forward": [a line a call], "loss": ..., "backward": ..., "update": ...}"""
        return {
            name: [str(call) for call in self.sections[name] if call.op.name != "view"]
            for name in ("batch", "forward", "loss", "backward", "update")
        }


def plan(
    network,
    loss,
    optimizer,
    facts,
    *,
    examples,
    batch_size,
    accumulate=1,
    clip_value=None,
    clip_norm=None,
    augment=None,
):
    """Record a step and count. batch_size may be "all"."""
    batch = batch_of(batch_size, examples)
    step = Step(
        network,
        loss,
        optimizer,
        facts,
        examples=examples,
        batch_size=batch,
        accumulate=accumulate,
        clip_value=clip_value,
        clip_norm=clip_norm,
        augment=augment,
    )
    program = step.program
    tensors = {s.name: s.shape for s in program.kept()}
    kept = [s for s in program.kept() if s.kind != "statistic"]
    forward = step.sections["forward"]
    rows = []
    for path, layer, x, y, _ in step.marks:
        inside = f"{path}."
        weights = [s for s in kept if s.name.startswith(inside)]
        values = {s.root for call in forward for s in call.results if s.name.startswith(inside) and s.kind == "value"}
        rows.append(
            Row(
                path,
                type_word(layer, LAYERS),
                x.shape[1:],
                y.shape[1:],
                sum(s.size for s in weights),
                bool(getattr(layer, "trainable", True)),
                sum(multiply_adds(c) for c in forward if c.results[0].name.startswith(inside)) // batch,
                WORD * (sum(s.size for s in weights) + sum(s.size for s in values)),
            )
        )
    slots = [s for s in program.slots if not s.base and s.kind in (*KINDS, *PRIVATE)]
    return Plan(
        _outer_first(rows),
        tensors,
        sum(s.size for s in kept),
        sum(s.size for s in program.parameters()),
        sum(multiply_adds(c) for c in forward) // batch,
        WORD * sum(padded(s.size) for s in slots),
        batch,
        step.sections,
    )


def layers_that_fit(network, facts):
    """Rows of the layers up to the first that does not fit what comes into it; nothing but shapes is worked out."""
    ops = Program()
    x = ops.slot("inputs", (1, *facts.inputs), "data", whole=bool(facts.tokens))
    ops.lengths = lengths_of(ops, x, facts)
    with suppress(ShapeError):
        network.forward(ops, x)
    rows, kept = [], [s for s in ops.kept() if s.kind != "statistic"]
    for path, layer, x, y, _ in ops.marks:
        weights = [s for s in kept if s.name.startswith(f"{path}.")]
        size, trains = sum(s.size for s in weights), bool(getattr(layer, "trainable", True))
        rows.append(Row(path, type_word(layer, LAYERS), x.shape[1:], y.shape[1:], size, trains, 0, 0))
    return _outer_first(rows)


def _outer_first(rows):
    """Layers before what they hold, siblings in the order of the network."""
    # A layer's place is known by when its last inner layer was done: the order of marks.
    order = {row.path: place for place, row in enumerate(rows)}

    def places(row):
        parts = row.path.split(".")
        return [order.get(".".join(parts[: depth + 1]), len(rows)) for depth in range(len(parts))]

    return tuple(sorted(rows, key=places))


HISTORIES = ("recurrent_weights", "gru_weights")
CONVOLUTIONS = {"conv2d": 0, "conv2d_inputs": 1, "conv2d_weights": 2}  # which operand, results first, holds the outputs

ATTENTIONS = {"attention": 2, "attend": 2, "attention_back": 4}  # products of each pair of positions that is looked at


def _pairs(call):
    """Positions that look at positions, with a causal mask a block of rows at a time."""
    steps, others = call.settings["steps"], call.inputs[1].size * call.settings["steps"] // call.inputs[0].size
    if not call.settings["causal"]:
        return steps * others
    return sum(rows * (t + rows) for t in range(0, steps, BLOCK) if (rows := min(BLOCK, steps - t)))


def multiply_adds(call):
    """The multiply-adds of one call: of products; everything else is small beside them."""
    if call.op.name in CONVOLUTIONS:
        outputs = (*call.results, *call.inputs)[CONVOLUTIONS[call.op.name]]
        return outputs.size * call.settings["geometry"].inside
    if call.op.name in ATTENTIONS:
        return ATTENTIONS[call.op.name] * call.inputs[0].size // call.settings["steps"] * _pairs(call)
    if call.op.name.removesuffix("_back") in CELLS:
        weights = next(s for name, s in zip(call.op.inputs, call.inputs, strict=True) if name in ("W", "V"))
        return call.results[0].shape[0] * call.settings["steps"] * weights.size
    if call.op.name in HISTORIES:
        return call.inputs[0].shape[0] * call.results[0].size
    if call.op.name in ("dense", "matmul_nn", "matmul_nt", "matmul_tn"):
        rows, columns = call.results[0].shape
        deep = call.inputs[0].shape[0 if call.op.name == "matmul_tn" else 1]
        return rows * columns * deep
    return 0
