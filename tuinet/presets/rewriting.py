"""A preset's text with other settings in it: comments, order and layout stay where the settings stay."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from tuinet.presets.writing import to_toml

_BLANKS = re.compile(r"\n{3,}")  # tables that are moved leave their blank lines behind


def rewritten(text: str, document: Mapping[str, Any]) -> str:
    """TOML that says what the document says, with as much of the old text as can be kept.

    Read back, it is the document and nothing else: where the old layout will not take it, it is laid out anew.
    """
    plain = dict(document)
    try:
        found = tomlkit.parse(text)
        _lay(found, found.unwrap(), plain)
        result = tomlkit.dumps(found)
        for layout in (_BLANKS.sub("\n\n", result), result):
            if tomllib.loads(layout) == plain:
                return layout
    except (TOMLKitError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        pass  # tomlkit has corners in which it loses its way: then the text is not worth the risk
    return to_toml(plain)


def _lay(table: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Change a table of the text from what it says to what it is to say."""
    for key in old:
        if key not in new:
            del table[key]
    for key, value in new.items():
        if key not in old:
            table[key] = _fresh(key, value)
        elif old[key] != value:
            held = table[key]
            if isinstance(held, AoT) and _are_tables(value):
                table[key] = _aligned(held, old[key], value)
            elif isinstance(held, Mapping) and isinstance(value, Mapping):
                _lay(held, old[key], value)
            else:
                table[key] = value


def _aligned(held: AoT, old: list[Any], new: list[Any]) -> AoT:
    """The list of tables as it is to be, made of those there are: the same ones first, then those at the same place."""
    tables = list(held)
    made: list[Table | None] = [None] * len(new)
    left = list(range(len(old)))
    for place, row in enumerate(new):  # wherever they have moved to
        same = next((number for number in left if old[number] == row), None)
        if same is not None:
            made[place] = tables[same]
            left.remove(same)
    words = SequenceMatcher(None, [_word(old[number]) for number in left],
                            [_word(row) for row, table in zip(new, made, strict=True) if table is None],
                            autojunk=False)  # fmt: skip
    places = [place for place, table in enumerate(made) if table is None]
    for block in words.get_matching_blocks():
        for step in range(block.size):
            number, place = left[block.a + step], places[block.b + step]
            _lay(tables[number], old[number], new[place])
            made[place] = tables[number]
    result = tomlkit.aot()
    for row, table in zip(new, made, strict=True):
        result.append(_fresh_table(row) if table is None else table)
    return result


def _word(row: Any) -> tuple[Any, Any]:
    """What makes a changed table the same one: its type, and its name if it has one."""
    return (row.get("type"), row.get("name")) if isinstance(row, Mapping) else (None, None)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _fresh(key: str, value: Any) -> Any:
    """The value as tomlkit lays it out in a document of its own."""
    return tomlkit.parse(to_toml({key: value}))[key]


def _fresh_table(row: Mapping[str, Any]) -> Table:
    (table,) = _fresh("layers", [dict(row)])
    return table  # type: ignore[no-any-return]
