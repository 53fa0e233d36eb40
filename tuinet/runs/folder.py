"""A run: one training, kept as a folder. Whoever has the folder has the run; no database knows anything about it.

Reading needs no lock and never waits. Writing records and checkpoints needs the lock that the worker takes at its
start and keeps until it ends. What is in the folder, file by file, stands in docs/formats.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuinet import __version__
from tuinet.atomic import explained, sync_folder, write_file
from tuinet.bounded_io import read_bounded
from tuinet.errors import RunDamaged, RunError, RunNotFound, TuinetError
from tuinet.runs import checkpoint, classes, data, info, lock, probes
from tuinet.runs.checked import Json
from tuinet.runs.checkpoint import Checkpoint, Loaded
from tuinet.runs.lock import RunLock
from tuinet.runs.records import Records
from tuinet.runs.wall_clock import label
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.data import Facts, Scaler
    from tuinet.diagnostics.by_class import ByClass
    from tuinet.runs.probes import Probes, ProbeWriter
    from tuinet.runs.tensors import Arrays

PRESET_LIMIT = 1 << 20  # bytes: every default is written out, so it is longer than what a person writes
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def home() -> Path:
    """$TUINET_HOME, or the platform's folder for user data."""
    said = os.environ.get("TUINET_HOME")
    if said:
        return Path(os.path.expanduser(said)).absolute()
    from platformdirs import user_data_path

    return user_data_path("tuinet", appauthor=False)


def runs_folder(option: str | Path | None = None) -> Path:
    """Where runs are kept: what --runs says, or `runs` in home()."""
    return Path(os.path.expanduser(option)).absolute() if option else home() / "runs"


class RunFolder:
    """A run by its folder. Making one of these reads nothing."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.id = self.path.name
        self._lock: RunLock | None = None
        self._probes: Probes | None = None

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, runs: Path, preset_name: str, variant: str = "", **known: Any) -> RunFolder:
        """Makes PRESET-xxxx in the folder `runs`, with a run.json that says what is known: title, seed, epochs ...

        variant: which of the preset's variants it trains; its folder is PRESET-VARIANT-xxxx.
        """
        try:
            runs.mkdir(parents=True, exist_ok=True)
            path = _new_folder(runs, _as_name(preset_name, variant))
        except OSError as error:
            raise explained(error, runs) from error
        run = cls(path)
        first: Json = {
            "format": info.FORMAT, "formats": info.FORMATS, "run": run.id, "sequence": _next_number(runs),
            "preset": preset_name, "title": "", "state": "created", "generation": 0,
            "created": label(), "updated": label(), "host": socket.gethostname(), "versions": versions(),
        }  # fmt: skip
        try:
            run._put(first | {"epoch": 0, "step": 0, "seconds": 0.0} | known)
        except (TuinetError, ValueError):
            with contextlib.suppress(OSError):
                path.rmdir()
            raise
        return run

    # -- run.json, preset.toml and data.json --------------------------------------------------------------------

    def info(self) -> Json:
        """run.json. RunNotFound where there is no run, RunDamaged where the file is not what was written."""
        try:
            return info.read(self.path)
        except FileNotFoundError:
            if not looks_like_run(self.path):
                raise RunNotFound(f"{safe(str(self.path))} is no run: it has no run.json") from None
            raise RunDamaged(f"run {safe(self.id)}: run.json is missing") from None

    def write_info(self, **changes: Any) -> None:
        """Replaces what run.json says under these keys. Durable, hence about 20 ms: once a second at most."""
        self._put(self.info() | changes | {"updated": label()})

    def preset_text(self) -> str:
        """preset.toml: the resolved preset."""
        path = self.path / "preset.toml"
        try:
            return read_bounded(path, PRESET_LIMIT).decode("utf-8")
        except FileNotFoundError:
            raise RunDamaged(f"run {safe(self.id)}: preset.toml is missing") from None
        except OSError as error:
            raise RunDamaged(f"run {safe(self.id)}: preset.toml cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise RunDamaged(f"run {safe(self.id)}: preset.toml is not UTF-8 at byte {error.start}") from error

    def write_preset(self, text: str) -> None:
        write_file(self.path / "preset.toml", text.encode("utf-8"))

    def data(self) -> tuple[Facts, Scaler] | None:
        """data.json: what the run knows of its data; None where it has none. RunDamaged where it does not read back."""
        return data.read(self.path)

    def write_data(self, facts: Facts, scaler: Scaler) -> None:
        """Puts data.json there. RunError, and no file, where it would be larger than a reader allows."""
        self._check_lock()
        write_file(self.path / data.NAME, data.encoded(facts, scaler))

    def by_class(self) -> ByClass | None:
        """classes.json: how well each class is known; None where that was not measured. RunDamaged as for data()."""
        return classes.read(self.path)

    def write_by_class(self, found: ByClass, *, step: int, epoch: int) -> None:
        """Puts classes.json there, unless it would be larger than a reader allows."""
        self._check_lock()
        encoded = classes.encoded(found, step=step, epoch=epoch)
        if encoded is not None:
            write_file(self.path / classes.NAME, encoded)

    @property
    def log_path(self) -> Path:
        """Where the worker's standard error goes."""
        return self.path / "worker.log"

    def _put(self, content: Json) -> None:
        write_file(self.path / info.NAME, info.encoded(content))

    # -- who is writing -----------------------------------------------------------------------------------------

    def lock(self) -> RunLock:
        """Takes the run for this process, until release() or its end. RunLocked names who has it.

        Whoever gets it also removes what a killed worker before had left unfinished.
        """
        self._lock = RunLock.take(self.path)
        checkpoint.remove_leftovers(self.path)
        checkpoint.remove_leftovers(self._checkpoints)
        checkpoint.remove_leftovers(self.path / probes.FOLDER)
        return self._lock

    def is_live(self) -> bool:
        """Whether a worker has the run now."""
        return lock.is_held(self.path)

    def state(self) -> str:
        """created, running, paused, finished, stopped, failed, diverged or interrupted."""
        return self.state_of(self.info())

    def state_of(self, said: Json) -> str:
        """The same, from what info() gave."""
        if said["state"] not in ("running", "paused") or self.is_live():
            return str(said["state"])
        again = str(self.info()["state"])  # the worker may have ended between our two looks
        return "interrupted" if again in ("running", "paused") else again

    def _check_lock(self) -> None:
        if self._lock is None or not self._lock.held:
            raise RunError(f"run {safe(self.id)}: only the holder of its lock may write to it; call lock() first")

    # -- records ------------------------------------------------------------------------------------------------

    def metrics(self) -> Records:
        return Records(self.path / "metrics.jsonl", numbers=True, may_write=self._check_lock)

    def events(self) -> Records:
        return Records(self.path / "events.jsonl", numbers=False, may_write=self._check_lock)

    # -- checkpoints --------------------------------------------------------------------------------------------

    @property
    def _checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoints(self) -> list[Checkpoint]:
        """Newest first: those with a whole manifest and files of the right size. load() checks every byte."""
        return checkpoint.scan(self._checkpoints)[0]

    def damaged_checkpoints(self) -> list[str]:
        """What is wrong with the others, a sentence each."""
        return [text for _, text in checkpoint.scan(self._checkpoints)[1]]

    def load_newest(self, *, resumable: bool = True, warn: Callable[[str], None] = lambda text: None) -> Loaded | None:
        """The newest checkpoint that is whole to the last byte, or None; see checkpoint.load_newest."""
        try:
            return checkpoint.load_newest(self._checkpoints, resumable=resumable, warn=warn)
        except RunDamaged as error:
            raise RunDamaged(f"run {safe(self.id)}: {error}") from None

    def save_checkpoint(
        self, step: int, model: Arrays, optimizer: Arrays | None, manifest: Mapping[str, Any], keep: int = 2
    ) -> Checkpoint:
        """Saves the arrays after step `step`; see checkpoint.save. "run" and "generation" are filled in."""
        self._check_lock()
        said = {"run": self.id, **manifest}
        if "generation" not in said:
            said["generation"] = self.info()["generation"]
        return checkpoint.save(self._checkpoints, step, model, optimizer, said, keep=keep)

    # -- probes -------------------------------------------------------------------------------------------------

    def probes(self) -> Probes:
        """The history of its parameters as small pictures."""
        if self._probes is None:
            self._probes = probes.Probes(self.path)  # it reads each file once
        return self._probes

    def probe_writer(self, step: int) -> ProbeWriter:
        """Goes on with that history from the step at which training stands."""
        self._check_lock()
        return probes.ProbeWriter(self.path, step)


