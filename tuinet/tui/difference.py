"""What two presets say otherwise, told in lines: layers that came, went, moved or changed, and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuinet.fields import Field, as_typed
from tuinet.presets.flat import differences, flat
from tuinet.presets.stack import addresses, held
from tuinet.safe_text import safe

SILENT = ("title", "teaches", "tries", "layers", "variants")


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A line for each layer that is new (+), gone (-) or moved, and for each setting with its two values."""
    before, after = _layers(old), _layers(new)
    lines = [f"- {name} ({_type(before[name])})" for name in before if name not in after]
    lines += [f"+ {name} ({_type(after[name])}){_place(name, after)}" for name in after if name not in before]
    lines += [f"{name} has moved{_place(name, after)}" for name in _moved(list(before), list(after))]
    for name in after:
        if name in before:
            lines += _settings(f"{name}.", before[name], after[name])
    rest = ({key: value for key, value in side.items() if key not in SILENT} for side in (old, new))
    return lines + _settings("", *(flat(side) for side in rest))


def _settings(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A line for each that differs; of a part that is another one, for its type and what both of them have."""
    rows = differences(old, new)
    other = [key.removesuffix("type") for key, a, b in rows if key.endswith(".type") and None not in (a, b)]
    return [
        _line(where + key, a, b)
        for key, a, b in rows
        if None not in (a, b) or not any(key.startswith(part) for part in other)
    ]


def _layers(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each layer by its full name, flat."""
    return dict(_walk(document.get("layers", ()), "", ""))


def _walk(tables: Any, usual: str, above: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, address in zip(tables, addresses(tables, usual), strict=True):
        name = safe(f"{above}{address.name}", 200)
        inside = held(table, usual)
        kept = {key: value for key, value in table.items() if key != "name" and not (inside and key == inside.name)}
        yield name, flat({"type": usual, **kept} if usual else kept)
        if inside is not None:
            yield from _walk(table.get(inside.name, ()), inside.usual, f"{name}.")


def _type(layer: Mapping[str, Any]) -> str:
    return safe(str(layer.get("type", "")), 60)


def _place(name: str, names: Mapping[str, Any]) -> str:
    """After which layer of its stack it stands."""
    stack = [other for other in names if other.rpartition(".")[0] == name.rpartition(".")[0]]
    at = stack.index(name)
    return f", after {stack[at - 1]}" if at else ", first"


def _moved(before: list[str], after: list[str]) -> list[str]:
    """The names that stand in another order among those that both have: as few as explain it."""
    from difflib import SequenceMatcher

    known = [name for name in before if name in after]
    now = [name for name in after if name in before]
    blocks = SequenceMatcher(None, known, now, autojunk=False).get_matching_blocks()
    still = {name for block in blocks for name in now[block.b : block.b + block.size]}
    return [name for name in now if name not in still and not _inside_moved(name, still)]


def _inside_moved(name: str, still: set[str]) -> bool:
    """Whether it only moved with the layer that holds it."""
    above = name.rpartition(".")[0]
    return bool(above) and above not in still


def _line(key: str, old: Any, new: Any) -> str:
    key = safe(key, 200)
    if old is None:
        return f"{key} = {_shown(new)}"
    if new is None:
        return f"without {key} (was {_shown(old)})"
    return f"{key} {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return "×".join(map(str, value))
    return safe(as_typed(_TEXT, value), 80) or '""'


_TEXT = Field("text")
