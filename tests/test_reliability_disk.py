"""R7: a save that failed is an error with a name, whatever call it failed in; and what was saved before still stands.

Every call to the operating system that a save makes is made to fail in turn, with each error that disks give.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from tuinet.atomic import write_file
from tuinet.errors import DiskFull, RunDamaged, TuinetError
from tuinet.runs import RunFolder, list_runs

ERRORS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS]
CALLS = ["open", "write", "fsync", "rename", "mkdir", "ftruncate", "unlink", "rmdir", "scandir"]


class FailingCall:
    """Lets the calls of a kind of program through, but for the one whose number it is."""

    def __init__(self, number: int, error: int, persistent: bool) -> None:
        self.number, self.error, self.persistent = number, error, persistent
        self.count = 0
        self.failed = ""

    def wrapping(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self.count += 1
            if self.count == self.number or (self.persistent and self.count > self.number):
                self.failed = self.failed or name
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments, **more)

        return call


@contextmanager
def failing(call: FailingCall) -> Iterator[None]:
    patches = [patch(f"os.{name}", call.wrapping(name, getattr(os, name))) for name in CALLS]
    patches.append(patch("tuinet.runs.records._sync", call.wrapping("fdatasync", os.fdatasync)))
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    run = RunFolder.create(tmp_path / "runs", "xor")
    with run.lock():
        run.write_info(generation=1, step=100)
        run.write_preset('title = "100"')
        save(run, 100)
        yield run


def save(run: RunFolder, step: int) -> None:
    arrays = {"W": np.full((50, 2), step, np.float32)}
    run.save_checkpoint(step, arrays, {"m": arrays["W"]}, {"generation": 1, "best": {"step": step}})


def saved_step(run: RunFolder) -> int:
    loaded = run.load_newest(warn=lambda text: pytest.fail(text))
    assert loaded is not None and loaded.optimizer is not None
    assert loaded.model["W"].tobytes() == np.full((50, 2), loaded.step, np.float32).tobytes()
    assert loaded.optimizer["m"].tobytes() == loaded.model["W"].tobytes()
    return loaded.step


def append(run: RunFolder, step: int) -> None:
    with run.metrics().writer(1) as writer:
        writer.append({"k": "epoch", "s": step, "e": 1})
        writer.sync()


def appended_step(run: RunFolder) -> int:
    records, damaged = run.metrics().read()
    assert damaged == 0
    return max((record["s"] for record in records), default=100)


KINDS: dict[str, tuple[Callable[[RunFolder, int], None], Callable[[RunFolder], int]]] = {
    "run.json": (lambda run, step: run.write_info(step=step), lambda run: int(run.info()["step"])),
    "preset.toml": (lambda run, step: run.write_preset(f'title = "{step}"'), lambda run: int(run.preset_text()[9:-1])),
    "metrics.jsonl": (append, appended_step),
    "checkpoints": (save, saved_step),
}


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize("kind", KINDS)
def test_a_save_is_whole_or_an_error_with_a_name(kind: str, error: int, persistent: bool, run: RunFolder) -> None:
    write, read = KINDS[kind]
    step = 100
    told = 0
    for number in range(1, 200):
        before, step = step, step + 2
        call = FailingCall(number, error, persistent)
        with failing(call):
            try:
                write(run, step)
                said_saved = True
            except TuinetError as trouble:
                said_saved = False
                told += 1
                assert kind in str(trouble), str(trouble)
                full = error in (errno.ENOSPC, errno.EDQUOT) and not isinstance(trouble, RunDamaged)  # it read, too
                assert isinstance(trouble, DiskFull) == full
        now = read(run)
        assert now == step if said_saved else now in (before, step), f"{call.failed} failed, call {number}"
        assert run.info()["generation"] == 1 and len(list_runs(run.path.parent)) == 1
        if not call.failed:
            break
        write(run, step + 1)  # the disk is well again: so is the run
        step += 1
        assert read(run) == step
    else:
        pytest.fail("the save never came to its end")
    assert told >= 3, "no failure came through: the calls that are made to fail are not the ones that are made"


def test_a_failed_save_leaves_nothing_behind_that_the_next_one_does_not_remove(run: RunFolder) -> None:
    for number in range(1, 60):
        call = FailingCall(number, errno.EIO, persistent=True)
        with failing(call):
            try:
                save(run, 100 + number)
            except TuinetError:
                continue
            break
    run._lock.release()  # type: ignore[union-attr]
    with run.lock():
        save(run, 500)
        save(run, 600)
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert not [name for name in names if name.startswith(".tmp-") or name.endswith(".old")], names
    assert {"00000500", "00000600"} <= set(names)


# -- a disk that is really full -------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from tuinet.errors import TuinetError
from tuinet.runs import RunFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run, mode = RunFolder(sys.argv[1]), sys.argv[2]
arrays = {"W": np.full(50_000, 2, np.float32)}
with run.lock():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # a part is written, then refused
    try:
        if mode == "ours":
            run.save_checkpoint(2, arrays, None, {"generation": 1})
        else:
            np.savez(run.path / "naive.npz", **arrays)
        print("saved")
    except (TuinetError, OSError) as error:
        print(type(error).__name__, error)
"""


def on_a_full_disk(run: RunFolder, mode: str) -> str:
    run._lock.release()  # type: ignore[union-attr]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", FULL, run.path, mode], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_disk_that_takes_only_a_part_leaves_the_last_good_checkpoint(run: RunFolder) -> None:
    told = on_a_full_disk(run, "ours")
    assert told.startswith("TuinetError") and "checkpoints/00000002: cannot be written (File too large)" in told
    assert saved_step(run) == 100
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["00000100"]


def test_control_savez_over_a_good_file_destroys_it(run: RunFolder) -> None:
    path = run.path / "naive.npz"
    np.savez(path, W=np.full(50_000, 1, np.float32))
    assert "File too large" in on_a_full_disk(run, "naive")
    with open(path, "rb") as file, pytest.raises(Exception, match=r"(?i)zip|truncated|magic|crc"):
        np.load(file)["W"]


# -- one file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_a_file_is_replaced_whole(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"before", data):
        write_file(path, content)
        assert path.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_order_of_calls_is_write_fsync_rename_fsync_folder(tmp_path: Path) -> None:
    calls: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **more: Any) -> Any:
            calls.append(name)
            return real(*arguments, **more)

        return call

    with patch.multiple("os", **{name: noting(name) for name in ("write", "fsync", "rename")}):
        write_file(tmp_path / "file", b"content")
    assert calls == ["write", "fsync", "rename", "fsync"]


def test_a_file_left_by_a_killed_process_with_our_number_is_not_in_the_way(tmp_path: Path) -> None:
    from tuinet import atomic

    following = next(atomic._counter) + 1
    for number in range(following, following + 3):
        (tmp_path / f".tmp-{os.getpid()}-{number}-file").write_text("left")
    write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "file").symlink_to(tmp_path / "precious")
    write_file(tmp_path / "file", b"content")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "file").is_symlink()


def test_a_folder_that_knows_no_fsync_is_no_trouble(tmp_path: Path) -> None:
    real = os.fsync

    def only_files(fd: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(fd)

    with patch("os.fsync", only_files):
        write_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
