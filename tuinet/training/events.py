"""What a training tells: the records in the run's folder, a pipe to a printer, and the clients of the worker's socket.

The record is written first, so whatever is shown is on disk. A printer or a client may be slow or gone: neither
makes training wait, and when nobody reads any more nothing is written to them. The forms are in docs/formats.md.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tuinet.runs.checked import json_line

if TYPE_CHECKING:
    from tuinet.engine.pace import Pace

METRICS = {"steps", "epoch", "evaluation", "test"}
RECORDED_AS = {"start": "started", "warning": "alert", "end": "stopped"}
STARTED = ("device", "gpu", "threads", "seed", "parameters", "resumed", "versions", "init")
STOPPED = ("state", "reason", "best_epoch", "best", "test", "until", "weights_sha256", "error")
NOT_ON_THE_PIPE = {"compiled", "test"}
NOT_IN_RECORDS = {"compile", "state"}
NAMES = 50  # of tensors, in a record
PLACE = ("step", "epoch", "seconds")
BACKLOG = 64 << 20  # bytes kept for a printer that does not read, before it is given up


@dataclass(frozen=True)
class Event:
    """`kind` is the word under "event"; `fields` are complete, with `step`, `epoch` and `seconds` where they belong."""

    kind: str
    fields: Mapping[str, object]


class Appends(Protocol):
    """The part of a record writer that is needed here."""

    def append(self, record: Mapping[str, object]) -> object: ...


class Tells(Protocol):
    """Whoever passes on what is told to others; `server.Server` is one."""

    @property
    def clients(self) -> int: ...
    def tell(self, fields: Mapping[str, object], *, may_be_lost: bool = False) -> None: ...


class Pipe:
    """Lines to whoever reads the other end, without ever waiting for them."""

    def __init__(self, fd: int | None) -> None:
        """The descriptor belongs to the pipe from now on. None: nobody listens."""
        self.fd = fd
        self.waiting: deque[bytes] = deque()
        self.size = 0
        if fd is not None:
            os.set_blocking(fd, False)
            os.set_inheritable(fd, False)

    def send(self, line: str, *, may_be_lost: bool = False) -> None:
        """may_be_lost: not kept for a reader that is behind, since a newer one will say it better."""
        if self.fd is None or (may_be_lost and self.waiting):
            return
        data = line.encode("ascii") + b"\n"
        self.waiting.append(data)
        self.size += len(data)
        self._push()
        if self.size > BACKLOG:
            self.close()

    def finish(self, go_on: Callable[[], bool]) -> None:
        """Waits for the reader to take what is left, while `go_on()` says so; a reader that is gone ends it."""
        while self.fd is not None and self.waiting and go_on():
            with contextlib.suppress(InterruptedError):
                select.select([], [self.fd], [], 0.2)
            self._push()
        self.close()

    def close(self) -> None:
        fd, self.fd = self.fd, None
        self.waiting.clear()
        if fd is not None:
            os.close(fd)

    def _push(self) -> None:
        while self.fd is not None and self.waiting:
            try:
                written = os.write(self.fd, self.waiting[0])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                self.close()
                return
            self.size -= written
            rest = self.waiting.popleft()[written:]
            if rest:
                self.waiting.appendleft(rest)


def _shortened(init: Mapping[str, object]) -> dict[str, object]:
    """What a record keeps of `init`: a record is a line, and a network may have thousands of names."""
    taken, left = (list(names) if isinstance(names := init.get(key), list) else [] for key in ("taken", "left"))
    more = max(0, len(taken) - NAMES) + max(0, len(left) - NAMES)
    return {"run": init.get("run"), "taken": taken[:NAMES], "left": left[:NAMES], "more": more}


class Reporter:
    """Takes events, writes their records, and then passes them on."""

    def __init__(self, pipe: Pipe, *, run: str) -> None:
        self.pipe, self.run = pipe, run
        self.pace: Pace | None = None  # to say in records how many epochs `step` steps are; set when the data is known
        self.metrics: Appends | None = None
        self.records: Appends | None = None
        self.server: Tells | None = None
        self.ended = False
        self._seconds = 0.0  # of training, as an event said last
        self._passing = threading.Lock()  # held for as long as it takes to write without waiting
        self.standing: dict[str, object] = {"state": "starting", "slow": 0.0, "start": None}  # for a new client

    def tell(self, event: Event) -> None:
        """Raises what the writers raise: a metric that could not be written is not shown."""
        self.record(event)
        self.pass_on(event)

    def goes_on(self, **changed: object) -> None:
        """What a new client is told of the start is told as it stands now."""
        start = self.standing["start"]
        if isinstance(start, Mapping):
            self.standing = {**self.standing, "start": {**start, **changed}}

    def hello(self) -> dict[str, object]:
        """What a client has to know that comes in the middle. May be called from another thread."""
        return {"run": self.run, **self.standing}

    def pass_on(self, event: Event) -> None:
        """To the pipe and the clients alone."""
        with self._passing:
            self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        self.ended = self.ended or event.kind == "end"
        if event.kind == "start":  # kernels may have to be compiled before the first step
            self.standing = {**self.standing, "start": dict(event.fields)}
        elif event.kind in ("compiled", "state", "end"):
            new = {"state": event.fields.get("state", "running"), "slow": event.fields.get("slow", 0.0)}
            self.standing = {**self.standing, **new}
            if event.kind == "compiled" and self.server is not None:
                self.server.tell({"event": "state", **new})
        if event.kind in NOT_ON_THE_PIPE:
            return
        newest = event.kind == "steps"  # the next one will say it better
        fields: dict[str, object] = {"event": "progress", **self._progress(event.fields)} if newest else {
            "event": event.kind, **({"run": self.run} if event.kind == "end" else {}), **event.fields,
        }  # fmt: skip
        self._send(fields, may_be_lost=newest)

    def _send(self, fields: Mapping[str, object], *, may_be_lost: bool) -> None:
        self.pipe.send(json_line(fields), may_be_lost=may_be_lost)
        if self.server is not None:
            self.server.tell(fields, may_be_lost=may_be_lost)

    @property
    def watched(self) -> bool:
        """Whether anybody would hear of what is not recorded. May be called from another thread."""
        return self.pipe.fd is not None or (self.server is not None and self.server.clients > 0)

    def pass_on_gpu(self, figures: Mapping[str, object]) -> None:
        """What a GPU says of itself. May be called from another thread; after the end nobody hears of it."""
        with self._passing:
            if not self.ended:
                self._send({"event": "gpu", **figures}, may_be_lost=True)

    def record(self, event: Event) -> None:
        """To the run's folder alone."""
        writer = self.metrics if event.kind in METRICS else self.records
        if writer is None or event.kind in NOT_IN_RECORDS:
            return
        fields = dict(event.fields)
        if event.kind in ("start", "end"):
            chosen = STARTED if event.kind == "start" else STOPPED
            fields = {name: fields.get(name) for name in (*chosen, *PLACE)}
            if isinstance(init := fields.get("init"), Mapping):
                fields["init"] = _shortened(init)
        step = fields.pop("step", None) or 0
        epoch, seconds = fields.pop("epoch", None), fields.pop("seconds", None)
        if event.kind != "epoch":
            epoch = self._epochs(step)
        if event.kind != "compiled":
            self._seconds = seconds = float(seconds) if isinstance(seconds, int | float) else self._seconds
        head: dict[str, object] = {"k": RECORDED_AS.get(event.kind, event.kind), "s": step, "e": epoch}
        if seconds is not None and event.kind != "compiled":
            head["m"] = seconds
        elif seconds is not None:
            fields = {"seconds": seconds, **fields}
        writer.append(head | fields)

    def _progress(self, fields: Mapping[str, object]) -> dict[str, object]:
        loss = fields["loss"]
        return {
            "step": fields["step"],
            "epoch": self._epochs(fields["step"]),
            "loss": loss[1] if isinstance(loss, list) else loss,
            "samples_per_s": fields["samples_per_s"],
            "seconds": fields["seconds"],
        }

    def _epochs(self, step: object) -> float:
        if not isinstance(step, int) or self.pace is None:
            return 0.0
        return round(self.pace.epochs(step), 6)
