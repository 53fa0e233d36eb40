"""Optimizers and schedules: how the parameters move, and how fast."""

from __future__ import annotations

from tuinet.optimizers.adagrad import Adagrad
from tuinet.optimizers.adam import Adam, AdamW
from tuinet.optimizers.base import Optimizer
from tuinet.optimizers.rmsprop import RMSprop
from tuinet.optimizers.schedules import MONITORS, SCHEDULES, Schedule
from tuinet.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "sgd": SGD,
}

__all__ = [
    "MONITORS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "Schedule",
]
