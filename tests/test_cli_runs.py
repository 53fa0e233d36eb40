"""Runs looked at: listed, filtered, sorted, shown, compared, removed; rows as docs/formats.md has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import make_run, rows, tuinet
from tuinet.cli.bench import Times, command_words, peer_lines
from tuinet.errors import TuinetError, UsageError
from tuinet.runs.choosing import compares

GOLDEN = Path(__file__).parent / "golden" / "json" / "rows.jsonl"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    return tmp_path / "runs"


def golden_keys(command: str, row: str | None = None) -> list[str]:
    """The keys of a command's row in the golden file."""
    for line in GOLDEN.read_text().splitlines():
        entry = json.loads(line)
        if entry["command"] == command and (row is None or entry["row"].get("row") == row):
            return list(entry["row"])
    raise AssertionError(f"no golden row of {command}")


def listed(*words: str) -> list[str]:
    said = tuinet("runs", *words, "--json")
    assert said.exit_code == 0, said.stderr
    return [row["run"].partition("-")[0] for row in rows(said.stdout)]


def test_without_runs_it_says_how_to_make_one(runs: Path) -> None:
    assert "tuinet run spam-neuron" in tuinet("runs").stdout
    said = tuinet("runs", "--json")
    assert (said.stdout, said.exit_code) == ("", 0)


def test_runs_are_listed_newest_first_and_sorted_otherwise_on_request(runs: Path) -> None:
    make_run(runs, "one", best=3, seconds=3.0)
    make_run(runs, "two", monitor="val_accuracy", seconds=9.0, final={})
    make_run(runs, "three", state="failed", epoch=2, seconds=1.0)
    assert listed() == ["three", "two", "one"]
    assert listed("--reverse") == ["one", "two", "three"]
    assert listed("--sort", "seconds") == ["two", "one", "three"]
    assert listed("--sort", "run") == ["one", "three", "two"]
    assert listed("--sort", "epoch")[-1] == "three"
    assert listed("--limit", "1") == ["three"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["state=failed"], ["three"]),
        (["state!=failed"], ["two", "one"]),
        (["two-"], ["two"]),
        (["best<=0.3", "epoch>=12"], ["two", "one"]),
        (["training.optimizer.learning_rate=0.5"], ["two"]),
        (["layers.hidden.units>8"], ["two"]),
        (["training.no_such_key=1"], []),
        (["verdict=GOOD", "one"], ["one"]),
    ],
)
def test_runs_are_filtered_by_word_column_and_setting(filters: list[str], found: list[str], runs: Path) -> None:
    make_run(runs, "one")
    make_run(runs, "two", rate=0.5, units=16)
    make_run(runs, "three", state="failed", epoch=2)
    assert listed(*(word for text in filters for word in ("-f", text))) == found


@pytest.mark.parametrize("words", [["-f", "best<abc"], ["-f", "epoch>nan"], ["prune", "--older-than", "nan"]])
def test_what_is_no_number_is_refused_where_one_is_compared(words: list[str], runs: Path) -> None:
    make_run(runs, "one")
    done = tuinet("runs", *words)
    assert done.exit_code == 2 and "number" in done.stderr


@pytest.mark.parametrize(
    ("value", "comparison", "wanted", "answer"),
    [
        (10, ">", "9", True),
        ("10", "=", "10.0", True),
        ("abc", "=", "ABC", True),
        (None, "=", "1", False),
        (None, "!=", "1", True),
        ("finished", ">", "a", True),
        (True, "=", "true", True),
    ],
)
def test_values_compare_as_numbers_where_they_are(value: Any, comparison: str, wanted: str, answer: bool) -> None:
    assert compares(value, comparison, wanted) is answer


def test_a_damaged_run_is_listed_and_does_not_hide_the_others(runs: Path) -> None:
    make_run(runs, "one")
    (make_run(runs, "two").path / "run.json").write_text("{}")
    said = tuinet("runs")
    assert said.exit_code == 0
    assert "damaged" in said.stdout and "one" in said.stdout
    assert tuinet("show", "two").exit_code == 1
    assert listed("-f", "training.epochs=12") == ["one", "two"], "its preset can still be read"


