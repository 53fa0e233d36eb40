"""Looks at how a network generalises, and how well its layers learn: confusion, worst, norms, health.

What is worked out from a live training may cost it at most one part in twenty of its time: until then the last answer
is given again, with the step that it is of.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

from tuinet.data import Prepare, Vocabulary
from tuinet.data.vocabulary import SPACE
from tuinet.diagnostics import examples
from tuinet.diagnostics.health import Seen, Weights, health
from tuinet.diagnostics.mistakes import MOST_SHOWN, answers, confusion, counted, worst
from tuinet.diagnostics.mistakes import Confusion as Counted
from tuinet.fields import whole
from tuinet.runs import RunFolder
from tuinet.safe_text import safe
from tuinet.training.looks.base import Array, Look, NotThere, Now, Source
from tuinet.training.looks.sources import FolderSource, LiveSource

T = TypeVar("T")

MOST_EXAMPLES = 2_000  # of the validation part that are judged ...
JUDGED_WORK = 1_500_000_000  # ... and no more than so many multiply-adds: about a tenth of a second
LEAST_EXAMPLES = 16
SHARE = 20  # a live training gives at most one part in so many of its time to what stands here
CONTEXT = 40  # tokens before the one that a text's network got wrong
LONGEST_NAME = 40
NUMBERS = "this network says numbers, so there are no classes to confuse"
POSITIONS = (
    "this network says a class at each position of a sequence: which are taken for which is counted while it trains, "
    "and not kept"
)


@dataclass(frozen=True, kw_only=True)
class Confusion(Now):
    """Which classes are taken for which.

    body: int32, little-endian (k, k): how often an example of class `names[row]` was taken for `names[column]`.
    pairs: [class, taken for, how often] by place in names, the most frequent first. Of `classes` those are shown that
    are confused most. examples, right: of all that were judged; part: of what. step: of the weights.
    """

    most: int = whole(MOST_SHOWN, at_least=1, at_most=MOST_SHOWN, help="classes, at most")

    def take(self, source: Source) -> Look:
        self.check_now()
        if isinstance(source, FolderSource):
            kept = source.run.by_class()
            if kept is None:
                raise NotThere(_why_uncounted(source.run))
            step = int(source.run.info()["step"] or 0)
            return _look_of(counted(kept, self.most), step, "validation")
        judged = _judged(_live(source))
        if judged.names is None:
            raise NotThere(NUMBERS)
        return _look_of(confusion(judged.names, judged.true, judged.said, self.most), judged.step, judged.part)


def _why_uncounted(run: RunFolder) -> str:
    kept = run.data()
    if kept is not None and not kept[0].classes:
        return NUMBERS
    if kept is not None and kept[0].steps:
        return POSITIONS
    if run.info()["state"] == "finished":
        return "its classes were not counted at its end, as where there is no validation part, or too many of them"
    return "classes are counted when a training has come to its end, and this one has not: a resume brings it there"


def _visible(name: str) -> str:
    """A class as it can be shown: of a text's characters some are blanks."""
    return safe(name, LONGEST_NAME) if name.strip(" ") else SPACE * len(name)


def _look_of(found: Counted, step: int, part: str) -> Look:
    fields = {
        "names": [_visible(name) for name in found.names],
        "pairs": [list(pair) for pair in found.pairs],
        "examples": found.examples,
        "right": found.right,
        "classes": found.classes,
        "step": step,
        "part": part,
    }
    return Look(fields, found.matrix.astype("<i4").tobytes())


@dataclass(frozen=True, kw_only=True)
class Worst(Now):
    """The examples that the network gets most wrong, the worst first.

    examples: a table each: index (in the validation part, from 0), loss, label, said, and probability, which the
    network gives what it said (null for numbers). kind says what else is there:
    picture (body: uint8 (n, h, w), 255 brightest; fields height, width), row and text (words), series (points).
    """

    count: int = whole(8, at_least=1, at_most=32, help="examples")
    height: int = whole(14, at_least=1, at_most=64, help="rows of a picture, at most")
    width: int = whole(14, at_least=1, at_most=64, help="columns of a picture, at most")

    def take(self, source: Source) -> Look:
        self.check_now()
        if not source.live:
            raise NotThere("the worst examples are shown while a training lives: a run's folder does not hold its data")
        live = _live(source)
        judged = _judged(live)
        chosen = worst(judged.losses, self.count)
        facts = live.facts
        kind = examples.kind(facts)
        rows = [judged.table(place) for place in chosen]
        fields: dict[str, Any] = {"kind": kind, "examples": rows, "step": judged.step, "part": judged.part}
        if kind != "picture":
            for row, place in zip(rows, chosen, strict=True):
                row.update(_in_words(judged, place, live))
            return Look(fields)
        inputs = judged.inputs[[judged.example_of(place) for place in chosen]]
        small = examples.pictures(inputs, self.height, self.width)
        return Look(fields | {"height": small.shape[1], "width": small.shape[2]}, small.tobytes())


