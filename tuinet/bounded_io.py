"""Reading files that somebody else may have written: regular files only, no links unasked, never more than asked.

A small file name can hide a pipe that never ends, a device, a link out of the folder, or a terabyte of holes.
Here the size is looked at before a byte is read, and one byte more than expected is an error.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class TooLarge(OSError):
    """The file holds more than its reader allows. The message is complete."""


def open_regular(path: str | Path, *, dir_fd: int | None = None, follow: bool = False) -> int:
    """A descriptor of a regular file, to be closed by the caller.

    dir_fd: the folder that a relative path starts from. follow: a link is as good as a file, where the user named it.
    OSError where it is missing, a pipe, a device, or a link that is not followed.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    fd = os.open(path, flags, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return fd


def read_bounded(path: str | Path, limit: int, *, dir_fd: int | None = None, follow: bool = False) -> bytes:
    """The whole file, where it has at most `limit` bytes; TooLarge otherwise, other trouble as OSError."""
    fd = open_regular(path, dir_fd=dir_fd, follow=follow)
    try:
        return read_descriptor(fd, limit, str(path))
    finally:
        os.close(fd)


def read_descriptor(fd: int, limit: int, name: str) -> bytes:
    """What is left to read of an open regular file, under the same limit."""
    size = os.fstat(fd).st_size
    if size > limit:
        raise TooLarge(errno.EFBIG, f"holds {size:,} bytes; at most {limit:,} are read", name)
    pieces, room = [], limit + 1  # a file that grows meanwhile is found out by the one byte too many
    while room > 0:
        piece = os.read(fd, min(room, max(size + 1, 1 << 16)))
        if not piece:
            break
        pieces.append(piece)
        room -= len(piece)
    if room == 0:
        raise TooLarge(errno.EFBIG, f"holds more than {limit:,} bytes; at most {limit:,} are read", name)
    return b"".join(pieces)
