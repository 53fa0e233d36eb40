"""Checkpoints: whole or not there, checked to the byte, replaced by newer ones, in slot order."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from tuinet.errors import DiskFull, RunDamaged, RunError, TuinetError
from tuinet.runs import RunFolder, checkpoint, tensors, weights_sha256
from tuinet.runs.checked import encoded_file


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "runs", "xor")
    run.lock()
    run.write_info(generation=1)
    return run


def model(step: int) -> dict[str, np.ndarray]:
    return {"z.W": np.full((2, 3), step, np.float32), "a.b": np.arange(3, dtype=np.float32), "n": np.array(step)}


def save(run: RunFolder, step: int, *, best: int | None = None, only_weights: bool = False, **said: Any) -> None:
    optimizer = None if only_weights else {"z.W.m": np.full((2, 3), -step, np.float32)}
    run.save_checkpoint(step, model(step), optimizer, {**said, "best": None if best is None else {"step": best}})


def names(run: RunFolder) -> list[str]:
    folder = run.path / "checkpoints"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def newest(run: RunFolder, **how: Any) -> tuple[int, list[str]]:
    """The step of what is loaded, and the warnings on the way."""
    told: list[str] = []
    loaded = run.load_newest(warn=told.append, **how)
    assert loaded is not None
    np.testing.assert_array_equal(loaded.model["z.W"], model(loaded.step)["z.W"])
    return loaded.step, told


# -- arrays as bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"a": np.zeros((0, 3), np.float32)},
        {"a": np.float32(2.5) * np.ones((), np.float32)},
        {"b": np.arange(5, dtype=np.int64), "a": np.array([True, False]), "c": np.float16([1, np.nan, -np.inf])},
        {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "s": np.arange(10, dtype=np.int32)[::3]},
        {'quote " \\ \u202e 日本': np.ones(1, np.float32), "": np.ones(2, np.uint8)},
    ],
)
def test_arrays_come_back_in_their_order_with_every_bit(arrays: dict[str, np.ndarray]) -> None:
    back = tensors.decoded(tensors.encoded(arrays), "here")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()
    assert weights_sha256(back) == weights_sha256(arrays)


def test_the_same_arrays_give_the_same_bytes() -> None:
    assert tensors.encoded(model(3)) == tensors.encoded(model(3))


def test_a_file_of_another_program_is_read_in_the_order_of_its_bytes() -> None:
    from safetensors.numpy import save as plain

    assert list(tensors.decoded(plain(model(1)), "here")) == ["n", "a.b", "z.W"]


def header(content: object, data: bytes = b"", size: int | None = None) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def one(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is shorter than its header says"),
        (b"\x07\x00\x00", "is shorter than its header says"),
        (header({}, size=2**63), "is shorter than its header says"),
        (header(b" " * ((4 << 20) + 1)), "is shorter than its header says"),
        (header(b"[" * 100_000), "no JSON"),
        (header(b"\xff\xfe"), "no JSON"),
        (header([]), "no JSON object"),
        (header({"a": one()}), "overlap or leave a hole|takes? 8|tensors take 8"),
        (header({"a": one(shape=[10**12])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(shape=[2**62, 4])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(shape=[-1, -2])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(shape=[True, 2])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(shape=[1] * 40 + [2])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(dtype="F4")}, b"\0" * 8), "do not fit together"),
        (header({"a": one(dtype=[])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(offsets=[8, 0])}, b"\0" * 8), "do not fit together"),
        (header({"a": one(offsets=[0, 8, 9])}, b"\0" * 8), "do not fit together"),
        (header({"a": 3}, b"\0" * 8), "do not fit together"),
        (header({"a": one(), "b": one()}, b"\0" * 8), "overlap"),
        (header({"a": one(offsets=[8, 16])}, b"\0" * 16), "leave a hole"),
        (header({"a": one()}, b"\0" * 9), "holds 9 bytes of data where its tensors take 8"),
        (header({"__metadata__": {"slots": "[]"}, "a": one()}, b"\0" * 8), 'other tensors under "slots"'),
        (header({"__metadata__": {"slots": '["a", "a"]'}, "a": one()}, b"\0" * 8), 'other tensors under "slots"'),
        (header({"__metadata__": {"slots": "[1]"}, "a": one()}, b"\0" * 8), 'other tensors under "slots"'),
        (header({"__metadata__": {"slots": 7}, "a": one()}, b"\0" * 8), 'other tensors under "slots"'),
        (header({"__metadata__": {"x": 7}, "a": one()}, b"\0" * 8), "here"),
    ],
)
def test_a_header_that_lies_is_refused_before_anything_is_made_of_it(data: bytes, says: str) -> None:
    with pytest.raises(RunDamaged, match=says):
        tensors.decoded(data, "here")


# -- saving and loading ---------------------------------------------------------------------------------------------


def test_what_was_saved_is_loaded(run: RunFolder) -> None:
    save(run, 1200, epoch=3.5, rate_factor=0.25)
    loaded = run.load_newest()
    assert loaded is not None and loaded.optimizer is not None
    assert names(run) == ["00001200"]
    assert list(loaded.model) == list(model(0)) and list(loaded.optimizer) == ["z.W.m"]
    said = loaded.manifest
    assert (said["step"], said["run"], said["generation"], said["kind"], said["epoch"], said["rate_factor"]) == (
        1200, run.id, 1, "last", 3.5, 0.25,
    )  # fmt: skip
    assert said["weights_sha256"] == weights_sha256(loaded.model)


def test_without_any_checkpoint_there_is_nothing_to_load(run: RunFolder) -> None:
    assert run.load_newest() is None and run.checkpoints() == []


def test_the_loop_cannot_say_what_the_folder_says(run: RunFolder) -> None:
    run.save_checkpoint(5, model(5), None, {"step": 9, "files": {}, "format": 8, "weights_sha256": "x", "mine": 1})
    (found,) = run.checkpoints()
    assert (found.step, found.manifest["step"], found.manifest["format"], found.manifest["mine"]) == (5, 5, 1, 1)


def test_saving_needs_the_lock(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, "xor")
    with pytest.raises(RunError, match="holder of its lock"):
        run.save_checkpoint(1, model(1), None, {})
    assert names(run) == []


def test_the_same_step_can_be_saved_again(run: RunFolder) -> None:
    save(run, 100, mood="first")
    save(run, 100, mood="second")
    assert names(run) == ["00000100"]
    assert run.checkpoints()[0].manifest["mood"] == "second"


def test_steps_beyond_eight_digits_are_in_order(run: RunFolder) -> None:
    save(run, 99_999_999)
    save(run, 100_000_000)
    assert [one.step for one in run.checkpoints()] == [100_000_000, 99_999_999]


# -- which ones stay ------------------------------------------------------------------------------------------------


def test_the_last_two_and_the_best_stay(run: RunFolder) -> None:
    for step in range(100, 1000, 100):
        save(run, step, best=min(step, 300))
    assert names(run) == ["00000300", "00000800", "00000900"]


def test_best_weights_that_are_saved_apart_stay_until_no_kept_checkpoint_speaks_of_them(run: RunFolder) -> None:
    save(run, 50, best=50, only_weights=True)
    save(run, 100, best=50)
    save(run, 150, best=150, only_weights=True)
    # killed here, training goes on from 100, whose best is 50
    assert names(run) == ["00000050", "00000100", "00000150"]
    save(run, 200, best=150)
    save(run, 300, best=150)
    assert names(run) == ["00000150", "00000200", "00000300"]


def test_saving_weights_alone_never_removes_a_state_to_go_on_from(run: RunFolder) -> None:
    save(run, 100)
    save(run, 200)
    save(run, 90, best=90, only_weights=True)
    assert names(run) == ["00000090", "00000100", "00000200"]
    assert newest(run) == (200, [])


def test_a_resumed_run_takes_the_place_of_the_branch_that_was_given_up(run: RunFolder) -> None:
    for step in (100, 200):
        save(run, step)
    run.write_info(generation=2)  # 200 could not be read, so it went on from 100
    save(run, 150)
    assert names(run) == ["00000100", "00000150"] and newest(run) == (150, [])


def test_the_newest_is_of_the_highest_generation(run: RunFolder) -> None:
    save(run, 300)
    folder = run.path / "checkpoints"
    shutil.copytree(folder / "00000300", folder / "kept")
    run.write_info(generation=2)
    save(run, 200)
    (folder / "kept").rename(folder / "00000300")
    assert [one.step for one in run.checkpoints()] == [200, 300]


def test_names_we_did_not_make_are_never_removed(run: RunFolder) -> None:
    folder = run.path / "checkpoints"
    for name in ("mine", "00000001-backup", "1", "00000001.old.bak"):
        (folder / name).mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    for step in range(10, 60, 10):
        save(run, step)
    assert set(names(run)) == {"mine", "00000001-backup", "1", "00000001.old.bak", "notes.txt", "00000040", "00000050"}


# -- damage ---------------------------------------------------------------------------------------------------------


def spoil(run: RunFolder, step: int, how: str) -> None:
    folder = run.path / "checkpoints" / f"{step:08d}"
    manifest = folder / "manifest.json"
    said = json.loads(manifest.read_text())
    said.pop("c")
    if how == "flip":
        data = bytearray((folder / "optimizer.safetensors").read_bytes())
        data[-1] ^= 1
        (folder / "optimizer.safetensors").write_bytes(data)
    elif how == "short":
        os.truncate(folder / "model.safetensors", 20)
    elif how == "gone":
        (folder / "model.safetensors").unlink()
    elif how == "link":
        shutil.move(folder / "model.safetensors", run.path / "elsewhere")
        (folder / "model.safetensors").symlink_to(run.path / "elsewhere")
    elif how == "no manifest":
        manifest.unlink()
    elif how == "edited manifest":
        manifest.write_text(manifest.read_text().replace("generation", "Generation"))
    elif how == "other step":
        manifest.write_bytes(encoded_file({**said, "step": step + 1}))
    elif how == "other file":
        files = {**said["files"], "../../../../etc/passwd": {"bytes": 3, "sha256": "0"}}
        manifest.write_bytes(encoded_file({**said, "files": files}))
    elif how == "huge":
        files = {"model.safetensors": {"bytes": 10**18, "sha256": "0"}}
        manifest.write_bytes(encoded_file({**said, "files": files}))
    else:
        manifest.write_bytes(encoded_file({**said, "files": how}))


@pytest.mark.parametrize(
    "how",
    ["flip", "short", "gone", "link", "no manifest", "edited manifest", "other step", "other file", "huge", "files"],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(how: str, run: RunFolder) -> None:
    save(run, 100)
    save(run, 200)
    spoil(run, 200, how)
    step, told = newest(run)
    assert step == 100 and len(told) == 1
    assert "checkpoint 00000200" in told[0] and "step 100 is used instead" in told[0]


def test_where_no_checkpoint_can_be_used_each_is_named(run: RunFolder) -> None:
    save(run, 100)
    save(run, 200)
    spoil(run, 100, "short")
    spoil(run, 200, "flip")
    with pytest.raises(RunDamaged, match=r"no checkpoint can be used: .*00000100.*00000200|.*00000200.*00000100"):
        run.load_newest()


def test_an_old_damaged_checkpoint_is_not_spoken_of(run: RunFolder) -> None:
    save(run, 100)
    save(run, 200)
    spoil(run, 100, "no manifest")
    assert newest(run) == (200, [])
    assert len(run.damaged_checkpoints()) == 1


def test_a_checkpoint_folder_that_is_a_link_is_not_followed(run: RunFolder, tmp_path: Path) -> None:
    save(run, 100)
    shutil.move(run.path / "checkpoints" / "00000100", tmp_path / "elsewhere")
    (run.path / "checkpoints" / "00000100").symlink_to(tmp_path / "elsewhere")
    assert run.checkpoints() == [] and run.load_newest() is None


def test_a_checkpoint_that_is_removed_while_it_is_read_is_not_damage(run: RunFolder) -> None:
    save(run, 100)
    save(run, 200)
    real, calls = checkpoint.Checkpoint.load, []

    def load(one: checkpoint.Checkpoint) -> Any:
        if not calls:
            calls.append(one)
            save(run, 300)
            save(run, 400)
        return real(one)

    with patch.object(checkpoint.Checkpoint, "load", load):
        assert newest(run) == (400, [])


# -- interrupted ----------------------------------------------------------------------------------------------------


def test_a_save_that_was_cut_off_while_replacing_leaves_the_old_one(run: RunFolder) -> None:
    save(run, 100, mood="first")
    folder = run.path / "checkpoints"
    (folder / "00000100").rename(folder / "00000100.old")
    assert newest(run) == (100, [])
    save(run, 100, mood="second")
    assert run.checkpoints()[0].manifest["mood"] == "second" and names(run) == ["00000100"]


def test_what_a_killed_worker_left_is_removed_by_the_next_one(run: RunFolder) -> None:
    save(run, 100)
    folder = run.path / "checkpoints"
    shutil.copytree(folder / "00000100", folder / ".tmp-999-00000200")
    shutil.copytree(folder / "00000100", folder / "00000100.old")
    (run.path / ".tmp-999-0-run.json").write_text("half")
    (run.path / ".tmp-mine").write_text("not ours")
    again = RunFolder(run.path)
    run._lock.release()  # type: ignore[union-attr]
    assert [one.step for one in again.checkpoints()] == [100]
    with again.lock():
        assert names(again) == ["00000100", "00000100.old"]
        save(again, 200)
    assert names(again) == ["00000100", "00000200"]
    assert sorted(path.name for path in again.path.iterdir()) == [".tmp-mine", "checkpoints", "lock", "run.json"]


def test_a_full_disk_keeps_the_last_good_checkpoint_and_names_the_place(run: RunFolder) -> None:
    save(run, 100)
    with patch("os.write", side_effect=OSError(28, "No space left on device")), pytest.raises(DiskFull) as error:
        save(run, 200)
    assert "checkpoints/00000200: the disk is full" in str(error.value)
    assert names(run) == ["00000100"] and newest(run) == (100, [])


def test_a_file_that_does_not_read_back_is_not_called_saved(run: RunFolder) -> None:
    save(run, 100)
    real = os.write

    def losing(fd: int, data: Any) -> int:
        real(fd, bytes(len(data)))  # zeros, as after a lost page
        return len(data)

    with patch("os.write", losing), pytest.raises(TuinetError, match="does not read back as it was written"):
        save(run, 200)
    assert names(run) == ["00000100"] and newest(run) == (100, [])


def test_a_folder_without_write_permission_is_named(run: RunFolder) -> None:
    refused = PermissionError(13, "Permission denied")
    with patch("pathlib.Path.mkdir", side_effect=refused), pytest.raises(TuinetError, match="no permission") as error:
        save(run, 200)
    assert "checkpoints/00000200: " in str(error.value)
