"""What a preset's network costs before any of it is run, for whoever edits or shows it: no Numba is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from tuinet.errors import PresetError

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.engine.plan import Plan
    from tuinet.presets import Preset

Shape = tuple[int, ...]


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