def test_the_rows_are_those_of_the_golden_file(runs: Path) -> None:
    make_run(runs, "one", test={"test_accuracy": 0.8})
    make_run(runs, "two", rate=0.5)
    (row, _) = rows(tuinet("runs", "--json").stdout)
    assert list(row) == golden_keys("runs")
    shown = rows(tuinet("show", "one", "--json").stdout)
    assert list(shown[0]) == golden_keys("show RUN", "run")
    assert {row["row"] for row in shown} == {"run", "epoch", "event"}
    assert list(next(row for row in shown if row["row"] == "epoch"))[:4] == golden_keys("show RUN", "epoch")[:4]
    compared = rows(tuinet("compare", "one", "two", "--json").stdout)
    for kind in ("setting", "metric"):
        assert list(next(row for row in compared if row["row"] == kind)) == golden_keys("compare A B", kind)
    pruned = rows(tuinet("runs", "prune", "--keep", "1", "--json").stdout)
    assert list(pruned[0]) == golden_keys("runs prune")


def test_compare_shows_changed_keys_only(runs: Path) -> None:
    make_run(runs, "one")
    make_run(runs, "two", rate=0.5, units=16)
    compared = rows(tuinet("compare", "one", "two", "--json").stdout)
    changed = {row["key"]: (row["a"], row["b"]) for row in compared if row["row"] == "setting"}
    assert changed == {"layers.hidden.units": (8, 16), "training.optimizer.learning_rate": (0.01, 0.5)}
    page = tuinet("compare", "one", "two").stdout
    assert "val_loss" in page and "a = one-" in page
    assert "The settings are the same." in tuinet("compare", "one", "one").stdout


def test_compare_says_which_metric_is_better(runs: Path) -> None:
    make_run(runs, "one", final={"val_loss": 0.5, "val_accuracy": 0.8})
    make_run(runs, "two", final={"val_loss": 0.4, "val_accuracy": 0.7})
    compared = rows(tuinet("compare", "one", "two", "--json").stdout)
    better = {row["metric"]: row["better"] for row in compared if row["row"] == "metric"}
    assert (better["val_loss"], better["val_accuracy"], better["epoch"]) == ("b", "a", None)


def test_compare_gathers_layers_that_only_one_run_has(runs: Path) -> None:
    from tuinet.runs.comparing import gathered

    rows_ = [("layers.a.type", "dense", None), ("layers.a.units", 3, None), ("training.epochs", 1, 2)]
    assert gathered(rows_) == [("layers.a", "dense", None), ("training.epochs", 1, 2)]


def test_rm_wants_a_full_id(runs: Path) -> None:
    run = make_run(runs, "one")
    assert tuinet("rm", "one").exit_code == 2
    assert run.path.exists()
    assert tuinet("rm", run.id).exit_code == 0
    assert not run.path.exists()
    make_run(runs, "two")
    assert rows(tuinet("rm", "last", "--json").stdout)[0]["removed"] is True


def test_rm_removes_nothing_where_one_name_is_wrong(runs: Path) -> None:
    run = make_run(runs, "one")
    assert tuinet("rm", run.id, "nothing").exit_code == 2
    assert run.path.exists()


def test_a_run_that_is_being_trained_is_not_removed(runs: Path) -> None:
    run = make_run(runs, "one", state="running")
    with run.lock():
        said = tuinet("rm", run.id)
        assert said.exit_code == 1
        assert run.path.exists()
        assert "● running" in tuinet("runs").stdout


def test_prune_only_says_what_would_go_until_it_is_told_to(runs: Path) -> None:
    make_run(runs, "one", state="failed")
    kept = make_run(runs, "two")
    assert "--yes" in tuinet("runs", "prune", "--state", "failed").stdout
    assert len(list(runs.iterdir())) == 2
    assert "Deleted 1 run" in tuinet("runs", "prune", "--state", "failed", "--yes").stdout
    assert list(runs.iterdir()) == [kept.path]
    assert "nothing to delete" in tuinet("runs", "prune", "--state", "failed", "--yes").stdout