def looks_like_run(path: Path) -> bool:
    """Whether a folder holds any of the files by which a run is known, damaged or not."""
    names = (info.NAME, "preset.toml", "metrics.jsonl", "checkpoints")
    return not path.is_symlink() and any(os.path.lexists(path / name) for name in names)


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on, found without loading any of it."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"tuinet": __version__, "python": platform.python_version()}
    for package in ("numpy", "numba"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _as_name(preset_name: str, variant: str) -> str:
    """The beginning of an id: letters, digits, dots, dashes and underscores, room for "-xxxx" left."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{preset_name}-{variant}").strip(".-")[:59].rstrip(".-")
    return name or "run"


def _new_folder(runs: Path, name: str) -> Path:
    """mkdir fails where the name is taken, so two starters can never get the same folder."""
    import secrets

    for _ in range(1000):
        path = runs / f"{name}-{secrets.token_hex(2)}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        sync_folder(runs)
        return path
    raise RunError(f"{safe(str(runs))} has no free name left for {name}-xxxx; `tuinet runs prune` makes room")


def _next_number(runs: Path) -> int:
    """One more than the highest number of any run there. Two starters at once may get the same: ids tell them apart."""
    highest = 0
    for path in run_folders(runs):
        try:
            highest = max(highest, info.read(path)["sequence"] % 2**53)  # a forged one cannot use up the numbers
        except (FileNotFoundError, RunDamaged):
            continue
    return highest + 1


def run_folders(runs: Path) -> list[Path]:
    """The folders in `runs` that can be runs, by name. Links are passed over: they lead elsewhere."""
    try:
        with os.scandir(runs) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{safe(str(runs))}: cannot be read ({error.strerror})") from error
    return [runs / name for name in sorted(names) if ID.fullmatch(name)]
