"""R3 and R4: damage is found, named and passed over; it is never shown as data and never trained on.

The controls read the same damaged bytes without our checksums, and must be fooled.
"""

from __future__ import annotations

import json
import math
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet.errors import RunDamaged
from tuinet.runs import Records, RunFolder
from tuinet.runs.checked import Json, decoded_line, encoded_line
from tuinet.runs.records import _whole_lines

COUNT = 40


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    records = Records(tmp_path_factory.mktemp("log") / "metrics.jsonl", numbers=True)
    chance = random.Random(1)
    with records.writer(1) as writer:
        for step in range(1, COUNT + 1):
            loss = chance.random()
            writer.append({"k": "epoch", "s": step, "e": step, "train_loss": loss, "val_loss": loss * 1.1})
    return records.path.read_bytes()


def read(data: bytes) -> tuple[dict[int, Json], int]:
    tail = _whole_lines(data, 0, None, numbers=True)
    return {record["s"]: record for record in tail.records}, tail.damaged


def read_without_checksum(data: bytes) -> dict[int, Json]:
    found = {}
    for line in data.split(b"\n"):
        try:
            record = json.loads(line)
            found[int(record["s"])] = {key: value for key, value in record.items() if key != "c"}
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return found


def with_one_bit_turned(data: bytes, bit: int) -> bytes:
    turned = bytearray(data)
    turned[bit // 8] ^= 1 << bit % 8
    return bytes(turned)


# -- R3 -------------------------------------------------------------------------------------------------------------


def flips(log: bytes, count: int, seed: int) -> None:
    truth, _ = read(log)
    assert len(truth) == COUNT
    chance = random.Random(seed)
    for _ in range(count):
        data = with_one_bit_turned(log, chance.randrange(len(log) * 8))
        found, damaged = read(data)
        assert all(truth.get(step) == record for step, record in found.items()), "a wrong value was read"
        assert len(found) >= COUNT - 2, "more than two records were lost to one bit"
        assert damaged > 0 or not data.endswith(b"\n"), "damage was not counted"


def test_a_turned_bit_is_always_found_and_costs_two_records_at_most(log: bytes) -> None:
    flips(log, 2_000, seed=1)


@pytest.mark.slow
def test_ten_thousand_turned_bits_are_always_found(log: bytes) -> None:
    flips(log, 10_000, seed=2)


def test_control_without_checksums_turned_bits_are_read_as_data(log: bytes) -> None:
    truth = read_without_checksum(log)
    chance = random.Random(1)
    wrong = 0
    for _ in range(300):
        found = read_without_checksum(with_one_bit_turned(log, chance.randrange(len(log) * 8)))
        wrong += any(truth.get(step) != record for step, record in found.items())
    assert wrong > 30


def test_a_file_cut_at_any_byte_gives_every_whole_record_and_waits_for_the_rest(log: bytes) -> None:
    truth, _ = read(log)
    start = log.rfind(b"\n", 0, -600)
    for end in range(start, len(log) + 1):
        found, damaged = read(log[:end])
        assert damaged == 0
        assert list(found) == list(range(1, log[:end].count(b"\n") + 1))
        assert all(truth[step] == record for step, record in found.items())


def test_a_writer_goes_on_after_a_cut_at_any_byte(log: bytes, tmp_path: Path) -> None:
    whole = log[: log.index(b"\n", 300) + 1]
    last = log[len(whole) : log.index(b"\n", len(whole)) + 1]
    for end in range(len(last)):
        records = Records(tmp_path / "metrics.jsonl", numbers=True)
        records.path.write_bytes(whole + last[:end])
        with records.writer(2) as writer:
            writer.append({"k": "epoch", "s": 999, "e": 1})
        found, damaged = records.read()
        assert damaged == 0 and len(found) == whole.count(b"\n") + 1 and found[-1]["s"] == 999
        records.path.unlink()


def test_control_a_writer_that_only_appends_spoils_the_record_after_a_cut(log: bytes) -> None:
    lines = log.split(b"\n")
    glued = lines[0] + b"\n" + lines[1][:40] + lines[2] + b"\n"
    assert list(read(glued)[0]) == [1]


@pytest.mark.parametrize("hole", [1, 512, 4096])
def test_a_block_of_zeros_costs_only_the_records_it_touches(hole: int, log: bytes) -> None:
    truth, _ = read(log)
    chance = random.Random(hole)
    for _ in range(100):
        at = chance.randrange(max(1, len(log) - hole))
        data = log[:at] + bytes(hole) + log[at + hole :]
        found, damaged = read(data)
        touched = log[: at + hole].count(b"\n") - log[:at].count(b"\n") + 1
        assert all(truth[step] == record for step, record in found.items())
        assert len(found) >= COUNT - touched - 1 and damaged > 0


def test_no_line_of_noise_reads_as_a_record() -> None:
    chance = random.Random(3)
    for _ in range(5_000):
        noise = chance.randbytes(chance.randrange(200)).replace(b"\n", b"")
        assert decoded_line(noise) is None
        assert decoded_line(b'{"k":"epoch"' + noise + b',"c":"00000000"}') is None


# -- R4 -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), "xor")
    with run.lock():
        for step in (100, 200):
            arrays = {"W": np.full((40, 3), step, np.float32), "b": np.full(3, step, np.float64)}
            run.save_checkpoint(step, arrays, {"m": arrays["W"]}, {"generation": 1, "best": {"step": step}})
    return run


def damaged_in_turn(run: RunFolder, count: int, seed: int) -> Any:
    """Yields once per damage to the checkpoint of step 200, which is mended afterwards."""
    folder = run.path / "checkpoints" / "00000200"
    chance = random.Random(seed)
    for number in range(count):
        path = chance.choice(sorted(folder.iterdir()))
        good = path.read_bytes()
        bit = chance.randrange(len(good) * 8)
        bad = with_one_bit_turned(good, bit) if number % 4 else good[: bit // 8]
        path.write_bytes(bad)
        yield path.name
        path.write_bytes(good)


def check_falls_back(run: RunFolder, count: int, seed: int) -> None:
    for name in damaged_in_turn(run, count, seed):
        warnings: list[str] = []
        loaded = run.load_newest(warn=warnings.append)
        assert loaded is not None and loaded.step == 100, f"{name} was damaged and step {loaded and loaded.step} used"
        assert len(warnings) == 1 and "00000200" in warnings[0]
        assert float(loaded.model["W"].min()) == float(loaded.model["W"].max()) == 100.0
    healthy = run.load_newest(warn=lambda text: pytest.fail(text))
    assert healthy is not None and healthy.step == 200


def test_a_damaged_checkpoint_is_never_used_and_the_one_before_is(saved: RunFolder) -> None:
    check_falls_back(saved, 400, seed=1)


@pytest.mark.slow
def test_a_thousand_damaged_checkpoints_are_never_used(saved: RunFolder) -> None:
    check_falls_back(saved, 1000, seed=2)


def test_control_safetensors_alone_loads_turned_bits_without_complaint(saved: RunFolder) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    good = (saved.path / "checkpoints" / "00000200" / "model.safetensors").read_bytes()
    truth = {name: array.tobytes() for name, array in load(good).items()}
    chance = random.Random(1)
    wrong = 0
    for _ in range(300):
        try:
            arrays = load(with_one_bit_turned(good, chance.randrange(len(good) * 8)))
        except (SafetensorError, ValueError, KeyError, TypeError):
            continue
        wrong += {name: array.tobytes() for name, array in arrays.items()} != truth
    assert wrong > 100


def test_the_damaged_file_and_what_is_wrong_with_it_are_named(saved: RunFolder) -> None:
    path = saved.path / "checkpoints" / "00000200" / "model.safetensors"
    good = path.read_bytes()
    path.write_bytes(with_one_bit_turned(good, 8 * len(good) - 5))
    try:
        with pytest.raises(RunDamaged, match=r"checkpoint 00000200: model\.safetensors does not have the SHA-256"):
            saved.checkpoints()[0].load()
    finally:
        path.write_bytes(good)


def test_reading_never_changes_a_byte(saved: RunFolder) -> None:
    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(saved.path.rglob("*")) if path.is_file()}

    before = everything()
    stamps = {path: os.stat(path).st_mtime_ns for path in before}
    saved.load_newest()
    saved.state()
    saved.metrics().read()
    assert everything() == before and {path: os.stat(path).st_mtime_ns for path in before} == stamps


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k", 1), ("k", None), ("s", "3"), ("s", True), ("s", 2.0), ("s", -1), ("s", 2**63), ("g", None), ("g", -1),
        ("g", 1.0), ("g", 2**63),
        ("e", "three"), ("e", None), ("e", True), ("m", []), ("m", {}), ("t", "late"), ("t", False),
    ],
)  # fmt: skip
def test_one_record_without_a_head_is_damaged_and_its_neighbours_are_not(key: str, value: object) -> None:
    good = {"k": "epoch", "s": 3, "e": 1, "g": 1, "m": 0.5, "t": "nan", "val_loss": 0.5}
    without = {name: said for name, said in good.items() if name != key}
    data = b"".join(encoded_line(record) for record in (good, {**good, key: value}, good, without, good))
    tail = _whole_lines(data, 0, None, numbers=True)
    assert tail.damaged == 2 and [record["val_loss"] for record in tail.records] == [0.5] * 3
    assert all(math.isnan(record["t"]) for record in tail.records)
