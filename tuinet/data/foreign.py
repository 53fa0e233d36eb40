"""Bytes of a file that somebody else may have made: read in bounds, gunzipped on the way, never more than claimed.

A small file can claim a terabyte, or unpack to one. So a header is read first, its product is worked out in Python's
own whole numbers and held against the limit, and then that many bytes and one more are asked for, piece by piece:
nothing is set aside for bytes that have not come.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tuinet.errors import DataError
from tuinet.safe_text import safe

MEMORY = 2 << 30  # of everything a set needs while it is bound
LARGEST_TABLE = 400 << 20
SUSPICIOUS = 64 << 20  # beyond this many unpacked bytes, the ratio below is looked at
LARGEST_RATIO = 200  # real files pack to a tenth at best; deflate reaches a thousandth on nothing but zeros
_PIECE = 1 << 18


class Stream(Protocol):
    """Where bytes come from: read(n) gives at most n of them, and none at the end."""

    def read(self, size: int, /) -> bytes: ...


@contextmanager
def opened(path: str | Path) -> Iterator[Stream]:
    """A regular file's content, unpacked if it is gzipped. OSError and zlib's errors come out as DataError."""
    place = safe(str(path), 200)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise DataError(f"{place}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise DataError(f"{place}: is a {_kind(status.st_mode)}, not a file of data")
    with os.fdopen(fd, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            yield _Gunzip(file, status.st_size, place) if packed else file
        except zlib.error as error:
            raise DataError(f"{place}: is damaged: it cannot be unpacked ({safe(str(error))})") from None
        except OSError as error:
            raise DataError(f"{place}: cannot be read ({error.strerror or error})") from None


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"


class _Gunzip:
    """Members of a gzip file, one after the other, unpacked no faster than they are asked for."""

    def __init__(self, file: Stream, packed_size: int, place: str):
        self.file, self.place = file, place
        self.most = max(SUSPICIOUS, LARGEST_RATIO * packed_size)
        self.given, self.started = 0, False
        self.inflate = zlib.decompressobj(wbits=31)

    def read(self, size: int, /) -> bytes:
        while True:
            if self.inflate.eof:
                rest = self.inflate.unused_data or self.file.read(_PIECE)
                if not rest.lstrip(b"\0"):  # tapes and some tools pad with zeros
                    return b""
                self.inflate, waiting = zlib.decompressobj(wbits=31), rest
            else:
                waiting = self.inflate.unconsumed_tail or self.file.read(_PIECE)
            if not waiting and not self.inflate.eof:
                raise DataError(f"{self.place}: ends in the middle; it is not whole")
            piece = self.inflate.decompress(waiting, size)
            self.given += len(piece)
            if self.given > self.most:
                raise DataError(
                    f"{self.place}: unpacks to more than {LARGEST_RATIO} times its size "
                    f"({self.given:,} bytes and more); no real data does, so it is not read"
                )
            if piece:
                return piece


def read_at_most(stream: Stream, limit: int) -> bytearray:
    """Up to limit bytes; fewer where the stream ends."""
    content = bytearray()
    while len(content) < limit:
        piece = stream.read(min(_PIECE, limit - len(content)))
        if not piece:
            break
        content += piece
    return content


def read_exactly(stream: Stream, size: int, place: str, what: str) -> bytearray:
    """size bytes and then the end; DataError where there are fewer or more. what names them in the error."""
    content = read_at_most(stream, size)
    if len(content) < size:
        raise DataError(f"{place}: ends after {len(content):,} of {size:,} bytes of {what}; it is not whole")
    if stream.read(1):
        raise DataError(f"{place}: goes on after the {size:,} bytes of {what} that its header speaks of")
    return content


def read_head(stream: Stream, size: int, place: str, what: str) -> bytes:
    """The first size bytes of a stream, such as a header."""
    content = bytes(read_at_most(stream, size))
    if len(content) < size:
        raise DataError(f"{place}: is too short for {what}: {len(content):,} of {size:,} bytes")
    return content


def read_whole(path: str | Path, limit: int) -> bytes:
    """A whole file, unpacked if gzipped, of at most limit bytes."""
    with opened(path) as stream:
        content = read_at_most(stream, limit + 1)
    if len(content) > limit:
        raise DataError(f"{safe(str(path), 200)}: holds more than {limit:,} bytes, which is the most that is read")
    return bytes(content)


def check_memory(place: str, examples: int, numbers: int, stored: int) -> None:
    """DataError where examples of so many numbers, kept once as stored and once as 32-bit floats, are too much."""
    needed = stored + 4 * examples * numbers
    if needed > MEMORY:
        raise DataError(
            f"{place}: {examples:,} examples of {numbers:,} numbers need {needed / 2**30:,.1f} GiB of memory; "
            f"at most {MEMORY / 2**30:.0f} GiB are used. Cut the file, or make its examples smaller"
        )
