"""Activation functions: what a layer does to each value after the sums. Without one, layers collapse into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import choice, real
from tuinet.layers.base import Layer, Ops, vectors

FUNCTIONS = (
    "linear",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "sigmoid",
    "tanh",
    "softmax",
)


def activate(ops: Ops, x: Any, function: str, slope: float = 0.01, alpha: float = 1.0) -> Any:
    """function(x), value by value; softmax over the values of each example, or of each position of a sequence."""
    if function == "linear":
        return x
    if function == "leaky_relu":
        return ops.leaky_relu(x, alpha=slope)
    if function == "elu":
        return ops.elu(x, alpha=alpha)
    if function == "softmax":
        return ops.view(ops.softmax(vectors(ops, x, "softmax")[0]), x.shape)
    return getattr(ops, function)(x)


@dataclass(frozen=True, kw_only=True)
class Activation(Layer):
    """A function of each value.

    y = f(x)        x, y (N, ...)

    relu max(x, 0) · leaky_relu x or slope x · elu x or alpha (e^x - 1) · selu a scaled elu that keeps mean and spread ·
    gelu x Φ(x) · silu x sigmoid(x) · softplus log(1 + e^x) · sigmoid 1 / (1 + e^-x) · tanh · softmax e^x / Σ e^x.
    """

    function: str = choice("relu", FUNCTIONS, noun="an activation", help="the function")
    slope: float = real(0.01, at_least=0.0, help="leaky_relu: slope for x < 0")
    alpha: float = real(1.0, above=0.0, help="elu: where it levels off below 0, at -alpha")

    def forward(self, ops: Ops, x: Any) -> Any:
        return activate(ops, x, self.function, self.slope, self.alpha)
