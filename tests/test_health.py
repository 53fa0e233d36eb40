"""What is seen inside a network is what it computes, looking changes nothing, each illness has a mark of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.networks import dense, layer, make, make_tokens, optimizers, pair_stacks, stacks, token_stacks
from tuinet.diagnostics.health import DEAD, SATURATED, Seen, Weights, dead, health, saturated, update_ratio
from tuinet.engine import inspection, reference
from tuinet.engine.trainer import Trainer
from tuinet.layers.initializers import INITIALIZERS
from tuinet.optimizers import OPTIMIZERS
from tuinet.training.looks import LiveSource, answer
from tuinet.training.looks.fit import layers_seen

NETWORKS: dict[str, Any] = {
    **{name: lambda layers=layers: make(layers, device="reference") for name, layers in stacks().items()},
    **{
        f"tokens {name}": lambda layers=layers: make_tokens(layers, device="reference", padded=True)
        for name, layers in token_stacks().items()
    },
    **{
        f"pairs {name}": lambda layers=layers: make_tokens(layers, device="reference", padded=True, steps=14, source=8)
        for name, layers in pair_stacks().items()
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_layer_of_what_is_seen_gives_the_networks_outputs(name: str) -> None:
    trainer: Trainer = NETWORKS[name]()
    inputs = trainer.bound.train.inputs
    found = trainer.activations(inputs)
    paths = [path for path, *_ in trainer.plan.marks]
    assert list(found) == paths
    last = [path for path in paths if "." not in path][-1]
    count = len(found[last].output)
    assert count >= inspection.LEAST_ROWS
    wanted = trainer.outputs(inputs[:count])
    np.testing.assert_allclose(found[last].output.reshape(count, -1), wanted.reshape(count, -1), rtol=1e-9, atol=1e-12)


def test_looking_leaves_the_training_as_it_is_to_the_last_bit() -> None:
    layers = stacks()["batch norm"] + [layer("dropout", rate=0.3), dense(5)]
    looked, alone = make(layers), make(layers)
    slots = [slot.name for slot in looked.program.slots]
    for _ in range(4):
        looked.run(60.0, looked.step + 3)
        alone.run(60.0, alone.step + 3)
        looked.activations(looked.bound.train.inputs)
        looked.changes()
    assert [slot.name for slot in looked.program.slots] == slots
    for name, array in alone.model().items():
        assert looked.model()[name].tobytes() == array.tobytes()


def test_functions_are_seen_by_unit_in_the_layer_that_has_them() -> None:
    layers = [
        layer("reshape", shape=(4, 3, 1)),
        layer("conv2d", filters=2, kernel=(2, 2), activation="relu"),
        layer("max_pool", size=(2, 2)),
        layer("flatten"),
        layer("residual", layers=(dense(2, "tanh"),)),
        dense(5),
    ]
    trainer = make(layers, device="reference")
    found = trainer.activations(trainer.bound.train.inputs)
    functions = {path: [(name, values.shape[1:]) for name, values in seen.functions] for path, seen in found.items()}
    assert functions["conv2d_1"] == [("relu", (6, 2))]  # 3 x 2 places, 2 channels, though the pool comes first in use
    assert functions["residual_1.dense_1"] == [("tanh", (1, 2))]
    assert not functions["max_pool_1"] and not functions["residual_1"] and not functions["dense_1"]
    conv = found["conv2d_1"]
    assert np.array_equal(conv.functions[0][1].reshape(conv.output.shape), conv.output)


@pytest.mark.parametrize("name", optimizers())
@pytest.mark.parametrize("settings", [{}, {"accumulate": 2, "clip_norm": 0.01}], ids=["plain", "accumulated, clipped"])
def test_an_update_is_what_the_optimizer_makes_of_the_last_gradient(name: str, settings: dict[str, Any]) -> None:
    trainer = make([dense(7, "tanh"), dense(5)], optimizer=optimizers()[name], device="reference", **settings)
    assert trainer.changes() == {}
    trainer.run(60.0, 5)
    before, found = trainer.model(), trainer.changes()
    trainer.arena.view(trainer.program.step)[...] = 4  # the same update once more, in its own memory
    reference.run(trainer.plan.updates, trainer.arena)
    for parameter, gradient in trainer.gradients().items():
        change = found[parameter]
        moved = trainer.model()[parameter] - before[parameter]
        np.testing.assert_allclose(change.update, moved.ravel(), rtol=1e-9, atol=1e-15)
        assert np.array_equal(change.gradient, gradient.ravel())
        assert change.gradient_norm == pytest.approx(np.linalg.norm(gradient))


def test_of_a_large_parameter_some_numbers_are_seen_and_the_same_ones_of_all_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make([dense(64, "relu"), dense(5)], optimizer=OPTIMIZERS["sgd"](learning_rate=0.5), threads=2)
    trainer.run(60.0, 3)
    part = inspection.changes(trainer.plan, trainer.arena, most=10)["dense_1.W"]
    assert len(part.values) == 10
    np.testing.assert_allclose(part.update, -0.5 * part.gradient, rtol=1e-4, atol=1e-7)
    assert part.gradient_norm == pytest.approx(np.linalg.norm(trainer.gradients()["dense_1.W"]), rel=1e-5)


# -- illnesses --------------------------------------------------------------------------------------------------------


def marks(trainer: Trainer) -> dict[str, list[str]]:
    trainer.bound.validation = None
    source = LiveSource(trainer, trainer.bound)
    found = answer(source, {"look": "health"}).fields["layers"]
    assert all(layer["state"] == ("ok" if not layer["marks"] else layer["state"]) for layer in found.values())
    assert all(len(layer["marks"]) == len(layer["reasons"]) for layer in found.values())
    return {path: layer["marks"] for path, layer in found.items()}


def trained(layers: list[Any], rate: float = 1e-3, steps: int = 150, **changes: np.ndarray) -> Trainer:
    """changes: what parameters are set to before the last step."""
    trainer = make(layers, optimizer=OPTIMIZERS["adam"](learning_rate=rate), device="reference")
    trainer.run(60.0, steps - 1)
    model = trainer.model()
    trainer.load({**model, **{name.replace("__", "."): array for name, array in changes.items()}}, None, None)
    trainer.run(60.0, steps)
    return trainer


HEALTHY = [dense(24, "relu"), dense(16, "tanh"), dense(5)]


def test_a_healthy_network_has_no_mark() -> None:
    assert marks(trained(HEALTHY)) == {"dense_1": [], "dense_2": [], "dense_3": []}


def test_relu_units_that_a_bias_has_killed_are_found_as_dead() -> None:
    b = np.zeros(24, np.float32)
    b[:16] = -100
    assert marks(trained(HEALTHY, dense_1__b=b)) == {"dense_1": ["dead"], "dense_2": [], "dense_3": []}


def test_a_tanh_that_is_driven_far_out_is_found_as_saturated() -> None:
    W = np.random.default_rng(2).normal(0, 20, (24, 16)).astype(np.float32)
    found = marks(trained(HEALTHY, dense_2__W=W))
    assert found["dense_2"] == ["saturated"] and not found["dense_3"]


def test_a_gradient_that_vanishes_on_its_way_is_found_where_it_has_vanished() -> None:
    layers = [dense(9, "sigmoid", initializer=INITIALIZERS["normal"](deviation=0.1)) for _ in range(7)]
    found = marks(trained([*layers, dense(5)], steps=2))
    assert found["dense_1"] == ["vanishing"] and found["dense_8"] == [] and found["dense_7"] == []


def test_updates_that_are_too_large_or_too_small_are_found_once_training_has_settled() -> None:
    fast, slow = (marks(trained(HEALTHY, rate=rate)) for rate in (0.1, 1e-6))
    assert "fast" in fast["dense_3"] and not any("slow" in found for found in fast.values())
    assert all(found == ["slow"] for found in slow.values())
    assert marks(trained(HEALTHY, rate=1e-6, steps=50)) == {"dense_1": [], "dense_2": [], "dense_3": []}


def test_a_number_that_is_none_is_found_before_anything_else() -> None:
    trainer = trained(HEALTHY)
    model = trainer.model()
    model["dense_2.W"][3, 4] = np.nan
    trainer.load(model, None, None)
    found = answer(LiveSource(trainer, SimpleNamespace(**{**vars(trainer.bound), "validation": None})),
                   {"look": "health"}).fields["layers"]  # fmt: skip
    assert found["dense_2"]["state"] == "bad" and found["dense_2"]["marks"][0] == "not finite"
    assert "weights are no number" in found["dense_2"]["reasons"][0]
    assert found["dense_1"]["marks"] == [] and found["dense_2"]["mean"] is None


def test_a_layer_that_holds_others_tells_what_is_wrong_inside() -> None:
    inner = Seen(functions=[("relu", np.zeros((8, 1, 4)))], output=np.zeros((8, 4)))
    found = health({"block.dense": inner, "block": Seen(output=np.zeros((8, 4)))}, step=5)
    assert found["block"].state == "bad"
    assert found["block"].findings[0].text.startswith("dense: 100% of its units are dead")


def test_small_updates_that_a_schedule_has_asked_for_are_nothing_to_be_warned_of() -> None:
    values = np.random.default_rng(1).normal(size=200)
    weights = [Weights(values, 200, True, values, 10.0, values * 1e-5)]
    assert health({"a": Seen(weights)}, step=500)["a"].findings[0].mark == "slow"
    assert health({"a": Seen(weights)}, step=500, rate_factor=0.01)["a"].findings == ()


# -- figures ----------------------------------------------------------------------------------------------------------


def test_shares_of_units_and_values_are_those_of_plain_counting() -> None:
    values = np.array([[[0.0, 1.0, -1.0]], [[0.0, 0.0, 0.5]]])
    assert dead(values) == 1 / 3
    assert saturated("tanh", np.array([0.98, -0.98, 0.96, 0.0])) == 0.5
    assert saturated("sigmoid", np.array([0.01, 0.99, 0.02, 0.5])) == 0.5
    assert DEAD[0] < DEAD[1] and SATURATED[0] < SATURATED[1]


def test_the_update_ratio_is_that_of_deviations_of_matrices_in_powers_of_ten() -> None:
    draws = np.random.default_rng(4)
    a, b, offsets = draws.normal(size=300), draws.normal(size=100), np.full(5, 7.0)
    found = update_ratio([
        Weights(a, 300, True, a, 1.0, a * 1e-3), Weights(b, 100, True, b, 1.0, b * 1e-3),
        Weights(offsets, 5, False, offsets, 1.0, offsets),
    ])  # fmt: skip
    assert found == pytest.approx(-3.0)
    assert update_ratio([Weights(a, 300)]) is None and update_ratio([]) is None


def test_what_is_seen_of_a_convolution_takes_less_time_than_a_person_notices() -> None:
    layers = [
        layer("conv2d", filters=16, kernel=(5, 5), activation="relu"),
        layer("max_pool", size=(2, 2)),
        layer("conv2d", filters=64, kernel=(5, 5), activation="relu"),
        layer("flatten"),
        dense(5),
    ]
    trainer = make(layers, inputs=(28, 28, 1), device="reference")
    found = trainer.activations(trainer.bound.train.inputs)
    rows = len(found["dense_1"].output)
    work = sum(inspection.multiply_adds(call) for call in trainer._activations.calls)
    assert inspection.LEAST_ROWS <= rows < 90 and work <= inspection.WORK
    assert (
        layers_seen(LiveSource(trainer, SimpleNamespace(**{**vars(trainer.bound), "validation": None}))).keys()
        == found.keys()
    )
