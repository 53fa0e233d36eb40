"""Deleted runs, as long as that can be undone: set aside at once, removed when the time is over or the app ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tuinet.errors import RunError
from tuinet.runs import RunFolder, bring_back, remove_aside, set_aside

UNDO_SECONDS = 30.0


class _Thrown(NamedTuple):
    run: RunFolder
    hidden: Path
    until: float


class Bin:
    """Its methods touch the disk: call them in a thread. Safe to be called from several."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._thrown: list[_Thrown] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._thrown)

    def throw(self, run: RunFolder) -> None:
        """Takes the run away. RunLocked where it is being trained."""
        with self._lock:
            self._thrown.append(_Thrown(run, set_aside(run), self._clock() + UNDO_SECONDS))

    def undo(self) -> RunFolder | None:
        """Brings back the run that was thrown away last; None where nothing is left to bring back."""
        with self._lock:
            if not self._thrown:
                return None
            last = self._thrown[-1]
            bring_back(last.hidden, last.run)
            self._thrown.pop()
            return last.run

    def sweep(self) -> None:
        """Removes those whose time is over."""
        self._remove([one for one in self._thrown if one.until <= self._clock()])

    def empty(self) -> None:
        """Removes all of them."""
        self._remove(list(self._thrown))

    def _remove(self, going: list[_Thrown]) -> None:
        for one in going:
            with self._lock:
                if one not in self._thrown:
                    continue
                self._thrown.remove(one)
            with contextlib.suppress(RunError):  # it is out of every list; what is left goes with a later start
                remove_aside(one.hidden, one.run.id)
