"""Presets: every built-in one holds, every mistake is named by file, line and key, and hostile files are refused."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import tomllib
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet import presets
from tuinet.errors import PresetError
from tuinet.network import Network
from tuinet.presets.limits import LARGEST, guard
from tuinet.presets.lines import find_lines

WANTED = [
    "char-gpt",
    "char-gru",
    "char-lstm",
    "char-rnn",
    "names-lstm",
    "names-rnn",
    "text-classify",
    "translate-dates",
    "attention-copy",
    "spam-neuron",
    "spam-mlp",
    "xor",
    "circle",
    "gauss",
    "spiral",
    "plane",
    "hills",
    "fashion-linear",
    "fashion-mlp",
    "fashion-cnn",
    "fashion-resnet",
    "autoencoder",
    "shallow",
    "deep",
    "deep-plain",
    "digits",
    "digits-cnn",
    "letters",
    "concrete",
    "auto-mpg",
    "linear-collapse",
    "linear-collapse-relu",
    "rate-too-small",
    "rate-right",
    "rate-too-large",
    "batch-one",
    "batch-mini",
    "batch-full",
    "overfit",
    "overfit-dropout",
    "overfit-l2",
    "architecture-match",
    "sunspots-gru",
    "airline-lstm",
    "fashion-augment",
]

FACTS: dict[str, tuple[tuple[int, ...], str, int, int]] = {
    "spambase": ((57,), "binary", 2, 1),
    "fashion": ((28, 28, 1), "classes", 10, 10),
    "digits": ((8, 8, 1), "classes", 10, 10),
    "letters": ((16,), "classes", 26, 26),
    "concrete": ((8,), "reals", 0, 1),
    "auto-mpg": ((9,), "reals", 0, 1),
    "sunspots": ((24, 1), "reals", 0, 1),
    "airline": ((13, 1), "reals", 0, 1),
    **dict.fromkeys(("circle", "xor", "gauss", "spiral"), ((2,), "binary", 2, 1)),
    **dict.fromkeys(("plane", "hills"), ((2,), "reals", 0, 1)),
}
# Of texts, for which vocabularies depend on the Python: tokens, and targets of an example.
TEXTS: dict[str, tuple[int, int]] = {
    "python-source": (100, 64),
    "language-reference": (103, 64),
    "topics": (98, 0),
    "surnames": (130, 0),
    "dates": (49, 11),
    "copy": (29, 13),
}
FACTS |= {
    "python-source": ((64,), "classes", 100, 100),
    "language-reference": ((64,), "classes", 103, 103),
    "topics": ((128,), "classes", 6, 6),
    "surnames": ((20,), "classes", 20, 20),
    "dates": ((49,), "classes", 49, 49),
    "copy": ((26,), "classes", 29, 29),
}
SOURCES = {"dates": 38, "copy": 13}  # of pairs: tokens of the source

BASE = """\
title = "Mine"                  # line 1

[data]
set = "spiral"

[[layers]]                      # line 6
type = "dense"
name = "hidden"
units = 8
activation = "tanh"

[[layers]]                      # line 12
type = "residual"
name = "block"
repeat = 3
[[layers.layers]]
type = "dense"
units = 8

[[layers]]                      # line 20
type = "dense"
units = "outputs"

[training]                      # line 24
loss = "binary_cross_entropy"
epochs = 5
optimizer = { type = "sgd", learning_rate = 0.1 }
"""


BRANCHED = """\
[data]
set = "auto-mpg"

[[layers]]                      # line 4
type = "branches"
name = "both"
join = "concatenate"

[[layers.branches]]             # line 9
name = "left"
columns = ["weight", 1]

[[layers.branches.layers]]      # line 13
type = "dense"
name = "hidden"
units = 8

[[layers.branches]]             # line 18
columns = ["origin"]

[[layers.branches]]             # line 21
name = "twin"
repeat = 2

[[layers.branches.layers]]      # line 25
type = "dense"
units = 2
trainable = false

[[layers]]                      # line 30
type = "dense"
units = "outputs"

