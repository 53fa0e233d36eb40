"""Textual's driver for Linux and macOS, without its four ways to fail: see the class."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import threading
import time
from typing import Any, TextIO

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tuinet.tui.terminal import guard

CHUNK = 8192
"""Bytes of one write: what cannot be taken back."""

OWED = 4096
LATE = 0.1
"""The line is busy if so many characters are under way, and some have been for so many seconds: a picture takes a
moment also where the line is fast."""

QUEUED = 8
"""Writes that may wait, of any size: at 30 Textual's queue would block the event loop."""

LAST_SECONDS = 2.0
"""How long the end waits for a line that takes nothing more."""

DROPPED = 128 + 1
"""Exit code after the line dropped: as if SIGHUP had ended it."""

TRIES = 100
"""How often the shell may send the app to the background in one go; a terminal that refuses for good ends it too."""

CANCEL = "\x18"
"""Ends a control sequence that was cut off in the middle."""


class Line:
    """The way to the terminal, as the file that Textual's writer thread writes to.

    Textual's own thread dies of the first error and then blocks the app for ever; here a line that is gone takes
    everything and sends nothing. `abandon` gives up what has not gone out yet.
    """

    def __init__(self, file: TextIO) -> None:
        self._fd = file.fileno()
        self._encoding = file.encoding
        self._pending: list[str] = []
        self._abandoned = 0
        self.handed = 0
        """Characters given to the writer thread so far; counted by the event loop only."""
        self.taken = 0
        """Characters that the writer thread is done with; counted by that thread only."""
        self.gone = False
        self._since = 0.0  # when the oldest of what is under way was given

    def hand(self, count: int) -> None:
        """So many characters go to the writer thread now."""
        if not self.owed:
            self._since = time.monotonic()
        self.handed += count

    @property
    def late(self) -> bool:
        """Whether the terminal does not take what it gets."""
        return self.owed > OWED and time.monotonic() - self._since > LATE

    @property
    def owed(self) -> int:
        """Characters that were given and are not sent."""
        return self.handed - self.taken

    def abandon(self) -> None:
        self._abandoned = self.handed

    def fileno(self) -> int:
        return self._fd

    def write(self, text: str) -> None:
        self._pending.append(text)

    def flush(self) -> None:
        for text in self._pending:
            if self.taken + len(text) > self._abandoned:
                self._send(text)
            self.taken += len(text)
        self._pending.clear()

    def _send(self, text: str) -> None:
        data = memoryview(text.encode(self._encoding, "replace"))
        end = self.taken + len(text)
        while data and not self.gone and end > self._abandoned:
            try:
                if select.select([], [self._fd], [], 0.1)[1]:
                    data = data[os.write(self._fd, data[:CHUNK]) :]
            except BlockingIOError:
                time.sleep(0.01)
            except (OSError, ValueError):
                self.gone = True


class TerminalDriver(LinuxDriver):
    """What differs from Textual's driver:

    - output that waits can be given up, so that leaving is quick on a slow line, and a dead line blocks nothing;
    - a byte that is no UTF-8 (an old mouse report past column 95, Textual #6668) is passed over, and not fatal;
    - a dropped line ends the app at once, where Textual reads an end of file for ever;
    - a second SIGTSTP or SIGCONT does nothing, where Textual would start its threads twice.
    """

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        assert self._file is not None
        self.line = Line(self._file)
        self._file = self.line  # type: ignore[assignment]
        self._parent = guard.parent()
        self._on = False
        self._starting = False

    @property
    def busy(self) -> bool:
        """Whether what was painted before is still under way."""
        thread = self._writer_thread
        return self.line.late or (thread is not None and thread._queue.qsize() > QUEUED)

    def write(self, data: str) -> None:
        self.line.hand(len(data))
        super().write(data)

    def start_application_mode(self) -> None:
        if self._starting or self._on:  # two SIGCONT, one from the shell and one from the guard, each inside the other
            return
        self._starting = True
        guard.mark(self._in_front())
        try:
            for _ in range(TRIES):
                before = self._writer_thread
                super().start_application_mode()  # type: ignore[no-untyped-call]
                self._on = self._writer_thread is not before
                if self._on:
                    break  # in the background it stops the process, and has not started when that goes on
        finally:
            self._starting = False
        guard.mark(self._on)
        self._app.forget_screen()  # type: ignore[attr-defined]

    def _in_front(self) -> bool:
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        return False

    def stop_application_mode(self) -> None:
        self.line.abandon()
        self.write(f"{CANCEL}\x1b[?2026l\x1b[0m\x1b[?1016l")
        super().stop_application_mode()

    def close(self) -> None:
        thread = self._writer_thread
        if thread is not None and thread.is_alive():
            end = time.monotonic() + LAST_SECONDS
            while time.monotonic() < end:  # the queue may be full of what nobody takes
                with contextlib.suppress(Exception):
                    thread._queue.put(None, timeout=0.1)
                    break
            thread.join(max(0.0, end - time.monotonic()))
        self._on = False
        if thread is None or not thread.is_alive():  # else the terminal never heard it, and the guard says it again
            guard.mark(False)

    def _sigtstp_application(self, *signal_and_frame: object) -> None:
        if self._on or not self._auto_restart:
            super()._sigtstp_application(*signal_and_frame)

    def _sigcont_application(self, *signal_and_frame: object) -> None:
        if not self._on:
            super()._sigcont_application(*signal_and_frame)

    def _run_input_thread(self) -> None:
        self.run_input_thread()  # an exception goes where those of all threads go

    def run_input_thread(self) -> None:
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], 0.1)[0]:
                data = self._read()
                if not data:
                    self._drop()
                    return
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            if guard.parent() != self._parent:
                self._drop()
                return
            for message in parser.tick():
                self.process_message(message)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, 4096)
        except OSError:  # a terminal that hung up
            return b""

    def _drop(self) -> None:
        """The line is gone, or the guard is: ends the app, and if it does not hear, the process."""
        last = threading.Timer(1.0, os._exit, [DROPPED])
        last.daemon = True
        last.start()
        self._loop.call_soon_threadsafe(self._app.exit, None, DROPPED)
