"""What a screen knows of one run: read from its folder, and asked of its worker where one lives.

The files are the truth: curves, epochs and events come from them, so a run that is finished, or was copied from
another machine, opens the same way, and a client that was away misses nothing. The worker is asked for what no file
has, and told what to do. Everything here runs on the event loop; files are read in threads.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tuinet import figures
from tuinet.diagnostics.verdict import judged
from tuinet.errors import RunNotFound, TuinetError
from tuinet.runs import RunFolder
from tuinet.training.client import AsyncConnection, NoWorker
from tuinet.training.protocol import Refused
from tuinet.tui import curve_cache
from tuinet.tui.batches import STEPS
from tuinet.tui.curves import Curves
from tuinet.tui.tracks import Point

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.presets import Preset
    from tuinet.training.looks import FolderSource

LOOK_EVERY = 0.5  # seconds between two answers to the same wish, at the least
STARTING = 5.0  # seconds that are waited for the worker of a run that was made just now, at the most
INFO_EVERY = 1.0  # seconds between two looks into run.json
GONE = "its folder was taken away; what is shown was read before"
ENDED = ("finished", "stopped", "failed", "diverged", "interrupted", "created")

Json = dict[str, Any]


@dataclass(frozen=True)
class Status:
    """How far the run is. Numbers that nobody knows are None, or NaN where they are real."""

    state: str = ""
    step: int = 0
    steps: int | None = None  # planned
    epoch: float = 0.0
    epochs: int | None = None  # planned
    seconds: float = 0.0  # of training
    samples_per_s: float = math.nan
    loss: float = math.nan  # of the batch
    gradient_norm: float = math.nan
    learning_rate: float = math.nan
    device: str = ""
    gpu: str = ""  # its name, as its driver says it
    needed: str = ""  # what it takes of the GPU's memory, and what that had free
    busy: tuple[str, ...] = ()  # what the GPU says of itself, while it trains
    threads: int | None = None
    slow: float = 0.0  # seconds that a step is stretched to
    compiling: str = ""  # "3/14 gemm" while kernels are made ready
    error: str = ""

    @property
    def eta(self) -> float | None:
        """Seconds to the planned end, at the rate so far."""
        if self.state != "running" or not self.steps or self.step <= 0 or self.seconds <= 0 or self.slow:
            return None
        return max(0, self.steps - self.step) * self.seconds / self.step


@dataclass(frozen=True)
class Looked:
    """The answer to a look, or why there is none. body: as the look says."""

    fields: Json = field(default_factory=dict)
    body: bytes = b""
    error: str = ""


class Other(NamedTuple):
    """Another run, laid over this one."""

    name: str
    curves: Curves


@dataclass
class _Wish:
    look: str
    request: Json
    signature: tuple[object, ...] = ()
    at: float = -math.inf
    pending: bool = False


@dataclass
class _Files:
    """What was found in the folder at one look."""

    metrics: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    info: Json | None = None
    state: str = ""
    preset: Preset | None = None
    facts: Facts | None = None
    gone: bool = False


class RunView:
    """One run on the screen. `open()` first, then `poll()` a few times a second, `close()` at the end."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.preset: Preset | None = None
        self.facts: Facts | None = None
        self.start: Json = {}
        self.info: Json = {}
        self.status = Status()
        self.curves = Curves()
        self.events: list[Json] = []
        self.verdict: Json = {}
        self.others: list[Other] = []
        self.layer, self.parameter = "", ""
        self.at: int | None = None
        self.looked: dict[str, Looked] = {}
        self.on_change: Callable[[], None] = lambda: None  # something happened that should be seen at once
        self._changed: set[str] = {"view"}
        self._wishes: dict[str, _Wish] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._connection: AsyncConnection | None = None
        self._offsets = [0, 0]
        self._kept = 0  # how far the curves in the cache go
        self._info_at, self._preset_stamp = -math.inf, (0.0, 0)
        self._source: FolderSource | None = None

    @property
    def name(self) -> str:
        return self.folder.id

    @property
    def live(self) -> bool:
        """Whether a worker answers, so that it can be told and asked."""
        return self._connection is not None and self._connection.open

    @property
    def monitor(self) -> str:
        """The metric by which an epoch is the best one."""
        return str(self.info.get("monitor") or self.start.get("monitor") or "val_loss")

    @property
    def step_seen(self) -> int:
        """The step that the panes show: the cursor's, or the newest."""
        return self.status.step if self.at is None else self.at

    # -- the linked selection ------------------------------------------------------------------------

    def choose_layer(self, path: str) -> None:
        self._choose(layer=path)

    def choose_parameter(self, name: str) -> None:
        self._choose(parameter=name)

    def choose_step(self, step: int | None) -> None:
        """None: now."""
        self._choose(at=step)

    def _choose(self, **chosen: Any) -> None:
        if any(getattr(self, name) != value for name, value in chosen.items()):
            for name, value in chosen.items():
                setattr(self, name, value)
            self._changed.add("selection")
            self.on_change()

    async def lay_over(self, folders: Sequence[RunFolder]) -> None:
        """Other runs whose curves lie over this one's, as they are now."""
        wanted = [folder for folder in folders if folder.path != self.folder.path]
        self.others = [await asyncio.to_thread(_other, folder) for folder in wanted]
        self._changed.add("curves")

    # -- reading -----------------------------------------------------------------------------------------

    async def open(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Reads what there is; the preset comes with the first poll. RunError where the folder holds no run.

        progress: called from a thread with the share of a long metrics.jsonl that has been read.
        """
        await asyncio.to_thread(self.folder.info)
        found = await asyncio.to_thread(curve_cache.opened, self.folder.metrics(), progress)
        self.curves, self._offsets[0], self._kept = found.curves, found.offset, found.offset
        if self.curves.names:
            self._changed.add("epochs")
            self._show_curves()
            self._judge()
        await self._update(info=True, preset=False)
        self._info_at = -math.inf  # the first poll reads it again, with the preset

    async def poll(self) -> frozenset[str]:
        """Reads what is new, and asks for what is wished; says what has changed since the last time."""
        due = time.monotonic() - self._info_at >= INFO_EVERY
        await self._update(info=due, preset=due)
        self._grant()
        changed, self._changed = self._changed, set()
        return frozenset(changed)

    async def _update(self, *, info: bool, preset: bool) -> None:
        files = await asyncio.to_thread(self._read, info=info, preset=preset)
        self._take(files)
        if files.state in ("running", "paused") and not self.live:
            await self._connect()

    async def close(self) -> None:
        self._wishes.clear()
        for task in list(self._asking):
            task.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._offsets[0] - self._kept >= curve_cache.WORTH:
            self._kept = self._offsets[0]
            await asyncio.to_thread(curve_cache.keep, self.folder.metrics().path, self.curves.packed(), self._kept)

    def _read(self, *, info: bool, preset: bool) -> _Files:
        """In a thread. info: run.json, too. preset: and what the run was made of, and from which data.

        A file that is being replaced is read the next time.
        """
        found = _Files()
        for place, records in enumerate((self.folder.metrics(), self.folder.events())):
            tail = records.follow(self._offsets[place])
            self._offsets[place] = tail.offset
            (found.metrics, found.events)[place].extend(tail.records)
        try:
            if info:
                found.info = self.folder.info()
                found.state = self.folder.state_of(found.info)
            if preset:
                found.preset = self._preset_if_new()
                if self.facts is None and (kept := self.folder.data()) is not None:
                    found.facts = kept[0]
        except RunNotFound:
            found.gone = True
        except TuinetError:
            pass
        return found

    def _preset_if_new(self) -> Preset | None:
        from tuinet import presets

        path = self.folder.path / "preset.toml"
        try:
            said = path.stat()
        except OSError:
            return None
        if (stamp := (said.st_mtime, said.st_size)) == self._preset_stamp:
            return None
        preset = presets.load(path)
        self._preset_stamp = stamp
        return preset

    def _take(self, files: _Files) -> None:
        if files.gone:
            self._show(replace(self.status, error=GONE))
        if files.facts is not None:  # they come after the preset, when the worker has bound its data
            self.facts = files.facts
            self._changed.add("preset")
        if files.info is not None:
            self._info_at = time.monotonic()
            self._take_info(files.info, files.state)
        if files.preset is not None:
            self.preset = replace(files.preset, name=str(self.info.get("preset") or files.preset.name))
            self._changed.add("preset")
        if files.metrics:
            self._take_metrics(files.metrics)
        if files.events:
            self.events += files.events
            self._changed.add("events")
            self._source = None  # a checkpoint may have come
        if {"epochs", "events"} & self._changed:
            self._judge()

    def _take_info(self, info: Json, state: str) -> None:
        self.info = info
        status = self.status
        if not self.live:
            status = replace(status, state=state, slow=0.0, compiling="", busy=())
        self._show(replace(
            status,
            step=max(status.step, info["step"] or 0),
            epoch=max(status.epoch, info["epoch"] or 0.0),
            seconds=max(status.seconds, info["seconds"] or 0.0),
            epochs=info["epochs"],
            device=info["device"] or "",
            gpu=info["gpu"] or "",
            threads=info["threads"],
            error=info["error"] or "",
        ))  # fmt: skip

    def _take_metrics(self, records: list[Json]) -> None:
        self.curves.add(records)
        if any(record["k"] == "epoch" for record in records):
            self._changed.add("epochs")
        self._show_curves()

    def _show_curves(self) -> None:
        """The status as the newest records have it."""
        self._changed.add("curves")
        step, epoch, seconds = self.curves.now()
        loss, norm, rate, speed = (_mean(self.curves.last(name)) for name in STEPS)
        status = replace(
            self.status, step=step, epoch=epoch, seconds=seconds,
            loss=loss, gradient_norm=norm, learning_rate=rate, samples_per_s=speed,
        )  # fmt: skip
        self._show(status)

    @property
    def _last_epoch(self) -> Json | None:
        return next(iter(self.curves.epochs(1)), None)

    def _judge(self) -> None:
        """The verdict on what is there now; the one of the run's own end, where it has one, knows more."""
        told = next((event for event in reversed(self.events) if event["k"] == "verdict"), None)
        last = self._last_epoch
        if told is not None and (last is None or told["s"] >= last["step"]):
            found = {key: told.get(key) for key in ("word", "sentence", "numbers")}
        else:
            found = judged(self.curves.measured(), guess=self.start.get("guess")).as_table()
        if found != self.verdict:
            self.verdict = found
            self._changed.add("epochs")

    def _show(self, status: Status) -> None:
        if status.steps is None and status.epochs and (row := self._last_epoch):
            # Of a run whose worker has gone: as many steps in each epoch as there were.
            status = replace(status, steps=round(row["step"] / max(row["epoch"], 1) * status.epochs))
        if status != self.status:
            self.status = status
            self._changed.add("status")

    # -- the worker ------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        connection = AsyncConnection(self.folder, self._hear)
        try:
            await connection.connect()
        except NoWorker:
            return
        self._connection = connection
        hello = connection.hello
        if isinstance(hello.get("start"), dict):
            self._take_start(hello["start"])
        self._show(replace(self.status, state=str(hello.get("state")), slow=float(hello.get("slow") or 0.0)))
        self._changed.add("view")

    def _take_start(self, start: Json) -> None:
        self.start = start
        steps = start.get("steps")
        needed = figures.needed(start.get("device_memory"))
        steps = steps if isinstance(steps, int) else None
        self._show(replace(self.status, steps=steps, needed=needed, compiling=""))
        self._judge()

    def _hear(self, event: Mapping[str, Any]) -> None:
        """What the worker tells, as it comes. Curves wait for the files; a state is seen at once."""
        kind = event["event"]
        if kind == "start":
            self._take_start(dict(event))
        elif kind == "compile":
            self._show(replace(self.status, compiling=f"{event.get('done')}/{event.get('total')}"))
        elif kind in ("state", "end"):
            slow = float(event.get("slow") or 0.0)
            busy = self.status.busy if kind == "state" else ()
            error = str(event.get("error") or self.status.error)
            state = str(event.get("state"))
            self._show(replace(self.status, state=state, slow=slow, compiling="", busy=busy, error=error))
            self._info_at = -math.inf
            self.on_change()
        elif kind == "gpu":
            self._show(replace(self.status, busy=figures.busy(event)))
        elif kind in ("progress", "changed") and self.status.compiling:
            self._show(replace(self.status, compiling=""))

    async def command(self, name: str, **fields: Any) -> Json:
        """Tells the worker, or waits for one that just starts; its answer. Refused with a sentence where none is."""
        patience = time.monotonic() + STARTING
        while self._connection is None and self.status.state == "created" and time.monotonic() < patience:
            await asyncio.sleep(0.05)  # poll() connects
        if self._connection is None:
            state = self.status.state
            why = "has not begun to train yet" if state == "created" else f"is {state}: nobody trains it now"
            raise Refused(f"{self.folder.id} {why}, so it can only be looked at")
        try:
            return (await self._connection.request(name, **fields)).fields
        except NoWorker as error:
            raise Refused(str(error)) from None

    # -- looks -----------------------------------------------------------------------------------------

    def want(self, key: str, look: str | None, **request: Any) -> None:
        """A standing wish for a look: answered in `looked[key]` whenever something has changed. None ends it."""
        if look is None:
            self._wishes.pop(key, None)
            self.looked.pop(key, None)
            return
        wish = self._wishes.get(key)
        if wish is None or (wish.look, wish.request) != (look, request):
            self._wishes[key] = _Wish(look, request)
            self._grant()

    async def ask(self, look: str, **request: Any) -> Looked:
        """One look, now. An error is in the look's `error`."""
        try:
            if self.live and self._connection is not None and request.get("at") is None:
                message = await self._connection.request("look", look=look, request=request)
                fields = {key: value for key, value in message.fields.items() if key not in ("re", "ok")}
                return Looked(fields, message.body)
            return await asyncio.to_thread(self._look_in_folder, {"look": look, **request})
        except TuinetError as error:
            return Looked(error=str(error))

    def _look_in_folder(self, request: Json) -> Looked:
        from tuinet.training.looks import FolderSource, answer

        if self._source is None:
            self._source = FolderSource(self.folder)
        found = answer(self._source, request)
        return Looked(found.fields, found.body)

    def _grant(self) -> None:
        """Asks for the wishes whose answers are old."""
        now = time.monotonic()
        for key, wish in self._wishes.items():
            signature = (self.at, self.live, self.step_seen, len(self.events))
            new = wish.at == -math.inf
            due = new or (signature != wish.signature and now - wish.at >= LOOK_EVERY)
            if due and not wish.pending:
                wish.pending, wish.signature, wish.at = True, signature, now
                task = asyncio.get_running_loop().create_task(self._fulfil(key, wish))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _fulfil(self, key: str, wish: _Wish) -> None:
        at = {} if self.at is None else {"at": self.at}
        try:
            found = await self.ask(wish.look, **wish.request, **at)
        finally:
            wish.pending = False
        if self._wishes.get(key) is wish:
            self.looked[key] = found
            self._changed.add("looks")
            self.on_change()


def _other(folder: RunFolder) -> Other:
    curves = curve_cache.opened(folder.metrics()).curves
    return Other(folder.id, curves)


def _mean(point: Point | None) -> float:
    return math.nan if point is None else point.mean