[training]
loss = "mean_squared_error"
"""


def load(text: str) -> presets.Preset:
    return presets.load("my.toml", text=text)


def message(text: str) -> str:
    with pytest.raises(PresetError) as caught:
        load(text)
    assert caught.value.exit_code == 2
    return str(caught.value)


# -- the built-in ones ----------------------------------------------------------------------


def test_every_preset_that_was_promised_is_there() -> None:
    assert presets.names() == sorted(WANTED)
    assert [line.name for line in presets.headlines()] == presets.names()


@pytest.mark.parametrize("name", WANTED)
def test_a_preset_loads_and_written_out_in_full_it_is_the_same(name: str) -> None:
    preset = presets.load(name)
    written = preset.resolved()
    again = presets.load("preset.toml", text=written)
    assert again == preset and again.resolved() == written
    assert preset.name == name and preset.title and preset.tries
    assert preset.teaches.endswith(".") and len(preset.teaches) > 40


@pytest.mark.parametrize("name", WANTED)
def test_a_preset_opens_with_what_it_teaches_and_what_to_try(name: str) -> None:
    assert [key for key in tomllib.loads(presets.load(name).text)][:3] == ["title", "teaches", "tries"]


@pytest.mark.parametrize("name", WANTED)
def test_what_a_preset_says_to_try_can_be_tried(name: str) -> None:
    import shlex

    for line in presets.load(name).tries:
        words = shlex.split(line)
        if words[0] == "tuinet":
            assert words[1] in ("run", "show", "compare") and words[2] in (*WANTED, "last"), line
            continue
        overrides = [value for flag, value in zip(words[::2], words[1::2], strict=True) if flag == "--set"]
        overrides += [
            f"training.epochs={value}"
            for flag, value in zip(words[::2], words[1::2], strict=True)
            if flag == "--epochs"
        ]
        assert len(overrides) == len(words) / 2, line
        assert presets.load(name).with_overrides(overrides) != presets.load(name), line


VARIANTS = [(name, variant) for name in WANTED for variant in ("", *presets.load(name).variant_names)]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_preset_fits_its_data_and_its_loss(name: str, variant: str) -> None:
    preset = presets.load(name).with_variant(variant) if variant else presets.load(name)
    inputs, task, classes, outputs = FACTS[preset.data.set or ""]
    if preset.data.reconstructs:
        task, classes, outputs = "reals", 0, prod(inputs)
    tokens, steps = TEXTS.get(preset.data.set or "", (0, 0))
    facts: Any = SimpleNamespace(
        inputs=inputs, task=task, classes=classes, outputs=outputs, tokens=tokens, steps=steps,
        source_steps=SOURCES.get(preset.data.set or "", 0), columns=[],
    )  # fmt: skip
    recorder = ShapeRecorder()
    y = preset.network(facts).forward(recorder, Shaped("x", (4, *inputs), whole=tokens > 0))
    losses = preset.training.loss.record(recorder, y, Shaped("t", (4, steps or outputs)), facts)
    assert losses.shape == (4 * (steps or 1),)


def test_fashion_mlp_is_the_network_of_the_benchmark() -> None:
    preset = presets.load("fashion-mlp")
    assert [layer.get("units") for layer in preset.layers] == [None, 128, "classes"]
    assert preset.layers[1]["activation"] == "relu"
    assert preset.training.batch_size == 32
    assert preset.table()["training"]["optimizer"]["type"] == "adam"
    assert preset.table()["training"]["optimizer"]["learning_rate"] == 1e-3


@pytest.mark.parametrize(
    ("names", "differ"),
    [
        (("rate-too-small", "rate-right", "rate-too-large"), ("training", "optimizer")),
        (("batch-one", "batch-mini", "batch-full"), ("training", "batch_size")),
        (("linear-collapse", "linear-collapse-relu"), ("layers",)),
        (("overfit", "overfit-dropout", "overfit-l2"), ("layers",)),
    ],
)
def test_presets_that_are_compared_differ_in_one_thing(names: tuple[str, ...], differ: tuple[str, ...]) -> None:
    tables = [presets.load(name).table() for name in names]
    for table in tables:
        for key in ("title", "teaches", "tries"):
            del table[key]
        inner = table
        for key in differ[:-1]:
            inner = inner[key]
        del inner[differ[-1]]
    assert all(table == tables[0] for table in tables)


def test_deep_has_32_hidden_layers_and_deep_plain_the_same_without_the_way_around() -> None:
    assert [layer["repeat"] for layer in presets.load("deep").layers if layer.get("repeat")] == [32]
    assert (
        len([layer for layer in presets.load("deep-plain").stack if layer.name and layer.name.startswith("hidden")])
        == 32
    )


def test_the_template_loads_and_is_commented() -> None:
    text = presets.template()
    assert load(text).training.epochs > 0
    assert text.count("#") > 10


def test_listing_presets_loads_no_checks_and_loading_one_no_numpy() -> None:
    code = (
        "import sys; from tuinet import presets; presets.headlines(); presets.template();"
        "assert 'tuinet.layers' not in sys.modules;"
        "presets.load('deep').resolved();"
        "assert not {'numpy', 'numba', 'scipy'} & set(sys.modules), 'numpy'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- reading --------------------------------------------------------------------------------


def test_defaults_are_written_out() -> None:
    table = load(BASE).table()
    assert table["training"]["optimizer"] == {"type": "sgd", "learning_rate": 0.1, "momentum": 0.0, "nesterov": False}
    assert table["layers"][0]["initializer"] == {"type": "glorot_uniform"}
    assert [layer.get("name") for layer in table["layers"]] == ["hidden", "block", "dense_2"]
    assert table["layers"][1]["layers"][0]["name"] == "dense_1"


def test_a_repeated_layer_stands_for_as_many_with_numbered_names() -> None:
    assert [layer.name for layer in load(BASE).stack] == ["hidden", "block_1", "block_2", "block_3", "dense_2"]
    unnamed = load(BASE.replace('name = "block"\n', "").replace('name = "hidden"', "repeat = 2"))
    assert [layer.path for layer in unnamed.network(SimpleNamespace(classes=2, outputs=1, tokens=0)).walk()] == [
        *["dense_1", "dense_2"],
        *["residual_1", "residual_1.dense_1", "residual_2", "residual_2.dense_1", "residual_3", "residual_3.dense_1"],
        "dense_3",
    ]
    assert load(unnamed.resolved()) == unnamed


def test_a_preset_is_found_by_name_path_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BASE)
    assert presets.load(path) == presets.load(str(path)) == load(BASE)
    assert presets.load(path).name == "mine"
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    assert presets.load(link) == load(BASE)
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert presets.load(path) == load(BASE)
    with open(path, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
        assert presets.load("-") == load(BASE)


def test_a_data_file_is_looked_for_beside_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BASE.replace('set = "spiral"', 'file = "table.csv"'))
    preset = presets.load(path)
    assert preset.data.file == str(tmp_path / "table.csv")
    assert load(preset.resolved()) == preset
    assert preset.with_overrides(["data.file=other.csv"]).data.file == str(Path.cwd() / "other.csv")
    assert preset.with_overrides(["data.set=xor"]).data.file is None


# -- errors ---------------------------------------------------------------------------------

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
    network = preset.network(SimpleNamespace(classes=2, outputs=1, tokens=0))
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
    facts: Any = SimpleNamespace(classes=0, outputs=1, columns=["weight", "origin=Ulm"])
    assert load(BRANCHED).network(facts)
    with pytest.raises(
        PresetError, match=r"my.toml, line 19, layers.both.branch_2.columns: there is no column \"orign\""
    ):
        load(BRANCHED.replace('"origin"', '"orign"')).network(facts)
    preset = load(BRANCHED).with_overrides(["layers.both.left.columns=[1]", "layers.both.branch_2.columns=[3]"])
    with pytest.raises(PresetError) as caught:
        preset.network(facts).forward(ShapeRecorder(), Shaped("x", (4, 2)))
    assert "--set layers.both.branch_2.columns=[3], layers.both.branch_2: there is no column 3" in str(
        preset.place(caught.value)
    )


# -- overrides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.epochs=7", ("training", "epochs"), 7),
        ("training.optimizer.learning_rate=0.5", ("training", "optimizer", "learning_rate"), 0.5),
        ("training.optimizer.learning_rate = 1e-3", ("training", "optimizer", "learning_rate"), 1e-3),
        ("training.optimizer.learning_rate=.5", ("training", "optimizer", "learning_rate"), 0.5),
        ("training.optimizer=adam", ("training", "optimizer", "type"), "adam"),
        ('training.optimizer={ type = "adam", beta1 = 0.8 }', ("training", "optimizer", "beta1"), 0.8),
        ("training.loss.label_smoothing=", ("training", "loss", "type"), "binary_cross_entropy"),
        ("training.schedule.warm_up=0.1", ("training", "schedule", "warm_up"), 0.1),
        ("training.early_stopping.patience=3", ("training", "early_stopping", "patience"), 3),
        ("training.batch_size=all", ("training", "batch_size"), "all"),
        ("training.epochs=", ("training", "epochs"), 10),
        ("data.set=xor", ("data", "set"), "xor"),
        ('data.features=["x", "xy"]', ("data", "features"), ["x", "xy"]),
        ("data.label=3", ("data", "label"), "3"),
        ("layers.hidden.units=256", ("layers", 0, "units"), 256),
        ("layers.0.units=256", ("layers", 0, "units"), 256),
        ("layers[0].units=256", ("layers", 0, "units"), 256),
        ("layers.-1.bias=false", ("layers", 2, "bias"), False),
        ("layers.dense_2.l2=1e-4", ("layers", 2, "l2"), 1e-4),
        ("layers.block.dense_1.activation=relu", ("layers", 1, "layers", 0, "activation"), "relu"),
        ("layers.block.layers.0.activation=relu", ("layers", 1, "layers", 0, "activation"), "relu"),
        ("layers.block.repeat=9", ("layers", 1, "repeat"), 9),
        ("layers.hidden.initializer.deviation=1", None, "Known: none"),
        ("layers.hidden.initializer=orthogonal", ("layers", 0, "initializer", "type"), "orthogonal"),
        ("title=a=b", ("title",), "a=b"),
    ],
)
def test_an_override_sets_one_key(override: str, path: tuple[Any, ...] | None, value: Any) -> None:
    if path is None:
        with pytest.raises(PresetError, match=value):
            load(BASE).with_overrides([override])
        return
    preset = load(BASE).with_overrides([override])
    found: Any = preset.table()
    for word in path:
        found = found[word]
    assert found == value
    assert load(preset.resolved()) == preset


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("layers.both.left.hidden.units=3", (0, "branches", 0, "layers", 0, "units"), 3),
        ("layers.both.branches.left.layers.hidden.units=3", (0, "branches", 0, "layers", 0, "units"), 3),
        ("layers.both.0.hidden.units=3", (0, "branches", 0, "layers", 0, "units"), 3),
        ('layers.both.branch_2.columns=["1-3"]', (0, "branches", 1, "columns"), ["1-3"]),
        ("layers.both.twin.dense_1.units=3", (0, "branches", 2, "layers", 0, "units"), 3),
        ("layers.both.twin.repeat=3", (0, "branches", 2, "repeat"), 3),
        ("layers.both.join=add", (0, "join"), "add"),
        ("layers.both.left.columns=", (0, "branches", 0, "columns"), []),
    ],
)
def test_an_override_reaches_into_branches(override: str, path: tuple[Any, ...], value: Any) -> None:
    preset = load(BRANCHED).with_overrides([override])
    found: Any = preset.table()["layers"]
    for word in path:
        found = found[word]
    assert found == value
    assert load(preset.resolved()) == preset


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "layers.both.branches.lef.trainable=false",
            'there is no layer "lef"; did you mean "left"? Layers: left, branch_2',
        ),
        ("layers.both.twin_1.repeat=3", '"twin_1" is one of the 2 repeats of "twin"'),
        ("layers.both.left.hidden.units=0", "--set layers.both.left.hidden.units=0: 0 will not do here"),
        ("layers.both.branches=[]", "is empty; put at least one branch inside"),
        ("layers.both.branches=3", "3 will not do here; write each layer as a [[layers.branches]] table"),
    ],
)
def test_a_wrong_override_in_branches_is_named(override: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        load(BRANCHED).with_overrides([override])
    assert words in str(caught.value)


WRONG_OVERRIDES = [
    (
        "layers.hiden.units=3",
        '--set layers.hiden.units=3: there is no layer "hiden"; did you mean "hidden"? Layers: hidden, block, dense_2',
    ),
    ("layers.9.units=3", '--set layers.9.units=3: there is no layer "9".'),
    (
        "layers.hidden.activation=rellu",
        '--set layers.hidden.activation=rellu: "rellu" is not an activation; did you mean "relu"?',
    ),
    (
        "layers.block_2.trainable=false",
        '"block_2" is one of the 3 repeats of "block", which are alike; set layers.block instead',
    ),
    (
        "training.optimizr.learning_rate=1",
        'training.optimizr: "optimizr" is not a setting here; did you mean "optimizer"?',
    ),
    ("training.epochs=many", '--set training.epochs=many: "many" will not do here'),
    ("training.epochs=1\nseed = 3", "--set training.epochs=1␊seed = 3: "),
    ("training.epochs.x=1", "epochs is 5, which has no settings inside"),
    ("training.optimizer={ type = 'adam'", "is not a TOML value; check its brackets and quotes"),
    ("training.optimizer=" + "[" * 50, "brackets stand more than 8 deep"),
    ("epochs=5", '"epochs" is not part of a preset'),
    ("training", "must have the form KEY=VALUE, as in training.epochs=5"),
    ("=5", "must have the form KEY=VALUE"),
    ("data.set=", "--set data.set=, data: says neither set"),
    ("layers=3", "--set layers=3: 3 will not do here"),
    ("layers.block.dense_1=", "at least one layer inside"),
    ("data.set=\x1b[2J", "data.set=␛[2J: there is no set"),
    ("training.loss={type='cross_entropy', class_weights=[1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5]}", None),
]


@pytest.mark.parametrize(("override", "words"), WRONG_OVERRIDES)
def test_a_wrong_override_is_named_as_it_was_given(override: str, words: str | None) -> None:
    if words is None:
        load(BASE).with_overrides([override])
        return
    with pytest.raises(PresetError) as caught:
        load(BASE).with_overrides([override])
    assert words in str(caught.value)


def test_a_list_of_many_numbers_with_points_is_no_deep_key() -> None:
    """A run's own preset.toml writes every number out: what it was given as 1 stands there as 1.0."""
    preset = load(BASE).with_overrides([f"training.loss={{type='cross_entropy', class_weights={[1] * 40}}}"])
    assert load(preset.resolved()).training.loss.class_weights == (1.0,) * 40
    with pytest.raises(PresetError, match="a key has more than 8 dots"):
        load("a.b.c.d.e.f.g.h.i.j = 1\n")
    with pytest.raises(PresetError, match="a key has more than 8 dots"):
        load("a = {1.2.3.4.5.6.7.8.9.10.11 = 1}\n")


