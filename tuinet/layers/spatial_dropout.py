"""Spatial dropout: while training, whole channels of an image are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers.base import Layer, Ops
from tuinet.layers.images import axes_of


@dataclass(frozen=True, kw_only=True)
class SpatialDropout(Layer):
    """While training, zero a share of the channels, everywhere at once, and scale up the rest; else pass them through.

    y = x k / (1 - rate)        x, y (N, H, W, C) or (N, T, C)
    k is 1, or 0 with probability rate, drawn anew for each channel of each example, and each step

    Neighbours in an image say much the same: dropout of single values leaves out little that cannot be seen beside
    them. Tompson et al. 2015.
    """

    rate: float = real(0.2, at_least=0.0, at_most=0.999999, live=True, help="share of the channels that is left out")

    def forward(self, ops: Ops, x: Any) -> Any:
        axes_of(x, "spatial_dropout")
        if not ops.training or self.rate == 0.0:
            return x
        return ops.dropout_channels(x, self.rate)
