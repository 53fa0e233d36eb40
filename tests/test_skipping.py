"""What the passes around pooling promise: less work, and the same loss and gradients to the last digits of float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.networks import dense, layer, make, make_tokens, stacks, token_stacks
from tuinet.engine import reference, step

STACKS = stacks()
IMAGE = layer("reshape", shape=(3, 4, 1))
END = [layer("flatten"), dense(5)]
RELU, PLACES, GRADIENTS = (
    "relu behind the pool",
    "no places that the pool drops",
    "no gradients but those that the pool hands down",
)


def convolution(**settings: Any) -> Any:
    return layer("conv2d", **dict(filters=6, kernel=(2, 2), padding="same") | settings)


WITH_SKIPS: dict[str, tuple[list[Any], list[tuple[str, str, int, int]]]] = {
    "relu, a row too many, two filters' width": (
        STACKS["convolution, relu and pool"],
        [
            ("max_pool_1", RELU, 36, 72),
            ("max_pool_2", RELU, 19, 114),
            ("conv2d_2", PLACES, 76, 114),
            ("conv2d_2", GRADIENTS, 19, 76),
            ("conv2d_1", GRADIENTS, 36, 72),
        ],
    ),
    "windows that overlap": (
        STACKS["convolution, relu and pools that overlap"],
        [
            ("max_pool_1", RELU, 153, 204),
            ("max_pool_2", RELU, 42, 140),
            ("conv2d_2", GRADIENTS, 42, 140),
        ],
    ),
    "no activation": (
        STACKS["convolution, tanh and pool"],
        [("conv2d_2", PLACES, 32, 48), ("conv2d_2", GRADIENTS, 8, 32)],
    ),
    "relu over a batch norm": (
        [IMAGE, convolution(bias=False), layer("batch_norm"), layer("activation"), layer("max_pool"), *END],
        [("max_pool_1", RELU, 12, 72)],
    ),
    "an average": (
        [IMAGE, convolution(), layer("average_pool"), *END],
        [("conv2d_1", PLACES, 48, 72)],
    ),
    "groups": (
        [IMAGE, convolution(), convolution(groups=2, activation="relu"), layer("max_pool"), *END],
        [("max_pool_1", RELU, 12, 72), ("conv2d_2", PLACES, 48, 72)],
    ),
    "a transposed convolution": (
        [IMAGE, layer("conv2d_transpose", filters=6, kernel=(2, 2), activation="relu"), layer("max_pool"), *END],
        [("max_pool_1", RELU, 24, 120)],
    ),
    "a sequence": (
        [
            layer("reshape", shape=(6, 2)),
            layer("conv1d", filters=8, kernel=3, activation="relu"),
            layer("global_max_pool"),
            dense(5),
        ],
        [("global_max_pool_1", RELU, 8, 32), ("conv1d_1", GRADIENTS, 8, 32)],
    ),
}
WITHOUT: dict[str, list[Any]] = {
    "relu is read twice": [
        IMAGE,
        convolution(),
        layer("activation"),
        layer("residual", layers=(layer("max_pool", size=(1, 1)),)),
        *END,
    ],
    "relu and an average": [IMAGE, convolution(activation="relu"), layer("average_pool", size=(1, 2)), *END],
    "tanh": [IMAGE, convolution(activation="tanh"), layer("max_pool", size=(1, 2)), *END],
    "another shape in between": [
        IMAGE,
        convolution(),
        layer("reshape", shape=(4, 3, 6)),
        layer("max_pool", size=(3, 2)),
        *END,
    ],
    "dropout between": [IMAGE, convolution(), layer("dropout"), layer("max_pool", size=(3, 2)), *END],
}


@pytest.mark.parametrize("name", WITH_SKIPS)
def test_what_is_left_out_is_said(name: str) -> None:
    layers, wanted = WITH_SKIPS[name]
    program = make(layers, device="reference").program
    assert sorted(tuple(skip)[:4] for skip in program.skips) == sorted(wanted)
    assert str(program.skips[0]).endswith("values of an example)")


FOLDED = {
    "a product": [layer("embedding", units=6), dense(7)],
    "products of one table": [
        layer("embedding", units=6),
        layer(
            "branches",
            join="add",
            branches=(layer("branch", layers=(dense(7),)), layer("branch", layers=(dense(7, "tanh", bias=False),))),
        ),
    ],
    "a recurrent layer": [layer("embedding", units=6), layer("gru", units=5), dense(7)],
}
NOT_FOLDED = {
    "positions between": [layer("embedding", units=6), layer("positions"), dense(7)],
    "dropout between": [layer("embedding", units=6), layer("dropout"), dense(7)],
    "read twice": [layer("embedding", units=7), layer("residual", layers=(dense(7),))],
}


@pytest.mark.parametrize("name", FOLDED)
def test_a_table_is_multiplied_once_and_everything_stays_what_it_was(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_a_step() -> tuple[Any, dict[str, np.ndarray], float, np.ndarray]:
        trainer = make_tokens(FOLDED[name], device="reference", padded=True)
        for call in trainer.plan.micro_batches[0]:
            reference.step(call, trainer.arena)
        loss, inputs = float(trainer.arena.view(trainer.plan.mean_loss)), trainer.bound.train.inputs
        return trainer.program, trainer.gradients(), loss, trainer.outputs(inputs)

    program, found, loss, outputs = of_a_step()
    assert program.skips and all("each token's row once" in str(skip) for skip in program.skips)
    monkeypatch.setattr(step, "fold_tables", lambda program, calls, wanted: calls)
    program, exact, exact_loss, exact_outputs = of_a_step()
    assert program.skips == [] and loss == pytest.approx(exact_loss, rel=1e-14)
    np.testing.assert_allclose(outputs, exact_outputs, rtol=1e-12, atol=1e-13)
    for slot, gradient in exact.items():
        np.testing.assert_allclose(found[slot], gradient, rtol=1e-11, atol=1e-14, err_msg=slot)


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_in_use_attention_writes_no_weights_and_gives_the_same_bits(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use() -> tuple[set[str], int, bytes]:
        trainer = make_tokens(token_stacks()["a small transformer"], device=device)
        weights = sum(".attention.p" in slot.name for slot in trainer.program.slots)
        outputs = trainer.outputs(trainer.bound.train.inputs)
        return {call.op.name for call in trainer.forward.calls}, weights, outputs.tobytes()

    ops, weights, outputs = in_use()
    assert "attend" in ops and "attention" not in ops and weights == 2  # those that training keeps
    monkeypatch.setattr(step, "leave_weights", lambda program, calls, wanted: calls)
    ops, weights, exact = in_use()
    assert "attention" in ops and "attend" not in ops and weights == 4 and outputs == exact


@pytest.mark.parametrize("name", NOT_FOLDED)
def test_a_table_whose_rows_are_read_otherwise_is_not_multiplied(name: str) -> None:
    assert make_tokens(NOT_FOLDED[name], device="reference").program.skips == []


def test_a_table_larger_than_a_batch_is_not_multiplied() -> None:
    assert make_tokens(FOLDED["a product"], device="reference", batch_size=1, steps=6).program.skips == []


@pytest.mark.parametrize("name", WITHOUT)
def test_where_work_has_to_be_done_none_is_left_out(name: str) -> None:
    assert make(WITHOUT[name], device="reference").program.skips == []


def gradients(layers: list[Any], data: Any) -> tuple[dict[str, np.ndarray], float, np.ndarray]:
    """Of one step in float64, with the loss and the outputs of the network in use."""
    trainer = make(layers, device="reference", batch_size=33)
    data(trainer)
    for call in trainer.plan.micro_batches[0]:
        reference.step(call, trainer.arena)
    inputs = trainer.bound.train.inputs
    return trainer.gradients(), float(trainer.arena.view(trainer.plan.mean_loss)), trainer.outputs(inputs)


def as_they_are(trainer: Any) -> None:
    """Random numbers: hardly two of them alike."""


def with_ties(trainer: Any) -> None:
    """Whole numbers and weights, so that windows have several largest values, of 0 and above; and empty images."""
    inputs = trainer.arena.data["train.inputs"]
    inputs[...] = np.round(inputs)
    inputs[::3] = 0
    trainer.bound.train.inputs[...] = inputs
    trainer.load({name: np.round(3 * values) for name, values in trainer.model().items()})


@pytest.mark.parametrize("data", [as_they_are, with_ties])
@pytest.mark.parametrize("name", WITH_SKIPS)
def test_gradients_loss_and_outputs_stay_what_they_were(name: str, data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, _ = WITH_SKIPS[name]
    found = gradients(layers, data)
    monkeypatch.setattr(step, "pool_first", lambda program, calls, wanted: calls)
    monkeypatch.setattr(step, "drop_unpooled", lambda program, calls, wanted: calls)
    monkeypatch.setattr(step, "gather_pooled", lambda program, calls: calls)
    exact = gradients(layers, data)
    assert found[1] == pytest.approx(exact[1], rel=1e-14) and np.allclose(found[2], exact[2], rtol=1e-13, atol=1e-13)
    assert found[0].keys() == exact[0].keys()
    for slot, gradient in exact[0].items():
        np.testing.assert_allclose(found[0][slot], gradient, rtol=1e-12, atol=1e-14, err_msg=slot)
        assert np.abs(gradient).max() > 0 or data is with_ties, slot


@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_what_is_not_a_number_is_not_lost_where_work_is_left_out(device: str) -> None:
    trainer = make(STACKS["convolution, relu and pool"], device=device)
    trainer.run(60.0, 2)
    trainer.arena.data["train.inputs"][...] = np.nan
    before = trainer.model()
    assert trainer.run(60.0, 9) == "diverged" and trainer.step == 2
    assert all(before[name].tobytes() == values.tobytes() for name, values in trainer.model().items())


def test_slots_that_nothing_computes_any_more_take_no_memory() -> None:
    program = make(STACKS["convolution, relu and pool"], device="reference").program
    names = [slot.name for slot in program.slots]
    assert "conv2d_1.conv2d" in names and "conv2d_1.relu" not in names
    assert next(s for s in program.slots if s.name == "conv2d_2.conv2d").shape[1] == 76
