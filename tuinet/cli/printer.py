"""A training told to people: what starts, a row an epoch, what is worth knowing in between, and how it ended.

The printer is handed the worker's events, one dictionary each (docs/formats.md), and knows nothing else about the
training; the same events can come from a live worker or be read from a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tuinet import figures
from tuinet.cells import wrap
from tuinet.cli.bar import Bar, Rate
from tuinet.cli.baselines import baseline_lines
from tuinet.cli.epoch_table import EpochTable
from tuinet.cli.output import Output
from tuinet.safe_text import safe

Event = Mapping[str, Any]

SENTENCE = 1_000
FEW_ROWS = 40
WORTH_SAYING = 1.5
QUIET_SECONDS = 2.0
"""A row is printed at the least this often, however many epochs there are."""

REASONS = {
    "epochs": "finished",
    "early_stopping": "stopped early: no better for a while",
    "until": "stopped at the goal",
    "max_steps": "stopped at the limit of steps",
    "max_seconds": "stopped at the limit of time",
    "asked": "stopped as asked, and saved",
    "diverged": "diverged",
}
BROKEN_OFF = ("failed", "interrupted", "running")
VERDICT_PAINT = {"good": "good", "diverged": "bad"}


class Printer:
    """Prints the events of one training."""

    def __init__(self, output: Output, label: str = "", *, now: Callable[[], float] = time.monotonic) -> None:
        """label: which of several trainings it is, said at its start."""
        self.output, self.label = output, label
        self.bar = Bar(output.side, now=now)
        self.table: EpochTable | None = None
        self._now = now
        self._rate = Rate()
        self._start: Event = {}
        self._epoch: Event = {}
        self._busy: tuple[str, ...] = ()
        self._row_at = float("-inf")
        self._row_epoch: object = None
        self._compiling: float | None = None
        self._said_compiling = False
        self.closed = False

    def show(self, event: Event) -> None:
        """Print what there is to say about one event; unknown ones are passed over."""
        kind = event.get("event")
        method = getattr(self, f"_{kind}_event", None)
        if method is not None and not self.closed:
            try:
                if kind != "compile":
                    self._compiled()
                method(event)
            except BrokenPipeError:  # the reader went away; that is no reason to stop training
                self.closed = True

    def hide_bar(self) -> None:
        """Leave the line clean for whoever prints next."""
        self.bar.hide()

    # -- the beginning --------------------------------------------------------------------

    def _start_event(self, event: Event) -> None:
        self._start = event
        preset = event.get("preset") or {}
        self._say()
        self.output.heading(safe(str(event.get("run")), 80), safe(str(preset.get("title") or ""), 200))
        if self.label:
            self._prose(safe(self.label, 200), "accent")
        for reason in event.get("reasons") or ():
            self._prose(f"- {safe(str(reason), SENTENCE)}", indent="  ")
        memory = figures.needed(event.get("device_memory"))
        for line in (_examples_line(event), _training_line(event), memory, _init_line(event)):
            if line:
                self._prose(line, "dim", indent="  ")
        if event.get("resumed") is not None:
            self._prose(f"goes on from step {figures.count(event['resumed'])}", "dim")

    def _compile_event(self, event: Event) -> None:
        """Kernels being made ready. Those that are kept from before take no time, and nothing is said of them."""
        done, total = int(event.get("done") or 0), max(1, int(event.get("total") or 1))
        if self._compiling is None:
            self._compiling = self._now()
        passed = self._now() - self._compiling
        if passed >= WORTH_SAYING and not self.bar.terminal.live and not self._said_compiling:
            self._say(f"compiling {figures.plural(total, 'kernel')}, once on this machine")
            self._said_compiling = True
        if passed >= WORTH_SAYING:
            name = safe(str(event.get("name") or ""), 30)
            self.bar.draw(done / total, "compiling, once on this machine", (name, f"{done}/{total}"))

    def _compiled(self) -> None:
        """The first event after the compiler's says that it is through."""
        if self._compiling is None:
            return
        seconds, self._compiling = self._now() - self._compiling, None
        if seconds >= WORTH_SAYING:
            self._say(f"compiled in {figures.duration(seconds)}, and kept for the next runs")

    # -- while it trains -------------------------------------------------------------------

    def _progress_event(self, event: Event) -> None:
        total = int(self._start.get("steps") or 0)
        step = float(event.get("step") or 0)
        self._rate.see(step, float(event.get("seconds") or 0.0))
        epochs = self._start.get("epochs")
        before = f"epoch {min(int(event.get('epoch') or 0) + 1, int(epochs or 10**9))}" + (
            f"/{epochs}" if epochs else ""
        )
        speed = event.get("samples_per_s")
        left = self._rate.left(total) if total else ""
        after = (*self._busy, f"{figures.count(speed)} samples/s" if speed else "", f"ETA {left}" if left else "")
        self.bar.draw(step / total if total else 0.0, before, after)

    def _gpu_event(self, event: Event) -> None:
        """How busy the GPU is stands in the bar from its next drawing on, what matters least in front."""
        self._busy = tuple(word.strip() for word in reversed(figures.busy(event)))

    def _epoch_event(self, event: Event) -> None:
        better = self._begun_table(event).see(event)
        self._epoch = event
        if self._wanted(event):
            self._print_row(event, better)

    def _begun_table(self, event: Event) -> EpochTable:
        """The table, its titles written above the first row."""
        if self.table is None:
            self.table = EpochTable(event, self._start, self.output.terminal)
            self._say()
            if (every := row_interval(self._start.get("epochs"))) > 1:
                self._say(self.output.terminal.paint(f"(a row every {every} epochs)", "dim"))
            for line in self.table.title_lines():
                self._say(line)
        return self.table

    def _wanted(self, event: Event) -> bool:
        """Of many epochs only some get a row: every tenth, say, and what comes after a while without one."""
        every = row_interval(self._start.get("epochs"))
        epoch = event.get("epoch")
        whole = isinstance(epoch, (int, float)) and round(epoch) % every == 0
        return whole or self._now() - self._row_at >= QUIET_SECONDS

    def _print_row(self, event: Event, better: bool = False) -> None:
        assert self.table is not None
        self._say(self.table.row(event, better))
        self._row_at, self._row_epoch = self._now(), event.get("epoch")

    def _evaluation_event(self, event: Event) -> None:
        """A look at a training that a limit ended inside an epoch."""
        table = self._begun_table(event)
        self._pending_row()
        self._say(table.row({**event, "epoch": round(float(event["epoch"]), 2)}, False))

    def _changed_event(self, event: Event) -> None:
        key = safe(str(event.get("key")), 80)
        change = f"{figures.setting(event.get('old'))} to {figures.setting(event.get('new'))}"
        why = safe(str(event.get("why") or ""), SENTENCE)
        self._prose(f"{key}: {change}{f' ({why})' if why else ''}", "accent", indent="  ")

    def _warning_event(self, event: Event) -> None:
        self._prose(f"! {safe(str(event.get('message')), SENTENCE)}", "warn", indent="  ")

    # -- the end ---------------------------------------------------------------------------

    def _verdict_event(self, event: Event) -> None:
        self._last_row()
        self._say()
        for line in verdict_lines(event, self.output):
            self._say(line)

    def _end_event(self, event: Event) -> None:
        self._last_row()
        self.bar.hide()
        if not self._start or event.get("state") in BROKEN_OFF:
            return  # the caller says why, as an error
        for line in end_lines(event, self._start):
            self._prose(line, indent="  ")
        for line in baseline_lines(event.get("baselines"), self.output.terminal):
            self._say(line)

    def _last_row(self) -> None:
        """The last epoch always has its row, and the best one is shown again below it."""
        if self.table is None:
            return
        self._pending_row()
        for line in self.table.best_lines():
            self._say(line)
        self._epoch, self.table = {}, None

    def _pending_row(self) -> None:
        """The newest epoch's row, where it was left out among many."""
        if self._epoch and self._row_epoch != self._epoch.get("epoch"):
            self._print_row(self._epoch)

    def _say(self, text: str = "") -> None:
        self.bar.hide()
        self.output.say(text)
        self.output.terminal.stream.flush()

    def _prose(self, text: str, *kinds: str, indent: str = "") -> None:
        self.bar.hide()
        self.output.prose(text, *kinds, indent=indent)
        self.output.terminal.stream.flush()


