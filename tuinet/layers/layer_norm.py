"""Layer normalisation: every example's values are brought to the same mean and spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers.base import Layer, Ops, flat


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Layer):
    """Give every row mean 0 and spread 1, then a learned gain and offset.

    y = g (x - mean) / sqrt(variance + eps) + b        x, y (N, I)   g, b (I)   mean, variance over I
    """

    eps: float = real(1e-5, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    def forward(self, ops: Ops, x: Any) -> Any:
        inputs = flat(x, "layer_norm")
        g = ops.parameter("g", (inputs,), 1.0, trainable=self.trainable)
        b = ops.parameter("b", (inputs,), 0.0, trainable=self.trainable)
        return ops.layer_norm(x, g, b, eps=self.eps)[0]
