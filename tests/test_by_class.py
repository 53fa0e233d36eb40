"""Each class by itself: the counts, the file they are kept in, what show makes of them; and the top 5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli_scenes import make_run, rows, tuinet
from tests.networks import dense, make
from tuinet.diagnostics.by_class import MOST_CLASSES, MOST_PAIRS, ByClass, count
from tuinet.engine.trainer import metrics
from tuinet.errors import RunDamaged
from tuinet.losses import LOSSES
from tuinet.runs import RunFolder, classes
from tuinet.runs.checked import encoded_file


def test_shares_are_those_of_the_textbook() -> None:
    true, predicted = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0, 0])
    found = count(["a", "b", "c", "d"], true, predicted)
    assert list(found.rows()) == [
        {"class": "a", "support": 4, "precision": 2 / 4, "recall": 2 / 4, "f1": 1 / 2},
        {"class": "b", "support": 2, "precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5},
        {"class": "c", "support": 1, "precision": None, "recall": 0.0, "f1": 0.0},
        {"class": "d", "support": 0, "precision": None, "recall": None, "f1": None},
    ]
    assert found.confused == ((0, 1, 2), (1, 0, 1), (2, 0, 1))


def test_only_the_commonest_confusions_are_kept() -> None:
    draws = np.random.default_rng(1)
    found = count([str(n) for n in range(200)], draws.integers(0, 200, 5_000), draws.integers(0, 200, 5_000))
    often = [pair[2] for pair in found.confused]
    assert len(often) == MOST_PAIRS and often == sorted(often, reverse=True)


def test_where_all_is_right_nothing_is_confused() -> None:
    found = count(["a", "b"], np.array([0, 1, 1]), np.array([0, 1, 1]))
    assert found.confused == () and [row["f1"] for row in found.rows()] == [1.0, 1.0]


GOOD: dict[str, Any] = {
    "format": 1, "part": "validation", "step": 2, "epoch": 1, "names": ["a", "b"], "support": [1, 2],
    "predicted": [3, 0], "correct": [1, 0], "confused": [[1, 0, 2]],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 9}, "form 9, of a newer tuinet"),
        ({"format": "1"}, "names of classes"),
        ({"names": [1, 2]}, "names of classes"),
        ({"names": []}, "holds 0 classes"),
        ({"names": ["x"] * (MOST_CLASSES + 1)}, "holds 10001 classes; 1 to 10,000 are read"),
        ({"support": [1]}, "2 counts of each kind"),
        ({"correct": [1, -1]}, "2 counts of each kind"),
        ({"predicted": [1, True]}, "2 counts of each kind"),
        ({"confused": [[0, 2, 1]]}, "pairs of classes"),
        ({"confused": [[0, 1]]}, "pairs of classes"),
        ({"confused": [[0, 1, 1]] * (MOST_PAIRS + 1)}, "pairs of classes"),
    ],
)
def test_a_file_that_could_not_be_shown_is_damaged(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    path = tmp_path / "classes.json"
    path.write_bytes(encoded_file(GOOD))
    assert classes.read(tmp_path) == ByClass(("a", "b"), (1, 2), (3, 0), (1, 0), ((1, 0, 2),))
    path.write_bytes(encoded_file({**GOOD, **change}))
    with pytest.raises(RunDamaged, match=text):
        classes.read(tmp_path)


def test_what_is_no_file_of_ours_is_damaged_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert classes.read(tmp_path) is None
    path = tmp_path / "classes.json"
    path.write_bytes(encoded_file(GOOD).replace(b"1", b"2", 1))
    with pytest.raises(RunDamaged, match="checksum"):
        classes.read(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(RunDamaged, match=r"classes\.json cannot be read"):
        classes.read(tmp_path)
    path.unlink()
    path.write_bytes(b" " * (classes.LIMIT + 1))
    with pytest.raises(RunDamaged, match="cannot be read"):
        classes.read(tmp_path)


def run_with(tmp_path: Path, found: ByClass) -> RunFolder:
    run = make_run(tmp_path / "runs")
    with run.lock():
        run.write_by_class(found, step=10, epoch=1)
    return run


def test_show_prints_each_class_and_what_is_taken_for_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    run = run_with(tmp_path, ByClass(("co\x1bat", "shirt"), (10, 30), (8, 32), (6, 28), ((0, 1, 4), (1, 0, 2))))
    out = tuinet("show", run.id).stdout
    assert "precision  recall     F1" in out and "75.0%   60.0%  66.7%" in out and "\x1b" not in out
    assert "as shirt (4), shirt as" in out
    found = [row for row in rows(tuinet("show", run.id, "--json").stdout) if row["row"] == "class"]
    assert [(row["class"], row["precision"], row["support"]) for row in found] == [
        ("co\x1bat", 0.75, 10), ("shirt", 0.875, 30),
    ]  # fmt: skip


def test_of_many_classes_show_prints_those_that_are_known_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    names = tuple(f"class_{n:02}" for n in range(30))
    run = run_with(tmp_path, ByClass(names, (40,) * 30, (40,) * 30, tuple(range(30))))
    few, every = tuinet("show", run.id).stdout, tuinet("show", run.id, "--classes").stdout
    assert "class_00" in few and "class_11" in few and "class_12" not in few
    assert "18 classes that are known better; --classes shows all" in few
    assert all(name in every for name in names)


def test_classes_are_of_runs_and_where_nothing_is_kept_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUINET_HOME", str(tmp_path))
    assert "a preset has not been trained yet" in tuinet("show", "spiral", "--classes").stderr
    run = make_run(tmp_path / "runs")
    assert "Nothing is kept of its classes" in tuinet("show", run.id, "--classes").stdout


def test_the_top_five_are_counted_where_there_are_more_classes() -> None:
    trainer = make([dense(8)], outputs=8, device="reference")
    part = trainer.bound.train
    outputs = trainer.outputs(part.inputs)
    best = np.argsort(-outputs, axis=1)[:, :5]
    assert trainer.evaluate(part)["top5"] == pytest.approx((best == part.targets[:, None]).any(1).mean())
    nothing = metrics("classes", np.zeros((80, 8)), np.arange(80) % 8, trainer.bound.facts)
    assert nothing["top5"] == 5 / 8, "equal guesses are no knowledge"
    five = make([dense(5)], outputs=5, device="reference")
    assert "top5" not in five.evaluate(five.bound.train)


@pytest.mark.parametrize(("loss", "outputs"), [("cross_entropy", 5), ("binary_cross_entropy", 1)])
def test_classify_agrees_with_the_accuracy(loss: str, outputs: int) -> None:
    trainer = make([dense(outputs)], LOSSES[loss](), outputs=outputs)
    part = trainer.bound.train
    right = trainer.classify(part.inputs) == part.targets.reshape(-1)
    assert trainer.evaluate(part)["accuracy"] == pytest.approx(right.mean())
