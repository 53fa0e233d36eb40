"""Transposed convolution: small weights that paint, where those of a convolution look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import choice, flag, pair, whole
from tuinet.layers.activation import FUNCTIONS, activate
from tuinet.layers.base import Ops, WeightedLayer
from tuinet.layers.conv2d import PADDINGS
from tuinet.layers.images import image, rows
from tuinet.shapes import slide


@dataclass(frozen=True, kw_only=True)
class Conv2dTranspose(WeightedLayer):
    """Lay the weights over the larger image at every place, times the value there, and add up where they overlap.

    y[p down + i, q right + j] = f(b + Σ W[i, j] x[p, q])
    x (N, H, W, C)   y (N, P, Q, O)   W (KH, KW, O, C)   b (O)

    It is the gradient of a convolution with the same weights, and takes its shapes back. P = (H - 1) down + KH - 2
    padding, as in PyTorch; with padding = "same", P = H down, as in Keras. Q likewise. Zeiler et al. 2010.
    """

    filters: int = whole(at_least=1, at_most=65_536, help="channels of the result, O")
    kernel: tuple[int, int] = pair((3, 3), at_least=1, at_most=1_000, help="height and width of a filter, KH and KW")
    stride: tuple[int, int] = pair((1, 1), at_least=1, at_most=1_000, help="how far apart it is laid down")
    padding: str | tuple[int, int] = pair(
        "valid", at_least=0, at_most=1_000, symbols=PADDINGS,
        help="cut off around the result: nothing, as much as leaves stride times the size, or a number",
    )  # fmt: skip
    activation: str = choice("linear", FUNCTIONS, noun="an activation", help="function of each sum")
    bias: bool = flag(True, help="add a learned offset b to every filter")

    def forward(self, ops: Ops, x: Any) -> Any:
        height, width, channels = image(x, "conv2d_transpose")
        tall, wide = self._size(0, height), self._size(1, width)
        geometry = slide((tall, wide, self.filters), self.kernel, self.stride, self.padding)
        area, steps = self.kernel[0] * self.kernel[1], self.stride[0] * self.stride[1]
        W = self.weights(
            ops, "W", max(1, area * channels // steps), area * self.filters, (*self.kernel, self.filters, channels)
        )
        turned = ops.turned(ops.view(W, (geometry.inside, channels)))
        y = ops.conv2d_inputs(rows(ops, x), turned, ops.scratch(geometry.scratch), geometry=geometry)
        if self.bias:
            b = ops.parameter("b", (self.filters,), self.bias_start, trainable=self.trainable)
            y = ops.add_row(ops.view(y, (x.shape[0] * tall * wide, self.filters)), b)
        return activate(ops, ops.view(y, (x.shape[0], tall, wide, self.filters)), self.activation)

    def _size(self, axis: int, length: int) -> int:
        """Height or width of the result. ShapeError where the padding cuts everything off."""
        if self.padding == "same":
            return length * self.stride[axis]
        cut = 0 if isinstance(self.padding, str) else self.padding[axis]
        size = (length - 1) * self.stride[axis] + self.kernel[axis] - 2 * cut
        if size < 1:
            raise ShapeError(
                f"padding {cut} on both sides cuts off all of the {size + 2 * cut} values of the result "
                f'({("height", "width")[axis]}); make it smaller, or write padding = "same"'
            )
        return size
