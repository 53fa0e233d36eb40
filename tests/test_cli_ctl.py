"""`tuinet ctl` and `tuinet watch`: what the screens can do, from a script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli_scenes import rows, tuinet
from tests.workers import act, clouds, go_on, train, wait_for
from tuinet.training.session import Session


def ctl(*words: str) -> dict[str, Any]:
    said = tuinet("ctl", "last", *words, "--json")
    assert said.exit_code == 0, said.stderr
    (row,) = rows(said.stdout)
    return row


def test_a_script_pauses_steps_and_goes_on(trained: Session) -> None:
    step = ctl("pause")["answer"]["step"]
    assert trained.folder.state() == "paused"
    assert ctl("step", "3")["answer"]["until"] == step + 3
    wait_for(lambda: ctl("look", "parameters")["answer"]["step"] == step + 3)
    assert ctl("resume")["answer"]["step"] == step + 3
    said = tuinet("ctl", trained.id, "pause")
    assert said.stdout.startswith("paused at step ")


def test_a_script_looks_and_writes(trained: Session) -> None:
    ctl("pause")
    old = ctl("look", "cell", "slot=out.W", "index=[0,1]")["answer"]["value"]
    assert ctl("write", "out.W", "0,1", "0.25")["answer"] == {"old": pytest.approx(old), "new": 0.25}
    assert ctl("look", "cell", "slot=out.W", "index=[0,1]")["answer"]["value"] == 0.25
    assert ctl("write", "out.W", "0,1", "-0.1")["answer"] == {"old": 0.25, "new": float(np.float32(-0.1))}
    row = ctl("look", "heatmap", "slot=out.W", "rows=2", "columns=2")
    assert len(row["answer"]["body"]) == row["answer"]["rows"] * row["answer"]["columns"]


def test_a_script_stops_it(trained: Session) -> None:
    ctl("checkpoint")
    assert trained.folder.checkpoints()
    ctl("stop")
    wait_for(lambda: not trained.folder.is_live())
    assert trained.folder.state() == "stopped"
    said = tuinet("ctl", "last", "pause")
    assert (said.exit_code, "is stopped: no worker trains it now" in said.stderr) == (1, True)


WRONG = [
    (["paus"], 'paus is no command; did you mean "pause"?'),
    (["pause", "now"], "pause takes no words; now is too much"),
    (["step", "many"], "step: many is not a whole number"),
    (["step", "--epoch", "2"], 'there is no option --epoch; did you mean "--epochs"?'),
    (["step", "-3"], "batches is -3; it must be a whole number from 1"),
    (["write", "out.W", "0,1", "1e39"], "value is 1e+39; it must be a finite number, at most 3.4e38"),
    (["step", "0"], "batches is 0; it must be a whole number from 1"),
    (["pause", "--epochs", "2"], "--epochs goes with step, not with pause"),
    (["slow"], "slow wants the seconds that a step is to take"),
    (["slow", "fast"], "slow: fast is not a number"),
    (["set"], "set wants KEY=VALUE"),
    (["set", "learning_rate"], "learning_rate must have the form KEY=VALUE"),
    (["apply"], "apply wants the file of the edited preset"),
    (["apply", "nowhere.toml"], "nowhere.toml"),
    (["write", "out.W", "0,1"], "write wants a parameter, a place in it and a number"),
    (["write", "out.W", "a,b", "1"], "write: a is not a whole number"),
    (["write", "out.W", "9,9", "1"], "is not in it"),
    (["look"], "look wants a name"),
    (["look", "heatmp"], 'did you mean "heatmap"?'),
]


def test_wrong_words_get_a_sentence(trained: Session) -> None:
    for words, says in WRONG:
        said = tuinet("ctl", "last", *words)
        assert said.exit_code in (1, 2), words
        assert says in " ".join(said.stderr.split()), words
        assert "Traceback" not in said.stderr


def test_watch_tells_a_finished_run_in_whole_sentences(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(3))
    said = tuinet("watch", "--plain")
    lines = said.stdout.splitlines()
    assert lines[0] == f"Run {told.run.id}, preset clouds, 3 epochs planned."
    assert sum(line.startswith("Epoch ") for line in lines) == 3
    assert any(line.startswith("Verdict: ") for line in lines)
    assert any(line.startswith("The run is finished (epochs).") for line in lines)
    assert "\x1b" not in said.stdout
    events = rows(tuinet("watch", told.run.id, "--json").stdout)
    assert [event["event"] for event in events if event["event"] != "warning"] == [
        "start", "epoch", "epoch", "epoch", "verdict", "end"
    ]  # fmt: skip
    names = [name for name in told.all("epoch")[0] if name != "seconds"]  # which records round
    shown = [event for event in events if event["event"] == "epoch"]
    assert [[event[name] for name in names] for event in shown] == [
        [event[name] for name in names] for event in told.all("epoch")
    ]
    (end,) = told.all("end")
    assert events[-1]["event"] == "end", "whatever else there is, it is told before"
    assert [events[-1][name] for name in ("epoch", "step", "monitor", "best_epoch", "best")] == [
        end[name] for name in ("epoch", "step", "monitor", "best_epoch", "best")
    ]
    page = tuinet("watch", told.run.id).stdout
    assert "val loss" in page and f"best epoch {end['best_epoch']}: val_loss" in page and "3 of 3 epochs" in page


def test_a_run_that_went_on_is_watched_with_one_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(2))
    assert go_on(told.run, overrides=["training.epochs=4"]).code == 0
    events = rows(tuinet("watch", told.run.id, "--json").stdout)
    kinds = [event["event"] for event in events if event["event"] != "warning"]
    assert kinds == ["start", "epoch", "epoch", "changed", "epoch", "epoch", "verdict", "end"]


@pytest.mark.parametrize(("goal", "says"), [("val_loss>=0", "was met"), ("val_loss<=0", "was not met"), (None, "")])
def test_watch_tells_whether_the_goal_was_met(
    home: Path, monkeypatch: pytest.MonkeyPatch, goal: str | None, says: str
) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(2), **({"until": goal} if goal else {}))
    last = tuinet("watch", told.run.id, "--plain").stdout.splitlines()[-1]
    assert ("The goal" in last) == bool(says) and says in last
    *_, end = rows(tuinet("watch", told.run.id, "--json").stdout)
    assert end["until"] == told.end["until"] == {"was met": True, "was not met": False, "": None}[says]


def test_watch_follows_a_training_to_its_end(trained: Session) -> None:
    command = [sys.executable, "-m", "tuinet", "watch", trained.id, "--json"]
    seen = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            seen.append(event["event"])
            if seen.count("epoch") == 5:
                ctl("stop")
    assert process.returncode == 0
    assert (seen[0], seen[-1]) == ("start", "end")


def test_ctrl_c_ends_the_watching_and_not_the_training(trained: Session) -> None:
    command = [sys.executable, "-m", "tuinet", "watch", trained.id, "--plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert f"{trained.id} trains on" in out + err
    assert trained.folder.is_live()


def test_attach_says_what_it_needs(trained: Session) -> None:
    said = tuinet("attach", "last")
    assert said.exit_code == 2
    assert "the screens need a terminal; `tuinet watch RUN`" in " ".join(said.stderr.split())
    assert tuinet("attach", "nothing").exit_code == 2
