"""--set KEY=VALUE: what it reaches, and how what cannot be is named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.preset_texts import BASE, BRANCHED, load
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError


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
    facts: Any = SimpleNamespace(task="binary", classes=2, outputs=1, tokens=0, steps=0, source_steps=0)
    with pytest.raises(PresetError) as caught:
        preset.training.loss.record(ShapeRecorder(), Shaped("y", (4, 7)), Shaped("t", (4, 1)), facts)
    words = "layers.dense_2: the network gives (7) for each example"
    assert str(preset.place(caught.value)).startswith(f"--set layers.dense_2.units=7, {words}")
    assert str(load(BASE).place(caught.value)).startswith(f"my.toml, line 20, {words}")


def test_overrides_leave_the_preset_as_it_was() -> None:
    preset = load(BASE)
    preset.with_overrides(["layers.hidden.units=3", "training.optimizer.learning_rate=3"])
    assert preset == load(BASE)
