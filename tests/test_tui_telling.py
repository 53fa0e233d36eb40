"""Numbers as characters: bars, curves, points; and lines of tables that fit."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli_scenes import HOSTILE, PAYLOAD
from tuinet.cells import cell_width
from tuinet.columns import Column
from tuinet.tui.telling import bar, dots, paragraph, sparkline, table
from tuinet.tui.told import of_event
from tuinet.tui.widgets.rows import laid_out


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 8, ""),
        ([1.0], 8, "▁"),
        ([2.0, 2.0, 2.0], 8, "▁▁▁"),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 8, "▁▂▃▄▅▆▇▇"),
        ([7.0, 0.0], 8, "▇▁"),
        ([0.0, 0.0, 4.0, 4.0], 2, "▁▇"),
        ([1.0, math.nan, 3.0], 8, "▁ ▇"),
        ([math.nan, math.inf], 8, "  "),
        ([1.0], 0, ""),
    ],
)
def test_a_curve_goes_from_its_lowest_to_its_highest_value(values: list[float], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


def test_two_curves_can_share_what_is_low_and_high() -> None:
    assert sparkline([0.0, 1.0], 8, 0.0, 2.0) == "▁▄"
    assert sparkline([5.0, -5.0], 8, 0.0, 2.0) == "▇▁"


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50), st.integers(0, 20))
@example([1.7e308, -1.7e308], 2)
def test_a_curve_never_is_wider_than_it_may_be(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(width, len(values))


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, ""), (-1.0, ""), (math.nan, ""), (1e-9, "╸"), (0.5, "━━"), (0.6, "━━╸"), (1.0, "━━━━"), (9.0, "━━━━")],
)
def test_a_bar_shows_that_there_is_something(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


def test_points_lie_where_they_belong_and_have_the_hue_of_their_group() -> None:
    lines = dots([[(0.0, 0.0)], [(1.0, 1.0), (math.nan, 0.0)]], 2, 2)
    assert lines == [[(" ", ""), ("⠈", "series-2")], [("⡀", "series-1"), (" ", "")]]
    assert dots([], 5, 5) == dots([[(math.inf, 0.0)]], 5, 5) == []


def test_one_point_alone_is_drawn() -> None:
    assert sum(text != " " for line in dots([[(3.0, 3.0)]], 4, 3) for text, _ in line) == 1


@given(st.lists(st.lists(st.text(max_size=30), min_size=3, max_size=3), max_size=6), st.integers(20, 90))
def test_lines_of_a_table_fit_and_line_up(texts: list[list[str]], width: int) -> None:
    columns = (Column("one", need=9, least=4), Column("two", right=True, need=5, least=4), Column("", need=1))
    title, lines = laid_out(columns, [[(text, "") for text in row] for row in texts], width)
    widths = {sum(cell_width(text) for text, _ in line) for line in (title, *lines)}
    assert len(widths) == 1 and max(widths) <= width


@pytest.mark.parametrize("payload", HOSTILE)
def test_no_text_of_others_commands_the_terminal(payload: str) -> None:
    columns = (Column("one"),)
    event = {"k": "alert", "s": 1, "t": 0.0, "message": payload}
    shown = [
        *(text for line in table(columns, [[(payload, "")]], 40) for text, _ in line),
        *(text for line in paragraph(payload, 40) for text, _ in line),
        of_event(event).text,
        of_event({"k": payload, payload: payload, "s": 1, "t": payload}).text,
    ]
    assert not PAYLOAD & set("".join(shown))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"k": "started", "device": "cpu", "threads": 2, "seed": 1, "parameters": 58, "resumed": None}, "2 threads"),
        ({"k": "started", "device": None, "threads": "x", "seed": [], "parameters": "?", "resumed": 3}, "step 3"),
        ({"k": "compiled", "seconds": 1.5, "kernels": 1}, "1 kernel in 1.50 s"),
        ({"k": "compiled", "seconds": None, "kernels": 0}, "all kernels were ready"),
        ({"k": "changed", "key": "training.batch_size", "old": 32, "new": 64, "why": "ctl"}, "32 → 64"),
        ({"k": "checkpoint", "kind": "best", "folder": "checkpoints/00000010", "bytes": 2000}, "2 kB"),
        ({"k": "verdict", "word": "good", "sentence": "It has settled."}, "good: It has settled."),
        ({"k": "stopped", "state": "failed", "reason": "error", "error": "no room"}, "no room"),
        ({"k": "something", "colour": "blue"}, "colour blue"),
    ],
)
def test_an_event_is_told_in_words_whatever_it_holds(record: dict[str, object], words: str) -> None:
    assert words in of_event({"s": 1, "t": 1e18, **record}).text
