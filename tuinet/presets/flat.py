"""Settings as dotted keys: a preset laid flat, so that two can be compared and one can be asked for a single value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """`training.optimizer.learning_rate` and the like of a parsed preset, layers by their names."""
    return dict(_leaves(table, ""))


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The keys whose values differ, in the order of `a` and then of `b`; None where a side has no such key."""
    keys = [*a, *(key for key in b if key not in a)]
    return [(key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)]


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for name, item in zip(_names(value), value, strict=True):
            yield from _leaves(item, f"{key}.{name}")
    else:
        yield key, value


def _names(tables: list[Mapping[str, Any]]) -> list[str]:
    """What the layers of a stack are called: their own names, or those the network gives them."""
    from tuinet.network import names

    return names([str(table.get("type", "layer")) for table in tables], [table.get("name") for table in tables])
