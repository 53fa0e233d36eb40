"""A run in the foreground: exit codes, signals, closed pipes and JSON, with a worker that acts."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import HOSTILE, PAYLOAD, PRESET, process, rows

FOLLOW = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from tests.cli_scenes import PRESET
from tuinet import presets
from tuinet.cli import main, options
from tuinet.cli.follow import follow
from tuinet.cli.output import Output
from tuinet.training.session import start
import click

@click.command()
@options.json_option
def act(as_json):
    preset = presets.load("fashion-mlp.toml", text=PRESET.format(units=4, rate=0.1, epochs=3))
    begin = lambda: start(preset, runs=Path({runs!r}), command=({worker!r},))
    return follow(begin, Output(as_json=as_json))

main.cli.get_command = lambda context, name: act
main.main()
"""


def command(tmp_path: Path, *words: str) -> list[str]:
    tests = Path(__file__).parent
    code = FOLLOW.format(tests=str(tests.parent), runs=str(tmp_path / "runs"), worker=str(tests / "scripted_worker.py"))
    return [sys.executable, "-c", code, "run", *words]


def around(**scene: Any) -> dict[str, str]:
    return {**os.environ, "TUINET_TEST_SCENE": json.dumps(scene)}


def acted(tmp_path: Path, *words: str, **scene: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(tmp_path, *words), env=around(**scene), capture_output=True, text=True, timeout=60, check=False
    )


def the_run(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "runs").iterdir()
    return found


def test_the_workers_events_are_passed_through_one_a_line(tmp_path: Path) -> None:
    said = acted(tmp_path, "--json")
    assert said.returncode == 0, said.stderr
    events = rows(said.stdout)
    assert [event["event"] for event in events] == ["start", "epoch", "epoch", "epoch", "verdict", "end"]
    assert "Good. It has settled." in said.stderr, "people's text goes to standard error"
    assert "\x1b" not in said.stdout + said.stderr


def test_people_read_it_on_standard_output(tmp_path: Path) -> None:
    said = acted(tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert "best epoch" in said.stdout


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (3, "finished"), (4, "diverged")])
def test_the_exit_code_is_the_workers(code: int, state: str, tmp_path: Path) -> None:
    assert acted(tmp_path, ends={"exit_code": code, "state": state}).returncode == code


def test_a_failure_before_the_start_is_one_sentence_and_leaves_no_run(tmp_path: Path) -> None:
    for words in ([], ["--json"]):
        said = acted(tmp_path, *words, fails="table.csv, row 3: nonsense")
        assert said.returncode == 2
        assert said.stderr == "tuinet: table.csv, row 3: nonsense\n"
        assert not list((tmp_path / "runs").iterdir())


def test_a_killed_worker_is_told_about_and_the_run_stays(tmp_path: Path) -> None:
    said = acted(tmp_path, "--json", dies=2)
    assert said.returncode == 1
    assert "SIGKILL" in said.stderr and "Traceback" not in said.stderr
    assert rows(said.stdout)[-1]["state"] == "interrupted"
    assert the_run(tmp_path)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_go_to_the_worker_and_the_printer_reads_on_to_the_end(number: int, code: int, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, "--json"), env=around(epochs=100, pause=0.2), stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(2)]
        running.send_signal(number)
        lines += running.stdout.readlines()
        assert running.wait(30) == code
    end = json.loads(lines[-1])
    assert (end["event"], end["state"]) == ("end", "stopped")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_closed_pipe_is_no_reason_to_stop_training(words: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, *words), env=around(epochs=5, pause=0.1), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        complaint = running.stderr.read().decode()
        assert running.wait(30) == 0
    assert "Traceback" not in complaint and "Exception" not in complaint
    assert (the_run(tmp_path) / "done").exists(), "the worker came to its end"


def test_a_printer_that_is_killed_leaves_the_worker_training(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path), env=around(epochs=5, pause=0.1), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        while b"epoch" not in running.stdout.readline():
            pass
        running.kill()
        running.wait()
        running.stdout.close()
    done = the_run(tmp_path) / "done"
    deadline = time.monotonic() + 20
    while not done.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert done.exists()


