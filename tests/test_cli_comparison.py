"""A preset that compares: its variants trained in turn, the table, the sentence, and what ends it early."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli_scenes import make_run, process, rows, tuinet
from tuinet import presets
from tuinet.cli.comparison import Comparison, Trained, train_variants
from tuinet.cli.output import Output
from tuinet.errors import TuinetError
from tuinet.runs import RunFolder
from tuinet.training.session import Session, start

PRESET = """
title = "Steps of three lengths"
[data]
set = "xor"
samples = 100
[[layers]]
type = "dense"
name = "hidden"
units = 4
activation = "{activation}"
[[layers]]
type = "dense"
name = "out"
units = "outputs"
[training]
loss = "binary_cross_entropy"
epochs = {epochs}
optimizer = {{ type = "sgd", learning_rate = 0.1 }}
[[variants]]
name = "plain"
[[variants]]
name = "{second}"
{setting}
[[variants]]
name = "wide"
layers.hidden.units = 16
"""


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    return written(tmp_path, second="long", setting="training.optimizer.learning_rate = 0.5")


def written(folder: Path, *, epochs: int = 3, activation: str = "tanh", second: str, setting: str) -> Path:
    path = folder / "steps.toml"
    path.write_text(PRESET.format(epochs=epochs, activation=activation, second=second, setting=setting))
    return path


def infos(home: Path) -> list[dict[str, Any]]:
    """run.json of every run, in the order in which they were made."""
    found = [RunFolder(path).info() for path in (home / "runs").iterdir()]
    return sorted(found, key=lambda info: info["sequence"])


# -- training ---------------------------------------------------------------------------------


def test_variants_are_trained_in_turn_and_shown_in_one_table_and_one_chart(preset: Path, tmp_path: Path) -> None:
    said = process("run", str(preset), home=tmp_path, env={"COLUMNS": "100"}, timeout=200)  # kernels may be compiled
    assert said.returncode == 0, said.stderr
    page = said.stdout
    places = [page.index(words) for words in ("variant plain, 1 of 3", "variant long, 2 of 3", "variant wide, 3 of 3")]
    end = page.index("variant  parameters  epochs  best val_loss")
    assert places == sorted(places) and places[-1] < end
    assert "a = plain, b = long, c = wide" in page[end:]
    assert "did best: val_loss" in page[end:]
    made = infos(tmp_path)
    assert [info["run"].rpartition("-")[0] for info in made] == ["steps-plain", "steps-long", "steps-wide"]
    assert {info["preset"] for info in made} == {"steps"}
    origins = [info["origin"] for info in made]
    assert [origin["variant"] for origin in origins] == ["plain", "long", "wide"]
    assert len({origin["comparison"] for origin in origins}) == 1
    assert all(origin["variants"] == ["plain", "long", "wide"] for origin in origins)
    assert [info["parameters"] for info in made] == [17, 17, 65]
    command = next(line for line in page.splitlines() if line.startswith("tuinet compare")).split("     ")[0]
    compared = process(*command.split()[1:], "--json", home=tmp_path)
    assert {row["row"] for row in rows(compared.stdout)} == {"setting", "metric"}


@pytest.mark.slow
def test_one_variant_alone_is_a_run_like_any_other_and_all_can_start_from_it(preset: Path, tmp_path: Path) -> None:
    said = process("run", str(preset), "--variant", "wide", "--json", home=tmp_path)
    assert said.returncode == 0, said.stderr
    events = rows(said.stdout)
    assert {event["variant"] for event in events} == {"wide"} and events[-1]["event"] == "end"
    (info,) = infos(tmp_path)
    assert (info["parameters"], info["origin"]) == (65, {"variant": "wide"})
    words = ["--epochs", "2", "--seed", "5", "--threads", "1", "--set", "training.batch_size=16", "--init", info["run"]]
    said = process("run", str(preset), "--json", *words, home=tmp_path)
    assert said.returncode == 0, said.stderr
    *events, last = rows(said.stdout)
    kinds = [(event["variant"], event["event"]) for event in events if event["event"] in ("start", "end")]
    assert kinds == [(name, kind) for name in ("plain", "long", "wide") for kind in ("start", "end")]
    starts = [event for event in events if event["event"] == "start"]
    assert {(start["epochs"], start["seed"], start["threads"]) for start in starts} == {(2, 5, 1)}
    assert {start["preset"]["training"]["batch_size"] for start in starts} == {16}
    assert [len(start["init"]["taken"]) for start in starts] == [1, 1, 4], "out.b fits all, the rest the wide one"
    assert [info["origin"]["init"] for info in infos(tmp_path)[1:]] == [info["run"]] * 3
    assert last["event"] == "comparison" and last["exit_code"] == 0
    assert [result["run"] for result in last["results"]] == [start["run"] for start in starts]
    best = {result["variant"]: result["best"] for result in last["results"]}
    assert last["best"] == min(best, key=lambda name: best[name])


@pytest.mark.parametrize(
    ("scenes", "code", "count"),
    [
        ([{}, {}, {}], 0, 3),
        ([{}, {"ends": {"exit_code": 3}}, {}], 3, 3),
        ([{}, {"ends": {"state": "diverged", "exit_code": 4}}, {"ends": {"exit_code": 3}}], 4, 3),
        ([{}, {"dies": 2}, {}], 1, 2),
        ([{}, {"fails": "the data are wrong"}, {}], 2, 1),
    ],
    ids=["all well", "a goal not met", "one diverged", "one killed", "one wrong"],
)
def test_the_exit_code_of_a_comparison(
    scenes: list[dict[str, Any]],
    code: int,
    count: int,
    preset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    acts = iter(scenes)

    def begin(chosen: presets.Preset, origin: Any) -> Session:
        monkeypatch.setenv("TUINET_TEST_SCENE", json.dumps(next(acts)))
        worker = Path(__file__).with_name("scripted_worker.py")
        return start(chosen, runs=tmp_path / "runs", origin=origin, command=(str(worker),))

    chosen = presets.load(preset).each_variant()
    try:
        given = train_variants(chosen, begin, Output(as_json=True), "steps")
    except TuinetError as error:
        given = error.exit_code
        assert code in (1, 2)
    last = rows(capsys.readouterr().out)[-1]
    assert (given, last["exit_code"]) == (code, code)
    assert [result["variant"] for result in last["results"]] == [each.variant for each in chosen][:count]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_stops_all_of_it_and_says_what_there_is(number: signal.Signals, code: int, tmp_path: Path) -> None:
    path = written(tmp_path, epochs=10_000_000, second="short", setting="training.epochs = 1")
    command = [sys.executable, "-m", "tuinet", "run", str(path), "--json"]
    around = {**os.environ, "TUINET_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, env=around, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line)["event"] == "epoch":
                break
        running.send_signal(number)
        rest, page = running.communicate(timeout=60)
    assert running.returncode == code
    last = rows(rest)[-1]
    assert last["event"] == "comparison" and last["exit_code"] == code
    assert [(result["variant"], result["state"]) for result in last["results"]] == [("plain", "stopped")]
    assert last["sentence"] == ("None of the variants came to its end. plain was stopped. Not trained: short, wide.")
    assert f"tuinet resume {last['results'][0]['run']}" in page
    assert f"tuinet run {path} --variant short" in page
    assert len(infos(tmp_path)) == 1


def test_a_variant_that_fails_ends_it_with_its_error_and_keeps_those_before(tmp_path: Path) -> None:
    path = written(tmp_path, second="lost", setting='data.file = "nothing.csv"')
    said = process("run", str(path), "--json", home=tmp_path)
    assert said.returncode == 2
    assert "nothing.csv" in said.stderr and "Traceback" not in said.stderr
    last = rows(said.stdout)[-1]
    assert [result["variant"] for result in last["results"]] == ["plain"]
    assert "Only plain came to its end" in last["sentence"] and "Not trained: lost, wide" in last["sentence"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["run", "{}", "--variant", "wid"],
            'there is no variant "wid"; did you mean "wide"? Variants: plain, long, wide',
        ),
        (["run", "xor", "--variant", "wide"], "it has no variants"),
        (["run", "--data", "a.csv", "--variant", "wide"], "a.csv"),
        (["show", "adam", "--variant", "wide"], "adam is no preset"),
        (
            ["run", "{}", "--set", "layers.hiden.units=3"],
            "variant plain, --set layers.hiden.units=3: there is no layer",
        ),
    ],
)
def test_wrong_usage_of_variants_is_named(words: list[str], says: str, preset: Path, home: Path) -> None:
    said = tuinet(*(word.format(preset) for word in words))
    assert (said.exit_code, said.stdout) == (2, "")
    assert says in " ".join(said.stderr.split())
    assert not (home / "runs").exists()


@pytest.mark.slow
def test_a_reader_that_goes_away_stops_none_of_it(preset: Path, tmp_path: Path) -> None:
    words = f"{sys.executable} -m tuinet run {preset} | head -n 1"
    around = {**os.environ, "TUINET_HOME": str(tmp_path)}
    subprocess.run(["sh", "-c", words], env=around, capture_output=True, timeout=60, check=False)
    assert [info["state"] for info in infos(tmp_path)] == ["finished"] * 3


# -- looking ----------------------------------------------------------------------------------


def test_show_lists_the_variants_with_what_differs(preset: Path) -> None:
    found = [row for row in rows(tuinet("show", str(preset), "--json").stdout) if row["row"] == "variant"]
    assert [(row["variant"], row["parameters"], row["differs"]) for row in found] == [
        ("plain", 17, {}),
        ("long", 17, {"training.optimizer.learning_rate": 0.5}),
        ("wide", 65, {"layers.hidden.units": 16}),
    ]
    page = tuinet("show", str(preset)).stdout
    assert "layers.hidden.units = 16" in page and "--variant NAME" in page
    one = rows(tuinet("show", str(preset), "--variant", "wide", "--json").stdout)
    assert (one[0]["variant"], one[0]["parameters"]) == ("wide", 65)
    assert {row["row"] for row in one} == {"network", "layer"}


def test_presets_says_which_of_them_compare() -> None:
    found = {row["preset"]: row["variants"] for row in rows(tuinet("presets", "--json").stdout)}
    assert found["architecture-match"] == ["dense", "conv", "attention"]
    assert found["xor"] == []
    assert "compares dense, conv, attention" in tuinet("presets", "architecture").stdout


# -- judging ----------------------------------------------------------------------------------


def trained(variant: str, best: float | None, state: str = "finished", monitor: str = "val_loss") -> Trained:
    text = PRESET.format(epochs=3, activation="tanh", second="long", setting="training.loss.class_weights = [1, 2]")
    run: Any = SimpleNamespace(id=f"steps-{variant}", state_of=lambda info: info["state"])
    info = {"state": state, "monitor": monitor, "best": best, "best_epoch": 2}
    return Trained(presets.load("steps.toml", text=text).with_variant(variant), run, info)


@pytest.mark.parametrize(
    ("those", "winner", "sentence"),
    [
        (
            [trained("plain", 0.5), trained("wide", 0.25)],
            "wide",
            "wide did best: val_loss 0.2500 after epoch 2, ahead of plain with 0.5000.",
        ),
        (
            [trained("plain", 0.5, monitor="val_accuracy"), trained("long", 0.25, monitor="val_accuracy")],
            "plain",
            "plain did best: val_accuracy 50.0% after epoch 2, ahead of long with 25.0%.",
        ),
        ([trained("plain", 0.5), trained("wide", 0.5)], None, "plain and wide are level, with a best val_loss 0.5000."),
        (
            [trained("plain", 0.5), trained("wide", 0.1, "diverged")],
            None,
            "Only plain came to its end, with a best val_loss 0.5000. wide diverged.",
        ),
        (
            [trained("plain", 0.5), trained("long", 0.1)],
            None,
            "None is said to be the best: the variants have different losses, whose val_loss cannot be compared.",
        ),
        (
            [trained("plain", 0.5), trained("wide", 0.1, monitor="val_accuracy")],
            None,
            "None is said to be the best: the variants are measured by different metrics.",
        ),
        ([trained("plain", 0.5, "stopped")], None, "None of the variants came to its end. plain was stopped."),
    ],
)
def test_the_best_is_the_one_that_the_monitored_metric_says(
    those: list[Trained], winner: str | None, sentence: str
) -> None:
    comparison = Comparison(those, tuple(one.name for one in those))
    assert (comparison.winner, comparison.sentence()) == (winner, sentence)


@pytest.mark.parametrize("width", ["40", "80"])
def test_the_table_and_the_chart_of_eight_variants_fit_the_width(
    width: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    those = []
    for number in range(8):
        run = make_run(tmp_path, f"v{number}", best=number + 1)
        preset: Any = SimpleNamespace(
            variant=f"variant_{number}",
            data=presets.load("xor").data,
            training=presets.load("xor").training,
        )
        those.append(Trained(preset, run, {**run.info(), "best": 0.1 * number}))
    Comparison(those, tuple(one.name for one in those)).print(Output(), "steps")
    page = capsys.readouterr().out
    assert all(one.name in page for one in those) and "h = variant_7" in page
    wide = [line for line in page.splitlines() if len(line) > int(width) and not line.startswith("tuinet")]
    assert not wide
