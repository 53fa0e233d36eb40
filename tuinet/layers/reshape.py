"""Reshape: the same values of each example, seen in another shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from tuinet.errors import PresetError, ShapeError
from tuinet.fields import whole_list
from tuinet.layers.base import Layer, Ops, each


@dataclass(frozen=True, kw_only=True)
class Reshape(Layer):
    """See the values of each example in another shape; nothing is computed or copied.

    y = x        x (N, ...)   y (N, shape)
    """

    shape: tuple[int, ...] = whole_list(
        at_least=-1, help="shape of one example, without the batch; one entry may be -1: whatever is left"
    )

    def __post_init__(self) -> None:
        if not 1 <= len(self.shape) <= 6:
            raise PresetError(f"has {len(self.shape)} axes; it must have between 1 and 6", key="shape")
        if 0 in self.shape or self.shape.count(-1) > 1:
            raise PresetError(f"{list(self.shape)} has a 0, or more than one -1; an axis is at least 1", key="shape")

    def forward(self, ops: Ops, x: Any) -> Any:
        size, given = prod(x.shape[1:]), prod(axis for axis in self.shape if axis > 0)
        if size % given or (-1 not in self.shape and size != given):
            raise ShapeError(
                f"an example has {size} values, {each(x)}, which do not fill {list(self.shape)}; "
                f"choose axes whose product is {size}"
            )
        return ops.view(x, (x.shape[0], *(size // given if axis == -1 else axis for axis in self.shape)))
