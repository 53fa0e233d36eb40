"""Global max pooling: one number of each channel, wherever in the image it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers.base import Ops
from tuinet.layers.pool import GlobalPool
from tuinet.shapes import Geometry


@dataclass(frozen=True, kw_only=True)
class GlobalMaxPool(GlobalPool):
    """Keep the largest value of each channel over the whole image, or along the whole sequence.

    y = max over all places of x        x (N, H, W, C) or (N, T, C)   y (N, C)
    """

    def pooled(self, ops: Ops, x: Any, geometry: Geometry) -> Any:
        return ops.max_pool(x, geometry=geometry)[0]
