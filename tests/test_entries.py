"""A form is made from the declarations of settings: every kind can be read, typed, refused and left out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_fields import Everything
from tuinet.errors import PresetError
from tuinet.fields import as_typed, build_part, check, describe, typed
from tuinet.layers import LAYERS
from tuinet.presets import TrainingSettings
from tuinet.presets.preset import Preset
from tuinet.tui.entries import entered, entries, is_usual

FIELDS = {field.name: field for field in describe(Everything)}
CLASSES = [*LAYERS.values(), TrainingSettings]
ALL = [(cls, field) for cls in CLASSES for field in describe(cls) if field.kind != "stack"]

TYPED: list[tuple[type, str, str, Any]] = [
    (LAYERS["dense"], "units", "64", 64),
    (LAYERS["dense"], "units", " 6_4 ", 64),
    (LAYERS["dense"], "units", "classes", "classes"),
    (LAYERS["dense"], "units", '"classes"', "classes"),
    (LAYERS["dense"], "bias", "no", False),
    (LAYERS["dense"], "bias", "True", True),
    (LAYERS["dense"], "activation", "tanh", "tanh"),
    (LAYERS["dense"], "l2", "1e-4", 1e-4),
    (LAYERS["dense"], "name", "3", "3"),
    (LAYERS["conv2d"], "kernel", "5", 5),
    (LAYERS["conv2d"], "kernel", "3, 5", [3, 5]),
    (LAYERS["conv2d"], "kernel", "[3, 5]", [3, 5]),
    (LAYERS["conv2d"], "kernel", "3×5", [3, 5]),
    (LAYERS["conv2d"], "padding", "same", "same"),
    (LAYERS["conv2d"], "kernel", "x", "x"),
    (LAYERS["reshape"], "shape", "7 7 -1", [7, 7, -1]),
    (LAYERS["branch"], "columns", 'age, "1-4"', ["age", "1-4"]),
    (TrainingSettings, "optimizer", "{ type = 'sgd', momentum = 0.9 }", {"type": "sgd", "momentum": 0.9}),
    (TrainingSettings, "until", "", None),
    (TrainingSettings, "clip_norm", "not a number", "not a number"),
    (TrainingSettings, "batch_size", "all", "all"),
]


def field_of(cls: type, name: str) -> Any:
    return next(field for field in describe(cls) if field.name == name)


@pytest.mark.parametrize(("cls", "name", "text", "value"), TYPED)
def test_what_is_typed_is_read_as_it_is_meant(cls: type, name: str, text: str, value: Any) -> None:
    found = typed(field_of(cls, name), text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("cls", "field"), ALL, ids=lambda value: getattr(value, "name", None) or value.__name__)
def test_every_default_can_be_typed_in_the_form_in_which_it_is_shown(cls: type, field: Any) -> None:
    if field.required or field.default is None or field.kind == "table":
        return
    said = typed(field, as_typed(field, field.default))
    if said is None:
        assert field.default in ("", ())
    else:
        assert is_usual(field, said)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_form_has_a_line_for_every_setting_and_says_what_it_is(cls: type) -> None:
    lines = entries(cls, {})
    own = [line.key for line in lines if line.depth == 0]
    assert own == [field.name for field in describe(cls) if field.kind != "stack"]
    for line in lines:
        assert line.help
        assert line.text in ("", "false")
        assert set(line.options) == set(line.field.options or line.options)


def test_a_part_shows_the_settings_of_the_type_that_is_chosen() -> None:
    def shown(optimizer: Any) -> list[str]:
        return [line.key for line in entries(TrainingSettings, {"optimizer": optimizer}) if line.key.startswith("opt")]

    assert "optimizer.momentum" in shown("sgd") and "optimizer.momentum" not in shown("adam")
    line = next(line for line in entries(TrainingSettings, {"optimizer": {"type": "sgd"}}) if line.key == "optimizer")
    assert line.text == "sgd" and "adam" in line.options


@pytest.mark.parametrize(
    ("table", "key", "text", "result"),
    [
        ({}, "units", "8", {"units": 8}),
        ({"units": 8, "l2": 0.1}, "l2", "", {"units": 8}),
        ({"units": 8}, "initializer", "orthogonal", {"units": 8, "initializer": "orthogonal"}),
        (
            {"units": 8, "initializer": "orthogonal"},
            "initializer.gain",
            "2",
            {"units": 8, "initializer": {"type": "orthogonal", "gain": 2}},
        ),
        (
            {"units": 8, "initializer": {"type": "orthogonal", "gain": 2.0}},
            "initializer",
            "he_normal",
            {"units": 8, "initializer": "he_normal"},
        ),
    ],
)
def test_a_typed_setting_changes_the_table(table: Any, key: str, text: str, result: Any) -> None:
    before = dict(table)
    assert entered(LAYERS["dense"], table, key, text) == result
    assert table == before


def test_another_optimizer_keeps_the_settings_that_both_have() -> None:
    table = {"loss": "cross_entropy", "optimizer": {"type": "adamw", "learning_rate": 0.02, "weight_decay": 0.1}}
    changed = entered(TrainingSettings, table, "optimizer", "sgd")
    assert changed["optimizer"] == {"type": "sgd", "learning_rate": 0.02}


def test_a_table_that_may_be_left_out_is_switched_on_and_off() -> None:
    on = entered(TrainingSettings, {"loss": "huber"}, "early_stopping", "true")
    assert on == {"loss": "huber", "early_stopping": {}}
    inside = entered(TrainingSettings, on, "early_stopping.patience", "9")
    assert inside["early_stopping"] == {"patience": 9}
    assert entered(TrainingSettings, inside, "early_stopping", "false") == {"loss": "huber"}


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("count", "", "is missing; it must be a whole number, at least 1"),
        ("count", "many", '"many" is not known here'),
        ("count", "0", "0 will not do here; it must be a whole number, at least 1"),
        ("share", "1", "1 will not do here; it must be a number, at least 0, below 1"),
        ("share", "1e999", "is not a finite number"),
        ("way", "lef", 'did you mean "left"'),
        ("label", "UP", "it must be lower case letters"),
        ("kind", "dto", 'did you mean "dot"'),
        ("kind.size", "-1", "it must be a number, above 0"),
        ("inner.depth", "-1", "it must be a whole number, at least 0"),
        ("shared", "perhaps", "it must be true or false"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(key: str, text: str, told: str) -> None:
    with pytest.raises(PresetError) as caught:
        entered(Everything, {"count": 3}, key, text)
    assert told in str(caught.value)
    assert caught.value.key == key


def test_hostile_text_comes_back_as_a_sentence_that_a_terminal_can_show() -> None:
    for text in ("\x1b[2J", "‮evil", "9" * 5_000, "{" * 2_000, "x" * 5_000, "[[[["):
        for field in FIELDS.values():
            if field.kind == "stack":
                continue
            try:
                entered(Everything, {"count": 3}, field.name, text)
            except PresetError as error:
                assert "\x1b" not in str(error) and "‮" not in str(error)


def test_the_line_of_a_choice_takes_only_its_own_words() -> None:
    for cls in CLASSES:
        for line in entries(cls, {}):
            for option in line.options:
                if line.depth == 0 and line.field.kind in ("choice", "flag"):
                    check(line.field, typed(line.field, option), line.key)
                elif line.depth == 0 and line.field.kind == "part" and line.key != "loss":
                    build_part(line.field, option, line.key)


def test_the_training_of_a_preset_is_what_its_form_says(tmp_path: Any) -> None:
    from tuinet import presets

    preset: Preset = presets.load("fashion-resnet")
    said = {line.key: line.text for line in entries(TrainingSettings, preset.document["training"])}
    assert said["optimizer"] == "adamw"
    assert said["optimizer.learning_rate"] == "0.002"
    assert said["schedule"] == "one_cycle"
    assert said["early_stopping"] == "false"
