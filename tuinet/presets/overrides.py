"""`--set KEY=VALUE`: one setting of a preset said otherwise on the command line."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuinet.errors import PresetError, nearest
from tuinet.fields import shown
from tuinet.presets.limits import guard
from tuinet.presets.lines import Path
from tuinet.presets.places import by_name, path_of, step, usual_at, words_of
from tuinet.presets.stack import Address, addresses
from tuinet.safe_text import safe

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Override:
    """A key and its new value, and where they came to stand in the preset."""

    text: str
    path: Path

    @property
    def place(self) -> str:
        """What an error about it begins with."""
        return f"--set {safe(self.text, 100)}"


def culprit(path: Path, overrides: Sequence[Override]) -> Override | None:
    """The last override that wrote at or below a path, or around it."""
    return next(
        (
            override
            for override in reversed(overrides)
            if path and all(one == other for one, other in zip(path, override.path, strict=False))
        ),
        None,
    )


def blame(error: PresetError, overrides: Sequence[Override], document: Any) -> PresetError:
    """An error of a preset that was right before, laid to the override that wrote there, or to all of them."""
    path = path_of(words_of(error.key or ""), document)
    guilty = culprit(path, overrides)
    place = guilty.place if guilty else safe(" ".join(each.place for each in overrides), 200)
    key = None if guilty and path == guilty.path else by_name(error.key or "", document)
    return type(error)(error.message, file=place, key=key)


def apply(document: dict[str, Any], text: str) -> Override:
    """Put KEY=VALUE into a parsed preset. The value is read as TOML where it is that, else as a text.

    Layers are addressed by name, by number from 0, or from the end by a negative one. An empty value takes the key out.
    """
    key, sign, value = text.partition("=")
    words = words_of(key.strip())
    if not sign or not words:
        raise PresetError("must have the form KEY=VALUE, as in training.epochs=5", file=f"--set {safe(text, 100)}")
    try:
        if words[0] == "variants":
            raise PresetError("choose one by --variant NAME and give the setting itself, as in training.epochs=5")
        path = walk(document, words)
        given = parsed(value.strip())
        if path == ("data", "file") and isinstance(given, str):
            given = str(pathlib.Path(given).expanduser().absolute())  # as seen from where the command is given
        write(document, path, given)
    except PresetError as error:
        raise error.at(file=f"--set {safe(text, 100)}") from None
    return Override(text, path)


def walk(document: Any, words: list[str | int]) -> Path:
    """The path of the key, the tables on the way made where they are missing. Raises where a layer is not found."""
    path: Path = ()
    for number, word in enumerate(words):
        found = step(document, word, path)
        if isinstance(document, list) and not found:
            raise _no_layer(addresses(document, usual_at(path)), str(word))
        found = found or (word,)
        for part in found[:-1]:
            document = document[part]
        if isinstance(document, list):
            _only_one(addresses(document, usual_at((*path, *found[:-1])))[int(found[-1])], str(word))
        if number < len(words) - 1:
            _open(document, found[-1])
            document = document[found[-1]]
        path = (*path, *found)
    return path


def _open(table: Any, key: str | int) -> None:
    """Make sure that a table stands under the key: optimizer = "adam" becomes { type = "adam" }."""
    if isinstance(table, dict):
        held = table.setdefault(str(key), {})
        if isinstance(held, str):
            table[str(key)] = {"type": held}
        elif not isinstance(held, dict | list):
            raise PresetError(f"{key} is {shown(held)}, which has no settings inside")


def write(document: Any, path: Path, value: Any) -> None:
    """Put the value at a path that `walk` gave; None takes out what stands there."""
    for part in path[:-1]:
        document = document[part]
    last = path[-1]
    if path in (("data", "file"), ("data", "set")) and value is not None:
        document.pop("set" if last == "file" else "file", None)  # one takes the place of the other
    if value is not None:
        document[last] = value
    elif isinstance(document, dict):
        document.pop(last, None)
    else:
        del document[int(last)]


def parsed(value: str) -> Any:
    """A TOML value, a number as people write it (.5), or the text itself; None for an empty one."""
    if not value:
        return None
    try:
        guard(f"v = {value}")
        table = tomllib.loads(f"v = {value}")
    except PresetError as error:
        raise PresetError(error.message) from None  # a line of what is given on the command line helps nobody
    except (ValueError, RecursionError):
        if value[0] in "[{\"'":
            raise PresetError(f"{shown(value)} is not a TOML value; check its brackets and quotes") from None
        return float(value) if NUMBER.fullmatch(value) else value
    return table["v"] if len(table) == 1 else value


def _no_layer(known: Sequence[Address], word: str) -> PresetError:
    names = [address.name for address in known if address.name]
    return PresetError(f"there is no layer {shown(word)}{nearest(word, names) or '.'} Layers: {', '.join(names)}")


def _only_one(address: Address, word: str) -> None:
    """A name that belongs to one of several repeats cannot be set alone."""
    if len(address.layers) > 1 and word in address.layers and word != address.name:
        raise PresetError(
            f"{shown(word)} is one of the {len(address.layers)} repeats of {shown(address.name)}, which are alike; "
            f"set layers.{address.name} instead"
        )
