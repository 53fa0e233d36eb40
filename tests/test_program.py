"""Golden listings: what each network does in a step, line by line, and what it costs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.networks import dense, layer, losses, optimizers
from tuinet.engine.plan import plan
from tuinet.network import Network

GOLDEN = Path(__file__).parent / "golden" / "programs"
NETWORKS = {
    "spam-neuron": ([dense(1)], "binary_cross_entropy", "sgd", (57,), 1, 32),
    "fashion-mlp": ([layer("flatten"), dense(128, "relu"), dense(10)], "cross_entropy", "adam", (28, 28, 1), 10, 32),
    "residual": (
        [
            dense(16),
            layer("residual", layers=(layer("layer_norm"), dense(16, "gelu"), layer("dropout", rate=0.1), dense(16))),
            dense(3),
        ],
        "mean_squared_error",
        "momentum",
        (8,),
        3,
        10,
    ),
    "batch-norm": (
        [dense(9, bias=False), layer("batch_norm"), layer("activation", function="relu"), dense(4, l2=0.1)],
        "cross_entropy",
        "adamw",
        (5,),
        4,
        20,
    ),
    "convolution": (
        [
            layer("conv2d", filters=8, activation="relu"),
            layer("max_pool"),
            layer("conv2d", filters=16, activation="relu"),
            layer("max_pool"),
            layer("flatten"),
            dense(10),
        ],
        "cross_entropy",
        "adam",
        (15, 15, 1),
        10,
        32,
    ),
}


def planned(name: str):  # type: ignore[no-untyped-def]
    layers, loss, optimizer, inputs, outputs, batch = NETWORKS[name]
    loss = losses()[loss][0]
    facts = SimpleNamespace(
        task=loss.targets, inputs=inputs, outputs=outputs, classes=outputs, target_scale=None, class_counts=None,
        tokens=0, steps=0, padded=False,
    )  # fmt: skip
    network = Network(tuple(layers))
    return plan(
        network, loss, optimizers()[optimizer], facts, examples=100, batch_size=batch, clip_norm=1.0, accumulate=1
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_the_list_of_calls_that_it_was(name: str) -> None:
    found = planned(name)
    lines = [f"{row.path} {row.type} {row.parameters} {row.multiply_adds}" for row in found.rows]
    for section, calls in found.listing().items():
        lines += ["", section, *calls]
    text = "\n".join(lines) + "\n"
    path = GOLDEN / f"{name}.txt"
    assert text == path.read_text(), "write the new listing there if the change is meant"


def test_parameters_and_multiply_adds_are_those_of_the_textbook() -> None:
    found = planned("fashion-mlp")
    assert found.parameters == 784 * 128 + 128 + 128 * 10 + 10 == 101_770
    assert found.multiply_adds == 784 * 128 + 128 * 10
    assert [row.output_shape for row in found.rows] == [(784,), (128,), (10,)]


def test_the_first_layer_asks_for_no_gradient_of_the_data() -> None:
    backward = planned("fashion-mlp").listing()["backward"]
    assert sum("matmul_nt" in line for line in backward) == 1


def test_a_value_that_is_used_twice_gets_the_sum_of_its_gradients() -> None:
    backward = planned("residual").listing()["backward"]
    assert any(" += " in line or "= add(" in line for line in backward)
