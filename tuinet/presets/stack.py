"""The [[layers]] of a preset: tables in, layers out, and the names by which they are addressed.

`repeat = 32` on a table stands for 32 layers of its kind, so that a deep network is a short file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tuinet.errors import PresetError
from tuinet.fields import REQUIRED, Field, as_table, build_part, check, shown, type_word
from tuinet.layers import LAYERS, Layer, holding
from tuinet.layers.base import NAME
from tuinet.network import names
from tuinet.presets.lines import Path

MOST_TABLES = 200  # [[layers]] tables in a file, inner ones too
MOST_LAYERS = 2_000  # layers after repeating
LARGEST_REPEAT = 1_000

TOP = Field("stack", name="layers", noun="a layer type", family=lambda: LAYERS)  # the [[layers]] of a preset itself
_REPEAT = Field("whole", at_least=1, at_most=LARGEST_REPEAT)


@dataclass(frozen=True)
class Stack:
    """What a list of layer tables says: the layers themselves, and the same tables with every setting written out."""

    layers: tuple[Layer, ...]
    tables: tuple[dict[str, Any], ...]
    sizes: tuple[int, int]  # tables and layers, inner ones counted


def build_stack(tables: Any, where: str, holder: Field = TOP) -> Stack:
    """Layers from tables. PresetError where a table, or their number, is not right; its key begins with `where`.

    holder: the setting that holds the tables.
    """
    brackets = "[[layers]]" if holder is TOP else f"[[layers.{holder.name}]]"
    if not isinstance(tables, list):
        raise PresetError(f"{shown(tables)} will not do here; write each layer as a {brackets} table", key=where)
    for place, table in enumerate(tables):
        if not isinstance(table, Mapping):
            raise PresetError(f"{shown(table)} is not a layer; write a {brackets} table", key=f"{where}[{place}]")
    layers: list[Layer] = []
    written: list[dict[str, Any]] = []
    count_tables = count_layers = 0
    for table, known, place in zip(tables, addresses(tables, holder.usual), range(len(tables)), strict=True):
        # A name that cannot be one, such as "a.b", would lead to another layer, or to none.
        key = f"{where}.{known.name}" if known.name and re.fullmatch(NAME, known.name) else f"{where}[{place}]"
        layer, row, (inner_tables, inner_layers) = _build(table, key, holder)
        count_tables += inner_tables
        count_layers += inner_layers * len(known.layers)
        if count_tables > MOST_TABLES or count_layers > MOST_LAYERS:
            raise PresetError(
                f"there are too many layers; at most {MOST_TABLES} tables (repeat = N counts once) "
                f"and {MOST_LAYERS} layers are allowed",
                key=where,
            )
        if len(known.layers) > 1:
            layers += [replace(layer, name=name) for name in known.layers]
            row["repeat"] = len(known.layers)
        else:
            layers.append(replace(layer, name=known.name))
            row["name"] = known.name
        written.append(row)
    return Stack(tuple(layers), tuple(written), (count_tables, count_layers))


def _build(table: Mapping[str, Any], key: str, holder: Field) -> tuple[Layer, dict[str, Any], tuple[int, int]]:
    """One layer, its table written out, and how many tables and layers it stands for."""
    settings = dict(table)
    if "repeat" in settings:
        check(_REPEAT, settings.pop("repeat"), f"{key}.repeat")
    inner, inside = Stack((), (), (0, 0)), held(settings, holder.usual)
    if inside is not None and inside.name in settings:
        inner = build_stack(settings[inside.name], key, inside)
        settings[inside.name] = inner.layers
    part = replace(holder, kind="part", default=holder.usual or REQUIRED)
    layer: Layer = build_part(part, settings, key)
    row = {"type": type_word(layer, LAYERS), "name": None, "repeat": None, **as_table(layer)}
    if inside is not None:
        row[inside.name] = list(inner.tables)
    return layer, row, (1 + inner.sizes[0], 1 + inner.sizes[1])


def held(table: Mapping[str, Any], usual: str = "") -> Field | None:
    """The setting under which a layer's table holds layers, or None. usual: the type where the table names none."""
    cls = LAYERS.get(_word(table, usual))
    return holding(cls) if cls else None


@cache
def usual_types() -> Mapping[str, str]:
    """The settings under which layers hold layers, and of each the type of a table that names none, or ""."""
    return {holder.name: holder.usual for cls in LAYERS.values() if (holder := holding(cls))}


# -- a network of two halves ----------------------------------------------------------------

HALVES = ("encoder", "decoder")


def as_layers(document: Mapping[str, Any], lines: Mapping[Path, int]) -> tuple[dict[str, Any], dict[Path, int]]:
    """The same preset and its lines with [[encoder]] and [[decoder]] as two layers that hold layers.

    PresetError where one of them stands without the other, or beside [[layers]].
    """
    halves = [half for half in HALVES if half in document]
    if not halves:
        return dict(document), dict(lines)
    if "layers" in document:
        raise PresetError("a preset has [[layers]], or [[encoder]] and [[decoder]]; take one of them out", key="layers")
    if len(halves) < len(HALVES):
        missing = next(half for half in HALVES if half not in document)
        raise PresetError(f"there is no [[{missing}]] beside it; write both, or [[layers]]", key=halves[0])
    tables = [{"type": half, "name": half, "layers": document[half]} for half in HALVES]
    places: dict[str | int, Path] = {half: ("layers", place, "layers") for place, half in enumerate(HALVES)}
    rest = {key: value for key, value in document.items() if key not in HALVES}
    moved = {(*places[path[0]], *path[1:]) if path and path[0] in places else path: n for path, n in lines.items()}
    return {**rest, "layers": tables}, moved


# -- names ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """What one layer table is called: itself, and the layers it stands for."""

    name: str | None  # None where neither its name nor its type can be read
    layers: tuple[str, ...]


def addresses(tables: Sequence[Any], usual: str = "") -> list[Address]:
    """The address of each table of a stack. Never fails: it serves errors about tables that are not right.

    usual: the type of a table that names none.
    """
    words = [_word(table, usual) for table in tables]
    given = [_text(table, "name") for table in tables]
    counts = [_repeats(table) for table in tables]
    all_words = [word for word, count in zip(words, counts, strict=True) for _ in range(count)]
    all_given = [
        name and (f"{name}_{number + 1}" if count > 1 else name)
        for name, count in zip(given, counts, strict=True)
        for number in range(count)
    ]
    found = iter(names(all_words, all_given))
    result = []
    for word, name, count in zip(words, given, counts, strict=True):
        own = tuple(next(found) for _ in range(count))
        result.append(Address(name or (own[0] if word in LAYERS else None), own))
    return result


def _text(table: Any, key: str) -> str | None:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value[:100] if isinstance(value, str) and value else None


def _word(table: Any, usual: str) -> str:
    word = _text(table, "type") or usual
    return word if word in LAYERS else "layer"


def _repeats(table: Any) -> int:
    value = table.get("repeat", 1) if isinstance(table, Mapping) else 1
    return value if isinstance(value, int) and 1 <= value <= LARGEST_REPEAT else 1


def find_layer(tables: Sequence[Any], word: str | int, usual: str = "") -> int | None:
    """The place of the table that a name, the name of one of its repeats, or a number means."""
    if isinstance(word, int) or word.lstrip("-").isdecimal():
        number = int(word)
        return range(len(tables))[number] if -len(tables) <= number < len(tables) else None
    known = addresses(tables, usual)
    for place, address in enumerate(known):
        if word == address.name:
            return place
    return next((place for place, address in enumerate(known) if word in address.layers), None)
