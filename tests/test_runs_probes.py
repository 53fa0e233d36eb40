"""The history of a run's parameters: what is kept, what is thinned out, and what damage and full disks do to it."""

from __future__ import annotations

import math
import os
import zlib
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.workers import act, clouds, train
from tuinet.diagnostics.pictures import cells_of, small
from tuinet.errors import RunDamaged, RunError
from tuinet.runs import RunFolder, probes
from tuinet.runs.checked import decoded_line, encoded_line
from tuinet.runs.probes import FILE_CELLS, MOST, MOST_CELLS, Probes, ProbeWriter, encoded, read


def shown(**arrays: Any) -> Any:
    """What a probe is taken of."""
    found = {name.replace("__", "."): np.asarray(array, np.float32) for name, array in arrays.items()}
    slots = [SimpleNamespace(name=name, shape=array.shape) for name, array in found.items()]
    return SimpleNamespace(slots=slots, value=found.__getitem__, arrays=found)


def network(seed: int = 0) -> Any:
    """Parameters of odd shapes: exact ones and ones that have to be made smaller, a vector and a single number."""
    draws = np.random.default_rng(seed)
    shapes = {"a__W": (300, 77), "a__b": (77,), "c__W": (3, 3, 5, 7), "n__W": (57, 1), "t": (), "long": (9001,)}
    return shown(**{name: draws.normal(size=shape) for name, shape in shapes.items()})


def test_a_probe_reads_back_as_the_means_of_its_parameters(tmp_path: Path) -> None:
    source = network()
    ProbeWriter(tmp_path, 0).take(812, source)
    assert os.listdir(tmp_path / "probes") == ["00000812.probe"]
    probe = Probes(tmp_path).at(812) or pytest.fail("there is none")
    assert (probe.step, list(probe.parameters)) == (812, ["a.W", "a.b", "c.W", "n.W", "t", "long"])
    for name, probed in probe.parameters.items():
        array = source.arrays[name]
        cells = cells_of(probed.picture, probed.shape)
        assert probed.shape == array.shape and probed.picture.levels.size <= MOST_CELLS
        assert probed.picture.exact == (array.size <= MOST_CELLS) == (cells.size == array.size)
        np.testing.assert_allclose(cells, small(array, cells), atol=probed.picture.limit / 127 / 1.9)
    assert probe.parameters["a.W"].picture.levels.shape == (64, 64)


def test_a_history_is_dense_at_first_and_sparse_later(tmp_path: Path) -> None:
    writer, source, step, taken = ProbeWriter(tmp_path, 0, clock=lambda: 0.0), shown(w=[1.0]), 0, []
    while step < 3_000_000_000:
        assert writer.due(step)
        writer.take(step, source)
        taken.append(step)
        assert not writer.due(step)
        step = writer.next_step
    assert taken[:15] == list(range(15)) and len(taken) > MOST
    kept = Probes(tmp_path).steps()
    assert len(kept) == MOST == len(os.listdir(tmp_path / "probes"))
    assert kept[0] == 0 and kept[-1] == taken[-1] and kept[:10] == taken[:10]
    apart = np.diff(np.log(np.array(kept[20:]) + 1.0))
    assert apart.max() < 2.2 * math.log(probes.GROWTH)


def test_a_history_costs_a_small_share_of_the_time(tmp_path: Path) -> None:
    now = 100.0

    class Slow:
        """Each look at a value takes 10 ms."""

        slots = shown(w=[1.0]).slots

        def value(self, name: str) -> np.ndarray:
            nonlocal now
            now += 0.01
            return np.ones(1, np.float32)

    writer, taken = ProbeWriter(tmp_path, 0, clock=lambda: now), []
    for step in range(3000):  # of 5 ms each
        if writer.due(step):
            writer.take(step, Slow())
            taken.append(step)
        now += 0.005
    assert taken[:15] == list(range(15))
    assert 0.01 * len(taken) < 0.02 + 0.02 * (now - 100) + 0.15 + 0.01
    assert len(taken) > 25 and taken[-1] > 2500


def test_the_step_that_is_looked_for_is_the_nearest_before(tmp_path: Path) -> None:
    writer = ProbeWriter(tmp_path, 0)
    for step in (0, 10, 200):
        writer.take(step, shown(w=[float(step)]))
    found = Probes(tmp_path)
    assert [getattr(found.at(step), "step", None) for step in (0, 9, 10, 199, 200, 10**9)] == [0, 0, 10, 10, 200, 200]
    assert Probes(tmp_path / "elsewhere").at(5) is None
    assert [(step, float(cells_of(one.picture, one.shape)[0, 0])) for step, one in found.history("w")] == [
        (0, 0.0), (10, 10.0), (200, 200.0),
    ]  # fmt: skip
    assert found.history("v") == []


def test_the_history_of_a_parameter_begins_anew_where_its_shape_has_changed(tmp_path: Path) -> None:
    writer = ProbeWriter(tmp_path, 0)
    writer.take(1, shown(w=[1.0]))
    writer.take(2, shown(w=[1.0, 2.0]))
    writer.take(3, shown(w=[1.0, 3.0]))
    assert [step for step, _ in Probes(tmp_path).history("w")] == [2, 3]


