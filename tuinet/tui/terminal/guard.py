"""A small parent process that gives the terminal back, however the screen ends.

A full-screen program changes the terminal: alternate screen, no echo, mouse reports, no cursor. Killed by SIGKILL
or by a fault in native code it cannot undo that. So the process that the shell started stays small and waits, and
the app runs in its child. When the child is dead the parent undoes what is left, says why, and passes on the code.

Signals to the parent go on to the child, and a child that stops (ctrl+z) stops its parent, so that the shell's job
control sees one process. The child is forked before anything heavy is imported, while there is one thread.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import sys
import termios
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from tuinet.safe_text import safe
from tuinet.tui.terminal.abilities import find, tell_textual

GIVE_BACK = "".join(
    [
        "\x18\x1b[0m",  # ends a sequence that was cut off, and colours
        "\x1b[?2026l",  # synchronised output
        "\x1b[?2004l",  # bracketed paste
        "\x1b[?7h",  # line wrap
        "\x1b[?2048l",  # reports of the window's size
        "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l",  # mouse
        "\x1b[<u",  # keyboard protocol
        "\x1b[?1049l",  # alternate screen
        "\x1b[?25h",  # cursor
        "\x1b[?1004l",  # focus
    ]
)
"""Undoes every mode that Textual switches on."""

PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
GRACE_SECONDS = 5
"""How long a child may take to end after it was asked to."""

_taken: mmap.mmap | None = None


class Runnable(Protocol):
    """What runs under the guard: `TerminalApp`."""

    def main(self) -> int:
        """Runs to the end and gives an exit code."""


def mark(taken: bool) -> None:
    """The child says whether the terminal is in its hands; the parent reads it when the child is dead."""
    if _taken is not None:
        _taken[0] = int(taken)


def parent() -> int:
    """The process that guards this one as long as it lives; 0 where there is none."""
    return os.getppid() if _taken is not None else 0


def run_guarded(make_app: Callable[[], Runnable], *, colour: str = "auto") -> int:
    """Runs an app under a guard and gives the exit code: the app's own, or 128 + the signal that killed it.

    make_app: imports the app and makes it; called in the child. Nothing may have imported Textual before.
    colour: "auto", "truecolor", "256", "16" or "none".
    """
    if not (os.isatty(0) and os.isatty(2)) or os.environ.get("TERM", "") == "dumb":
        print("tuinet: the screens need a terminal; see tuinet --help for commands without one", file=sys.stderr)
        return 2
    return guarded(lambda: _run(make_app, colour))


def _run(make_app: Callable[[], Runnable], colour: str) -> int:
    tell_textual(find(colour=colour))
    gc.disable()  # until the app stands: importing makes objects that stay, and the collector goes over all of them
    return make_app().main()


def guarded(run: Callable[[], int]) -> int:
    """Forks; runs `run` in the child, and waits for it with the terminal's state in hand."""
    global _taken
    _taken = mmap.mmap(-1, 1)
    before = termios.tcgetattr(0)
    _flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # none may come while nobody can pass it on
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        os._exit(_child(run))
    _pass_signals_on(child)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    status = _wait(child)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    dirty = bool(_taken[0])
    give_back(before, modes=dirty)
    if killed:
        print(f"tuinet: the screen was ended by {signal.Signals(killed).name}. Runs go on without it.", file=sys.stderr)
        return 128 + killed
    if dirty:
        print("tuinet: the screen ended without a word. Runs go on without it.", file=sys.stderr)
    return os.WEXITSTATUS(status)


def _child(run: Callable[[], int]) -> int:
    """The exit code of the app. Nothing of the caller runs in the child afterwards."""
    try:
        code = run()
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except KeyboardInterrupt:  # ctrl+c before the screen was there
        code = 128 + signal.SIGINT
    except BaseException as error:
        print(told(error), file=sys.stderr)
        code = 1
    _flush()
    return code


def told(error: BaseException, what: str = "the screen failed. Runs go on without it.") -> str:
    """A failure of the program itself, for a person and for a report: what, then where."""
    where = "".join(traceback.format_exception(error))
    lines = [safe(line) for line in where.splitlines()]
    return "\n".join([f"tuinet: {what} This is a fault of tuinet:", *lines])


def _pass_signals_on(child: int) -> None:
    def pass_on(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        if number != signal.SIGTSTP:
            signal.alarm(GRACE_SECONDS)

    def kill(number: int, frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # the terminal is given back also from the background
    for number in PASSED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, pass_on)


def _wait(child: int) -> int:
    """The status of the child's end. Where it stops on the way, so does the guard, and both go on together."""
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            signal.alarm(0)
            return status
        if os.getpgrp() != os.getsid(0):  # else there is no shell that could start it again
            os.kill(os.getpid(), signal.SIGSTOP)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)


def give_back(attributes: list[Any], *, modes: bool) -> None:
    """Sets the terminal's attributes as they were and, if asked, switches all modes off.

    A terminal that another job has in hand is left alone, and one that is gone is no error.
    """
    with contextlib.suppress(OSError, termios.error):
        if os.tcgetpgrp(0) != os.getpgrp():
            return
        if modes:
            termios.tcflush(0, termios.TCIOFLUSH)  # mouse reports that nobody reads, a frame that nobody takes
            os.write(2, GIVE_BACK.encode())
        termios.tcsetattr(0, termios.TCSANOW, attributes)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
