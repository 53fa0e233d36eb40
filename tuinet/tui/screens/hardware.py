"""The hardware lesson over any screen: one network in many widths, timed on processor and GPU by another process."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen

from tuinet.columns import Column
from tuinet.diagnostics.hardware import Timed, pairs
from tuinet.runs.checked import number
from tuinet.tui.actions import bindings
from tuinet.tui.application import Teller, Tuinet
from tuinet.tui.asked import asked
from tuinet.tui.screens.base import Told, lines
from tuinet.tui.telling import Line, bar, paragraph, table
from tuinet.tui.widgets.hints import Hints

MEASURED = partial(asked, "bench", "--hardware")
BAR = 12  # cells
INTRODUCTION = (
    "A dense network with two hidden layers, 256 examples a step, in ever more units: how long a step takes "
    "on the processor and on the GPU. What trains meanwhile slows it down. The bars are logarithmic."
)


class Hardware(Teller, ModalScreen[None]):
    """Rows appear as they are measured; closing it ends the measuring."""

    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    Hardware { align: center middle; background: $background; }
    Hardware > #box {
        width: 86; max-width: 100%; height: auto; max-height: 100%;
        border: round $border; border-title-color: $primary; border-title-style: bold; background: $surface;
        padding: 0 1;
    }
    Hardware VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
    """

    def __init__(self, rows: Callable[[], AsyncIterator[Mapping[str, Any]]] = MEASURED) -> None:
        """rows: those of `tuinet bench --hardware --json`."""
        super().__init__()
        self._rows = rows
        self._found: list[Timed] = []
        self._end: Mapping[str, Any] = {}
        self._over = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = "Processor and GPU"
            with VerticalScroll():
                yield Told(id="text")
        yield Hints("tuinet bench --hardware")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self._tell()
        self.in_background(self._measure(), "measure")

    def on_told_resized(self) -> None:
        self._tell()

    async def _measure(self) -> None:
        try:
            async for row in self._rows():
                if row.get("row") == "end":
                    self._end = row
                elif (one := timed_of(row)) is not None:
                    self._found.append(one)
                self._tell()
        finally:
            self._over = True
            self._tell()

    def _tell(self) -> None:
        if self.is_mounted:
            text = self.query_one("#text", Told)
            text.update(lines(told(self._found, self._end, self._over, text.size.width or 76)))

    def action_close(self) -> None:
        self.dismiss()


def page(app: Tuinet) -> Hardware:
    return Hardware()


def timed_of(row: Mapping[str, Any]) -> Timed | None:
    """A row of the command; None where it says anything that is none."""
    found = [number(row.get(name)) for name in ("width", "threads", "us_per_step", "multiply_adds", "kernels")]
    width, threads, microseconds, multiply_adds, kernels = (value if value is not None else -1.0 for value in found)
    if not (width > 0 and threads > 0 and 0 < microseconds < math.inf and multiply_adds > 0 and kernels >= 0):
        return None
    return Timed(int(width), str(row.get("device")), int(threads), microseconds, int(multiply_adds), int(kernels))


def told(found: Sequence[Timed], end: Mapping[str, Any], over: bool, width: int) -> list[Line]:
    """Introduction, the widths so far, and in the end what they teach."""
    rows = [*paragraph(INTRODUCTION, width, "dim"), []]
    gpu = {processor.width: one for processor, one in pairs(found)}
    logs = [math.log(one.microseconds) for one in found]
    span = (max(logs) - min(logs)) or 1.0 if logs else 1.0

    def cells(one: Timed | None) -> list[tuple[str, str]]:
        if one is None:
            return [("", ""), ("", "")]
        share = 0.08 + 0.92 * (math.log(one.microseconds) - min(logs)) / span
        return [(f"{one.microseconds:,.0f} µs", ""), (bar(share, BAR), "series-2" if one.on_gpu else "series-1")]

    columns = [
        Column("width", right=True, need=9),
        Column("processor", right=True, need=8),
        Column("", least=BAR, need=5),
    ]
    columns += [Column("GPU", right=True, need=8), Column("", least=BAR, need=5), Column("", need=4)] if gpu else []
    body = []
    for one in (one for one in found if not one.on_gpu):
        other = gpu.get(one.width)
        line = [(f"{one.width:,}", "bold"), *cells(one)]
        if gpu:
            factor = f"{one.microseconds / other.microseconds:.2f}× as fast" if other is not None else ""
            line += [*cells(other), (factor, "dim")]
        body.append(line)
    rows += table(columns, body, width) if body else [[("timing the first width ...", "dim")]]
    if end:
        why = end.get("no_gpu")
        said = f"Only the processor was timed: {why}." if why else str(end.get("sentence") or "")
        rows += [[], *paragraph(said, width, "warn" if why else "accent")]
    elif over:
        rows += [[], *paragraph("The measuring has failed; `tuinet bench --hardware` says why.", width, "bad")]
    return rows