def test_runs_may_lie_anywhere(tmp_path: Path, runs: Path) -> None:
    make_run(tmp_path / "else where", "one")
    assert listed("--runs", str(tmp_path / "else where")) == ["one"]
    assert tuinet("show", "last", "--runs", str(tmp_path / "else where")).exit_code == 0
    assert tuinet("show", str(next((tmp_path / "else where").iterdir()))).exit_code == 0


# -- bench: words and lines only; timing is the engine's --------------------------------------


def test_a_task_has_the_line_of_the_peers() -> None:
    row = Times("fashion-mlp", "tuinet", 2, 32, [160.5, 152.31, 170.0]).row()
    assert list(row) == golden_keys("bench")
    assert (row["us_per_step"], row["us_per_step_median"], row["samples_per_s"]) == (152.31, 160.5, 210098)


def test_work_that_is_left_out_is_said_in_the_table_and_in_the_rows() -> None:
    said = tuinet("bench", "cnn-odd", "--repeats", "1", "--threads", "1", "--json")
    (row,) = rows(said.stdout)
    assert "max_pool_1: relu behind the pool (4,752 of 20,625 values of an example)" in row["skips"]
    assert all(f"- {skip}" in " ".join(said.stderr.split()) for skip in row["skips"])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python peers.py --peers jax", ["python", "peers.py", "--peers", "jax", "wide-mlp"]),
        ("peer --threads {threads} {task} -q", ["peer", "--threads", "2", "wide-mlp", "-q"]),
        ("'a b' $HOME;ls", ["a b", "$HOME;ls", "wide-mlp"]),
    ],
)
def test_the_other_command_gets_task_and_threads_and_no_shell(command: str, words: list[str]) -> None:
    assert command_words(command, "wide-mlp", 2) == words


@pytest.mark.parametrize("command", ["", "   ", "'open"])
def test_a_command_that_is_none_is_wrong_usage(command: str) -> None:
    with pytest.raises(UsageError):
        command_words(command, "wide-mlp", 2)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('hello')", "printed no line"),
        ("import sys; sys.exit('no jax here')", "no jax here"),
        ('print(\'{"task": "other", "peer": "p", "threads": 1, "us_per_step": 1, "samples_per_s": 1}\')', "no line"),
    ],
)
def test_a_peer_that_fails_is_named(code: str, says: str) -> None:
    import sys

    with pytest.raises(TuinetError, match=says):
        list(peer_lines([sys.executable, "-c", code], "wide-mlp"))


def test_sets_are_listed_with_their_state_and_looked_into() -> None:
    found = {row["set"]: row for row in rows(tuinet("data", "--json").stdout)}
    assert list(found["spambase"]) == golden_keys("data")
    assert (found["spambase"]["state"], found["spiral"]["kind"]) == ("embedded", "generated")
    assert found["iris"]["kind"] == "on demand"
    inside, *examples = rows(tuinet("data", "show", "spambase", "--json").stdout)
    assert [row["number"] for row in examples] == [1, 2, 3, 4]
    assert sum(inside["classes"].values()) == inside["train"]


def test_a_network_is_shown_layer_by_layer_and_call_by_call() -> None:
    network, *layers = rows(tuinet("show", "spam-mlp", "--json").stdout)
    assert list(network) == golden_keys("show PRESET", "network")
    assert list(layers[0]) == golden_keys("show PRESET", "layer")
    assert sum(row["parameters"] for row in layers) == network["parameters"]
    assert abs(sum(row["share"] for row in layers) - 1) < 1e-9
    calls = rows(tuinet("show", "spam-mlp", "--program", "--json").stdout)
    assert list(calls[0]) == golden_keys("show PRESET --program", "call")
    assert {"forward", "loss", "backward", "update"} <= {row["part"] for row in calls}


def test_layers_that_repeat_are_told_once() -> None:
    page = tuinet("show", "deep").stdout
    assert "31 more alike" in page
    assert len(page.splitlines()) < 40


def test_a_layer_that_does_not_fit_is_named_with_its_line() -> None:
    said = tuinet("show", "spiral", "--set", "data.set=fashion")
    assert said.exit_code == 2
    assert "spiral.toml, line" in said.stderr and "flatten" in said.stderr
