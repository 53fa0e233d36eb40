"""A client's handle on a worker: starts the process, reads what it tells, passes signals on, knows how it ended.

The worker is spawned in a session of its own, so nothing that happens to the client's terminal reaches it. It trains
on when the client goes; the client asks it to stop by a signal. Neither NumPy nor Numba is loaded here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuinet import presets
from tuinet.atomic import explained
from tuinet.errors import PresetError, RunError, UsageError
from tuinet.presets import Preset
from tuinet.processes import environment
from tuinet.runs import RunFolder, remove, runs_folder
from tuinet.safe_text import safe
from tuinet.training import live
from tuinet.training.goals import parse
from tuinet.training.signals import EXIT_CODES

WORKER = ("-P", "-m", "tuinet.training.worker")
LINE_LIMIT = 16 << 20  # bytes of one event
LOG_TAIL = 400  # characters of worker.log in an error


class Session:
    """A running worker. Iterate over `events()` to the end, then `wait()` for the exit code of the command."""

    def __init__(
        self, folder: RunFolder, process: subprocess.Popen[bytes], reader: int, preset: Preset | None = None
    ) -> None:
        """preset: what the run was made from, where it was made for this session."""
        self.folder, self._process, self._preset = folder, process, preset
        self._reader = open(reader, "rb")  # noqa: SIM115  closed by events() or close()
        self._interrupts = 0
        self._started = False
        self._last: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def pid(self) -> int:
        return self._process.pid

    def events(self) -> Iterator[dict[str, Any]]:
        """One dictionary an event, as they come (docs/formats.md). The last one is `end`, however the worker went."""
        while line := self._reader.readline(LINE_LIMIT):
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the worker was killed inside a line
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                self._started = self._started or event["event"] == "start"
                if event["event"] == "end":
                    self._last = event = self._located(event)
                yield event
        self._reader.close()
        if not self._last:
            code = self.wait()
            self._last = {
                "event": "end",
                "state": "interrupted",
                "run": self.id,
                "reason": "killed",
                "error": self._how_it_died(code),
                "exit_code": code,
            }
            yield self._last

    def _located(self, end: dict[str, Any]) -> dict[str, Any]:
        """An error in the preset is told with the file and line that the user wrote, not those of the run's copy."""
        message, key = end.pop("message", None), end.pop("key", None)
        if message is not None and self._preset is not None:
            end["error"] = str(self._preset.place(PresetError(message, key=key)))
        return end

    def forward(self, number: int) -> None:
        """Passes a signal on. The third Ctrl-C kills: the worker may sit in a compiler that hears nothing."""
        self._interrupts += number == signal.SIGINT
        with self._lock, contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL if self._interrupts > 2 else number)

    def wait(self) -> int:
        """Waits for the worker's end; its exit code, as the command should give it on.

        A run that was made for a wrong preset or wrong data (exit code 2 before its start) is taken away again.
        """
        code = self._process.wait()
        if code < 0:
            code = 130 if self._interrupts and -code in (signal.SIGINT, signal.SIGKILL) else _code_of_signal(-code)
        if code == UsageError.exit_code and self._preset is not None and not self._started:
            with contextlib.suppress(RunError):
                remove(self.folder)
        return code

    def close(self) -> None:
        """Stops listening; the worker trains on."""
        self._reader.close()

    def _how_it_died(self, code: int) -> str:
        if self._interrupts:
            return f"run {self.id} was stopped at once; {self._kept()}, `tuinet resume {self.id}` goes on"
        number = self._process.returncode
        how = f"was ended by {signal.Signals(-number).name}" if number < 0 else f"ended with code {code}"
        if -number == signal.SIGKILL:
            how += " (the kernel may have done that because memory ran out)"
        said = _tail(self.folder.log_path)
        return f"the worker of run {self.id} {how}; {self._kept()}{': ' + said if said else ''}"

    def _kept(self) -> str:
        """What is left to go on from."""
        return "its last checkpoint stands" if self.folder.checkpoints() else "it had no checkpoint yet"


