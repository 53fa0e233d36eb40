"""Settings are declared once; what does not fit is refused by key, with the value met and what would be right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from tuinet.errors import PresetError
from tuinet.fields import (
    REQUIRED,
    as_table,
    build,
    choice,
    describe,
    flag,
    late,
    optional,
    part,
    real,
    real_list,
    stack,
    table,
    text,
    text_list,
    whole,
    whole_list,
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    sides: int = whole(3, at_least=3, at_most=99)


@dataclass(frozen=True, kw_only=True)
class Dot:
    size: float = real(1.0, above=0.0)


SHAPES: dict[str, type] = {"shape": Shape, "dot": Dot}


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = whole(1, at_least=0)


@dataclass(frozen=True, kw_only=True)
class Everything:
    shared: bool = late(flag(True))
    count: int | str = whole(at_least=1, symbols=("all",), help="how many")
    share: float = real(0.5, at_least=0.0, below=1.0, live=True)
    way: str = choice("left", ("left", "right"), noun="a way")
    label: str | None = optional(text(pattern=r"[a-z]+", noun="lower case letters"))
    kind: Any = part("dot", SHAPES, noun="a figure")  # noqa: RUF009
    inner: Inner | None = optional(table(REQUIRED, Inner))  # noqa: RUF009
    held: tuple[Any, ...] = stack(SHAPES)
    weights: tuple[float, ...] | str | None = optional(real_list(at_least=0.0, symbols=("balanced",)))
    words: tuple[str, ...] = text_list(("x",), options=("x", "y"))
    axes: tuple[int, ...] = whole_list((), at_least=-1)

    def __post_init__(self) -> None:
        if self.share == 0.25:
            raise PresetError("a quarter and that way contradict each other", key="way")


def test_defaults_are_filled_in_and_written_out() -> None:
    made = build(Everything, {"count": 2}, "it")
    assert made == Everything(count=2, kind=Dot())
    assert as_table(made) == {
        "count": 2,
        "share": 0.5,
        "way": "left",
        "kind": {"type": "dot", "size": 1.0},
        "held": [],
        "words": ["x"],
        "axes": [],
        "shared": True,
    }


def test_what_is_written_out_builds_an_equal_instance() -> None:
    given = {
        "count": "all",
        "share": 0,
        "label": "abc",
        "kind": {"type": "shape", "sides": 5},
        "inner": {"depth": 2},
        "held": ["dot", {"type": "shape"}],
        "weights": [1, 2.5],
        "words": ["y", "x"],
        "axes": [-1, 4],
    }
    made = build(Everything, given, "it")
    assert build(Everything, as_table(made), "it") == made
    assert made.held == (Dot(), Shape())
    assert made.share == 0.0 and isinstance(made.share, float)


def test_a_part_may_be_its_type_word_alone_or_settings_of_the_default_type() -> None:
    assert build(Everything, {"count": 1, "kind": "shape"}, "it").kind == Shape()
    assert build(Everything, {"count": 1, "kind": {"size": 2}}, "it").kind == Dot(size=2.0)


def test_a_description_lists_the_fields_in_order_with_late_ones_last() -> None:
    fields = {field.name: field for field in describe(Everything)}
    assert next(iter(fields)) == "count" and list(fields)[-1] == "shared"
    assert fields["count"].required and not fields["label"].required
    assert fields["count"].help == "how many"
    assert fields["share"].live and not fields["way"].live


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "it.count", "missing"),
    ({"count": 1, "shere": 1}, "it.shere", '"shere" is not a setting here; did you mean "share"? Known: count, '),
    ({"count": 0}, "it.count", '0 will not do here; it must be a whole number, at least 1, or "all"'),
    ({"count": 2**31}, "it.count", "2147483648 is too large; at most 2147483647 is allowed"),
    ({"count": 10**5000}, "it.count", "a whole number of 16610 bits is too large"),
    ({"count": 1.0}, "it.count", "1.0 will not do here"),
    ({"count": True}, "it.count", "true will not do here"),
    ({"count": "al"}, "it.count", '"al" is not known here; did you mean "all"? It must be a whole number'),
    ({"count": "many"}, "it.count", '"many" is not known here; it must be a whole number'),
    ({"count": 1, "share": math.nan}, "it.share", "nan is not a finite number"),
    ({"count": 1, "share": math.inf}, "it.share", "inf is not a finite number"),
    ({"count": 1, "share": 10**400}, "it.share", "is not a finite number"),
    ({"count": 1, "share": 1}, "it.share", "a number, at least 0, below 1"),
    ({"count": 1, "share": "0.5"}, "it.share", '"0.5" will not do here'),
    ({"count": 1, "way": "rihgt"}, "it.way", '"rihgt" is not a way; did you mean "right"? Known: left, right'),
    ({"count": 1, "way": 3}, "it.way", '3 will not do here; it must be one of "left", "right"'),
    ({"count": 1, "label": "ABC"}, "it.label", '"ABC" will not do here; it must be lower case letters'),
    ({"count": 1, "label": "a" * 5000}, "it.label", "5000 characters"),
    ({"count": 1, "kind": "dott"}, "it.kind", '"dott" is not a figure; did you mean "dot"? Known: shape, dot'),
    ({"count": 1, "kind": 7}, "it.kind", "7 will not do here"),
    ({"count": 1, "kind": {"type": 7}}, "it.kind.type", "7 is not a word"),
    ({"count": 1, "kind": {"type": "shape", "sides": 2}}, "it.kind.sides", "between 3 and 99"),
    ({"count": 1, "inner": 3}, "it.inner", "3 is not a table of settings"),
    ({"count": 1, "inner": {"depth": -1}}, "it.inner.depth", "at least 0"),
    ({"count": 1, "held": [{"sides": 3}]}, "it.held[0]", "type is missing; it must be one of shape, dot"),
    ({"count": 1, "weights": [1, -1]}, "it.weights[1]", "-1 will not do here"),
    ({"count": 1, "weights": "blanced"}, "it.weights", 'did you mean "balanced"?'),
    ({"count": 1, "weights": [0.0] * 2000}, "it.weights", "2000 entries"),
    ({"count": 1, "words": ["z"]}, "it.words[0]", "Known: x, y"),
    ({"count": 1, "words": "x"}, "it.words", "a list of texts"),
    ({"count": 1, "axes": [1.5]}, "it.axes[0]", "a whole number"),
    ({"count": 1, "share": 0.25}, "it.way", "contradict"),
    ({"count": 1, "a\x1b[2J": 1}, "it.a␛[2J", "is not a setting here"),
]


@pytest.mark.parametrize(("given", "key", "words"), REFUSED, ids=[f"{row[1]} {row[2][:20]}" for row in REFUSED])
def test_what_does_not_fit_is_refused_by_its_key(given: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        build(Everything, given, "it")
    assert caught.value.key == key
    assert words in caught.value.message


def test_an_error_says_file_line_and_key_as_far_as_they_are_known() -> None:
    error = PresetError("is missing", key="a.b")
    assert str(error) == "a.b: is missing"
    assert str(error.at(file="my.toml", line=3)) == "my.toml, line 3, a.b: is missing"
    assert str(PresetError("is empty", file="my.toml")) == "my.toml: is empty"
