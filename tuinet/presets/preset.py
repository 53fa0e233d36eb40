"""A preset: what is trained on what, and how. Plain data with every default filled in, and the way back to TOML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuinet.data.settings import DataSettings
from tuinet.errors import PresetError, nearest
from tuinet.fields import Field, as_table, build, check, shown
from tuinet.layers import Activation, Dense, Facts, Layer
from tuinet.network import Network
from tuinet.presets.lines import Path as Place
from tuinet.presets.overrides import Override, apply, blame, culprit
from tuinet.presets.places import located, path_of, words_of
from tuinet.presets.stack import build_stack, usual_types
from tuinet.presets.training import TrainingSettings
from tuinet.presets.variants import checked_variants, laid_to, vary

KEYS = ("title", "teaches", "tries", "data", "layers", "training", "variants")


@dataclass(frozen=True)
class Preset:
    """Two presets are equal where they say the same training, whatever their files are called and look like."""

    title: str
    teaches: str
    tries: tuple[str, ...]
    data: DataSettings
    layers: tuple[dict[str, Any], ...]  # the [[layers]] tables, every setting written out
    training: TrainingSettings
    variants: tuple[dict[str, Any], ...]  # the [[variants]] tables; () where the preset is a single training

    name: str = field(compare=False)
    file: str | None = field(compare=False, repr=False)  # as it is called in errors
    folder: Path = field(compare=False, repr=False)  # where a relative data.file is looked for
    text: str = field(compare=False, repr=False)
    document: dict[str, Any] = field(compare=False, repr=False)
    lines: Mapping[Place, int] = field(compare=False, repr=False)
    stack: tuple[Layer, ...] = field(compare=False, repr=False)  # the layers, repeats written out
    overrides: tuple[Override, ...] = field(default=(), compare=False, repr=False)  # what --set has put in
    variant: str = field(default="", compare=False)  # which of the variants of `whole` it is
    whole: Preset | None = field(default=None, compare=False, repr=False)
    varied: tuple[Place, ...] = field(default=(), compare=False, repr=False)  # where the variant has put something

    @property
    def variant_names(self) -> tuple[str, ...]:
        return tuple(table["name"] for table in self.variants)

    def network(self, facts: Facts) -> Network:
        """The network for data with these facts: units = "classes" and "outputs" become numbers."""
        try:
            network = Network(self.stack).bound(facts)
            if facts.tokens and facts.steps:
                network.check_order()
        except PresetError as error:
            raise self.place(error) from None
        return network

    def with_overrides(self, overrides: Iterable[str]) -> Preset:
        """The same preset with each KEY=VALUE in place. Errors name the override."""
        document = deepcopy(self.document)
        applied = [apply(document, text) for text in overrides]
        try:
            changed = assemble(document, self.name, self.file, self.folder, self.text, self.lines)
        except PresetError as error:
            raise blame(error, applied, document) from None
        return replace(
            changed,
            overrides=(*self.overrides, *applied),
            variant=self.variant,
            whole=self.whole,
            varied=self.varied,
        )

    def with_variant(self, name: str) -> Preset:
        """The training that one of the variants is: no longer a comparison. PresetError where there is none called so.

        --set stands above a variant: choose the variant first, and then apply the overrides.
        """
        table = next((table for table in self.variants if table["name"] == name), None)
        if table is None:
            known = self.variant_names
            hint = f"{nearest(name, known) or '.'} Variants: {', '.join(known)}" if known else "; it has no variants"
            raise PresetError(f"there is no variant {shown(name)}{hint}", file=self.file)
        document = deepcopy({key: value for key, value in self.document.items() if key != "variants"})
        try:
            varied = vary(document, table)
            made = assemble(document, self.name, self.file, self.folder, self.text, self.lines)
        except PresetError as error:
            raise laid_to(error, table, document) from None
        return replace(made, overrides=self.overrides, variant=name, whole=self, varied=varied)

    def each_variant(self, overrides: Sequence[str] = ()) -> list[Preset]:
        """Every variant with the overrides in place. PresetError names the variant that one of them does not suit."""
        made = []
        for name in self.variant_names:
            try:
                made.append(self.with_variant(name).with_overrides(overrides))
            except PresetError as error:
                raise error.at(file=f"variant {name}, {error.file}") from None
        return made

    def table(self) -> dict[str, Any]:
        """Everything as plain values, with every default written out; what is not set is left out."""
        head = {"title": self.title, "teaches": self.teaches, "tries": list(self.tries)}
        written = {
            **head,
            "data": as_table(self.data),
            "layers": [_without_none(table) for table in self.layers],
            "training": as_table(self.training),
        }
        if self.variants:
            written["variants"] = [dict(sorted(table.items(), key=_is_list)) for table in self.variants]
        return written

    def resolved(self) -> str:
        """The same as TOML. Loading it gives an equal preset."""
        from tuinet.presets.writing import to_toml

        return to_toml(self.table())

    def place(self, error: PresetError) -> PresetError:
        """The error with its place: the override that said so, or the file and the line of its key.

        One that names its place already stays as it is.
        """
        path = path_of(words_of(error.key or ""), self.document)
        if not error.file and len(path) > 1 and culprit(path, self.overrides):
            return blame(error, self.overrides, self.document)
        if not error.file and self.whole and any(path[: len(place)] == place for place in self.varied):
            table = next(table for table in self.whole.variants if table["name"] == self.variant)
            return self.whole.place(laid_to(error, table, self.document))
        return located(error, self.document, self.lines, self.file)


def assemble(
    document: dict[str, Any], name: str, file: str | None, folder: Path, text: str, lines: Mapping[Place, int]
) -> Preset:
    """A preset from a parsed document. PresetError names the key only."""
    for key in document:
        if key not in KEYS:
            hint = nearest(key, KEYS) or "."
            raise PresetError(f"{shown(key)} is not part of a preset{hint} Known: {', '.join(KEYS)}", key=key[:100])
    for key in ("data", "layers", "training"):
        if key not in document:
            brackets = "[[layers]]" if key == "layers" else f"[{key}]"
            raise PresetError(f"the preset has no {brackets} table", key=key)
    stack = build_stack(document["layers"], "layers")
    Network(stack.layers)  # names that come twice
    data = build(DataSettings, document["data"], "data").located(folder)
    training = build(TrainingSettings, document["training"], "training")
    _agree(stack.layers, data, training)
    preset = Preset(
        title=check(_LINE, document.get("title", name), "title"),
        teaches=check(_LINE, document.get("teaches", ""), "teaches"),
        tries=check(_TRIES, document.get("tries", []), "tries"),
        data=data,
        layers=stack.tables,
        training=training,
        variants=_variants(document, folder),
        name=name,
        file=file,
        folder=folder,
        text=text,
        document=document,
        lines=lines,
        stack=stack.layers,
    )
    for variant in preset.variant_names:
        preset.with_variant(variant)  # each of them is as right as the preset itself
    return preset


def _variants(document: dict[str, Any], folder: Path) -> tuple[dict[str, Any], ...]:
    try:
        return checked_variants(document["variants"], folder) if "variants" in document else ()
    except PresetError as error:
        raise error.at(key=error.key or "variants") from None


_LINE = Field("text")
_TRIES = Field("texts")


def _agree(layers: tuple[Layer, ...], data: DataSettings, training: TrainingSettings) -> None:
    """What no table can see alone: PresetError where two of them contradict each other."""
    loss = training.loss
    last = layers[-1]
    key = {Dense: "activation", Activation: "function"}.get(type(last))
    if key and loss.last and getattr(last, key) in ("softmax", "sigmoid"):
        raise PresetError(
            f'"{getattr(last, key)}" is one too many: this loss has its {loss.last} inside; use "linear" here',
            key=f"layers.{last.name}.{key}",
        )
    watched = {
        "training.early_stopping.monitor": getattr(training.early_stopping, "monitor", None),
        "training.schedule.monitor": getattr(training.schedule, "monitor", None),
        "training.until": re.split("[<>]", training.until)[0].strip(),
    }
    for key, monitor in watched.items():
        if not monitor:
            continue
        if monitor.startswith("val_") and data.validation == 0:
            raise PresetError(
                f'"{monitor}" is not measured, as data.validation = 0; set aside a share, such as validation = 0.1',
                key=key,
            )
        known = [f"{part}_{kind}" for part in ("val", "train") for kind in ("loss", *loss.metrics)]
        if monitor not in known:
            said = f'"{monitor}" is not measured under this loss{nearest(monitor, known) or "."}'
            raise PresetError(f"{said} Measured: {', '.join(known)}", key=key)


def _is_list(item: tuple[str, Any]) -> bool:
    """Layers come last in a table: in TOML, what stands below [[variants.layers]] belongs to the layer."""
    return isinstance(item[1], list)


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    """A layer's table, and those inside it, without the settings that are not set."""
    return {
        key: [_without_none(inner) for inner in value] if key in usual_types() else value
        for key, value in table.items()
        if value is not None
    }