@dataclass(frozen=True, kw_only=True)
class Norms(Now):
    """How large the weights are. layers: a table for each layer that has some: path, norm (the root of the sum of
    squares, of matrices alone where there are any), start (the same before the first step, null where not kept).

    penalty: what L1 and L2 add to the loss; loss: of the last step's batch, without it. null where not known.
    """

    def take(self, source: Source) -> Look:
        self.check_now()
        by_layer: dict[str, list[str]] = {}
        for slot in source.slots:
            if slot.kind != "statistic":
                by_layer.setdefault(slot.layer, []).append(slot.name)
        shapes = {slot.name: slot.shape for slot in source.slots}
        layers = []
        for path, names in by_layer.items():
            counted = [name for name in names if len(shapes[name]) > 1] or names
            norm = _norm([source.value(name) for name in counted])
            layers.append({"path": path, "norm": norm, "start": _start(source, counted)})
        fields: dict[str, Any] = {"layers": layers, "penalty": None, "loss": None, "step": source.step}
        if isinstance(source, LiveSource):
            trainer: Any = source.trainer
            fields |= {"penalty": _finite(trainer.penalty()), "loss": _finite(trainer.last_loss())}
        return Look(fields)


def _start(source: Source, names: Sequence[str]) -> float | None:
    try:
        return _norm([source.initial(name) for name in names])
    except NotThere:
        return None


def _norm(arrays: Sequence[Array]) -> float | None:
    return _finite(math.hypot(*(float(np.linalg.norm(np.asarray(array, np.float64))) for array in arrays)))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, kw_only=True)
class LayerHealth(Now):
    """How well each layer learns: layers, a table by path (tuinet/diagnostics/health.py says what its words mean).

    state: ok, warn or bad. marks: a word for each thing that is wrong, reasons: a sentence for each. gradient_norm,
    update_ratio (log10), dead, saturated, mean, deviation: null where a layer has none. examples: that were looked at.
    """

    def take(self, source: Source) -> Look:
        self.check_now()
        if not source.live:
            raise NotThere("the health of layers is shown while a training lives: no gradients are kept")
        return _sparingly(_live(source), "health", lambda: _health_of(_live(source)))


def _health_of(source: LiveSource) -> Look:
    trainer: Any = source.trainer
    rate = trainer.rates_at(np.array([source.step]))[0]
    factor = float(rate / trainer.rate) if trainer.rate else 1.0
    seen = layers_seen(source)
    looked = next((len(layer.output) for layer in seen.values() if layer.output is not None), 0)
    found = health(seen, step=source.step, rate_factor=factor)
    return Look({
        "layers": {path: layer.as_table() for path, layer in found.items()}, "step": source.step, "examples": looked,
    })  # fmt: skip


def layers_seen(source: LiveSource) -> dict[str, Seen]:
    """Each layer of a live training, by path: its weights, and what it makes of some examples that it does not train
    on.
    """
    trainer: Any = source.trainer
    part = source.bound.validation if source.bound.validation is not None else source.bound.train
    activations, changes = trainer.activations(part.inputs), trainer.changes()
    slots = [slot for slot in source.slots if slot.kind != "statistic"]
    found = {}
    for path, activation in activations.items():
        weights = []
        for slot in slots:
            if slot.name.startswith(f"{path}."):
                change, matrix = changes.get(slot.name), len(slot.shape) > 1
                if change is None:
                    weights.append(Weights(source.value(slot.name), slot.size, matrix))
                else:
                    moved = change.gradient, change.gradient_norm, change.update
                    weights.append(Weights(change.values, slot.size, matrix, *moved))
        found[path] = Seen(weights, activation.output, activation.functions)
    return found


