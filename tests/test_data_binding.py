"""What binding promises: shares, seeds, scaling from the training part alone, published splits, duplicates counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet.data import DataSettings, Facts, bind
from tuinet.data.duplicates import shared
from tuinet.data.known import verified
from tuinet.data.sets import BY_NAME, DEBIAN
from tuinet.data.splits import evenly, published, random_numbers, split
from tuinet.errors import DataError, PresetError


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def table(path: Path, n: int = 200, seed: int = 0) -> str:
    """A CSV of n rows: three numbers, a category, and classes in shares of 70, 20 and 10 %."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(5, 3, (n, 3))
    kinds = rng.choice(["red", "green", "blue"], n)
    classes = np.array(["often", "seldom", "rare"])[np.searchsorted([0.7, 0.9], np.arange(n) / n, side="right")]
    lines = [
        f"{a:.3f},{b:.3f},{c:.3f},{kind},{word}" for (a, b, c), kind, word in zip(rows, kinds, classes, strict=True)
    ]
    return write(path, "\n".join(["a,b,c,colour,how", *lines]) + "\n")


def test_a_seed_decides_the_split_and_nothing_else_does(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv")
    same = [bind(DataSettings(file=file), seed=seed).facts.fingerprint for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]
    assert bind(DataSettings(file=file, seed=1), seed=9).facts.fingerprint == same[0]


def test_a_stratified_split_keeps_the_shares_of_the_classes(tmp_path: Path) -> None:
    bound = bind(DataSettings(file=table(tmp_path / "t.csv"), validation=0.2, test=0.2), seed=5)
    assert bound.validation is not None and bound.test is not None
    for part, wanted in ((bound.train, [84, 12, 24]), (bound.validation, [28, 4, 8]), (bound.test, [28, 4, 8])):
        counts = np.bincount(part.targets, minlength=3)
        assert bound.facts.class_names == ["often", "rare", "seldom"]
        assert np.abs(counts - np.array(wanted)).max() <= 1, counts


@pytest.mark.parametrize("counts", [[5, 5], [1, 30], [97, 2, 1], [10] * 26])
def test_every_stretch_of_the_even_order_holds_the_classes_in_their_shares(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = evenly(labels, random_numbers(3, 1))
    assert sorted(order) == list(range(len(labels)))
    for end in range(1, len(labels)):
        seen = np.bincount(labels[order[:end]], minlength=len(counts))
        assert (np.abs(seen - np.array(counts) * end / len(labels)) <= 1.5).all()


def test_no_example_is_in_two_parts_and_none_is_lost() -> None:
    for kind in ("random", "stratified", "time", "uci-3"):
        settings = DataSettings(set="digits", validation=0.15, test=0.0 if kind.startswith("uci") else 0.25)
        parts = split(settings, 101, 0, np.arange(101) % 4, kind, 7)
        assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(101)), kind


def test_a_split_in_time_holds_out_the_end() -> None:
    parts = split(DataSettings(set="digits", validation=0.2, test=0.1), 10, 0, None, "time", 1)
    assert (parts.train.tolist(), parts.validation.tolist(), parts.test.tolist()) == ([*range(7)], [7, 8], [9])


def test_the_sets_own_test_part_can_validate() -> None:
    bound = bind(DataSettings(set="fashion", validation="test", limit=100))
    assert bound.validation is not None
    assert (len(bound.train), len(bound.validation), bound.test) == (100, 2000, None)


def test_the_published_splits_are_the_published_ones() -> None:
    train, test = published(1030, 0)
    # index_test_0.txt and index_test_4.txt of the authors' own files for concrete begin so
    assert (len(train), len(test)) == (927, 103)
    assert test[:8].tolist() == FIRST[0] and published(1030, 4)[1][:8].tolist() == FIRST[4]
    bound = bind(DataSettings(set="concrete", split="uci-0", validation="test"))
    assert bound.validation is not None and len(bound.validation) == 103


FIRST = {0: [87, 751, 655, 942, 778, 418, 288, 648], 4: [368, 171, 213, 309, 64, 45, 18, 774]}


def test_scaling_knows_nothing_of_the_held_out_part(tmp_path: Path) -> None:
    rows = [f"{value},{value % 7}" for value in range(100)] + [f"{10**6},1"] * 25
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows)), split="time", validation=0.2))
    assert bound.train.inputs.mean() == pytest.approx(0, abs=1e-6)
    assert bound.train.inputs.std() == pytest.approx(1, abs=1e-6)
    assert bound.validation is not None and bound.validation.inputs.min() > 1_000


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [("none", 0, 99), ("minmax", 0, 1), ("log_standard", -3.94, 1.05), ("standard", -1.73, 1.73)],
)
def test_each_scaling_does_what_it_says(tmp_path: Path, scale: str, low: float, high: float) -> None:
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(f"{value},{value / 7}" for value in range(100)))
    inputs = bind(DataSettings(file=file, scale=scale, validation=0.0, task="reals")).train.inputs
    assert inputs.min() == pytest.approx(low, abs=0.1)
    assert inputs.max() == pytest.approx(high, abs=0.1)


