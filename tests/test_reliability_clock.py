"""R18: a wall clock that jumps an hour back, a day ahead, or says nothing at all, changes labels and nothing else."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from tuinet.runs import Records, RunFolder, find, list_runs, prune
from tuinet.runs.records import _sync
from tuinet.runs.wall_clock import label, seconds_since

NOW = 1_790_000_000.0
CLOCKS: dict[str, Callable[[int], float]] = {
    "an hour back": lambda call: NOW - 3600.0 * call,
    "a day ahead": lambda call: NOW + 86_400.0 * call,
    "to and fro": lambda call: NOW + (3600.0 if call % 2 else -3600.0),
    "nothing": lambda call: math.nan,
    "before 1970": lambda call: -1e9 * call,
    "beyond all years": lambda call: 1e300,
}


@pytest.fixture(params=CLOCKS)
def stepping(request: pytest.FixtureRequest) -> Callable[[], float]:
    calls = itertools.count()
    return lambda: CLOCKS[request.param](next(calls))


def test_runs_are_listed_and_found_in_the_order_they_were_made(stepping: Callable[[], float], tmp_path: Path) -> None:
    with patch("time.time", stepping):
        made = [RunFolder.create(tmp_path, "xor").id for _ in range(6)]
        assert [one.run for one in list_runs(tmp_path)] == made[::-1]
        assert find("last", tmp_path).id == made[-1]


def test_control_by_the_clock_they_are_out_of_order(tmp_path: Path) -> None:
    calls = itertools.count()
    with patch("time.time", lambda: CLOCKS["an hour back"](next(calls))):
        made = [RunFolder.create(tmp_path, "xor").id for _ in range(6)]
    by_label = sorted(list_runs(tmp_path), key=lambda one: one.created, reverse=True)
    assert [one.run for one in by_label] != made[::-1]


def test_records_keep_their_order_and_their_durations(stepping: Callable[[], float], tmp_path: Path) -> None:
    records = Records(tmp_path / "metrics.jsonl", numbers=True)
    with records.writer(1, 100.0, wall=stepping) as writer:
        for step in range(50):
            writer.append({"k": "epoch", "s": step, "e": step})
    found, damaged = records.read()
    assert damaged == 0 and [record["s"] for record in found] == list(range(50))
    seconds = [record["m"] for record in found]
    assert seconds == sorted(seconds) and 100.0 <= seconds[0] <= seconds[-1] < 110.0


def test_control_durations_by_the_wall_clock_would_be_negative() -> None:
    calls = itertools.count()
    clock = CLOCKS["an hour back"]
    start = clock(next(calls))
    assert clock(next(calls)) - start < 0


def test_records_are_synced_once_a_second_whatever_the_wall_says(stepping: Callable[[], float], tmp_path: Path) -> None:
    now = [0.0]
    synced = []
    with (
        patch("time.time", stepping),
        patch("tuinet.runs.records._sync", lambda fd: synced.append(now[0]) or _sync(fd)),
    ):
        writer = Records(tmp_path / "metrics.jsonl", numbers=True).writer(1, clock=lambda: now[0])
        for tick in range(1, 31):
            now[0] = tick / 10
            writer.append({"k": "epoch", "s": tick, "e": tick})
        writer.close()
    assert synced == [1.0, 2.0, 3.0]


def test_generations_and_not_times_decide_which_record_counts(tmp_path: Path) -> None:
    records = Records(tmp_path / "metrics.jsonl", numbers=True)
    for generation, wall in ((1, NOW), (2, NOW - 86_400.0)):
        with records.writer(generation, wall=lambda wall=wall: wall) as writer:
            writer.append({"k": "epoch", "s": 10, "e": 1, "val_loss": 1 / generation})
    assert [record["g"] for record in records.read()[0]] == [2]


def test_a_checkpoint_is_the_newest_by_its_step(stepping: Callable[[], float], tmp_path: Path) -> None:
    import numpy as np

    with patch("time.time", stepping):
        run = RunFolder.create(tmp_path, "xor")
        with run.lock():
            for step in (1, 2, 3):
                run.save_checkpoint(step, {"W": np.zeros(2, np.float32)}, {}, {"generation": 1})
        assert [one.step for one in run.checkpoints()] == [3, 2]


def test_a_lock_waits_by_a_clock_that_nobody_sets(stepping: Callable[[], float], tmp_path: Path) -> None:
    from tuinet.errors import RunLocked

    run = RunFolder.create(tmp_path, "xor")
    with run.lock(), patch("time.time", stepping):
        start = time.monotonic()
        with pytest.raises(RunLocked):
            RunFolder(run.path).lock()
        assert time.monotonic() - start < 5


def test_a_label_is_always_a_label(stepping: Callable[[], float]) -> None:
    with patch("time.time", stepping):
        for _ in range(3):
            assert len(label()) == len("2026-11-23T22:11:05Z") and label().endswith("Z")


def test_nothing_is_old_to_a_clock_that_went_back(tmp_path: Path) -> None:
    with patch("time.time", lambda: NOW):
        RunFolder.create(tmp_path, "xor")
    for wall in (NOW - 1e7, math.nan):
        with patch("time.time", lambda wall=wall: wall):
            assert prune(tmp_path, older_than=3600.0) == []
    with patch("time.time", lambda: NOW + 7200.0):
        assert len(prune(tmp_path, older_than=3600.0)) == 1


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-40T99:00:00Z", "0001-01-01T00:00:00Z" * 3, "\x00"])
def test_what_is_no_label_has_no_age(text: str) -> None:
    assert seconds_since(text) is None
