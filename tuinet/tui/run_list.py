"""The runs of a folder read over and over: their rows, their sizes now and then, and the curve of each that is seen.

What touches the disk is to be called in a thread. What was read is kept for as long as the application runs.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tuinet.errors import TuinetError
from tuinet.runs import Records, RunFolder, RunSummary, list_runs
from tuinet.runs.choosing import check_filter, matches, sorted_runs
from tuinet.runs.listing import size_on_disk

if TYPE_CHECKING:
    from tuinet.tui.tracks import Kind

SIZES_EVERY = 10.0  # seconds
READ_SECONDS = 0.1
"""Of reading curves at a time: meanwhile the thread that draws has the interpreter for half of the time only."""
POINTS = 256  # of a curve at the most: seven for each cell of the widest one
METRICS = ("val_loss", "train_loss")


class RunList:
    """What is known of the runs in one folder. Several threads may ask at the same time."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[str, int]] = {}  # by run, and in which state it had that
        self._measured = -SIZES_EVERY
        self._curves: dict[str, _Curve] = {}

    def read(self) -> list[RunSummary]:
        """All runs, newest first, with their sizes of some seconds ago."""
        found = list_runs(self.folder, sizes=False)
        with self._lock:
            stale = self._clock() - self._measured >= SIZES_EVERY
            if stale:
                self._measured = self._clock()
            for run in found:
                state, _ = self._sizes.get(run.run, ("", 0))
                if run.state != state or (stale and run.state in ("running", "paused")):
                    self._sizes[run.run] = run.state, size_on_disk(run.path)
            return [replace(run, bytes=self._sizes[run.run][1]) for run in found]

    def curves(self, runs: Iterable[RunSummary]) -> tuple[dict[str, tuple[float, ...]], bool]:
        """The validation loss over the epochs, or without one the training loss, by run; and whether that is all.

        Only what was added is read, and where that takes long, a part of it: ask again. A run that cannot be read has
        no curve.
        """
        with self._lock:
            end = self._clock() + READ_SECONDS
            known = {run.run: self._curves.setdefault(run.run, _Curve(RunFolder(run.path).metrics())) for run in runs}
            new = [(curve, stamp) for curve in known.values() if (stamp := _stamp(curve.records.path)) != curve.stamp]
            new.sort(key=lambda one: one[1].size - one[0].offset)  # one that takes long lets the others pass
            whole = all(curve.read(stamp, lambda: self._clock() < end) for curve, stamp in new)
            return {name: curve.values() for name, curve in known.items()}, whole

    async def curves_as_read(
        self, runs: Callable[[], Sequence[RunSummary]]
    ) -> AsyncIterator[dict[str, tuple[float, ...]]]:
        """The same until it is all, while the loop goes on: half of the time nothing is read.

        runs: those that are wanted, asked each time.
        """
        whole = False
        while not whole:
            curves, whole = await asyncio.to_thread(self.curves, runs())
            yield curves
            await asyncio.sleep(0.0 if whole else READ_SECONDS)


class _Stamp(NamedTuple):
    file: int
    size: int
    modified: int


class _Curve:
    """The loss of one run.

    stamp: what its file was when all of it had been read. offset: how far it has been read.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.stamp = _Stamp(0, 0, 0)
        self.offset = 0
        self._kind: Kind | None = None

    def read(self, stamp: _Stamp, may: Callable[[], bool]) -> bool:
        """Reads on for as long as it may; whether that was all. stamp: what the file is now."""
        if stamp.file != self.stamp.file or stamp.size < self.offset:  # another one than before
            self.offset, self._kind = 0, None
        self.stamp = _Stamp(stamp.file, 0, 0)
        with suppress(TuinetError):
            for tail in self.records.pieces(self.offset, kinds=("epoch",)):
                self._add(tail.records)
                self.offset = tail.offset
                if not may():
                    return False
        self.stamp = stamp
        return True

    def _add(self, records: Sequence[Mapping[str, Any]]) -> None:
        from tuinet.tui.batches import read  # here, in a thread: they import NumPy, and the first screen stands without
        from tuinet.tui.tracks import Kind

        batch = read(records).kinds.get("epoch")
        if batch is not None:
            self._kind = self._kind or Kind("f8", POINTS)
            self._kind.add(
                batch._replace(values={name: batch.values[name] for name in METRICS if name in batch.values})
            )

    def values(self) -> tuple[float, ...]:
        """In order of the epochs; each stands for several where there are more than POINTS."""
        kind = self._kind
        metric = next((name for name in METRICS if kind is not None and name in kind.names), None)
        if kind is None or metric is None:
            return ()
        means = (value for part in kind.parts for value in part.means(metric).tolist())
        return tuple(value for value in means if value == value)


def chosen(runs: Sequence[RunSummary], words: str, sort: str, reverse: bool) -> list[RunSummary]:
    """Those that fit every word of the filter, in order. UsageError for a filter that cannot be."""
    texts = words.split()
    for text in texts:
        check_filter(text)
    return sorted_runs([run for run in runs if all(matches(run, text) for text in texts)], sort, reverse)


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return _Stamp(0, 0, 0)
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)
