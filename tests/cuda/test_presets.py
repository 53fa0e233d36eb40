"""Every preset, shrunk, trains on the GPU with the numbers of the processor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cuda.shrunk import trainer_of
from tuinet import presets
from tuinet.kernels import OPS

FIRST = (  # of every kind of network one
    "spiral", "fashion-mlp", "fashion-cnn", "fashion-resnet", "autoencoder", "names-lstm", "sunspots-gru", "char-rnn",
    "char-gpt", "text-classify", "translate-dates", "deep",
)  # fmt: skip
LONGER = ("fashion-mlp", "fashion-cnn", "char-gpt")  # whose losses are followed for 20 steps


def without_kernel(trainer: Any) -> set[str]:
    """The ops of a step or a pass that have no CUDA kernel."""
    plan = trainer.plan
    calls = [call for part in plan.micro_batches for call in part] + plan.guarded + plan.updates + trainer.forward.calls
    return {call.op.name for call in calls if call.op.name != "view" and not call.op.cuda_stages}


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_has_a_kernel_for_the_gpu(name: str) -> None:
    assert OPS[name].cuda_stages, f"{name} has a CPU kernel and none for CUDA"


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FIRST else pytest.mark.slow) for name in presets.names()]
)
def test_a_step_and_three_replays_give_the_numbers_of_the_processor(gpu: Any, name: str) -> None:
    """Every slot that is written before the update, to 1e-5 of its largest number; then losses and gradients."""
    here, there = trainer_of(name, "cpu"), trainer_of(name, "cuda:0")
    assert not without_kernel(there)
    for trainer in (here, there):
        assert trainer.run(1000, 1) == "done"
    compare_slots(here, there)
    for trainer in (here, there):
        assert trainer.run(1000, 4) == "done"
    told, wanted = there.drain(), here.drain()
    assert np.abs(told - wanted).max() <= 1e-4 * np.abs(wanted[:, 1:]).max()
    for slot, array in here.gradients().items():  # not the weights: Adam makes as much of noise as of a gradient
        assert np.abs(array - there.gradients()[slot]).max() <= 1e-3 * np.abs(array).max() + 1e-6, slot


def compare_slots(here: Any, there: Any) -> None:
    calls = [call for part in here.plan.micro_batches for call in part] + here.plan.guarded
    twins = [call for part in there.plan.micro_batches for call in part] + there.plan.guarded
    for mine, theirs in zip(calls, twins, strict=True):
        for slot, twin in zip(mine.results, theirs.results, strict=True):
            a, b = here.arena.view(slot), there.arena.view(twin)
            assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max() + 1e-7, slot.name


@pytest.mark.gpu
@pytest.mark.parametrize("name", LONGER)
def test_the_losses_of_twenty_steps_are_those_of_the_processor(gpu: Any, name: str) -> None:
    losses = []
    for device in ("cpu", "cuda:0"):
        trainer = trainer_of(name, device)
        trainer.run(1000, 20)
        losses.append(trainer.drain()[:, 1])
    assert np.abs(losses[0] - losses[1]).max() <= 1e-4 * np.abs(losses[0]).max()
