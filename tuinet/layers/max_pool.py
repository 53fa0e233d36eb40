"""Max pooling: of each window of an image only the strongest answer goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers.base import Ops
from tuinet.layers.pool import Pool
from tuinet.shapes import Geometry


@dataclass(frozen=True, kw_only=True)
class MaxPool(Pool):
    """Keep the largest value of each window, channel by channel: whether a pattern is there counts, not exactly where.

    y[p, q] = max over i, j of x[p down + i, q right + j]
    x (N, H, W, C)   y (N, P, Q, C), or x (N, T, C)   y (N, Q, C)
    """

    def pooled(self, ops: Ops, x: Any, geometry: Geometry) -> Any:
        return ops.max_pool(x, geometry=geometry)[0]
