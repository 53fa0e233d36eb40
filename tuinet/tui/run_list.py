"""The runs of a folder read over and over: their rows, their sizes now and then, and the curve of each that is seen.

Everything here touches the disk: call it in a thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuinet.errors import TuinetError
from tuinet.runs import RunFolder, RunSummary, list_runs
from tuinet.runs.choosing import check_filter, matches, sorted_runs
from tuinet.runs.history import points
from tuinet.runs.listing import size_on_disk

SIZES_EVERY = 10.0  # seconds
PATIENCE = 20.0  # a curve that took a second to read is read again after so many seconds
METRICS = ("val_loss", "train_loss")


@dataclass
class _Curve:
    metric: str
    values: tuple[float, ...]
    stamp: tuple[int, int]
    not_before: float


class RunList:
    """What is known of the runs in one folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._sizes: dict[str, tuple[str, int]] = {}  # by run, and in which state it had that
        self._measured = -SIZES_EVERY
        self._curves: dict[str, _Curve] = {}

    def read(self) -> list[RunSummary]:
        """All runs, newest first, with their sizes of some seconds ago."""
        found = list_runs(self.folder, sizes=False)
        stale = self._clock() - self._measured >= SIZES_EVERY
        if stale:
            self._measured = self._clock()
        for run in found:
            state, _ = self._sizes.get(run.run, ("", 0))
            if run.state != state or (stale and run.state in ("running", "paused")):
                self._sizes[run.run] = run.state, size_on_disk(run.path)
        return [replace(run, bytes=self._sizes[run.run][1]) for run in found]

    def curves(self, runs: Iterable[RunSummary]) -> dict[str, tuple[float, ...]]:
        """The validation loss of each epoch, or without one the training loss, by run; only what has changed is read.

        A run that cannot be read has no curve.
        """
        return {run.run: self._curve(run.run, run.path) for run in runs}

    def _curve(self, name: str, path: Path) -> tuple[float, ...]:
        known, stamp = self._curves.get(name), _stamp(path / "metrics.jsonl")
        if known is not None and (known.stamp == stamp or self._clock() < known.not_before):
            return known.values
        begin = self._clock()
        metric, values = _values(RunFolder(path))
        end = self._clock()
        self._curves[name] = _Curve(metric, values, stamp, end + PATIENCE * (end - begin))
        return values


def chosen(runs: Sequence[RunSummary], words: str, sort: str, reverse: bool) -> list[RunSummary]:
    """Those that fit every word of the filter, in order. UsageError for a filter that cannot be."""
    texts = words.split()
    for text in texts:
        check_filter(text)
    return sorted_runs([run for run in runs if all(matches(run, text) for text in texts)], sort, reverse)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _values(run: RunFolder) -> tuple[str, tuple[float, ...]]:
    for metric in METRICS:
        try:
            found = points(run, metric)
        except TuinetError:
            return metric, ()
        if found:
            return metric, tuple(value for _, value in found)
    return METRICS[0], ()
