"""metrics.jsonl and events.jsonl: one checked record a line, appended by one write.

A writer may be killed between any two instructions, the disk may fill up in the middle of a line, a copy may turn a
bit. So a reader tells three things apart: a line that is whole and fits its checksum, a damaged one (counted and
passed over), and an unfinished last one (not there yet). The forms are in docs/formats.md.

After a resume the same steps are trained again under the next generation. What an earlier generation recorded inside
the steps that a later one has covered no longer counts; what it recorded beyond them does, until it is overtaken.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tuinet.atomic import explained, sync_folder, write_all
from tuinet.bounded_io import open_regular
from tuinet.errors import RunDamaged
from tuinet.runs.checked import Json, decoded_lines, encoded_line, number, with_numbers
from tuinet.safe_text import safe

LINE_LIMIT = 64 * 1024  # bytes of one record with its line end
PIECE = LINE_LIMIT  # bytes read at once: at least one record, and what is made of them fits in a processor's cache
HEAD = ("k", "s", "e", "g", "m", "t")
FILLED_IN = {*HEAD, "c"}
_HEAD = itemgetter(*HEAD)


class Tail(NamedTuple):
    """What came after an offset: whole records, where to go on, and how many lines were damaged."""

    records: list[Json]
    offset: int
    damaged: int


class Records:
    """The records in one file. Reading needs nothing; a writer is given only to the holder of the run's lock."""

    def __init__(self, path: Path, *, numbers: bool, may_write: Callable[[], None] = lambda: None) -> None:
        """numbers: the file holds metrics, in which "nan" is a number, and generations overtake one another."""
        self.path = path
        self.numbers = numbers
        self._may_write = may_write

    def read(self, kinds: Collection[str] | None = None) -> tuple[list[Json], int]:
        """All records that count, in order of their steps, and the number of damaged lines.

        kinds: only these (damaged lines are counted whatever they were). A file that is not there holds nothing.
        """
        damaged = 0
        records: list[Json] = []
        for tail in self._tails(0, kinds):
            records += tail.records
            damaged += tail.damaged
        return (latest(records) if self.numbers else records), damaged

    def follow(self, offset: int = 0) -> Tail:
        """What was added since `offset`, as it was written: generations are not compared here.

        A file that has become shorter than `offset` was put in place of another one: it is read from its beginning.
        """
        records: list[Json] = []
        damaged = 0
        for tail in self._tails(offset, None):
            records += tail.records
            damaged += tail.damaged
            offset = tail.offset
        return Tail(records, offset, damaged)

    def pieces(self, offset: int = 0, end: int | None = None, kinds: Collection[str] | None = None) -> Iterator[Tail]:
        """The same, some 64 kB at a time: the last one says where to go on.

        end: where a line begins, or the file ended at some time; what stands behind it is not read.
        """
        yield from self._tails(offset, kinds, end)

    def line_after(self, offset: int) -> int | None:
        """Where a line begins behind `offset`; None where none does so near that it can be a record's."""
        with suppress(OSError):
            fd = open_regular(self.path)
            try:
                found = os.pread(fd, LINE_LIMIT, offset).find(b"\n")
            finally:
                os.close(fd)
            return None if found < 0 else offset + found + 1
        return None

    def writer(
        self,
        generation: int,
        seconds_before: float = 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> Writer:
        """generation: as in run.json. seconds_before: seconds of training in the generations before."""
        self._may_write()
        return Writer(self.path, generation, seconds_before, clock=clock, wall=wall)

    def _tails(self, offset: int, kinds: Collection[str] | None, end: int | None = None) -> Iterator[Tail]:
        try:
            fd = open_regular(self.path)
        except FileNotFoundError:
            yield Tail([], 0, 0)
            return
        except OSError as error:
            raise RunDamaged(f"{safe(str(self.path))}: cannot be read ({error.strerror})") from error
        try:
            if os.fstat(fd).st_size < offset:
                offset = 0
            while True:
                piece = os.pread(fd, PIECE if end is None else max(0, min(PIECE, end - offset)), offset)
                tail = _whole_lines(piece, offset, kinds, self.numbers)
                yield tail
                if tail.offset == offset:
                    return
                offset = tail.offset if tail.records else _next_data(fd, tail.offset)
        except OSError as error:
            raise RunDamaged(f"{safe(str(self.path))}: cannot be read at byte {offset} ({error.strerror})") from error
        finally:
            os.close(fd)


class Writer:
    """Appends records to one file. A record is on the disk whole, or DiskFull was raised and it is not there at all.

    The holder of the lock is the only writer, so that it knows where the file ends.
    """

    def __init__(
        self,
        path: Path,
        generation: int,
        seconds_before: float = 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.generation = generation
        self._clock, self._wall = clock, wall
        self._start = clock() - seconds_before
        self._synced, self._dirty = clock(), False
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            self._end = _cut_unfinished(self._fd)
            self._torn = False
            sync_folder(path.parent)
        except OSError as error:
            raise explained(error, path) from error

    def append(self, record: Mapping[str, Any]) -> Json:
        """Writes the record and gives it back as it stands there.

        It must say "k" (kind), "s" (step) and "e" (epoch). "g" and "t" are filled in, and "m" where it is not given.
        """
        filled = self._filled(record)
        line = encoded_line(filled)
        if len(line) > LINE_LIMIT:
            raise ValueError(f"a record of {len(line):,} bytes; at most {LINE_LIMIT:,}")
        try:
            self._mend()
            self._torn = True
            write_all(self._fd, line)
            self._torn, self._dirty = False, True
            self._end += len(line)
        except OSError as error:
            self._take_back()
            raise explained(error, self.path) from error
        self.sync_if_due()
        return filled

    def sync_if_due(self) -> None:
        """Puts on the disk what is more than a second old; to be called a few times a second while training."""
        if self._dirty and not 0 <= self._clock() - self._synced < 1.0:
            self.sync()

    def sync(self) -> None:
        """Everything appended so far is on the disk when this returns."""
        try:
            _sync(self._fd)
        except OSError as error:
            raise explained(error, self.path) from error
        self._dirty, self._synced = False, self._clock()

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                if self._dirty:
                    _sync(fd)
            except OSError as error:
                raise explained(error, self.path) from error
            finally:
                os.close(fd)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _filled(self, record: Mapping[str, Any]) -> Json:
        seconds = record["m"] if "m" in record else self._clock() - self._start
        head = {
            "k": record["k"], "s": int(record["s"]), "e": record["e"], "g": self.generation,
            "m": round(float(seconds), 6), "t": round(float(self._wall()), 3),
        }  # fmt: skip
        return head | {key: value for key, value in record.items() if key not in FILLED_IN}

    def _take_back(self) -> None:
        """After a write that stopped in the middle. Making a file shorter needs no room."""
        with suppress(OSError):  # _mend tries again before the next record
            self._mend()

    def _mend(self) -> None:
        if self._torn:
            os.ftruncate(self._fd, self._end)
            self._torn = False


def latest(records: Iterable[Json]) -> list[Json]:
    """The records that count, in order of their steps: a later generation stands for the steps it has covered."""
    records = list(records)
    reach: dict[tuple[str, int], tuple[int, int]] = {}
    for record in records:
        key, last = (record["k"], record["g"]), record["s"]
        first = last - _updates(record) + 1
        low, high = reach.get(key, (first, last))
        reach[key] = min(low, first), max(high, last)
    later = {key: _Stretches([r for (k, g), r in reach.items() if k == key[0] and g > key[1]]) for key in reach}
    kept = [record for record in records if record["s"] not in later[record["k"], record["g"]]]
    return sorted(kept, key=lambda record: int(record["s"]))


_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class _Stretches:
    """Which steps lie in any of some stretches [low, high]."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in sorted(stretches):
            if self._highs and low <= self._highs[-1] + 1:
                self._highs[-1] = max(self._highs[-1], high)
            else:
                self._lows.append(low)
                self._highs.append(high)

    def __contains__(self, step: int) -> bool:
        at = bisect_right(self._lows, step) - 1
        return at >= 0 and step <= self._highs[at]


def _updates(record: Json) -> int:
    """How many updates the record speaks of; one moment counts as its own step."""
    count = record.get("n", 1)
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 < count <= record["s"] else 1


def _whole_lines(piece: bytes, offset: int, kinds: Collection[str] | None, numbers: bool) -> Tail:
    """The records in a piece of the file that starts at `offset`, up to its last line end."""
    end = piece.rfind(b"\n") + 1
    if end == 0:
        if len(piece) < LINE_LIMIT:
            return Tail([], offset, 0)  # not finished yet
        return Tail([], offset + len(piece), 1)  # no record is that long
    lines = piece[: end - 1].split(b"\n")
    found = decoded_lines(lines)
    if max(map(len, lines)) >= LINE_LIMIT or not _have_heads(found):
        found = [
            record if len(line) < LINE_LIMIT and _have_heads([record]) else None
            for line, record in zip(lines, found, strict=True)
        ]
    if numbers and (b'"nan"' in piece or b'inf"' in piece):  # few have them, and with_numbers takes long
        found = [record and with_numbers(record) for record in found]
    records = [record for record in found if record is not None and (kinds is None or record["k"] in kinds)]
    return Tail(records, offset + end, found.count(None))


def _next_data(fd: int, offset: int) -> int:
    """Where bytes stand again: a forged file may be a terabyte of holes, which has no lines and takes hours to read."""
    if not hasattr(os, "SEEK_DATA"):
        return offset
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a hole up to the end
            return os.fstat(fd).st_size
        return offset


def _have_heads(records: Sequence[Json | None]) -> bool:
    """Whether readers can rely on the keys that every record has; of many at once, as there may be a million."""
    try:
        heads = [_HEAD(record) for record in records if record]
        kinds, steps, epochs, generations, *moments = zip(*heads, strict=True)
    except (ValueError, KeyError):  # there is none, or a key is missing
        return False
    return (
        len(kinds) == len(records)
        and set(map(type, kinds)) == {str}
        and set(map(type, steps)) == set(map(type, generations)) == {int}
        and min(steps) >= 0 <= min(generations)
        and max(steps) < 2**63 > max(generations)
        and all(set(map(type, those)) <= {float, int} or None not in map(number, those) for those in (epochs, *moments))
    )


def _cut_unfinished(fd: int) -> int:
    """Cuts off a last line without its end, which no reader has shown; gives the length that is left.

    What is longer than any record was none: it is damage, and stays as a line of its own.
    """
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    size = status.st_size
    start = max(0, size - LINE_LIMIT)
    end = start + os.pread(fd, size - start, start).rfind(b"\n") + 1
    if end == start > 0:
        write_all(fd, b"\n")
        return size + 1
    if end < size:
        os.ftruncate(fd, end)
    return end
