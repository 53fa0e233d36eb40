"""Text, tables, figures and charts: cut by cells, aligned, and never wider than they may be."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuinet import figures
from tuinet.cells import cell_width, cut, cut_inside, pad, wrap
from tuinet.cli.bar import Bar, Rate, bar_line
from tuinet.cli.chart import Curve, chart, reduced
from tuinet.cli.output import Terminal
from tuinet.cli.table import Cell, Column, table
from tuinet.safe_text import safe


class Screen(io.StringIO):
    """A terminal of a given size."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal(Screen())


# -- cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("名前", 4), ("", 0), ("🙂", 2)])
def test_text_is_measured_in_cells(text: str, width: int) -> None:
    assert cell_width(text) == width


@given(st.text(max_size=60), st.integers(0, 40))
def test_cut_and_padded_text_has_the_width_it_was_given(text: str, width: int) -> None:
    shown = safe(text)
    assert cell_width(cut(shown, width)) <= width
    assert cell_width(cut_inside(shown, width)) <= width
    assert cell_width(pad(shown, width)) == width
    assert cell_width(pad(shown, width, right=True)) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("holiday_0001.jpg", 16, "holiday_0001.jpg"), ("holiday_0001.jpg", 12, "hol…0001.jpg"), ("abc", 1, "…"),
     ("abc", 0, ""), ("名前名前名前", 7, "名…名前"), ("abcdefe\u0301fg", 6, "a…fe\u0301fg"),
     ("abcdefe\u0301fg", 4, "a…fg")],
)  # fmt: skip
def test_what_is_cut_inside_keeps_its_begin_and_more_of_its_end(text: str, width: int, shown: str) -> None:
    assert cut_inside(text, width) == shown


@given(st.text(alphabet="ab `·x", max_size=200), st.integers(20, 60))
def test_wrapping_loses_no_letter(text: str, width: int) -> None:
    lines = wrap(text, width, indent="  ")
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_command_in_backticks_stays_on_one_line() -> None:
    assert wrap("try to use `tuinet runs prune`, please", 20)[1] == "`tuinet runs prune`,"