def start(
    preset: Preset,
    *,
    runs: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    until: str | None = None,
    max_seconds: float | None = None,
    max_steps: int | None = None,
    init: RunFolder | None = None,
    origin: Mapping[str, Any] | None = None,
    checkpoint_seconds: float | None = None,
    last_at_least: float | None = None,
    command: Sequence[str] = WORKER,
) -> Session:
    """Makes a run for the preset as it stands, and starts its worker; of a comparison, give one `with_variant`.

    runs: folder of the runs (None: the usual one). threads: None lets the engine measure. init: a run whose weights
    are taken where they fit. origin: what run.json says of where the preset came from. last_at_least: seconds that the
    training is to take, in slow motion where it would be over sooner. command: what Python runs.
    """
    parse(until or "")
    given = {"until": until, "max_seconds": max_seconds, "max_steps": max_steps}
    preset = preset.with_overrides([f"training.{key}={value}" for key, value in given.items() if value is not None])
    parse(preset.training.until, "training.until")
    known: dict[str, Any] = {"title": preset.title, "seed": preset.training.seed, "epochs": preset.training.epochs}
    sources = dict(origin or {}) | ({} if init is None else {"init": init.id})
    folder = RunFolder.create(runs or runs_folder(), preset.name, preset.variant, **known, origin=sources or None)
    folder.write_preset(replace(preset, variants=()).resolved())
    options = _options(
        device=device, threads=threads, checkpoint_seconds=checkpoint_seconds, last_at_least=last_at_least
    )
    if init is not None:
        options += ["--init", str(init.path)]
    return _spawn(folder, command, options, preset)


def resume(
    folder: RunFolder,
    *,
    overrides: Sequence[str] = (),
    device: str | None = None,
    threads: int | None = None,
    checkpoint_seconds: float | None = None,
    command: Sequence[str] = WORKER,
) -> Session:
    """Goes on with a run from its newest good checkpoint; one that is at its end just ends again.

    overrides: KEY=VALUE for what may change while a run trains (live.py). device and threads are the run's own where
    they are not given.
    """
    info = folder.info()
    if overrides:
        preset = presets.load(folder.path / "preset.toml")
        changed = preset.with_overrides(overrides)
        live.check_live(preset, changed)
        if changed.training.epochs < preset.training.epochs:
            live.check_epochs(changed, info["epoch"] or 0)
        live.check_limits(preset, changed, info["step"] or 0, info["seconds"] or 0.0)
    options = _options(device=device, threads=threads, checkpoint_seconds=checkpoint_seconds)
    for override in overrides:
        options += ["--set", override]
    return _spawn(folder, command, options)


def _options(**given: object) -> list[str]:
    words: list[str] = []
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _spawn(folder: RunFolder, command: Sequence[str], options: Sequence[str], preset: Preset | None = None) -> Session:
    reader, writer = os.pipe()
    words = [sys.executable, *command, str(folder.path), "--events-fd", str(writer), *options]
    try:
        with open(folder.log_path, "ab", opener=_opener) as log, _blocked(*EXIT_CODES):
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(writer,),
                env=environment(),
            )
    except OSError as error:
        os.close(reader)
        raise explained(error, folder.log_path) from error
    finally:
        os.close(writer)
    return Session(folder, process, reader, preset)


@contextlib.contextmanager
def _blocked(*numbers: signal.Signals) -> Iterator[None]:
    """A process that is started in here has these signals wait until it takes them (`signals.watch`): none is lost."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)


def _code_of_signal(number: int) -> int:
    return EXIT_CODES.get(signal.Signals(number), 1)


def _tail(path: Path) -> str:
    """The last line of the log, made safe to print."""
    try:
        with open(path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 4 * LOG_TAIL))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return safe(lines[-1], LOG_TAIL) if lines else ""
