"""Every mistake in a preset is named by file, line and key, with what would be right."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.preset_texts import BASE, BRANCHED, load, message
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet import presets
from tuinet.errors import PresetError
from tuinet.presets.limits import LARGEST

MISTAKES: list[tuple[str, str, str]] = [
    (
        '"tanh"',
        '"tahn"',
        'my.toml, line 10, layers.hidden.activation: "tahn" is not an activation; did you mean "tanh"? Known: linear',
    ),
    (
        "units = 8",
        "unit = 8",
        'my.toml, line 9, layers.hidden.unit: "unit" is not a setting here; did you mean "units"? Known: name, units',
    ),
    ("units = 8\nact", "act", "my.toml, line 6, layers.hidden.units: is missing"),
    (
        'type = "residual"',
        'type = "residal"',
        'my.toml, line 13, layers.block.type: "residal" is not a layer type; did you mean "residual"?',
    ),
    ('type = "residual"\n', "", "my.toml, line 12, layers.block: type is missing; it must be one of activation"),
    ('type = "dense"\nunits = "outputs"', 'units = "outputs"', "my.toml, line 20, layers[2]: type is missing"),
    (
        "repeat = 3",
        "repeat = 0",
        "my.toml, line 15, layers.block.repeat: 0 will not do here; it must be a whole number, between 1 and 1000",
    ),
    ("repeat = 3", 'repeat = "3"', 'my.toml, line 15, layers.block.repeat: "3" will not do here'),
    (
        'type = "dense"\nunits = 8\n\n',
        'type = "dense"\nunits = -8\n\n',
        "my.toml, line 18, layers.block.dense_1.units: -8 will not do here",
    ),
    ('name = "block"', 'name = "hidden"\nrepeat = 1', "Cannot overwrite a value"),
    (
        'units = "outputs"',
        'units = "outputs"\nname = "block_2"',
        'my.toml, line 23, layers.block_2.name: two layers are called "block_2"',
    ),
    (
        'units = "outputs"',
        'units = "outputs"\nactivation = "sigmoid"',
        'my.toml, line 23, layers.dense_2.activation: "sigmoid" is one too many',
    ),
    (
        'units = "outputs"',
        'units = "outputs"\ninitializer = { type = "uniform", low = 3 }',
        "my.toml, line 23, layers.dense_2.initializer.low: low 3.0 is above high",
    ),
    (
        "epochs = 5",
        "epochs = 5.5",
        "my.toml, line 26, training.epochs: 5.5 will not do here; it must be a whole number",
    ),
    ("epochs = 5", "epochs = inf", "my.toml, line 26, training.epochs: inf will not do here"),
    (
        "epochs = 5",
        "epoch = 5",
        'my.toml, line 26, training.epoch: "epoch" is not a setting here; did you mean "epochs"?',
    ),
    (
        "learning_rate = 0.1",
        "learning_rate = nan",
        "my.toml, line 27, training.optimizer.learning_rate: nan is not a finite number",
    ),
    (
        'type = "sgd"',
        'type = "sdg"',
        'my.toml, line 27, training.optimizer.type: "sdg" is not an optimizer; did you mean "sgd"? Known: adagrad',
    ),
    (
        "learning_rate = 0.1",
        "learning_rat = 0.1",
        'did you mean "learning_rate"? Known: learning_rate, momentum, nesterov',
    ),
    (
        '"binary_cross_entropy"',
        '"binary_crossentropy"',
        'my.toml, line 25, training.loss: "binary_crossentropy" is not a loss; did you mean "binary_cross_entropy"?',
    ),
    (
        "loss =",
        'early_stopping = { monitor = "val_rmse" }\nloss =',
        'my.toml, line 25, training.early_stopping.monitor: "val_rmse" is not measured under this loss',
    ),
    ("loss =", 'schedule = { type = "cosine", warmup = 1 }\nloss =', 'did you mean "warm_up"?'),
    (
        "loss =",
        'until = "val_acc>0.9"\nloss =',
        'my.toml, line 25, training.until: "val_acc" is not measured under this loss; did you mean "val_accuracy"?',
    ),
    ("loss =", 'until = "val_rmse<1"\nloss =', "Measured: val_loss, val_accuracy, train_loss, train_accuracy"),
    ("loss =", 'until = "accuracy 0.9"\nloss =', 'a comparison such as "val_accuracy>=0.9"'),
    (
        "loss =",
        "class_weights = [1]\nloss =",
        'my.toml, line 25, training.class_weights: "class_weights" is not a setting here',
    ),
    (
        '"spiral"',
        '"spiral"\nvalidatoin = 0.1',
        'my.toml, line 5, data.validatoin: "validatoin" is not a setting here; did you mean "validation"?',
    ),
    ('"spiral"', '"spiral"\nfeatures = ["x",\n "z"]', 'my.toml, line 6, data.features[1]: "z" is not known here'),
    ('set = "spiral"', "", "my.toml, line 3, data: says neither set"),
    (
        "[training]",
        "[trainig]",
        'my.toml, line 24, trainig: "trainig" is not part of a preset; did you mean "training"?',
    ),
    ('title = "Mine" ', "title = 3.5", "my.toml, line 1, title: 3.5 will not do here"),
    (
        "[data]",
        "[data",
        "my.toml, line 3: this is not TOML: Expected ']' at the end of a table declaration in \"[data\", column 6",
    ),
    (
        '"spiral"',
        "spiral",
        'my.toml, line 4: this is not TOML: Invalid value in "set = spiral", column 7; text stands in quotes',
    ),
    ("epochs = 5", "epochs = 5\nepochs = 6", "my.toml, line 27: this is not TOML: Cannot overwrite a value"),
    ("epochs = 5", f"epochs = {'9' * 5000}", "my.toml: this is not a TOML that can be read: Exceeds the limit"),
]


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES, ids=[row[2][:60] for row in MISTAKES])
def test_a_mistake_is_named_by_file_line_and_key(old: str, new: str, words: str) -> None:
    assert old in BASE
    assert words in message(BASE.replace(old, new, 1))


@pytest.mark.parametrize("name", ["hidden.block", "block.x", "0", "-1", "a]b", "a[0]", "a\\u0007b", "a b", "x" * 65])
@pytest.mark.parametrize(
    ("old", "place"),
    [
        ('units = "outputs"', "line 23, layers[2].name"),
        ('type = "dense"\nunits = 8\n\n', "line 19, layers.block[0].name"),
    ],
)
def test_a_name_that_is_none_is_found_on_its_own_line(name: str, old: str, place: str) -> None:
    assert old in BASE
    told = message(BASE.replace(old, f'{old.rstrip()}\nname = "{name}"\n\n', 1))
    assert told.startswith(f"my.toml, {place}: ") and "a letter first" in told


@pytest.mark.parametrize("table", ["data", "layers", "training"])
def test_a_missing_table_is_named(table: str) -> None:
    document = {
        "data": '[data]\nset = "xor"\n',
        "layers": '[[layers]]\ntype = "flatten"\n',
        "training": '[training]\nloss = "huber"\n',
    }
    text = "".join(value for key, value in document.items() if key != table)
    assert message(text).startswith(f"my.toml, {table}: the preset has no [")


def test_layers_that_are_not_tables_are_refused() -> None:
    rest = '[data]\nset = "xor"\n[training]\nloss = "huber"\n'
    assert "layers: 3 will not do here" in message("layers = 3\n" + rest)
    assert "layers[0]: 3 is not a layer" in message("layers = [3]\n" + rest)
    assert "layers: there is none" in message("layers = []\n" + rest)


def test_a_layer_that_does_not_fit_is_placed_in_the_file() -> None:
    preset = load(BASE)
    network = preset.network(SimpleNamespace(classes=2, outputs=1, tokens=0, steps=0, source_steps=0))
    with pytest.raises(PresetError) as caught:
        network.forward(ShapeRecorder(), Shaped("x", (4, 8, 8, 1)))
    assert str(preset.place(caught.value)).startswith("my.toml, line 6, layers.hidden: dense wants a flat input")
    assert str(preset.place(PresetError("x", key="layers.block_2.dense_1"))).startswith(
        "my.toml, line 16, layers.block_2"
    )


def test_a_file_that_is_not_there_or_not_a_preset_is_named(tmp_path: Path) -> None:
    def refused(source: object) -> str:
        with pytest.raises(PresetError) as caught:
            presets.load(str(source))
        return str(caught.value)

    assert 'there is no preset "fashon-mlp"; did you mean "fashion-mlp"?' in refused("fashon-mlp")
    assert (
        refused(tmp_path / "no.toml")
        == f"{tmp_path / 'no.toml'}: there is no such file; `tuinet new` writes one to start from"
    )
    assert "cannot be read: not a regular file" in refused(f"{tmp_path}/")
    (tmp_path / "latin.toml").write_bytes(b'# line 1\ntitle = "caf\xe9"\n')
    assert "latin.toml, line 2: byte 0xe9 is not UTF-8" in refused(tmp_path / "latin.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (LARGEST + 1))
    assert "larger than a preset can be; at most 65,536 bytes" in refused(tmp_path / "big.toml")
    assert "there is no preset" in refused("") and "a\\x00" not in refused("a\0b.toml")


BRANCH_MISTAKES: list[tuple[str, str, str]] = [
    ("units = 8", "unit = 8", 'my.toml, line 16, layers.both.left.hidden.unit: "unit" is not a setting here'),
    (
        '"concatenate"',
        '"concat"',
        'line 7, layers.both.join: "concat" is not a way to join; did you mean "concatenate"?',
    ),
    ('"twin"\nrepeat = 2', '"left"', 'layers.both.left.name: two layers are called "left"'),
    ('["origin"]', '["origin"]\ntype = "dense"', 'line 20, layers.both.dense_1.type: "dense" is not a branch'),
    ('["origin"]', '["origin"]\ncolumn = 3', 'line 20, layers.both.branch_2.column: "column" is not a setting here'),
    ('["origin"]', "3", "line 19, layers.both.branch_2.columns: 3 will not do here; it must be a list of texts"),
    ("repeat = 2", "repeat = 0", "line 23, layers.both.twin.repeat: 0 will not do here"),
    ("[[layers.branches]]  ", "[layers.branches]  ", "my.toml"),
    ('"branches"', '"branch"', 'line 7, layers.both.join: "join" is not a setting here'),
    ('"branches"', '"dense"', 'line 7, layers.both.join: "join" is not a setting here'),
    ('"branches"', '"branchs"', 'line 5, layers.both.type: "branchs" is not a layer type; did you mean "branches"?'),
]


@pytest.mark.parametrize(("old", "new", "words"), BRANCH_MISTAKES, ids=[row[2][:60] for row in BRANCH_MISTAKES])
def test_a_mistake_in_a_branch_is_named_by_file_line_and_key(old: str, new: str, words: str) -> None:
    assert old in BRANCHED
    assert words in message(BRANCHED.replace(old, new, 1))


def test_branches_are_written_out_and_read_back() -> None:
    preset = load(BRANCHED)
    assert load(preset.resolved()) == preset
    (both, _) = preset.layers
    assert [(table["type"], table.get("name"), table.get("repeat")) for table in both["branches"]] == [
        ("branch", "left", None),
        ("branch", "branch_2", None),
        ("branch", "twin", 2),
    ]
    assert [table["layers"] != [] for table in both["branches"]] == [True, False, True]
    assert preset.stack[0].inner[-1].name == "twin_2" and not preset.stack[0].inner[-1].inner[0].trainable


def test_what_only_the_data_shows_to_be_wrong_in_a_branch_has_its_line() -> None:
    facts: Any = SimpleNamespace(
        classes=0, outputs=1, columns=["weight", "origin=Ulm"], tokens=0, steps=0, source_steps=0
    )
    assert load(BRANCHED).network(facts)
    with pytest.raises(
        PresetError, match=r"my.toml, line 19, layers.both.branch_2.columns: there is no column \"orign\""
    ):
        load(BRANCHED.replace('"origin"', '"orign"')).network(facts)
    preset = load(BRANCHED).with_overrides(["layers.both.left.columns=[1]", "layers.both.branch_2.columns=[3]"])
    with pytest.raises(PresetError) as caught:
        preset.network(facts).forward(ShapeRecorder(), Shaped("x", (4, 2)))
    assert "--set layers.both.branch_2.columns=[3]: there is no column 3" in str(preset.place(caught.value))
