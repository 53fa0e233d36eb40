"""Settings, declared once as plain data: checks, error texts, listings and later a form are all read off them.

A class with settings is a frozen dataclass whose fields are made by the functions below:

    @dataclass(frozen=True, kw_only=True)
    class Dense(Layer):
        units: int = whole(at_least=1, help="number of outputs")
        bias: bool = flag(True, help="add a learned offset to every output")

`build(Dense, {"units": 3}, "layers.hidden")` gives a checked instance or a PresetError that names the key;
`describe(Dense)` lists the fields; `as_table(instance)` writes every setting out again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from .errors import PresetError, nearest
from .safe_text import safe

T = TypeVar("T")
Family = Mapping[str, type] | Callable[[], Mapping[str, type]]

LONGEST_TEXT = 2_000
LONGEST_LIST = 1_000
LARGEST_WHOLE = 2**31 - 1


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()


@dataclass(frozen=True)
class Field:
    """What one setting may be. kind: a key of _NOUNS."""

    kind: str
    default: Any = REQUIRED
    help: str = ""
    name: str = ""
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    symbols: tuple[str, ...] = ()  # words that may stand in place of a value, as in units = "classes"
    options: tuple[str, ...] = ()
    pattern: str | None = None
    noun: str = ""  # what an option is called in an error: "an activation"
    optional: bool = False  # the key may be left out, and the value is None then
    live: bool = False  # may be changed while a run goes on
    late: bool = False  # listed after the others: what a base class has in store for every kind
    family: Callable[[], Mapping[str, type]] | None = None  # part and stack: the classes by their type word
    usual: str = ""  # stack: the type of a table that names none
    cls: type | None = None  # table: the class of its settings

    @property
    def required(self) -> bool:
        return self.default is REQUIRED and not self.optional

    def limits(self) -> str:
        """The range in words: "between 0 and 1", "at least 0, below 1"; empty where there is none."""
        endless = self.kind in ("whole", "pair", "wholes") and (self.at_most or 0) >= LARGEST_WHOLE
        top = None if endless else self.at_most
        if self.at_least is not None and top is not None:
            return f"between {self.at_least:.12g} and {top:.12g}"
        words = (("at least", self.at_least), ("above", self.above), ("at most", top), ("below", self.below))
        return ", ".join(f"{word} {value:.12g}" for word, value in words if value is not None)

    def fits(self, value: float) -> bool:
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def wants(self) -> str:
        """What would be right, in words: "a whole number, at least 1, or "classes"."""
        noun = _NOUNS[self.kind]
        if self.kind == "choice":
            return "one of " + _listed(self.options)
        if self.family is not None:
            return f"{noun}: " + ", ".join(sorted(self.family()))
        words = ", ".join(word for word in (noun, self.limits()) if word)
        return words + (", or " + _listed(self.symbols) if self.symbols else "")


_NOUNS = {
    "whole": "a whole number",
    "real": "a number",
    "flag": "true or false",
    "choice": "a word",
    "text": "text",
    "part": 'a word or a table { type = "...", ... }',
    "table": "a table { ... }",
    "stack": "a list of tables",
    "pair": "a whole number, or two of them for down and across: [3, 5]",
    "wholes": "a list of whole numbers",
    "reals": "a list of numbers",
    "texts": "a list of texts",
}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


# -- declaring ------------------------------------------------------------------------------


def _declare(field: Field) -> Any:
    metadata = {"field": field}
    if field.default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    if field.kind == "part":
        return dataclasses.field(metadata=metadata, default_factory=lambda: build_part(field, field.default, ""))
    if field.kind == "table":
        return dataclasses.field(metadata=metadata, default_factory=lambda: _table(field, field.default, ""))
    return dataclasses.field(metadata=metadata, default=field.default)


def whole(
    default: Any = REQUIRED,
    at_least: int | None = None,
    at_most: int | None = LARGEST_WHOLE,
    help: str = "",
    live: bool = False,
    symbols: Iterable[str] = (),
) -> Any:
    """A whole number, or one of the symbols."""
    return _declare(
        Field("whole", default, help, at_least=at_least, at_most=at_most, live=live, symbols=tuple(symbols))
    )


def real(
    default: Any = REQUIRED,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    help: str = "",
    live: bool = False,
    symbols: Iterable[str] = (),
) -> Any:
    """A finite number, or one of the symbols."""
    range_ = Field("real", at_least=at_least, at_most=at_most, above=above, below=below)
    return _declare(replace(range_, default=default, help=help, live=live, symbols=tuple(symbols)))