def test_on_a_terminal_only_paint_and_one_redrawn_line_are_used(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    env = {
        **around(epochs=3, pause=0.15, start={"preset": {"title": HOSTILE[0] + HOSTILE[1]}}),
        "TERM": "xterm-256color",
    }
    env = {key: value for key, value in env.items() if key != "NO_COLOR"} | {"COLUMNS": "80"}
    with subprocess.Popen(command(tmp_path), env=env, stdin=slave, stdout=slave, stderr=slave) as running:
        os.close(slave)
        seen = b""
        with contextlib.suppress(OSError):  # a terminal whose other side is closed
            while piece := os.read(master, 65536):
                seen += piece
        assert running.wait(30) == 0
    os.close(master)
    text = seen.decode()
    assert "samples/s" in text and "━" in text and "\x1b[32m" in text
    left = re.sub(r"\x1b\[[0-9;]*m|\x1b\[K|\r", "", text)
    assert sorted(PAYLOAD & set(left)) == []


# -- the real worker, on the reference device: it compiles nothing ----------------------------


def test_a_preset_from_standard_input_trains_shows_resumes_and_predicts(tmp_path: Path) -> None:
    text = PRESET.format(units=4, rate=0.01, epochs=3)
    said = process("run", "-", "--device", "reference", "--json", home=tmp_path, stdin=text)
    assert said.returncode == 0, said.stderr
    events = rows(said.stdout)
    assert (events[0]["event"], events[-1]["event"]) == ("start", "end")
    assert "progress" not in {event["event"] for event in events}
    assert events[0]["preset"]["training"]["epochs"] == 3
    assert len(events[-1]["weights_sha256"]) == 64
    run = events[-1]["run"]

    shown = rows(process("show", "last", "--json", home=tmp_path).stdout)
    assert [row["epoch"] for row in shown if row["row"] == "epoch"] == [1, 2, 3]
    more = process("resume", run, "--epochs", "4", "--json", home=tmp_path)
    assert more.returncode == 0, more.stderr
    assert [event["epoch"] for event in rows(more.stdout) if event["event"] == "epoch"] == [4]
    answers = rows(process("predict", "last", "-", "--json", home=tmp_path, stdin="x,y\n1,2\n-3,0.5\n").stdout)
    assert [sorted(row) for row in answers] == [["label", "probability", "row"]] * 2
    out = tmp_path / "answers.csv"
    assert process("predict", run[:-1], "-", "--out", str(out), home=tmp_path, stdin="x,y\n1,2\n").returncode == 0
    assert out.read_text().splitlines()[0] == "row,label,probability"


@pytest.mark.parametrize(("limit", "reason"), [(("--max-steps", "3"), "steps"), (("--max-seconds", "0.01"), "time")])
def test_what_is_said_behind_a_limit_lets_the_run_go_on(tmp_path: Path, limit: tuple[str, str], reason: str) -> None:
    text = PRESET.format(units=4, rate=0.01, epochs=500)
    said = process("run", "-", "--device", "reference", *limit, home=tmp_path, stdin=text)
    assert said.returncode == 0, said.stderr
    assert f"stopped at the limit of {reason}" in said.stdout
    found = re.search(r"tuinet (resume \S+ --max-\w+ \d+)", said.stdout)
    assert found
    before = rows(process("show", "last", "--json", home=tmp_path).stdout)[0]["step"]
    more = process(*found[1].split(), "--json", home=tmp_path)
    assert more.returncode == 0, more.stderr
    assert rows(more.stdout)[-1]["step"] > before
    again = process("resume", "last", limit[0], "1e-3" if reason == "time" else "1", home=tmp_path)
    assert again.returncode == 2
    assert "are done; more than that would be right" in again.stderr


def test_a_goal_that_is_not_met_is_exit_code_3(tmp_path: Path) -> None:
    text = PRESET.format(units=4, rate=1e-6, epochs=1)
    said = process("run", "-", "--device", "reference", "--until", "val_accuracy>=0.999", home=tmp_path, stdin=text)
    assert said.returncode == 3, said.stderr
    assert "the goal of --until was not met" in said.stdout


def test_overrides_reach_the_training_and_errors_name_them(tmp_path: Path) -> None:
    text = PRESET.format(units=4, rate=0.1, epochs=9)
    words = ["run", "-", "--device", "reference", "--set", "layers.hidden.units=2", "--epochs", "1", "--seed", "3"]
    start = rows(process(*words, "--json", home=tmp_path, stdin=text).stdout)[0]
    assert (start["seed"], start["epochs"], start["preset"]["layers"][0]["units"]) == (3, 1, 2)
    wrong = process("run", "-", "--set", "layers.hiden.units=2", home=tmp_path, stdin=text)
    assert wrong.returncode == 2
    assert "hidden" in wrong.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 1
