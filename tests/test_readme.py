"""The README keeps its word: every command in it runs, in order, as a new user would type it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli_scenes import tuinet
from tests.pty_screen import Pty, environment, python
from tuinet.cli.ctl import asked
from tuinet.cli.main import SECTIONS
from tuinet.training.protocol import checked

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.S)
COMMANDS = [
    line.split(" #")[0].strip() for block in BLOCKS for line in block.splitlines() if re.match(r"tuinet( |$)", line)
]
SCREENS = ("tuinet", "tuinet attach last")  # which need a terminal
SHORTER = {  # the same command, with less to wait for
    "tuinet bench": "tuinet bench --repeats 1",
    "tuinet bench --hardware": "tuinet bench --hardware --widths 32,64",
    "tuinet run char-gpt": "tuinet run char-gpt --max-steps 20",
    "tuinet run names-lstm": "tuinet run names-lstm --max-steps 20",
    "tuinet run --data notes.txt": "tuinet run --data notes.txt --max-steps 20",
    "tuinet run translate-dates": "tuinet run translate-dates --max-steps 5 --set data.test=0",
    "tuinet run --data pairs.tsv --pairs": "tuinet run --data pairs.tsv --pairs --max-steps 5",
    "tuinet run architecture-match": "tuinet run architecture-match --epochs 1 --set data.limit=320",
}


def table(folder: Path) -> None:
    """A table to train on and rows to predict: a price that follows from size and place. A text, dates, pairs."""
    rows = ["size,rooms,place,price"]
    for number in range(120):
        size, rooms, place = 40 + number % 90, 1 + number % 5, ("town", "village", "farm")[number % 3]
        rows.append(f"{size},{rooms},{place},{1000 * size + 5000 * rooms + 300 * (number % 7)}")
    (folder / "dates.txt").write_text("the 3rd of March 1987\n7 jul 1543\n")
    (folder / "names.txt").write_text("Kowalczyk\nKorhonen\n")
    (folder / "pairs.tsv").write_text("".join(f"{number}\t{number + 1}\n" for number in range(200)))
    (folder / "notes.txt").write_text("To be written down, and to be read again.\n" * 80)
    (folder / "prices.csv").write_text("\n".join(rows) + "\n")
    days = [f"2024-{day // 28 + 1:02}-{day % 28 + 1:02},{day * 5 % 9},{10 + day % 12}" for day in range(140)]
    (folder / "weather.csv").write_text("\n".join(["day,wind,temp", *days]) + "\n")
    (folder / "rows.csv").write_text("\n".join([rows[0].rpartition(",")[0], "70,3,town", "55,2,farm"]) + "\n")


def pictures(folder: Path) -> None:
    """Two classes of noise, a dark and a light one, and a picture to predict."""
    from PIL import Image

    for number in range(24):
        kind = folder / "pets" / ("cat", "dog")[number % 2]
        kind.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 99, (20, 24, 3)) + 150 * (number % 2)
        Image.fromarray(noise.astype(np.uint8)).save(kind / f"{number}.jpg")
    Image.new("RGB", (30, 30), "gray").save(folder / "cat.png")


def test_the_readme_opens_with_two_commands_and_ci_calls_the_second() -> None:
    first = BLOCKS[0].strip().splitlines()
    assert len(first) == 2
    assert "pip install" in first[0] and first[0].endswith("tuinet run fashion-mlp")
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert first[1] in ci, "CI calls exactly the README's test command"
    assert re.search(r"!\[.*\]\((docs/.*)\)", README) and (ROOT / "docs" / "run-fashion-mlp.svg").exists()


def test_the_readme_names_the_commands_that_have_no_json() -> None:
    without = {name for names in SECTIONS.values() for name in names if "--json" not in tuinet(name, "--help").stdout}
    said = re.search(r"Every command but (.*?), which only opens a screen,\s+has `--json`", README)
    assert said is not None and set(re.findall(r"`(\w+)`", said[1])) == without
    assert f"all but {' and '.join(sorted(without))} have --json" in " ".join(tuinet().stdout.split())


def test_every_file_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    assert len(COMMANDS) > 18
    table(tmp_path)
    pictures(tmp_path)
    variables = {**os.environ, "TUINET_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    runs: list[str] = []
    first = {"tuinet watch last --plain": "tuinet run xor --epochs 2"}  # what comes before it in a user's day
    for command in COMMANDS:
        if command in SCREENS:
            continue
        if command in first:
            subprocess.run(
                [sys.executable, "-m", "tuinet", *shlex.split(first[command])[1:]], cwd=tmp_path, env=variables,
                check=True, capture_output=True,
            )  # fmt: skip
        words = shlex.split(SHORTER.get(command, command))[1:]
        if "RUN" in words:
            runs = sorted(path.name for path in (tmp_path / "home" / "runs").iterdir())
            words = [runs.pop() if word == "RUN" else word for word in words]
        done = subprocess.run(
            [sys.executable, "-m", "tuinet", *words], cwd=tmp_path, env=variables, capture_output=True, text=True,
            check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr[-500:]}{done.stdout[-500:]}"
        assert "Traceback" not in done.stderr
    assert (tmp_path / "predictions.csv").read_text().count("\n") >= 2
    assert (tmp_path / "my.toml").exists()


def test_every_screen_of_the_readme_opens_and_is_left(tmp_path: Path) -> None:
    variables = environment(TUINET_HOME=str(tmp_path / "home"), TUINET_CONFIG=str(tmp_path / "config"))
    shutil.copytree(ROOT / "tests" / "golden" / "run", tmp_path / "home" / "runs" / "spam-neuron-3fa2")
    for command, shows in zip(SCREENS, ("Last runs", "spam-neuron-3fa2"), strict=True):
        assert command in COMMANDS
        with Pty(python("-m", *shlex.split(command)), env=variables, size=(120, 40)) as screen:
            screen.wait_for(shows, seconds=30)
            screen.type("q")
            assert screen.wait(20) == 0
            assert screen.modes_left_on() == []


@pytest.mark.timeout(600)
def test_every_gpu_command_of_the_readme_runs_or_says_in_a_sentence_what_is_missing(tmp_path: Path) -> None:
    lines = re.findall(r"^(tuinet .*?)\s+#", README.partition("Train on an NVIDIA GPU")[2].partition("Nobody")[0], re.M)
    assert len(lines) == 3
    for line in lines:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(SHORTER.get(line, line))], cwd=tmp_path, capture_output=True, text=True,
            check=False, timeout=200, env={**os.environ, "TUINET_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert done.returncode == 0 or (done.returncode == 1 and re.search("GPU|NVIDIA", said)), said


def test_every_word_to_a_training_in_the_readme_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edited.toml").write_text((ROOT / "presets" / "fashion-mlp.toml").read_text())
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^tuinet ctl last (.*)$", README, re.M)
    assert len(lines) > 6
    for line in lines:
        command, *words = shlex.split(line)
        for fields in asked(command, words, None):
            assert checked({"do": command, "id": 1, **fields})[0] == command
