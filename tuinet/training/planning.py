"""What a preset's network costs before any of it is run, for whoever edits or shows it: no Numba is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from tuinet.errors import PresetError
from tuinet.figures import plural

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.engine.plan import Plan
    from tuinet.presets import Preset

Shape = tuple[int, ...]

LARGEST = 5_000_000  # numbers of a network for which the fate of each is worked out before an edit is applied


@dataclass(frozen=True)
class PlannedLayer:
    """A layer as `tuinet show PRESET` lists it; multiply-adds of its forward pass for one example."""

    path: str
    type: str
    input_shape: Shape
    output_shape: Shape
    parameters: int
    trainable: bool
    multiply_adds: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Work:
    """What a step of training does: multiply-adds of products, numbers that calls write, and the calls themselves."""

    products: int
    numbers: int
    calls: int


@dataclass(frozen=True)
class Planned:
    """layers: those that fit, by their paths, outer ones first. tensors: what a checkpoint of the model will hold.

    error: why the network cannot be; its layers end there, and what is counted over all of them is 0.
    examples: of the training part, where they are known.
    """

    layers: Mapping[str, PlannedLayer]
    tensors: Mapping[str, Shape] = field(default_factory=dict)
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    memory_bytes: int = 0
    batch: int = 0
    examples: int = 0
    work: Work = Work(0, 0, 0)
    error: PresetError | None = None


def plan_of(preset: Preset, facts: Facts, examples: int) -> Plan:
    """The recorded step of a preset, counted. PresetError with its place where a layer or the loss does not fit."""
    from tuinet.engine.plan import plan

    training = preset.training
    try:
        found: Plan = plan(
            preset.network(facts),
            training.loss,
            training.optimizer,
            facts,
            examples=examples,
            batch_size=training.batch_size,
            accumulate=training.accumulate,
            clip_value=training.clip_value,
            clip_norm=training.clip_norm,
            augment=training.augment,
        )
    except PresetError as error:  # the plan knows layers, and the preset the lines they stand in
        raise preset.place(error) from None
    return found


def planned(preset: Preset, facts: Facts, examples: int) -> Planned:
    """The same for a preset that is being edited: of one that does not fit, the layers before what is wrong.

    examples: 0 where nobody knows how many there are; a whole batch is counted then.
    """
    batch = preset.training.batch_size
    try:
        found = plan_of(preset, facts, examples or (batch if isinstance(batch, int) else 1))
    except PresetError as error:
        return Planned(_fitting(preset, facts), examples=examples, error=error)
    layers = [
        PlannedLayer(
            row.path, row.type, row.input_shape, row.output_shape, row.parameters, row.trainable,
            row.multiply_adds, row.memory_bytes,
        )
        for row in found.rows
    ]  # fmt: skip
    return Planned(
        {layer.path: layer for layer in layers},
        dict(found.tensors),
        found.parameters,
        found.trainable_parameters,
        found.multiply_adds,
        found.arena_bytes,
        found.batch,
        examples,
        _work(found),
    )


@dataclass(frozen=True)
class Fate:
    """What becomes of a trained network in an edited one: names of tensors and layers, each with why where it changes.

    tensors: how many the edited one has. differs: why it does not say what it said before; empty where it does.
    """

    tensors: int
    kept: tuple[str, ...]
    widened: tuple[str, ...]
    narrowed: tuple[str, ...]
    inserted: tuple[str, ...]
    made: tuple[str, ...]
    differs: tuple[str, ...]

    @classmethod
    def of(cls, answer: Mapping[str, Any], tensors: int = 0) -> Fate:
        """As the worker tells it. Anything else in the answer is passed over, and nothing in it is trusted."""
        names = ("kept", "widened", "narrowed", "inserted", "made", "differs")
        lists = (answer.get(name) for name in names)
        return cls(tensors, *(tuple(map(str, found)) if isinstance(found, list) else () for found in lists))

    def __str__(self) -> str:
        """In a line: "keeps 4 of 6 tensors, widens 2; says what it said before"."""
        kept = f"{len(self.kept)} of {self.tensors} tensors" if self.tensors else plural(len(self.kept), "tensor")
        words = [f"keeps {kept}"]
        for found, verb in ((self.widened, "widens"), (self.narrowed, "narrows")):
            if found:
                words.append(f"{verb} {len(found)}")
        if self.made:
            words.append(f"{len(self.made)} begin{'s' if len(self.made) == 1 else ''} anew")
        if self.inserted:
            words.append(f"inserts {_names(self.inserted)}")
        return ", ".join(words) + ("" if self.differs else "; says what it said before")

    def lines(self) -> list[str]:
        """A line for each thing that does not stay as it is, and why."""
        groups = (self.inserted, self.widened, self.narrowed, self.made)
        return [line for found in groups for line in found] + [f"not as before: {why}" for why in self.differs]


def _names(told: tuple[str, ...]) -> str:
    names = [line.partition(":")[0] for line in told]
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


def fate(old: Preset, new: Preset, facts: Facts, tensors: Mapping[str, Shape]) -> Fate | None:
    """What applying an edit would do to a network with these tensors; None where it is too large to be gone through.

    PresetError where the edited one does not suit the data.
    """
    import numpy as np

    from tuinet.training.growing import applied

    if sum(map(prod, tensors.values())) > LARGEST:
        return None
    blank: dict[str, Any] = {name: np.broadcast_to(np.float32(0), shape) for name, shape in tensors.items()}
    found = applied(old, new, facts, blank, {})
    return Fate.of(found.as_table(), len(found.model))


def _fitting(preset: Preset, facts: Facts) -> dict[str, PlannedLayer]:
    """The layers that fit what comes into them, up to the first that does not."""
    from tuinet.engine.plan import layers_that_fit

    try:
        network = preset.network(facts)
    except PresetError:
        return {}
    rows = [
        PlannedLayer(row.path, row.type, row.input_shape, row.output_shape, row.parameters, row.trainable)
        for row in layers_that_fit(network, facts)
    ]
    return {row.path: row for row in rows}


def _work(found: Plan) -> Work:
    from tuinet.engine.plan import multiply_adds

    calls: list[Any] = [call for part in found.sections.values() for call in part if call.op.name != "view"]
    numbers = sum(prod(slot.shape) for call in calls for slot in call.writes)
    return Work(sum(map(multiply_adds, calls)), numbers, len(calls))


def data_of(preset: Preset) -> tuple[Facts, int]:
    """The facts of a preset's data and how many examples it trains on. Reads the data: not for an event loop.

    DataError where the set would have to be fetched first: looking at a network downloads nothing.
    """
    from tuinet.data import bind_for
    from tuinet.data.sets import known_set
    from tuinet.errors import DataError

    name = preset.data.set
    if name is not None and known_set(name).state == "not fetched":
        raise DataError(f"the shapes are known once the data are here: `tuinet data get {name}`")
    bound = bind_for(preset)
    return bound.facts, len(bound.train.inputs)