def test_a_logarithm_of_less_than_minus_one_is_refused_by_column(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(f"{value - 5},{value / 7}" for value in range(100)))
    with pytest.raises(DataError, match=r'column "x": holds -[1-5],'):
        bind(DataSettings(file=file, scale="log_standard"))


def test_a_column_that_never_changes_becomes_zero(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,z,y\n" + "\n".join(f"{value},0.1,{value / 7}" for value in range(100)))
    assert (bind(DataSettings(file=file)).train.inputs[:, 1] == 0).all()


def test_a_category_becomes_zeros_and_ones_that_no_scaling_moves(tmp_path: Path) -> None:
    bound = bind(DataSettings(file=table(tmp_path / "t.csv"), scale="standard"))
    assert bound.facts.columns == ["a", "b", "c", "colour=blue", "colour=green", "colour=red"]
    flags = bound.train.inputs[:, 3:]
    assert set(flags.ravel().tolist()) == {0.0, 1.0} and (flags.sum(axis=1) == 1).all()


def test_real_targets_are_standardised_and_their_scale_is_told() -> None:
    bound = bind(DataSettings(set="concrete"))
    assert bound.train.targets.mean() == pytest.approx(0, abs=1e-5)
    assert bound.train.targets.std() == pytest.approx(1, abs=1e-5)
    assert bound.facts.target_scale is not None
    mean, deviation = bound.facts.target_scale
    assert 30 < mean[0] < 40 and 10 < deviation[0] < 20


def test_duplicates_across_the_split_are_counted_and_told(tmp_path: Path) -> None:
    rows = [f"{value},{value * 2},{value % 3}" for value in range(40)]
    file = write(tmp_path / "t.csv", "x,z,y\n" + "\n".join([*rows, *rows[:10]]))
    bound = bind(DataSettings(file=file, split="time", validation=0.2, task="classes"))
    assert "10 of the 10 validation examples also stand among the training examples" in bound.facts.notes


def test_duplicates_are_counted_as_a_plain_comparison_counts_them() -> None:
    rng = np.random.default_rng(2)
    known, others = rng.integers(0, 3, (500, 5)).astype(np.float32), rng.integers(0, 3, (200, 5)).astype(np.float32)
    seen = {row.tobytes() for row in known}
    assert shared(known, others) == sum(row.tobytes() in seen for row in others)
    assert shared(known[:0], others) == shared(known, others[:0]) == 0


def test_missing_cells_are_refused_by_line_and_column_or_filled_from_the_training_part(tmp_path: Path) -> None:
    rows = [
        f"{value},{'' if value == 30 else value % 5},{'' if value == 31 else 'ab'[value % 2]},{value / 3}"
        for value in range(60)
    ]
    file = write(tmp_path / "t.csv", "x,z,k,y\n" + "\n".join(rows))
    with pytest.raises(DataError, match=r't\.csv, line 32, column "z": the cell is empty \(and 1 more\)'):
        bind(DataSettings(file=file))
    bound = bind(DataSettings(file=file, impute="median", split="time", scale="none", validation=0.2))
    assert bound.train.inputs[30, 1] == 2.0  # the median of 0..4
    assert bound.train.inputs[31, 2:].tolist() == [1.0, 0.0]  # the more frequent word of the training part
    assert any("2 missing cells" in note for note in bound.facts.notes)


def test_a_missing_label_is_refused_even_where_cells_are_filled(tmp_path: Path) -> None:
    file = write(
        tmp_path / "t.csv", "x,y\n" + "\n".join(f"{value},{'' if value == 7 else value / 3}" for value in range(60))
    )
    with pytest.raises(DataError, match='line 9, column "y": the cell is empty; the label cannot be guessed'):
        bind(DataSettings(file=file, impute="mean"))


@pytest.mark.parametrize(
    ("cells", "task", "words"),
    [
        (["yes", "no"], "binary", ["no", "yes"]),
        (["0", "1"], "binary", ["0", "1"]),
        (["a", "b", "c"], "classes", ["a", "b", "c"]),
        (["3", "4", "5", "10"], "classes", ["3", "4", "5", "10"]),
        ([f"{value / 10}" for value in range(50)], "reals", []),
        ([f"{value}" for value in range(50)], "reals", []),
    ],
)
def test_the_label_column_decides_the_task_and_the_reason_is_told(
    tmp_path: Path, cells: list[str], task: str, words: list[str]
) -> None:
    rows = [f"{value / 3},{cells[value % len(cells)]}" for value in range(200)]
    facts = bind(DataSettings(file=write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows)), label="y")).facts
    assert (facts.task, facts.class_names) == (task, words)
    assert '"y"' in facts.reason
    assert facts.outputs == (len(words) if task == "classes" else 1)


