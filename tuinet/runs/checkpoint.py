"""Checkpoints: a folder each, which appears whole and is checked by SHA-256 whenever it is used.

    checkpoints/00001200/model.safetensors      parameters, then running statistics
                         optimizer.safetensors  left out where only weights are kept
                         manifest.json          sizes and hashes of the two, and where training stood

There is no pointer to the newest: whoever looks takes the newest that is whole. So a worker that dies while saving,
a full disk and a damaged file all end at the checkpoint before. Only the holder of the run's lock calls save().
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tuinet.atomic import UNFINISHED, explained, sync_folder, write_new
from tuinet.bounded_io import read_bounded
from tuinet.errors import RunDamaged, TuinetError
from tuinet.runs import tensors
from tuinet.runs.checked import Json, decoded_file, encoded_file
from tuinet.runs.wall_clock import label
from tuinet.safe_text import safe

if TYPE_CHECKING:
    import numpy as np

    from tuinet.runs.tensors import Arrays

MODEL, OPTIMIZER, MANIFEST = "model.safetensors", "optimizer.safetensors", "manifest.json"
FORMAT = 1
MANIFEST_LIMIT = 1 << 20  # bytes
FILE_LIMIT = 4 << 30  # bytes of one .safetensors file: a thousand million weights
_NAME = re.compile(r"(\d{8,12})(\.old)?")
_LEFTOVER = re.compile(re.escape(UNFINISHED) + r"\d+-.*")


class Loaded(NamedTuple):
    """A checkpoint's content: arrays by name in slot order, and its manifest."""

    step: int
    model: dict[str, np.ndarray[Any, Any]]
    optimizer: dict[str, np.ndarray[Any, Any]] | None
    manifest: Json


