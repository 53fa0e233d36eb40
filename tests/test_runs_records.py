"""metrics.jsonl and events.jsonl: what is appended reads back, and generations take one another's place."""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuinet.errors import DiskFull, RunDamaged, RunError, TuinetError
from tuinet.runs import Records, RunFolder, checked
from tuinet.runs.checked import decoded_file, decoded_line, decoded_lines, encoded_file, encoded_line
from tuinet.runs.records import LINE_LIMIT, latest


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "metrics.jsonl", numbers=True)


def epoch(step: int, **fields: Any) -> dict[str, Any]:
    return {"k": "epoch", "s": step, "e": step / 10, **fields}


def steps_of(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(record["s"], record["g"]) for record in found]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


# -- what is written is read ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=8).filter(lambda key: key != "c"), json_values, min_size=1, max_size=6))
def test_any_json_object_comes_back_from_a_line_and_from_a_file(content: dict[str, Any]) -> None:
    def finite(value: Any) -> Any:
        if isinstance(value, float) and math.isinf(value):
            return "inf" if value > 0 else "-inf"
        if isinstance(value, list):
            return [finite(item) for item in value]
        return {key: finite(item) for key, item in value.items()} if isinstance(value, dict) else value

    line = encoded_line(content)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()
    assert decoded_line(line[:-1]) == finite(content)
    assert decoded_file(encoded_file(content)) == finite(content)


def sealed(body: bytes) -> bytes:
    """A line whose checksum fits, whatever stands in it."""
    return b'%b,"c":"%08x"}' % (body, zlib.crc32(body))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [encoded_line({"a": 1})[:-1], encoded_line({"b": [2.5, "x"]})[:-1]],
        [encoded_line({"a": 1})[:-1], b"\xff\x00", encoded_line({"b": 2})[:-2], b'{"c":3}', encoded_line({})[:-1]],
        [encoded_line({"a": 1})[:-1], sealed(b'{"a":'), encoded_line({"b": 2})[:-1]],
        [sealed(b'{"a":1},{"b":2'), encoded_line({"c": 3})[:-1]],
        [sealed(b'{"a":[1'), sealed(b'2],"b":3'), encoded_line({"c": 3})[:-1]],
        [sealed(b"[1"), encoded_line({"c": 3})[:-1]],
        [sealed(b'{"a":' + b"[" * 20_000), encoded_line({"c": 3})[:-1]],
        [sealed(b'{"a":"\xff"'), encoded_line({"c": 3})[:-1]],
        [sealed(b'{"a":NaN,"b":1e400'), sealed(b'{"a":"\\ud800"'), encoded_line({"c": 3})[:-1]],
    ],
)
@pytest.mark.parametrize("many", [0, 1_000])
def test_lines_read_together_are_what_each_is_by_itself(
    lines: list[bytes], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, "MANY", many)
    assert repr(decoded_lines(lines)) == repr([decoded_line(line) for line in lines])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=8).filter(lambda key: key != "c"), json_values), min_size=1, max_size=5)
)
def test_many_lines_come_back_to_the_last_bit(rows: list[dict[str, Any]]) -> None:
    lines = [encoded_line(row)[:-1] for row in rows] * checked.MANY
    assert repr(decoded_lines(lines)) == repr([decoded_line(line) for line in lines])


def test_every_number_comes_back_to_the_last_bit(records: Records) -> None:
    numbers = [0.1, 1e-320, 1.7976931348623157e308, float(np.float32(0.1)), -0.0, math.pi, math.inf, -math.inf]
    with records.writer(1) as writer:
        writer.append(epoch(1, values=numbers, one=np.float32(0.3), nothing=math.nan))
    (record,), _ = records.read()
    assert [value.hex() for value in record["values"]] == [value.hex() for value in numbers]
    assert record["one"] == float(np.float32(0.3)) and math.isnan(record["nothing"])


def test_a_record_says_its_generation_its_time_and_its_label(records: Records) -> None:
    now = [100.0]
    with records.writer(3, 40.0, clock=lambda: now[0], wall=lambda: 1790000000.1239) as writer:
        now[0] = 102.5
        record = writer.append(epoch(7, g=99, c="mine", val_loss=0.5))
    assert record["g"] == 3 and record["m"] == 42.5 and record["t"] == 1790000000.124
    assert list(record) == ["k", "s", "e", "g", "m", "t", "val_loss"] and records.read() == ([record], 0)


def test_text_in_an_event_stays_text(tmp_path: Path) -> None:
    events = Records(tmp_path / "events.jsonl", numbers=False)
    with events.writer(1) as writer:
        writer.append({"k": "alert", "s": 0, "e": 0, "message": "nan", "loss": math.nan})
    assert events.read()[0][0]["message"] == "nan" == events.read()[0][0]["loss"]


def test_only_the_asked_kinds_come_and_all_damage_is_counted(records: Records) -> None:
    with records.writer(1) as writer:
        for step in range(4):
            writer.append(epoch(step))
            writer.append({"k": "steps", "s": step, "e": 0})
    data = records.path.read_bytes().replace(b'"k":"steps","s":2', b'"k":"steps","s":7')
    records.path.write_bytes(data)
    found, damaged = records.read({"epoch"})
    assert [record["s"] for record in found] == [0, 1, 2, 3] and damaged == 1


