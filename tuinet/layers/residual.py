"""The residual connection: a way around a stack of layers, by which signal and gradient pass unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import PresetError, ShapeError
from tuinet.fields import stack as stack_field
from tuinet.layers.base import Facts, Layer, Ops, bound, each, every_layer, stack


@dataclass(frozen=True, kw_only=True)
class Residual(Layer):
    """Add what the layers inside make of x to x itself: what they learn is the difference.

    y = x + layers(x)        x, y (N, ...)
    """

    layers: tuple[Layer, ...] = stack_field(
        every_layer, noun="a layer type", help="the stack inside: [[layers.layers]]"
    )

    def __post_init__(self) -> None:
        if not self.layers:
            raise PresetError("is empty; put at least one layer inside: [[layers.layers]]", key="layers")

    def bound(self, facts: Facts, on_data: bool) -> Layer:
        return self.around(bound(self.layers, facts, on_data))

    def forward(self, ops: Ops, x: Any) -> Any:
        y = stack(ops, self.layers, x)
        if y.shape != x.shape:
            raise ShapeError(
                f"the layers inside give {each(y)}, which cannot be added to the {each(x)} that comes in; "
                "let the last layer inside give as many outputs as come in"
            )
        return x + y