class Checkpoint(NamedTuple):
    """A checkpoint whose manifest is whole and whose files have the right sizes. load() checks their content."""

    path: Path
    step: int
    generation: int
    manifest: Json

    @property
    def resumable(self) -> bool:
        """Whether training can go on from it: it has the optimizer's arrays."""
        return OPTIMIZER in self.manifest["files"]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file["bytes"] for file in self.manifest["files"].values())

    def load(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, np.ndarray[Any, Any]] | None, Json]:
        """model, optimizer (None where it was not kept), manifest. RunDamaged where a file is not what was written."""
        model = tensors.decoded(self._checked(MODEL), self._place(MODEL))
        optimizer = tensors.decoded(self._checked(OPTIMIZER), self._place(OPTIMIZER)) if self.resumable else None
        return model, optimizer, self.manifest

    def _checked(self, name: str) -> bytes:
        said = self.manifest["files"][name]
        try:
            data = read_bounded(self.path / name, min(said["bytes"], FILE_LIMIT))
        except OSError as error:
            raise RunDamaged(f"{self._place(name)} cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != said["sha256"]:
            raise RunDamaged(f"{self._place(name)} does not have the SHA-256 that its manifest says")
        return data

    def _place(self, name: str) -> str:
        return f"checkpoint {self.path.name}: {name}"


# -- reading --------------------------------------------------------------------------------------------------------


def scan(folder: Path) -> tuple[list[Checkpoint], list[tuple[int, str]]]:
    """The checkpoints in the folder, newest first, and the damaged ones: their step and what is wrong."""
    found: dict[int, Checkpoint] = {}
    problems: dict[int, str] = {}
    for path, step in _named(folder):
        try:
            checkpoint = _read(path, step)
        except FileNotFoundError:
            continue  # replaced while we looked
        except RunDamaged as error:
            problems.setdefault(step, str(error))
            continue
        found.setdefault(step, checkpoint)
    newest_first = sorted(found.values(), key=lambda one: (one.generation, one.step), reverse=True)
    return newest_first, [(step, text) for step, text in problems.items() if step not in found]


def load_newest(folder: Path, *, resumable: bool, warn: Callable[[str], None]) -> Loaded | None:
    """The newest checkpoint whose every byte is right; None where there is none at all.

    resumable: only those with the optimizer's arrays. warn is told of each newer one that had to be passed over.
    RunDamaged where there are checkpoints and none can be used.
    """
    for _ in range(5):  # a worker may remove the one we are about to read; then there is a newer one
        checkpoints, problems = scan(folder)
        bad = dict(problems)
        for checkpoint in checkpoints:
            if resumable and not checkpoint.resumable:
                continue
            try:
                model, optimizer, manifest = checkpoint.load()
            except RunDamaged as error:
                if not checkpoint.path.is_dir():
                    break
                bad[checkpoint.step] = str(error)
                continue
            for step, text in sorted(bad.items()):
                if step > checkpoint.step:
                    warn(f"{text}; the checkpoint of step {checkpoint.step} is used instead")
            return Loaded(checkpoint.step, model, optimizer, manifest)
        else:
            if bad:
                raise RunDamaged(f"no checkpoint can be used: {'; '.join(bad.values())}")
            return None
    raise RunDamaged("the checkpoints were replaced faster than they could be read; try again")


def _named(folder: Path) -> list[tuple[Path, int]]:
    """What has the name of a checkpoint; one that was put aside (".old") comes after the one that replaced it."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    matches = [match for name in sorted(names) if (match := _NAME.fullmatch(name))]
    return [(folder / match[0], int(match[1])) for match in matches]


def _read(path: Path, step: int) -> Checkpoint:
    """FileNotFoundError where the folder is gone; RunDamaged where it is not a whole checkpoint."""
    place = f"checkpoint {path.name}"
    try:
        manifest = decoded_file(read_bounded(path / MANIFEST, MANIFEST_LIMIT))
    except OSError as error:
        if not path.is_dir():
            raise FileNotFoundError(str(path)) from None
        raise RunDamaged(f"{place}: {MANIFEST} cannot be read ({error.strerror})") from error
    if manifest is None:
        raise RunDamaged(f"{place}: {MANIFEST} does not fit its checksum")
    if type(manifest.get("format")) is int and manifest["format"] > FORMAT:
        raise RunDamaged(f"{place}: form {manifest['format']}, of a newer tuinet; this one reads form {FORMAT}")
    wrong = _wrong(manifest, step)
    if wrong:
        raise RunDamaged(f"{place}: {MANIFEST} {wrong}")
    for name, said in manifest["files"].items():
        size = _size(path / name)
        if size != said["bytes"]:
            has = "is missing" if size is None else f"has {size:,} bytes"
            raise RunDamaged(f"{place}: {name} {has}, where its manifest says {said['bytes']:,}")
    return Checkpoint(path, step, manifest["generation"], manifest)


def _wrong(manifest: Json, step: int) -> str | None:
    if manifest.get("step") != step:
        return f"speaks of step {safe(repr(manifest.get('step')), 40)}"
    if type(manifest.get("generation")) is not int:
        return "does not say its generation"
    files = manifest.get("files")
    if not isinstance(files, dict) or MODEL not in files or not {MODEL, OPTIMIZER} >= set(files):
        return f"should list {MODEL} and {OPTIMIZER}, and lists others"
    for name, said in files.items():
        fits = isinstance(said, dict) and type(said.get("bytes")) is int and isinstance(said.get("sha256"), str)
        if not fits or not 0 <= said["bytes"] <= FILE_LIMIT:
            return f"does not say size and SHA-256 of {name}"
    return None


def _size(path: Path) -> int | None:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return None


# -- writing --------------------------------------------------------------------------------------------------------


def save(
    folder: Path,
    step: int,
    model: Arrays,
    optimizer: Arrays | None,
    manifest: Mapping[str, Any],
    *,
    keep: int = 2,
) -> Checkpoint:
    """Writes a checkpoint, reads it back, gives it its name, and removes those that it replaces.

    manifest: what the training loop wants to find again, "run" and "generation" among it.
    keep: how many with an optimizer stay; the best one (manifest["best"]["step"]) that each of them names stays too.
    DiskFull, or TuinetError, name the path; every checkpoint that was there before then still is.
    """
    path = folder / f"{step:08d}"
    temporary = folder / f"{UNFINISHED}{os.getpid()}-{path.name}"
    try:
        folder.mkdir(exist_ok=True)
        _discard(temporary)
        temporary.mkdir()
        files = {MODEL: model} if optimizer is None else {MODEL: model, OPTIMIZER: optimizer}
        listed = {name: _write(temporary / name, tensors.encoded(arrays)) for name, arrays in files.items()}
        full = _manifest(step, model, listed, manifest, has_optimizer=optimizer is not None)
        _write(temporary / MANIFEST, encoded_file(full))
        sync_folder(temporary)
        _put_in_place(temporary, path)
    except OSError as error:
        _discard(temporary)
        raise explained(error, path) from error
    except BaseException:
        _discard(temporary)
        raise
    saved = Checkpoint(path, step, full["generation"], full)
    _remove_replaced(folder, saved, keep)
    return saved


def remove_leftovers(folder: Path) -> None:
    """Removes what killed workers had not finished. Only under the run's lock."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _LEFTOVER.fullmatch(entry.name)]
    except OSError:
        return
    for name in names:
        _discard(folder / name)


def _write(path: Path, data: bytes) -> dict[str, Any]:
    """Writes one file and reads it back, since some file systems only say later that they had no room."""
    if len(data) > FILE_LIMIT:
        raise TuinetError(f"{safe(str(path))}: {len(data):,} bytes; a checkpoint's file holds at most {FILE_LIMIT:,}")
    write_new(path, data)
    if read_bounded(path, len(data)) != data:
        raise TuinetError(f"{safe(str(path))}: does not read back as it was written; the disk may be failing")
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _manifest(
    step: int, model: Arrays, files: dict[str, dict[str, Any]], said: Mapping[str, Any], *, has_optimizer: bool
) -> Json:
    first = {"format": FORMAT, "run": said.get("run"), "step": step, "generation": int(said["generation"])}
    first |= {"created": label(), "files": files, "weights_sha256": tensors.weights_sha256(model)}
    first |= {"kind": said.get("kind", "last" if has_optimizer else "best")}
    return first | {key: value for key, value in said.items() if key not in first}


def _put_in_place(temporary: Path, path: Path) -> None:
    """Renames the new one to its name. Where that is taken, the old one keeps counting until the new one has it."""
    old = path.with_name(f"{path.name}.old")
    if path.exists():
        _discard(old)
        os.rename(path, old)
    os.rename(temporary, path)
    sync_folder(path.parent)
    _discard(old)


def _remove_replaced(folder: Path, saved: Checkpoint, keep: int) -> None:
    """Leaves the newest `keep` that can be resumed, and the best ones that these speak of.

    What is damaged stays too: it is evidence, and not in the way. What is ahead of a saved one that can be resumed
    belongs to a branch that was given up, and goes.
    """
    checkpoints, _ = scan(folder)
    lineage = [one for one in checkpoints if one.resumable and not (saved.resumable and one.step > saved.step)]
    bests = {_best_step(one) for one in [saved, *lineage[:keep]]}
    staying = [saved, *lineage[:keep], *(one for one in checkpoints if one.step in bests)]
    aside = {one.path.with_name(f"{one.path.name}.old") for one in checkpoints}
    for path in aside | {one.path for one in checkpoints} - {one.path for one in staying}:
        _discard(path)


def _best_step(checkpoint: Checkpoint) -> int | None:
    best = checkpoint.manifest.get("best")
    return best.get("step") if isinstance(best, dict) else None


def _discard(path: Path) -> None:
    """Removes a folder that we made: first from readers' sight, then from the disk. Trouble waits for the next time."""
    with contextlib.suppress(OSError):
        if not path.name.startswith(UNFINISHED):
            hidden = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}-removed")
            os.rename(path, hidden)
            path = hidden
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
