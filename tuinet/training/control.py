"""What clients ask of a training, done between two of its stretches: pausing, stepping, changing, looking.

Requests come from the server's thread and wait here. The loop takes them at each turn, so that nobody reads or writes
the network while it computes; a request ends the stretch under way, so that it need not wait for long.
"""

from __future__ import annotations

import queue
import signal
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import TuinetError, nearest
from tuinet.safe_text import safe
from tuinet.training.events import Event
from tuinet.training.protocol import Refused

if TYPE_CHECKING:
    from tuinet.training.looks import Source
    from tuinet.training.loop import Loop
    from tuinet.training.server import Request

Happening = Generator[Event, None, None]

WATCHED = 5.0  # seconds for which the updates of a parameter are kept ready after it was looked at
IDLE = 0.25  # seconds between two looks at the stop flag while paused


class Changes(Protocol):
    """What can be changed while a training goes on; `work.Work` is one."""

    def set_live(self, loop: Loop, key: str, value: Any) -> Generator[Event, None, dict[str, Any]]: ...
    def apply(self, loop: Loop, preset: str) -> Generator[Event, None, dict[str, Any]]: ...
    def source(self, loop: Loop) -> Source: ...
    def keep_history(self, loop: Loop) -> int | None:
        """Keeps what is due, and says after which step the next is; None where nothing more is kept."""


