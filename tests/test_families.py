"""Every member of every family has its sentence and its place in the list."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.families import FAMILIES, MEMBERS
from tuinet.fields import describe


@pytest.mark.parametrize(("family", "word"), MEMBERS)
def test_everything_has_a_sentence_and_a_help_text_for_each_setting(family: str, word: str) -> None:
    cls = FAMILIES[family][word]
    assert cls.__doc__ and cls.__doc__.strip()[0].isalpha()
    assert all(field.help for field in describe(cls)), word
    assert {field.name for field in describe(cls)} == {item.name for item in fields(cls) if item.compare}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_listed_in_order(family: str) -> None:
    assert list(FAMILIES[family]) == sorted(FAMILIES[family])
