"""What a worker needs of the engine and of the data, in one small object, so that tests can put their own there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from tuinet.training.devices import Chosen, chosen, is_gpu, ordinal_of

if TYPE_CHECKING:
    from tuinet.data import Bound
    from tuinet.engine.cuda.nvml import Figures
    from tuinet.presets import Preset
    from tuinet.training.loop import Trains

OnCompile = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Tensor:
    """A weight, or a running statistic of the forward pass."""

    name: str
    shape: tuple[int, ...]
    is_weight: bool = True

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Preview:
    """tensors: what a checkpoint of the model will hold, in slot order. threads: how many will train.

    device_bytes: that training takes of a GPU's memory, None on others; free_bytes: what it has free now.
    """

    tensors: list[Tensor]
    threads: int
    device_bytes: int | None = None
    free_bytes: int | None = None

    @property
    def parameters(self) -> int:
        """How many numbers the network has, trainable and frozen."""
        return sum(tensor.size for tensor in self.tensors if tensor.is_weight)


class Engine(Protocol):
    """Binds data and builds trainers."""

    def bind(self, preset: Preset) -> Bound: ...

    def device(self, word: str) -> Chosen:
        """What a word of --device comes to on this machine."""

    def figures(self, uuid: str) -> Figures:
        """What the GPU of this UUID says of itself now. Called in a thread of its own."""

    def preview(self, preset: Preset, bound: Bound, *, device: str, threads: int | None) -> Preview:
        """What can be said before anything is compiled."""

    def trainer(
        self,
        preset: Preset,
        bound: Bound,
        *,
        device: str,
        threads: int | None,
        on_compile: OnCompile | None = None,
        begin: int = 0,
    ) -> Trains:
        """begin: of the Pace, where the batch size has changed on the way."""


class RealEngine:
    """The program on the CPU, on a GPU, or the reference in NumPy."""

    def bind(self, preset: Preset) -> Bound:
        from tuinet import data

        return data.bind_for(preset)

    def device(self, word: str) -> Chosen:
        return chosen(word)

    def figures(self, uuid: str) -> Figures:
        from tuinet.engine.cuda import nvml

        return nvml.figures(uuid)

    def preview(self, preset: Preset, bound: Bound, *, device: str, threads: int | None) -> Preview:
        from tuinet.engine.step import Step
        from tuinet.engine.trainer import device_bytes, threads_for

        training, facts = preset.training, bound.facts
        sizes = {"examples": len(bound.train.inputs), "batch_size": batch_size(preset, bound)}
        step: Any = Step(
            preset.network(facts), training.loss, training.optimizer, facts, **sizes, augment=training.augment,
            accumulate=training.accumulate, clip_value=training.clip_value, clip_norm=training.clip_norm,
        )  # fmt: skip
        tensors = [Tensor(slot.name, tuple(slot.shape), slot.kind != "statistic") for slot in step.program.kept()]
        if is_gpu(device):
            return Preview(tensors, 1, device_bytes(step, sizes["examples"]), free_bytes(device))
        return Preview(tensors, (threads or threads_for(step)) if device == "cpu" else 1)

    def trainer(
        self,
        preset: Preset,
        bound: Bound,
        *,
        device: str,
        threads: int | None,
        on_compile: OnCompile | None = None,
        begin: int = 0,
    ) -> Trains:
        from tuinet.engine.trainer import Trainer

        training = preset.training
        built: Any = Trainer(
            preset.network(bound.facts),
            training.loss,
            training.optimizer,
            bound,
            batch_size=batch_size(preset, bound),
            seed=training.seed,
            threads=threads,
            device=device,
            schedule=training.schedule,
            epochs=training.epochs,
            accumulate=training.accumulate,
            clip_value=training.clip_value,
            clip_norm=training.clip_norm,
            augment=training.augment,
            begin=begin,
            on_compile=on_compile,
            precision=training.precision,
        )
        return built  # type: ignore[no-any-return]


def free_bytes(device: str) -> int:
    """What a GPU has free, cuda:N by its word."""
    from tuinet.engine.cuda.driver import Gpu

    return int(Gpu(ordinal_of(device) or 0).memory()[0])


def batch_size(preset: Preset, bound: Bound) -> int:
    """In examples; never more than there are."""
    from tuinet.engine.step import batch_of

    return int(batch_of(preset.training.batch_size, len(bound.train.inputs)))
