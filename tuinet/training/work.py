"""One generation of a run, from its folder to its end: what `worker.py` does while it holds the lock.

There is no difference between starting and going on: the newest good checkpoint is taken where there is one, and
the steps from there are the same ones in either case.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet import figures, presets
from tuinet.errors import DataError, PresetError, RunDamaged, RunError, UsageError
from tuinet.runs import Loaded, RunFolder, Writer
from tuinet.runs.folder import versions
from tuinet.runs.probes import ProbeWriter
from tuinet.training import live
from tuinet.training.changes import Change, comparable, prepared, take_over
from tuinet.training.control import Control
from tuinet.training.course import MOST_STEPS, Course, course_of, progress_of
from tuinet.training.devices import device_word
from tuinet.training.early_stopping import Best
from tuinet.training.engine import Engine, Preview, RealEngine, Tensor
from tuinet.training.events import Event, Reporter
from tuinet.training.goals import parse
from tuinet.training.gpu_watch import GpuWatch
from tuinet.training.growing import Applied, applied
from tuinet.training.initial import Initial, fit, model_of, weights_of
from tuinet.training.keeping import EVERY, Keeper, NotFinite
from tuinet.training.loop import Loop, Trains
from tuinet.training.measuring import Measured
from tuinet.training.progress import Progress
from tuinet.training.protocol import Refused
from tuinet.training.server import Server
from tuinet.training.signals import StopFlag

if TYPE_CHECKING:
    from tuinet.data import Bound
    from tuinet.presets import Preset
    from tuinet.training.looks import Source

Array = NDArray[np.generic]
WORTH_SLOWING = 5e-4  # seconds a step: training step by step costs a part of that
STALE = 1.0  # seconds after which run.json is behind


class Work:
    """Reads what the folder says, trains, and writes the folder's files."""

    def __init__(
        self,
        run: RunFolder,
        options: argparse.Namespace,
        stop: StopFlag,
        reporter: Reporter,
        held: ExitStack,
        engine: Engine | None = None,
    ) -> None:
        """held: closes the record files when the worker is done, before the lock is given back."""
        self.run, self.options, self.stop, self.reporter, self.held = run, options, stop, reporter, held
        self.engine: Engine = engine or RealEngine()
        self.control = Control(self)
        self.initial: dict[str, Array] = {}  # the first weights, by which a change since the start is seen
        self.info = run.info()
        self.generation = int(self.info["generation"]) + 1
        word = device_word(options.device or self.info["device"] or "auto")
        self.chosen = self.engine.device(word)
        self.device = self.chosen.device
        self.threads: int | None = options.threads or self.info["threads"]
        self.writers: list[Writer] = []
        self.prober: ProbeWriter | None = None
        self.notes: list[Event] = []  # found before the start was told
        self.stale_at = time.monotonic()  # when run.json tells too old a story
        self.before: Preset | None = None  # the preset before a resume has set something otherwise
        self.unwritten = ""  # what preset.toml is to say, where it says something else
        if self.chosen.no_gpu:
            self._warn("machine", f"it trains on the processor: {self.chosen.no_gpu}")
        if self.info["device"] not in (None, self.device):
            self._warn("machine", f"the run began on {self.info['device']}: on {self.device} it takes other last bits")

    def train(self) -> int:
        """The exit code. Raises TuinetError, MemoryError and StopAsked; the caller says the end then."""
        loaded = self._newest()
        preset = self._preset(loaded)
        self.run.write_info(
            state="running",
            generation=self.generation,
            device=self.device,
            gpu=self.chosen.gpu or None,
            versions=versions(),
            error=None,
        )
        self._open_records()
        self._listen()
        self._watch_gpu()
        self.stop.check()
        bound = self.bound = self.engine.bind(preset)
        self.network = preset.network(bound.facts)
        self._check_data(bound)
        self.stop.check()
        self.preset = preset
        loop = self._loop(preset, bound, loaded)
        for event in loop.events():
            if event.kind == "end":
                self._write_end(loop)
            if event.kind == "state":
                self.run.write_info(state=event.fields["state"])
            self.reporter.tell(event)
            if not loop.ending.state and (event.kind == "checkpoint" or (event.kind == "epoch" and self._stale())):
                self._write_progress(loop)
        self.control.finish()
        return loop.ending.exit_code

    # -- what the folder says ------------------------------------------------------------------------------------

    def _preset(self, loaded: Loaded | None) -> Preset:
        """The preset that the checkpoint goes on with, and what a resume sets otherwise."""
        path = self.run.path / "preset.toml"
        text = None if loaded is None else loaded.manifest.get("preset")
        preset = presets.load(path, text=text) if isinstance(text, str) else presets.load(path)
        if isinstance(text, str):
            self._make_good(preset, text)
        if not self.options.overrides:
            return preset
        changed = preset.with_overrides(self.options.overrides)
        live.check_live(preset, changed)
        parse(changed.training.until)
        self.before, self.unwritten = preset, changed.resolved()
        for key, old, new in live.differing(preset, changed):
            self._note("changed", key=key, old=old, new=new, why="set at the resume")
        return changed

    def _make_good(self, preset: Preset, text: str) -> None:
        """A worker that was killed in the middle of a change may not have come to write what all can read."""
        try:
            said = self.run.preset_text()
            differences = [] if said == text else live.differing(presets.load(self.run.path / "preset.toml"), preset)
        except (RunDamaged, PresetError) as error:
            self._warn("records-damaged", f"{error}; it is written anew from the checkpoint")
            said, differences = "", []
        for key, old, new in differences:
            self._note("changed", key=key, old=old, new=new, why="as the checkpoint says, which preset.toml did not")
        if said != text:
            self.unwritten = text

    def _open_records(self) -> None:
        seconds = float(self.info["seconds"] or 0.0)
        for records in (self.run.metrics(), self.run.events()):
            self.writers.append(self.held.enter_context(records.writer(self.generation, seconds)))
        self.reporter.metrics, self.reporter.records = self.writers

    def _listen(self) -> None:
        """Lets clients in. They are told of what comes, and ask from the first step on."""
        server = Server(self.run, self.control.ask, self.reporter.hello)
        try:
            server.start()
        except RunError as error:
            self._warn("machine", str(error))
            return
        self.reporter.server = server
        self.held.callback(server.close)

    def _watch_gpu(self) -> None:
        """Has those who watch told what the GPU says of itself, for as long as it trains on one."""
        if self.chosen.uuid:
            reporter, uuid = self.reporter, self.chosen.uuid
            watch = GpuWatch(lambda: self.engine.figures(uuid), reporter.pass_on_gpu, lambda: reporter.watched)
            watch.start()
            self.held.callback(watch.close)

    def _check_data(self, bound: Bound) -> None:
        """A run goes on with the data it began with, or not at all: half of each would be no training."""
        facts = bound.facts
        was = (self.info["data"] or {}).get("fingerprint")
        if was is not None and was != facts.fingerprint:
            raise DataError(
                f"{facts.name}: the data is not what this run began with (its fingerprint is {facts.fingerprint[:12]}, "
                f"it was {str(was)[:12]}); put the old data back, or start a new run"
            )
        for note in facts.notes:
            self._warn("data", note)

    def _keep_data(self, bound: Bound) -> None:
        """What predicting takes of the data is kept in the run: the data may change afterwards, or the run be moved.

        What is there stays, unless it is damaged, or of data that a worker killed before run.json named them had seen.
        """
        try:
            kept = self.run.data()
        except RunDamaged as error:
            self._warn("data", f"{error}; it is written anew")
            kept = None
        if kept is not None and kept[0].fingerprint == bound.facts.fingerprint:
            return
        try:
            self.run.write_data(bound.facts, bound.scaler)
        except RunError as error:
            self._warn("data", f"{error}; `tuinet predict` will need the data as they are now")

    def _newest(self) -> Loaded | None:
        try:
            return self.run.load_newest(resumable=True, warn=lambda text: self._warn("checkpoint-damaged", text))
        except RunDamaged as error:
            raise RunDamaged(f"{error}. `tuinet run {self.run.path / 'preset.toml'}` trains it anew") from None

    def _source(self, tensors: list[Tensor]) -> tuple[dict[str, Array], Initial] | None:
        """The weights of the run that --init names; after a kill before the first checkpoint, from run.json."""
        origin = (self.info["origin"] or {}).get("init")
        where = self.options.init or (origin and self.run.path.parent / str(origin))
        if not where:
            return None
        source = RunFolder(where)
        settings = presets.load(source.path / "preset.toml").training.early_stopping
        try:
            given = weights_of(
                source,
                best=settings is not None and settings.restore_best,
                warn=lambda text: self._warn("checkpoint-damaged", text),
            )
        except RunError as error:
            raise UsageError(f"--init: {error}") from None
        taken, found = fit({tensor.name: tensor.shape for tensor in tensors}, given, source.id)
        if not taken:
            raise UsageError(f"--init {source.id}: none of its tensors has the name and shape of one here")
        return taken, found

    # -- before the first step -----------------------------------------------------------------------------------

    def _loop(self, preset: Preset, bound: Bound, loaded: Loaded | None) -> Loop:
        """Everything that is told before the first step is told here, `start` first."""
        course = course_of(preset, bound)
        measured = Measured.of(bound, preset.training.seed)
        measured_names = measured.names(bound.facts)
        self._note_written(measured, bound)
        progress = progress_of(preset, measured_names)
        preview = self.engine.preview(preset, bound, device=self.device, threads=self.threads)
        self.threads = preview.threads
        best = self._take(progress, loaded)
        if progress.seen is None:
            progress.seen = progress.step * course_of(self.before or preset, bound).pace.stride
        course = course_of(preset, bound, progress.step, progress.seen)
        self._note_stretched(preset, bound, progress.step)
        self._keep_data(bound)
        source = self._source(preview.tensors) if loaded is None else None
        history = self._history(progress)
        self.reporter.pace = course.pace
        self._tell_start(preset, bound, course, progress.best, preview, loaded, source and source[1])
        trainer = self._trainer(preset, bound, course)
        store = _Store(self.run, self.generation, self.writers)
        keeper = Keeper(store, preset=preset.resolved(), every=self._every())
        if loaded is not None:
            take_over(trainer, loaded.model, loaded.optimizer, loaded.step)
            keeper.goes_on(loaded.step, loaded.manifest, best)
        if self.before is not None and loaded is not None:
            keeper.save(trainer, progress)  # the counters begun anew: from now on a kill does not take them back
        if self.unwritten:
            self.run.write_preset(self.unwritten)
        if progress.plateau is not None:
            trainer.rate_factor = progress.plateau.rate_factor
        if source is not None:
            trainer.load({**trainer.model(), **source[0]}, None, 0)
            keeper.save(trainer, progress)  # from now on the other run is not needed any more
        steps = min(course.pace.epoch_end(course.epochs), course.max_steps or MOST_STEPS)
        each = (self.options.last_at_least or 0.0) / steps
        if loaded is None and each >= WORTH_SLOWING:
            self.control.slow = round(each, 4)
        return Loop(trainer, measured, course, progress, keeper, stop=self.stop, control=self.control, history=history)

    def _take(self, progress: Progress, loaded: Loaded | None) -> dict[str, Array] | None:
        """Lets progress go on from the checkpoint; gives the weights of its best epoch where that is another one."""
        if loaded is None:
            return None
        progress.take(loaded.step, loaded.manifest)
        if self.before is not None:
            progress.begin_anew(best=not comparable(self.before, self.preset))
        if progress.best.epoch is None or progress.best.step == loaded.step:
            return loaded.model
        best = model_of(self.run, progress.best.step)
        if best is None:
            self._warn(
                "checkpoint-damaged",
                f"the weights of the best epoch ({progress.best.epoch}) are damaged or gone; "
                "the best one is looked for anew from here",
            )
            progress.best = Best(progress.best.metric)
        return best

    def _note_stretched(self, preset: Preset, bound: Bound, step: int) -> None:
        """A schedule that runs over all epochs has other rates once there are more of them: no secret is made of it."""
        if self.before is None or self.before.training.epochs == preset.training.epochs:
            return
        was, now = (course_of(each, bound).rate(step) for each in (self.before, preset))
        if was != now:
            self._warn(
                "schedule",
                f"the schedule runs over {preset.training.epochs} epochs now instead of {self.before.training.epochs}: "
                f"the learning rate goes on at {now:.3g}, where it would have been {was:.3g}",
            )

    def _note_written(self, measured: Measured, bound: Bound) -> None:
        if measured.written is not None and bound.validation is not None:
            count, of_all = len(measured.written), len(bound.validation)
            if count < of_all:
                self._warn(
                    "data",
                    f"val_exact_match and val_cer are measured on {count:,} of the {of_all:,} validation pairs, always "
                    "the same ones: writing takes a pass for every token",
                )

    def _history(self, progress: Progress) -> list[dict[str, Any]]:
        """The epochs before this generation, as the loop would have them."""
        records, damaged = self.run.metrics().read({"epoch"})
        if damaged:
            self._warn("records-damaged", f"metrics.jsonl: {damaged} damaged lines were passed over")
        rows = [{**record, "epoch": round(record["e"]), "step": record["s"]} for record in records]
        return [row for row in rows if row["step"] <= progress.step and row["epoch"] <= progress.epoch]

    def _tell_start(
        self, preset: Preset, bound: Bound, course: Course, best: Best, preview: Preview, loaded: Loaded | None,
        init: Initial | None,
    ) -> None:  # fmt: skip
        training = preset.training
        step = 0 if loaded is None else loaded.step
        steps = course.pace.epoch_end(training.epochs)
        facts = bound.facts
        self.run.write_info(
            seed=training.seed,
            threads=self.threads,
            parameters=preview.parameters,
            epochs=training.epochs,
            data={"name": facts.name, "source": facts.source, "fingerprint": facts.fingerprint},
        )
        self.reporter.tell(Event("start", {
            "version": 1,
            "run": self.run.id,
            "folder": str(self.run.path),
            "name": self.info["preset"],
            "preset": preset.table(),
            "device": self.device,
            "gpu": self.chosen.gpu or None,
            "threads": self.threads,
            "seed": training.seed,
            "parameters": preview.parameters,
            "device_memory": self._device_memory(preview),
            "examples": {
                "train": len(bound.train.inputs),
                "validation": 0 if bound.validation is None else len(bound.validation.inputs),
                "test": 0 if bound.test is None else len(bound.test.inputs),
            },
            "epochs": training.epochs,
            "steps": min(steps, course.max_steps or steps),
            "resumed": None if loaded is None else step,
            "generation": self.generation,
            "init": init and init.as_table(),
            "reasons": (self.info["origin"] or {}).get("reasons") or [],
            "guess": course.guess,
            "monitor": best.metric,
            "best": best.value,
            "best_epoch": best.epoch,
            "versions": versions(),
            "step": step,
        }))  # fmt: skip
        notes, self.notes = self.notes, []
        for note in notes:
            self.reporter.tell(Event(note.kind, {"step": step, **note.fields}))

    def _device_memory(self, preview: Preview) -> dict[str, int] | None:
        """What it needs of the GPU's memory and what is free, with a warning where that cannot go well."""
        needed, free = preview.device_bytes, preview.free_bytes
        if needed is None or free is None:
            return None
        if needed > free:
            self._warn(
                "machine",
                f"{self.device} has {figures.size(free)} free, and with all its data this training needs "
                f"{figures.size(needed)}: a smaller batch_size, fewer units or data.limit need less; data that do not "
                "fit are streamed",
            )
        return {"needed": needed, "free": free}

    def _trainer(self, preset: Preset, bound: Bound, course: Course) -> Trains:
        began, compiled = time.monotonic(), 0

        def on_compile(done: int, total: int, name: str) -> None:
            nonlocal compiled
            compiled += 1
            self.stop.check()
            self.reporter.tell(Event("compile", {"done": done, "total": total, "name": name}))

        trainer = self.engine.trainer(
            preset, bound, device=self.device, threads=self.threads, on_compile=on_compile, begin=course.pace.begin
        )
        self.initial = trainer.model()  # before a checkpoint is loaded: they are drawn from the seed
        self.stop.on_ask = self.control.on_ask = trainer.ask_to_stop
        self.stop.check()
        fields = {"seconds": time.monotonic() - began, "kernels": compiled}
        self.reporter.tell(Event("compiled", fields))
        return trainer

    def source(self, loop: Loop) -> Source:
        """What clients look at."""
        from tuinet.training.looks import LiveSource

        return LiveSource(
            loop.trainer, self.bound, self.network, updates=loop.updates, initial=self.initial, probes=self.run.probes()
        )

    def keep_history(self, loop: Loop) -> int | None:
        """A probe, where one is due: small pictures of all parameters, for who comes later and looks back."""
        if self.prober is None:
            self.prober = self.run.probe_writer(loop.progress.step)
        if self.prober.due(loop.progress.step):
            self.prober.take(loop.progress.step, self.source(loop))
        return None if self.prober.trouble else self.prober.next_step

    def _every(self) -> float:
        given: float | None = self.options.checkpoint_seconds
        return EVERY if given is None else given

    def _note(self, kind: str, **fields: object) -> None:
        self.notes.append(Event(kind, fields))

    def _warn(self, code: str, message: str) -> None:
        self._note("warning", code=code, message=message)

    # -- while it trains ------------------------------------------------------------------------------------------

    def set_live(self, loop: Loop, key: str, value: Any) -> Generator[Event, None, dict[str, Any]]:
        """A setting that may change, or several by a pattern. PresetError, and nothing is changed, if it may not.

        The answer: `changes`, a list of key, old and new, and the step from which on they count.
        """
        return (yield from self._change(loop, live.changed(self.preset, key, value), "set while it trained"))

    def apply(self, loop: Loop, preset: str) -> Generator[Event, None, dict[str, Any]]:
        """An edited preset; see growing.py for what its network keeps. The answer says that too."""
        new = live.edited(self.preset, preset)
        trainer = loop.trainer
        taken = applied(self.preset, new, self.bound.facts, trainer.model(), trainer.optimizer_state())
        answer = yield from self._change(loop, new, "edited while it trained", taken)
        return answer | taken.as_table()

    def _change(
        self, loop: Loop, new: Preset, why: str, taken: Applied | None = None
    ) -> Generator[Event, None, dict[str, Any]]:
        live.check_epochs(new, loop.course.pace.epochs(loop.progress.step))
        change = prepared(
            self.engine, loop, self.preset, new, self.bound, device=self.device, threads=self.threads,
            model=None if taken is None else taken.model, optimizer=None if taken is None else taken.optimizer,
            on_compile=lambda done, total, name: self.reporter.tell(
                Event("compile", {"done": done, "total": total, "name": name})
            ),
        )  # fmt: skip
        step, differences = loop.progress.step, change.differences
        if differences:
            yield from loop.flush()
            self._commit(loop, change, why)
        changes = [{"key": key, "old": old, "new": now} for key, old, now in differences]
        return {"step": step, "epoch": round(loop.course.pace.epochs(step), 6), "changes": changes}

    def _commit(self, loop: Loop, change: Change, why: str) -> None:
        """The checkpoint makes it final. All can read it then, in an order that a resume can make good."""
        text = change.preset.resolved()
        try:
            saved = loop.keeper.change(change.trainer, change.progress, text, best_anew=change.best_anew)
        except NotFinite as found:
            raise Refused(f"nothing was changed: {found}") from None
        loop.go_on_with(change.trainer, change.course, change.progress)
        self.preset, self.reporter.pace = change.preset, change.course.pace
        self.network, self.initial = change.preset.network(self.bound.facts), change.first
        self.stop.on_ask = self.control.on_ask = change.trainer.ask_to_stop
        events = [Event("checkpoint", fields) for fields in saved]
        events += [loop.event("changed", key=key, old=old, new=new, why=why) for key, old, new in change.differences]
        for event in events:
            self.reporter.record(event)
        self.run.write_preset(text)
        preview = self.engine.preview(change.preset, self.bound, device=self.device, threads=self.threads)
        self.run.write_info(epochs=change.preset.training.epochs, parameters=preview.parameters, **self._standing(loop))
        self.reporter.goes_on(preset=change.preset.table(), epochs=change.preset.training.epochs)
        for event in events:
            self.reporter.pass_on(event)

    # -- run.json ------------------------------------------------------------------------------------------------

    def _stale(self) -> bool:
        """Whether run.json is old enough to be written anew: lists and tables are read off it."""
        return time.monotonic() >= self.stale_at

    def _write_progress(self, loop: Loop) -> None:
        self.stale_at = time.monotonic() + STALE
        self.run.write_info(**self._standing(loop))

    def _write_end(self, loop: Loop) -> None:
        ending, best = loop.ending, loop.progress.best
        if ending.by_class is not None:
            self.run.write_by_class(ending.by_class, step=best.step, epoch=best.epoch or 0)
        self.run.write_info(
            **self._standing(loop),
            state=ending.state,
            test=ending.test,
            baselines=ending.baselines,
            verdict=ending.verdict,
            error=ending.error,
            weights_sha256=ending.weights_sha256,
        )

    @staticmethod
    def _standing(loop: Loop) -> dict[str, Any]:
        progress = loop.progress
        return {
            "epoch": progress.epoch,
            "step": progress.step,
            "seconds": progress.spent.training,
            "monitor": progress.best.metric,
            "best": progress.best.value,
            "best_epoch": progress.best.epoch,
            "final": loop.ending.metrics,
        }


class _Store:
    """Checkpoints in the run's folder; records come to the disk before them."""

    def __init__(self, run: RunFolder, generation: int, writers: list[Writer]) -> None:
        self.run, self.generation, self.writers = run, generation, writers

    def save(
        self, step: int, model: dict[str, Array], optimizer: dict[str, Array] | None, manifest: dict[str, Any]
    ) -> dict[str, Any]:
        for writer in self.writers:
            writer.sync()
        saved = self.run.save_checkpoint(step, model, optimizer, {"generation": self.generation, **manifest})
        return {
            "folder": f"checkpoints/{saved.path.name}",
            "bytes": saved.size,
            "weights_sha256": saved.manifest["weights_sha256"],
        }

    def load_model(self, step: int) -> dict[str, Array] | None:
        return model_of(self.run, step)
