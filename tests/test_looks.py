"""Looks: what is answered is NumPy's own answer, what cannot be had is refused in a sentence with its place."""

from __future__ import annotations

import math
import re
import shutil
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import golden_run
from tuinet import presets
from tuinet.data import Facts
from tuinet.diagnostics.pictures import edges, limit_of, values_of
from tuinet.errors import TuinetError
from tuinet.fields import describe
from tuinet.runs import RunFolder
from tuinet.runs.probes import Probes, ProbeWriter
from tuinet.training.engine import RealEngine
from tuinet.training.looks import LOOKS, FolderSource, LiveSource, Look, answer

SHAPES = {
    "conv.W": (3, 2, 5, 7), "conv.b": (7,), "hidden.W": (48, 9), "hidden.b": (9,), "norm.g": (9,),
    "out.W": (9, 48), "out.b": (48,),
}  # fmt: skip
FROZEN = "norm.g"


class Trained:
    """The part of a trainer that is looked at, with numbers of its own."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        draws = np.random.default_rng(3)
        self.step = 40
        self.values = {name: draws.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        self.gradients = {name: draws.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        kept = [
            SimpleNamespace(name=name, shape=shape, kind="frozen" if name == FROZEN else "parameter")
            for name, shape in shapes.items()
        ]
        self.program = SimpleNamespace(kept=lambda: kept)
        self.value, self.gradient = self.values.__getitem__, self.gradients.__getitem__


def facts(**changes: Any) -> Facts:
    made = {"name": "made", "source": "made", "inputs": (4, 6, 2), "task": "reals", "classes": 0, "outputs": 48}
    return Facts(**{**made, **changes})


@pytest.fixture
def live(tmp_path: Path) -> LiveSource:
    trained = Trained(SHAPES)
    first = {name: np.zeros_like(value) for name, value in trained.values.items()}
    updates = {"hidden.W": np.full(SHAPES["hidden.W"], 0.5, np.float32)}
    bound: Any = SimpleNamespace(facts=facts())
    source = LiveSource(trained, bound, updates=updates, initial=first, probes=Probes(tmp_path))
    writer = ProbeWriter(tmp_path, 0)
    now = {name: value.copy() for name, value in trained.values.items()}
    for step in (0, 10, 30):
        for name, value in now.items():
            trained.values[name][...] = value * step / 40
        writer.take(step, source)
    for name, value in now.items():
        trained.values[name][...] = value
    return source


def look(source: Any, name: str, **request: Any) -> Look:
    return answer(source, {"look": name, **request})


def cells(found: Look) -> np.ndarray:
    fields = found.fields
    levels = np.frombuffer(found.body, np.uint8).reshape(fields["rows"], fields["columns"])
    return values_of(levels, fields["limit"])


# -- a heatmap ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slot", SHAPES)
@pytest.mark.parametrize("mode", ["value", "change"])
def test_a_heatmap_with_room_for_all_numbers_shows_each(live: LiveSource, slot: str, mode: str) -> None:
    found = look(live, "heatmap", slot=slot, mode=mode, rows=100, columns=100)
    array = live.value(slot)
    limit = found.fields["limit"]
    wanted = np.clip(array.reshape(found.fields["matrix"]), -limit, limit)
    np.testing.assert_allclose(cells(found), wanted, atol=limit / 254)
    assert found.fields["exact"] and found.fields["shape"] == list(SHAPES[slot])
    assert found.fields["step"] == 40 and not found.fields["past"]
    assert (found.fields["lowest"], found.fields["highest"]) == (array.min(), array.max())


def test_a_heatmap_that_is_smaller_shows_means_and_says_the_extremes(live: LiveSource) -> None:
    found = look(live, "heatmap", slot="hidden.W", mode="gradient", rows=5, columns=4, bins=6)
    array = live.gradient("hidden.W")
    rows, columns = edges(0, 48, 5), edges(0, 9, 4)
    wanted = np.array([[array[a:b, c:d].mean() for c, d in pairwise(columns)] for a, b in pairwise(rows)])
    limit = found.fields["limit"]
    assert limit == limit_of(wanted) and not found.fields["exact"]
    np.testing.assert_allclose(cells(found), wanted, atol=limit / 254 + 1e-6)
    assert found.fields["highest"] == array.max() > limit
    assert found.fields["counts"] == np.histogram(array.astype(np.float64), 6)[0].tolist()


def test_an_update_is_what_the_watched_step_added(live: LiveSource) -> None:
    found = look(live, "heatmap", slot="hidden.W", mode="update", rows=3, columns=3)
    assert found.fields["limit"] == 0.5 and set(found.body) == {255}


def test_a_part_is_cut_out_of_the_matrix(live: LiveSource) -> None:
    found = look(live, "heatmap", slot="hidden.W", crop=[4, 20, 2, 5], rows=64, columns=64)
    array, limit = live.value("hidden.W")[4:20, 2:5], found.fields["limit"]
    np.testing.assert_allclose(cells(found), np.clip(array, -limit, limit), atol=limit / 254)
    assert found.fields["mean"] == pytest.approx(array.mean(dtype=np.float64))


def test_the_past_is_the_newest_probe_that_is_not_after_the_step(live: LiveSource) -> None:
    found = look(live, "heatmap", slot="hidden.W", at=29, rows=100, columns=100)
    assert (found.fields["step"], found.fields["past"], found.fields["exact"]) == (10, True, True)
    limit = found.fields["limit"]
    np.testing.assert_allclose(cells(found), np.clip(live.value("hidden.W") / 4, -limit, limit), atol=limit / 60)
    changed = look(live, "heatmap", slot="hidden.W", at=29, mode="change", rows=100, columns=100)
    np.testing.assert_allclose(cells(changed), cells(found), atol=found.fields["limit"] / 60)


def test_a_number_that_is_none_is_counted_and_left_blank(live: LiveSource) -> None:
    live.value("hidden.W")[3, 4] = math.nan
    found = look(live, "heatmap", slot="hidden.W", rows=100, columns=100)
    assert found.fields["strange"] == 1 and math.isfinite(found.fields["mean"])
    assert np.argwhere(np.isnan(cells(found))).tolist() == [[3, 4]]


# -- the others -----------------------------------------------------------------------------------------------------


def test_parameters_are_listed_in_slot_order(live: LiveSource) -> None:
    rows = look(live, "parameters").fields["parameters"]
    assert [row["name"] for row in rows] == list(SHAPES)
    assert [row["layer"] for row in rows] == ["conv", "conv", "hidden", "hidden", "norm", "out", "out"]
    assert rows[0] | {"size": 210, "shape": [3, 2, 5, 7]} == rows[0]
    assert [row["name"] for row in rows if not row["trainable"]] == [FROZEN]


@pytest.mark.parametrize("mode", ["value", "gradient"])
def test_filters_of_a_convolution_are_tiles(live: LiveSource, mode: str) -> None:
    found = look(live, "tiles", slot="conv.W", mode=mode, first=3, count=30)
    fields = found.fields
    assert {"total": 35, "first": 3, "count": 30, "height": 3, "width": 2, "channels": 5, "each": "filter"}.items() <= (
        fields.items()
    )
    array = live.value("conv.W") if mode == "value" else live.gradient("conv.W")
    values = values_of(np.frombuffer(found.body, np.uint8).reshape(30, 3, 2), fields["limit"])
    for tile in range(30):
        of, channel = divmod(tile + 3, 5)
        wanted = np.clip(array[:, :, channel, of], -fields["limit"], fields["limit"])
        np.testing.assert_allclose(values[tile], wanted, atol=fields["limit"] / 254)


def test_first_weights_over_pictures_are_what_each_neuron_looks_for() -> None:
    trained = Trained({"hidden.W": (48, 9), "out.W": (9, 48)})
    source = LiveSource(trained, SimpleNamespace(facts=facts()))  # type: ignore[arg-type]
    found = look(source, "tiles", slot="hidden.W", count=100)
    assert (found.fields["total"], found.fields["channels"], found.fields["each"]) == (18, 2, "neuron")
    values = values_of(np.frombuffer(found.body, np.uint8).reshape(18, 4, 6), found.fields["limit"])
    picture = trained.values["hidden.W"][:, 4].reshape(4, 6, 2)[:, :, 1]
    limit = found.fields["limit"]
    np.testing.assert_allclose(values[9], np.clip(picture, -limit, limit), atol=limit / 254)
    painted = look(source, "tiles", slot="out.W", count=100)  # an autoencoder: the outputs are the inputs
    assert (painted.fields["total"], painted.fields["height"], painted.fields["width"]) == (18, 4, 6)


def test_a_histogram_is_numpys(live: LiveSource) -> None:
    found = look(live, "histogram", slot="out.W", mode="gradient", bins=11).fields
    array = live.gradient("out.W").astype(np.float64)
    assert found["counts"] == np.histogram(array, 11)[0].tolist()
    assert found["deviation"] == pytest.approx(array.std())


def test_a_cell_is_one_number_with_its_history(live: LiveSource) -> None:
    found = look(live, "cell", slot="conv.W", index=[2, 0, 4, 6]).fields
    value = float(live.value("conv.W")[2, 0, 4, 6])
    assert (found["value"], found["gradient"]) == (value, float(live.gradient("conv.W")[2, 0, 4, 6]))
    assert found["update"] is None and found["why"] == {"update": "the update is taken with the next step"}
    assert found["change"] == value and found["block"] == 1
    assert [step for step, _ in found["history"]] == [0, 10, 30]
    np.testing.assert_allclose([number for _, number in found["history"]], [0, value / 4, value * 3 / 4], atol=0.03)
    then = look(live, "cell", slot="conv.W", index=[2, 0, 4, 6], at=12).fields
    assert then["value"] == found["history"][1][1] and then["gradient"] is None


WRONG = [
    ({"look": "heatmp"}, '"heatmp" is nothing that can be looked at; did you mean "heatmap"?'),
    ({"look": 7}, "7 is nothing that can be looked at; known: parameters, heatmap"),
    ({}, "is nothing that can be looked at"),
    ({"look": "heatmap"}, "heatmap.slot: is missing"),
    ({"look": "heatmap", "slot": "hiden.W"}, 'there is no parameter "hiden.W"; did you mean "hidden.W"?'),
    ({"look": "heatmap", "slot": 3.5}, "heatmap.slot: 3.5 will not do here"),
    ({"look": "heatmap", "slot": "out.W", "mode": "valu"}, '"valu" is not a mode; did you mean "value"?'),
    ({"look": "heatmap", "slot": "out.W", "rows": 0}, "heatmap.rows: 0 will not do here"),
    ({"look": "heatmap", "slot": "out.W", "columns": 513}, "heatmap.columns: 513 is too large; at most 512"),
    ({"look": "heatmap", "slot": "out.W", "crop": [0, 10, 0, 4]}, "[0, 10, 0, 4] is no part of 9 rows and 48 columns"),
    ({"look": "heatmap", "slot": "out.W", "crop": [3, 3, 0, 4]}, "heatmap.crop: [3, 3, 0, 4] is no part"),
    ({"look": "heatmap", "slot": "out.W", "crop": [0, 3]}, "is no part of 9 rows"),
    ({"look": "heatmap", "slot": "out.W", "crop": [-1, 3, 0, 1]}, "heatmap.crop"),
    ({"look": "heatmap", "slot": "out.W", "mode": "update"}, "the update is taken with the next step"),
    ({"look": "heatmap", "slot": "norm.g", "mode": "gradient"}, "norm.g is not trained, so it has no gradient"),
    ({"look": "heatmap", "slot": "out.W", "mode": "gradient", "at": 3}, "the gradient of step 3 is gone"),
    ({"look": "heatmap", "slot": "out.W", "size": 3}, '"size" is not a setting here'),
    ({"look": "tiles", "slot": "hidden.b"}, "hidden.b (9) has no pictures"),
    ({"look": "tiles", "slot": "conv.W", "first": 35}, "conv.W has 35 tiles, numbered from 0"),
    ({"look": "cell", "slot": "out.W", "index": [9, 0]}, "cell.index: out.W is 9 × 48; [9, 0] is not in it"),
    ({"look": "cell", "slot": "out.W", "index": [1]}, "[1] is not in it"),
    ({"look": "cell", "slot": "out.W", "index": [1, -1]}, "cell.index"),
    ({"look": "plane"}, "made does not lie in a plane: only examples of two numbers do"),
    ({"look": "plane", "at": 4}, "of step 4 this is not kept: only the newest can be seen"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "sentence"), WRONG)
def test_what_cannot_be_had_is_said_in_a_sentence(live: LiveSource, request_: dict[str, Any], sentence: str) -> None:
    live.bound = SimpleNamespace(facts=live.facts, scaler=None)  # type: ignore[assignment]
    with pytest.raises(TuinetError) as raised:
        answer(live, request_)
    assert sentence in str(raised.value)


def test_before_the_first_step_there_is_no_gradient_and_no_history(tmp_path: Path) -> None:
    trained = Trained(SHAPES)
    trained.step = 0
    source = LiveSource(trained, SimpleNamespace(facts=facts()))  # type: ignore[arg-type]
    with pytest.raises(TuinetError, match="no step was taken yet"):
        look(source, "heatmap", slot="out.W", mode="gradient")
    with pytest.raises(TuinetError, match=r"there is no probe of out[.]W at or before step 0"):
        look(source, "heatmap", slot="out.W", mode="change")
    with pytest.raises(TuinetError, match=r"there is no probe of out[.]W at or before step 12"):
        look(source, "heatmap", slot="out.W", at=12)
    assert look(source, "cell", slot="out.W", index=[0, 0]).fields["history"] == []


def test_a_history_of_another_shape_is_not_taken_for_this_one(live: LiveSource) -> None:
    live.trainer.values["out.W"] = np.zeros((9, 50), np.float32)  # type: ignore[attr-defined]
    next(slot for slot in live.trainer.program.kept() if slot.name == "out.W").shape = (9, 50)
    live = LiveSource(live.trainer, live.bound, probes=live.probes)
    with pytest.raises(TuinetError, match=r"out[.]W was 9 × 48 after step 10; it is 9 × 50 now"):
        look(live, "heatmap", slot="out.W", at=12)
    assert look(live, "cell", slot="out.W", index=[0, 0]).fields["history"] == []


FORMATS = Path(__file__).parents[1] / "docs" / "formats.md"
DOCUMENTED = {
    name: [set(re.findall(r"`([^`]+)`", cell)) for cell in cells]
    for line in FORMATS.read_text(encoding="utf-8").split("| `look` | `request` |")[1].splitlines()
    if line.startswith("| `")
    for name, *cells in [[part.strip(" `") if place == 0 else part for place, part in enumerate(line.split("|")[1:4])]]
    if name in LOOKS
}


@pytest.mark.parametrize("name", LOOKS)
def test_every_request_is_documented(name: str) -> None:
    assert DOCUMENTED[name][0] - {"update"} == {field.name for field in describe(LOOKS[name])}


ANSWERED = [
    ("parameters", {}), ("heatmap", {"slot": "out.W", "bins": 3}), ("tiles", {"slot": "conv.W"}),
    ("histogram", {"slot": "out.W"}), ("cell", {"slot": "out.W", "index": [0, 0]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "request_"), ANSWERED)
def test_every_field_of_an_answer_is_documented(live: LiveSource, name: str, request_: dict[str, Any]) -> None:
    assert set(look(live, name, **request_).fields) <= DOCUMENTED[name][1]


# -- what a run has left --------------------------------------------------------------------------------------------


@pytest.fixture
def left(tmp_path: Path) -> FolderSource:
    golden = Path(__file__).with_name("golden") / "run"
    return FolderSource(RunFolder(shutil.copytree(golden, tmp_path / golden_run.ID)))


def test_a_finished_run_shows_the_weights_of_its_checkpoint(left: FolderSource) -> None:
    rows = look(left, "parameters").fields
    assert [row["name"] for row in rows["parameters"]] == list(golden_run.arrays(230)[0])
    assert (rows["step"], rows["live"]) == (230, False)
    found = look(left, "heatmap", slot="neuron.W", rows=4, columns=4)
    assert cells(found).ravel().tolist() == pytest.approx([230.0] * 3, abs=1)
    with pytest.raises(TuinetError, match="a run that does not train keeps no gradients"):
        look(left, "heatmap", slot="neuron.W", mode="gradient")
    with pytest.raises(TuinetError, match="a run that does not train computes nothing"):
        look(left, "plane")


def test_without_a_checkpoint_the_history_still_shows(left: FolderSource) -> None:
    shutil.rmtree(left.run.path / "checkpoints")
    assert look(left, "parameters").fields["parameters"][0]["name"] == "neuron.W"
    found = look(left, "heatmap", slot="neuron.W", at=1000)
    assert found.fields["step"] == 230
    with pytest.raises(TuinetError, match="has no weights yet: there is no checkpoint of it"):
        look(left, "heatmap", slot="neuron.W")


def test_a_damaged_preset_and_data_only_cost_the_words_for_layers(left: FolderSource) -> None:
    (left.run.path / "preset.toml").write_text("[[layers", encoding="utf-8")
    (left.run.path / "data.json").write_text("{}", encoding="utf-8")
    row = look(left, "parameters").fields["parameters"][0]
    assert (row["layer"], row["of"]) == ("neuron", "")


# -- real trainings -------------------------------------------------------------------------------------------------


def trained(name: str, *overrides: str, steps: int = 30) -> LiveSource:
    preset, engine = presets.load(name).with_overrides(list(overrides)), RealEngine()
    bound = engine.bind(preset)
    trainer: Any = engine.trainer(preset, bound, device="reference", threads=1, on_compile=lambda *ignored: None)
    first = trainer.model()
    trainer.run(60.0, steps)
    return LiveSource(trainer, bound, preset.network(bound.facts), initial=first)


@pytest.fixture(scope="module")
def xor() -> LiveSource:
    return trained("xor")


def test_a_trainings_own_numbers_are_shown(xor: LiveSource) -> None:
    rows = look(xor, "parameters").fields["parameters"]
    assert [(row["name"], row["of"]) for row in rows] == [
        ("hidden.W", "dense"), ("hidden.b", "dense"), ("out.W", "dense"), ("out.b", "dense"),
    ]  # fmt: skip
    trainer: Any = xor.trainer
    for mode, array in (("value", trainer.model()["hidden.W"]), ("gradient", trainer.gradients()["hidden.W"]),
                        ("change", trainer.model()["hidden.W"] - xor.first["hidden.W"])):  # fmt: skip
        assert look(xor, "cell", slot="hidden.W", index=[1, 3]).fields[mode] == array[1, 3]


def test_the_surface_is_the_networks_own_answer(xor: LiveSource) -> None:
    found = look(xor, "plane", size=9).fields
    x0, x1, y0, y1 = found["box"]
    points = np.stack(np.meshgrid(np.linspace(x0, x1, 9), np.linspace(y1, y0, 9)), -1).reshape(-1, 2)
    logits = xor.trainer.outputs(xor.bound.prepare(points))[:, 0]
    levels = np.frombuffer(look(xor, "plane", size=9).body, np.uint8)
    np.testing.assert_allclose(values_of(levels, 1.0), 2 / (1 + np.exp(-logits)) - 1, atol=1 / 250)
    assert found["signed"] and found["limit"] == 1.0 and len(found["points"]) == len(xor.bound.train.inputs) == 250
    x, y, label = found["points"][5]
    assert xor.bound.prepare(np.array([[x, y]]))[0] == pytest.approx(xor.bound.train.inputs[5], abs=1e-5)
    assert label == xor.bound.train.targets[5]


def test_each_neuron_of_a_layer_is_shown_over_the_plane(xor: LiveSource) -> None:
    found = look(xor, "plane", layer="hidden", size=20, first=2, count=3)
    assert (found.fields["total"], found.fields["count"]) == (8, 3)
    x0, x1, y0, y1 = found.fields["box"]
    points = np.stack(np.meshgrid(np.linspace(x0, x1, 20), np.linspace(y1, y0, 20)), -1).reshape(-1, 2)
    model: Any = xor.trainer.model()  # type: ignore[attr-defined]
    values = np.tanh(xor.bound.prepare(points) @ model["hidden.W"] + model["hidden.b"])[:, 2:5]
    levels = np.frombuffer(found.body, np.uint8).reshape(3, -1).T
    np.testing.assert_allclose(values_of(levels, found.fields["limit"]), values, atol=0.01)
    with pytest.raises(TuinetError, match=r'"hiden" is no layer of this network; did you mean "hidden"\?'):
        look(xor, "plane", layer="hiden")


def test_points_are_left_out_where_the_network_is_not_given_x_and_y() -> None:
    source = trained("circle", 'data.features=["x2", "y2"]', steps=2)
    found = look(source, "plane", size=8).fields
    assert found["points"] == [] and found["box"] == [-6.0, 6.0, -6.0, 6.0]


def test_a_surface_of_numbers_lies_around_their_mean() -> None:
    source = trained("plane", steps=2)
    found = look(source, "plane", size=8)
    x0, x1, y0, y1 = found.fields["box"]
    points = np.stack(np.meshgrid(np.linspace(x0, x1, 8), np.linspace(y1, y0, 8)), -1).reshape(-1, 2)
    outputs = source.facts.in_own_units(source.trainer.outputs(source.bound.prepare(points)))[:, 0]
    levels, limit = np.frombuffer(found.body, np.uint8), found.fields["limit"]
    wanted = np.clip(outputs - found.fields["middle"], -limit, limit)
    np.testing.assert_allclose(values_of(levels, limit), wanted, atol=limit / 250)
