"""Average pooling: each window of an image becomes its mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers.base import Ops
from tuinet.layers.pool import Pool
from tuinet.shapes import Geometry


@dataclass(frozen=True, kw_only=True)
class AveragePool(Pool):
    """Keep the mean of each window, channel by channel; what reaches over the edge does not count.

    y[p, q] = mean over i, j of x[p down + i, q right + j]
    x (N, H, W, C)   y (N, P, Q, C), or x (N, T, C)   y (N, Q, C)
    """

    def pooled(self, ops: Ops, x: Any, geometry: Geometry) -> Any:
        return ops.average_pool(x, geometry=geometry)
