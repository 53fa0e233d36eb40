"""Dropout: while training, a share of the values is left out, so that no unit can rely on another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers.base import Layer, Ops


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """While training, zero a share of the values and scale up the rest; else pass them through.

    y = x k / (1 - rate)        x, y (N, ...)   k is 1, or 0 with probability rate, drawn anew for each value and step
    """

    rate: float = real(0.5, at_least=0.0, at_most=0.999999, live=True, help="share of the values that is left out")

    def forward(self, ops: Ops, x: Any) -> Any:
        if not ops.training or self.rate == 0.0:
            return x
        return ops.dropout_rows(x, self.rate)
