"""Numbers into characters: dots where they belong, no steep curve with holes, ticks that people can read."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from tuinet.tui.widgets.plot import (
    BRAILLE,
    DOTS,
    Axis,
    Canvas,
    Entry,
    frame,
    nice_end,
    nice_limits,
    nice_step,
    ticks,
    time_ticks,
    to_plain,
    together,
)


def text(canvas: Canvas) -> list[str]:
    return ["".join(text for text, _ in row) for row in canvas.rows()]


def dots(canvas: Canvas) -> np.ndarray:
    """The picture as single dots, rows from the top."""
    rows = []
    for row in text(canvas):
        bits = np.array([ord(character) - BRAILLE if character != " " else 0 for character in row], np.uint8)
        rows.append((bits[None, :, None] & DOTS[:, None, :] > 0).reshape(4, -1))
    return np.vstack(rows)


def canvas(width: int = 10, height: int = 4, lo: float = 0.0, hi: float = 15.0, *, log: bool = False) -> Canvas:
    return Canvas(width, height, Axis(lo, hi, log))


def test_a_curve_has_its_dots_where_its_values_are() -> None:
    drawn = canvas()
    values = np.arange(20) % 16
    drawn.line(np.arange(20) + 0.5, values.astype(float), "train")
    found = dots(drawn)
    for column, value in enumerate(values):
        assert found[15 - value, column]
    assert found[:, :15].sum() == 15, "one dot a column where the slope is one"


def test_a_steep_curve_has_no_holes() -> None:
    drawn = canvas()
    values = np.array([0.0, 15.0] * 10)
    drawn.line(np.arange(20) + 0.5, values, "train")
    found = dots(drawn)
    for left in range(19):
        rows = np.flatnonzero(found[:, left] | found[:, left + 1])
        assert rows.tolist() == list(range(16)), "from one value to the next every row is touched"


def test_points_far_apart_are_joined_by_a_straight_line() -> None:
    drawn = canvas()
    drawn.line(np.array([0.5, 19.5]), np.array([0.0, 15.0]), "train")
    found = dots(drawn)
    for column in range(20):
        assert abs(15 - np.flatnonzero(found[:, column]).mean() - column * 15 / 19) <= 1


def test_a_curve_that_begins_before_and_ends_behind_the_canvas_runs_through() -> None:
    drawn = canvas()
    drawn.line(np.array([-30.0, 50.0]), np.array([7.0, 7.0]), "train")
    assert dots(drawn).any(axis=0).all()
    empty = canvas()
    empty.line(np.array([-30.0, -2.0]), np.array([7.0, 7.0]), "train")
    empty.line(np.array([22.0, 50.0]), np.array([7.0, 7.0]), "train")
    assert not dots(empty).any()


def test_a_sharp_peak_between_two_columns_is_drawn_whole() -> None:
    drawn = canvas()
    drawn.line(np.array([0.5, 9.1, 9.2, 9.3, 19.5]), np.array([0.0, 0.0, 15.0, 0.0, 0.0]), "train")
    assert dots(drawn)[:, 9].all()


@pytest.mark.parametrize("pattern", ["dotted", "dashed"])
def test_patterns_leave_gaps(pattern: str) -> None:
    drawn = canvas()
    drawn.line(np.array([0.0, 20.0]), np.array([7.0, 7.0]), "val", pattern=pattern)  # type: ignore[arg-type]
    filled = dots(drawn).any(axis=0)
    assert 0 < filled.sum() < 20


def test_a_band_reaches_from_its_lowest_to_its_highest_value_and_is_lighter_than_a_curve() -> None:
    drawn = canvas()
    drawn.band(np.full(20, 3.0), np.full(20, 12.0), "band")
    found = dots(drawn)
    assert found[3].all() and found[12].all()
    assert not found[:3].any() and not found[13:].any()
    assert 0.3 < found[4:12].mean() < 0.7


def test_nothing_is_drawn_where_there_is_no_value_and_infinity_goes_to_the_edge() -> None:
    drawn = canvas()
    low, high = np.full(20, 3.0), np.full(20, 5.0)
    low[4:8], high[4:8] = math.nan, math.nan
    high[12] = math.inf
    drawn.band(low, high, "band")
    found = dots(drawn)
    assert not found[:, 4:8].any()
    assert found[0, 12] and not found[0, 11]
    assert drawn.above(high) == [6]
    drawn.line(np.array([]), np.array([]), "train")
    drawn.line(np.array([3.0]), np.array([math.nan]), "train")
    assert not dots(drawn)[:, 4:8].any()


def test_values_outside_the_limits_are_cut_off_at_the_edge() -> None:
    drawn = canvas()
    drawn.line(np.array([0.5, 10.5, 19.5]), np.array([7.0, 1e300, 7.0]), "train")
    drawn.points(np.array([4.0, 6.0]), np.array([99.0, -99.0]), "val")
    found = dots(drawn)
    assert found[8, 0] and found[8, 19]
    assert not found[9:].any()


def test_points_outside_the_limits_leave_the_others_where_they_are() -> None:
    drawn, alone = canvas(), canvas()
    drawn.points(np.array([2.0, 8.0, 12.0, 16.0]), np.array([99.0, 7.0, math.nan, 3.0]), "val")
    alone.points(np.array([8.0, 16.0]), np.array([7.0, 3.0]), "val")
    assert text(drawn) == text(alone)


def test_a_logarithmic_axis_shows_decades_as_equal_and_what_is_not_positive_not_at_all() -> None:
    drawn = canvas(lo=1.0, hi=1000.0, log=True)
    drawn.line(np.array([0.5, 19.5]), np.array([10.0, 10.0]), "train")
    assert np.flatnonzero(dots(drawn)[:, 3]).tolist() == [10]
    nothing = canvas(lo=1.0, hi=1000.0, log=True)
    nothing.line(np.array([0.5, 19.5]), np.array([0.0, -5.0]), "train")
    assert not dots(nothing).any()


def test_curves_lie_over_bands_lines_behind_curves_and_texts_over_all() -> None:
    drawn = canvas()
    drawn.band(np.zeros(20), np.full(20, 15.0), "band")
    drawn.vertical(3, "cursor", "│")
    drawn.line(np.array([0.0, 20.0]), np.array([7.0, 7.0]), "train")
    drawn.text(0, 8, "best", "best")
    rows = list(drawn.rows())
    assert text(drawn)[1][3] == "│"
    assert ("⠤" * 10, "train") in rows[2] or ("⠉" * 10, "train") in rows[2]
    assert text(drawn)[0][8:] == "be", "cut off at the edge"
    assert rows[0][0][1] == "band"


def test_where_there_is_no_braille_each_curve_has_its_own_character() -> None:
    drawn = Canvas(10, 4, Axis(0.0, 15.0), braille=False)
    drawn.band(np.zeros(20), np.full(20, 15.0), "band")
    drawn.line(np.array([0.0, 20.0]), np.array([7.0, 7.0]), "train", mark="*")
    drawn.points(np.array([9.0]), np.array([14.0]), "val", mark="o")
    drawn.vertical(7, "best")
    whole = "\n".join("".join(text for text, _ in to_plain(row)) for row in drawn.rows())
    assert whole.isascii()
    assert "**********" in whole and "o" in whole and ":" in whole


@pytest.mark.parametrize(("width", "height"), [(0, 0), (1, 1), (0, 5), (5, 0), (2, 1)])
def test_the_smallest_canvas_can_be_drawn_on(width: int, height: int) -> None:
    drawn = canvas(width, height)
    if width and height:
        drawn.points(np.array([0.0]), np.array([3.0]), "val")
    drawn.line(np.array([0.0, 3.0]), np.array([1.0, 9.0]), "train")
    drawn.vertical(0, "cursor")
    drawn.text(0, 0, "best", "best")
    assert [len(row) for row in text(drawn)] == [width] * height


def test_neighbours_of_one_ink_are_one_text() -> None:
    assert together([("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")]) == [("ab", "x"), ("c", "y"), ("d", "x")]


# -- axes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lo", "hi", "most", "labels"),
    [
        (0, 1, 5, "0 0.2 0.4 0.6 0.8 1.0"),
        (0, 7, 7, "0 1 2 3 4 5 6 7"),
        (0, 2.5, 5, "0 0.5 1.0 1.5 2.0 2.5"),
        (0, 4700, 5, "0 1k 2k 3k 4k"),
        (0, 1_000_000, 5, "0 200k 400k 600k 800k 1.0M"),
        (0, 3_000_000, 3, "0 1M 2M 3M"),
        (-0.5, 0.5, 5, "-0.4 -0.2 0 0.2 0.4"),
        (0.84, 0.96, 6, "0.84 0.86 0.88 0.90 0.92 0.94 0.96"),
        (0, 0.0001, 2, "0 5e-05 0.0001"),
        (1200, 1300, 2, "1.20k 1.25k 1.30k"),
        (0, 2e27, 5, "0 5e26 1e27 1.5e27 2e27"),
        (0, 3.5e12, 4, "0 1e12 2e12 3e12"),
        (3e12, 3.5e12, 2, "3e12 3.5e12"),
        (-1e300, 1e300, 2, "-1e300 0 1e300"),
        (0, 5e11, 1, "0 500G"),
    ],
)
def test_ticks_are_round(lo: float, hi: float, most: int, labels: str) -> None:
    assert " ".join(tick.label for tick in ticks(Axis(lo, hi), most)) == labels


@pytest.mark.parametrize(
    ("lo", "hi", "most", "labels"),
    [
        (0.01, 100, 6, "0.01 0.1 1 10 100"),
        (0.1, 1, 6, "0.1 0.2 0.5 1"),
        (1, 1e6, 3, "1 100 10k 1M"),
        (1e-8, 1e-2, 3, "1e-08 1e-06 0.0001 0.01"),
        (0.5, 2, 6, "0.5 1 2"),
        (0.2, 5, 4, "0.2 0.5 1 2 5"),
        (0.02, 0.5, 2, "0.02 0.5"),
        (0.5, 1, 1, "0.5 1"),
        (3, 4, 2, "3.0 3.5 4.0"),
        (1, 1e30, 3, "1 10G 1e20 1e30"),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_decades_or_parts_of_them(lo: float, hi: float, most: int, labels: str) -> None:
    assert " ".join(tick.label for tick in ticks(Axis(lo, hi, log=True), most)) == labels


@pytest.mark.parametrize(
    ("hi", "most", "labels"),
    [(8, 4, "0s 2s 4s 6s 8s"), (90, 4, "0:00 0:30 1:00 1:30"), (7200, 4, "0:00 30:00 1:00:00 1:30:00 2:00:00")],
)
def test_times_are_ticked_by_minutes_and_hours(hi: float, most: int, labels: str) -> None:
    assert " ".join(tick.label for tick in time_ticks(Axis(0, hi), most)) == labels


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_limits_hold_everything_and_end_at_round_numbers(seed: int, log: bool) -> None:
    draws = np.random.default_rng(seed)
    lo, hi = np.sort(10.0 ** draws.uniform(-6, 6, 2))
    axis = nice_limits(lo, hi, log=log)
    assert axis.lo <= lo * (1 + 1e-9) and hi <= axis.hi * (1 + 1e-9)
    assert axis.log is log
    if log:
        assert all(f"{edge:.6e}"[0] in "125" for edge in (axis.lo, axis.hi))
    else:
        assert axis.hi - axis.lo <= 3 * (hi - lo), "and leave not much room"
        step = nice_step(hi - lo, 5)
        assert abs(axis.hi / step - round(axis.hi / step)) < 1e-6


@pytest.mark.parametrize(
    ("lo", "hi", "wanted"), [(0.7, 0.98, (0.5, 1)), (0.3, 2.3, (0.2, 5)), (0.02, 0.25, (0.02, 0.5)), (1, 1, (1, 2))]
)
def test_a_logarithmic_axis_goes_no_further_than_to_the_next_round_number(
    lo: float, hi: float, wanted: tuple[float, float]
) -> None:
    axis = nice_limits(lo, hi, log=True)
    assert (axis.lo, axis.hi) == pytest.approx(wanted)
    assert len(ticks(axis, 2)) >= 2 and len(ticks(axis, 6)) >= 2, "one label alone says no scale"


@pytest.mark.parametrize(
    ("lo", "hi"), [(3, 3), (0, 0), (math.nan, math.nan), (math.inf, -math.inf), (-2, -2), (1, math.inf)]
)
@pytest.mark.parametrize("log", [False, True])
def test_limits_of_nothing_can_be_drawn_too(lo: float, hi: float, log: bool) -> None:
    axis = nice_limits(lo, hi, log=log)
    assert math.isfinite(axis.lo) and math.isfinite(axis.hi) and axis.lo < axis.hi
    assert ticks(axis, 5)


def test_the_end_of_a_growing_axis_moves_seldom() -> None:
    ends = {nice_end(step) for step in range(1, 100_001)}
    assert len(ends) < 45
    assert all(nice_end(step) > step for step in range(1, 2000))
    assert all(nice_end(step) < 2 * step + 1 for step in range(1, 2000))


LEGEND = (Entry("━", "train", "train"), Entry("┅", "val", "val"))


def test_the_frame_has_its_ticks_where_the_values_are_drawn() -> None:
    x, y = Axis(0, 6), Axis(0, 1.0)
    made = frame(60, 16, x, y, LEGEND)
    assert {len(row) for row in made.rows} == {60} and len(made.rows) == 16
    assert (made.left + made.width, made.height + 2) == (60, 16)
    for row, line in enumerate(made.rows[: made.height]):
        edge = line[made.left - 1]
        assert edge in "│┤" and line[made.left :].strip() == ""
        if edge == "┤":
            value = float(line[: made.left - 1])
            drawn = Canvas(made.width, made.height, y)
            drawn.line(np.array([0.0, 9.0]), np.array([value, value]), "train")
            assert text(drawn)[row].strip(), f"{value} is drawn in the row of its tick"
    axis, below = made.rows[made.height], made.rows[made.height + 1]
    for found in re.finditer(r"\d", below):
        column = made.left + min(made.width - 1, int(float(found.group()) / 6 * made.width))
        assert axis[column] in "┬└"
        assert abs(found.start() - column) <= 1


def test_the_legend_names_every_curve_with_its_mark() -> None:
    made = frame(60, 16, Axis(0, 6), Axis(0, 1), LEGEND)
    assert [row.strip() for row in made.legend] == ["━━ train", "┅┅ val"]
    assert len({len(row) for row in made.legend}) == 1


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (5, 20), (11, 4), (12, 4), (20, 3), (300, 80)])
def test_a_frame_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    width, height = size
    made = frame(width, height, Axis(0, 1e6), Axis(0.001, 1, log=True), LEGEND)
    assert [len(row) for row in made.rows] == [width] * height
    assert made.left + made.width == width


def test_a_frame_is_made_once() -> None:
    assert frame(50, 12, Axis(0, 6), Axis(0, 1)) is frame(50, 12, Axis(0, 6), Axis(0, 1))
