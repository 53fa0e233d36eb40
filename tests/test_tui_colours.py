"""Ramps keep their order, show the sign to every eye, and come out of a terminal of few colours as they were picked."""

from __future__ import annotations

from itertools import pairwise, product
from types import SimpleNamespace

import pytest
from rich.color import Color, ColorSystem

from tuinet.tui.colours import ANSI, SHADES, SIGNED, Colour, palette, palette_of

THEMES = [True, False]
SYSTEMS = {"full": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT, "16": ColorSystem.STANDARD}


def linear(colour: Colour) -> list[float]:
    parts = [part / 255 for part in colour]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: Colour) -> float:
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def arrived(colour: Colour, depth: str) -> Colour:
    """What a terminal of that depth is sent for the colour."""
    sent = Color.from_rgb(*colour).downgrade(SYSTEMS[depth])
    if depth == "16":
        return ANSI[sent.number or 0]
    red, green, blue = sent.get_truecolor()
    return red, green, blue


@pytest.mark.parametrize(("depth", "dark", "fine"), [*product(("full", "256"), THEMES, THEMES)])
def test_a_diverging_ramp_grows_from_its_neutral_middle_to_both_ends(depth, dark, fine):
    ramp = palette(depth, dark, fine=fine).diverging
    assert len(ramp) % 2 == 1 and len(ramp) == len({arrived(colour, depth) for colour in ramp.colours})
    middle = len(ramp) // 2
    assert max(ramp.colours[middle]) - min(ramp.colours[middle]) <= 2
    levels = [luminance(arrived(colour, depth)) for colour in ramp.colours]
    for arm in (levels[middle:], levels[middle::-1]):
        assert all(a < b if dark else a > b for a, b in pairwise(arm))


@pytest.mark.parametrize("dark", THEMES)
def test_both_arms_are_equally_far_from_zero_in_lightness(dark):
    ramp = palette("full", dark).diverging
    for low, high in zip(ramp.colours, reversed(ramp.colours), strict=True):
        assert luminance(low) ** (1 / 3) == pytest.approx(luminance(high) ** (1 / 3), abs=0.06)


# Viénot, Brettel and Mollon 1999: what is left of linear red, green, blue without the cones for red, or for green.
BLIND = {
    "no red": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "no green": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize(("depth", "dark", "eye"), [*product(("full", "256", "16"), THEMES, BLIND)])
def test_the_signs_stay_apart_to_eyes_without_red_or_green(depth, dark, eye):
    ramp = palette(depth, dark).diverging

    def seen(colour: Colour) -> list[float]:
        return [sum(a * b for a, b in zip(row, linear(colour), strict=True)) for row in BLIND[eye]]

    half = len(ramp) // 2
    for place in range(half // 2):  # the outer halves: near zero there is no sign to see
        low, high = seen(arrived(ramp.colours[place], depth)), seen(arrived(ramp.colours[-1 - place], depth))
        assert max(abs(a - b) for a, b in zip(low, high, strict=True)) > 0.06


@pytest.mark.parametrize(("depth", "name", "dark"), [*product(("full", "256"), ("sequential", "grey"), THEMES)])
def test_sequential_ramps_grow_brighter_with_every_level(depth, name, dark):
    levels = [luminance(arrived(c, depth)) for c in getattr(palette(depth, dark), name).colours]
    assert all(a < b for a, b in pairwise(levels))


@pytest.mark.parametrize(("depth", "dark"), [*product(("256", "16"), THEMES)])
def test_hues_come_out_as_they_were_picked(depth, dark):
    found = palette(depth, dark)
    for colour in (*found.series, *found.diverging.colours, found.good, found.warn, found.bad):
        if len(set(colour)) > 1:  # greys may come out one step darker
            assert arrived(colour, depth) == colour
    assert len(set(found.series)) == 6


@pytest.mark.parametrize("dark", THEMES)
def test_sixteen_colours_tell_the_size_by_shades(dark):
    found = palette("16", dark)
    assert found.diverging.glyphs == "█▓▒░ ░▒▓█" and found.sequential.glyphs == SHADES
    assert set(found.diverging.colours) <= set(ANSI)
    assert palette("16", dark, ascii=True).diverging.glyphs == SIGNED


def test_without_colours_each_level_has_an_ascii_character_of_its_own():
    found = palette("none")
    assert (found.diverging.colours, found.series, found.positive, found.bad) == ((), (), None, None)
    for ramp in (found.diverging, found.sequential):
        assert ramp.glyphs.isascii() and len(set(ramp.glyphs)) == len(ramp) == len(ramp.glyphs)
    assert found.diverging.glyphs[len(found.diverging) // 2] == " "


@pytest.mark.parametrize(
    ("system", "no_color", "depth"),
    [("truecolor", False, "full"), ("256", False, "256"), ("standard", False, "16"), (None, False, "none"),
     ("truecolor", True, "none")],
)  # fmt: skip
def test_the_palette_follows_the_terminal(system, no_color, depth):
    app = SimpleNamespace(
        no_color=no_color, console=SimpleNamespace(color_system=system), current_theme=SimpleNamespace(dark=False)
    )
    assert palette_of(app) == palette(depth, False)


@pytest.mark.parametrize(("colours", "depth"), [(2**24, "full"), (256, "256"), (16, "16"), (0, "none")])
def test_the_palette_follows_what_the_application_has_found_out(colours, depth):
    abilities = SimpleNamespace(colours=colours, unicode=False, ssh=True)
    app = SimpleNamespace(abilities=abilities, current_theme=SimpleNamespace(dark=True))
    assert palette_of(app) == palette(depth, True, ascii=True, fine=False)
