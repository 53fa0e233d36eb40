"""A worker followed to its end: its events printed, Ctrl-C and TERM passed on to it, its exit code given back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from tuinet.cli.output import Output
from tuinet.cli.printer import BROKEN_OFF, Printer
from tuinet.errors import RunError, UsageError

if TYPE_CHECKING:
    from tuinet.training.session import Session

NOT_IN_JSON = ("progress",)
STOPPING = b"\r\x1b[Kstopping after this step, and saving (Ctrl-C again: at once)\n"


def follow(begin: Callable[[], Session], output: Output) -> int:
    """Start a worker and print what it reports until it has ended. Raises RunError or UsageError where it failed."""
    printer = Printer(output)
    last: dict[str, Any] = {}
    with _Signals(printer) as signals:
        session = signals.meant_for(begin())
        for event in session.events():
            if event["event"] not in NOT_IN_JSON:
                _record(output, event, printer)
            printer.show(event)
            last = event
        code = session.wait()
    if last.get("state") in BROKEN_OFF and last.get("error"):
        kind = UsageError if code == UsageError.exit_code else RunError
        if code in (kind.exit_code, 0):
            raise kind(str(last["error"]))
        output.note(str(last["error"]))
    elif not printer.closed:
        _say_what_next(session, output, last)
    return code


def _record(output: Output, event: dict[str, Any], printer: Printer) -> None:
    """The event as a line of JSON. A reader that went away is no reason to stop training."""
    if output.as_json:
        printer.hide_bar()
    try:
        output.record(event)
    except BrokenPipeError:
        output.as_json = False


def _say_what_next(session: Session, output: Output, last: dict[str, Any]) -> None:
    from tuinet.cli.neuron import neuron_lines
    from tuinet.safe_text import safe

    name = safe(session.id)
    if last.get("state") == "finished":
        for line in neuron_lines(session.folder, output):
            output.say(line)
    output.say()
    goes_on = last.get("state") == "stopped" or last.get("reason") in ("max_seconds", "max_steps")
    words = [f"tuinet resume {name}"] if goes_on else []
    words += [f"tuinet show {name}"] if last.get("state") != "finished" else [f"tuinet show {name}", "tuinet runs"]
    output.commands(words)


class _Signals:
    """While this is open, Ctrl-C and TERM go to the worker, and we read on until it has saved and ended.

    They are caught before there is a worker: one that came while it was started is passed on to it then.
    """

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._session: Session | None = None
        self._early: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def meant_for(self, session: Session) -> Session:
        self._session = session
        for number in self._early:
            session.forward(number)
        return session

    def __enter__(self) -> _Signals:
        self._before = {number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._printer.bar.terminal.live:
            with contextlib.suppress(OSError):
                os.write(2, STOPPING)  # not print: the signal may have come in the middle of one
        if self._session is None:
            self._early.append(number)
        else:
            self._session.forward(number)
