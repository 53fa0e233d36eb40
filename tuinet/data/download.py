"""Fetching a set: to a file beside its place, checked against its sha256, and only then renamed into it.

Each address is tried in turn. A server that sends nothing for a while, or only a trickle, is given up; so is a file
that is shorter, longer or other than it should be. Nothing that fails a check is ever left where it could be read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import socket
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from tuinet.atomic import sync_folder
from tuinet.data.sets import RemoteFile, SetInfo, known_set
from tuinet.errors import DownloadError, TuinetError, UsageError
from tuinet.safe_text import safe

Progress = Callable[[int, int], None]

QUIET = 20.0  # seconds without a byte
TRICKLE = 1_000  # bytes a second, over SLOW seconds: less is taken for a stall
SLOW = 30.0
_PIECE = 1 << 16
_UNPACKED = 1 << 20


class _Refused(Exception):
    """Why one address did not do."""


def get(name: str, progress: Progress | None = None, *, quiet: float = QUIET, slow: float = SLOW) -> SetInfo:
    """Fetches what is missing of the set, checks it and keeps it in the set's folder; gives the set.

    progress(bytes_done, bytes_total) is called as bytes come. quiet, slow: seconds after which a silent server, or one
    under 1,000 bytes a second, is given up. $TUINET_MIRROR stands in for all addresses: MIRROR/set/file is fetched.
    Raises DownloadError that says what each address answered, DiskFull, UsageError for a set that is always here.
    """
    info = known_set(name)
    if not info.files:
        raise UsageError(f"{info.name} is always here ({info.kind}); there is nothing to fetch")
    total, done = info.bytes, 0
    for file in info.files:
        before = done

        def report(count: int, before: int = before) -> None:
            if progress is not None:
                progress(min(before + count, total), total)

        if not _present(info, file):
            _fetch(info, file, report, quiet, slow)
        done += file.bytes
        report(file.bytes)
    return info


def _present(info: SetInfo, file: RemoteFile) -> bool:
    """Whether it is there and is the right one; a wrong one is fetched anew."""
    path = info.find(file)
    if path is None:
        return False
    try:
        with open(path, "rb") as stream:
            return _right(stream, file) is None
    except OSError:
        return False


def addresses(info: SetInfo, file: RemoteFile) -> list[str]:
    """Where the file is fetched from, in order."""
    mirror = os.environ.get("TUINET_MIRROR")
    if not mirror:
        return [url.replace("{file}", file.name) for url in info.urls]
    if urlsplit(mirror).scheme not in ("http", "https"):
        raise UsageError(f"TUINET_MIRROR is {safe(mirror, 100)}; it must begin with http:// or https://")
    return [f"{mirror.rstrip('/')}/{info.name}/{file.name}"]


def _fetch(info: SetInfo, file: RemoteFile, report: Callable[[int], None], quiet: float, slow: float) -> None:
    folder = info.folder
    temporary = folder / f".tmp-{os.getpid()}-{file.name}"
    answers = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for url in addresses(info, file):
            try:
                with open(temporary, "w+b") as stream:
                    _receive(url, stream, file, report, quiet, slow)
                    _check(stream, file)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(temporary, folder / file.name)
                sync_folder(folder)
                return
            except _Refused as reason:
                answers.append(f"  {url}: {reason}")
    except OSError as error:
        raise _unwritable(error, folder) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    raise DownloadError(
        f"{info.name}: {file.name} could not be fetched:\n" + "\n".join(answers) + "\n"
        f"Try again later, or fetch it by other means and put it into {safe(str(folder))}"
    )


def _unwritable(error: OSError, folder: Path) -> TuinetError:
    from tuinet.errors import DiskFull

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{safe(str(folder))}: there is no room left for it; make room, or set TUINET_DATA to another")
    return DownloadError(
        f"{safe(str(folder))}: cannot be written ({error.strerror or error}); set TUINET_DATA to a folder of your own"
    )


# -- receiving -----------------------------------------------------------------------------


def _receive(
    url: str, stream: BinaryIO, file: RemoteFile, report: Callable[[int], None], quiet: float, slow: float
) -> None:
    """Writes what the address sends; _Refused where it is not the file, or does not come."""
    request = urllib.request.Request(url, headers={"User-Agent": "tuinet", "Accept-Encoding": "identity"})
    try:
        response = urllib.request.urlopen(request, timeout=quiet)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise _Refused(_answer(error, quiet)) from None
    with response:
        done, since, at = 0, time.monotonic(), 0
        while True:
            try:
                piece = response.read1(_PIECE)
            except (http.client.HTTPException, OSError, ValueError) as error:
                raise _Refused(_answer(error, quiet)) from None
            if not piece:
                break
            stream.write(piece)
            done += len(piece)
            if done > file.bytes + _UNPACKED and done > file.raw_bytes:
                raise _Refused(f"sends more than the {file.bytes:,} bytes that it should have")
            report(min(done, file.bytes))
            now = time.monotonic()
            if now - since > slow:
                if done - at < TRICKLE * slow:
                    raise _Refused(f"only {done - at:,} bytes came in {now - since:.0f} seconds; given up")
                since, at = now, done
        if response.length:
            raise _Refused(f"stopped after {done:,} of {done + response.length:,} bytes")


def _answer(error: Exception, quiet: float) -> str:
    """What went wrong, in words that help."""
    reason = getattr(error, "reason", error)
    if isinstance(error, urllib.error.HTTPError):
        gone = {404: "the file is not there any more", 403: "access is refused", 429: "too many requests; wait a while"}
        return f"answers {error.code}: {gone.get(error.code, safe(str(error.reason), 60))}"
    if isinstance(reason, TimeoutError):
        return f"nothing came for {quiet:g} seconds; given up"
    if isinstance(reason, socket.gaierror):
        return "its name is not known here: there seems to be no network"
    if isinstance(reason, ConnectionRefusedError):
        return "nobody answers there"
    if isinstance(reason, http.client.IncompleteRead):
        return f"stopped after {len(reason.partial):,} bytes"
    if isinstance(reason, OSError) and reason.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "cannot be reached: there seems to be no network"
    return safe(str(reason) or type(reason).__name__, 200)


# -- checking ------------------------------------------------------------------------------


def _check(stream: BinaryIO, file: RemoteFile) -> None:
    stream.flush()
    stream.seek(0)
    if wrong := _right(stream, file):
        raise _Refused(wrong)


def _right(stream: BinaryIO, file: RemoteFile) -> str | None:
    """None where the content, unpacked if it is gzipped, has the sha256 it should have; what is wrong otherwise."""
    digest, size = hashlib.sha256(), 0
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    inflate = zlib.decompressobj(wbits=31) if packed else None
    try:
        while piece := stream.read(_PIECE):
            while piece:
                content = piece if inflate is None else inflate.decompress(piece, _UNPACKED)
                piece = b"" if inflate is None else inflate.unconsumed_tail
                digest.update(content)
                size += len(content)
                if size > file.raw_bytes:
                    return f"holds more than the {file.raw_bytes:,} bytes that it should"
    except zlib.error:
        return "cannot be unpacked: it is damaged"
    if size < file.raw_bytes:
        return f"ends after {size:,} of {file.raw_bytes:,} bytes"
    return None if digest.hexdigest() == file.raw_sha256 else "is another file: its sha256 is not the one known here"
