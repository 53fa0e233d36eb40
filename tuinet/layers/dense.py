"""The fully connected layer: weighted sums, an offset, an activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import choice, flag, whole
from tuinet.layers.activation import FUNCTIONS, activate
from tuinet.layers.base import Facts, Ops, WeightedLayer, vectors


@dataclass(frozen=True, kw_only=True)
class Dense(WeightedLayer):
    """Fully connected: every output unit sees every input; of a sequence, every input of its position.

    y = f(x W + b)        x (N, I) or (N, T, I)   y (N, O) or (N, T, O)   W (I, O)   b (O)
    """

    units: int | str = whole(
        at_least=1,
        at_most=1_000_000,
        symbols=("classes", "outputs"),
        help='number of outputs, O; "classes" or "outputs": as many as the data has',
    )
    activation: str = choice("linear", FUNCTIONS, noun="an activation", help="function of each sum")
    bias: bool = flag(True, help="add a learned offset b to every output")

    def bound(self, facts: Facts, on_data: bool) -> Dense:
        if not isinstance(self.units, str):
            return self
        units = facts.classes if self.units == "classes" else facts.outputs
        if units < 1:
            raise ShapeError(
                f'"{self.units}" is no number here: the label of this data is not one of several classes; '
                'write units = "outputs"',
                key=f"layers.{self.path}.units",
            )
        return replace(self, units=units)

    def forward(self, ops: Ops, x: Any) -> Any:
        rows, inputs = vectors(ops, x, "dense")
        if isinstance(self.units, str):
            raise ShapeError(f'units = "{self.units}" is known only once data is bound; give a number here')
        W = self.weights(ops, "W", inputs, self.units)
        if self.bias:
            b = ops.parameter("b", (self.units,), self.bias_start, trainable=self.trainable)
            y = ops.dense(rows, W, b)
        else:
            y = ops.matmul_nn(rows, W)
        return ops.view(activate(ops, y, self.activation), (*x.shape[:-1], self.units))
