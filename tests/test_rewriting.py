"""A preset's text takes other settings: it then says them and nothing else, and what was not touched stays."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tuinet import presets
from tuinet.presets.rewriting import rewritten

COMMENTED = """\
# mine
title = "A net"

[data]
set = "digits"      # small

[[layers]]
type = "flatten"    # a picture becomes a row

[[layers]]
type = "dense"
units = 32          # enough

[[layers]]
type = "dense"
name = "out"
units = "classes"

[training]
loss = "cross_entropy"
optimizer = { type = "adam", learning_rate = 1e-3 }
"""


def stacks(document: Any) -> Iterator[list[Any]]:
    """Every list of layers in it."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("layers", "branches", "encoder", "decoder") and isinstance(value, list):
                yield value
            yield from stacks(value)
    elif isinstance(document, list):
        for value in document:
            yield from stacks(value)


def edit(stack: list[Any], dice: random.Random) -> None:
    place = dice.randrange(len(stack)) if stack else 0
    what = dice.choice(("add", "remove", "move", "set", "double"))
    if what == "add" or not stack:
        stack.insert(place, {"type": "dropout", "rate": 0.25})
    elif what == "remove":
        del stack[place]
    elif what == "move":
        stack.insert(dice.randrange(len(stack)), stack.pop(place))
    elif what == "set":
        stack[place]["units"] = dice.randint(1, 99)
    else:
        stack.insert(place, deepcopy(stack[place]))


@pytest.mark.parametrize("name", presets.names())
def test_the_text_says_the_edited_document_and_nothing_else(name: str) -> None:
    dice = random.Random(name)
    text = presets.load(name).text
    for _ in range(6):
        document = tomllib.loads(text)
        for _ in range(dice.randint(1, 3)):
            edit(dice.choice(list(stacks(document))), dice)
        text = rewritten(text, document)
        assert tomllib.loads(text) == document


def test_comments_stay_with_what_they_are_about() -> None:
    document = tomllib.loads(COMMENTED)
    document["layers"][1]["units"] = 64
    document["layers"].insert(1, {"type": "dropout", "rate": 0.5})
    document["layers"].insert(0, document["layers"].pop(2))
    document["training"]["optimizer"]["learning_rate"] = 0.01
    text = rewritten(COMMENTED, document)
    assert tomllib.loads(text) == document
    for comment in ("# mine", "# small", "# a picture becomes a row", "# enough"):
        assert comment in text
    assert text.index("# enough") < text.index("# a picture")
    assert "\n\n\n" not in text


def test_a_text_that_says_it_already_is_not_touched() -> None:
    assert rewritten(COMMENTED, tomllib.loads(COMMENTED)) == COMMENTED


def test_a_text_that_is_no_toml_is_laid_out_anew() -> None:
    document = tomllib.loads(COMMENTED)
    assert tomllib.loads(rewritten("[[[", document)) == document
