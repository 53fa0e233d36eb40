"""Colours for numbers: ramps for heatmaps and hues for curves, for every depth of colour that a terminal may have.

    full   24 bits: ramps made in OKLCH, so that equal steps look equal and both arms of a diverging one are as bright
    256    hand-picked entries of xterm's palette: a fine ramp handed to a terminal of 256 colours loses its order
    16     hues tell the sign, shades (░▒▓█) the size
    none   ASCII characters alone; round ones are negative, crossed ones positive

Orange is negative and blue positive, as in TensorFlow Playground; both stay apart to eyes that see no red or no green.
Nothing here knows a widget: a colour is (red, green, blue), and whoever draws makes styles of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from textual.app import App

Colour = tuple[int, int, int]
Depth = Literal["full", "256", "16", "none"]
BY_SYSTEM: dict[str | None, Depth] = {
    "truecolor": "full",
    "256": "256",
    "standard": "16",
    "windows": "16",
    None: "none",
}
BY_COUNT: dict[int, Depth] = {2**24: "full", 256: "256", 16: "16", 0: "none"}

FINE, COARSE = 63, 15  # levels of a ramp in 24 bits: on this machine, and over a slow line
NEGATIVE, POSITIVE = 62.0, 250.0  # hues in degrees: orange and blue
VIRIDIS = "440154 472d7b 3b528b 2c728e 21918c 28ae80 5ec962 addc30 fde725"


@dataclass(frozen=True)
class Ramp:
    """Levels from the lowest to the highest; of a diverging one the middle level is zero.

    colours: one for each level, none where the terminal has none. glyphs: one character for each level where colour
    alone cannot tell them apart; such a ramp cannot be drawn two to a character.
    """

    colours: tuple[Colour, ...]
    glyphs: str = ""

    def __len__(self) -> int:
        return len(self.colours) or len(self.glyphs)


@dataclass(frozen=True)
class Palette:
    """All that is needed to draw numbers on one terminal under one theme.

    series: hues that can be told apart, in the order in which they are to be used. ascii: nothing but ASCII may be
    drawn. An empty series, and None for a colour, mean the terminal's own.
    """

    depth: Depth
    dark: bool
    ascii: bool
    diverging: Ramp
    sequential: Ramp
    grey: Ramp
    series: tuple[Colour, ...]
    good: Colour | None
    warn: Colour | None
    bad: Colour | None
    faint: Colour | None

    @property
    def negative(self) -> Colour | None:
        """A clear colour of the sign, for bars and words."""
        return self.diverging.colours[len(self.diverging) // 6] if self.diverging.colours else None

    @property
    def positive(self) -> Colour | None:
        return self.diverging.colours[-1 - len(self.diverging) // 6] if self.diverging.colours else None


@lru_cache
def palette(depth: Depth = "full", dark: bool = True, *, ascii: bool = False, fine: bool = True) -> Palette:
    """fine: as many levels as can be told apart; else fewer, which cost a slow line less."""
    if depth == "full":
        levels = FINE if fine else COARSE
        ramps = _diverging(levels, dark), _sequential(levels), _greys(levels)
        named = _named(DARK if dark else LIGHT)
    elif depth == "256":
        picked = (DIVERGING_DARK if dark else DIVERGING_LIGHT, SEQUENTIAL, GREYS)
        ramps = _picked(picked[0]), _picked(picked[1]), _picked(picked[2])
        named = tuple(map(_xterm, DARK_256 if dark else LIGHT_256))
    elif depth == "16":
        ramps, named = _shaded(dark, ascii), tuple(ANSI[number] for number in (DARK_16 if dark else LIGHT_16))
    else:
        plain = Ramp((), " .:-=+*#%@")
        return Palette("none", dark, ascii, Ramp((), SIGNED), plain, plain, (), None, None, None, None)
    return Palette(depth, dark, ascii, *ramps, named[4:], *named[:4])


def palette_of(app: App[Any]) -> Palette:
    """The palette for the terminal and the theme of an app: by its `abilities`, where it has found them out."""
    dark = app.current_theme.dark
    abilities = getattr(app, "abilities", None)
    if abilities is not None:
        depth = BY_COUNT.get(abilities.colours, "16")
        return palette(depth, dark, ascii=not abilities.unicode, fine=not abilities.ssh)
    return palette("none" if app.no_color else BY_SYSTEM.get(app.console.color_system, "16"), dark)


# -- hand-picked ----------------------------------------------------------------------------------------------------

# good, warn, bad, faint, then the series: Okabe and Ito's hues, the light ones on dark and the dark ones on light.
DARK = "3fc79a f0b429 ff6f59 8a8f98  56b4e9 e69f00 1fbf8f f0e442 ff8a5c cc79a7"
LIGHT = "00795a 9a6700 c4320a 6b7280  0072b2 c95f00 00795a 8a7000 a83279 4b3f9e"
DARK_256 = (79, 214, 209, 245, 75, 214, 36, 227, 209, 175)
LIGHT_256 = (29, 94, 160, 242, 25, 166, 29, 100, 126, 55)
DARK_16 = (10, 11, 9, 8, 14, 11, 10, 13, 12, 9)
LIGHT_16 = (2, 3, 1, 8, 4, 1, 2, 5, 6, 3)

DIVERGING_DARK = (223, 215, 208, 166, 130, 94, 235, 24, 25, 26, 33, 75, 153)
DIVERGING_LIGHT = (94, 130, 166, 208, 215, 223, 255, 153, 111, 69, 27, 25, 18)
SEQUENTIAL = (53, 54, 24, 30, 36, 71, 77, 113, 149, 185, 191, 227)
GREYS = tuple(range(232, 256, 2))

SIGNED = "@Oo- +x*#"
SHADES, SHADES_ASCII = " ░▒▓█", " .+*#"
# The sixteen colours as those programs take them that have to choose the nearest.
ANSI: tuple[Colour, ...] = (
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
)  # fmt: skip


def _named(words: str) -> tuple[Colour, ...]:
    return tuple(map(_hex, words.split()))


def _hex(word: str) -> Colour:
    red, green, blue = bytes.fromhex(word)
    return red, green, blue


def _picked(numbers: Sequence[int]) -> Ramp:
    return Ramp(tuple(map(_xterm, numbers)))


def _xterm(number: int) -> Colour:
    """An entry of xterm's palette: 16 to 231 a cube of six steps, from 232 on greys."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    number -= 16
    return steps[number // 36], steps[number // 6 % 6], steps[number % 6]


def _shaded(dark: bool, ascii: bool) -> tuple[Ramp, Ramp, Ramp]:
    shades = SHADES_ASCII if ascii else SHADES
    low, high, one = (11, 12, 14) if dark else (1, 4, 4)
    sides = (low,) * 4 + (7 if dark else 8,) + (high,) * 4
    glyphs = SIGNED if ascii else shades[:0:-1] + shades
    grey = Ramp((ANSI[7 if dark else 0],) * 5, shades)
    return Ramp(tuple(ANSI[n] for n in sides), glyphs), Ramp((ANSI[one],) * 5, shades), grey


# -- made ---------------------------------------------------------------------------------------------------------


def _diverging(levels: int, dark: bool) -> Ramp:
    """From near the background to bright on a dark theme, to dark on a light one; both arms alike in lightness."""
    half = levels // 2
    start, end = (0.25, 0.90) if dark else (0.965, 0.34)

    def arm(hue: float) -> list[Colour]:
        shares = [step / half for step in range(1, half + 1)]
        return [_oklch(start + (end - start) * share, 0.16 * math.sin(math.pi * share**0.8 * 0.82), hue)
                for share in shares]  # fmt: skip

    return Ramp((*reversed(arm(NEGATIVE)), _oklch(start, 0.0, 0.0), *arm(POSITIVE)))


def _sequential(levels: int) -> Ramp:
    stops = _named(VIRIDIS)
    places = [step * (len(stops) - 1) / (levels - 1) for step in range(levels)]
    return Ramp(tuple(_between(stops[int(p)], stops[min(int(p) + 1, len(stops) - 1)], p % 1) for p in places))


def _greys(levels: int) -> Ramp:
    return Ramp(tuple((round(18 + 224 * step / (levels - 1)),) * 3 for step in range(levels)))


def _between(low: Colour, high: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(low, high, strict=True))
    return red, green, blue


def readable(ground: Colour) -> Colour:
    """Black or white, whichever can be read on this."""
    red, green, blue = ground
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


def _oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """Björn Ottosson's OKLCH to sRGB (https://bottosson.github.io/posts/oklab/); what no screen has becomes paler."""
    while True:
        a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        )
        if chroma < 0.002 or all(-0.001 <= part <= 1.001 for part in linear):
            red, green, blue = (_encoded(part) for part in linear)
            return red, green, blue
        chroma -= 0.002


def _encoded(part: float) -> int:
    part = min(max(part, 0.0), 1.0)
    return round(255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055))
