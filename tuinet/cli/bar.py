"""One line at the bottom that is drawn over and over: how far the work is, how fast it goes, how long it will take.

It stands on standard error, only where that is a terminal, and gives way to every line that is printed to stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tuinet.cells import cell_width, cut
from tuinet.cli.output import Terminal
from tuinet.figures import clock

REDRAW_SECONDS = 0.1
SHORTEST, LONGEST = 8, 40
ERASE = "\r\x1b[K"


class Bar:
    """A thin progress bar. `draw` may be called as often as one likes; it draws at most ten times a second."""

    def __init__(self, terminal: Terminal, *, now: Callable[[], float] = time.monotonic) -> None:
        self.terminal = terminal
        self._now = now
        self._drawn_at = float("-inf")
        self._visible = False

    def draw(self, share: float, before: str, after: tuple[str, ...] = (), *, at_once: bool = False) -> None:
        """`before` stands left of the bar, `after` right of it; what does not fit leaves from the right's front."""
        if not self.terminal.live or not (at_once or self._now() - self._drawn_at >= REDRAW_SECONDS):
            return
        self._drawn_at = self._now()
        self._write("\r" + bar_line(self.terminal, share, before, after) + "\x1b[K")
        self._visible = True

    def hide(self) -> None:
        """Take the line away, so that another can be printed in its place."""
        if self._visible:
            self._write(ERASE)
            self._visible = False
            self._drawn_at = float("-inf")

    def _write(self, text: str) -> None:
        try:
            self.terminal.stream.write(text)
            self.terminal.stream.flush()
        except OSError:  # the terminal is gone; the work goes on without a bar
            self.terminal.live = False


def bar_line(terminal: Terminal, share: float, before: str, after: tuple[str, ...]) -> str:
    """The line without its control codes for place: at most one cell less than the terminal is wide."""
    width = (terminal.width or 80) - 1
    words = list(after)
    while words and width - _taken(before, words) < SHORTEST:
        words.pop(0)
    room = min(LONGEST, width - _taken(before, words))
    if room < SHORTEST:
        return cut(" ".join([before, *words]), width)
    done = min(max(share, 0.0), 1.0) * room
    full = int(done)
    half = "╸" if done - full >= 0.5 and full < room else ""
    drawn = terminal.paint("━" * full + half, "accent") + terminal.paint("─" * (room - full - len(half)), "dim")
    return "  ".join(part for part in (before, drawn, *words) if part)


def _taken(before: str, words: list[str]) -> int:
    parts = [part for part in (before, *words) if part]
    return sum(cell_width(part) for part in parts) + 2 * len(parts)


class Rate:
    """How long the rest takes at the pace so far. Time is what the caller measured, so that no clock can upset it."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def see(self, done: float, seconds: float) -> None:
        """`done` units after `seconds` of work."""
        if self._first is None:
            self._first = (done, seconds)
        self._last = (done, seconds)

    def left(self, total: float) -> str:
        """The time until `total`, as 0:07, or nothing while it cannot be told."""
        if self._first is None or self._last is None:
            return ""
        done, seconds = self._last[0] - self._first[0], self._last[1] - self._first[1]
        if done <= 0 or seconds <= 0:
            return ""
        return clock((total - self._last[0]) * seconds / done)
