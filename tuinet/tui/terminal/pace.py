"""How often the screen is painted: as often as wished, less where the line does not keep up or it costs too much."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

PERIODS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between two paintings that a user can choose."""

SLOWEST = 5.0
SLOWING, QUICKENING = 1.5, 0.8
CALM_TICKS = 10
"""So many ticks must find the line free before the pace rises again."""

SELDOM = 2.0
"""Seconds: no rarer is it painted for what it costs."""

WEIGHED_SECONDS, WEIGHED_PERIODS = 1.0, 3
"""Over so long, at the least, it is weighed what painting costs."""

LEAST_CHANGE, MOST_CHANGE = 0.5, 2.5
"""Of the period at a time, for its cost: what is weighed may have been a key or a screen that was opened."""


class Pace:
    """The period of painting. A timer asks `tick` whether to paint now, and comes again after `period` seconds.

        if pace.tick():
            paint()
        set_timer(pace.period, ...)

    busy: says whether the line still owes what was painted before; then nothing new is painted, and the data stay
    where they are until the next tick. share: how much of one processor the application may take; what the user has
    chosen by a key is not held back for that.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        wanted: float = 0.2,
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        """used: seconds of processor time that the application has taken so far."""
        self.busy = busy
        self.wanted = wanted
        self.share = math.inf
        self._line = self._cost = wanted  # the periods that the line, and the share, allow
        self._calm = 0
        self._chosen = False
        self._clock, self._used = clock, used
        self._weighed = clock(), used()

    @property
    def period(self) -> float:
        return max(self._line, self._cost)

    def tick(self) -> bool:
        """Whether to paint now; adapts the period."""
        self._weigh()
        if self.busy():
            self._line = min(self.period * SLOWING, max(SLOWEST, self.wanted))
            self._calm = 0
            return False
        self._calm += 1
        if self._calm >= CALM_TICKS and self._line > self.wanted:
            self._line = max(self._line * QUICKENING, self.wanted)
            self._calm = 0
        return True

    def _weigh(self) -> None:
        """Paints by as much more seldom as more than the share was taken, or more often."""
        now, used = self._clock(), self._used()
        since, before = self._weighed
        if now - since < max(WEIGHED_SECONDS, WEIGHED_PERIODS * self.period):
            return
        self._weighed = now, used
        over = (used - before) / (now - since) / self.share
        if self._chosen:
            self._cost = self.wanted
        elif over >= 1:
            self._cost = min(self.period * min(over, MOST_CHANGE), max(SELDOM, self.wanted))
        elif over <= QUICKENING:  # its own period alone: that of a slow line says nothing of what painting costs
            self._cost = max(self._cost * max(over, LEAST_CHANGE), self.wanted)

    def faster(self) -> None:
        """The key +: the next shorter period of PERIODS."""
        self._choose(max((period for period in PERIODS if period < self.wanted), default=PERIODS[0]))

    def slower(self) -> None:
        """The key -: the next longer period of PERIODS."""
        self._choose(min((period for period in PERIODS if period > self.wanted), default=PERIODS[-1]))

    def _choose(self, period: float) -> None:
        self.wanted = self._line = self._cost = period
        self._calm = 0
        self._chosen = True

    @property
    def held_back(self) -> bool:
        """Whether the line, and not the user, sets the pace."""
        return self._line > max(self.wanted, self._cost)

    def words(self) -> str:
        """For the status line: "2.0 Hz", or "0.7 Hz ↓link" where the line holds it back, ↓cpu where its cost does."""
        why = " ↓link" if self.held_back else " ↓cpu" if self._cost > self.wanted else ""
        return f"{1 / self.period:.1f} Hz{why}"