# -- tables ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30)), max_size=5), st.data())
def test_a_table_of_anything_fits_and_keeps_its_most_needed_column(
    rows: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    width = data.draw(st.integers(20, 100))
    columns = (Column("name", need=9, least=8), Column("size", right=True, need=5), Column("note", need=1, least=4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        lines = table(columns, rows, Terminal(io.StringIO()))
    assert len(lines) == len(rows) + 1
    assert "name" in lines[0]
    assert all("\n" not in line for line in lines)
    if width >= 70:
        assert all(cell_width(line) <= width for line in lines)


def test_the_least_needed_column_leaves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    columns = (Column("run", need=9), Column("size", need=2), Column("state", need=7))
    lines = table(columns, [["spiral-12ab", "1234567 kB", "finished"]], Terminal(io.StringIO()))
    assert lines == ["run          state", "spiral-12ab  finished"]


@pytest.mark.parametrize("width", [24, 80])
@pytest.mark.parametrize("longer", ["IMG_20240101_123456_holiday_in_the_mountains", "x" * 300])
def test_files_whose_names_begin_alike_are_told_apart(longer: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    columns = (Column("row", right=True, need=9, least=16, inside=True), Column("label", need=8, least=6))
    rows = [[f"holidays/{longer}_{number:04}.jpg", "mountain" * 9] for number in range(3)]
    lines = table(columns, rows, Terminal(io.StringIO()))
    assert [f"_{number:04}.jpg  " in line for number, line in enumerate(lines[1:])] == [True] * 3
    assert all(cell_width(line) <= width for line in lines) and lines[1].startswith("holid"[: 5 if width > 24 else 2])


def test_a_pipe_gets_every_column_in_full() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        lines = table((Column("a", least=2), Column("b")), [["x" * 150, "y"]], Terminal(io.StringIO()))
    assert lines[1] == "x" * 150 + "  y"


def test_numbers_line_up_under_wide_names(screen: Terminal) -> None:
    columns = (Column("name"), Column("n", right=True))
    lines = table(columns, [["名前", Cell("1", ("good",))], ["abc", "10"]], screen)
    assert lines[1:] == ["名前  \x1b[32m 1\x1b[0m", "abc   10"]


@pytest.mark.parametrize(
    ("env", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_only_where_it_is_wanted(env: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    assert ("\x1b" in Terminal(Screen()).paint("x", "bold")) is colour
    assert Terminal(io.StringIO()).paint("x", "bold") == "x"


# -- figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (0, "0.0000"),
        (12.5, "12.5000"),
        (123.456, "123.46"),
        (12345.678, "12,345.7"),
        (154348.31, "154,348"),
        (0.0068812, "0.006881"),
        (0.06881, "0.06881"),
        (1e-9, "1.00e-09"),
        (1e12, "1.00e+12"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ("nan", "nan"),
        (None, "–"),
    ],
)
def test_a_number_is_short(value: object, shown: str) -> None:
    assert figures.number(value) == shown
    assert len(shown) <= 8


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.00 s"),
        (9.99, "9.99 s"),
        (9.999, "10.0 s"),
        (59.99, "1:00"),
        (125.4, "2:05"),
        (3723, "1:02:03"),
        (-5, "0.00 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert figures.duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3_760_000, "3.76 MB"), (123_456_789, "123 MB"), (10**12, "1.0 TB")],
)
def test_sizes(size: int, shown: str) -> None:
    assert figures.size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-3600, "just now"), (0, "just now"), (61, "1 min"), (7200, "2 h"), (86400 * 3, "3 days")]
)
def test_ages_survive_a_clock_that_was_set_back(seconds: float, shown: str) -> None:
    assert figures.age(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.001, "0.001"),
        (1e-5, "1e-05"),
        (True, "true"),
        (32, "32"),
        ("all", "all"),
        ([1, 2.5], "[1, 2.5]"),
        (None, "–"),
    ],
)
def test_settings_look_as_in_a_preset(value: object, shown: str) -> None:
    assert figures.setting(value) == shown


@pytest.mark.parametrize(
    ("done", "planned", "shown"),
    [(None, 20.0, ""), (0.0, 20.0, "0/20"), (0.12504, 20.0, "0.125/20"), (12.0, None, "12"), (1.5, 0.0, "1.5"),
     (1841.2, 1e6, "1841/1000000"), (123456.0, 1e6, "123456/1000000")],
)  # fmt: skip
def test_epochs_are_whole_where_there_are_many(done: float | None, planned: float | None, shown: str) -> None:
    assert figures.epochs(done, planned) == shown


# -- the bar ---------------------------------------------------------------------------------


@given(st.floats(-1, 2), st.integers(20, 200), st.text(alphabet="ab1/", max_size=30))
def test_the_bar_stays_on_its_line(share: float, width: int, before: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        line = bar_line(Terminal(io.StringIO()), share, before, ("54,120 samples/s", "ETA 1:02:03"))
    assert cell_width(line) < width


def test_the_bar_is_drawn_at_most_ten_times_a_second_and_leaves_a_clean_line(screen: Terminal) -> None:
    clock = [0.0]
    bar = Bar(screen, now=lambda: clock[0])
    for _ in range(100):
        bar.draw(0.5, "epoch 1")
        clock[0] += 0.01
    drawn = screen.stream.getvalue()  # type: ignore[attr-defined]
    assert 9 <= drawn.count("epoch 1") <= 11
    bar.hide()
    bar.hide()
    assert screen.stream.getvalue()[len(drawn) :] == "\r\x1b[K"  # type: ignore[attr-defined]


def test_there_is_no_bar_without_a_terminal() -> None:
    stream = io.StringIO()
    bar = Bar(Terminal(stream))
    bar.draw(0.5, "epoch 1")
    bar.hide()
    assert stream.getvalue() == ""


def test_the_rest_is_told_from_the_pace_and_never_negative() -> None:
    rate = Rate()
    assert rate.left(100) == ""
    rate.see(0, 0.0)
    rate.see(50, 5.0)
    assert rate.left(100) == "0:05"
    rate.see(120, 6.0)
    assert rate.left(100) == "0:00"


# -- charts ----------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=3000))
def test_reduced_points_keep_the_peaks_and_both_ends(values: list[float]) -> None:
    points = [(float(index), value) for index, value in enumerate(values)]
    few = reduced(points)
    assert len(few) <= 222
    assert few[0] == points[0] and few[-1] == points[-1]
    assert max(y for _, y in few) == max(values)
    assert min(y for _, y in few) == min(values)
    assert [x for x, _ in few] == sorted(x for x, _ in few)


@pytest.mark.parametrize("width", ["40", "80", "120"])
def test_a_chart_fits_and_names_its_curves(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    curves = [Curve("one", [(1, 1.0), (2, 0.5), (3, math.nan)]), Curve("two", [(1, 2.0), (3, 900.0)])]
    lines = chart(curves, Terminal(io.StringIO()))
    assert all(cell_width(line) <= int(width) for line in lines)
    assert "a = one, b = two (logarithmic)" in lines
    assert not any("\x1b" in line for line in lines)


def test_one_point_is_no_curve(screen: Terminal) -> None:
    assert chart([Curve("one", [(1, 1.0)])], screen) == ["(a curve needs two epochs)"]


def test_a_flat_curve_and_negative_values_are_drawn(screen: Terminal) -> None:
    assert len(chart([Curve("flat", [(1, 0.5), (2, 0.5)])], screen)) > 5
    assert len(chart([Curve("below", [(1, -5.0), (2, 500.0)])], screen)) > 5