def flag(default: Any = REQUIRED, help: str = "", live: bool = False) -> Any:
    """True or false."""
    return _declare(Field("flag", default, help, live=live))


def choice(default: Any, options: Iterable[str], help: str = "", noun: str = "", live: bool = False) -> Any:
    """One word of several. noun is what such a word is called in an error: "an activation"."""
    return _declare(Field("choice", default, help, options=tuple(options), noun=noun, live=live))


def text(
    default: Any = REQUIRED, help: str = "", pattern: str | None = None, noun: str = "", live: bool = False
) -> Any:
    """Text; pattern is a regular expression for the whole of it, noun says in words what it allows."""
    return _declare(Field("text", default, help, pattern=pattern, noun=noun, live=live))


def part(default: Any, family: Family, help: str = "", noun: str = "") -> Any:
    """One of a family of classes: a table with `type`, or the type word alone where its defaults will do."""
    return _declare(Field("part", default, help, noun=noun, family=_callable(family)))


def table(default: Any, cls: type, help: str = "") -> Any:
    """A table of settings of one class, which has no `type`."""
    return _declare(Field("table", default, help, cls=cls))


def stack(family: Family, help: str = "", noun: str = "", usual: str = "") -> Any:
    """A list of parts, such as the layers inside a layer; a tuple of instances once built.

    usual: the type of a part whose table names none; without it, each must.
    """
    return _declare(Field("stack", (), help, noun=noun, family=_callable(family), usual=usual))


def pair(
    default: Any = REQUIRED,
    at_least: int | None = None,
    at_most: int | None = LARGEST_WHOLE,
    help: str = "",
    symbols: Iterable[str] = (),
) -> Any:
    """A whole number for both axes of an image, or two in a list (a tuple of two once built), or one of the symbols."""
    return _declare(Field("pair", default, help, at_least=at_least, at_most=at_most, symbols=tuple(symbols)))


def whole_list(default: Any = REQUIRED, at_least: int | None = None, help: str = "") -> Any:
    """A list of whole numbers (a tuple once built)."""
    return _declare(Field("wholes", default, help, at_least=at_least, at_most=LARGEST_WHOLE))


def real_list(
    default: Any = REQUIRED,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    help: str = "",
    symbols: Iterable[str] = (),
) -> Any:
    """A list of finite numbers (a tuple once built), or one of the symbols."""
    range_ = Field("reals", at_least=at_least, at_most=at_most, above=above)
    return _declare(replace(range_, default=default, help=help, symbols=tuple(symbols)))


def text_list(default: Any = REQUIRED, options: Iterable[str] = (), help: str = "", noun: str = "") -> Any:
    """A list of texts (a tuple once built), each one of the options where there are any."""
    return _declare(Field("texts", default, help, options=tuple(options), noun=noun))


def optional(inner: Any) -> Any:
    """The same field, but its key may be left out, and the value is None then: `optional(whole(at_least=1))`."""
    field: Field = inner.metadata["field"]
    return dataclasses.field(metadata={"field": replace(field, default=None, optional=True)}, default=None)


def late(inner: Any) -> Any:
    """The same field, listed after those that a class declares for itself."""
    field: Field = inner.metadata["field"]
    metadata = {"field": replace(field, late=True)}
    if inner.default_factory is not dataclasses.MISSING:
        return dataclasses.field(metadata=metadata, default_factory=inner.default_factory)
    return dataclasses.field(metadata=metadata, default=inner.default)


def _callable(family: Family) -> Callable[[], Mapping[str, type]]:
    """A family may hold a class that is declared with it (layers hold layers): looked up when used."""
    return family if callable(family) else lambda: family


# -- reading a class -------------------------------------------------------------------------


def describe(cls: type) -> list[Field]:
    """The settings of a class, in the order they were declared, late ones last."""
    return list(_described(cls))


@cache
def _described(cls: type) -> tuple[Field, ...]:
    declared = [item for item in dataclasses.fields(cls) if "field" in item.metadata]
    fields = [replace(item.metadata["field"], name=item.name) for item in declared]
    return tuple(sorted(fields, key=lambda field: field.late))


def as_table(instance: Any) -> dict[str, Any]:
    """Every setting written out as TOML values; what is None is left out. `build` of it gives an equal instance."""
    rows = {field.name: _written(field, getattr(instance, field.name)) for field in describe(type(instance))}
    return {name: value for name, value in rows.items() if value is not None}


def part_table(instance: Any, family: Mapping[str, type]) -> dict[str, Any]:
    """The same with the type word in front."""
    return {"type": type_word(instance, family), **as_table(instance)}