def test_an_override_that_makes_two_tables_disagree_is_named() -> None:
    preset = load(BASE).with_overrides(["training.early_stopping.patience=3"])
    with pytest.raises(PresetError, match=r"--set data\.validation=0, training\.early_stopping\.monitor: .*val_loss"):
        preset.with_overrides(["data.validation=0"])


def test_what_only_the_data_shows_to_be_wrong_is_laid_to_the_override_that_said_it() -> None:
    preset = load(BASE).with_overrides(["training.epochs=2", "layers.dense_2.units=7"])
    facts: Any = SimpleNamespace(task="binary", classes=2, outputs=1, tokens=0, steps=0)
    with pytest.raises(PresetError) as caught:
        preset.training.loss.record(ShapeRecorder(), Shaped("y", (4, 7)), Shaped("t", (4, 1)), facts)
    words = "layers.dense_2: the network gives (7) for each example"
    assert str(preset.place(caught.value)).startswith(f"--set layers.dense_2.units=7, {words}")
    assert str(load(BASE).place(caught.value)).startswith(f"my.toml, line 20, {words}")


def test_overrides_leave_the_preset_as_it_was() -> None:
    preset = load(BASE)
    preset.with_overrides(["layers.hidden.units=3", "training.optimizer.learning_rate=3"])
    assert preset == load(BASE)


