"""What is confused, the worst examples and the norms are plain NumPy's; examples are shown as what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import golden_run
from tuinet import data, presets
from tuinet.data.scaling import Form, Prepare
from tuinet.data.vocabulary import Vocabulary
from tuinet.diagnostics import examples
from tuinet.diagnostics.by_class import count
from tuinet.diagnostics.mistakes import MOST_SHOWN, answers, confusion, counted, worst
from tuinet.errors import RunError, TuinetError
from tuinet.runs import RunFolder
from tuinet.training.engine import RealEngine
from tuinet.training.looks import FolderSource, LiveSource, Look, answer, fit

FIRST, STEPS = "hidden_1.W", 12  # of the preset digits
NAMES = [f"class {number}" for number in range(12)]


def table(matrix: np.ndarray, true: np.ndarray, said: np.ndarray) -> bool:
    wanted = np.zeros_like(matrix)
    np.add.at(wanted, (true, said), 1)
    return np.array_equal(matrix, wanted)


def drawn(classes: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(classes)
    true = draws.integers(0, classes, size)
    return true, np.where(draws.random(size) < 0.6, true, draws.integers(0, classes, size))


def test_a_confusion_matrix_counts_every_example_once() -> None:
    true, said = drawn(12, 500)
    found = confusion(NAMES, true, said)
    assert table(found.matrix, true, said) and found.names == tuple(NAMES)
    assert found.examples == found.matrix.sum() == 500 and found.right == (true == said).sum()
    assert all(found.matrix[a, b] == often for a, b, often in found.pairs)
    assert [often for _, _, often in found.pairs] == sorted((often for _, _, often in found.pairs), reverse=True)
    assert found.pairs[0][2] == (found.matrix - np.diag(np.diag(found.matrix))).max()


def test_the_same_comes_of_counts_that_were_kept() -> None:
    true, said = drawn(12, 500)
    kept = counted(count(NAMES, true, said))
    fresh = confusion(NAMES, true, said)
    assert np.array_equal(kept.matrix, fresh.matrix) and kept.right == fresh.right and kept.examples == fresh.examples


def test_of_many_classes_those_are_shown_that_are_confused_most() -> None:
    true, said = np.arange(100), np.arange(100)
    true, said = np.append(true, [7] * 5 + [93] * 3), np.append(said, [93] * 5 + [50] * 3)
    found = confusion([str(k) for k in range(100)], true, said, most=3)
    assert found.names == ("7", "50", "93") and found.classes == 100 and found.examples == 108
    assert found.pairs == ((0, 2, 5), (2, 1, 3)) and found.matrix[0, 2] == 5
    assert len(confusion([str(k) for k in range(100)], true, said).names) == MOST_SHOWN


def test_answers_are_the_most_probable_class_and_its_probability() -> None:
    outputs = np.array([[1.0, 3.0, 2.0], [1000.0, 0.0, 0.0]])
    said, probability = answers("classes", outputs)
    e = np.exp(outputs[0])
    assert said.tolist() == [1, 0] and probability == pytest.approx([e[1] / e.sum(), 1.0])
    said, probability = answers("binary", np.array([[2.0], [-2.0], [0.0]]))
    sure = 1 / (1 + np.exp(-2.0))
    assert said.tolist() == [1, 0, 0] and probability == pytest.approx([sure, sure, 0.5])


def test_the_worst_come_first_and_what_is_no_number_before_them() -> None:
    assert worst(np.array([1.0, 5.0, np.nan, 3.0]), 3) == [2, 1, 3]
    assert worst(np.array([1.0]), 3) == [0]


# -- examples ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_shrunk_to_means_and_keeps_its_shape() -> None:
    picture = np.zeros((1, 28, 28, 1))
    picture[0, :2, :2] = 1.0
    small = examples.pictures(picture, 14, 14)
    assert small.shape == (1, 14, 14) and small[0, 0, 0] == 255 and small.sum() == 255
    assert examples.pictures(np.zeros((2, 20, 40, 3)), 14, 14).shape == (2, 7, 14)
    assert examples.pictures(np.zeros((2, 5, 6)), 14, 14).shape == (2, 5, 6)
    mean = examples.pictures(np.arange(6.0).reshape(1, 2, 3), 1, 1)
    assert mean.shape == (1, 1, 1)


def test_a_row_is_told_in_its_own_units_with_what_is_unusual_in_it() -> None:
    forms = (Form("age"), Form("town", ("A", "B")), *(Form(f"c{number}") for number in range(4)))
    scaler = Prepare(
        (7,), "standard", np.array([40.0, 0, 0, 0, 0, 0, 0]), np.array([10.0, 1, 1, 1, 1, 1, 1]), None, forms
    )
    facts: Any = SimpleNamespace(columns=scaler.columns)
    row = np.array([3.5, 0, 1, 0.1, -3.0, 0.2, 1.5])
    assert examples.words(row, facts, scaler) == "age 75 · town=B · c1 -3 · c3 1.5"
    rounded = np.array([-4.0000001, 0, 1, 0.1, -3.0, 0.2, 1.5], np.float32)
    assert examples.words(rounded, facts, scaler).startswith("age 0 · ")


def test_letters_and_series_are_told_too() -> None:
    words = Vocabulary.of("abc", "characters", 5, padded=True)
    assert examples.text(words(["cab"], ["here"])[0], words) == "cab"
    escape = Vocabulary.of("a\x1b[2J", "characters", 5)
    assert "\x1b" not in examples.text(escape.encode("a\x1b[2J", "here"), escape)
    window = np.stack([np.arange(96.0), np.zeros(96)], axis=1)
    assert examples.points(window, 0)[:2] == [0.5, 2.5] and len(examples.points(window, 1)) == examples.MOST_POINTS


# -- looks ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> LiveSource:
    preset = presets.load("digits").with_overrides(["training.batch_size=100"])
    bound = data.bind_for(preset)
    trainer: Any = RealEngine().trainer(preset, bound, device="reference", threads=1, on_compile=lambda *_: None)
    trainer.run(60.0, STEPS)
    return LiveSource(trainer, bound, preset.network(bound.facts), initial={FIRST: trainer.value(FIRST) * 0 + 1})


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    fit._kept.clear()
    yield


def look(source: Any, name: str, **request: Any) -> Look:
    return answer(source, {"look": name, **request})


def judged(source: LiveSource) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, answers and losses of the validation part, by NumPy alone."""
    part = source.bound.validation
    assert part is not None and len(part.inputs) <= fit.MOST_EXAMPLES
    outputs = source.trainer.outputs(part.inputs)
    logs = outputs - outputs.max(1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
    return part.targets, outputs.argmax(1), -logs[np.arange(len(logs)), part.targets]


def test_the_confusion_of_a_live_training_is_that_of_its_validation_part(digits: LiveSource) -> None:
    true, said, _ = judged(digits)
    found = look(digits, "confusion")
    matrix = np.frombuffer(found.body, "<i4").reshape(10, 10)
    assert table(matrix, true, said)
    assert found.fields["examples"] == len(true) and found.fields["right"] == (true == said).sum()
    assert found.fields["names"] == digits.facts.class_names and found.fields["part"] == "validation"
    assert found.fields["step"] == STEPS


def test_the_worst_examples_are_those_with_the_largest_losses(digits: LiveSource) -> None:
    true, said, losses = judged(digits)
    found = look(digits, "worst", count=5, height=4, width=8)
    order = np.argsort(-losses, kind="stable")[:5]
    names = digits.facts.class_names
    for row, place in zip(found.fields["examples"], order, strict=True):
        assert (row["index"], row["label"], row["said"]) == (place, names[true[place]], names[said[place]])
        assert row["loss"] == pytest.approx(losses[place], rel=1e-6) and 0 < row["probability"] <= 1
    assert (found.fields["kind"], found.fields["height"], found.fields["width"]) == ("picture", 4, 4)
    assert digits.bound.validation is not None
    assert found.body == examples.pictures(digits.bound.validation.inputs[order], 4, 8).tobytes()


def test_norms_are_those_of_the_matrices_of_each_layer(digits: LiveSource) -> None:
    found = look(digits, "norms").fields
    first = found["layers"][0]
    weights = digits.value(FIRST)
    assert f"{first['path']}.W" == FIRST and first["norm"] == pytest.approx(np.linalg.norm(weights))
    assert first["start"] == pytest.approx(np.sqrt(weights.size)) and found["layers"][-1]["start"] is None
    assert found["penalty"] == 0.0 and found["loss"] == pytest.approx(digits.trainer.last_loss())


def test_a_training_gives_at_most_one_part_in_twenty_of_its_time(
    digits: LiveSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [100.0], []
    monkeypatch.setattr(fit.time, "monotonic", lambda: now[0])

    def work() -> int:
        asked.append(now[0])
        now[0] += 0.5
        return len(asked)

    assert fit._sparingly(digits, "x", work) == 1
    now[0] += 9.4
    assert fit._sparingly(digits, "x", work) == 1
    now[0] += 0.2
    assert fit._sparingly(digits, "x", work) == 2 and asked == pytest.approx([100.0, 110.1])


KINDS = {
    "concrete": ("row", "reals"),
    "spam-neuron": ("row", "binary"),
    "sunspots-gru": ("series", "reals"),
    "names-rnn": ("text", "classes"),
    "char-rnn": ("text", "classes"),
    "translate-dates": ("text", "classes"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_data_can_be_told_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_EXAMPLES", 20)
    kind, task = KINDS[name]
    preset = presets.load(name)
    bound = data.bind_for(preset)
    parts = [
        replace(part, inputs=part.inputs[:40], targets=part.targets[:40]) for part in (bound.train, bound.validation)
    ]
    bound = replace(bound, train=parts[0], validation=parts[1])
    trainer: Any = RealEngine().trainer(preset, bound, device="reference", threads=1, on_compile=lambda *_: None)
    source = LiveSource(trainer, bound, preset.network(bound.facts))
    found = look(source, "worst", count=3).fields
    assert found["kind"] == kind and len(found["examples"]) == 3 and bound.facts.task == task
    for row in found["examples"]:
        assert row["words"] and row["label"] and row["said"] and 0 <= row["index"] < 40
        assert (row["probability"] is None) == (task == "reals")
    if task == "reals":
        with pytest.raises(RunError, match="says numbers"):
            look(source, "confusion")
    else:
        matrix = look(source, "confusion")
        assert matrix.fields["examples"] >= 20 and len(matrix.body) == 4 * len(matrix.fields["names"]) ** 2
    assert set(look(source, "health").fields["layers"]) == {path for path, *_ in trainer.plan.marks}


def test_a_folder_answers_what_it_holds_and_says_why_not_the_rest(tmp_path: Any) -> None:
    run = RunFolder.create(tmp_path, "digits")
    source = FolderSource(run)
    with pytest.raises(RunError, match="classes are counted when a training has come to its end"):
        look(source, "confusion")
    true, said = drawn(3, 60)
    with run.lock():
        facts, scaler = golden_run.data()
        run.write_data(replace(facts, task="reals", classes=0, class_names=[], class_counts=[]), scaler)
    with pytest.raises(RunError, match="says numbers"):
        look(source, "confusion")
    with run.lock():
        run.write_data(replace(facts, steps=facts.inputs[0]), scaler)
    with pytest.raises(RunError, match="counted while it trains, and not kept"):
        look(source, "confusion")
    with run.lock():
        run.write_data(facts, scaler)
        run.write_info(state="finished")
    with pytest.raises(RunError, match="were not counted at its end"):
        look(source, "confusion")
    with run.lock():
        run.write_by_class(count(["a", "b", "c"], true, said), step=12, epoch=3)
    found = look(source, "confusion")
    assert table(np.frombuffer(found.body, "<i4").reshape(3, 3), true, said) and found.fields["examples"] == 60
    for name in ("worst", "health"):
        with pytest.raises(RunError, match="while a training lives"):
            look(source, name)


@pytest.mark.parametrize("name", ["confusion", "worst", "norms", "health"])
def test_an_earlier_step_is_refused(name: str, digits: LiveSource) -> None:
    with pytest.raises(RunError, match="of step 7 this is not kept"):
        look(digits, name, at=7)
    with pytest.raises(TuinetError, match="colour"):
        look(digits, name, colour="red")
