"""Every key of a preset has its line, in every form that TOML has."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.preset_texts import WANTED
from tuinet import presets
from tuinet.presets.lines import find_lines


def paths(value: Any, here: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """Every path of a parsed document."""
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    found = {(*here, key) for key, _ in items}
    return found.union(*(paths(inner, (*here, key)) for key, inner in items))


@pytest.mark.parametrize("name", WANTED)
def test_every_key_of_a_preset_has_its_line(name: str) -> None:
    text = presets.load(name).text
    lines = find_lines(text)
    assert set(lines) == paths(tomllib.loads(text))
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1]


def test_lines_are_found_in_every_form_that_toml_has() -> None:
    text = (
        'a.b."c d" = 1\n"e.f" = [\n  1, # one\n  [2,\n   3],\n  { g = "}" , h = [ ] },\n]\nt = """\nx = 1\n"""\n'
        "[k.l]\nm = 1979-05-27 07:32:00.5\nn = -1.5e3\n[[o]]\n[o.p]\nq = '''\n'''\n[[o]]\n[[o.r]]\ns = {t.u = 1}\n"
    )
    lines = find_lines(text)
    assert set(lines) - {("k",)} == paths(tomllib.loads(text)) - {("k",)}
    expected: dict[tuple[str | int, ...], int] = {
        ("a", "b", "c d"): 1,
        ("e.f", 1, 1): 5,
        ("e.f", 2, "h"): 6,
        ("t",): 8,
        ("k", "l", "n"): 13,
        ("o", 0, "p", "q"): 16,
        ("o", 1, "r", 0, "s", "t", "u"): 20,
    }
    assert {path: lines[path] for path in expected} == expected
