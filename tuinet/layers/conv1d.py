"""Convolution in one dimension: the same small weights look at every place of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import choice, flag, whole
from tuinet.layers.activation import FUNCTIONS
from tuinet.layers.base import Ops, WeightedLayer
from tuinet.layers.conv2d import PADDINGS, convolve


@dataclass(frozen=True, kw_only=True)
class Conv1d(WeightedLayer):
    """Look at every place of a sequence with the same weights.

    y[q] = f(b + Σ x[q stride + i dilation] W[i])        x (N, T, C)   y (N, Q, O)   W (K, C / groups, O)   b (O)
    """

    filters: int = whole(at_least=1, at_most=65_536, help="number of patterns that are looked for, O")
    kernel: int = whole(3, at_least=1, at_most=1_000, help="length of a filter, K")
    stride: int = whole(1, at_least=1, help="how far it moves from place to place")
    padding: str | int = whole(
        "valid", at_least=0, at_most=1_000, symbols=PADDINGS,
        help="zeros on both sides: none, as many as keep the length, or a number",
    )  # fmt: skip
    dilation: int = whole(1, at_least=1, help="how far apart the values are that a filter sees")
    groups: int = whole(1, at_least=1, help="channels and filters in so many groups that do not see one another")
    activation: str = choice("linear", FUNCTIONS, noun="an activation", help="function of each sum")
    bias: bool = flag(True, help="add a learned offset b to every filter")

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        if self.kernel == 1 or self.padding in ("valid", 0):
            return None
        return "padding", "a recurrent layer or a causal attention sees only what is before it"

    def forward(self, ops: Ops, x: Any) -> Any:
        padding = self.padding if isinstance(self.padding, str) else (0, self.padding)
        return convolve(self, ops, x, 1, (1, self.kernel), (1, self.stride), padding, (1, self.dilation))
