"""Layer normalisation: every example's values are brought to the same mean and spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import flag, real
from tuinet.layers.base import Layer, Ops, vectors


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Layer):
    """Give every row mean 0 and spread 1, then a learned gain and offset. Every position of a sequence is a row.

    y = g (x - mean) / sqrt(variance + eps) + b        x, y (N, I) or (N, T, I)   g, b (I)   mean, variance over I
    Ba et al. 2016.
    """

    eps: float = real(1e-5, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")
    bias: bool = flag(True, help="add a learned offset b to every value")

    def forward(self, ops: Ops, x: Any) -> Any:
        rows, inputs = vectors(ops, x, "layer_norm")
        g = ops.parameter("g", (inputs,), 1.0, trainable=self.trainable)
        if self.bias:
            b = ops.parameter("b", (inputs,), 0.0, trainable=self.trainable)
        else:
            b = ops.constant("b", [0.0] * inputs)
        return ops.view(ops.layer_norm(rows, g, b, eps=self.eps)[0], x.shape)