def row_interval(epochs: object) -> int:
    """Every how manyth epoch gets a row: 1, 2, 5, 10, 20 ..., so that about forty rows tell the whole training."""
    if not isinstance(epochs, int) or epochs <= FEW_ROWS:
        return 1
    power = 1
    while True:
        for digit in (1, 2, 5):
            if epochs <= FEW_ROWS * digit * power:
                return digit * power
        power *= 10


def verdict_lines(event: Event, output: Output) -> list[str]:
    """The verdict's word, painted, and its sentence."""
    word, sentence = safe(str(event.get("word")), 40), safe(str(event.get("sentence") or ""), SENTENCE)
    first, *rest = wrap(f"{word[:1].upper()}{word[1:]}. {sentence}", output.terminal.prose_width)
    kind = VERDICT_PAINT.get(word, "warn")
    return [output.terminal.paint(first[: len(word) + 1], kind, "bold") + first[len(word) + 1 :], *rest]


def end_lines(event: Event, start: Event) -> list[str]:
    """How a training ended, in two or three sentences without colour."""
    state, reason = str(event.get("state")), str(event.get("reason") or "")
    pieces = [safe(REASONS.get(reason, reason) or state, 200)]
    if event.get("epoch") is not None and start.get("epochs"):
        pieces.append(f"{float(event['epoch']):.4g} of {start['epochs']} epochs")
    if event.get("seconds") is not None:
        pieces.append(figures.duration(event["seconds"]))
    if event.get("samples_per_s"):
        pieces.append(f"{figures.count(event['samples_per_s'])} samples/s")
    lines = [" · ".join(pieces)]
    if event.get("best_epoch") is not None:
        monitor = str(event.get("monitor") or "best")
        value = figures.metric(monitor, event.get("best"))
        lines.append(f"best epoch {event['best_epoch']}: {safe(monitor)} {value}")
    test = event.get("test")
    if isinstance(test, Mapping) and test:
        lines.append(f"test part: {figures.metrics(test)}")
    if event.get("until") is not None:
        lines.append("the goal of --until was met" if event["until"] else "the goal of --until was not met")
    return lines


