"""Whole trainings on a GPU: the same numbers as on the processor, one graph a step, and ends as clean as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.networks import branch, dense, layer, make, make_tokens, optimizers
from tuinet.data.augment import Augment
from tuinet.engine.trainer import Trainer
from tuinet.losses import LOSSES

SMALL = dict(inputs=6, examples=20, batch_size=4, outputs=3)


def network() -> list[Any]:
    return [dense(8, "tanh"), layer("dropout", rate=0.3), dense(7, "relu"), dense(3)]


def alike(one: Any, other: Any, rtol: float = 1e-5) -> None:
    """All weights, losses and norms of two trainers, to a share of the largest of each."""
    mine, theirs = one.model(), other.model()
    for name in mine:
        assert np.abs(mine[name] - theirs[name]).max() <= rtol * np.abs(mine[name]).max() + 1e-7, name
    a, b = one.drain(), other.drain()
    assert a.shape == b.shape and np.abs(a - b).max() <= 1e-4 * np.abs(a).max()


@pytest.mark.gpu
@pytest.mark.parametrize("name", optimizers())
def test_every_optimizer_trains_as_on_the_processor(gpu: Any, name: str) -> None:
    pair = [make(network(), optimizer=optimizers()[name], device=word, **SMALL) for word in ("cpu", "cuda:0")]
    for trainer in pair:
        assert trainer.run(1000, 4) == "done"
    alike(*pair, rtol=1e-4)


@pytest.mark.gpu
def test_accumulated_clipped_and_penalised_batches_train_as_on_the_processor(gpu: Any) -> None:
    settings = dict(accumulate=2, clip_norm=0.5, clip_value=0.2)
    layers = [dense(8, "tanh", l2=0.01, l1=0.001), dense(3)]
    pair = [make(layers, device=word, **SMALL, **settings) for word in ("cpu", "cuda:0")]
    for trainer in pair:
        assert trainer.run(1000, 4) == "done"
    alike(*pair, rtol=1e-4)


NORMS = [dense(6), layer("layer_norm", bias=False), layer("rms_norm"), layer("group_norm", groups=2)]
CHOSEN = branch(dense(4), columns=("1-3",)), branch(columns=("6", "2"))
ALL = Augment(flip="both", zoom=0.1, rotate=10, shift=1, brightness=0.1, noise=0.1, cutout=2, mixup=0.4)
ALIKE: dict[str, Callable[[str], Trainer]] = {
    "a norm of rows and of groups": lambda device: make(
        [layer("reshape", shape=(2, 3)), *NORMS, layer("flatten"), dense(3)], device=device, **SMALL
    ),
    "a norm of batches": lambda device: make(
        [dense(7, bias=False), layer("batch_norm"), dense(3, "softmax"), dense(3)], device=device, **SMALL
    ),
    "chosen columns": lambda device: make(
        [layer("branches", join="concatenate", branches=CHOSEN), dense(3)], device=device, **SMALL
    ),
    "augmented images": lambda device: make(
        [layer("flatten"), dense(3)], device=device, augment=ALL, **SMALL | {"inputs": (5, 6, 2)}
    ),
    "tokens that some sequences lack": lambda device: make_tokens(
        [layer("embedding", units=5), dense(7)], steps=5, padded=True, device=device
    ),
    **{
        f"the loss {name}": lambda device, name=name: make([dense(3)], LOSSES[name](), device=device, **SMALL)
        for name in ("mean_squared_error", "mean_absolute_error", "huber")
    },
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", ALIKE)
def test_it_trains_as_on_the_processor(gpu: Any, name: str) -> None:
    pair = [ALIKE[name](word) for word in ("cpu", "cuda:0")]
    for trainer in pair:
        assert trainer.run(1000, 4) == "done"
    alike(*pair, rtol=1e-4)


@pytest.mark.gpu
def test_a_run_is_repeatable_bit_for_bit(gpu: Any) -> None:
    models = []
    for _ in range(2):
        trainer = make(network(), device="cuda:0", **SMALL)
        trainer.run(1000, 5)
        models.append(trainer.model())
    for name, array in models[0].items():
        assert array.tobytes() == models[1][name].tobytes(), name


@pytest.mark.gpu
def test_a_training_that_goes_on_from_a_checkpoint_ends_with_the_same_bits(gpu: Any) -> None:
    whole = make(network(), device="cuda:0", **SMALL)
    whole.run(1000, 7)
    first = make(network(), device="cuda:0", **SMALL)
    first.run(1000, 3)
    second = make(network(), device="cuda:0", **SMALL)
    second.load(first.model(), first.optimizer_state(), first.step)
    second.run(1000, 7)
    for name, array in whole.model().items():
        assert array.tobytes() == second.model()[name].tobytes(), name


def test_a_step_is_one_graph_and_the_host_only_replays_it(gpu: Any) -> None:
    trainer = make(network(), device="cuda:0", **SMALL)
    trainer.run(1000, 1)  # compiles, launches once, and captures
    launched, replayed = gpu.calls("cuLaunchKernelEx") + gpu.calls("cuLaunchKernel"), gpu.calls("cuGraphLaunch")
    trainer.run(1000, 9)
    assert gpu.calls("cuLaunchKernelEx") + gpu.calls("cuLaunchKernel") == launched
    assert gpu.calls("cuGraphLaunch") == replayed + 8


@pytest.mark.gpu
def test_a_loss_that_is_not_finite_stops_before_the_update(gpu: Any) -> None:
    trainer = make(network(), device="cuda:0", **SMALL)
    assert trainer.run(1000, 2) == "done"
    before = trainer.model()
    broken = {**before, "dense_3.b": np.full_like(before["dense_3.b"], np.inf)}
    trainer.load(broken, trainer.optimizer_state(), trainer.step)
    assert trainer.run(1000, 6) == "diverged"
    assert trainer.step == 2 and trainer.explain_divergence()["layer"] == "dense_3"
    for name, array in trainer.model().items():
        assert array.tobytes() == broken[name].tobytes(), name


@pytest.mark.gpu
def test_it_stops_when_asked_and_evaluates_as_on_the_processor(gpu: Any) -> None:
    pair = [make(network(), device=word, **SMALL) for word in ("cpu", "cuda:0")]
    for trainer in pair:
        trainer.run(1000, 3)
    x = pair[0].bound.train.inputs
    assert np.abs(pair[0].outputs(x) - pair[1].outputs(x)).max() < 1e-5
    pair[1].ask_to_stop()
    assert pair[1].run(1000, 100000) == "asked" and pair[1].step == 3


@pytest.mark.gpu
def test_what_the_host_sees_is_what_the_device_has(gpu: Any) -> None:
    """Looks at weights, gradients and states between stretches; a mirror that goes stale would show the old ones."""
    trainer = make(network(), device="cuda:0", **SMALL)
    trainer.run(1000, 1)
    first = trainer.value("dense_1.W"), trainer.gradient("dense_1.W"), trainer.optimizer_state()
    trainer.run(1000, 2)
    assert (trainer.value("dense_1.W") != first[0]).any()
    assert (trainer.gradient("dense_1.W") != first[1]).any()
    assert any((array != first[2][name]).any() for name, array in trainer.optimizer_state().items())


STREAMED = {  # and how many steps a chunk has then
    "shuffled": ({}, 7),
    "as they stand": ({"shuffle": False}, 7),
    "batches in parts": ({"accumulate": 2}, 3),
    "examples mixed with others": ({"augment": Augment(mixup=0.4)}, 3),
    "mixed with others, in parts": ({"augment": Augment(mixup=0.4), "accumulate": 2, "shuffle": False}, 1),
}


@pytest.mark.parametrize(("settings", "chunk"), STREAMED.values(), ids=STREAMED)
def test_data_that_do_not_fit_are_streamed_and_train_with_the_same_bits(
    gpu: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], chunk: int
) -> None:
    """The control: with all memory nothing is streamed."""
    from tuinet.engine.cuda import memory

    settings = SMALL | {"examples": 120} | settings
    whole, host = (make(network(), device=word, **settings) for word in ("cuda:0", "cpu"))
    whole.run(1000, 9)
    host.run(1000, 9)
    assert whole.machine.stream is None
    own = 4 * whole.arena.end + sum(array.nbytes for array in whole.arena.data.values())  # nothing is left to work in
    monkeypatch.setattr(memory, "SPARE", own / whole.arena.gpu.memory()[0])
    part = make(network(), device="cuda:0", **settings)
    assert part.machine.stream is not None and part.arena.chunk_steps == chunk
    part.run(1000, 4)
    part.run(1000, 9)
    for name, array in whole.model().items():
        assert array.tobytes() == part.model()[name].tobytes(), name
    explained = []
    for trainer in (host, whole, part):  # the rows of a step that fails are those of the training set
        broken = {**trainer.model(), "dense_3.b": np.full(3, np.inf, np.float32)}
        trainer.load(broken, trainer.optimizer_state(), trainer.step)
        assert trainer.run(1000, 20) == "diverged" and trainer.step == 9
        explained.append(trainer.explain_divergence())
    assert explained[1] == explained[2] == explained[0]


def test_too_little_memory_is_told_with_need_and_have_before_anything_is_allocated(gpu: Any) -> None:
    from tuinet.errors import OutOfDeviceMemory

    gpu.memory(3000)
    with pytest.raises(OutOfDeviceMemory, match=r"has 0 MB to give, and this training needs 1 MB|--device cpu"):
        make(network(), device="cuda:0", **SMALL)


def test_memory_that_is_gone_when_it_is_asked_for_is_told(gpu: Any) -> None:
    from tuinet.errors import OutOfDeviceMemory

    gpu.fail("cuMemAlloc_v2", 2)
    with pytest.raises(OutOfDeviceMemory, match="no memory left"):
        make(network(), device="cuda:0", **SMALL)
