"""The top line: which run, its state, how far it is, how fast, and how often the screen is painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tuinet import figures
from tuinet.cells import cell_width, cut
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.tui.view import RunView, Status

MARKS = {
    "running": ("●", "training", "$good"),
    "paused": ("‖", "paused", "$warn"),
    "starting": ("◌", "starting", "$text-muted"),
    "created": ("◌", "created", "$text-muted"),
    "finished": ("✓", "finished", "$good"),
    "stopped": ("■", "stopped", "$text-muted"),
    "failed": ("✖", "failed", "$bad"),
    "diverged": ("✖", "diverged", "$bad"),
    "interrupted": ("!", "interrupted", "$warn"),
}
EIGHTHS = " ▏▎▍▌▋▊▉█"
GAP, DOT = "   ", " · "  # between two parts


@dataclass(frozen=True)
class Part:
    """Something to say, if there is room: parts of less need give way first."""

    text: str
    need: int
    style: str = ""


def parts(name: str, status: Status, at: int | None, pace: str) -> list[Part]:
    """What there is to say, in the order in which it stands. Numbers have the width that they will grow to."""
    mark, word, colour = MARKS.get(status.state, ("?", status.state, "$warn"))
    if status.compiling:
        word = f"compiling {status.compiling}"
    elif status.slow and status.state == "running":
        word = f"slow motion, {status.slow:g} s a step" if status.slow >= 0.05 else "slow motion"
    found = [
        Part("tuinet", 1, "$text-muted"),
        Part(safe(name, 64), 9, "bold"),
        Part(f"{mark} {safe(word, 40)}", 10, colour),
    ]
    if status.epochs:
        done = min(status.epoch, status.epochs)
        digits = len(str(status.epochs))
        found.append(Part(f"epoch {int(done):>{digits}}/{status.epochs} {bar(done / status.epochs, 10)}", 7))
    steps = f"/{status.steps:,}" if status.steps else ""
    width = len(f"{status.steps or status.step:,}")
    found.append(Part(f"step {status.step:>{width},}{steps}", 6))
    known = status.samples_per_s == status.samples_per_s and not status.slow  # it leaves out what stretches the steps
    if status.state in ("running", "starting") and known:
        found.append(Part(f"{figures.count(round(status.samples_per_s)):>9} samples/s", 4))
    if status.eta is not None:
        found.append(Part(f"ETA {figures.duration(status.eta):>8}", 5))
    elif status.state not in ("running", "starting"):
        found.append(Part(figures.duration(status.seconds), 3))
    if status.device.startswith("cuda") and not status.busy:  # else it stands in the line below, with all that it says
        found.append(Part(figures.gpu_name(status.device, status.gpu), 2, "$text-muted"))
    elif status.device and not status.busy:
        found.append(Part(safe(f"{status.device} ×{status.threads or 1}", 40), 2, "$text-muted"))
    if at is not None:
        found.append(Part(f"step {at:,}, not live (esc)", 8, "reverse"))
    found.append(Part(pace, 3 if "↓" in pace else 0, "$text-muted"))  # rather than that nobody knows why it is slow
    return found


def gpu_parts(status: Status) -> list[Part]:
    """The GPU that trains, and what it says of itself; nothing for a run on the processor, or one that is over."""
    name = Part(figures.gpu_name(status.device, status.gpu), 3, "$text-muted")
    if status.needed and (status.state == "starting" or status.compiling):
        return [name, Part(status.needed, 5)]
    if not status.busy:
        return []
    busy, memory, celsius, watts = status.busy
    return [name, Part(busy, 5), Part(memory, 4), Part(celsius, 2), Part(watts, 1)]


def bar(share: float, width: int) -> str:
    """A bar of eighths of a character, between two edges."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return "▕" + ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width) + "▏"


def fitting(found: Sequence[Part], width: int, gap: str = GAP) -> list[Part]:
    """The parts that have room, the needed ones first."""
    kept: list[Part] = []
    room = width - 2
    for part in sorted(found, key=lambda part: -part.need):
        taken = cell_width(part.text) + (len(gap) if kept else 0)
        if taken <= room:
            kept.append(part)
            room -= taken
    return [part for part in found if part in kept]


class Line(Widget):
    """Parts beside each other in one line; its width is the screen's, so that nothing moves when a number grows."""

    DEFAULT_CSS = "Line { height: 1; background: $panel; color: $foreground; }"
    BETWEEN = GAP

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: list[Part] = []

    def say(self, found: Sequence[Part]) -> None:
        """Paints only where something differs."""
        shown = fitting(found, self.app.size.width, self.BETWEEN)
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render(self) -> Content:
        pieces: list[str | tuple[str, str]] = [" "]
        for number, part in enumerate(self._shown):
            pieces += [(self.BETWEEN, "$text-muted")] if number else []
            pieces.append((cut(part.text, max(1, self.size.width - 2)), part.style) if part.style else part.text)
        return Content.assemble(*pieces)


class StatusLine(Line):
    """The run and how far it is."""

    def __init__(self) -> None:
        super().__init__(id="status")

    def show(self, view: RunView, pace: str) -> None:
        self.say(parts(view.name, view.status, view.at, pace))


class GpuLine(Line):
    """Below it, while a GPU trains: how busy that is."""

    DEFAULT_CSS = "GpuLine { display: none; }"
    BETWEEN = DOT

    def __init__(self) -> None:
        super().__init__(id="gpu")

    def show(self, view: RunView) -> None:
        found = gpu_parts(view.status)
        self.say(found)
        if self.display != bool(found):
            self.display = bool(found)
