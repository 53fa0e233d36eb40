"""What pooling layers share: windows that slide over an image or a sequence, and one value of each."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import optional, pair
from tuinet.layers.base import Layer, Ops
from tuinet.layers.images import axes_of, image, rows, shaped
from tuinet.shapes import Geometry, slide


@dataclass(frozen=True, kw_only=True)
class Pool(Layer):
    """Windows over an image (N, H, W, C), or along a sequence (N, T, C)."""

    size: tuple[int, int] = pair(
        (2, 2), at_least=1, help="height and width of a window; of a sequence the width counts"
    )
    stride: tuple[int, int] | None = optional(pair(at_least=1, help="from window to window; left out: its size"))
    padding: str | tuple[int, int] = pair(
        "valid",
        at_least=0,
        symbols=("valid", "same"),
        help="what windows may reach over the edge, where nothing is counted",
    )

    @abstractmethod
    def pooled(self, ops: Ops, x: Any, geometry: Geometry) -> Any:
        """One value of each window and channel: x (N, X), and the result (N, rows columns channels)."""

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        if self.size[1] == 1 or self.padding in ("valid", (0, 0)):
            return None
        return "padding", "take the pool out"

    def forward(self, ops: Ops, x: Any) -> Any:
        stride = self.stride or self.size
        return slid(self, ops, x, self.size, stride, self.padding)


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Layer):
    """One window over all of an image or a sequence."""

    @abstractmethod
    def pooled(self, ops: Ops, x: Any, geometry: Geometry) -> Any:
        """One value of each channel: x (N, X), and the result (N, channels)."""

    def forward(self, ops: Ops, x: Any) -> Any:
        height, width, channels = image(x, "pooling", axes_of(x, "pooling"))
        y = slid(self, ops, x, (height, width), (1, 1), "valid")
        return ops.view(y, (y.shape[0], channels))


def slid(
    layer: Pool | GlobalPool, ops: Ops, x: Any, size: tuple[int, int], stride: tuple[int, int],
    padding: str | tuple[int, int],
) -> Any:  # fmt: skip
    """The layer's value of every window, as an image or a sequence again."""
    axes = axes_of(x, "pooling")
    if axes == 1:
        size, stride = (1, size[1]), (1, stride[1])
        padding = padding if isinstance(padding, str) else (0, padding[1])
    if not isinstance(padding, str) and any(edge >= length for edge, length in zip(padding, size, strict=True)):
        raise ShapeError(
            f"padding {list(padding)} lets whole windows of {list(size)} lie outside; make it at most "
            f"{[length - 1 for length in size]}"
        )
    geometry = slide(image(x, "pooling", axes), size, stride, padding)
    return shaped(ops, layer.pooled(ops, rows(ops, x), geometry), geometry, x.shape[-1], axes)