@pytest.mark.parametrize(
    ("cells", "settings", "wanted", "task"),
    [
        (["0", "1"], {}, "classes", "classes"),
        (["0", "1"], {}, "reals", "reals"),
        (["3", "4", "5"], {}, "reals", "reals"),
        (["3", "4", "5"], {}, "binary", "classes"),  # the loss cannot be helped: it refuses the data itself
        (["3", "4", "5"], {"task": "reals"}, "classes", "reals"),
        ([f"{value}" for value in range(50)], {}, "classes", "classes"),
        (["a", "b"], {}, "reals", "binary"),
    ],
)
def test_the_loss_decides_where_a_label_can_be_read_in_two_ways(
    tmp_path: Path, cells: list[str], settings: dict[str, str], wanted: str, task: str
) -> None:
    rows = [f"{value / 3},{cells[value % len(cells)]}" for value in range(200)]
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows))
    assert bind(DataSettings(file=file, **settings), wanted=wanted).facts.task == task  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "settings", "words"),
    [
        (["a", "b"], {"task": "reals"}, 'words such as "a"'),
        (["a", "b", "c"], {"task": "binary"}, "3 different values"),
        (["a"], {}, 'nothing but "a"'),
        ([f"name {value}" for value in range(200)], {}, "too many for classes"),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    tmp_path: Path, cells: list[str], settings: dict[str, str], words: str
) -> None:
    rows = [f"{value / 3},{cells[value % len(cells)]}" for value in range(200)]
    with pytest.raises(DataError, match=words):
        bind(DataSettings(file=write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows)), **settings))  # type: ignore[arg-type]


def test_columns_that_cannot_be_inputs_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [f"{value / 3},person {value},,{value % 2}" for value in range(200)]
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", "x,name,nothing,y\n" + "\n".join(rows))))
    assert bound.facts.columns == ["x"]
    assert any('"name" is left out: it holds 200 different words' in note for note in bound.facts.notes)
    assert any('"nothing" is left out: it is empty' in note for note in bound.facts.notes)


def test_a_class_without_a_training_example_is_told(tmp_path: Path) -> None:
    rows = [f"{value},{'abc'[value // 30]}" for value in range(90)]
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows)), split="time", validation=0.3))
    assert any('class "c"' in note or "class" in note for note in bound.facts.notes) or bound.facts.class_counts[2] > 0


def test_numbers_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    rows = [f"{value}e40,{value / 7}" for value in range(1, 60)]
    with pytest.raises(DataError, match="does not fit into a 32-bit float"):
        bind(DataSettings(file=write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows)), scale="none"))
    assert bind(DataSettings(file=str(tmp_path / "t.csv"))).train.inputs.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("scale", "words"), [("none", "32-bit"), ("standard", "standard scaling overflows")])
def test_what_is_advised_against_large_numbers_works(tmp_path: Path, scale: str, words: str) -> None:
    rows = [f"{value}e298,{value / 7}" for value in range(1, 60)]
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows))
    with pytest.raises(DataError, match=f'{words}.*; choose data.scale = "minmax"'):
        bind(DataSettings(file=file, scale=scale))
    assert np.isfinite(bind(DataSettings(file=file, scale="minmax")).train.inputs).all()


def test_a_scaling_that_would_overflow_too_is_not_advised(tmp_path: Path) -> None:
    rows = [f"{(-1) ** value}e308,{value / 7}" for value in range(1, 60)]
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows))
    for scale in ("standard", "minmax"):
        with pytest.raises(DataError, match=f'column "x": .* {scale} scaling overflows; write it in a larger unit, or'):
            bind(DataSettings(file=file, scale=scale))