# -- variants -------------------------------------------------------------------------------

COMPARED = (
    BASE.partition("[training]")[0]
    + """\
[training]                      # line 24
loss = "binary_cross_entropy"
optimizer = { type = "adam", beta1 = 0.8 }

[[variants]]                    # line 28
name = "plain"

[[variants]]                    # line 31
name = "wide"
layers.hidden.units = 64
training = { epochs = 3, optimizer.learning_rate = 0.5 }

[[variants]]                    # line 36
name = "other"
training.optimizer = { type = "sgd" }
layers.block = ""

[[variants]]                    # line 41
name = "whole"
data.set = "xor"
[[variants.layers]]             # line 44
type = "dense"
name = "alone"
units = "outputs"
[variants.training]             # line 48
epochs = 4
"""
)


@pytest.mark.parametrize(
    ("variant", "path", "value"),
    [
        ("plain", ("layers", 0, "units"), 8),
        ("plain", ("training", "optimizer", "beta1"), 0.8),
        ("wide", ("layers", 0, "units"), 64),
        ("wide", ("training", "epochs"), 3),
        ("wide", ("training", "optimizer", "learning_rate"), 0.5),
        ("wide", ("training", "optimizer", "beta1"), 0.8),
        (
            "other",
            ("training", "optimizer"),
            {"type": "sgd", "learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
        ),
        ("other", ("layers", 1, "name"), "dense_2"),
        ("whole", ("layers", 0, "name"), "alone"),
        ("whole", ("data", "set"), "xor"),
        ("whole", ("training", "epochs"), 4),
        ("whole", ("training", "optimizer", "beta1"), 0.8),
    ],
)
def test_a_variant_is_the_preset_with_its_own_settings(variant: str, path: tuple[Any, ...], value: Any) -> None:
    preset = load(COMPARED)
    assert preset.variant_names == ("plain", "wide", "other", "whole")
    found: Any = preset.with_variant(variant).table()
    assert "variants" not in found, "it is a single training"
    for word in path:
        found = found[word]
    assert found == value
    assert load(preset.resolved()).with_variant(variant) == preset.with_variant(variant)


def test_a_preset_that_compares_is_as_it_stands_without_its_variants() -> None:
    head = COMPARED.partition("[[variants]]")[0]
    assert load(COMPARED).with_variant("plain") == load(head) != load(COMPARED)
    assert load(load(COMPARED).resolved()) == load(COMPARED)


def test_what_is_given_on_the_command_line_stands_above_each_variant() -> None:
    made = load(COMPARED).each_variant(["training.epochs=7"])
    assert [each.variant for each in made] == ["plain", "wide", "other", "whole"]
    assert [each.training.epochs for each in made] == [7] * 4
    with pytest.raises(PresetError, match=r'^variant whole, --set layers.hidden.units=3: there is no layer "hidden"'):
        load(COMPARED).each_variant(["layers.hidden.units=3"])
    with pytest.raises(PresetError, match="choose one by --variant NAME"):
        load(COMPARED).with_overrides(["variants.wide.training.epochs=3"])


def test_a_layer_that_a_variant_replaces_keeps_its_name() -> None:
    changed = COMPARED.replace("layers.hidden.units = 64", 'layers.hidden = { type = "dropout", rate = 0.2 }')
    assert load(changed).with_variant("wide").layers[0]["name"] == "hidden"


def test_a_variant_may_replace_a_half_of_a_network_of_two() -> None:
    text = HALVES + (
        '[[variants]]\nname = "one"\n[[variants]]\nname = "two"\n[[variants.encoder]]\ntype = "embedding"\n'
        'units = 8\n[[variants.encoder]]\ntype = "transformer_block"\nheads = 2\n'
    )
    inner = load(text).with_variant("two").layers[0]["layers"]
    assert [table["type"] for table in inner] == ["embedding", "transformer_block"]
    wrong = text.replace('"transformer_block"\nheads', '"transformer_block"\nhead')
    assert 'line 38, variants.two.encoder.transformer_block_1.head: "head" is not a setting' in message(wrong)


def test_the_data_file_of_a_variant_is_looked_for_beside_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(COMPARED.replace('data.set = "xor"', 'data.file = "other.csv"'))
    preset = presets.load(path)
    assert preset.with_variant("whole").data.file == str(tmp_path / "other.csv")
    assert preset.with_variant("whole").data.set is None
    assert load(preset.resolved()).with_variant("whole").data.file == str(tmp_path / "other.csv")


WRONG_VARIANTS = [
    ("layers.hidden.units", "layers.hiden.units", "33, variants.wide.layers.hiden.units: there is no layer"),
    ("layers.hidden.units", "layers.hiden.units", 'did you mean "hidden"? Layers: hidden, block, dense_2'),
    (
        "layers.hidden.units = 64",
        "layers.hidden.unit = 64",
        'my.toml, line 33, variants.wide.layers.hidden.unit: "unit" is not a setting here; did you mean "units"?',
    ),
    ("units = 64", "units = -64", "my.toml, line 33, variants.wide.layers.hidden.units: -64 will not do here"),
    ("epochs = 3,", "epoch = 3,", 'line 34, variants.wide.training.epoch: "epoch" is not a setting here; did you'),
    ("optimizer.learning_rate = 0.5", "seed.x = 1, optimizer = 3", "line 34, variants.wide.training."),
    ('{ type = "sgd" }', '{ type = "sdg" }', 'line 38, variants.other.training.optimizer: "sdg" is not an optimizer'),
    ('block = ""', 'blok = ""', 'line 39, variants.other.layers.blok: there is no layer "blok"; did you mean "block"?'),
    (
        'layers.block = ""',
        "data.validation = 0\ntraining.early_stopping.patience = 3",
        'line 40, variants.other.training.early_stopping.monitor: "val_loss" is not measured',
    ),
    ('"alone"\nunits', '"alone"\nunit', 'line 47, variants.whole.layers.alone.unit: "unit" is not a setting here'),
    ('"alone"\nunits = "outputs"', '"alone"', "my.toml, line 44, variants.whole.layers.alone.units: is missing"),
    ('data.set = "xor"', 'data.set = "xorr"', "my.toml, line 43, variants.whole.data.set: there is no set"),
    ('data.set = "xor"', "lr = 3", 'line 43, variants.whole.lr: "lr" is not part of a variant. Known: name, data, lay'),
    ('data.set = "xor"', "layer = 3", 'line 43, variants.whole.layer: "layer" is not part of a variant; did you mean'),
    ('name = "other"\n', "", "my.toml, line 36, variants[2].name: is missing; each variant has one"),
    ('name = "other"', 'name = "a b"', 'my.toml, line 37, variants[2].name: "a b" will not do here; it must be lett'),
    ('name = "other"', 'name = "wide"', 'my.toml, line 37, variants[2].name: two variants are called "wide"'),
    ('title = "Mine" ', "variants = 3 #", "Cannot overwrite a value"),
    (
        COMPARED[COMPARED.index("[[variants]]                    # line 31") :],
        "",
        "line 28, variants: a comparison has ",
    ),
    ('name = "plain"', "\n[[variants]]\n".join(f"name = 'v{number}'" for number in range(9)), "between 2 and 8"),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG_VARIANTS)
def test_a_mistake_in_a_variant_is_named_with_its_line_and_key(old: str, new: str, words: str) -> None:
    assert old in COMPARED
    assert words in message(COMPARED.replace(old, new, 1))


@pytest.mark.parametrize(("variants", "words"), [("3", "3 will not do here"), ("[1, 2]", "1 is not a variant")])
def test_variants_are_tables(variants: str, words: str) -> None:
    assert words in message(BASE.replace("[data]", f"variants = {variants}\n[data]"))


def test_what_only_the_data_shows_to_be_wrong_is_laid_to_the_variant_that_said_it() -> None:
    key = "layers.hidden.units"
    preset = load(COMPARED)
    place = "my.toml, line 33, variants.wide.layers.hidden.units: "
    assert str(preset.with_variant("wide").place(PresetError("x", key=key))) == f"{place}x"
    assert str(preset.with_variant("plain").place(PresetError("x", key=key))) == f"my.toml, line 9, {key}: x"
    given = preset.with_variant("wide").with_overrides(["layers.hidden.units=3"])
    assert str(given.place(PresetError("x", key=key))) == "--set layers.hidden.units=3: x"


def test_the_variants_of_architecture_match_have_nearly_as_many_parameters() -> None:
    sizes = []
    for preset in presets.load("architecture-match").each_variant():
        inputs, task, classes, outputs = FACTS["fashion"]
        facts: Any = SimpleNamespace(inputs=inputs, task=task, classes=classes, outputs=outputs, tokens=0, steps=0)
        recorder = ShapeRecorder()
        preset.network(facts).forward(recorder, Shaped("x", (4, *inputs)))
        sizes.append(sum(prod(each["shape"]) for each in recorder.parameters.values()))
    assert len(sizes) == 3 and max(sizes) < 1.05 * min(sizes)


# -- hostile files (reliability.md, S7) ----------------------------------------------------------

HOSTILE = {
    "dots": "a" + ".a" * 30_000 + " = 1",
    "dots in a header": "[" + "a." * 30_000 + "a]",
    "dots with blanks": "a" + " . a" * 15_000 + " = 1",
    "brackets": "a = " + "[" * 60_000,
    "braces": "a = " + "{a=" * 20_000,
    "large": "#" * (LARGEST + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_preset_is_refused_before_it_is_parsed(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(PresetError):
        guard(HOSTILE[name])
    assert time.perf_counter() - start < 1.0
    assert message(HOSTILE[name]).startswith("my.toml")


SLOW = {
    "tables": "[[a]]\n" * 10_000,
    "headers": "".join(f"[a.b.c.d.e.f.g.h.i{number}]\n" for number in range(2_700)),
    "dotted keys": "".join(f"a{number}.a.a.a.a.a.a.a.b=1\n" for number in range(2_700)),
    "open strings": '"""' + '\\"""' * 16_000,
    "quotes": 'a = "\n' * 10_000,
    "strings": "a = [" + '"#.[{", ' * 7_000 + "]",
    "layers": '[[layers]]\ntype = "flatten"\n' * 2_000,
    "repeats": "[[layers]]\ntype = 'residual'\nrepeat = 1000\n[[layers.layers]]\ntype = 'residual'\nrepeat = 1000\n"
    "[[layers.layers.layers]]\ntype = 'flatten'\nrepeat = 1000\n",
    "long names": f"[data]\n{'a' * 60_000} = 1\n",
}


@pytest.mark.parametrize("name", SLOW)
def test_a_preset_within_the_limits_is_answered_soon(name: str) -> None:
    text = SLOW[name][:LARGEST] + (
        "" if "layers" not in SLOW[name] else '\n[data]\nset="xor"\n[training]\nloss="huber"\n'
    )
    start = time.perf_counter()
    assert len(message(text)) < 1_000
    assert time.perf_counter() - start < 2.0


def test_dots_and_brackets_in_strings_and_comments_do_not_count() -> None:
    guard('a = "' + "." * 100 + "[" * 100 + '"\n# ' + ".[{" * 100)
    guard("a = '''\n" + ".[" * 100 + "'''\nb = \"\"\"" + '.[\\"' * 100 + '"""""\n')


def test_words_of_a_preset_reach_no_terminal_as_commands() -> None:
    text = message(BASE.replace('"tanh"', '"\\u001b[2J\\u202e"').replace("my", "my"))
    assert "\x1b" not in text and "\u202e" not in text


PIECES = [*"\"'[]{}=.,\n#\\é\0\x1b", '"""', "[[", "nan", "-1", "9" * 30, "true", "type", "layers", "repeat = 9\n"]
ORIGINS = [
    BASE,
    COMPARED,
    *(presets.load(name).text for name in ("deep", "fashion-mlp", "auto-mpg", "fashion-resnet")),
    BRANCHED,
]


def fuzzed(chance: random.Random) -> str:
    """A preset with a few places overwritten, doubled or cut out."""
    text = chance.choice(ORIGINS)
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(text))
        end = place + chance.choice([0, 0, 1, 5, 40])
        text = text[:place] + chance.choice([*PIECES, text[place:end] * 2, ""]) + text[end:]
    return text


def loads_or_is_refused(text: str) -> None:
    try:
        preset = load(text)
    except PresetError as error:
        assert str(error).startswith("my.toml") and error.message
    else:
        assert load(preset.resolved()) == preset


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_fuzzed_preset_loads_or_is_refused_in_words(chance: random.Random) -> None:
    loads_or_is_refused(fuzzed(chance))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_100_000_fuzzed_presets_load_or_are_refused_within_50_ms_each() -> None:
    took = []
    for seed in range(100_000):
        text = fuzzed(random.Random(seed))
        start = time.thread_time()
        loads_or_is_refused(text)
        took.append(time.thread_time() - start)
    assert sorted(took)[-100] < 0.05


# -- lines ----------------------------------------------------------------------------------


def paths(value: Any, here: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    """Every path of a parsed document."""
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    found = {(*here, key) for key, _ in items}
    return found.union(*(paths(inner, (*here, key)) for key, inner in items))


@pytest.mark.parametrize("name", WANTED)
def test_every_key_of_a_preset_has_its_line(name: str) -> None:
    text = presets.load(name).text
    lines = find_lines(text)
    assert set(lines) == paths(tomllib.loads(text))
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1]


def test_lines_are_found_in_every_form_that_toml_has() -> None:
    text = (
        'a.b."c d" = 1\n"e.f" = [\n  1, # one\n  [2,\n   3],\n  { g = "}" , h = [ ] },\n]\nt = """\nx = 1\n"""\n'
        "[k.l]\nm = 1979-05-27 07:32:00.5\nn = -1.5e3\n[[o]]\n[o.p]\nq = '''\n'''\n[[o]]\n[[o.r]]\ns = {t.u = 1}\n"
    )
    lines = find_lines(text)
    assert set(lines) - {("k",)} == paths(tomllib.loads(text)) - {("k",)}
    expected: dict[tuple[str | int, ...], int] = {
        ("a", "b", "c d"): 1,
        ("e.f", 1, 1): 5,
        ("e.f", 2, "h"): 6,
        ("t",): 8,
        ("k", "l", "n"): 13,
        ("o", 0, "p", "q"): 16,
        ("o", 1, "r", 0, "s", "t", "u"): 20,
    }
    assert {path: lines[path] for path in expected} == expected


HALVES = """
title = "Two halves"

[data]
set = "spambase"

[[encoder]]
type = "embedding"
units = 8

[[decoder]]
type = "embedding"
name = "letters"
units = 8

[[decoder]]
type = "decoder_block"
heads = 2

[[decoder]]
type = "unembedding"
embedding = "letters"

[training]
epochs = 1
batch_size = 8
loss = "cross_entropy"
optimizer = { type = "adam" }
"""


def test_encoder_and_decoder_are_two_layers_that_hold_layers() -> None:
    preset = load(HALVES)
    assert [table["type"] for table in preset.layers] == ["encoder", "decoder"]
    assert load(preset.resolved()) == preset
    changed = preset.with_overrides(["decoder.decoder_block_1.heads=4", "layers.encoder.embedding_1.units=16"])
    paths = {layer.path: layer for layer in Network(changed.stack).walk()}
    assert paths["decoder.decoder_block_1"].heads == 4  # type: ignore[attr-defined]
    assert paths["encoder.embedding_1"].units == 16  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("heads = 2", "head = 2", 'line 18, layers.decoder.decoder_block_1.head: "head" is not a setting'),
        ("[[encoder]]", "[[encode]]", "there is no [[encoder]] beside it; write both, or [[layers]]"),
        (
            "[data]",
            "[[layers]]\ntype='flatten'\n[data]",
            "[[layers]], or [[encoder]] and [[decoder]]; take one of them",
        ),
    ],
)
def test_a_mistake_in_one_of_two_halves_is_placed(old: str, new: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        load(HALVES.replace(old, new, 1))
    assert words in str(caught.value)


def test_two_halves_want_data_of_pairs() -> None:
    facts: Any = SimpleNamespace(classes=2, outputs=1, tokens=0, source_steps=0, columns=[])
    with pytest.raises(PresetError, match="encoder and decoder are for pairs of texts"):
        load(HALVES).network(facts)
