"""Finite differences judge the gradient rules; the reference judges the CPU. For every layer and loss at once."""

from __future__ import annotations

import numpy as np
import pytest

from tests.networks import dense, layer, losses, make, make_tokens, optimizers, pair_stacks, stacks, token_stacks
from tuinet.engine import reference
from tuinet.engine.gradient_check import check_gradients, compare_devices
from tuinet.kernels import OPS

ENTRIES = pytest.mark.parametrize("entries", [6, pytest.param(25, marks=pytest.mark.slow)])
"""Of each parameter, so many of its numbers."""

STACKS, LOSS_TABLE, OPTIMIZER_TABLE = stacks(), losses(), optimizers()
TOKEN_STACKS, PAIR_STACKS = token_stacks(), pair_stacks()


def parts(trainer):  # type: ignore[no-untyped-def]
    plan = trainer.plan
    return plan.network, plan.loss, plan.optimizer, trainer.bound


@ENTRIES
@pytest.mark.parametrize("name", STACKS)
def test_gradients_of_every_layer_agree_with_finite_differences(name: str, entries: int) -> None:
    trainer = make(STACKS[name], device="reference")
    rows = check_gradients(*parts(trainer), batch_size=11, entries=entries)
    assert rows and all(row.passed for row in rows), rows[0]


@ENTRIES
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", TOKEN_STACKS)
def test_gradients_from_tokens_agree_with_finite_differences_and_between_devices(
    name: str, padded: bool, entries: int
) -> None:
    trainer = make_tokens(TOKEN_STACKS[name], padded=padded, device="reference")
    rows = check_gradients(*parts(trainer), batch_size=5, entries=entries)
    assert rows and all(row.passed for row in rows), rows[0]
    for threads in (1, 2):
        rows = compare_devices(*parts(trainer), batch_size=13, threads=threads)
        assert rows and all(row.passed for row in rows), rows[0]


@pytest.mark.parametrize("name", ["cross attention", pytest.param("decoder blocks", marks=pytest.mark.slow)])
def test_gradients_of_encoder_and_decoder_agree_with_finite_differences_and_between_devices(name: str) -> None:
    trainer = make_tokens(PAIR_STACKS[name], padded=True, source=9, device="reference")
    rows = check_gradients(*parts(trainer), batch_size=5, entries=25)
    assert rows and all(row.passed for row in rows), rows[0]
    for threads in (1, 2):
        rows = compare_devices(*parts(trainer), batch_size=13, threads=threads)
        assert rows and all(row.passed for row in rows), rows[0]


@pytest.mark.parametrize("name", LOSS_TABLE)
def test_gradients_of_every_loss_agree_with_finite_differences(name: str) -> None:
    loss, outputs = LOSS_TABLE[name]
    trainer = make([*STACKS["one neuron a class"][:-1], *_last(outputs)], loss, outputs=outputs, device="reference")
    rows = check_gradients(*parts(trainer), batch_size=11)
    assert rows and all(row.passed for row in rows), rows[0]


def _last(outputs: int):  # type: ignore[no-untyped-def]
    return [dense(7, "tanh"), dense(outputs)]


def test_a_wrong_gradient_rule_is_found_and_its_slot_named() -> None:
    """The control: without it the tests above might not be able to fail."""
    right = OPS["tanh"].chain
    OPS["tanh"].chain = lambda ops, d, x, y: d.__setitem__(
        x, ops.add(ops.tanh_back(x, y, d[y]), ops.tanh_back(x, y, d[y]))
    )
    try:
        rows = check_gradients(*parts(make(STACKS["activation tanh"], device="reference")), batch_size=11)
    finally:
        OPS["tanh"].chain = right
    assert {row.slot for row in rows if not row.passed} == {"dense_1.W", "dense_1.b"}


def test_empty_patches_of_a_picture_do_not_pass_for_a_wrong_gradient() -> None:
    """Offsets start at 0, so that everything an empty patch gives lies on the kink of relu."""
    convolution = layer("conv2d", filters=3, kernel=(2, 2), activation="relu")
    trainer = make([layer("reshape", shape=(3, 4, 1)), convolution, layer("flatten"), dense(5)], device="reference")
    trainer.bound.train.inputs[:, :8] = 0
    rows = check_gradients(*parts(trainer), batch_size=11)
    assert all(row.passed and not row.kinks for row in rows), rows[0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", STACKS)
def test_the_cpu_agrees_with_the_reference_for_every_layer(name: str, threads: int) -> None:
    rows = compare_devices(*parts(make(STACKS[name], device="reference")), batch_size=33, threads=threads)
    assert rows and all(row.passed for row in rows), rows[0]


@pytest.mark.parametrize("name", LOSS_TABLE)
def test_the_cpu_agrees_with_the_reference_for_every_loss(name: str) -> None:
    loss, outputs = LOSS_TABLE[name]
    one, other = (make(_last(outputs), loss, outputs=outputs, device=device) for device in ("reference", "cpu"))
    for trainer in (one, other):
        trainer.run(60.0, 3)
    assert np.allclose(one.drain(), other.drain(), rtol=1e-4)
    assert one.evaluate(one.bound.train)["loss"] == pytest.approx(other.evaluate(other.bound.train)["loss"], rel=1e-4)


@pytest.mark.parametrize("name", OPTIMIZER_TABLE)
def test_the_cpu_agrees_with_the_reference_for_every_optimizer(name: str) -> None:
    settings = dict(clip_norm=0.5, clip_value=0.2, accumulate=2)
    one, other = (
        make(STACKS["penalties"], None, OPTIMIZER_TABLE[name], device=device, **settings)
        for device in ("reference", "cpu")
    )
    for trainer in (one, other):
        trainer.run(60.0, 4)
    for slot, exact in one.model().items():
        assert np.abs(other.model()[slot] - exact).max() <= 1e-4 * np.abs(exact).max() + 1e-6, slot


def test_a_gradient_that_a_rule_forgets_is_an_error_and_not_a_zero() -> None:
    from tuinet.losses import LOSSES

    class TwoUses(type(LOSSES["cross_entropy"]())):  # type: ignore[misc]
        def record(self, ops, outputs, targets, facts):  # type: ignore[no-untyped-def]
            losses, p = ops.cross_entropy(outputs, targets, ops.constant("w", np.ones(5)), smoothing=0.0)
            return losses + ops.squared_error(p, p)

    with pytest.raises(TypeError, match="makes no use of the gradient of"):
        make(STACKS["one neuron a class"], TwoUses(), device="reference")


def test_the_penalty_is_in_the_gradient_and_apart_from_the_loss() -> None:
    plain, punished = (make(stack, device="reference") for stack in ([*_with_penalty(0.0)], [*_with_penalty(0.25)]))
    for trainer in (plain, punished):
        for call in [*trainer.plan.micro_batches[0], *trainer.plan.guarded]:
            reference.step(call, trainer.arena)
    w = punished.model()["dense_1.W"]
    assert np.allclose(punished.gradients()["dense_1.W"] - plain.gradients()["dense_1.W"], 2 * 0.25 * w)
    assert punished.penalty() == pytest.approx(0.25 * (w.astype(float) ** 2).sum())
    assert plain.penalty() == 0
    both = [t.evaluate(t.bound.train)["loss"] for t in (plain, punished)]
    assert both[0] == both[1]


def _with_penalty(l2: float):  # type: ignore[no-untyped-def]
    return [dense(5, l2=l2)]
