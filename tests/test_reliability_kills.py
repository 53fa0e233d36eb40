"""R1 and R15: a SIGKILL at any moment costs nothing that was shown, and two workers can never write one run.

Each promise stands beside a control that must break it: without one, a test of random kills proves only that the
kills came at harmless moments.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tuinet.errors import RunLocked
from tuinet.runs import RunFolder

SCRIPT = Path(__file__).with_name("killed_writer.py")


class Nursery:
    """Starts writers, hears what they say, and kills them."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.heard = b""
        self.started: list[int] = []

    def start(self, mode: str, folder: Path) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{mode} {folder}\n".encode())
        self.process.stdin.flush()
        self.started.append(int(self.process.stdout.readline()))
        return self.started[-1]

    def hear(self, until: str, count: int = 1, seconds: float = 10.0) -> list[str]:
        """Lines up to the `count`-th that begins so."""
        deadline = time.monotonic() + seconds
        while True:
            lines = self.heard.split(b"\n")
            found = [at for at, line in enumerate(lines[:-1]) if line.startswith(until.encode())]
            if len(found) >= count:
                end = found[count - 1] + 1
                self.heard = b"\n".join(lines[end:])
                return [line.decode() for line in lines[:end]]
            assert time.monotonic() < deadline, f"no {until!r} in {self.heard!r}"
            self._take(0.1)

    def kill(self, writer: int) -> list[str]:
        """SIGKILL, and everything that was said before it took effect."""
        os.kill(writer, signal.SIGKILL)
        while _alive(writer):
            self._take(0.001)
        while self._take(0.0):
            pass
        lines, self.heard = self.heard.split(b"\n")[:-1], b""
        return [line.decode() for line in lines]

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout and self.process.stderr
        for writer in self.started:
            if _alive(writer):
                os.kill(writer, signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()

    def _take(self, seconds: float) -> bool:
        assert self.process.stderr
        ready = select.select([self.process.stderr], [], [], seconds)[0]
        if ready:
            self.heard += os.read(self.process.stderr.fileno(), 1 << 16)
        return bool(ready)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def run_in(folder: Path) -> RunFolder:
    return RunFolder.create(folder, "xor")


def said(lines: list[str], word: str) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith(f"{word} ")]


# -- R1 -------------------------------------------------------------------------------------------------------------


def kills_of_one_run(nursery: Nursery, run: RunFolder, kills: int, chance: random.Random) -> None:
    shown: dict[int, int] = {}  # step -> the last generation that has shown it
    saved = 0
    for generation in range(1, kills + 1):
        writer = nursery.start("ours", run.path)
        nursery.hear("go")
        time.sleep(chance.uniform(0.0, 0.06))
        lines = nursery.kill(writer)
        assert not [line for line in lines if line[:2] in ("x ", "w ")], lines
        shown |= {step: generation for step in said(lines, "r")}
        saved = max([saved, *said(lines, "c")])

        records, damaged = run.metrics().read()
        assert damaged == 0
        found = {record["s"]: record["g"] for record in records}
        lost = [step for step, shown_by in shown.items() if found.get(step, 0) < shown_by]
        assert lost == [], f"kill {generation}: shown and lost: {lost}"
        warnings: list[str] = []
        newest = run.load_newest(warn=warnings.append)
        assert warnings == [] and (newest.step if newest else 0) >= saved
        if newest is not None:
            assert newest.model["W"].tobytes() == np.full(20_000, newest.step, np.float32).tobytes()
        assert run.state() == "interrupted"
    assert len(shown) > kills and saved > 0, "the writers were killed before they wrote anything"


