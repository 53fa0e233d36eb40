"""Flatten: an image of 28 x 28 becomes a row of 784 inputs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from tuinet.layers.base import Layer, Ops


@dataclass(frozen=True, kw_only=True)
class Flatten(Layer):
    """Lay the values of each example out in one row; nothing is computed or copied.

    y = x        x (N, A, B, ...)   y (N, A B ...)
    """

    def forward(self, ops: Ops, x: Any) -> Any:
        return x if len(x.shape) == 2 else ops.view(x, (x.shape[0], prod(x.shape[1:])))
