"""From a key as people read it, layers.hidden.units, to its place in the parsed preset and its line in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tuinet.errors import PresetError
from tuinet.presets.lines import Path, line_of
from tuinet.presets.stack import addresses, find_layer, usual_types

_WORD = re.compile(r"\[(\d{1,9})\]|([^.\[\]]+)")


def words_of(key: str) -> list[str | int]:
    """layers.hidden.tries[2] -> ["layers", "hidden", "tries", 2]"""
    return [int(match[1]) if match[1] else match[2] for match in _WORD.finditer(key)]


def located(error: PresetError, document: Any, lines: Mapping[Path, int], file: str | None) -> PresetError:
    """The error with the file and the line of its key; one that names its place already stays as it is."""
    if error.file or error.line:
        return error
    path = path_of(words_of(error.key or ""), document)
    return error.at(file=file, line=line_of(path, lines), key=by_name(error.key or "", document))


def by_name(key: str, document: Any) -> str:
    """layers.-1 as layers.out: what is counted from the end is shown by its name."""
    start, sign, rest = key.partition("layers.-1")
    tables = document.get("layers") if isinstance(document, Mapping) else None
    if not sign or start or not isinstance(tables, list) or not tables:
        return key
    return f"layers.{addresses(tables)[-1].name}{rest}"


def path_of(words: Sequence[str | int], document: Any) -> Path:
    """The path of a key in the parsed preset, as far as it goes there."""
    path: Path = ()
    for word in words:
        found = step(document, word, path)
        if not found:
            break
        for part in found:
            document = document[part]
        path = (*path, *found)
    return path


def step(document: Any, word: str | int, path: Path) -> Path:
    """What one word of a key means in the part of a preset that stands at the path.

    A key, a layer by its name, or a layer inside a layer; () where nothing.
    """
    if isinstance(document, Mapping):
        if word in document:
            return (word,)
        for key, usual in usual_types().items():
            inner = document.get(key)
            if isinstance(inner, list) and (place := find_layer(inner, word, usual)) is not None:
                return (key, place)
    if isinstance(document, list) and (place := find_layer(document, word, usual_at(path))) is not None:
        return (place,)
    return ()


def usual_at(path: Path) -> str:
    """The type of a table that names none, in the list of layers at the path."""
    return usual_types().get(str(path[-1]), "") if path else ""
