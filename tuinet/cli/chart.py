"""Curves drawn in characters by plotext: a chart to print once, on points reduced so that its peaks stay.

With colour the lines are braille; without, each line is drawn in a letter of its own, so that a chart in a log file
still says which is which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuinet.cells import cell_width, cut, wrap
from tuinet.cli.output import Terminal

MOST_POINTS = 220
COLOURS = (6, 3, 5, 2, 4, 1, 14, 11)  # of the terminal's own palette, so that they suit its background
LETTERS = "abcdefgh"
WIDEST, LEAST = 110, 30
LOGARITHMIC_FROM = 30.0
"""A chart whose values span more than this factor has a logarithmic axis."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its name and its points; values that are not finite are left out."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(curves: Sequence[Curve], terminal: Terminal, *, across: str = "epoch", height: int = 14) -> list[str]:
    """Lines of a chart of the curves with their legend above, or a sentence where there is nothing to draw."""
    drawn = [(curve.name, _finite(curve.points)) for curve in curves[: len(LETTERS)]]
    points = [point for _, line in drawn for point in line]
    if len({x for x, _ in points}) < 2:
        return ["(a curve needs two epochs)"]
    values = [y for _, y in points]
    logarithmic = min(values) > 0 and max(values) / min(values) > LOGARITHMIC_FROM
    width = max(LEAST, min(terminal.width or 80, WIDEST) - 1)
    legend = _legend([name for name, _ in drawn], logarithmic, width, terminal)
    return [*legend, *_plot(drawn, terminal, logarithmic, across, width, height)]


def reduced(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most about `most` points: of each stretch the lowest and the highest one, in their order, and both ends."""
    if len(points) <= most:
        return list(points)
    stretches = most // 2
    kept = [points[0]]
    for index in range(stretches):
        part = points[len(points) * index // stretches : len(points) * (index + 1) // stretches]
        kept += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return [*kept, points[-1]]


def _plot(
    drawn: Sequence[tuple[str, list[tuple[float, float]]]],
    terminal: Terminal,
    logarithmic: bool,
    across: str,
    width: int,
    height: int,
) -> list[str]:
    import plotext

    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.theme("clear")
    for index, (_, line) in enumerate(drawn):
        few = reduced(line)
        ys = [math.log10(y) if logarithmic else y for _, y in few]
        marker = LETTERS[index] if _in_letters(terminal, len(drawn)) else "braille"
        plotext.plot([x for x, _ in few], ys, marker=marker, color=COLOURS[index])
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    plotext.xlabel(across)
    low, high = _range([y for _, line in drawn for _, y in line], logarithmic)
    places = [low + (high - low) * step / 4 for step in range(5)]
    plotext.yticks(places, [f"{10**place if logarithmic else place:.3g}" for place in places])
    first, last = _range([x for _, line in drawn for x, _ in line], False)
    step = max(1, math.ceil((last - first) / 6))
    marks = list(range(math.ceil(first), math.floor(last) + 1, step))
    plotext.xticks(marks, [f"{mark}" for mark in marks])
    built = str(plotext.build())
    plotext.clear_figure()
    if not terminal.colour:
        built = plotext.uncolorize(built)
    return [line.rstrip() for line in built.rstrip("\n").split("\n")]


def _legend(names: Sequence[str], logarithmic: bool, width: int, terminal: Terminal) -> list[str]:
    scale = "  (logarithmic)" if logarithmic else ""
    if _in_letters(terminal, len(names)):
        named = [f"{letter} = {name}" for letter, name in zip(LETTERS, names, strict=False)]
        return wrap(", ".join(named) + scale, width)
    parts = [f"{_line_sign(terminal, index)} {cut(name, width - 4)}" for index, name in enumerate(names)]
    taken = sum(cell_width(name) + 5 for name in names) + len(scale)
    return ["  ".join(parts) + scale] if taken <= width else parts


def _line_sign(terminal: Terminal, index: int) -> str:
    return f"\x1b[38;5;{COLOURS[index]}m━━\x1b[0m" if terminal.colour else "━━"


def _in_letters(terminal: Terminal, curves: int) -> bool:
    return not terminal.unicode or (curves > 1 and not terminal.colour)


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _range(values: Sequence[float], logarithmic: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (math.log10(low), math.log10(high)) if logarithmic else (low, high)
