"""A worker followed to its end: its events printed, Ctrl-C and TERM passed on to it, its exit code given back."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from tuinet.cli.output import Output, Terminal
from tuinet.cli.printer import BROKEN_OFF, Printer
from tuinet.errors import RunError, TuinetError, UsageError

if TYPE_CHECKING:
    from tuinet.training.session import Session

NOT_IN_JSON = ("progress", "gpu")
STOPPING = b"\r\x1b[Kstopping after this step, and saving (Ctrl-C again: at once)\n"


def follow(begin: Callable[[], Session], output: Output, variant: str = "") -> int:
    """Start a worker and print what it reports until it has ended. Raises RunError or UsageError where it failed.

    variant: which one of a preset's the worker trains, "" where it has none.
    """
    with Signals(output.side) as signals:
        told = tell(begin, output, signals, variant, f"variant {variant}" if variant else "")
    failure = told.failure()
    if failure is not None:
        raise failure
    if told.broken_off:
        output.note(str(told.end["error"]))
    elif not told.closed:
        _say_what_next(told.session, output, told.end)
    return told.code


@dataclass(frozen=True)
class Told:
    """How a worker that was followed to its end has ended."""

    session: Session
    started: bool
    end: dict[str, Any]  # its last event
    code: int
    closed: bool  # whether nobody reads what is printed any more

    @property
    def broken_off(self) -> bool:
        return self.end.get("state") in BROKEN_OFF and bool(self.end.get("error"))

    def failure(self) -> TuinetError | None:
        """The error to end with, where the worker failed and was not asked to stop."""
        kind = UsageError if self.code == UsageError.exit_code else RunError
        return kind(str(self.end["error"])) if self.broken_off and self.code in (kind.exit_code, 0) else None


def tell(begin: Callable[[], Session], output: Output, signals: Signals, variant: str, label: str) -> Told:
    """Start a worker and print what it reports until it has ended.

    variant: added to each JSON event, where there is one. label: what people are told of the worker's place.
    """
    printer = Printer(output, label)
    started = False
    last: dict[str, Any] = {}
    session = signals.meant_for(begin())
    for event in session.events():
        if event["event"] not in NOT_IN_JSON:
            kind = {"event": event["event"], "variant": variant} if variant else {}
            if output.as_json:
                printer.hide_bar()
            record(output, {**kind, **event})
        printer.show(event)
        started, last = started or event["event"] == "start", event
    return Told(session, started, last, session.wait(), printer.closed)


def record(output: Output, event: dict[str, Any]) -> None:
    """The event as a line of JSON. A reader that went away is no reason to stop training."""
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
    beyond = _beyond(last)
    words = [f"tuinet resume {name}{beyond}"] if beyond or last.get("state") == "stopped" else []
    words += [f"tuinet show {name}"] if last.get("state") != "finished" else [f"tuinet show {name}", "tuinet runs"]
    output.commands(words)


def _beyond(end: dict[str, Any]) -> str:
    """The option that lets a run go on which has reached a limit: twice of it."""
    if end.get("reason") == "max_steps":
        return f" --max-steps {2 * end['step']}"
    if end.get("reason") == "max_seconds":
        return f" --max-seconds {2 * max(1, round(sum(end['spent'].values())))}"
    return ""


class Signals:
    """While this is open, Ctrl-C and TERM go to the worker, and we read on until it has saved and ended.

    They are caught before there is a worker: one that came while it was started is passed on to it then.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.caught: list[int] = []
        self._early: list[int] = []
        self._terminal = terminal
        self._session: Session | None = None
        self._before: dict[signal.Signals, Any] = {}

    def meant_for(self, session: Session) -> Session:
        self._session = session
        for number in self._early:
            session.forward(number)
        return session

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._terminal.live:
            with contextlib.suppress(OSError):
                os.write(2, STOPPING)  # not print: the signal may have come in the middle of one
        self.caught.append(number)
        if self._session is None:
            self._early.append(number)
        else:
            self._session.forward(number)
