"""The residual connection: a way around a stack of layers, by which signal and gradient pass unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import PresetError, ShapeError
from tuinet.fields import stack as stack_field
from tuinet.layers.base import Layer, LayerFamily, Ops, each, stack


def _layers() -> LayerFamily:
    from tuinet.layers import LAYERS  # a residual may hold any layer, a residual too: the table is made after it

    return LAYERS


@dataclass(frozen=True, kw_only=True)
class Residual(Layer):
    """Add what the layers inside make of x to x itself: what they learn is the difference.

    y = x + layers(x)        x, y (N, ...)
    """

    layers: tuple[Layer, ...] = stack_field(_layers, noun="a layer", help="the stack inside: [[layers.layers]]")

    def __post_init__(self) -> None:
        if not self.layers:
            raise PresetError("is empty; put at least one layer inside: [[layers.layers]]", key="layers")

    def forward(self, ops: Ops, x: Any) -> Any:
        y = stack(ops, self.layers, x)
        if y.shape != x.shape:
            raise ShapeError(
                f"the layers inside give {each(y)}, which cannot be added to the {each(x)} that comes in; "
                "let the last layer inside give as many outputs as come in"
            )
        return x + y
