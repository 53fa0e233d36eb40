"""What looks are taken of: a training that goes on, or the folder that one has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tuinet import presets
from tuinet.data import Prepare
from tuinet.data.curves import CURVES, curve_of
from tuinet.errors import PresetError, TuinetError, nearest
from tuinet.fields import shown, type_word
from tuinet.layers import LAYERS
from tuinet.runs import RunFolder
from tuinet.training.looks.base import Array, NotThere, Slot

if TYPE_CHECKING:
    from tuinet.data import Bound, Facts
    from tuinet.network import Network
    from tuinet.runs import Loaded
    from tuinet.runs.probes import Probes

NEVER = 2**63  # a step after the last
STATISTICS = ("mean", "variance")  # of batch_norm: where only a folder is left, nothing but their names tells


class Trained(Protocol):
    """The part of a trainer (tuinet/engine/trainer.py) that is looked at."""

    program: Any

    @property
    def step(self) -> int: ...
    def value(self, name: str) -> Array: ...
    def gradient(self, name: str) -> Array: ...
    def outputs(self, inputs: Array) -> Array: ...
    def activations(self, inputs: Array) -> Mapping[str, Any]: ...


class LiveSource:
    """A training between two of its steps. trainer: has what Trained says; the reference's, or a test's, may have less.

    updates: what the last watched step added, by name. initial: the first weights, by name. probes: their history.
    """

    live = True

    def __init__(
        self,
        trainer: Any,
        bound: Bound,
        network: Network | None = None,
        *,
        updates: Mapping[str, Array] | None = None,
        initial: Mapping[str, Array] | None = None,
        probes: Probes | None = None,
    ) -> None:
        self.trainer: Trained = trainer
        self.bound, self.network = bound, network
        self.updates, self.first, self.probes = updates or {}, initial or {}, probes

    @property
    def step(self) -> int:
        return self.trainer.step

    @property
    def facts(self) -> Facts:
        return self.bound.facts

    @cached_property
    def slots(self) -> Sequence[Slot]:
        layers = _layers(self.network)
        return [_slot(slot.name, tuple(slot.shape), slot.kind, layers) for slot in self.trainer.program.kept()]

    def value(self, name: str) -> Array:
        return self.trainer.value(name)

    def gradient(self, name: str) -> Array:
        if not self.step:
            raise NotThere("no step was taken yet, so there is no gradient")
        return self.trainer.gradient(name)

    def update(self, name: str) -> Array:
        if name not in self.updates:
            raise NotThere("the update is taken with the next step")
        return self.updates[name]

    def initial(self, name: str) -> Array:
        found = self.first.get(name)
        if found is None or found.shape != self.value(name).shape:
            raise NotThere(f"the first values of {name} are not kept")
        return found

    def raw_points(self, most: int) -> tuple[Array, Array]:
        prepare, part = self._prepare(), self.bound.train
        inputs, targets = part.inputs[:most], part.targets[:most]
        labels = self.facts.in_own_units(targets) if self.facts.task == "reals" else targets
        return _raw(prepare, inputs), np.asarray(labels).reshape(len(inputs), -1)[:, 0]

    def on_plane(self, points: Array, layer: str) -> Array:
        inputs = self._prepare()(points)
        if not layer:
            return self.trainer.outputs(inputs)
        pieces: list[Array] = []
        while (done := sum(map(len, pieces))) < len(inputs):  # so many at a time as it takes
            found = self.trainer.activations(inputs[done:])
            if layer not in found:
                raise PresetError(
                    f"{shown(layer)} is no layer of this network{nearest(layer, found)}", key="plane.layer"
                )
            pieces.append(found[layer].output.reshape(len(found[layer].output), -1))
        return np.concatenate(pieces)

    def _prepare(self) -> Prepare:
        if not isinstance(self.bound.scaler, Prepare) or self.bound.scaler.raw != (2,):
            raise NotThere(f"{self.facts.name} does not lie in a plane: only examples of two numbers do")
        return self.bound.scaler


class FolderSource:
    """What a run has left behind: the weights of its newest checkpoint, and its probes."""

    live = False

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.probes: Probes | None = run.probes()

    @cached_property
    def facts(self) -> Facts | None:
        """None where the run's data.json is missing or damaged."""
        try:
            found = self.run.data()
        except TuinetError:
            return None
        return found[0] if found is not None else None

    @cached_property
    def _network(self) -> Network | None:
        """None where the run's preset cannot be read: then layers are known by the names of their parameters alone."""
        try:
            return presets.load(self.run.path / "preset.toml").network(self.facts) if self.facts is not None else None
        except TuinetError:
            return None

    @cached_property
    def _loaded(self) -> Loaded | None:
        return self.run.load_newest(resumable=False)

    @property
    def step(self) -> int:
        return self._loaded.step if self._loaded is not None else 0

    @cached_property
    def slots(self) -> Sequence[Slot]:
        """Of the checkpoint; where there is none yet, of the newest probe."""
        if self._loaded is not None:
            shapes = {name: array.shape for name, array in self._loaded.model.items()}
        else:
            newest = self.probes.at(NEVER) if self.probes is not None else None
            shapes = {name: one.shape for name, one in newest.parameters.items()} if newest is not None else {}
        layers = _layers(self._network)
        trains = {layer.path: layer.trainable for layer in self._network.walk()} if self._network is not None else {}
        found = []
        for name, shape in shapes.items():
            slot = _slot(name, shape, "parameter", layers)
            if slot.of == "batch_norm" and name.rpartition(".")[2] in STATISTICS:
                slot = replace(slot, kind="statistic")
            elif not trains.get(slot.layer, True):
                slot = replace(slot, kind="frozen")
            found.append(slot)
        return found

    def value(self, name: str) -> Array:
        if self._loaded is None:
            raise NotThere(f"run {self.run.id} has no weights yet: there is no checkpoint of it")
        return self._loaded.model[name]

    def gradient(self, name: str) -> Array:
        raise NotThere("a run that does not train keeps no gradients")

    def update(self, name: str) -> Array:
        raise NotThere("a run that does not train makes no updates")

    def initial(self, name: str) -> Array:
        raise NotThere(f"of the first values of {name} only a picture is kept")

    def raw_points(self, most: int) -> tuple[Array, Array]:
        raise NotThere("a run that does not train has no examples at hand")

    def on_plane(self, points: Array, layer: str) -> Array:
        raise NotThere("a run that does not train computes nothing")


def _layers(network: Network | None) -> dict[str, str]:
    """The type word of each layer by its path."""
    return {layer.path: type_word(layer, LAYERS) for layer in network.walk()} if network is not None else {}


def _slot(name: str, shape: tuple[int, ...], kind: str, layers: Mapping[str, str]) -> Slot:
    """A slot with the innermost layer whose path its name begins with."""
    layer = name.rpartition(".")[0]
    while layer and layers and layer not in layers:
        layer = layer.rpartition(".")[0]
    return Slot(name, shape, kind, layer, layers.get(layer, ""))


def _raw(prepare: Prepare, inputs: Array) -> Array:
    """The points (n, 2) of inputs that were made from them; NotThere where they cannot be had again."""
    values = np.asarray(inputs, np.float64) * prepare.spread + prepare.centre
    if curve := curve_of(prepare.scale):
        values = CURVES[curve].back(values)
    if not prepare.features:
        return values
    if not {"x", "y"} <= set(prepare.features):
        raise NotThere("the network is not given x and y themselves, so its points cannot be drawn")
    return values[:, [prepare.features.index("x"), prepare.features.index("y")]]
