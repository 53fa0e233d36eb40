"""Runs as folders: made, found, listed, changed and removed; whatever state somebody left them in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tuinet.errors import DiskFull, RunDamaged, RunLocked, RunNotFound, TuinetError, UsageError
from tuinet.runs import RunFolder, find, find_to_remove, home, list_runs, prune, remove, runs_folder
from tuinet.runs.checked import encoded_file

DAY = 86_400.0


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def made(runs: Path, preset: str = "spiral", suffix: str | None = None, **known: object) -> RunFolder:
    if suffix is None:
        return RunFolder.create(runs, preset, **known)
    with patch("secrets.token_hex", lambda size: suffix):
        return RunFolder.create(runs, preset, **known)


# -- where and how they are made ------------------------------------------------------------------------------------


def test_runs_live_where_the_option_says_or_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "h"))
    assert home() == tmp_path / "h"
    assert runs_folder(None) == tmp_path / "h" / "runs"
    assert runs_folder(str(tmp_path / "other")) == tmp_path / "other"
    monkeypatch.setenv("TUINET_HOME", "")
    assert home().name == "tuinet"


@pytest.mark.parametrize(
    ("preset", "begins"),
    [
        ("fashion-mlp", "fashion-mlp-"),
        ("my preset (2)", "my-preset-2-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("-rf", "rf-"),
        (".hidden", "hidden-"),
        ("\x1b[2Jx", "2Jx-"),
        ("日本語", "run-"),
        ("", "run-"),
        ("x" * 300, "x" * 59 + "-"),
    ],
)
def test_an_id_is_a_plain_name_whatever_the_preset_is_called(preset: str, begins: str, runs: Path) -> None:
    run = made(runs, preset)
    assert run.id[:-4] == begins and len(run.id) <= 64
    assert run.path.parent == runs and run.info()["preset"] == preset


def test_a_name_that_is_taken_is_never_used_twice(runs: Path) -> None:
    names = iter(["00aa", "00aa", "00aa", "00bb"])
    with patch("secrets.token_hex", lambda size: next(names)):
        first, second = RunFolder.create(runs, "xor"), RunFolder.create(runs, "xor")
    assert (first.id, second.id) == ("xor-00aa", "xor-00bb")


def test_a_run_that_cannot_be_made_leaves_nothing(runs: Path) -> None:
    with pytest.raises(ValueError, match="no key 'epocs'; did you mean"):
        RunFolder.create(runs, "xor", epocs=3)
    with pytest.raises(ValueError, match="seed = 'one', where a whole number should stand"):
        RunFolder.create(runs, "xor", seed="one")
    assert list(runs.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TuinetError, match="file/runs"):
        RunFolder.create(tmp_path / "file" / "runs", "xor")
    with patch("os.mkdir", side_effect=PermissionError(13, "Permission denied")), pytest.raises(TuinetError) as error:
        RunFolder.create(runs, "xor")
    assert "no permission to write" in str(error.value) and str(runs) in str(error.value)


# -- run.json -------------------------------------------------------------------------------------------------------


def test_changes_are_kept_and_the_rest_stays(runs: Path) -> None:
    run = made(runs, seed=3)
    run.write_info(step=7, best=float("inf"))
    said = run.info()
    assert (said["seed"], said["step"], said["best"]) == (3, 7, "inf")
    assert list_runs(runs)[0].best == float("inf")


def test_a_preset_reads_back_with_every_character(runs: Path) -> None:
    run = made(runs)
    run.write_preset('title = "日本 \u202e"\r\n')
    assert run.preset_text() == 'title = "日本 \u202e"\r\n'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "does not fit its checksum"),
        (b"{}", "does not fit its checksum"),
        (b"\x00" * 4096, "does not fit its checksum"),
        (encoded_file({"format": 1}), "formats = None, where an object should stand"),
        (encoded_file({"format": 2}), "form 2, of a newer tuinet"),
        (b" " * ((1 << 20) + 1), "cannot be read"),
    ],
)
def test_a_damaged_run_is_listed_with_what_is_wrong_and_does_not_hide_others(
    content: bytes, says: str, runs: Path
) -> None:
    good, bad = made(runs), made(runs)
    (bad.path / "run.json").write_bytes(content)
    with pytest.raises(RunDamaged, match=says):
        bad.info()
    listed = list_runs(runs)
    assert [(one.run, one.state) for one in listed] == [(good.id, "created"), (bad.id, "damaged")]
    assert says in listed[1].note and bad.id in listed[1].note


@pytest.mark.parametrize(
    ("key", "value"),
    [("state", "sleeping"), ("best", "0.25; rm"), ("step", -1), ("step", True), ("sequence", 2.5), ("title", None),
     ("seconds", [1]), ("final", 3), ("versions", "1")],
)  # fmt: skip
def test_a_value_of_another_type_is_damage_by_name(key: str, value: object, runs: Path) -> None:
    run = made(runs)
    (run.path / "run.json").write_bytes(encoded_file({**run.info(), key: value}))
    with pytest.raises(RunDamaged, match=f"run.json says {key} = "):
        run.info()
    assert list_runs(runs)[0].state == "damaged"


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "missing"])
def test_what_stands_in_the_place_of_run_json_is_damage_too(kind: str, runs: Path, tmp_path: Path) -> None:
    run = made(runs)
    run.write_preset("")
    path = run.path / "run.json"
    path.rename(tmp_path / "elsewhere.json")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere.json")
    elif kind == "pipe":
        os.mkfifo(path)
    assert [one.state for one in list_runs(runs)] == ["damaged"]


def test_empty_folders_files_and_links_are_no_runs(runs: Path, tmp_path: Path) -> None:
    elsewhere = made(tmp_path / "elsewhere")
    made(runs)
    (runs / "empty").mkdir()
    (runs / "notes.txt").write_text("mine")
    (runs / ".tmp-12-spiral-0000").mkdir()
    (runs / "linked").symlink_to(elsewhere.path)
    (runs / "with space").mkdir()
    assert len(list_runs(runs)) == 1
    assert list_runs(tmp_path / "nowhere") == []


def test_keys_of_a_later_version_are_passed_over(runs: Path) -> None:
    run = made(runs)
    (run.path / "run.json").write_bytes(encoded_file({**run.info(), "mood": "good"}))
    assert "mood" not in run.info()
    run.write_info(step=1)


# -- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "held", "state"),
    [
        ("created", False, "created"), ("created", True, "created"),
        ("running", True, "running"), ("running", False, "interrupted"),
        ("paused", True, "paused"), ("paused", False, "interrupted"),
        ("finished", False, "finished"), ("finished", True, "finished"),
        ("stopped", False, "stopped"), ("failed", False, "failed"), ("diverged", False, "diverged"),
    ],
)  # fmt: skip
def test_a_run_that_says_running_while_its_lock_is_free_was_interrupted(
    said: str, held: bool, state: str, runs: Path
) -> None:
    run = made(runs)
    run.write_info(state=said)
    if held:
        with run.lock():
            assert run.is_live() and run.state() == state == list_runs(runs)[0].state
    else:
        assert not run.is_live() and run.state() == state == list_runs(runs)[0].state


def test_a_worker_that_ends_while_somebody_looks_is_not_called_interrupted(runs: Path) -> None:
    run = made(runs)
    run.write_info(state="running")
    said = run.info()
    run.write_info(state="finished")
    assert run.state_of(said) == "finished"


def test_a_copied_run_is_listed_as_one(runs: Path) -> None:
    run = made(runs, "spiral", "00aa")
    shutil.copytree(run.path, runs / "spiral-copy")
    with patch("socket.gethostname", lambda: "another-box"):
        notes = {one.run: one.note for one in list_runs(runs)}
    assert notes["spiral-copy"] == "copy of spiral-00aa"
    assert notes["spiral-00aa"].startswith("from ")
    assert find("spiral-copy", runs).info()["run"] == "spiral-00aa"


# -- finding --------------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_id_beginning_folder_and_last(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = made(runs, "xor", "00aa"), made(runs, "spiral", "00bb")
    assert find("xor-00aa", runs).path == first.path
    assert find("xo", runs).path == first.path
    assert find("last", runs).path == second.path
    assert find(str(first.path), runs / "elsewhere").path == first.path
    assert find(f"{first.path}/", runs / "elsewhere").path == first.path
    monkeypatch.chdir(first.path)
    assert find(".", runs).path == first.path


def test_a_full_id_wins_over_a_longer_one_that_begins_with_it(runs: Path) -> None:
    for name in ("a-0001", "a-0001-2222"):
        shutil.copytree(made(runs, "xor").path, runs / name)
    assert find("a-0001", runs).id == "a-0001"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("spiral", r'"spiral" is the beginning of 2 runs \(spiral-00aa, spiral-00bb\); write more of it'),
        ("spirl-00aa", r'no run is called "spirl-00aa"; did you mean "spiral-00aa"\? `tuinet runs` lists them$'),
        ("nothing", 'no run is called "nothing"; `tuinet runs` lists them$'),
        ("", "no run is called"),
        ("\x1b]52;c;x\x07", "\u241b"),
        ("/", "is no run: it has no run.json"),
        ("/nowhere/at/all", "no run is called"),
        ("x" * 5000, "no run is called"),
    ],
)
def test_a_word_that_names_no_run_is_refused_with_a_hint(word: str, says: str, runs: Path) -> None:
    made(runs, "spiral", "00aa")
    made(runs, "spiral", "00bb")
    with pytest.raises(RunNotFound, match=says) as error:
        find(word, runs)
    assert error.value.exit_code == 2 and "\x1b" not in str(error.value)


def test_last_without_any_run_says_how_to_make_one(runs: Path) -> None:
    with pytest.raises(RunNotFound, match="tuinet run PRESET"):
        find("last", runs)


# -- removing -------------------------------------------------------------------------------------------------------


def test_only_a_full_id_or_last_can_be_removed(runs: Path) -> None:
    first, second = made(runs, "spiral", "00aa"), made(runs, "xor", "00bb")
    assert find_to_remove("spiral-00aa", runs).path == first.path
    assert find_to_remove("last", runs).path == second.path
    for word in ("spiral", str(first.path), ".", "..", "../runs/spiral-00aa", ""):
        with pytest.raises(RunNotFound):
            find_to_remove(word, runs)
    with pytest.raises(
        RunNotFound, match=r'the full id "xo"; did you mean "xor-[0-9a-f]{4}"\? `tuinet runs` lists them$'
    ):
        find_to_remove("xo", runs)


def test_a_removed_run_is_gone_and_its_neighbours_are_not(runs: Path) -> None:
    one, other = made(runs), made(runs)
    remove(one)
    assert [path.name for path in runs.iterdir()] == [other.id]


def test_what_a_link_in_a_run_leads_to_stays(runs: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    run = made(runs)
    (run.path / "checkpoints").symlink_to(precious)
    (run.path / "data").symlink_to(precious / "thesis.txt")
    remove(run)
    assert not run.path.exists()
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_link_to_a_run_and_a_folder_that_is_no_run_are_not_removed(runs: Path, tmp_path: Path) -> None:
    run = made(runs)
    (tmp_path / "link").symlink_to(run.path)
    (tmp_path / "photos").mkdir()
    for path in (tmp_path / "link", tmp_path / "photos", tmp_path / "nowhere"):
        with pytest.raises(RunNotFound):
            remove(RunFolder(path))
    assert run.info() and (tmp_path / "photos").exists()


def test_a_run_that_is_being_trained_is_not_removed(runs: Path) -> None:
    run = made(runs)
    with RunFolder(run.path).lock(), pytest.raises(RunLocked, match=f"process {os.getpid()} on"):
        remove(run)
    assert run.info()


def test_a_damaged_run_can_be_removed(runs: Path) -> None:
    run = made(runs)
    (run.path / "run.json").write_bytes(b"\x00")
    remove(find_to_remove(run.id, runs))
    assert list_runs(runs) == []


# -- pruning --------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(runs: Path) -> dict[str, RunFolder]:
    """From the oldest to the newest: made 9 days ago to now."""
    found = {}
    states = ["finished", "failed", "finished", "stopped", "running", "created"]
    for number, state in enumerate(states):
        run = made(runs, "xor", f"000{number}")
        info = {**run.info(), "state": state, "created": f"2026-11-0{number + 1}T00:00:00Z"}
        (run.path / "run.json").write_bytes(encoded_file(info))
        found[f"{number}"] = run
    return found


@pytest.mark.parametrize(
    ("choice", "goes"),
    [
        ({"keep": 2}, "012"),
        ({"keep": 0}, "01235"),
        ({"states": ["finished"]}, "02"),
        ({"states": ["finished"], "keep": 1}, "0"),
        ({"older_than": 6 * DAY}, "0123"),
        ({"older_than": 8 * DAY, "states": ["failed", "stopped"]}, "1"),
        ({"states": ["damaged"]}, ""),
    ],
)
def test_pruning_takes_what_was_asked_and_never_a_live_run(
    choice: dict[str, object], goes: str, many: dict[str, RunFolder], runs: Path
) -> None:
    noon_of_the_tenth = 1_794_268_800.0 + 43_200
    with patch("time.time", lambda: noon_of_the_tenth), many["4"].lock():
        expected = {f"xor-000{digit}" for digit in goes}
        would = prune(runs, **choice)  # type: ignore[arg-type]
        assert {one.run for one in would} == expected
        assert len(list_runs(runs)) == 6
        did = prune(runs, really=True, **choice)  # type: ignore[arg-type]
        assert {one.run for one in did} == expected
        assert {one.run for one in list_runs(runs)} == {f"xor-000{n}" for n in range(6)} - expected


def test_pruning_without_a_choice_is_refused(runs: Path) -> None:
    with pytest.raises(UsageError, match="--keep"):
        prune(runs)
    with pytest.raises(UsageError, match='"finnished"; did you mean "finished"'):
        prune(runs, states=["finnished"])


# -- cost -----------------------------------------------------------------------------------------------------------


def test_listing_loads_neither_numpy_nor_safetensors(runs: Path) -> None:
    made(runs)
    code = (
        "import sys, pathlib; from tuinet.runs import list_runs, find;"
        f"runs = pathlib.Path({str(runs)!r}); list_runs(runs); find('last', runs).metrics().read();"
        "heavy = {'numpy', 'safetensors', 'numba', 'scipy', 'textual', 'click'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_list_of_five_hundred_runs_opens_one_file_each(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(runs)
    run.write_info(state="finished")
    for number in range(499):
        folder = runs / f"copy-{number:04x}"
        folder.mkdir()
        shutil.copy(run.path / "run.json", folder)
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more))
    assert len(list_runs(runs)) == 500
    assert len(opened) == 500 and all(path.endswith("run.json") for path in opened)


def test_a_full_disk_leaves_run_json_as_it_was(runs: Path) -> None:
    run = made(runs)
    before = (run.path / "run.json").read_bytes()
    with patch("os.write", side_effect=OSError(28, "No space left on device")), pytest.raises(DiskFull) as error:
        run.write_info(step=9)
    assert str(run.path / "run.json") in str(error.value)
    assert (run.path / "run.json").read_bytes() == before
    assert [path.name for path in run.path.iterdir()] == ["run.json"]
