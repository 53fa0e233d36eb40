"""How a worker is asked to stop: Ctrl-C once or TERM to save and go, Ctrl-C twice to go at once.

A signal only sets a flag, which every loop looks at (training, evaluation, compiling, binding of data). Python runs
its handlers between bytecodes of the main thread alone, and a compiled stretch or a compiler pass may hold that
thread for seconds; so a small thread reads the signals from a pipe that the C level writes, tells the compiled loop
to leave at its next step, and ends the process on the second Ctrl-C. What is on disk is whole at any moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable

INTERRUPTED, TERMINATED = 130, 143
EXIT_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class StopAsked(Exception):
    """Raised where the flag is looked at outside the training loop."""


class StopFlag:
    """Set by a signal or by `ask()`; whoever is told through `on_ask` is told once, from any thread."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.on_ask: Callable[[], None] | None = None

    def ask(self, by: signal.Signals = signal.SIGINT) -> None:
        """The first one asked decides the exit code."""
        self.signal = self.signal or by
        if self.on_ask is not None:
            self.on_ask()

    @property
    def asked(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.signal] if self.signal is not None else 0

    def check(self) -> None:
        """To be called in every loop that is not the training loop itself."""
        if self.asked:
            raise StopAsked


def watch(stop: StopFlag) -> None:
    """Lets the signals of this process set `stop`. Main thread only; SIGHUP is ignored from now on."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in EXIT_CODES:
        signal.signal(number, _nothing)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_read_signals, args=(reader, writer, stop), name="signals", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, EXIT_CODES)  # those that came while we were being started


def _nothing(number: int, frame: object) -> None:
    """A handler must stand for the C level to write the signal down; the thread does what there is to do."""


def _read_signals(reader: socket.socket, writer: socket.socket, stop: StopFlag) -> None:
    interrupts = 0
    with contextlib.closing(writer):  # held open here: the signal module knows only its number
        while numbers := reader.recv(64):
            for number in numbers:
                interrupts += number == signal.SIGINT
                if interrupts > 1:
                    os._exit(INTERRUPTED)
                if number in EXIT_CODES:
                    stop.ask(signal.Signals(number))
