"""Two runs side by side: what differs in their settings, what came of it, and their curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget

from tuinet import figures
from tuinet.cells import cell_width
from tuinet.columns import Column
from tuinet.runs import RunFolder
from tuinet.runs.comparing import changed_settings, gathered, metrics_of
from tuinet.runs.history import points
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.screens.base import Page, Told, lines, read
from tuinet.tui.telling import Line, paragraph, sparkline, table

GAP = 4
LEAST_BESIDE = 40  # cells that curves need to stand beside the tables


@dataclass(frozen=True)
class Compared:
    """What was found."""

    names: tuple[str, str]
    changed: list[tuple[str, Any, Any]]
    metrics: list[tuple[str, Any, Any, str | None]]
    curves: dict[str, tuple[list[float], list[float]]]


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
            text.update(lines(told(self._found, max(30, text.size.width))))

    def action_swap(self) -> None:
        """The other way round."""
        self._pair = (self._pair[1], self._pair[0])
        self.head((self._pair[0].id, "series-1"), (self._pair[1].id, "series-2"))
        self.say_command()
        self.in_background(self._read(), "read")


def compared(a: RunFolder, b: RunFolder) -> Compared:
    """Reads both. RunDamaged where one of them cannot be."""
    curves = {
        metric: ([y for _, y in points(a, metric)], [y for _, y in points(b, metric)])
        for metric in ("val_loss", "train_loss")
    }
    return Compared((a.id, b.id), gathered(changed_settings(a, b)), metrics_of(a, b), curves)


def told(found: Compared, width: int) -> list[Line]:
    """Settings, metrics and curves in lines of this width: the curves beside the tables where there is room."""
    rows = [*_settings(found, width), [], *_metrics(found, width)]
    taken = max(_length(line) for line in rows)
    room = width - taken - GAP
    if room < LEAST_BESIDE:
        return rows + _curves(found, width)
    nothing: Line = []
    return [
        [*line, (" " * (taken + GAP - _length(line)), ""), *curve] if curve else line
        for line, curve in zip_longest(rows, _curves(found, room)[1:], fillvalue=nothing)
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


def _curves(found: Compared, width: int) -> list[Line]:
    return [line for metric, (a, b) in found.curves.items() for line in _curve(metric, found.names, a, b, width)]


def _curve(metric: str, names: tuple[str, str], a: list[float], b: list[float], width: int) -> list[Line]:
    """Both curves as bars from the same lowest to the same highest value."""
    if not a or not b:
        return []
    finite = [value for value in (*a, *b) if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    longest, room = max(len(a), len(b)), min(width, 100)
    rows: list[Line] = [[], [(f"{metric}  {figures.number(low)} to {figures.number(high)}", "heading")]]
    for name, values, kind in ((names[0], a, "series-1"), (names[1], b, "series-2")):
        drawn = sparkline(values, max(1, room * len(values) // longest), low, high)
        rows += [[(drawn, kind)], [(safe(name, 60), "dim")]]
    return rows


def _shown(name: str, value: Any) -> str:
    if name == "seconds":
        return figures.duration(value)
    if isinstance(value, int):
        return figures.count(value)
    if name in ("epoch", "best_epoch"):
        return figures.setting(value)
    return figures.metric(name, value)
