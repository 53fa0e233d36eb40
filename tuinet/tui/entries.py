"""A table of settings as the lines of a form: what each is, what stands there, and what it may become.

    entries(Dense, {"units": 32})                    a line for each setting, and below a part the settings of that part
    entered(Dense, {"units": 32}, "units", "64")     {"units": 64}, or PresetError with what would be right

Lines are made from the same declarations that check a preset (tuinet.fields), so that nothing about a setting is said
twice. No Textual is needed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tuinet.errors import PresetError
from tuinet.fields import REQUIRED, Field, as_typed, build_part, check, describe, typed

ABSENT = "left out"
_YES, _NO = ("true", "yes", "on"), ("false", "no", "off")


@dataclass(frozen=True)
class Entry:
    """A line of a form.

    key: from the table down, with dots: "optimizer.learning_rate". text: as `entered` reads it back; empty where the
    table does not say it. usual: what holds then. options: the words to choose from, where there are only such.
    depth: 1 for the settings of a part, and so on.
    """

    key: str
    field: Field
    text: str
    usual: str
    options: tuple[str, ...] = ()
    depth: int = 0

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def help(self) -> str:
        """What it is, and what it may be."""
        wants = "" if self.options else self.field.wants()
        return f"{self.field.help} ({wants})" if self.field.help and wants else self.field.help or wants


def entries(cls: type, table: Mapping[str, Any], more: tuple[Field, ...] = ()) -> list[Entry]:
    """A line for each setting of the class but its stack. more: keys that the table may have besides."""
    return _entries((*describe(cls), *more), table, "", 0)


def entered(cls: type, table: Mapping[str, Any], key: str, text: str, more: tuple[Field, ...] = ()) -> dict[str, Any]:
    """The table with what was typed for the key; an empty text takes the key out. PresetError says what is wrong."""
    name, _, rest = key.partition(".")
    field = next(field for field in (*describe(cls), *more) if field.name == name)
    value = _within(field, table.get(name), rest, text) if rest else _value(field, table.get(name), text, name)
    changed = {known: item for known, item in table.items() if known != name or value is not None}
    return changed if value is None else {**changed, name: value}


def is_usual(field: Field, value: Any) -> bool:
    """Whether leaving the setting out says the same."""
    if field.required:
        return False
    try:
        return bool(check(field, value, "") == _default(field))
    except PresetError:
        return False


def _default(field: Field) -> Any:
    if field.default is None:
        return None
    return build_part(field, field.default, "") if field.kind == "part" else field.default


def _entries(fields: tuple[Field, ...], table: Mapping[str, Any], above: str, depth: int) -> list[Entry]:
    found = []
    for field in fields:
        if field.kind == "stack":
            continue
        value, key = table.get(field.name), above + field.name
        inner: tuple[type | None, Any] = (None, value)
        if field.kind == "part":
            inner = _part(field, value)
        elif field.kind == "table" and value is not None:
            inner = (field.cls, value)
        found.append(Entry(key, field, _text(field, value), _usual(field), _options(field), depth))
        if inner[0] is not None:
            settings = inner[1] if isinstance(inner[1], Mapping) else {}
            found += _entries(tuple(describe(inner[0])), settings, f"{key}.", depth + 1)
    return found


def _part(field: Field, value: Any) -> tuple[type | None, Any]:
    """The class that a part's value chooses, and its settings."""
    assert field.family is not None
    value = field.default if value is None else value
    word = value.get("type", field.default) if isinstance(value, Mapping) else value
    return field.family().get(word) if isinstance(word, str) else None, value


def _text(field: Field, value: Any) -> str:
    if field.kind == "table":
        return "false" if value is None else "true"
    if field.kind == "part" and isinstance(value, Mapping):
        return str(value.get("type", ""))
    return as_typed(field, value)


def _usual(field: Field) -> str:
    if field.required or field.kind == "table":
        return ""
    if field.default is None:
        return ABSENT
    default = field.default
    return str(default.get("type", "")) if isinstance(default, Mapping) else as_typed(field, default)


def _options(field: Field) -> tuple[str, ...]:
    if field.kind == "part":
        assert field.family is not None
        return tuple(sorted(field.family()))
    if field.kind in ("flag", "table"):
        return ("true", "false")
    return field.options if field.kind == "choice" else ()


def _value(field: Field, old: Any, text: str, key: str) -> Any:
    """What is to stand under the key, or None for nothing."""
    if field.kind == "table" and text.strip().lower() in (*_YES, *_NO):
        said: Any = ({} if old is None else old) if text.strip().lower() in _YES else None
    else:
        said = typed(field, text)
    if said is None:
        if field.required:
            raise PresetError(f"is missing; it must be {field.wants()}", key=key)
        return None
    if field.kind == "part" and isinstance(said, str):
        said = _exchanged(field, old, said)
    check(field, said, key)
    return said


def _exchanged(field: Field, old: Any, word: str) -> Any:
    """The part of another type, with those settings that both types have."""
    assert field.family is not None
    cls = field.family().get(word)
    if cls is None or not isinstance(old, Mapping):
        return word
    names = {inner.name for inner in describe(cls)}
    shared = {name: value for name, value in old.items() if name in names}
    try:
        check(field, {"type": word, **shared}, "")
    except PresetError:
        shared = {}
    return {"type": word, **shared} if shared else word


def _within(field: Field, old: Any, rest: str, text: str) -> Any:
    """A part or table with one of its settings changed."""
    cls, value = _part(field, old) if field.kind == "part" else (field.cls, old)
    assert cls is not None
    try:
        changed = entered(cls, value if isinstance(value, Mapping) else {}, rest, text)
    except PresetError as error:
        raise error.at(key=f"{field.name}.{error.key}") from None
    if field.kind == "table":
        check(field, changed, field.name)
        return changed
    assert field.family is not None
    word = next(word for word, known in field.family().items() if known is cls)
    whole = {"type": word, **changed}
    check(replace(field, default=field.default if field.default is not None else REQUIRED), whole, field.name)
    return whole
