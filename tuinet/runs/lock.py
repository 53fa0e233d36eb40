"""One worker per run, held by the kernel: `flock` on the file `lock` in the run's folder.

The kernel gives a lock back in the moment its holder dies, by SIGKILL too, so there is nothing to clean up and no
process number that could meanwhile belong to somebody else. The descriptor is closed on exec; a worker is spawned
and never forked, since a forked child would keep its parent's lock alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from tuinet.atomic import explained
from tuinet.bounded_io import read_bounded
from tuinet.errors import RunLocked, RunNotFound
from tuinet.safe_text import safe

NAME = "lock"
PATIENCE = 0.25  # seconds: a reader that looks whether the lock is free holds it for a few microseconds


class RunLock:
    """The right to write a run. Given back by release(), at the end of `with`, or with the process."""

    def __init__(self, folder: Path, fd: int) -> None:
        self.folder = folder
        self._fd: int | None = fd

    @classmethod
    def take(cls, folder: Path) -> RunLock:
        """RunLocked names the worker that has it; RunNotFound where the folder is gone."""
        path = folder / NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except FileNotFoundError:
            raise RunNotFound(f"{safe(str(folder))}: there is no such run") from None
        except OSError as error:
            raise explained(error, path) from error
        try:
            _take(fd, path)
        except BaseException:
            os.close(fd)
            raise
        _sign(fd)
        return cls(folder, fd)

    @property
    def held(self) -> bool:
        return self._fd is not None

    def release(self) -> None:
        """Gives the lock back; a second time does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def is_held(folder: Path) -> bool:
    """Whether a worker has the run now. Where that cannot be found out, it is taken to have one."""
    try:
        fd = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def holder(folder: Path) -> str:
    """Who holds the lock, in words for a message."""
    try:
        said = json.loads(read_bounded(folder / NAME, 1024))
        return f"process {int(said['pid'])} on {safe(str(said['host']), 64)}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "another process"


def _take(fd: int, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            folder = path.parent
            raise RunLocked(
                f"run {safe(folder.name)} is being written by {holder(folder)}; stop that one first"
            ) from None
        except OSError as error:
            raise explained(error, path) from error
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        raise RunNotFound(f"run {safe(path.parent.name)} was removed a moment ago") from None
    if (there.st_dev, there.st_ino) != (os.fstat(fd).st_dev, os.fstat(fd).st_ino):
        raise RunLocked(f"run {safe(path.parent.name)} was replaced a moment ago; try again")


def _sign(fd: int) -> None:
    """Says who it is, for the message that a second worker gives. On a full disk the lock holds without a name."""
    line = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode() + b"\n"
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, line, 0)
