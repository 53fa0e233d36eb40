"""The [[variants]] of a preset: each a name and the settings that it says otherwise, to be trained and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path as File
from typing import Any

from tuinet.errors import PresetError, nearest
from tuinet.fields import Field, check, shown
from tuinet.layers.base import NAME
from tuinet.presets.lines import Path
from tuinet.presets.overrides import walk, write
from tuinet.presets.places import by_name
from tuinet.presets.stack import HALVES

MOST = 8
KEYS = ("name", "data", "layers", *HALVES, "training")
_NAME = Field("text", pattern=NAME, noun="letters, digits, _ and -, a letter first")


def checked_variants(tables: Any, folder: File) -> tuple[dict[str, Any], ...]:
    """The tables as they are, a relative data.file made absolute as seen from the folder.

    PresetError where they are too many or too few, or one of them has no name of its own or says what no variant can.
    """
    if not isinstance(tables, list):
        raise PresetError(f"{shown(tables)} will not do here; write each variant as a [[variants]] table")
    if not 2 <= len(tables) <= MOST:
        raise PresetError(
            f"a comparison has between 2 and {MOST} variants, and here {'is 1' if len(tables) == 1 else len(tables)}; "
            "one that says nothing but its name is the preset as it stands"
        )
    names: list[str] = []
    for place, table in enumerate(tables):
        if not isinstance(table, Mapping):
            raise PresetError(f"{shown(table)} is not a variant; write a [[variants]] table", key=f"variants[{place}]")
        if "name" not in table:
            raise PresetError('is missing; each variant has one, as in name = "wide"', key=f"variants[{place}].name")
        name = check(_NAME, table["name"], f"variants[{place}].name")
        if name in names:
            raise PresetError(f"two variants are called {shown(name)}", key=f"variants[{place}].name")
        for key in table:
            if key not in KEYS:
                hint = nearest(key, KEYS) or "."
                raise PresetError(
                    f"{shown(key)} is not part of a variant{hint} Known: {', '.join(KEYS)}",
                    key=f"variants.{name}.{key[:100]}",
                )
        names.append(name)
    return tuple(_located(table, folder) for table in tables)


def _located(table: Mapping[str, Any], folder: File) -> dict[str, Any]:
    data = table.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("file"), str) or not data["file"]:
        return dict(table)
    file = str((folder / File(data["file"]).expanduser()).absolute())
    return {**table, "data": {**data, "file": file}}


def vary(document: dict[str, Any], table: Mapping[str, Any]) -> tuple[Path, ...]:
    """Put a variant's settings into a parsed preset; returns the places where they came to stand.

    Tables are gone into, so that what a variant does not name stays; a list, or a table that names a type, takes the
    place of what was there. An empty text takes a setting, or a layer, out. PresetError names the key.
    """
    paths = []
    for words, value in settings(table):
        try:
            path = walk(document, list(words))
            there = _at(document, path)
            if value == "" and there is not None:
                value = None
            elif isinstance(value, Mapping) and isinstance(path[-1], int) and isinstance(there, Mapping):
                value = {"name": there["name"], **value} if "name" in there else value  # the new layer is called so too
            write(document, path, deepcopy(value))
        except PresetError as error:
            raise error.at(key=".".join(words)) from None
        paths.append(path)
    return tuple(paths)


def settings(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What a variant says otherwise, one (words of the key, value) at a time."""
    for key, value in table.items():
        if key in HALVES and isinstance(value, list):
            yield (key, "layers"), value
        elif key != "name":
            yield from _leaves(value, (key,))


def _leaves(value: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value and not isinstance(value.get("type"), str):
        for key, inner in value.items():
            yield from _leaves(inner, (*words, key))
    else:
        yield words, value


def _at(document: Any, path: Path) -> Any:
    for part in path[:-1]:
        document = document[part]
    return document.get(path[-1]) if isinstance(document, Mapping) else document[int(path[-1])]


def laid_to(error: PresetError, table: Mapping[str, Any], document: Any) -> PresetError:
    """An error of the preset that a variant makes, its key as it stands in the variant."""
    key = by_name(error.key or "", document)
    for half in HALVES:
        if half in table and key.startswith(f"layers.{half}."):
            key = key.removeprefix("layers.")
    return error.at(key=f"variants.{table['name']}.{key}" if key else f"variants.{table['name']}")
