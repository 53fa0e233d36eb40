"""How often the screen is painted: as often as wished, and less where the line does not keep up."""

from __future__ import annotations

from collections.abc import Callable

PERIODS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between two paintings that a user can choose."""

SLOWEST = 5.0
SLOWING, QUICKENING = 1.5, 0.8
CALM_TICKS = 10
"""So many ticks must find the line free before the pace rises again."""


class Pace:
    """The period of painting. A timer asks `tick` whether to paint now, and comes again after `period` seconds.

        if pace.tick():
            paint()
        set_timer(pace.period, ...)

    busy: says whether the line still owes what was painted before; then nothing new is painted, and the data stay
    where they are until the next tick.
    """

    def __init__(self, busy: Callable[[], bool], wanted: float = 0.2) -> None:
        self.busy = busy
        self.wanted = wanted
        self.period = wanted
        self._calm = 0

    def tick(self) -> bool:
        """Whether to paint now; adapts the period."""
        if self.busy():
            self.period = min(self.period * SLOWING, max(SLOWEST, self.wanted))
            self._calm = 0
            return False
        self._calm += 1
        if self._calm >= CALM_TICKS and self.period > self.wanted:
            self.period = max(self.period * QUICKENING, self.wanted)
            self._calm = 0
        return True

    def faster(self) -> None:
        """The key +: the next shorter period of PERIODS."""
        self._choose(max((period for period in PERIODS if period < self.wanted), default=PERIODS[0]))

    def slower(self) -> None:
        """The key -: the next longer period of PERIODS."""
        self._choose(min((period for period in PERIODS if period > self.wanted), default=PERIODS[-1]))

    def _choose(self, period: float) -> None:
        self.wanted = self.period = period
        self._calm = 0

    @property
    def held_back(self) -> bool:
        """Whether the line, and not the user, sets the pace."""
        return self.period > self.wanted

    def words(self, arrow: str = "↓") -> str:
        """For the status line: "2.0 Hz", or "0.7 Hz ↓link" where the line holds it back."""
        return f"{1 / self.period:.1f} Hz" + (f" {arrow}link" if self.held_back else "")
