"""Finding, listing and removing runs. A list reads one small file per run, so that hundreds show at once.

Runs are ordered by the number they were given, and never by a clock. A run that cannot be read is listed with what
is wrong with it; only the one who asks for that run gets the error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuinet.atomic import UNFINISHED, explained
from tuinet.errors import RunDamaged, RunError, RunNotFound, UsageError, nearest
from tuinet.runs.checked import Json, number
from tuinet.runs.folder import ID, RunFolder, looks_like_run, run_folders
from tuinet.runs.wall_clock import seconds_since
from tuinet.safe_text import safe

DAMAGED = "damaged"
FORGOTTEN = re.compile(re.escape(UNFINISHED) + r"([0-9]{1,9})-" + ID.pattern)
LIVE = ("running", "paused")
STATES = ("created", "running", "paused", "finished", "stopped", "failed", "diverged", "interrupted", DAMAGED)


@dataclass(frozen=True)
class RunSummary:
    """One row of `tuinet runs`. Text in it comes from files: safe() before it is printed."""

    run: str
    state: str  # as RunFolder.state, or "damaged"
    preset: str = ""
    epoch: float | None = None
    epochs: float | None = None
    step: int | None = None
    seconds: float | None = None
    monitor: str | None = None
    best: float | None = None
    best_epoch: float | None = None
    verdict: str | None = None
    bytes: int | None = None  # on the disk; None where it was not asked for
    device: str | None = None
    gpu: str | None = None
    created: str = ""
    host: str = ""
    note: str = ""  # damaged, copied, from another host
    folder: str = ""
    sequence: int = 0
    title: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def row(self) -> Json:
        """The object of docs/formats.md."""
        fields = asdict(self)
        del fields["sequence"], fields["title"]
        return fields


def list_runs(runs: Path, *, sizes: bool = True) -> list[RunSummary]:
    """All runs in the folder, newest first, damaged ones last. sizes: look how much disk each one takes."""
    found = [summary for path in run_folders(runs) if (summary := summarised(RunFolder(path), sizes=sizes))]
    return sorted(found, key=lambda one: (one.sequence, one.created, one.run), reverse=True)


def summarised(run: RunFolder, *, sizes: bool = True) -> RunSummary | None:
    """One run's row; None where the folder holds no run (yet)."""
    size = size_on_disk(run.path) if sizes else None
    try:
        said = run.info()
        state = run.state_of(said)
    except RunNotFound:
        return None
    except RunDamaged as error:
        return RunSummary(run.id, DAMAGED, bytes=size, note=str(error), folder=str(run.path))
    best = {key: number(said[key]) for key in ("epoch", "epochs", "seconds", "best", "best_epoch")}
    other = ("preset", "step", "monitor", "verdict", "device", "gpu", "created", "host", "sequence", "title")
    fields: dict[str, Any] = best | {key: said[key] for key in other}
    return RunSummary(run.id, state, bytes=size, note=_note(run, said), folder=str(run.path), **fields)


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below the folder, links not followed. What cannot be looked at counts as nothing."""
    total, folders = 0, [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def find(word: str, runs: Path) -> RunFolder:
    """The run that `word` names: an id, the unique beginning of one, a folder, or "last" (the one made last)."""
    if os.sep not in word:
        ids = [path.name for path in run_folders(runs) if looks_like_run(path)]
        if word in ids:
            return RunFolder(runs / word)
        if word == "last":
            return _last(runs)
        begun = [name for name in ids if word and name.startswith(word)]
        if len(begun) == 1:
            return RunFolder(runs / begun[0])
        if len(begun) > 1:
            some = ", ".join(begun[:5]) + (", ..." if len(begun) > 5 else "")
            raise RunNotFound(f'"{safe(word, 80)}" is the beginning of {len(begun)} runs ({some}); write more of it')
    else:
        ids = []
    path = os.path.expanduser(word)
    if word and os.path.isdir(path):
        run = RunFolder(os.path.realpath(path))
        if looks_like_run(run.path):
            return run
        raise RunNotFound(f"{safe(word, 200)} is no run: it has no run.json")
    raise RunNotFound(f'no run is called "{safe(word, 80)}"{nearest(word, ids) or ";"} `tuinet runs` lists them')


def find_to_remove(word: str, runs: Path) -> RunFolder:
    """The run to remove. Only a full id or "last": a beginning that happens to be unique is too easily a mistake."""
    if word == "last":
        return _last(runs)
    path = runs / word
    if ID.fullmatch(word) and path in run_folders(runs) and looks_like_run(path):
        return RunFolder(path)
    ids = [path.name for path in run_folders(runs) if looks_like_run(path)]
    begun = [name for name in ids if word and name.startswith(word)]
    hint = f'; did you mean "{begun[0]}"?' if len(begun) == 1 else nearest(word, ids)
    raise RunNotFound(f'no run has the full id "{safe(word, 80)}"{hint or ";"} `tuinet runs` lists them')


def remove(run: RunFolder) -> None:
    """Removes the run's folder and all that is in it; a link in it goes, what it leads to stays.

    RunLocked where a worker has it, RunNotFound where the folder is no run.
    """
    remove_aside(set_aside(run), run.id)


def set_aside(run: RunFolder) -> Path:
    """Takes the run out of every list at once, and removes nothing: `bring_back` undoes it, `remove_aside` ends it.

    RunLocked where a worker has it, RunNotFound where the folder is no run. Gives the folder where it lies now.
    """
    if not looks_like_run(run.path):
        raise RunNotFound(f"{safe(str(run.path))} is no run, so it is not removed")
    hidden = run.path.with_name(f"{UNFINISHED}{os.getpid()}-{run.id}")
    with run.lock():
        try:
            os.rename(run.path, hidden)
        except OSError as error:
            raise RunError(f"run {safe(run.id)} could not be removed: {explained(error, run.path)}") from error
    return hidden


def bring_back(hidden: Path, run: RunFolder) -> None:
    """Puts a run that was set aside where it was. RunError where something stands there by now."""
    try:
        if os.path.lexists(run.path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(run.path))
        os.rename(hidden, run.path)
    except OSError as error:
        raise RunError(f"run {safe(run.id)} could not be brought back: {explained(error, run.path)}") from error


def remove_aside(hidden: Path, name: str) -> None:
    """Removes what was set aside; `name` is what an error calls it."""
    try:
        shutil.rmtree(hidden)
    except OSError as error:
        raise RunError(f"run {safe(name)} could not be removed: {explained(error, hidden)}") from error


def remove_forgotten(runs: Path, older_than: float = 3600.0) -> int:
    """Removes what processes that are gone had set aside or left half removed; how many there were.

    older_than: seconds. A process of another host that shares the folder cannot be seen, and gets that long.
    """
    count = 0
    with contextlib.suppress(OSError), os.scandir(runs) as entries:
        for entry in entries:
            form = FORGOTTEN.fullmatch(entry.name)
            if form is None or not entry.is_dir(follow_symlinks=False) or _lives(int(form[1])):
                continue
            if time.time() - entry.stat(follow_symlinks=False).st_ctime > older_than:
                shutil.rmtree(entry.path, ignore_errors=True)
                count += 1
    return count


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def prune(
    runs: Path,
    *,
    keep: int | None = None,
    older_than: float | None = None,
    states: Collection[str] | None = None,
    really: bool = False,
) -> list[RunSummary]:
    """What pruning removes, and with `really`, removes it. Runs that are being trained always stay.

    keep: the newest so many of those that the rest selects stay. older_than: seconds since they were made.
    states: only these (any of STATES); left out, all but damaged ones.
    """
    if keep is None and older_than is None and states is None:
        raise UsageError("say what to prune: --keep N, --older-than DAYS or --state STATE")
    for state in states or ():
        if state not in STATES:
            raise UsageError(
                f'no run has the state "{safe(state, 40)}"{nearest(state, STATES) or "."} Known: {", ".join(STATES)}'
            )
    wanted = set(states) if states is not None else set(STATES) - {DAMAGED}
    chosen = [one for one in list_runs(runs) if one.state in wanted - set(LIVE)]
    if older_than is not None:
        chosen = [one for one in chosen if (seconds_since(one.created) or 0.0) > older_than]
    chosen = chosen[keep or 0 :]
    if really:
        for one in chosen:
            remove(RunFolder(one.folder))
    return chosen


def _last(runs: Path) -> RunFolder:
    for one in list_runs(runs, sizes=False):
        if one.state != DAMAGED:
            return RunFolder(one.folder)
    raise RunNotFound(f"there is no run in {safe(str(runs))} yet; `tuinet run PRESET` makes one")


def _note(run: RunFolder, said: Json) -> str:
    if said["run"] != run.id:
        return f"copy of {said['run']}"
    if said["host"] != socket.gethostname():
        return f"from {said['host']}"
    return ""
