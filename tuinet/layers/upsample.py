"""Upsampling: an image grows as if seen through a magnifying glass; nothing is learnt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import pair
from tuinet.layers.base import Layer, Ops
from tuinet.layers.images import axes_of, image, rows
from tuinet.shapes import slide


@dataclass(frozen=True, kw_only=True)
class Upsample(Layer):
    """Repeat every value down and across (nearest neighbour).

    y[p, q] = x[p // down, q // right]
    x (N, H, W, C)   y (N, H down, W right, C), or x (N, T, C)   y (N, T right, C)
    """

    factor: tuple[int, int] = pair(
        (2, 2), at_least=1, at_most=1_000, help="times as high and as wide; of a sequence the width counts"
    )

    def forward(self, ops: Ops, x: Any) -> Any:
        axes = axes_of(x, "upsample")
        height, width, channels = image(x, "upsample", axes)
        factor = self.factor if axes == 2 else (1, self.factor[1])
        large = (height * factor[0], width * factor[1], channels)
        y = ops.upsample(rows(ops, x), geometry=slide(large, factor, factor, "valid"))
        return ops.view(y, (x.shape[0], *large[2 - axes :]))