def test_a_file_that_is_not_there_holds_nothing(records: Records) -> None:
    assert records.read() == ([], 0)
    assert records.follow(77) == ([], 0, 0)


def test_a_record_that_is_too_long_is_not_written(records: Records) -> None:
    with records.writer(1) as writer:
        with pytest.raises(ValueError, match="at most 65,536"):
            writer.append(epoch(1, text="x" * LINE_LIMIT))
        writer.append(epoch(2))
    assert steps_of(records.read()[0]) == [(2, 1)]


def test_only_the_holder_of_the_lock_gets_a_writer(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "xor")
    with pytest.raises(RunError, match="holder of its lock"):
        run.metrics().writer(1)
    with run.lock():
        run.metrics().writer(1).close()
    with pytest.raises(RunError, match="holder of its lock"):
        run.events().writer(1)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_stands_in_the_place_of_the_file_is_left_alone(kind: str, records: Records, tmp_path: Path) -> None:
    if kind == "link":
        (tmp_path / "precious").write_text("mine")
        records.path.symlink_to(tmp_path / "precious")
    elif kind == "pipe":
        os.mkfifo(records.path)
    else:
        records.path.mkdir()
    with pytest.raises(TuinetError, match=r"metrics\.jsonl"):
        records.writer(1)
    with pytest.raises(RunDamaged, match=r"metrics\.jsonl"):
        records.read()
    if kind == "link":
        assert (tmp_path / "precious").read_text() == "mine"


# -- following ------------------------------------------------------------------------------------------------------


def test_following_gives_each_record_once_and_waits_for_an_unfinished_one(records: Records) -> None:
    offset, seen = 0, []
    with records.writer(1) as writer:
        for step in range(20):
            writer.append(epoch(step))
            if step % 3 == 0:
                tail = records.follow(offset)
                seen += tail.records
                offset = tail.offset
    half = encoded_line(epoch(99, g=1, m=0, t=0))
    with open(records.path, "ab") as file:
        file.write(half[:30])
    tail = records.follow(offset)
    assert tail.damaged == 0
    seen += tail.records
    assert [record["s"] for record in seen] == list(range(20))
    assert records.follow(tail.offset) == ([], tail.offset, 0)
    with open(records.path, "ab") as file:
        file.write(half[30:])
    assert [record["s"] for record in records.follow(tail.offset).records] == [99]


def test_following_starts_again_where_another_file_was_put_in_place(records: Records) -> None:
    with records.writer(1) as writer:
        for step in range(10):
            writer.append(epoch(step))
    offset = records.follow().offset
    records.path.unlink()
    with records.writer(2) as writer:
        writer.append(epoch(3))
    assert [record["g"] for record in records.follow(offset).records] == [2]


def test_a_file_of_many_pieces_is_read_whole(records: Records) -> None:
    with records.writer(1) as writer, patch("tuinet.runs.records._sync"):
        for step in range(60):
            writer.append(epoch(step, text="x" * 60_000))
    assert records.path.stat().st_size > 3 << 20
    assert [record["s"] for record in records.read()[0]] == list(range(60))


@pytest.mark.parametrize("size", [LINE_LIMIT, (1 << 20) - 1, (1 << 20) + 7, 3 << 20])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_never_ends_is_damage_and_takes_no_more_memory_than_a_piece(
    size: int, end: bytes, records: Records
) -> None:
    with records.writer(1) as writer:
        writer.append(epoch(1))
    with open(records.path, "ab") as file:
        file.write(b"\x00" * size + end)
    found, damaged = records.read()
    assert steps_of(found) == [(1, 1)] and damaged >= 1
    with records.writer(2) as writer:
        writer.append(epoch(2))
    assert steps_of(records.read()[0]) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    "record",
    [
        {"k": "epoch"},
        {"k": 1, "s": 1, "e": 1, "g": 1, "m": 1, "t": 1},
        {"k": "epoch", "s": -1, "e": 1, "g": 1, "m": 1, "t": 1},
        {"k": "epoch", "s": 1.5, "e": 1, "g": 1, "m": 1, "t": 1},
        {"k": "epoch", "s": 1, "e": 1, "g": True, "m": 1, "t": 1},
        {"k": "epoch", "s": 2**63, "e": 1, "g": 1, "m": 1, "t": 1},
        {"k": "epoch", "s": 1, "e": [], "g": 1, "m": 1, "t": 1},
        {"k": "epoch", "s": 1, "e": 1, "g": 1, "t": 1},
    ],
)
def test_a_forged_record_without_what_all_records_have_is_damage(record: dict[str, Any], records: Records) -> None:
    records.path.write_bytes(encoded_line(record))
    assert records.read() == ([], 1)


def test_a_forged_line_of_a_million_brackets_is_damage(records: Records) -> None:
    import zlib

    body = b'{"k":' + b"[" * 60_000
    records.path.write_bytes(b'%b,"c":"%08x"}\n' % (body, zlib.crc32(body)))
    assert records.read() == ([], 1)


