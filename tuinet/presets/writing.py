"""A preset's table as TOML text, laid out as a person would: a table a part, settings of a setting in braces."""

from __future__ import annotations

from typing import Any

import tomlkit
from tomlkit.items import AoT, InlineTable, Table


def to_toml(table: dict[str, Any]) -> str:
    """TOML of nested plain values; lists of tables become [[...]]."""
    document = tomlkit.document()
    for key, value in table.items():
        document.add(key, _tables(value) if _is_tables(value) else _table(value) if isinstance(value, dict) else value)
    return tomlkit.dumps(document)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _table(values: dict[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, _tables(value) if _is_tables(value) else _inline(value) if isinstance(value, dict) else value)
    return table


def _tables(rows: list[dict[str, Any]]) -> AoT:
    tables = tomlkit.aot()
    for row in rows:
        tables.append(_table(row))
    return tables


def _inline(values: dict[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    for key, value in values.items():
        table.add(key, _inline(value) if isinstance(value, dict) else value)
    return table
