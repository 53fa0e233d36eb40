"""keys.toml: other keys for actions.

    loss.smooth = "m"
    runs.delete = ["x", "delete"]

Names of actions are those of actions.py, keys are Textual's: a character, f1 to f12, up, pagedown, ctrl+r, shift+tab.
What is wrong is left out and said in a sentence; the rest counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from tuinet.errors import nearest
from tuinet.safe_text import safe
from tuinet.tui.actions import ACTIONS, LABELS, Action
from tuinet.tui.config import read_table

FILE = "keys.toml"
NAMED = {
    *LABELS, "home", "end", "insert", "shift+tab",
    *(f"f{number}" for number in range(1, 25)),
}  # fmt: skip
HELD = re.compile(r"(?:(?:ctrl|shift|alt)\+)+")
TOGETHER = {
    "workbench": ("architecture", "loss", "weights", "overfitting"),
    "sheet": ("picker", "form", "choice"),
    "form": ("choice",),
}
"""Places whose keys are heard at the same time."""


def read_keymap() -> tuple[dict[str, str], list[str]]:
    """Keys by action, commas between, as Textual's `App.set_keymap` wants them; and what is wrong with the file."""
    table, problem = read_table(FILE)
    keymap: dict[str, str] = {}
    problems = [problem] if problem else []
    for name, said in _flat(table, ""):
        keys, wrong = _keys(name, said)
        if wrong:
            problems.append(f"{FILE}: {wrong}")
        else:
            keymap[name] = ",".join(keys)
    problems += [f"{FILE}: {text}" for text in _clashes(keymap)]
    return keymap, problems


def keys_of(action: Action, keymap: Mapping[str, str]) -> list[str]:
    """The keys of an action, as keys.toml or the table has them, by Textual's long names."""
    return [long_name(key) for key in keymap.get(action.id, action.keys).split(",")]


def long_name(key: str) -> str:
    """Textual's name of a key: question_mark for "?"."""
    from textual.binding import Binding

    return next(iter(Binding.make_bindings([Binding(key, "")]))).key


def is_key(key: str) -> bool:
    """Whether a word names a key that can be pressed."""
    held = HELD.match(key)
    last = key[held.end() :] if held and held.end() < len(key) else key
    if len(last) == 1:
        return last.isprintable() and last not in ", "
    if last in NAMED:
        return True
    try:
        unicodedata.lookup(last.replace("_", " "))
    except KeyError:
        return False
    return "_" in last


def _flat(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """`loss.smooth = "m"` is a table in a table for TOML, `"loss.smooth" = "m"` is not."""
    for name, value in table.items():
        path = f"{above}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _keys(name: str, said: Any) -> tuple[list[str], str]:
    """The keys that a line says, or what is wrong with it."""
    if name not in ACTIONS:
        return [], f'there is no action "{safe(name, 60)}"{nearest(name, ACTIONS)}'
    words = [said] if isinstance(said, str) else said
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return [], f'{name} wants a key, as in {name} = "{ACTIONS[name].keys.partition(",")[0]}"'
    keys = [word if word == "," else word.strip() for word in words]
    for key in keys:
        if not is_key(key):
            return [], f'{name}: "{safe(key, 40)}" is no key; a character, f1 to f12, up, ctrl+r, shift+tab ...'
    return keys, ""


def _clashes(keymap: dict[str, str]) -> Iterator[str]:
    """Takes out of the key map what another action of the same place has as its key, and says so."""
    for name in list(keymap):
        for other in ACTIONS.values():
            if other.id == name or not _heard_together(ACTIONS[name].place, other.place):
                continue
            both = set(keys_of(ACTIONS[name], keymap)) & set(keys_of(other, keymap))
            if both:
                del keymap[name]
                yield f"{name}: {', '.join(sorted(both))} is the key of {other.id} already; give that another one"
                break


def _heard_together(one: str, other: str) -> bool:
    pair = {one, other}
    return (
        one == other
        or "app" in pair
        or any(pair <= {place, inner} for place, inners in TOGETHER.items() for inner in inners)
    )
