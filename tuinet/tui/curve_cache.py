"""Curves kept between two openings of a run, so that a million steps are read once and not at every attach.

A file for each run that is long enough to be worth it, in the user's cache folder. It is never trusted: it says which
metrics.jsonl it was made from and how far it had read, and where that file is another one now, or the cache itself is
damaged, everything is read anew. A run that has grown since is read from there on.

    {"format":1,"offset":94592826,"modified":1790000000125000000,"first":"…","last":"…","crc":…,"kinds":{…},"c":"…"}
    the arrays of Curves.packed(), one after the other, little-endian
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tuinet.atomic import write_file
from tuinet.bounded_io import open_regular, read_bounded
from tuinet.errors import TuinetError
from tuinet.runs import Records
from tuinet.runs.checked import Json, decoded_line, encoded_line
from tuinet.tui.curves import Curves
from tuinet.tui.packing import as_bytes, taking
from tuinet.tui.parallel_reading import parts
from tuinet.tui.pyramid import Floats

FORMAT = 1
WORTH = 512 << 10  # bytes of metrics.jsonl that take about 60 ms to read
LARGEST = 256 << 20  # bytes of a cache file
LOOKED_AT = 64 << 10  # bytes at the beginning of metrics.jsonl, and before where it had been read to
KEPT_DAYS = 30
HEADER_LIMIT = 1 << 20


class Opened(NamedTuple):
    """The curves, where metrics.jsonl goes on, and how many damaged lines were passed over since the cache was made."""

    curves: Curves
    offset: int
    damaged: int


def folder() -> Path:
    """$TUINET_DATA/curves, or the platform's cache folder."""
    data = os.environ.get("TUINET_DATA")
    if data:
        return Path(os.path.expanduser(data)).absolute() / "curves"
    import platformdirs

    return Path(platformdirs.user_cache_dir("tuinet")) / "curves"


def opened(records: Records, progress: Callable[[float], None] = lambda share: None) -> Opened:
    """The curves of a run, from the cache as far as it goes and from metrics.jsonl for the rest.

    progress: told the share that has been read, from 0 to 1; what it raises ends the reading. RunDamaged where
    metrics.jsonl cannot be read. May take seconds: not to be called on an event loop.
    """
    curves, start = _from_cache(records.path) or (Curves(), 0)
    offset, damaged = start, 0
    with closing(parts(records, start)) as found:
        for part in found:
            curves.add_piece(part.piece)
            offset, damaged = part.offset, damaged + part.damaged
            progress(part.share)
    if offset - start >= WORTH:
        keep(records.path, curves.packed(), offset)
    return Opened(curves, offset, damaged)


def keep(path: Path, packed: tuple[Json, list[Floats]], offset: int) -> bool:
    """Writes the cache of a metrics.jsonl that has been read up to `offset`; False where that was not possible.

    packed: what Curves.packed() gave, on the thread that the curves belong to. The cache is a convenience: a full disk
    or a folder that is not ours says nothing, the next opening takes longer.
    """
    if offset < WORTH:
        return False
    try:
        place = _cache_file(path, making=True)
        _prune(place.parent)
        table, arrays = packed
        body = as_bytes(arrays)
        header = encoded_line(_about(path, offset) | {"crc": zlib.crc32(body)} | table)
        if len(header) > HEADER_LIMIT or len(header) + len(body) > LARGEST:
            return False
        write_file(place, header + body)
    except (OSError, TuinetError):
        return False
    return True


def _from_cache(path: Path) -> tuple[Curves, int] | None:
    """The curves and how far they go; None where there is no cache that fits the file."""
    try:
        data = read_bounded(_cache_file(path), LARGEST)
        end = data.index(b"\n", 0, HEADER_LIMIT)
        header, body = decoded_line(data[:end]), memoryview(data)[end + 1 :]
        if header is None or header["format"] != FORMAT or header["crc"] != zlib.crc32(body):
            return None
        offset = int(header["offset"])
        now = _about(path, offset)
        size = path.stat().st_size
        same = all(header[key] == now[key] for key in ("first", "last"))
        if size < offset or not same or (size == offset and header["modified"] != now["modified"]):
            return None
        return Curves.unpacked(header, taking(body)), offset
    except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _about(path: Path, offset: int) -> Json:
    """What the file looks like up to `offset`. An appended file keeps its beginning and what stands before."""
    fd = open_regular(path)
    try:
        first = os.pread(fd, min(LOOKED_AT, offset), 0)
        last = os.pread(fd, min(LOOKED_AT, offset), max(0, offset - LOOKED_AT))
        digests = {"first": hashlib.sha256(first).hexdigest(), "last": hashlib.sha256(last).hexdigest()}
        return {"k": "curves", "format": FORMAT, "offset": offset, "modified": os.fstat(fd).st_mtime_ns, **digests}
    finally:
        os.close(fd)


def _cache_file(path: Path, *, making: bool = False) -> Path:
    """Named after the file's place. OSError where the folder is not ours alone: others could feign curves."""
    at = folder()
    if making:
        at.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = at.stat(follow_symlinks=False)
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(f"{at} can be written by others")
    return at / hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]


def _prune(at: Path) -> None:
    """Removes what has not been written for a month."""
    oldest = time.time() - KEPT_DAYS * 86400
    for place in at.iterdir():
        if place.lstat().st_mtime < oldest and not place.is_dir():
            place.unlink(missing_ok=True)
