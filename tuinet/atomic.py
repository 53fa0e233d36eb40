"""Writing files so that a reader finds the old one or the new one, whole, whatever happens in between.

    write a file beside it  →  fsync it  →  rename it over the old one  →  fsync the folder

A process killed at any point leaves at most a file whose name begins with ".tmp-", which every reader passes over.
After a power cut the rename cannot arrive before the bytes, since the bytes were on the disk first.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from pathlib import Path

from tuinet.errors import DiskFull, TuinetError
from tuinet.safe_text import safe

UNFINISHED = ".tmp-"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_counter = itertools.count()


def write_file(path: Path, data: bytes) -> None:
    """Replaces the file by `data`. DiskFull or TuinetError name the path; the old file then stands unchanged."""
    try:
        temporary = _write_beside(path, data)
        try:
            os.rename(temporary, path)
        except OSError:
            _forget(temporary)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise explained(error, path) from error


def write_named(path: Path, data: bytes) -> None:
    """Writes to a place that the user names: through links, and into a pipe or a device instead of in its place."""
    path = Path(os.path.realpath(path))
    try:
        if path.is_file() or not path.exists():
            write_file(path, data)
            return
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)
    except OSError as error:
        raise explained(error, path) from error


def write_new(path: Path, data: bytes) -> None:
    """Writes and fsyncs a file that is not there yet; for files inside a folder that is renamed as a whole later.

    OSError is handed on: whoever builds the folder knows what to call it.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o666)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """All of `data`, in as many writes as it takes. A disk that fills up first takes a part, and then refuses."""
    view = memoryview(data)
    while view:
        written = os.write(fd, view)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in the folder last. Some network file systems know no such thing: they are let be."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def explained(error: OSError, path: Path) -> TuinetError:
    """What to tell the user when `path` could not be written."""
    name = safe(str(path))
    if error.errno in _FULL:
        what = "the disk is full" if error.errno == errno.ENOSPC else "your quota is used up"
        return DiskFull(f"{name}: {what}; make room (`tuinet runs prune` helps), what was saved before still stands")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return TuinetError(f"{name}: no permission to write there ({error.strerror})")
    return TuinetError(f"{name}: cannot be written ({error.strerror or error})")


def _write_beside(path: Path, data: bytes) -> Path:
    while True:
        temporary = path.with_name(f"{UNFINISHED}{os.getpid()}-{next(_counter)}-{path.name}")
        try:
            write_new(temporary, data)
        except FileExistsError:
            continue  # left by a killed process that had our number
        except OSError:
            _forget(temporary)
            raise
        return temporary


def _forget(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # it is passed over by every reader, and the next worker removes it
        os.unlink(temporary)
