"""Augmentation: what each kind does to an example, and that chance depends on nothing but seed, step and place."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.networks import dense, layer, losses, make
from tuinet.data.augment import Augment
from tuinet.engine import reference
from tuinet.engine.gradient_check import check_gradients, compare_devices
from tuinet.engine.program import Program
from tuinet.engine.trainer import Trainer
from tuinet.errors import PresetError

IMAGE = (6, 5, 2)
KINDS: dict[str, Augment] = {
    "flip": Augment(flip="horizontal"),
    "flip both": Augment(flip="both"),
    "zoom": Augment(zoom=0.3),
    "rotate": Augment(rotate=40.0),
    "shift": Augment(shift=2),
    "brightness": Augment(brightness=0.4),
    "noise": Augment(noise=0.2),
    "cutout": Augment(cutout=3),
    "mixup": Augment(mixup=0.4),
    "all": Augment(flip="both", zoom=0.1, rotate=10, shift=1, brightness=0.1, noise=0.1, cutout=2, mixup=1.0),
}
STACK = [layer("flatten"), dense(19, "tanh"), layer("dropout", rate=0.2), dense(5)]


def trainer_of(augment: Augment | None, **settings: Any) -> Trainer:
    return make(STACK, inputs=IMAGE, augment=augment, **settings)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(one[k].tobytes() == other[k].tobytes() for k in one)


def seen(trainer: Trainer, part: int = 0) -> np.ndarray:
    """The inputs that the network sees in the next step, of one part of its batch."""
    reference.run(trainer.plan.micro_batches[part], trainer.arena)
    return trainer.arena.view(trainer.plan.inputs).copy()


def changed(augment: Augment, examples: np.ndarray, step: int = 0, seed: int = 5) -> np.ndarray:
    """The examples (N, ...), as they stand, after the augmentation: float64, by the definitions."""
    trainer = make(
        [layer("flatten"), dense(5)],
        inputs=examples.shape[1:],
        examples=len(examples),
        batch_size="all",
        seed=seed,
        device="reference",
        augment=augment,
        shuffle=False,
    )
    trainer.arena.data["train.inputs"][...] = examples.reshape(len(examples), -1)
    trainer.arena.write(trainer.program.step, step)
    return seen(trainer)


# -- chance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_any_number_of_threads_gives_the_same_bits(name: str) -> None:
    for settings in ({"batch_size": 49}, {"batch_size": 13, "accumulate": 3}):
        one, two, three = (trainer_of(KINDS[name], threads=threads, **settings) for threads in (1, 2, 3))
        for trainer in (one, two, three):
            assert trainer.run(60.0, 9) == "done"
        assert same(one.model(), two.model()) and same(one.model(), three.model())
        assert not same(one.model(), _without(**settings).model()), "nothing was changed"


def _without(**settings: Any) -> Trainer:
    trainer = trainer_of(None, threads=1, **settings)
    trainer.run(60.0, 9)
    return trainer


@pytest.mark.parametrize("name", KINDS)
def test_the_cpu_sees_what_the_reference_sees(name: str) -> None:
    trainer = trainer_of(KINDS[name], device="reference")
    plan = trainer.plan
    rows = compare_devices(
        plan.network, plan.loss, plan.optimizer, trainer.bound, batch_size=33, threads=2, augment=KINDS[name]
    )
    assert rows and all(row.passed for row in rows), rows[0]


@pytest.mark.parametrize("name", KINDS)
def test_a_resumed_training_sees_the_same_examples(name: str) -> None:
    whole, first, second = (trainer_of(KINDS[name], accumulate=2) for _ in range(3))
    whole.run(60.0, 12)
    first.run(60.0, 5)
    second.load(first.model(), first.optimizer_state(), first.step)
    second.run(60.0, 12)
    assert same(whole.model(), second.model()) and same(whole.optimizer_state(), second.optimizer_state())


@pytest.mark.parametrize("name", KINDS)
def test_what_is_measured_sees_the_examples_as_they_are(name: str) -> None:
    plain, augmented = trainer_of(None), trainer_of(KINDS[name])
    augmented.run(60.0, 3)
    augmented.load(plain.model())
    part = plain.bound.train
    assert augmented.evaluate(part) == plain.evaluate(part)
    assert np.array_equal(augmented.outputs(part.inputs), plain.outputs(part.inputs))


@pytest.mark.parametrize("name", KINDS)
def test_an_accumulated_batch_sees_what_one_large_batch_sees(name: str) -> None:
    whole = trainer_of(KINDS[name], device="reference", batch_size=18)
    parts = trainer_of(KINDS[name], device="reference", batch_size=6, accumulate=3)
    assert np.array_equal(seen(whole), np.concatenate([seen(parts, part) for part in range(3)]))


@pytest.mark.parametrize("name", KINDS)
def test_every_step_and_every_seed_changes_an_example_otherwise(name: str) -> None:
    examples = np.random.default_rng(3).standard_normal((40, *IMAGE))
    once, later, elsewhere = (changed(KINDS[name], examples, *at) for at in ((0, 5), (1, 5), (0, 6)))
    assert np.array_equal(once, changed(KINDS[name], examples, 0, 5))
    assert not np.array_equal(once, later) and not np.array_equal(once, elsewhere)


def test_one_kind_draws_the_same_with_and_without_the_others_and_dropout_too() -> None:
    examples = np.random.default_rng(3).standard_normal((40, *IMAGE))
    both = changed(Augment(shift=1, brightness=0.5), examples)
    assert np.allclose(both, changed(Augment(brightness=0.5), changed(Augment(shift=1), examples)))
    plain, augmented = trainer_of(None, device="reference"), trainer_of(KINDS["all"], device="reference")
    masks = []
    for trainer in (plain, augmented):
        seen(trainer)
        slot = next(call.results[0] for call in trainer.plan.sections["forward"] if call.op.name == "dropout")
        masks.append(trainer.arena.view(slot) == 0)
    assert np.array_equal(*masks)


# -- what each of them does --------------------------------------------------------------------


def marked(count: int = 400, shape: tuple[int, ...] = (7, 9, 2)) -> np.ndarray:
    """The same picture so many times, every number another one."""
    return np.broadcast_to(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), (count, *shape))


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The definition of a shift, with zeros where nothing comes in."""
    padded = np.pad(image, ((9, 9), (9, 9), (0, 0)))
    return padded[9 - down : 9 - down + image.shape[0], 9 - right : 9 - right + image.shape[1]]