def test_a_kill_at_any_moment_loses_no_record_and_no_checkpoint(nursery: Nursery, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    kills_of_one_run(nursery, run_in(tmp_path), 50, random.Random(seed))


@pytest.mark.slow
def test_a_thousand_kills_lose_no_record_and_no_checkpoint(nursery: Nursery, tmp_path: Path) -> None:
    for number in range(20):
        kills_of_one_run(nursery, run_in(tmp_path), 50, random.Random(number))


def test_control_a_buffered_log_and_savez_in_place_lose_both(nursery: Nursery, tmp_path: Path) -> None:
    lost_records = corrupt = 0
    chance = random.Random(7)
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        writer = nursery.start("naive", folder)
        nursery.hear("go")
        time.sleep(chance.uniform(0.02, 0.05))
        lines = nursery.kill(writer)
        whole = (folder / "metrics.jsonl").read_text().split("\n")[:-1]
        lost_records += len(said(lines, "r")) > len(whole)
        try:
            with open(folder / "checkpoint.npz", "rb") as file, np.load(file) as arrays:
                assert arrays["W"][0] == arrays["W"][-1]
        except FileNotFoundError:
            pass
        except (zipfile.BadZipFile, EOFError, KeyError, ValueError, OSError, AssertionError):
            corrupt += 1
    assert lost_records >= 36, "the control must lose records"
    assert corrupt > 0, "the control must destroy checkpoints"


# -- R15 ------------------------------------------------------------------------------------------------------------


def winners(nursery: Nursery, mode: str, folder: Path) -> list[str]:
    writers = [nursery.start(mode, folder) for _ in range(8)]
    time.sleep(0.05)
    (folder / "now").touch()
    lines = [nursery.hear("", 1)[0] for _ in range(8)]
    for writer in writers:
        if _alive(writer):
            nursery.kill(writer)
    return lines


def test_of_eight_starters_exactly_one_gets_the_run(nursery: Nursery, tmp_path: Path) -> None:
    for number in range(4):
        run = run_in(tmp_path / str(number))
        lines = winners(nursery, "starter", run.path)
        assert lines.count("won") == 1
        lost = [line for line in lines if line.startswith("lost")]
        assert len(lost) == 7 and all(f"run {run.id} is being written by process" in line for line in lost)


def test_control_of_eight_starters_with_a_number_in_a_file_several_get_the_run(
    nursery: Nursery, tmp_path: Path
) -> None:
    counts = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        counts.append(winners(nursery, "naive_starter", tmp_path / str(number)).count("won"))
    assert max(counts) > 1


def test_the_lock_of_a_killed_worker_is_free_at_once(nursery: Nursery, tmp_path: Path) -> None:
    run = run_in(tmp_path)
    for _ in range(30):
        writer = nursery.start("holder", run.path)
        nursery.hear("go")
        assert run.is_live()
        nursery.kill(writer)
        assert not run.is_live()
        run.lock().release()


def test_control_a_number_in_a_file_stays_after_a_kill(nursery: Nursery, tmp_path: Path) -> None:
    writer = nursery.start("naive_holder", tmp_path)
    nursery.hear("go")
    nursery.kill(writer)
    assert (tmp_path / "lock.pid").exists()


def test_control_a_forked_child_keeps_the_lock_of_its_killed_parent(nursery: Nursery, tmp_path: Path) -> None:
    run = run_in(tmp_path)
    writer = nursery.start("forking_holder", run.path)
    (child,) = [int(line.split()[1]) for line in nursery.hear("go ")]
    try:
        nursery.kill(writer)
        assert run.is_live()
        with pytest.raises(RunLocked):
            run.lock()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_spawned_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    handle = run.lock()
    code = "import time; print('go', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], close_fds=False, stdout=subprocess.PIPE)
    assert child.stdout
    try:
        child.stdout.readline()
        handle.release()
        assert not run.is_live()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_looking_whether_a_run_is_live_never_keeps_a_worker_from_starting(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    run.lock().release()
    code = (
        "import sys; from tuinet.runs import RunFolder; run = RunFolder(sys.argv[1])\n"
        "print('go', flush=True)\n"
        "while True: run.is_live()"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    looker = subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, env=environment)
    try:
        assert looker.stdout and looker.stdout.readline()
        for _ in range(200):
            run.lock().release()
    finally:
        looker.kill()
        looker.wait()
        assert looker.stdout
        looker.stdout.close()


def test_new_runs_of_one_name_never_share_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tuinet.runs import RunFolder\n"
        "for _ in range(25): print(RunFolder.create(pathlib.Path(sys.argv[1]), 'xor').id)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    makers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    ids = [name for maker in makers for name in maker.communicate()[0].split()]
    assert len(ids) == len(set(ids)) == 100
    assert {json.loads((tmp_path / name / "run.json").read_text())["run"] for name in ids} == set(ids)
