"""No byte of foreign text commands the terminal, hides, or turns the text around (reliability.md, S1 and S2)."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuinet.safe_text import HIDDEN, safe

CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def hidden(code: int) -> bool:
    return any(low <= code <= high for low, high in HIDDEN)


def test_every_code_point_comes_out_as_visible_characters() -> None:
    left = [code for code in range(sys.maxunicode + 1) if not hidden(code)]
    text = "".join(map(chr, left))
    assert safe(text) == text
    assert not [hex(code) for code in left if unicodedata.category(chr(code)) in CONTROL]
    for low, high in HIDDEN:
        shown = safe("".join(map(chr, range(low, high + 1))))
        assert not [mark for mark in shown if hidden(ord(mark))], hex(low)
        assert len(shown) >= high - low + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é 中 🙂 [bold]", "plain text, é 中 🙂 [bold]"),
        ("\x1b[31mred", "␛[31mred"),
        ("two\nlines\r\tand\x00", "two␊lines␍␉and␀"),
        ("\x7f\x9b31m", "␡<U+009B>31m"),
        ("a\u202egpj.exe", "a<U+202E>gpj.exe"),
        ("\u2066x\u2069\u200e\u200b\ufeff", "<U+2066>x<U+2069><U+200E><U+200B><U+FEFF>"),
        ("tag\U000e0041\U000e007f", "tag<U+E0041><U+E007F>"),
        ("bad\udcff\udc80byte", "bad\\xff\\x80byte"),
        ("lone\ud800", "lone<U+D800>"),
    ],
)
def test_what_commands_or_hides_is_shown_as_a_mark(text: str, shown: str) -> None:
    assert safe(text) == shown
    assert safe(shown) == shown


@given(st.text(st.characters(codec=None)), st.integers(0, 40))
def test_a_limit_is_kept_and_a_cut_is_shown(text: str, limit: int) -> None:
    shown = safe(text, limit)
    assert len(shown) <= limit
    assert shown == safe(text) or shown == "" or shown.endswith("…")


def test_a_name_of_ten_million_characters_is_cut_at_once() -> None:
    assert safe("\x1b" * 10_000_000, 5) == "␛␛␛␛…"
