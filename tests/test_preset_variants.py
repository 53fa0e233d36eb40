"""A preset that compares: what each of its trainings is, and how a mistake in one is named."""

from __future__ import annotations

from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.preset_texts import BASE, FACTS, load, message
from tests.shape_recorder import Shaped, ShapeRecorder
from tests.test_preset_halves import HALVES
from tuinet import presets
from tuinet.errors import PresetError

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
        facts: Any = SimpleNamespace(
            inputs=inputs, task=task, classes=classes, outputs=outputs, tokens=0, steps=0, source_steps=0
        )
        recorder = ShapeRecorder()
        preset.network(facts).forward(recorder, Shaped("x", (4, *inputs)))
        sizes.append(sum(prod(each["shape"]) for each in recorder.parameters.values()))
    assert len(sizes) == 3 and max(sizes) < 1.05 * min(sizes)
