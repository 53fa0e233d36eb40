"""A long metrics.jsonl read by several processes, each a stretch of its lines: Python reads on one core.

    python -P -m tuinet.tui.parallel_reading PATH BEGIN END

reads one stretch, and writes what it finds to its standard output, a temporary file: a checked line that says what
there is, then the arrays of it, again and again. Where such a process fails, its stretch is read here.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from tuinet.processes import cores, environment
from tuinet.runs import Records
from tuinet.runs.checked import decoded_line, encoded_line
from tuinet.tui.batches import NOTHING, Piece, read, together
from tuinet.tui.packing import as_bytes, taking

if TYPE_CHECKING:
    import subprocess

READER = ("-P", "-m", "tuinet.tui.parallel_reading")
WORTH = 16 << 20  # bytes for each process: half a second and more, twice as long as it takes to start
LARGEST = 1 << 30  # bytes: what others read takes half as many on the disk until it is taken
HEAD_START = 8 << 20  # bytes that are read here until the others have started
MOST = 4  # processes, this one among them
TOGETHER = 32  # pieces of metrics.jsonl, 2 MB, that become one part: the curves are built up once for it
PATIENCE = 0.2  # seconds between two looks at whether anybody still waits


class Part(NamedTuple):
    """Some records as columns, where reading goes on behind them, how many lines were damaged, and the share read."""

    piece: Piece
    offset: int
    damaged: int
    share: float


class Reader(NamedTuple):
    """Another process, and the file that it writes to."""

    process: subprocess.Popen[bytes]
    written: IO[bytes]


def parts(records: Records, start: int) -> Generator[Part, None, None]:
    """What a metrics.jsonl holds from byte `start` on, in its order. RunDamaged where it cannot be read.

    To be closed where it is not read to its end: others may be reading for it.
    """
    bounds = _bounds(records, start)
    own, *others = pairwise(bounds)
    with _no_collector(), _readers(records.path, others) as readers:
        if not readers:
            yield from _stretch(records, start, None, (start, bounds[-1]))
            return
        offset = start
        for part in _stretch(records, *own, own):
            offset = part.offset
            yield part
        for reader, (begin, _) in zip(readers, others, strict=False):
            if offset != begin:
                break  # the one before it failed
            while not _ended(reader):
                yield Part(NOTHING, offset, 0, 1.0)  # who reads this may no longer want to
            for part in _taken(reader):
                offset = part.offset
                yield part
        yield from _stretch(records, offset, None, (start, bounds[-1]))  # what failed, and what has been added since


def main(path: str, begin: str, end: str) -> None:
    """What the other processes do."""
    bounds = int(begin), int(end)
    with _no_collector():
        for part in _stretch(Records(Path(path), numbers=True), *bounds, bounds):
            table, arrays = part.piece.packed()
            body = as_bytes(arrays)
            about = {"bytes": len(body), "offset": part.offset, "damaged": part.damaged}
            sys.stdout.buffer.write(encoded_line(about | table) + body)


def _stretch(records: Records, begin: int, end: int | None, whole: tuple[int, int]) -> Iterator[Part]:
    """What is read here; the share is that of `whole`."""
    size = max(1, whole[1] - whole[0])
    found = ((read(tail.records), tail.offset, tail.damaged) for tail in records.pieces(begin, end))
    while some := list(islice(found, TOGETHER)):
        pieces, offsets, damaged = zip(*some, strict=True)
        share = min(1.0, max(0, offsets[-1] - whole[0]) / size)
        yield Part(together(pieces), offsets[-1], sum(damaged), share)


def _taken(reader: Reader) -> Iterator[Part]:
    """The parts that it has written."""
    reader.written.seek(0)
    while line := reader.written.readline():
        table = decoded_line(line.removesuffix(b"\n"))
        if table is None:
            return  # it was stopped in the middle
        body = reader.written.read(table["bytes"])
        if len(body) < table["bytes"]:
            return
        yield Part(Piece.unpacked(table, taking(memoryview(body))), table["offset"], table["damaged"], 1.0)


def _ended(reader: Reader) -> bool:
    """After a moment at the most."""
    from subprocess import TimeoutExpired

    with suppress(TimeoutExpired):
        reader.process.wait(PATIENCE)
    return reader.process.returncode is not None


def _bounds(records: Records, start: int) -> list[int]:
    """`start`, where each of the others begins, and the end of the file as it is now."""
    try:
        size = max(start, records.path.stat().st_size)
    except OSError:  # who reads it will say so
        size = start
    count = max(1, min(MOST, cores(), (size - start) // WORTH)) if size - start <= LARGEST else 1
    each = (size - start - HEAD_START) // count
    begins = [records.line_after(size - each * number) for number in range(count - 1, 0, -1)]
    return [start, *(begin for begin in begins if begin is not None), size]


@contextmanager
def _readers(path: Path, stretches: Sequence[tuple[int, int]]) -> Iterator[list[Reader]]:
    """One for each stretch, or as many as there can be; they end with the block."""
    readers: list[Reader] = []
    if not stretches:  # the usual case, which need not import what follows
        yield readers
        return
    import subprocess
    import tempfile

    with ExitStack() as stack:
        with suppress(OSError):
            for begin, end in stretches:
                written = stack.enter_context(tempfile.TemporaryFile())
                process = subprocess.Popen(
                    [sys.executable, *READER, str(path), str(begin), str(end)],
                    stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.DEVNULL, env=environment(),
                )  # fmt: skip
                stack.callback(process.wait)
                stack.callback(process.kill)
                readers.append(Reader(process, written))
        yield readers


@contextmanager
def _no_collector() -> Iterator[None]:
    """Without Python's garbage collector: it goes over thousands of records again and again, and none is in a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


if __name__ == "__main__":
    main(*sys.argv[1:])
