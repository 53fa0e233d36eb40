"""Levels to strips: which colour stands where, what hysteresis keeps, and how small and large pictures fit a pane."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tuinet.tui.colours import palette
from tuinet.tui.widgets.heatmap import (
    CURSOR,
    EMPTY,
    Places,
    bars,
    classed,
    enlarged,
    grid_for,
    halves,
    heat_strips,
    legend,
    quantised,
    side_by_side,
    spark,
)

FULL, MANY, FEW, NONE = (palette(depth) for depth in ("full", "256", "16", "none"))
ASCII = palette("full", ascii=True)


def levels(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)


def shown(strips: list[Strip]) -> list[list[tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]]]:
    """Each character with its colour and its ground."""
    return [
        [(letter, _triplet(segment.style, "color"), _triplet(segment.style, "bgcolor"))
         for segment in strip for letter in segment.text]
        for strip in strips
    ]  # fmt: skip


def _triplet(style: Style | None, name: str) -> tuple[int, ...] | None:
    colour = getattr(style, name) if style is not None else None
    return None if colour is None or colour.triplet is None else tuple(colour.triplet)


@pytest.mark.parametrize("found", [FULL, MANY, FEW, NONE, palette("full", fine=False)])
def test_the_ends_and_the_middle_of_the_levels_are_those_of_the_ramp(found):
    ramp = found.diverging
    places = quantised(levels([1, 128, 255, 0]), ramp)
    assert places.tolist() == [[0, len(ramp) // 2, len(ramp) - 1, EMPTY]]
    mirrored = quantised(levels([128 + d for d in range(128)]), ramp) + quantised(
        levels([128 - d for d in range(128)]), ramp
    )
    assert set(mirrored.ravel().tolist()) == {2 * (len(ramp) // 2)}


def test_what_hardly_moves_stays_as_it_was_drawn():
    ramp, rng = FULL.diverging, np.random.default_rng(1)
    first = rng.integers(20, 230, (40, 40)).astype(np.uint8)
    places = quantised(first, ramp)
    nudged = (first.astype(int) + rng.integers(-1, 2, first.shape)).astype(np.uint8)
    assert (quantised(nudged, ramp) != places).mean() > 0.1
    assert (quantised(nudged, ramp, places) == places).all()
    assert (np.abs(quantised(first + 8, ramp, places) - quantised(first + 8, ramp)) <= 1).all()
    assert (quantised(first[:5], ramp, places) == quantised(first[:5], ramp)).all(), "another shape is drawn anew"
    gone = np.where(first > 100, 0, first)
    assert (quantised(gone, ramp, places)[first > 100] == EMPTY).all()
    assert (quantised(first, ramp, quantised(gone, ramp)) == places).all(), "what comes back is drawn"


def test_two_cells_go_into_a_character():
    ramp = FULL.diverging
    places: Places = np.array([[0, 5, 5, EMPTY], [62, 5, EMPTY, 9], [31, EMPTY, 31, 31]], np.int16)
    colours = ramp.colours
    assert shown(heat_strips(places, ramp, FULL)) == [
        [("▀", colours[0], colours[62]), (" ", None, colours[5]), ("▀", colours[5], None), ("▄", colours[9], None)],
        [("▀", colours[31], None), (" ", None, None), ("▀", colours[31], None), ("▀", colours[31], None)],
    ]  # fmt: skip


@pytest.mark.parametrize("found", [ASCII, FEW, NONE, palette("16", ascii=True)])
def test_where_a_character_shows_one_cell_each_row_is_a_line(found):
    ramp = found.diverging
    places: Places = np.array([[0, EMPTY, len(ramp) - 1], [len(ramp) // 2, 0, 0]], np.int16)
    lines = heat_strips(places, ramp, found)
    assert [strip.cell_length for strip in lines] == [3, 3] and not halves(found, ramp)
    text = [strip.text for strip in lines]
    if ramp.glyphs:
        assert text == [f"{ramp.glyphs[0]} {ramp.glyphs[-1]}", f" {ramp.glyphs[0] * 2}"]
    assert "".join(text).isascii() == (found.ascii or found is NONE)
    if ramp.colours:
        side = 1 if ramp.glyphs else 2
        assert shown(lines)[0][0][side] == ramp.colours[0] != shown(lines)[0][2][side]


@pytest.mark.parametrize("found", [FULL, MANY, FEW, NONE, ASCII])
def test_the_cursor_is_seen_on_every_ramp(found):
    ramp = found.diverging
    for place in range(len(ramp)):
        beside: Places = np.array([[place, CURSOR], [place, CURSOR]], np.int16)
        one, other = shown(heat_strips(beside, ramp, found))[0]
        assert one != other


def test_strips_are_runs_of_equal_cells_and_never_of_another_width():
    rng = np.random.default_rng(2)
    for rows, columns, found in product((1, 2, 7), (1, 3, 50), (FULL, NONE)):
        places = rng.integers(0, 3, (rows, columns)).astype(np.int16)
        for strip in heat_strips(places, found.diverging, found):
            assert strip.cell_length == columns == sum(segment.cell_length for segment in strip)
            styles = [(segment.text[0], segment.style) for segment in strip]
            assert all(a != b for a, b in pairwise(styles))


@pytest.mark.parametrize(
    ("size", "room", "two", "cell"),
    [((28, 40), (40, 14), True, (1, 1)), ((28, 40), (100, 40), True, (2, 2)), ((2, 8), (76, 16), True, (9, 10)),
     ((1, 8), (80, 12), True, (10, 10)), ((2, 8), (76, 16), False, (9, 8)), ((9, 9), (30, 20), False, (3, 2)),
     ((50, 50), (20, 5), True, (1, 1)), ((1, 1), (200, 50), True, (10, 10)), ((40, 1), (60, 10), True, (4, 1))],
)  # fmt: skip
def test_small_matrices_are_drawn_large_and_never_over_the_edge(size, room, two, cell):
    grown = enlarged(np.zeros(size, np.int16), *room, two=two)
    assert (grown.across, grown.down) == cell
    rows, columns = grown.places.shape
    if size[1] <= room[0] and size[0] <= room[1] * (2 if two else 1):
        assert columns <= room[0] and rows <= room[1] * (2 if two else 1)


def test_classes_take_the_series_colours_in_turn():
    assert classed(levels([1, 2, 6, 7, 0]), 6).tolist() == [[0, 1, 5, 0, EMPTY]]


def text_of(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("width", [1, 5, 24, 63, 80])
def test_a_legend_runs_from_end_to_end(width):
    for found in (FULL, FEW, NONE):
        segments = legend(found, found.diverging, width, Style())
        assert len(text_of(segments)) == width
    assert text_of(legend(NONE, NONE.diverging, 9, Style())) == NONE.diverging.glyphs


def test_bars_have_the_colour_of_their_sign_and_show_what_is_rare():
    segments = bars([0, 1, 800, 800, 400], -1.0, 1.5, FULL, Style())
    assert text_of(segments) == " ▁██▄"
    colours = [_triplet(segment.style, "color") for segment in segments]
    assert colours == [FULL.negative, FULL.negative, FULL.positive, FULL.positive, FULL.positive]
    assert text_of(bars([0, 1, 800, 400], -1, 1, NONE, Style())) == " .@="
    assert text_of(bars([], 0, 1, FULL, Style())) == ""


def test_a_course_runs_from_lowest_to_highest():
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], 20, FULL) == "▁▂▃▄▅▆▇█"
    assert spark([5, 5], 4, FULL) == "▅▅"
    assert spark([], 4, FULL) == ""
    long = spark(list(range(1000)), 30, NONE)
    assert len(long) == 30 and long.isascii() and (long[0], long[-1]) == (".", "@")


@pytest.mark.parametrize(
    ("tile", "total", "room"),
    [((28, 28), 128, (76, 20)), ((3, 3), 32, (60, 14)), ((3, 3), 1024, (60, 14)), ((28, 28), 10, (190, 45)),
     ((5, 5), 6, (60, 14)), ((28, 28), 128, (20, 6)), ((1, 9), 4, (40, 10)), ((28, 28), 1, (60, 14))],
)  # fmt: skip
def test_galleries_fit_their_room_and_show_a_dozen(tile, total, room):
    for two in (True, False):
        grid = grid_for(*tile, total, *room, two=two)
        rows = room[1] * (2 if two else 1)
        assert grid.across * (grid.width + 1) - 1 <= room[0] and grid.down * (grid.height + 1) - 1 <= rows
        assert grid.room >= 1
        if room[0] >= 40:
            assert grid.room >= min(total, 8 if two else 4)


def test_tiles_stand_side_by_side_with_a_gap():
    grid = grid_for(2, 2, 3, 8, 3, two=True)
    tiles = [np.full((2, 2), number, np.int16) for number in range(3)]
    found = side_by_side(tiles, grid)
    assert found.shape[0] <= 6 and found.shape[1] <= 8
    assert set(np.unique(found)) == {EMPTY, 0, 1, 2}
    one = side_by_side(tiles[:1], grid._replace(width=4, height=4))
    assert (one[:4, :4] == 0).all() and (one[:, 4:] == EMPTY).all()