# -- judging examples --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Judged:
    """Examples of the validation part and what the network says of them. names: of the classes, None for numbers.

    inputs: (n, ...). losses, true, said, probabilities: one for each target, (n) or, where each of T positions has its
    own, those of `targets` out of (n T). index: where each example stands in its part.
    """

    step: int
    part: str
    names: Sequence[str] | None
    inputs: Array
    index: Array
    losses: Any
    true: Any
    said: Any
    probabilities: Any
    targets: Any
    steps: int

    def example_of(self, place: int) -> int:
        return int(self.targets[place]) // max(1, self.steps)

    def position_of(self, place: int) -> int:
        return int(self.targets[place]) % max(1, self.steps)

    def table(self, place: int) -> dict[str, Any]:
        if self.names is None:
            label, said, probability = self.true[place], self.said[place], None
        else:
            label, said = (_visible(self.names[int(each[place])]) for each in (self.true, self.said))
            probability = _finite(float(self.probabilities[place]))
        return {
            "index": int(self.index[self.example_of(place)]),
            "loss": _finite(float(self.losses[place])),
            "label": label,
            "said": said,
            "probability": probability,
        }


def _judged(source: LiveSource) -> Judged:
    return _sparingly(source, "judged", lambda: _judge(source))


def _judge(source: LiveSource) -> Judged:
    facts, trainer = source.facts, cast("Any", source.trainer)
    name, part = ("validation", source.bound.validation) if source.bound.validation is not None else (
        "training", source.bound.train)  # fmt: skip
    most = min(MOST_EXAMPLES, max(LEAST_EXAMPLES, JUDGED_WORK // max(1, trainer.multiply_adds)))
    index = np.unique(np.linspace(0, len(part.inputs) - 1, min(most, len(part.inputs))).astype(np.int64))
    inputs, wanted = part.inputs[index], part.targets[index]
    outputs, losses = trainer.judge(inputs, wanted)
    losses = losses.reshape(-1)
    if facts.task == "reals":
        truth, guess = ([examples.numbers(row, facts) for row in rows] for rows in (wanted, outputs))
        return Judged(source.step, name, None, inputs, index, losses, truth, guess, None, np.arange(len(index)), 0)
    true = wanted.reshape(-1).astype(np.int64)
    targets = np.flatnonzero(true >= 0)
    said, probabilities = answers(facts.task, outputs.reshape(len(true), -1)[targets])
    names = facts.class_names
    if isinstance(source.bound.scaler, Vocabulary) and facts.steps:
        names = source.bound.scaler.names
    return Judged(
        source.step, name, names, inputs, index, losses[targets], true[targets], said, probabilities, targets,
        facts.steps,
    )  # fmt: skip


def _in_words(judged: Judged, place: int, source: LiveSource) -> dict[str, Any]:
    """What an example that is no picture looks like."""
    facts, scaler = source.facts, source.bound.scaler
    row = judged.inputs[judged.example_of(place)]
    if isinstance(scaler, Vocabulary):
        if facts.source_steps:
            return {"words": examples.text(row, scaler)}
        if facts.steps:
            position = judged.position_of(place)
            return {"words": examples.text(row[max(0, position - CONTEXT + 1) : position + 1], scaler)}
        return {"words": examples.text(row, scaler)}
    assert isinstance(scaler, Prepare)
    if facts.horizon:
        column = facts.columns.index(facts.targets[0])
        return {"points": examples.points(row, column), "words": facts.targets[0]}
    return {"words": examples.words(row, facts, scaler)}


# -- sparing the training ----------------------------------------------------------------------------------------------


def _live(source: Source) -> LiveSource:
    assert isinstance(source, LiveSource)
    return source


@dataclass
class _Kept:
    answer: Any
    until: float


_kept: WeakKeyDictionary[object, dict[str, _Kept]] = WeakKeyDictionary()


def _sparingly(source: LiveSource, name: str, work: Callable[[], T]) -> T:
    """What the work gives, or what it gave not long ago: it takes one part in SHARE of the time at most."""
    kept = _kept.setdefault(source.trainer, {})
    began = time.monotonic()
    if name not in kept or began >= kept[name].until:
        answer = work()
        ended = time.monotonic()
        kept[name] = _Kept(answer, ended + (SHARE - 1) * (ended - began))
    return cast("T", kept[name].answer)
