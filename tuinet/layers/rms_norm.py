"""Root mean square normalisation: every example's values are brought to the same size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers.base import Layer, Ops, vectors


@dataclass(frozen=True, kw_only=True)
class RmsNorm(Layer):
    """Give every row the root mean square 1, then a learned gain: layer_norm without its mean and offset.

    y = g x / sqrt(mean(x^2) + eps)        x, y (N, I) or (N, T, I)   g (I)   mean over I

    Zhang and Sennrich 2019.
    """

    eps: float = real(1e-5, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    def forward(self, ops: Ops, x: Any) -> Any:
        rows, inputs = vectors(ops, x, "rms_norm")
        g = ops.parameter("g", (inputs,), 1.0, trainable=self.trainable)
        return ops.view(ops.rms_norm(rows, g, eps=self.eps)[0], x.shape)
