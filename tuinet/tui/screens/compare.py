"""Two runs side by side: what differs in their settings, what came of it, and their curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget

from tuinet import figures
from tuinet.cells import cell_width, cut
from tuinet.columns import Column
from tuinet.runs import RunFolder
from tuinet.runs.comparing import changed_settings, gathered, metrics_of
from tuinet.runs.history import points
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.chart import framed
from tuinet.tui.colours import palette_of
from tuinet.tui.screens.base import Page, Told, lines, read
from tuinet.tui.telling import Line, paragraph, table
from tuinet.tui.widgets.plot import Axis, Canvas, Pattern, frame, nice_limits, to_plain

GAP = 4
LEAST_BESIDE = 40  # cells that curves need to stand beside the tables
WIDEST, LOWEST, HIGHEST = 220, 8, 36  # cells of a chart
DRAWN: tuple[tuple[str, Pattern, str, str], ...] = (("series-1", "solid", "━", "a"), ("series-2", "dashed", "╌", "b"))
"""How the two curves are drawn: colour, line, and what stands for it in the legend and where there is no braille."""

Points = list[tuple[float, float]]  # (epoch, value)


@dataclass(frozen=True)
class Compared:
    """What was found."""

    names: tuple[str, str]
    changed: list[tuple[str, Any, Any]]
    metrics: list[tuple[str, Any, Any, str | None]]
    curves: dict[str, tuple[Points, Points]]


class Compare(Page):
    """Text that scrolls."""

    TITLE = "Compare"
    PLACE = "compare"
    BINDINGS = bindings("compare")

    def __init__(self, a: RunFolder, b: RunFolder) -> None:
        super().__init__()
        self._pair = (a, b)
        self._found: Compared | None = None

    def body(self) -> ComposeResult:
        with VerticalScroll(id="told", classes="panel told"):
            yield Told(id="text")

    def main(self) -> Widget:
        return self.query_one("#told")

    def command(self) -> str:
        return f"tuinet compare {self._pair[0].id} {self._pair[1].id}"

    def on_mount(self) -> None:
        super().on_mount()
        self.head((self._pair[0].id, "series-1"), (self._pair[1].id, "series-2"))
        self.in_background(self._read(), "read")

    async def _read(self) -> None:
        self._found = await read(compared, *self._pair)
        self._tell()

    def on_told_resized(self) -> None:
        self._tell()

    def _tell(self) -> None:
        text = self.query_one("#text", Told)
        if self._found is not None:
            room = max(30, text.size.width), self.main().size.height
            text.update(lines(told(self._found, *room, braille=not palette_of(self.app).ascii)))

    def action_swap(self) -> None:
        """The other way round."""
        self._pair = (self._pair[1], self._pair[0])
        self.head((self._pair[0].id, "series-1"), (self._pair[1].id, "series-2"))
        self.say_command()
        self.in_background(self._read(), "read")


def compared(a: RunFolder, b: RunFolder) -> Compared:
    """Reads both. RunDamaged where one of them cannot be."""
    curves = {metric: (points(a, metric), points(b, metric)) for metric in ("val_loss", "train_loss")}
    return Compared((a.id, b.id), gathered(changed_settings(a, b)), metrics_of(a, b), curves)


def told(found: Compared, width: int, height: int, *, braille: bool = True) -> list[Line]:
    """Settings, metrics and curves in lines of this width: the curves beside the tables where there is room.

    height: lines that are seen at a time. braille: whether the terminal has it.
    """
    rows = [*_settings(found, width), [], *_metrics(found, width)]
    taken = max(_length(line) for line in rows)
    room = width - taken - GAP
    if room < LEAST_BESIDE:
        return rows + _charts(found, width, height, braille)
    nothing: Line = []
    return [
        [*line, (" " * (taken + GAP - _length(line)), ""), *curve] if curve else line
        for line, curve in zip_longest(rows, _charts(found, room, height, braille)[1:], fillvalue=nothing)
    ]


def _settings(found: Compared, width: int) -> list[Line]:
    if not found.changed:
        return paragraph("The settings are the same.", width)
    columns = (
        Column("setting", least=14, need=9), *(Column(name, least=8, need=8) for name in found.names)
    )  # fmt: skip
    cells = [[(key, ""), (figures.setting(a), "series-1"), (figures.setting(b), "series-2")]
             for key, a, b in found.changed]  # fmt: skip
    return table(columns, cells, width)


def _metrics(found: Compared, width: int) -> list[Line]:
    measured = (
        Column("metric", least=10, need=9),
        *(Column(name, right=True, need=8, least=8) for name in found.names),
        Column("", need=7),
    )
    cells = []
    for name, a, b, better in found.metrics:
        if figures.BY_STEP.search(name):
            continue
        left, right = (("good" if better == side else "") for side in "ab")
        mark = {"a": "◂ better", "b": "▸ better"}.get(better or "", "")
        cells.append([(name, ""), (_shown(name, a), left), (_shown(name, b), right), (mark, "good")])
    return table(measured, cells, width)


def _length(line: Line) -> int:
    return sum(cell_width(text) for text, _ in line)


def _charts(found: Compared, width: int, height: int, braille: bool) -> list[Line]:
    """The curves of each metric, one chart below the other, to fill so many lines."""
    shown = {metric: both for metric, both in found.curves.items() if all(both)}
    each = min(HIGHEST, max(LOWEST, height // max(1, len(shown)) - 2))
    return [line for metric, both in shown.items() for line in _chart(metric, found.names, both, width, each, braille)]


def _chart(
    metric: str, names: tuple[str, str], both: tuple[Points, Points], width: int, height: int, braille: bool
) -> list[Line]:
    """Both curves over the epochs, the second one dashed."""
    width = min(width, WIDEST)
    curves = [np.array(points, np.float64).T for points in both]
    at, values = np.hstack(curves)
    finite = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    x = Axis(min(0.0, float(at.min())), max(1.0, float(at.max())))
    y = nice_limits(float(finite.min()), float(finite.max()), ticks=max(3, height // 3))
    still = frame(width, height, x, y)
    canvas = Canvas(still.width, still.height, y, braille=braille)
    legend: list[Line] = []
    for (at, values), name, (kind, pattern, line, mark) in zip(curves, names, DRAWN, strict=True):
        places = x.share(at) * canvas.columns
        canvas.line(places, values, kind, pattern=pattern, mark=mark)
        if len(at) <= canvas.width // 3:
            canvas.points(places, values, kind, mark=mark)
        legend.append([(f"{line if braille else mark} ", kind), (cut(safe(name, 60), width - 2), "dim")])
    rows = [
        [(text, "dim" if ink in ("axis", "frame") else ink) for text, ink in row] for row in framed(still, canvas, {})
    ]
    heading: Line = [(metric, "heading")]
    beside = [*heading, *(piece for entry in legend for piece in (("   ", ""), *entry))]
    above = [beside] if _length(beside) <= width else [heading, *legend]
    return [[], *above, *(rows if braille else map(to_plain, rows))]


def _shown(name: str, value: Any) -> str:
    if name == "seconds":
        return figures.duration(value)
    if isinstance(value, int):
        return figures.count(value)
    if name in ("epoch", "best_epoch"):
        return figures.setting(value)
    return figures.metric(name, value)
