"""The benchmark's dense tasks: the same networks, batches, losses and optimizers that peers are timed with.

They are ordinary networks on the ordinary trainer: nothing here is written for a benchmark's shape.
A step is forward, loss, backward and update on one of eight batches that are already in memory.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..layers import Dense
from ..losses import LOSSES
from ..network import Network
from ..optimizers import OPTIMIZERS
from .trainer import Trainer

BATCHES = 8


@dataclass(frozen=True)
class Task:
    """Sizes of the layers, examples in a batch, what is minimised and how; steps of one repeat."""

    sizes: tuple
    batch: int
    loss: str
    activation: str
    optimizer: str
    learning_rate: float
    steps: int

    @property
    def multiply_adds(self):
        """Of a step: forward, gradients of the weights, gradients of all inputs but the first."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        return self.batch * (2 * sum(i * o for i, o in pairs) + sum(i * o for i, o in pairs[1:]))


TASKS = {
    "playground": Task((2, 8, 8, 1), 10, "mean_squared_error", "tanh", "sgd", 0.03, 20000),
    "fashion-mlp": Task((784, 128, 10), 32, "cross_entropy", "relu", "adam", 1e-3, 300),
    "wide-mlp": Task((784, 512, 512, 10), 128, "cross_entropy", "relu", "adam", 1e-3, 60),
    "playground-odd": Task((2, 9, 7, 1), 11, "mean_squared_error", "tanh", "sgd", 0.03, 20000),
    "fashion-mlp-odd": Task((784, 129, 10), 33, "cross_entropy", "relu", "adam", 1e-3, 300),
    "wide-mlp-odd": Task((784, 513, 513, 10), 127, "cross_entropy", "relu", "adam", 1e-3, 60),
}
DEFAULT = ("playground", "fashion-mlp", "wide-mlp")


def make(name, threads=None, seed=0):
    """A trainer for a task."""
    task = TASKS[name]
    rng = np.random.default_rng(seed)
    examples = BATCHES * task.batch
    inputs = rng.random((examples, task.sizes[0])).astype(np.float32)
    classes = task.loss == "cross_entropy"
    outputs = task.sizes[-1]
    targets = (
        rng.integers(0, outputs, examples).astype(np.int32)
        if classes
        else rng.random((examples, outputs)).astype(np.float32)
    )
    facts = SimpleNamespace(
        task="classes" if classes else "reals",
        inputs=(task.sizes[0],),
        classes=outputs if classes else 0,
        outputs=outputs,
        target_scale=None,
        class_counts=None,
    )
    layers = [Dense(units=units, activation=task.activation) for units in task.sizes[1:-1]]
    return Trainer(
        Network((*layers, Dense(units=outputs))),
        LOSSES[task.loss](),
        OPTIMIZERS[task.optimizer](learning_rate=task.learning_rate),
        SimpleNamespace(train=SimpleNamespace(inputs=inputs, targets=targets), facts=facts),
        batch_size=task.batch,
        threads=threads,
        seed=seed,
        epochs=10**9,
        shuffle=False,
    )


class Timer:
    """Times one task in repeats that can be taken in turn with something else."""

    def __init__(self, name, threads=None):
        self.name, self.task = name, TASKS[name]
        self.trainer = make(name, threads)
        self.threads = self.trainer.threads
        self.repeat()

    def repeat(self):
        """Seconds a step, over one stretch of steps."""
        start = time.perf_counter()
        self.trainer.run(3600.0, self.trainer.step + self.task.steps)
        seconds = (time.perf_counter() - start) / self.task.steps
        self.trainer.drain()
        return seconds


def time_task(name, threads=None, repeats=20):
    """Seconds a step of each repeat, after a warm-up, and the threads that were used (None: as a run would choose)."""
    timer = Timer(name, threads)
    return [timer.repeat() for _ in range(repeats)], timer.threads
