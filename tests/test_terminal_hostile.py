"""S1: no character of any content commands the terminal, whatever widget it came through."""

from __future__ import annotations

import re
from time import perf_counter

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from tests.pty_screen import Pty, environment, python
from tests.terminal_apps import PAYLOADS
from tuinet.safe_text import safe
from tuinet.tui.terminal.visible import Visible

OURS = re.compile(
    rb"\x1b\[[\d;]*m"  # colours
    rb"|(?:\r\n)?\x1b\[\d+;\d+H|\x1b\[\d+C"  # a place
    rb"|\x1b\[\?(?:25|7|1049|1000|1003|1004|1006|1015|1016|2004|2026|2048)[hl]"
    rb"|\x1b\[\?(?:2026|2048)\$p|\x1b\[>25u|\x1b\[<u|\x1b\]22;\w+\x07"
)
"""All that a screen of ours has to say to a terminal beside characters."""


def shown(*flags: str, **env: str) -> bytes:
    """What an app sent while it showed every payload in every widget."""
    words = python("-m", "tests.terminal_apps", "hostile", *flags)
    with Pty(words, env=environment(**env), size=(150, 50)) as terminal:
        terminal.wait_for("all shown", seconds=30)
        terminal.settle()  # or it would end within a command of ours
        return bytes(terminal.out)


def commands_in(out: bytes) -> list[str]:
    """The payloads that came through as they are, and any other control character beside our own."""
    found = [name for name, payload in PAYLOADS.items() if "undecodable" not in name and payload.encode() in out]
    rest = OURS.sub(b"", out).decode()
    return found + sorted({ascii(letter) for letter in rest if safe(letter) != letter})


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="with the difference"),
        pytest.param({"TUINET_NO_DIFF": "1"}, id="without", marks=pytest.mark.slow),
        pytest.param({"TUINET_ASCII": "1"}, id="ascii", marks=pytest.mark.slow),
    ],
)
def test_nothing_hostile_comes_through_any_widget(env: dict[str, str]) -> None:
    out = shown(**env)
    assert commands_in(out) == []
    if "TUINET_ASCII" not in env:
        for mark in ("␛]52;c;", "<U+202E>", "␛c", "<U+E0041>", "\\xff"):
            assert mark in out.decode(), "the marks are there to be seen"


@pytest.mark.slow
def test_control_textual_lets_it_through() -> None:
    out = shown("--stock", "--no-guard")
    assert {"clipboard", "clipboard, 8 bits", "title", "full reset", "bidi", "hidden"} <= set(commands_in(out))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("unicode", [True, False])
def test_a_line_keeps_its_width_and_loses_its_links(payload: str, unicode: bool) -> None:
    style = Style(bold=True, link=f"http://x/{payload}")
    line = Strip([Segment("中"), Segment(payload, style), Segment("end of it")])
    kept = Strip(Visible(unicode).apply(list(line), Color(0, 0, 0)))
    assert kept.cell_length == line.cell_length
    assert safe(kept.text) == kept.text
    assert unicode or kept.text.isascii()
    assert not [style.link for _, style, _ in kept if style is not None and style.link]


def test_the_check_costs_little() -> None:
    """Once for each line that is drawn anew: under a tenth of what a widget needs to draw it."""
    line = [Segment("loss 0.213 ", Style(bold=True)), Segment("▁▂▃▄▅▆▇█" * 10), Segment(" epoch 3/20 ")]
    check, black = Visible(), Color(0, 0, 0)

    def seconds() -> float:
        began = perf_counter()
        for _ in range(100):
            check.apply(line, black)
        return (perf_counter() - began) / 100

    assert min(seconds() for _ in range(20)) < 30e-6