def _examples_line(event: Event) -> str:
    examples = event.get("examples") or {}
    parts = [
        f"{figures.count(examples[part])} {word}"
        for part, word in (("train", "training"), ("validation", "validation"), ("test", "test"))
        if examples.get(part)
    ]
    parameters = event.get("parameters")
    words = [" + ".join(parts) + " examples"] if parts else []
    if parameters is not None:
        words.append(figures.plural(int(parameters), "parameter"))
    return " · ".join(words)


def _training_line(event: Event) -> str:
    training = (event.get("preset") or {}).get("training") or {}
    optimizer = training.get("optimizer") or {}
    if isinstance(optimizer, str):
        optimizer = {"type": optimizer}
    words = [
        f"{optimizer.get('type', '')} {figures.setting(optimizer['learning_rate'])}"
        if "learning_rate" in optimizer
        else "",
        f"batch {training['batch_size']}" if "batch_size" in training else "",
        figures.device(event.get("device"), event.get("gpu"), event.get("threads")),
        str(training["precision"]) if training.get("precision", "float32") != "float32" else "",
        f"seed {event['seed']}" if event.get("seed") is not None else "",
    ]
    return safe(" · ".join(word for word in words if word), SENTENCE)


def _init_line(event: Event) -> str:
    init = event.get("init")
    if not isinstance(init, Mapping):
        return ""
    taken, left = list(init.get("taken") or ()), list(init.get("left") or ())
    line = f"starts from {init.get('run')}: took {', '.join(map(str, taken)) or 'nothing'}"
    return safe(line + (f"; its own start for {', '.join(map(str, left))}" if left else ""), SENTENCE)
