"""The benchmark's tasks: the same networks, batches, losses and optimizers that peers are timed with.

They are ordinary networks on the ordinary trainer: nothing here is written for a benchmark's shape.
A step is forward, loss, backward and update on one of eight batches that are already in memory.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..data.bound import Facts
from ..layers import (
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    Gru,
    LayerNorm,
    Lstm,
    MaxPool,
    Positions,
    TransformerBlock,
    Unembedding,
)
from ..losses import LOSSES
from ..network import Network
from ..optimizers import OPTIMIZERS
from ..processes import cores
from .plan import multiply_adds
from .trainer import Trainer

BATCHES = 8


@dataclass(frozen=True)
class Task:
    """Shape of an example, layers, outputs, examples in a batch, what is minimised and how; steps of one repeat."""

    inputs: tuple
    layers: tuple
    outputs: int
    batch: int
    loss: str
    optimizer: str
    learning_rate: float
    steps: int
    tokens: int = 0  # where inputs are tokens, and the target at each position is one too: how many there are


def dense(sizes, batch, loss, activation, optimizer, learning_rate, steps):
    """A stack of dense layers."""
    layers = [Dense(units=units, activation=activation) for units in sizes[1:-1]]
    inputs, outputs = sizes[:1], sizes[-1]
    return Task(inputs, (*layers, Dense(units=outputs)), outputs, batch, loss, optimizer, learning_rate, steps)


def convolutional(side, filters, units, batch):
    """Two convolutions with pooling, two dense layers."""
    layers = []
    for count in filters:
        layers += [Conv2d(filters=count, activation="relu"), MaxPool()]
    layers += [Flatten(), Dense(units=units, activation="relu"), Dense(units=10)]
    return Task((side, side, 1), tuple(layers), 10, batch, "cross_entropy", "adam", 1e-3, 20)


def transformer(steps, width, batch, tokens=65, blocks=4, heads=4):
    """A language model: blocks of attention between an embedding and its reverse, without offsets."""
    block = TransformerBlock(heads=heads, causal=True, bias=False)
    layers = (Embedding(units=width), Positions(), *[block] * blocks, LayerNorm(bias=False), Unembedding(bias=False))
    return Task((steps,), layers, tokens, batch, "cross_entropy", "adamw", 1e-3, 10, tokens)


def recurrent(layer, steps, width, batch, tokens=65):
    """A language model: a recurrent layer between an embedding and a dense layer."""
    layers = (Embedding(units=width), layer(units=width), Dense(units=tokens))
    return Task((steps,), layers, tokens, batch, "cross_entropy", "adam", 1e-3, 10, tokens)


TASKS = {
    "playground": dense((2, 8, 8, 1), 10, "mean_squared_error", "tanh", "sgd", 0.03, 20000),
    "fashion-mlp": dense((784, 128, 10), 32, "cross_entropy", "relu", "adam", 1e-3, 300),
    "wide-mlp": dense((784, 512, 512, 10), 128, "cross_entropy", "relu", "adam", 1e-3, 60),
    "cnn": convolutional(28, (32, 64), 128, 64),
    "lstm": recurrent(Lstm, 64, 128, 32),
    "gru": recurrent(Gru, 64, 128, 32),
    "gpt": transformer(64, 128, 12),
    "playground-odd": dense((2, 9, 7, 1), 11, "mean_squared_error", "tanh", "sgd", 0.03, 20000),
    "fashion-mlp-odd": dense((784, 129, 10), 33, "cross_entropy", "relu", "adam", 1e-3, 300),
    "wide-mlp-odd": dense((784, 513, 513, 10), 127, "cross_entropy", "relu", "adam", 1e-3, 60),
    "cnn-odd": convolutional(27, (33, 65), 127, 13),
    "lstm-odd": recurrent(Lstm, 61, 120, 13),
    "gru-odd": recurrent(Gru, 61, 120, 13),
    "gpt-odd": transformer(61, 120, 13),
}
DEFAULT = ("playground", "fashion-mlp", "wide-mlp", "cnn", "lstm", "gru", "gpt")


def trainer_for(task, name, threads=None, seed=0, device="cpu"):
    """A trainer for a task, on batches drawn by the seed."""
    rng = np.random.default_rng(seed)
    examples = BATCHES * task.batch
    classes, steps = task.loss == "cross_entropy", task.inputs if task.tokens else ()
    inputs = (
        rng.integers(0, task.tokens, (examples, *steps)).astype(np.int32)
        if task.tokens
        else rng.random((examples, *task.inputs)).astype(np.float32)
    )
    targets = (
        rng.integers(0, task.outputs, (examples, *steps)).astype(np.int32)
        if classes
        else rng.random((examples, task.outputs)).astype(np.float32)
    )
    facts = Facts(
        name=name,
        source="generated",
        inputs=task.inputs,
        task="classes" if classes else "reals",
        classes=task.outputs if classes else 0,
        outputs=task.outputs,
        tokens=task.tokens,
        steps=sum(steps),
    )
    return Trainer(
        Network(task.layers).bound(facts),
        LOSSES[task.loss](),
        OPTIMIZERS[task.optimizer](learning_rate=task.learning_rate),
        SimpleNamespace(train=SimpleNamespace(inputs=inputs, targets=targets), facts=facts),
        batch_size=task.batch,
        threads=threads,
        device=device,
        seed=seed,
        epochs=10**9,
        shuffle=False,
    )


def multiply_adds_of(step):
    """Those of a step's matrix products."""
    every = [call for part in step.micro_batches for call in part] + step.guarded + step.updates
    return sum(multiply_adds(call) for call in every)


def sgemm_rate(size=1024, repeats=8):
    """Multiply-adds a second that NumPy's BLAS does on one core, at its best, on all of them at once."""
    a = np.random.default_rng(0).random((size, size), np.float32)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return size**3 / best / cores()


class Timer:
    """Times one task in repeats that can be taken in turn with something else."""

    def __init__(self, name, threads=None):
        self.name, self.task = name, TASKS[name]
        self.trainer = trainer_for(self.task, name, threads)
        self.threads = self.trainer.threads
        self.products = multiply_adds_of(self.trainer.plan)
        self.skips = [str(skip) for skip in self.trainer.program.skips]  # work left out by exact algebra
        self.repeat()

    def repeat(self):
        """Seconds a step, over one stretch of steps."""
        start = time.perf_counter()
        self.trainer.run(3600.0, self.trainer.step + self.task.steps)
        seconds = (time.perf_counter() - start) / self.task.steps
        self.trainer.drain()
        return seconds