def type_word(instance: Any, family: Mapping[str, type]) -> str:
    """The word by which a family knows the class of the instance."""
    return next(word for word, cls in family.items() if cls is type(instance))


def _written(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.kind == "part" and field.family:
        return part_table(value, field.family())
    if field.kind == "stack" and field.family:
        return [part_table(item, field.family()) for item in value]
    if field.kind == "table":
        return as_table(value)
    return list(value) if isinstance(value, tuple) else value


# -- typed by a person ------------------------------------------------------------------------


def typed(field: Field, text: str) -> Any:
    """The value that a person means by what they type, as TOML would give it; None: the setting is left out.

    Nothing is checked: what cannot be read comes back as the text, for `check` to say what would be right.
    """
    words = text.strip()
    if not words:
        return None
    if words.strip('"') in field.symbols:
        return words.strip('"')
    if field.kind in ("part", "table") and words.startswith("{"):
        return _as_toml(words, words)
    return _TYPED.get(field.kind, _same)(words)


def as_typed(field: Field, value: Any) -> str:
    """A value in the form in which `typed` reads it back; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if abs(value) < 1e16 else repr(value)
    if isinstance(value, list | tuple):
        both = field.kind == "pair" and len(set(value)) == 1
        return as_typed(field, value[0]) if both else ", ".join(as_typed(field, item) for item in value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{key} = {_inline(item)}" for key, item in value.items())
        return "{ " + inside + " }" if inside else "{}"
    return str(value)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return as_typed(Field("table"), value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else as_typed(Field("text"), value)


def _same(words: str) -> Any:
    return words


def _number(words: str) -> Any:
    for kind in (int, float):
        try:
            return kind(words)
        except ValueError:
            continue
    return words


def _truth(words: str) -> Any:
    known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return known.get(words.lower(), words)


def _numbers(words: str) -> Any:
    """ "3, 5", "3 5", "3x5" and "[3, 5]" are two numbers, and "3" is one."""
    return [_number(word) for word in re.split(r"[\s,x×]+", words.strip("[] ")) if word] or words


def _pair_typed(words: str) -> Any:
    found = _numbers(words)
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _texts(words: str) -> Any:
    return [word.strip().strip('"') for word in words.strip("[] ").split(",") if word.strip()]


def _as_toml(words: str, otherwise: Any) -> Any:
    try:
        return tomllib.loads(f"value = {words}")["value"]
    except (ValueError, RecursionError):
        return otherwise


_TYPED: dict[str, Callable[[str], Any]] = {
    "whole": _number,
    "real": _number,
    "flag": _truth,
    "pair": _pair_typed,
    "wholes": _numbers,
    "reals": _numbers,
    "texts": _texts,
}


# -- building -------------------------------------------------------------------------------


def build(cls: type[T], table: Any, where: str) -> T:
    """An instance of cls from a table of plain values.

    where: the key of the table, such as "training.optimizer"; errors name the key below it.
    Raises PresetError with key set: an unknown key, a missing one, a wrong kind of value, a value out of range.
    """
    if not isinstance(table, Mapping):
        raise PresetError(f"{shown(table)} is not a table of settings", key=where or None)
    fields = {field.name: field for field in describe(cls)}
    for name in table:
        if name not in fields:
            raise PresetError(_unknown(name, fields), key=below(where, name))
    for field in fields.values():
        if field.required and field.name not in table:
            raise PresetError(f"is missing; it must be {field.wants()}", key=below(where, field.name))
    values = {name: check(fields[name], value, below(where, name)) for name, value in table.items()}
    try:
        return cls(**values)
    except PresetError as error:  # settings that contradict one another: the class knows only its own names
        raise error.at(key=below(where, error.key or "")) from None


def below(where: str, name: str) -> str:
    """The key `name` inside the table `where`."""
    return ".".join(word for word in (where, safe(name, 100)) if word)


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    listed = ", ".join(names) or "none"
    return f"{shown(name)} is not a setting here{nearest(name, names) or '.'} Known: {listed}"


def check(field: Field, value: Any, key: str) -> Any:
    """The value as the field keeps it, or PresetError."""
    if field.symbols and isinstance(value, str):
        if value in field.symbols:
            return value
        hint = nearest(value, field.symbols)
        then = f"{hint} It" if hint else "; it"
        raise PresetError(f"{shown(value)} is not known here{then} must be {field.wants()}", key=key)
    return _CHECKS[field.kind](field, value, key)


def _wrong(field: Field, value: Any, key: str) -> PresetError:
    return PresetError(f"{shown(value)} will not do here; it must be {field.wants()}", key=key)


def _whole(field: Field, value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(field, value, key)
    if field.at_most is not None and value > field.at_most:
        raise PresetError(f"{shown(value)} is too large; at most {field.at_most} is allowed", key=key)
    if not field.fits(value):
        raise _wrong(field, value, key)
    return value


def _real(field: Field, value: Any, key: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(field, value, key)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise PresetError(f"{shown(value)} is not a finite number; it must be {field.wants()}", key=key)
    if not field.fits(number):
        raise _wrong(field, value, key)
    return number


def _flag(field: Field, value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, value, key)
    return value


def _choice(field: Field, value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise _wrong(field, value, key)
    return _known(value, field.options, field.noun or "known here", key)


def _known(word: str, allowed: Iterable[str], noun: str, key: str) -> str:
    names = list(allowed)
    if word in names:
        return word
    raise PresetError(f"{shown(word)} is not {noun}{nearest(word, names) or '.'} Known: {', '.join(names)}", key=key)


def _text(field: Field, value: Any, key: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST_WHOLE:
        value = str(value)  # a column or a name that is a number need not be quoted
    if not isinstance(value, str):
        raise _wrong(field, value, key)
    if len(value) > LONGEST_TEXT:
        raise PresetError(f"the text has {len(value)} characters; at most {LONGEST_TEXT} are allowed", key=key)
    if field.pattern is not None and not re.fullmatch(field.pattern, value):
        raise PresetError(
            f"{shown(value)} will not do here; it must be {field.noun or 'like ' + field.pattern}", key=key
        )
    return value


def _list(field: Field, value: Any, key: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(field, value, key)
    if len(value) > LONGEST_LIST:
        raise PresetError(f"the list has {len(value)} entries; at most {LONGEST_LIST} are allowed", key=key)
    return list(value)


def _entries(field: Field, value: Any, key: str) -> tuple[Any, ...]:
    kinds = {"wholes": "whole", "reals": "real", "texts": "choice" if field.options else "text"}
    entry = replace(field, kind=kinds[field.kind], symbols=())
    return tuple(check(entry, item, f"{key}[{place}]") for place, item in enumerate(_list(field, value, key)))


def _pair(field: Field, value: Any, key: str) -> tuple[int, int]:
    both = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(both) != 2:
        raise _wrong(field, value, key)
    entry = replace(field, kind="whole", symbols=())
    down, across = (check(entry, item, key) for item in both)
    return down, across


def _table(field: Field, value: Any, key: str) -> Any:
    assert field.cls is not None
    return build(field.cls, value, key)


def _stack(field: Field, value: Any, key: str) -> tuple[Any, ...]:
    return tuple(
        build_part(replace(field, default=field.usual or REQUIRED), item, f"{key}[{place}]")
        for place, item in enumerate(_list(field, value, key))
    )


def build_part(field: Field, value: Any, key: str) -> Any:
    """An instance of the class that a part's table or type word names.

    A table without `type` is read as the field's default type with other settings.
    """
    assert field.family is not None
    if type(value) in field.family().values():
        return value  # built before
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, Mapping):
        raise _wrong(field, value, key)
    family, noun = field.family(), field.noun or "known here"
    settings = dict(value)
    word = settings.pop("type", REQUIRED)
    if word is REQUIRED:
        word = field.default["type"] if isinstance(field.default, Mapping) else field.default
        if word is REQUIRED or word is None or word == ():
            raise PresetError(f"type is missing; it must be one of {', '.join(family)}", key=key)
    if not isinstance(word, str):
        raise PresetError(f"{shown(word)} is not a word; it must be one of {', '.join(family)}", key=below(key, "type"))
    cls = family[_known(word, family, noun, below(key, "type") if len(value) > 1 else key)]
    return build(cls, settings, key)


_CHECKS: dict[str, Callable[[Field, Any, str], Any]] = {
    "whole": _whole,
    "real": _real,
    "flag": _flag,
    "choice": _choice,
    "text": _text,
    "part": build_part,
    "table": _table,
    "stack": _stack,
    "pair": _pair,
    "wholes": _entries,
    "reals": _entries,
    "texts": _entries,
}


def shown(value: Any) -> str:
    """A value as TOML would write it, short and without a character that cannot be seen."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return safe(json.dumps(value[:80], ensure_ascii=False), 60)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 128 else f"a whole number of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return "a table"
    return safe(str(value), 60)