def test_shifts_are_whole_pixels_with_zeros_behind_and_all_of_them_come() -> None:
    examples = marked()
    wanted = {moved(examples[0], down, right).tobytes() for down in range(-2, 3) for right in range(-2, 3)}
    assert {image.tobytes() for image in changed(Augment(shift=2), examples)} == wanted


@pytest.mark.parametrize(
    ("flip", "ways"),
    [
        ("horizontal", [np.s_[:], np.s_[:, ::-1]]),
        ("vertical", [np.s_[:], np.s_[::-1]]),
        ("both", [np.s_[:], np.s_[:, ::-1], np.s_[::-1], np.s_[::-1, ::-1]]),
    ],
)
def test_flips_are_exact_and_each_has_its_share(flip: str, ways: Sequence[Any]) -> None:
    examples, found = marked(), changed(Augment(flip=flip), marked())
    counts = [sum(np.array_equal(image, examples[0][way]) for image in found) for way in ways]
    assert sum(counts) == len(examples) and min(counts) > 0.7 * len(examples) / len(ways)


def slopes(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How pictures of a plane rise downwards and to the right around their middle: (N) each, and that they are even."""
    middle = found[:, 4:7, 4:7, 0]
    down, right = np.diff(middle, axis=1), np.diff(middle, axis=2)
    for rise in (down, right):
        assert np.ptp(rise.reshape(len(found), -1), axis=1).max() < 1e-9
    return down[:, 0, 0], right[:, 0, 0]


def test_rotation_turns_about_the_middle_by_up_to_so_many_degrees() -> None:
    plane = np.broadcast_to((np.arange(11.0) + 20)[:, None, None] * np.ones((11, 1)), (500, 11, 11, 1))
    found = changed(Augment(rotate=30.0), plane)
    down, right = slopes(found)
    assert np.allclose(np.hypot(down, right), 1) and np.allclose(found[:, 5, 5, 0], 25)
    angles = np.degrees(np.arctan2(right, down))
    assert -30 <= angles.min() < -27 and 27 < angles.max() <= 30 and abs(angles.mean()) < 2.5


def test_zoom_enlarges_about_the_middle_by_its_share() -> None:
    plane = np.broadcast_to((np.arange(11.0) + 20)[:, None, None] * np.ones((11, 1)), (500, 11, 11, 1))
    found = changed(Augment(zoom=0.2), plane)
    down, right = slopes(found)
    assert np.allclose(right, 0) and np.allclose(found[:, 5, 5, 0], 25)
    assert 0.8 - 1e-9 <= (1 / down).min() < 0.82 and 1.18 < (1 / down).max() <= 1.2 + 1e-9


def test_between_pixels_a_number_is_weighed_from_its_four_neighbours_and_beyond_the_edge_is_zero() -> None:
    dot = np.zeros((300, 9, 9, 1))
    dot[:, 4, 6] = 1.0
    found = changed(Augment(rotate=180.0), dot)
    assert (found >= 0).all() and np.allclose(found.sum((1, 2, 3)), 1, atol=0.25), "one pixel's worth of light"
    corner = np.zeros((300, 9, 9, 1))
    corner[:, 0, 0] = 1.0
    assert (changed(Augment(rotate=45.0), corner)[:, 0, 0] < 1).all()


def test_brightness_multiplies_a_whole_image() -> None:
    examples = marked()
    factors = changed(Augment(brightness=0.25), examples) / examples
    assert np.ptp(factors.reshape(len(factors), -1), axis=1).max() < 1e-9
    assert 0.75 <= factors.min() < 0.77 and 1.23 < factors.max() <= 1.25


def test_noise_is_normal_and_every_number_has_its_own() -> None:
    noise = changed(Augment(noise=0.5), np.zeros((400, *IMAGE))).ravel() / 0.5
    assert len(np.unique(noise)) > 0.99 * len(noise)
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    assert abs((np.abs(noise) < 1.959964).mean() - 0.95) < 0.01


def test_the_fast_normal_is_right_from_one_end_to_the_other() -> None:
    from statistics import NormalDist

    from tuinet.kernels import scalars

    for k in (0, 1, 77, 2**16, 2**23 - 1, 2**23, 2**24 - 2**16, 2**24 - 2, 2**24 - 1, *range(0, 2**24, 99_991)):
        exact = NormalDist().inv_cdf((k + 0.5) / 2**24)
        assert float(scalars.normal(np.float32(k / 2**24))) == pytest.approx(exact, rel=3e-6, abs=1e-6)


def test_cutout_cuts_one_square_out_of_all_channels() -> None:
    found = changed(Augment(cutout=3), np.ones((400, 7, 9, 2)))
    holes = found == 0
    assert np.isin(found, (0, 1)).all() and np.array_equal(holes[..., 0], holes[..., 1])
    tall, wide = holes[..., 0].any(2).sum(1), holes[..., 0].any(1).sum(1)
    assert np.array_equal(holes[..., 0].sum((1, 2)), tall * wide), "squares, cut by the edge"
    assert {*tall} == {*wide} == {2, 3} and holes.any((0, 3)).all()


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 2.0])
def test_mixing_shares_are_of_the_beta_distribution(alpha: float) -> None:
    ops = Program(seed=1)
    ops.batch_places = ops.places(4000, "rows")
    share = Augment(mixup=alpha).shares(ops)
    rows = np.arange(4000)
    values = share.program.calls[-1].op.define(0, rows, **share.program.calls[-1].settings)
    assert (values >= 0).all() and (values <= 1).all()
    assert abs(values.mean() - 0.5) < 0.03 and values.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


@pytest.mark.parametrize("name", losses())
def test_mixup_mixes_two_examples_and_their_losses_by_one_share(name: str) -> None:
    loss, outputs = losses()[name]
    settings: dict[str, Any] = dict(outputs=outputs, inputs=4, examples=60, batch_size=20, device="reference")
    trainer = make([dense(outputs)], loss, augment=Augment(mixup=0.7), **settings)
    reference.run(trainer.plan.micro_batches[0], trainer.arena)
    view, calls = trainer.arena.view, {call.op.name: call for call in trainer.plan.sections["batch"]}
    own, other, share = (view(slot) for slot in calls["blend"].inputs)
    assert np.allclose(view(trainer.plan.inputs), share[:, None] * own + (1 - share[:, None]) * other)
    assert not np.isclose(own, other).all(1).all(), "examples are mixed with themselves"

    def losses_for(targets: np.ndarray) -> np.ndarray:
        return trainer._pass(view(trainer.plan.inputs), targets)[1].ravel()

    pair = [losses_for(view(slot)) for slot in (trainer.plan.targets, trainer.plan.mixed[0])]
    assert np.allclose(view(trainer.plan.losses), share * pair[0] + (1 - share) * pair[1])


@pytest.mark.parametrize("name", losses())
def test_the_gradient_of_mixed_losses_agrees_with_finite_differences(name: str) -> None:
    loss, outputs = losses()[name]
    trainer = make([dense(7, "tanh"), dense(outputs)], loss, outputs=outputs, device="reference")
    plan = trainer.plan
    rows = check_gradients(
        plan.network, plan.loss, plan.optimizer, trainer.bound, batch_size=11, entries=6, augment=Augment(mixup=0.7)
    )
    assert rows and all(row.passed for row in rows), rows[0]


# -- where it does not fit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("augment", "facts", "key", "text"),
    [
        (Augment(shift=1), {"inputs": (12,)}, "shift", r"images \(height, width, channels\).* are \(12\); use noise"),
        (Augment(flip="vertical"), {"inputs": (7, 3)}, "flip", r"is for images"),
        (Augment(noise=0.1, brightness=0.1), {"inputs": (12,)}, "brightness", "is for images"),
        (Augment(shift=6), {"inputs": (9, 6, 1)}, "shift", "6 pixels are a whole image of 9 x 6; at most 5"),
        (Augment(cutout=8), {"inputs": (8, 9, 3)}, "cutout", "at most 7"),
        (Augment(zoom=0.1), {"inputs": (8, 8, 1), "reconstructs": True}, "zoom", "use noise or cutout"),
        (Augment(noise=0.1), {"inputs": (12,), "tokens": 40}, "noise", "these are tokens; take it out"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_by_its_key(
    augment: Augment, facts: dict[str, Any], key: str, text: str
) -> None:
    with pytest.raises(PresetError, match=text) as caught:
        augment.check(SimpleNamespace(**{"tokens": 0, **facts}))
    assert caught.value.key == f"training.augment.{key}"


@pytest.mark.parametrize("augment", [Augment(noise=0.1), Augment(mixup=0.2), Augment()])
def test_noise_and_mixup_are_for_any_numbers(augment: Augment) -> None:
    trainer = make([dense(5)], augment=augment)
    assert trainer.run(60.0, 3) == "done"
