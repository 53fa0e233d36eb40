"""Examples as a step of training would see them: the step's own calls, run by the reference."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from ..layers import Dense, Flatten
from ..losses import LOSSES
from ..losses.base import FITTING
from ..network import Network
from ..optimizers import SGD
from . import reference
from .trainer import Trainer


def augmented(part, facts, augment, *, steps, seed=0):
    """The examples of a part as they are drawn at steps 0, 1, ...: (steps, n, *shape), float64.

    What is mixed in comes from among them. PresetError where the augmentation does not fit the data.
    """
    network = Network((Flatten(), Dense(units=facts.outputs)))  # none of it is run: a step wants one
    bound = SimpleNamespace(train=part, facts=facts)
    trainer = Trainer(
        network,
        LOSSES[FITTING[facts.task]](),
        SGD(),
        bound,
        batch_size="all",
        seed=seed,
        device="reference",
        augment=augment,
        shuffle=False,
    )
    found = np.empty((steps, len(part.inputs), *facts.inputs))
    for step in range(steps):
        trainer.arena.write(trainer.program.step, step)
        reference.run(trainer.plan.sections["batch"], trainer.arena)
        found[step] = trainer.arena.view(trainer.plan.inputs)
    return found
