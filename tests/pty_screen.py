"""A program in a pseudo-terminal, and what a terminal would show of it: bytes, modes, cells."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pyte

ROOT = Path(__file__).parent.parent
MODES = {
    "alternate screen": 1049, "mouse": 1000, "mouse motion": 1003, "mouse urxvt": 1015, "mouse sgr": 1006,
    "mouse pixels": 1016, "paste": 2004, "focus": 1004, "resize reports": 2048, "synchronised": 2026,
}  # fmt: skip

UNWANTED = (
    "NO_COLOR", "SSH_CONNECTION", "SSH_TTY", "TMUX", "TMUX_PANE", "COLUMNS", "LINES", "TEXTUAL_COLOR_SYSTEM",
    "TEXTUAL_ANIMATIONS",
)  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    """A terminal with 24-bit colour and UTF-8, whatever the tests run in."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return (
        kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)} | more
    )


LOOK = 0.02
"""Seconds between two looks at what came."""


class Pty:
    """A running program.

    The terminal reads as fast as it can, or `rate` bytes a second. It answers no question, but for `sync`: whether
    it knows synchronised updates. `out` is all that came, `screen` what it shows.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: dict[str, str] | None = None,
        rate: int | None = None,
        sync: bool = False,
        ignore: Sequence[int] = (),
    ) -> None:
        self.rate = rate
        self.sync = sync
        self.out = bytearray()
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._closed = False
        self.status: int | None = None
        self.master, self.slave = os.openpty()
        self.resize(*size, tell=False)
        self.before = termios.tcgetattr(self.slave)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(self.slave, number)
            os.closerange(3, 256)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # the tests may run in the background
                signal.signal(number, signal.SIG_IGN if number in ignore else signal.SIG_DFL)
            os.chdir(ROOT)
            os.execve(words[0], list(words), env if env is not None else environment())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._closed:
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self.master, 65536 if self.rate is None else max(1, self.rate // 50))
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.out += data
                self._stream.feed(data)
            if self.sync and b"\x1b[?2026$p" in data:
                self.type(b"\x1b[?2026;2$y")
            if self.rate is not None:
                time.sleep(len(data) / self.rate)

    def type(self, keys: bytes | str) -> None:
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            with self._lock:
                self.screen.resize(rows, columns)
            os.kill(self.pid, signal.SIGWINCH)

    @property
    def text(self) -> str:
        with self._lock:
            return "\n".join(self.screen.display)

    def cells(self) -> list[list[tuple[Any, ...]]]:
        """Every cell: character, colours, attributes."""
        with self._lock:
            rows = range(self.screen.lines)
            return [[tuple(self.screen.buffer[y][x]) for x in range(self.screen.columns)] for y in rows]

    def comes_to(self, cells: Callable[[], list[list[tuple[Any, ...]]]], seconds: float = 5.0) -> bool:
        """Whether it shows these cells, within a time that also a busy machine needs."""
        end = time.monotonic() + seconds
        while self.cells() != cells():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def wait_for(self, pattern: str, seconds: float = 10.0) -> str:
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"{pattern!r} did not come:\n{self.text}"
            time.sleep(0.02)
        return self.text

    def wait_for_bytes(self, pattern: bytes, since: int, seconds: float = 10.0) -> None:
        """Waits for what comes after the first `since` bytes."""
        end = time.monotonic() + seconds
        while not re.search(pattern, bytes(self.out[since:])):
            assert time.monotonic() < end, f"{pattern!r} did not come: {bytes(self.out[since:])!r}"
            time.sleep(0.02)

    def settle(self, calm: float = 0.15, seconds: float = 10.0) -> None:
        """Waits until nothing more comes and the program sleeps: for longer where the machine has much else to do.

        It counts looks, not time: where the machine stands still for a moment, so does the program.
        """
        calm *= min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), 4.0)
        end = time.monotonic() + seconds
        length, looks = len(self.out), 0
        while looks * LOOK < calm:
            time.sleep(LOOK)
            looks = looks + 1 if len(self.out) == length and not self._busy() else 0
            length = len(self.out)
            assert time.monotonic() < end, "it never rests"

    def _busy(self) -> bool:
        """Whether the program waits for nothing but a processor: the guard, or the application, which it has forked."""
        try:
            guard = psutil.Process(self.pid)
            forked = [child for child in guard.children() if child.cmdline() == guard.cmdline()]
            return any(process.status() == psutil.STATUS_RUNNING for process in (guard, *forked))
        except psutil.NoSuchProcess:
            return False

    def sent(self, during: Callable[[], None]) -> int:
        """Bytes that came while something happened, and until all was calm."""
        self.settle()
        before = len(self.out)
        during()
        self.settle()
        return len(self.out) - before

    def wait(self, seconds: float = 10.0) -> int:
        """The exit code, or minus the signal, with all that came until then read."""
        end = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
            time.sleep(0.01)
        self.settle(0.1)
        return os.waitstatus_to_exitcode(self.status)

    def modes_left_on(self) -> list[str]:
        """What a terminal would still have switched on after all that came."""
        found = {number: sign for number, sign in re.findall(rb"\x1b\[\?(\d+)([hl])", bytes(self.out))}
        left = [name for name, number in MODES.items() if found.get(str(number).encode()) == b"h"]
        if found.get(b"25") == b"l":
            left.append("cursor hidden")
        if found.get(b"7") == b"l":
            left.append("no line wrap")
        if self.out.count(b"\x1b[>") > self.out.count(b"\x1b[<u"):
            left.append("keyboard protocol")
        if termios.tcgetattr(self.slave) != self.before:
            left.append("termios")
        return left

    def hang_up(self) -> None:
        """The line drops."""
        self._closed = True
        self._reader.join()
        os.close(self.slave)
        os.close(self.master)
        self.slave = self.master = -1

    def close(self) -> None:
        self._closed = True
        self._reader.join()
        if self.status is None:
            for pid in [*children(self.pid), self.pid]:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        for number in (self.master, self.slave):
            if number >= 0:
                os.close(number)

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def python(*words: str) -> list[str]:
    return [sys.executable, *words]
