"""The list of runs that the screens read over and over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.workers import act, clouds, train
from tuinet.runs import Records, RunSummary
from tuinet.runs.checked import encoded_line
from tuinet.runs.listing import size_on_disk
from tuinet.tui.run_list import POINTS, READ_SECONDS, RunList


def test_a_run_is_measured_again_when_its_state_is_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    folder = train(home / "runs", clouds(2)).run
    known = RunList(home / "runs", clock=lambda: 0.0)
    before = known.read()[0].bytes
    (folder.path / "notes.txt").write_bytes(bytes(5_000))
    assert known.read()[0].bytes == before, "of a run that has ended nothing is measured again"
    with folder.lock():
        folder.write_info(state="stopped")
    assert known.read()[0].bytes == size_on_disk(folder.path) > before + 4_000


# -- curves --------------------------------------------------------------------------------------------------------


def epoch(number: int, generation: int = 1, **metrics: Any) -> str:
    record = {"k": "epoch", "s": 10 * number, "e": number, "g": generation, "m": 0.5 * number, "t": 1e9} | metrics
    return encoded_line(record).decode()


def step(number: int) -> str:
    return encoded_line({"k": "steps", "s": number, "e": 0.1 * number, "g": 1, "m": 0.05 * number, "t": 1e9}).decode()


def losses(count: int, start: int = 1) -> str:
    return "".join(epoch(one, val_loss=1 / one, train_loss=0.5 / one) for one in range(start, start + count))


def run_of(folder: Path, name: str, text: str) -> RunSummary:
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "metrics.jsonl").write_text(text)
    return RunSummary(name, "stopped", folder=str(path))


def curve(known: RunList, run: RunSummary) -> tuple[float, ...]:
    found, whole = known.curves([run])
    assert whole
    return found[run.run]


def test_a_curve_is_the_validation_loss_or_without_one_the_training_loss(tmp_path: Path) -> None:
    known = RunList(tmp_path)
    both = run_of(tmp_path, "both", losses(3) + step(31))
    one = run_of(tmp_path, "one", epoch(1, train_loss=0.75) + epoch(2, train_loss=0.5))
    some = run_of(tmp_path, "some", epoch(1, train_loss=0.75) + epoch(2, val_loss=0.5))
    assert curve(known, both) == (1.0, 0.5, 1 / 3)
    assert curve(known, one) == (0.75, 0.5)
    assert curve(known, some) == (0.5,)


def test_a_run_without_epochs_or_without_metrics_has_no_curve(tmp_path: Path) -> None:
    known = RunList(tmp_path)
    assert curve(known, run_of(tmp_path, "new", step(1))) == ()
    assert curve(known, run_of(tmp_path, "damaged", "no record\n")) == ()
    assert curve(known, RunSummary("gone", "damaged", folder=str(tmp_path / "gone"))) == ()


def test_of_a_resumed_run_the_later_generation_counts(tmp_path: Path) -> None:
    resumed = losses(3) + epoch(2, generation=2, val_loss=0.25) + epoch(3, generation=2, val_loss=0.125)
    assert curve(RunList(tmp_path), run_of(tmp_path, "resumed", resumed)) == (1.0, 0.25, 0.125)


def test_a_long_curve_has_so_many_points_at_the_most_and_the_same_mean(tmp_path: Path) -> None:
    values = curve(RunList(tmp_path), run_of(tmp_path, "long", losses(4_096)))
    assert POINTS // 2 <= len(values) <= POINTS
    assert sum(values) / len(values) == pytest.approx(sum(1 / one for one in range(1, 4_097)) / 4_096)


def test_only_what_was_added_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    found = Records.pieces

    def pieces(self: Records, offset: int = 0, **more: Any) -> Any:
        seen.append(offset)
        return found(self, offset, **more)

    monkeypatch.setattr(Records, "pieces", pieces)
    known = RunList(tmp_path)
    run = run_of(tmp_path, "grows", losses(2))
    assert curve(known, run) == curve(known, run) == (1.0, 0.5)
    assert seen == [0], "the second time nothing was new"
    size = (run.path / "metrics.jsonl").stat().st_size
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(losses(1, start=3))
    assert curve(known, run) == (1.0, 0.5, 1 / 3)
    assert seen == [0, size]


def test_another_file_in_the_place_of_one_is_read_from_its_beginning(tmp_path: Path) -> None:
    known = RunList(tmp_path)
    run = run_of(tmp_path, "one", losses(3))
    assert len(curve(known, run)) == 3
    (run.path / "other").write_text(losses(4, start=5))
    (run.path / "other").replace(run.path / "metrics.jsonl")
    assert curve(known, run) == (1 / 5, 1 / 6, 1 / 7, 1 / 8)
    run_of(tmp_path, "one", losses(1))  # cut short in its place
    assert curve(known, run) == (1.0,)


def test_what_takes_long_is_read_in_parts_and_lets_the_others_pass(tmp_path: Path) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += READ_SECONDS / 2
        return now

    known = RunList(tmp_path, clock)
    long = run_of(tmp_path, "long", losses(2_000))
    short = run_of(tmp_path, "short", losses(2))
    lasts = []
    whole = False
    while not whole:
        found, whole = known.curves([long, short])
        lasts.append(min(found["long"], default=2.0))
        assert found["short"] == (1.0, 0.5)
    assert len(set(lasts)) > 2 and lasts == sorted(lasts, reverse=True), "each time it comes further down"
    assert found["long"] == curve(RunList(tmp_path, lambda: 0.0), long)


def test_the_curves_come_as_they_are_read(tmp_path: Path) -> None:
    times = iter([0.0, *[READ_SECONDS] * 5, *[0.0] * 1_000])
    known = RunList(tmp_path, lambda: next(times))
    run = run_of(tmp_path, "one", losses(2_000))

    async def come() -> list[int]:
        return [len(found["one"]) async for found in known.curves_as_read(lambda: [run])]

    first, last = asyncio.run(come())
    assert 0 < first < last
