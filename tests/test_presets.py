"""The built-in presets: every one holds, fits its data and teaches what it says; and how a preset is read."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.preset_texts import BASE, FACTS, WANTED, load
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet import presets

# Of texts, for which vocabularies depend on the Python: tokens, and targets of an example.
TEXTS: dict[str, tuple[int, int]] = {
    "python-source": (100, 64),
    "language-reference": (103, 64),
    "topics": (98, 0),
    "surnames": (130, 0),
    "dates": (49, 11),
    "copy": (29, 13),
}


SOURCES = {"dates": 38, "copy": 13}  # of pairs: tokens of the source

# -- the built-in ones -----------------------------------------------------------------------------


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


# -- reading ---------------------------------------------------------------------------------------


def test_defaults_are_written_out() -> None:
    table = load(BASE).table()
    assert table["training"]["optimizer"] == {"type": "sgd", "learning_rate": 0.1, "momentum": 0.0, "nesterov": False}
    assert table["layers"][0]["initializer"] == {"type": "glorot_uniform"}
    assert [layer.get("name") for layer in table["layers"]] == ["hidden", "block", "dense_2"]
    assert table["layers"][1]["layers"][0]["name"] == "dense_1"


def test_a_repeated_layer_stands_for_as_many_with_numbered_names() -> None:
    assert [layer.name for layer in load(BASE).stack] == ["hidden", "block_1", "block_2", "block_3", "dense_2"]
    unnamed = load(BASE.replace('name = "block"\n', "").replace('name = "hidden"', "repeat = 2"))
    facts: Any = SimpleNamespace(classes=2, outputs=1, tokens=0, steps=0, source_steps=0)
    assert [layer.path for layer in unnamed.network(facts).walk()] == [
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
