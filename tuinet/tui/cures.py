"""What can be done against overfitting while a run trains, as switches: each says which settings it changes.

    cures(preset, facts, {})  →  dropout, L2 penalty, augmentation, early stopping
    cure.settings(0.3)        →  [("layers.*.rate", 0.3)], as `tuinet ctl RUN set` takes them; None switches it off

Plain values: no widget, no worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tuinet.fields import describe
from tuinet.figures import setting
from tuinet.layers import Dropout, SpatialDropout
from tuinet.layers.base import WeightedLayer
from tuinet.layers.block import Block
from tuinet.layers.recurrent import Recurrent
from tuinet.network import Network

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.data.augment import Augment
    from tuinet.layers import Layer
    from tuinet.presets import Preset

Change = tuple[str, Any]
"""A key and its value; the empty text takes the setting out."""

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PENALTIES = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0, 3.0, 10.0)
PIXELS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
NOISES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
PATIENCES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)


@dataclass(frozen=True)
class Cure:
    """value: that it has, or would have if it were switched on. words: before the value, such as "shift".

    why_not: a sentence where there is nothing to switch. help: what it does.
    """

    name: str
    help: str
    on: bool = False
    value: float = 0.0
    ladder: tuple[float, ...] = ()
    words: str = ""
    why_not: str = ""
    keys: tuple[str, ...] = ()  # of dropout and penalty: the settings of the layers that have it
    make: Callable[[float | None], list[Change]] = lambda value: []

    def settings(self, value: float | None) -> list[Change]:
        """What is to be set for this value; None: to switch it off."""
        return self.make(value)

    def next(self, value: float, up: bool) -> float:
        """The next value on the ladder, which ends at both sides."""
        beyond = [rung for rung in self.ladder if (rung > value * (1 + 1e-9) if up else rung < value * (1 - 1e-9))]
        return (min(beyond) if up else max(beyond)) if beyond else value

    def shown(self, value: float) -> str:
        """The value as it is written: "0.2", "shift 2"."""
        return f"{self.words} {written(value)}".strip()


def written(value: float) -> str:
    """A number as it stands in a preset, whole ones without a point."""
    return setting(int(value) if value == int(value) and value >= 1 else value)


def cures(
    preset: Preset,
    facts: Facts | None,
    chosen: Mapping[str, float],
    before: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> list[Cure]:
    """The cures of a run, as it stands.

    Of one that is off, by name, chosen: the value that it would have; before: the keys that it had when it was on.
    """
    layers = list(Network(preset.stack).walk())
    return [
        _dropout(layers, chosen, before.get("dropout", ())),
        _penalty(layers, chosen, before.get("L2 penalty", ())),
        _augmentation(preset.training.augment, facts, chosen),
        _early_stopping(preset, chosen),
    ]


def command(run: str, changes: Sequence[Change]) -> str:
    """The same from the command line, without `tuinet` in front."""
    words = " ".join(f"{key}={written(value) if isinstance(value, float) else value}" for key, value in changes)
    return f"ctl {run} set {words}"


def _number(value: float) -> float | int:
    """Whole numbers whole, as settings that count things want them."""
    return int(value) if value == int(value) else value


def _dropout(layers: Sequence[Layer], chosen: Mapping[str, float], before: tuple[str, ...]) -> Cure:
    found = [("rate", layer.path, layer.rate) for layer in layers if isinstance(layer, Dropout | SpatialDropout)]
    found += [
        ("dropout", layer.path, layer.dropout)
        for layer in layers
        if isinstance(layer, Block) or (isinstance(layer, Recurrent) and layer.depth > 1)
    ]
    help = "leaves out a share of the values while training, so that no unit can rely on another"
    if not found:
        return Cure("dropout", help, why_not="there is no dropout layer: `a` in the architecture pane adds one")
    now = max(rate for _, _, rate in found)
    keys = _keys(found, before)
    return Cure("dropout", help, now > 0, now if now > 0 else chosen.get("dropout", 0.2), RATES, keys=keys,
                make=lambda value: [(key, value or 0.0) for key in keys])  # fmt: skip


def _penalty(layers: Sequence[Layer], chosen: Mapping[str, float], before: tuple[str, ...]) -> Cure:
    found = [("l2", layer.path, layer.l2) for layer in layers if isinstance(layer, WeightedLayer)]
    help = "adds the sum of squared weights to the loss, so that weights stay small"
    if not found:
        return Cure("L2 penalty", help, why_not="no layer here has weights that could be penalised")
    now = max(l2 for _, _, l2 in found)
    keys = _keys(found, before)
    return Cure("L2 penalty", help, now > 0, now if now > 0 else chosen.get("L2 penalty", 1e-4), PENALTIES, keys=keys,
                make=lambda value: [(key, value or 0.0) for key in keys])  # fmt: skip


def _keys(found: Sequence[tuple[str, str, float]], before: tuple[str, ...]) -> tuple[str, ...]:
    """Of what is on in some layers only, theirs; of what is on nowhere, those before; else all that there are.

    layers.NAME.rate where one layer has the setting, layers.*.rate where several have.
    """
    on = tuple(f"layers.{path}.{name}" for name, path, value in found if value > 0)
    if on and len(on) < len(found):
        return on
    if not on and before:
        return before
    keys = []
    for name in dict.fromkeys(name for name, _, _ in found):
        paths = [path for other, path, _ in found if other == name]
        keys.append(f"layers.{paths[0] if len(paths) == 1 else '*'}.{name}")
    return tuple(keys)


def _augmentation(augment: Augment | None, facts: Facts | None, chosen: Mapping[str, float]) -> Cure:
    name, help = "augment", "changes the examples a little each time they are drawn, so that none comes twice"
    if facts is None:
        return Cure(name, help, why_not="what the examples are is not known yet")
    if facts.tokens:
        return Cure(name, help, why_not="text is not changed at random: it would say something else")
    pictures = len(facts.inputs) == 3 and not facts.reconstructs
    used = (
        {}
        if augment is None
        else {f.name: getattr(augment, f.name) for f in describe(type(augment)) if augment.says(f.name)}
    )
    numbers = [key for key, value in used.items() if isinstance(value, int | float)]
    knob = numbers[0] if numbers else ("shift" if pictures else "noise")
    ladder: tuple[float, ...] = PIXELS if knob in ("shift", "cutout") else NOISES
    if pictures and knob in ("shift", "cutout"):
        ladder = tuple(pixels for pixels in ladder if pixels < min(facts.inputs[:2]) / 2)
    usual = 2.0 if knob in ("shift", "cutout") else 0.1
    more = f" +{len(used) - 1}" if len(used) > 1 else ""
    value = float(used[knob]) if numbers else chosen.get(name, usual)

    def make(wanted: float | None) -> list[Change]:
        if wanted is None:
            return [("training.augment", "")]
        return [(f"training.augment.{knob}", _number(wanted) if knob in ("shift", "cutout") else wanted)]

    return Cure(name, help, bool(used), value, ladder, knob + more, make=make)


def _early_stopping(preset: Preset, chosen: Mapping[str, float]) -> Cure:
    now = preset.training.early_stopping
    patience = float(now.patience) if now is not None else chosen.get("early stop", 5.0)

    def make(wanted: float | None) -> list[Change]:
        return [("training.early_stopping", "")] if wanted is None else [
            ("training.early_stopping.patience", _number(wanted))]  # fmt: skip

    help = "ends the run when so many epochs have brought nothing, and goes back to the best one"
    return Cure("early stop", help, now is not None, patience, PATIENCES, "after", make=make)