def test_what_lies_beyond_the_step_that_training_goes_on_from_is_removed(tmp_path: Path) -> None:
    writer = ProbeWriter(tmp_path, 0)
    for step in (0, 5, 50, 60):
        writer.take(step, shown(w=[1.0]))
    again = ProbeWriter(tmp_path, 50)
    assert Probes(tmp_path).steps() == [0, 5, 50]
    assert not again.due(53) and again.due(54)
    again.take(54, shown(w=[2.0]))
    assert Probes(tmp_path).steps() == [0, 5, 50, 54]


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "00000003.probe"
    whole = encoded(3, shown(w=np.linspace(-1, 1, 12).reshape(3, 4), b=[1.0, 2.0]))
    path.write_bytes(whole)
    assert list(read(path).parameters) == ["w", "b"]
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(RunDamaged):
            read(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(RunDamaged, match=r"00000003[.]probe does not fit its checksums"):
            read(path)


def forged(tmp_path: Path, body: bytes = b"\x80" * 12, **said: Any) -> Path:
    """A file that fits its checksums and says something else."""
    line, _, _ = encoded(3, shown(w=np.zeros((3, 4)))).partition(b"\n")
    content = decoded_line(line) or {}
    entry = {**content["parameters"][0], **said.pop("entry", {})}
    path = tmp_path / "00000003.probe"
    content |= {"parameters": [entry], "crc": f"{zlib.crc32(body):08x}", **said}
    path.write_bytes(encoded_line(content) + body)
    return path


FORGED = [
    ({}, None),
    ({"format": 2}, "has form 2, of a newer tuinet; this one reads form 1"),
    ({"format": None}, "does not say its form"),
    ({"s": 4}, "does not hold the parameters after step 3"),
    ({"parameters": 7}, "does not hold the parameters"),
    ({"parameters": ["w"]}, "that cannot be"),
    ({"entry": {"name": 5}}, "that cannot be"),
    ({"entry": {"rows": 4}}, "that cannot be"),
    ({"entry": {"rows": -3}}, "that cannot be"),
    ({"entry": {"columns": 2.0}}, "that cannot be"),
    ({"entry": {"shape": [3, "4"]}}, "that cannot be"),
    ({"entry": {"shape": [12] * 40}}, "that cannot be"),
    ({"entry": {"shape": [2**39, 2**39], "rows": 2**20, "columns": 2**20}}, "that cannot be"),
    ({"entry": {"shape": [5], "rows": 3, "columns": 4}}, "that cannot be"),
    ({"entry": {"limit": "nan"}}, "that cannot be"),
    ({"entry": {"limit": -1}}, "that cannot be"),
    ({"entry": {"rows": 2}}, "holds 12 levels where its parameters take 8"),
    ({"body": b"\x80" * 11}, "that cannot be"),
]


@pytest.mark.parametrize(("said", "wrong"), FORGED)
def test_a_forged_probe_is_refused_in_words(tmp_path: Path, said: dict[str, Any], wrong: str | None) -> None:
    path = forged(tmp_path, **dict(said))
    if wrong is None:
        assert read(path).parameters["w"].shape == (3, 4)
        return
    with pytest.raises(RunDamaged, match=wrong):
        read(path)


def test_a_damaged_probe_is_passed_over(tmp_path: Path) -> None:
    writer = ProbeWriter(tmp_path, 0)
    for step in (1, 2, 3):
        writer.take(step, shown(w=[float(step)]))
    (tmp_path / "probes" / "00000002.probe").write_bytes(b"torn")
    (tmp_path / "probes" / "00000003.probe").unlink()
    os.mkfifo(tmp_path / "probes" / "00000003.probe")
    found = Probes(tmp_path)
    assert getattr(found.at(3), "step", None) == 1
    assert [step for step, _ in found.history("w")] == [1]


def test_a_network_of_many_parameters_still_makes_a_small_file(tmp_path: Path) -> None:
    many = shown(**{f"layer_{n}__W": np.ones((70, 70)) for n in range(200)})
    ProbeWriter(tmp_path, 0).take(0, many)
    path = tmp_path / "probes" / "00000000.probe"
    assert path.stat().st_size < FILE_CELLS + 40_000
    assert len(read(path).parameters) == 200


def test_a_full_disk_ends_the_history_and_not_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = ProbeWriter(tmp_path, 0)
    writer.take(0, shown(w=[1.0]))

    def full(*arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    writer.take(1, shown(w=[1.0]))
    assert "the disk is full" in writer.trouble and not writer.due(100)
    assert Probes(tmp_path).steps() == [0]


def test_only_the_holder_of_the_lock_writes_probes(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "xor")
    with pytest.raises(RunError, match="only the holder of its lock"):
        run.probe_writer(0)
    with run.lock():
        run.probe_writer(0).take(0, shown(w=[1.0]))
        leftover = run.path / "probes" / ".tmp-12-00000001.probe"
        leftover.write_bytes(b"unfinished")
    with run.lock():
        assert not leftover.exists()
    assert run.probes().steps() == [0]


def test_a_training_keeps_its_history_from_the_first_step_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.005)  # for long enough that later probes cost a small share, on a busy machine, too
    run = train(tmp_path, clouds(20)).run
    steps = run.probes().steps()
    assert steps[:15] == list(range(15)) and len(steps) > 15
    history = run.probes().history("out.W")
    model = run.checkpoints()[0].load()[0]
    assert [step for step, _ in history] == steps and history[-1][1].shape == model["out.W"].shape
    pictures = [cells_of(one.picture, one.shape) for _, one in history]
    assert all((a != b).any() for a, b in pairwise(pictures[:5])), "it learns"


def test_a_history_that_cannot_be_kept_does_not_stop_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = RunFolder.create(tmp_path, "stand-in")
    (made.path / "probes").write_bytes(b"a file in the place of the folder")
    with made.lock():
        writer = made.probe_writer(0)
        writer.take(0, shown(w=[1.0]))
    assert "cannot be written" in writer.trouble and not writer.due(10)