def test_numbers_whose_mean_overflows_are_refused_by_column(tmp_path: Path) -> None:
    rows = [f"{1e308 if value else ''},{value / 7}" for value in range(60)]
    file = write(tmp_path / "t.csv", "x,y\n" + "\n".join(rows))
    with pytest.raises(DataError, match='column "x": holds numbers so large that their mean overflows'):
        bind(DataSettings(file=file, impute="mean", scale="minmax"))


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "x,y\n1,2.5\n")
    with pytest.raises(PresetError, match="too few"):
        bind(DataSettings(file=file, task="reals"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (DEBIAN / "fashion-mnist").is_dir(), reason="Debian's package dataset-fashion-mnist is not here"
)
def test_all_of_fashion_mnist_is_found_where_debian_puts_it() -> None:
    info = BY_NAME["fashion-full"]
    assert info.state == "cached"
    assert len(verified(info, info.files[3])) == 10_008
    bound = bind(DataSettings(set="fashion-full", validation="test"))
    small = bind(DataSettings(set="fashion", validation="test"))
    assert bound.validation is not None and small.validation is not None
    assert (len(bound.train), len(bound.validation)) == (60_000, 10_000)
    assert bound.validation.inputs[:2_000].tobytes() == small.validation.inputs.tobytes()


# -- inputs as targets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings", "columns"),
    [
        ("a,b,c\n", {}, ["a", "b", "c"]),
        ("a,b,c\n", {"label": "b"}, ["a", "c"]),
        ("a,b,c\n", {"ignore": ("a",)}, ["b", "c"]),
        ("a,b,c\n", {"scale": "minmax"}, ["a", "b", "c"]),
    ],
)
def test_inputs_that_are_to_be_given_back_are_the_targets(
    tmp_path: Path, text: str, settings: dict[str, Any], columns: list[str]
) -> None:
    rows = np.random.default_rng(3).normal(50, 20, (80, 3))
    text += "\n".join(",".join(f"{value:.6f}" for value in row) for row in rows) + "\n"
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", text), task="reconstruct", **settings))
    facts = bound.facts
    assert (facts.columns, facts.task, facts.outputs, facts.target) == (columns, "reals", len(columns), "")
    assert facts.reconstructs and bound.validation is not None and facts.target_scale is not None
    assert (bound.train.targets == bound.train.inputs).all() and (
        bound.validation.targets == bound.validation.inputs
    ).all()
    mean, deviation = facts.target_scale
    chosen = sorted(rows[:, ["abc".index(name) for name in columns]].tolist())
    told = np.concatenate([bound.train.targets, bound.validation.targets]).astype(float) * deviation + mean
    assert np.allclose(sorted(told.tolist()), chosen, atol=1e-3)


def test_pictures_are_given_back_as_rows_of_pixels_without_their_labels() -> None:
    bound = bind(DataSettings(set="digits", task="reconstruct", validation=0.2))
    assert bound.train.inputs.shape[1:] == (8, 8, 1) and bound.facts.outputs == 64
    assert bound.train.targets.base is not None, "no second copy of the pictures is made"
    assert (bound.train.targets == bound.train.inputs.reshape(-1, 64)).all()
    assert Facts.from_table(bound.facts.as_table()).reconstructs


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_an_own_file_needs_no_labels_where_inputs_are_to_be_given_back(tmp_path: Path, kind: str) -> None:
    rows = np.random.default_rng(3).normal(0, 1, (60, 5)).astype("f4")
    path = tmp_path / f"t.{kind}"
    if kind == "npy":
        np.save(path, rows)
    elif kind == "npz":
        np.savez(path, x=rows)
    else:
        np.savetxt(path, rows, delimiter=",")
    bound = bind(DataSettings(file=str(path), task="reconstruct"))
    assert bound.facts.inputs == (5,) and bound.facts.outputs == 5 and len(bound.train) == 54


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"scale": "log_standard"}, "data.scale", "in the data's own units"),
        ({"split": "stratified"}, "data.split", "there is no label here"),
    ],
)
def test_settings_that_make_no_sense_without_a_label_are_refused(
    tmp_path: Path, settings: dict[str, Any], key: str, words: str
) -> None:
    with pytest.raises(PresetError) as caught:
        bind(DataSettings(file=table(tmp_path / "t.csv"), task="reconstruct", **settings))
    assert caught.value.key == key and words in caught.value.message


def test_a_word_that_is_missing_is_no_matter_where_its_column_is_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "a,b,why\n" + "".join(f"{n},{n * n % 7},\n" for n in range(40)))
    bound = bind(DataSettings(file=file, task="reconstruct", label="why"))
    assert bound.facts.columns == ["a", "b"]