# -- generations ----------------------------------------------------------------------------------------------------


def at(kind: str, generation: int, *steps: int, n: int = 1) -> list[dict[str, Any]]:
    return [{"k": kind, "s": step, "g": generation, "n": n} for step in steps]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (at("epoch", 1, 10, 20, 30), [(10, 1), (20, 1), (30, 1)]),
        # resumed at 10: what was recorded beyond stays until it is overtaken
        (at("epoch", 1, 10, 20, 30) + at("epoch", 2, 20), [(10, 1), (20, 2), (30, 1)]),
        (at("epoch", 1, 10, 20, 30) + at("epoch", 2, 20, 30, 40), [(10, 1), (20, 2), (30, 2), (40, 2)]),
        # records of steps fall where they fall: a later one at 17 and 34 stands for what 20 and 30 said
        (at("steps", 1, 10, 20, 30, 40, n=10) + at("steps", 2, 17, 34, n=7), [(10, 1), (17, 2), (34, 2), (40, 1)]),
        (at("steps", 1, 10, 20, n=10) + at("steps", 2, 25, n=15), [(10, 1), (25, 2)]),
        # twice resumed
        (at("epoch", 1, 10, 20) + at("epoch", 2, 20, 30) + at("epoch", 3, 10), [(10, 3), (20, 2), (30, 2)]),
        # kinds do not touch one another
        (at("epoch", 1, 10) + at("test", 2, 10), [(10, 1), (10, 2)]),
        # an older worker's records that come later in the file (a copy put together by hand)
        (at("epoch", 2, 10) + at("epoch", 1, 10, 20), [(10, 2), (20, 1)]),
        ([], []),
    ],
)
def test_the_highest_generation_wins_for_the_steps_it_has_covered(
    records: list[dict[str, Any]], expected: list[tuple[int, int]]
) -> None:
    assert steps_of(latest(records)) == expected


# -- disks ----------------------------------------------------------------------------------------------------------


class Disk:
    """os.write with only so much room: first a part, then ENOSPC, as a real disk does."""

    def __init__(self, room: int) -> None:
        self.room, self.write = room, os.write

    def __call__(self, fd: int, data: Any) -> int:
        if self.room == 0:
            raise OSError(28, "No space left on device")
        count = min(self.room, len(data))
        self.room -= count
        return self.write(fd, bytes(data)[:count])


@pytest.mark.parametrize("room", [0, 1, 40, -1])
def test_a_record_that_does_not_fit_is_taken_back_whole(room: int, records: Records) -> None:
    with records.writer(1, clock=lambda: 0.0, wall=lambda: 1_790_000_000.125) as writer:  # all of them equally long
        writer.append(epoch(1))
        before = records.path.read_bytes()
        disk = Disk(room % len(before))
        with patch("os.write", disk), pytest.raises(DiskFull, match=r"metrics\.jsonl: the disk is full"):
            writer.append(epoch(2))
        assert records.path.read_bytes() == before
        disk.room = 10_000
        with patch("os.write", disk):
            writer.append(epoch(3))
    assert records.read() == (records.read()[0], 0) and steps_of(records.read()[0]) == [(1, 1), (3, 1)]


def test_a_record_that_cannot_be_taken_back_at_once_is_taken_back_before_the_next(records: Records) -> None:
    with records.writer(1) as writer:
        writer.append(epoch(1))
        with (
            patch("os.write", Disk(30)),
            patch("os.ftruncate", side_effect=OSError(5, "Input/output error")),
            pytest.raises(DiskFull),
        ):
            writer.append(epoch(2))
        assert records.read()[1] == 0  # it reads as a line that is not finished
        writer.append(epoch(3))
    assert steps_of(records.read()[0]) == [(1, 1), (3, 1)] and records.read()[1] == 0


def test_writes_that_take_a_part_at_a_time_are_put_together(records: Records) -> None:
    real = os.write
    with patch("os.write", lambda fd, data: real(fd, bytes(data)[:7])), records.writer(1) as writer:
        for step in range(5):
            writer.append(epoch(step))
    found, damaged = records.read()
    assert len(found) == 5 and damaged == 0


def test_a_failed_sync_is_an_error_that_names_the_file(records: Records) -> None:
    clock = iter(range(0, 1000, 5))
    with patch("tuinet.runs.records._sync", side_effect=OSError(5, "Input/output error")):
        writer = records.writer(1, clock=lambda: float(next(clock)))
        with pytest.raises(TuinetError, match=r"metrics\.jsonl: cannot be written \(Input/output error\)"):
            writer.append(epoch(1))


def test_what_was_appended_is_synced_within_a_second_of_the_loop_looking(records: Records) -> None:
    now = [0.0]
    synced: list[float] = []
    with patch("tuinet.runs.records._sync", lambda fd: synced.append(now[0])):
        writer = records.writer(1, clock=lambda: now[0])
        for tick in range(1, 60):
            now[0] = tick / 20
            if tick in (5, 10, 45):
                writer.append(epoch(tick))
            else:
                writer.sync_if_due()
        writer.close()
    assert synced == [1.0, 2.25]
