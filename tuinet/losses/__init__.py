"""Losses, one file each: what the training makes small."""

from __future__ import annotations

from tuinet.losses.base import Loss
from tuinet.losses.binary_cross_entropy import BinaryCrossEntropy
from tuinet.losses.cross_entropy import CrossEntropy
from tuinet.losses.huber import Huber
from tuinet.losses.mean_absolute_error import MeanAbsoluteError
from tuinet.losses.mean_squared_error import MeanSquaredError

LOSSES: dict[str, type[Loss]] = {
    "binary_cross_entropy": BinaryCrossEntropy,
    "cross_entropy": CrossEntropy,
    "huber": Huber,
    "mean_absolute_error": MeanAbsoluteError,
    "mean_squared_error": MeanSquaredError,
}

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
]
