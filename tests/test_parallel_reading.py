"""A long metrics.jsonl that several processes read gives the same curves to the last bit, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.test_curves import epoch, steps
from tuinet.runs import Records
from tuinet.runs.checked import encoded_line
from tuinet.tui import curve_cache, parallel_reading
from tuinet.tui.batches import NAMES
from tuinet.tui.curves import Curves

WAITING = ("-c", "import time; time.sleep(60)")
REFUSING = ("-c", "raise SystemExit(1)")
SILENT = ("-c", "")
FIRST_SILENT = (
    "-c",
    "import sys; from tuinet.tui import parallel_reading as reading;"
    "int(sys.argv[2]) < 500_000 or reading.main(*sys.argv[1:])",
)
BREAKING_OFF = (
    "-c",
    "import itertools, sys; from tuinet.tui import parallel_reading as reading; packed = reading.as_bytes;"
    "calls = itertools.count(); reading.TOGETHER = 1;"
    "reading.as_bytes = lambda arrays: packed(arrays) if next(calls) == 0 else sys.exit(1);"
    "reading.main(*sys.argv[1:])",
)
WRITING_HALF = (
    "-c",
    "import os, sys; from tuinet.tui import parallel_reading as reading; reading.main(*sys.argv[1:]);"
    "sys.stdout.flush(); os.ftruncate(1, os.fstat(1).st_size - 1000); os._exit(1)",
)


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """1.2 MB: two generations, epochs between the steps, damaged lines, a word for a number, and an unfinished end."""
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "data"))
    rows = steps(2_000) + steps(2_500, first=1_501, generation=2)
    rows[3_000:3_000] = [epoch(17, generation=2, val_loss="nan", val_accuracy=0.5)]
    rows += [epoch(number, generation=2, val_loss=1 / number) for number in range(18, 40)]
    rows += [{"k": "test", "s": 4_000, "e": 40, "g": 2, "m": 1, "t": 0, "loss": 2}]
    lines = [encoded_line(row) for row in rows]
    lines[700] = lines[700].replace(b"9", b"8")
    lines[3_500] = b"\xff\x00" * 90_000 + b"\n"
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(lines) + lines[0][:-20])
    return Records(path, numbers=True)


def with_processes(count: int, monkeypatch: pytest.MonkeyPatch, reader: tuple[str, ...] | None = None) -> None:
    monkeypatch.setattr(parallel_reading, "cores", lambda: count)
    monkeypatch.setattr(parallel_reading, "WORTH", 64 << 10)
    monkeypatch.setattr(parallel_reading, "HEAD_START", 16 << 10)
    monkeypatch.setattr(parallel_reading, "TOGETHER", 2)
    if reader is not None:
        monkeypatch.setattr(parallel_reading, "READER", reader)


def said(opened: curve_cache.Opened) -> tuple[object, ...]:
    table, arrays = opened.curves.packed()
    return table, [array.tobytes() for array in arrays], opened.offset, opened.damaged


def alone(records: Records) -> curve_cache.Opened:
    """The definition: all records at once."""
    curves = Curves()
    tail = records.follow()
    curves.add(tail.records)
    return curve_cache.Opened(curves, tail.offset, tail.damaged)


@pytest.mark.parametrize(
    ("count", "reader"),
    [
        pytest.param(1, None, id="alone"),
        pytest.param(2, None, id="two"),
        pytest.param(4, None, id="four"),
        pytest.param(3, REFUSING, id="none comes up"),
        pytest.param(3, SILENT, id="they say nothing"),
        pytest.param(4, FIRST_SILENT, id="one says nothing"),
        pytest.param(3, BREAKING_OFF, id="they break off"),
        pytest.param(3, WRITING_HALF, id="they end in the middle"),
    ],
)
def test_the_curves_are_the_same_whoever_read_them(
    count: int, reader: tuple[str, ...] | None, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_processes(count, monkeypatch, reader)
    shares: list[float] = []
    found = curve_cache.opened(records, shares.append)
    assert said(found) == said(alone(records))
    assert found.damaged >= 2 and found.curves.test["loss"] == 2
    assert (shares and shares[-1] == 1.0) or found.offset < records.path.stat().st_size


def test_the_others_do_read(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    with_processes(4, monkeypatch)
    bounds = parallel_reading._bounds(records, 0)
    assert len(bounds) == 5 and bounds == sorted(set(bounds))
    data = records.path.read_bytes()
    assert all(data[bound - 1 : bound] == b"\n" for bound in bounds[1:-1])
    here = []
    read = parallel_reading._stretch

    def noting(
        records: Records, begin: int, end: int | None, whole: tuple[int, int]
    ) -> Iterator[parallel_reading.Part]:
        here.append((begin, end))
        return read(records, begin, end, whole)

    monkeypatch.setattr(parallel_reading, "_stretch", noting)
    offset = list(parallel_reading.parts(records, 0))[-1].offset
    assert here == [tuple(bounds[:2]), (offset, None)], "only the first stretch, and what is left behind the last"


def test_a_short_file_is_read_by_this_process_alone(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_reading, "READER", ("no such thing",))
    assert parallel_reading._bounds(records, 0) == [0, records.path.stat().st_size]
    assert said(curve_cache.opened(records)) == said(alone(records))


@pytest.mark.parametrize("start", [0, 10, 10**9])
def test_a_file_that_is_not_there_has_no_parts(start: int, tmp_path: Path) -> None:
    parts = list(parallel_reading.parts(Records(tmp_path / "metrics.jsonl", numbers=True), start))
    assert all(not part.piece.kinds for part in parts)


def test_whoever_gives_up_leaves_no_process_behind(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    with_processes(3, monkeypatch, WAITING)
    before = set(psutil.Process().children())
    seen: list[set[psutil.Process]] = []  # at each moment, those that read

    class GivenUp(Exception):
        pass

    def give_up(share: float) -> None:
        seen.append(set(psutil.Process().children()) - before)
        if share == 1.0:
            raise GivenUp

    with pytest.raises(GivenUp):
        curve_cache.opened(records, give_up)
    assert seen[0] and seen[-1]
    assert set(psutil.Process().children()) <= before


def test_numbers_survive_the_way_through_a_file() -> None:
    piece = parallel_reading.read([*steps(5), epoch(1, val_loss=np.nan, val_accuracy=0.25)])
    table, arrays = piece.packed()
    body = memoryview(parallel_reading.as_bytes(arrays))
    again = parallel_reading.Piece.unpacked(table, parallel_reading.taking(body))
    assert repr(again) == repr(piece)


def test_a_file_that_names_any_number_of_series_fills_no_memory(tmp_path: Path) -> None:
    """Each record another five hundred: all names times all records would be 600 MB."""
    path = tmp_path / "metrics.jsonl"
    with path.open("wb") as file:
        for number in range(1, 101):
            names = {f"m{number * 500 + index}": 0.5 for index in range(500)}
            file.write(encoded_line(epoch(number, val_loss=0.25, **names)))
    (part,) = parallel_reading.parts(Records(path, numbers=True), 0)
    batch = part.piece.kinds["epoch"]
    assert len(batch.weight) == 100 and len(batch.values) == NAMES and "val_loss" in batch.values
    assert np.isfinite(batch.values["val_loss"]).all()