class Control:
    """`ask` may be called from any thread, everything else only from the loop's."""

    def __init__(self, changes: Changes | None = None) -> None:
        self.changes = changes
        self.on_ask: Callable[[], None] | None = None  # ends the stretch under way
        self.paused = False
        self.slow = 0.0  # seconds a step is stretched to
        self.until: int | None = None  # while paused: the step to go to
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._late: list[tuple[Request, int]] = []  # wait for an update that the next step makes
        self._watched: dict[str, float] = {}
        self._slept = 0.0
        self._begun = False
        self._history_at: int | None = None  # the step after which something is kept for those who look back

    def ask(self, request: Request) -> None:
        self._requests.put(request)
        if self.on_ask is not None:
            self.on_ask()

    # -- in the loop --------------------------------------------------------------------------------

    def turn(self, loop: Loop) -> Happening:
        """Everything that was asked. Comes back when there is a step to make, or the run is to stop."""
        if not self._begun:
            self._begun = True
            if self.slow:
                yield self._state(loop)
        if self.changes is not None:
            self._history_at = self.changes.keep_history(loop)
        yield from self._all(loop)
        while self.paused and not loop.stop.asked and not self._may_step(loop):
            yield from loop.flush()
            yield from self._wait(loop, IDLE)
        if self.slow and not self.paused:
            yield from self._dawdle(loop)

    def bound(self, loop: Loop, until: int) -> int:
        """The step to train to, which is `until` where nobody wants it otherwise."""
        step = loop.progress.step
        if self._history_at is not None and self._history_at > step:
            until = min(until, self._history_at)
        if self.paused:
            return min(until, step if self.until is None else self.until)
        return min(until, step + 1) if self.slow else until

    def watched(self) -> list[str]:
        """The parameters whose last update somebody looks at."""
        now = time.monotonic()
        self._watched = {name: until for name, until in self._watched.items() if until > now}
        return list(self._watched)

    def glance(self, loop: Loop) -> None:
        """Answers looks while something else holds the loop: an evaluation, say. The rest waits."""
        waiting = []
        while (request := self._next()) is not None:
            if request.command == "look":
                self._answer_look(loop, request)
            else:
                waiting.append(request)
        for request in waiting:
            self._requests.put(request)

    def finish(self) -> None:
        """The training is over; what was asked too late is told so."""
        while (request := self._next()) is not None:
            request.refuse("the training is over")

    def _may_step(self, loop: Loop) -> bool:
        if self.until is not None and loop.progress.step >= self.until:
            self.until = None
        return self.until is not None

    def _wait(self, loop: Loop, seconds: float) -> Happening:
        self._late_looks(loop)
        if (request := self._next(seconds)) is not None:
            yield from self._do(loop, request)

    def _dawdle(self, loop: Loop) -> Happening:
        """Slow motion: what is left of the time that a step is given."""
        until = self._slept + self.slow
        while not loop.stop.asked and self.slow and not self.paused and (left := until - time.monotonic()) > 0:
            yield from self._wait(loop, min(left, IDLE))
        self._slept = time.monotonic()

    def _all(self, loop: Loop) -> Happening:
        self._late_looks(loop)
        while (request := self._next()) is not None:
            yield from self._do(loop, request)

    def _next(self, seconds: float = 0.0) -> Request | None:
        try:
            return self._requests.get(timeout=seconds) if seconds > 0 else self._requests.get_nowait()
        except queue.Empty:
            return None

    # -- the commands -------------------------------------------------------------------------------

    def _do(self, loop: Loop, request: Request) -> Happening:
        try:
            answer = yield from getattr(self, f"_{request.command}")(loop, request)
        except TuinetError as error:
            request.refuse(str(error))
        else:
            if answer is not None:
                request.answer(answer)

    def _pause(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        yield from self._become(loop, paused=True)
        return {"step": loop.progress.step}

    def _resume(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        yield from self._become(loop, paused=False)
        return {"step": loop.progress.step}

    def _step(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        """So many batches or epochs, and then it stands still."""
        if "batches" in request.fields and "epochs" in request.fields:
            raise Refused("step takes batches or epochs, not both")
        if epochs := request.fields.get("epochs"):
            until = loop.trainer.epoch_end(loop.progress.epoch + epochs)
        else:
            until = loop.progress.step + request.fields.get("batches", 1)
        yield from self._become(loop, paused=True)
        self.until = until
        return {"until": until}

    def _slow(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        self.slow = float(request.fields["seconds"])
        yield self._state(loop)
        return {"seconds": self.slow}

    def _stop(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        loop.stop.ask(signal.SIGINT)
        yield from ()
        return {"step": loop.progress.step}

    def _checkpoint(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        if not (yield from loop.save()):
            raise Refused(f"nothing was saved: {loop.ending.error}")
        return {"step": loop.progress.step}

    def _set(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        return (yield from self._changes().set_live(loop, request.fields["key"], request.fields["value"]))

    def _apply(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        return (yield from self._changes().apply(loop, request.fields["preset"]))

    def _write(self, loop: Loop, request: Request) -> Generator[Event, None, dict[str, Any]]:
        """One number of a parameter, by hand."""
        name, value = request.fields["slot"], float(request.fields["value"])
        model = loop.trainer.model()
        index = _index(model, name, request.fields["index"])
        old = float(model[name][index])
        model[name][index] = value
        value = float(model[name][index])  # as it is kept
        loop.trainer.load(model, None, None)
        place = f"{name}[{', '.join(map(str, index))}]"
        yield loop.event("changed", key=place, old=old, new=value, why="set by hand")
        return {"old": old, "new": value}

    def _look(self, loop: Loop, request: Request) -> Happening:
        self._answer_look(loop, request)
        yield from ()

    def _answer_look(self, loop: Loop, request: Request) -> None:
        from tuinet.training import looks

        wanted = {**request.fields.get("request", {}), "look": request.fields["look"]}
        slot = wanted.get("slot")
        if wanted.get("mode") == "update" and isinstance(slot, str) and slot not in loop.updates:
            new = slot not in self._watched
            self._watched[slot] = time.monotonic() + WATCHED
            if new and not (self.paused and self.until is None):
                self._late.append((request, loop.progress.step))
                return
        elif wanted.get("mode") == "update" and isinstance(slot, str):
            self._watched[slot] = time.monotonic() + WATCHED
        try:
            found = looks.answer(self._changes().source(loop), wanted)
        except TuinetError as error:
            request.refuse(str(error))
        except Exception as error:  # a fault in a look must not cost anybody a training
            traceback.print_exc()
            request.refuse(f"a fault in tuinet itself: {type(error).__name__}: {error}")
        else:
            request.answer(found.fields, found.body)

    def _late_looks(self, loop: Loop) -> None:
        """Those that waited for a step, once it is made or the training stands still."""
        late, self._late = self._late, []
        for request, step in late:
            if loop.progress.step > step or self.paused:
                self._answer_look(loop, request)
            else:
                self._late.append((request, step))

    def _changes(self) -> Changes:
        if self.changes is None:
            raise Refused("this training can be paused and stopped, but not be looked into")
        return self.changes

    def _become(self, loop: Loop, *, paused: bool) -> Happening:
        changed, self.paused, self.until = self.paused != paused, paused, None
        if changed:
            yield self._state(loop)

    def _state(self, loop: Loop) -> Event:
        return loop.event("state", state="paused" if self.paused else "running", slow=self.slow)


def _index(model: Mapping[str, NDArray[np.generic]], name: str, index: Sequence[object]) -> tuple[int, ...]:
    """Where in the parameter; Refused where there is no such place."""
    if name not in model:
        raise Refused(f"{safe(name, 80)} is no parameter of this network{nearest(name, model) or ''}")
    shape = model[name].shape
    whole = [place for place in index if isinstance(place, int) and not isinstance(place, bool)]
    inside = len(whole) == len(index) == len(shape) and all(0 <= i < n for i, n in zip(whole, shape, strict=True))
    if not inside:
        raise Refused(f"{name} is {' x '.join(map(str, shape))}: index {safe(str(list(index)), 60)} is not in it")
    return tuple(whole)
