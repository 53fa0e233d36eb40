"""Convolution in two dimensions: the same small weights look at every place of an image."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

from tuinet.errors import ShapeError
from tuinet.fields import choice, flag, pair, whole
from tuinet.layers.activation import FUNCTIONS, activate
from tuinet.layers.base import Ops, WeightedLayer
from tuinet.layers.images import image, rows, shaped
from tuinet.shapes import divisor, slide

if TYPE_CHECKING:
    from tuinet.layers.conv1d import Conv1d

PADDINGS = ("valid", "same")


@dataclass(frozen=True, kw_only=True)
class Conv2d(WeightedLayer):
    """Look at every place of an image with the same weights: a filter answers to one pattern, wherever it stands.

    y[p, q] = f(b + Σ x[p down + i, q right + j] W[i, j])
    x (N, H, W, C)   y (N, P, Q, O)   W (KH, KW, C / groups, O)   b (O)

    LeCun et al. 1989. With as many groups as channels every channel has filters of its own (depthwise).
    """

    filters: int = whole(at_least=1, at_most=65_536, help="number of patterns that are looked for, O")
    kernel: tuple[int, int] = pair((3, 3), at_least=1, at_most=1_000, help="height and width of a filter, KH and KW")
    stride: tuple[int, int] = pair((1, 1), at_least=1, help="how far it moves from place to place")
    padding: str | tuple[int, int] = pair(
        "valid", at_least=0, at_most=1_000, symbols=PADDINGS,
        help="zeros around the image: none, as many as keep its size, or a number",
    )  # fmt: skip
    dilation: tuple[int, int] = pair((1, 1), at_least=1, help="how far apart the values are that a filter sees")
    groups: int = whole(1, at_least=1, help="channels and filters in so many groups that do not see one another")
    activation: str = choice("linear", FUNCTIONS, noun="an activation", help="function of each sum")
    bias: bool = flag(True, help="add a learned offset b to every filter")

    def forward(self, ops: Ops, x: Any) -> Any:
        return convolve(self, ops, x, 2, self.kernel, self.stride, self.padding, self.dilation)


def convolve(
    layer: Conv2d | Conv1d, ops: Ops, x: Any, axes: int, kernel: tuple[int, int], stride: tuple[int, int],
    padding: str | tuple[int, int], dilation: tuple[int, int],
) -> Any:  # fmt: skip
    """The forward pass in two dimensions, or in one as an image of height 1."""
    filters, groups = layer.filters, layer.groups
    height, width, channels = image(x, f"conv{axes}d", axes)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"{channels} channels and {filters} filters cannot be parted into {groups} groups; "
            f"choose a number of groups that divides both, such as {divisor(gcd(channels, filters), groups)}"
        )
    geometry = slide((height, width, channels), kernel, stride, padding, dilation, groups)
    shape = (*kernel[2 - axes :], channels // groups, filters)
    W = layer.weights(ops, "W", geometry.inside, kernel[0] * kernel[1] * filters // groups, shape)
    if layer.bias:
        b = ops.parameter("b", (filters,), layer.bias_start, trainable=layer.trainable)
    else:
        b = ops.constant("b", [0.0] * filters)
    y = ops.conv2d(
        rows(ops, x), ops.view(W, (geometry.inside, filters)), b, ops.scratch(geometry.scratch), geometry=geometry
    )
    return activate(ops, shaped(ops, y, geometry, filters, axes), layer.activation)
