"""What transformer_block and decoder_block share: branches with a way around them, and the network at each position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tuinet.fields import choice, flag, real, whole
from tuinet.layers.base import Ops, WeightedLayer

NORMS = ("layer_norm", "rms_norm")


@dataclass(frozen=True, kw_only=True)
class Block(WeightedLayer):
    """Branches, each added to what comes in: y = x + f(norm(x)) with place "pre", norm(x + f(x)) with "post"."""

    heads: int = whole(4, at_least=1, at_most=1_024, help="parts of the vectors that look around separately")
    rotary: bool = flag(False, help="turn queries and keys by their place (Su et al. 2021), instead of positions")
    ratio: int = whole(4, at_least=1, at_most=64, help="hidden units of the small network, in widths D")
    activation: str = choice(
        "gelu", ("gelu", "relu", "silu", "swiglu"), noun="an activation", help="between its two products"
    )
    norm: str = choice("layer_norm", NORMS, help="which normalisation")
    place: str = choice("pre", ("pre", "post"), help="normalise what goes into a branch, or what comes out of the sum")
    dropout: float = real(
        0.0, at_least=0.0, at_most=0.999999, live=True, help="share of what a branch adds that is left out"
    )
    bias: bool = flag(True, help="add learned offsets")

    def branch(self, ops: Ops, x: Any, name: str, make: Callable[[Any], Any]) -> Any:
        """Rows x (N T, D) and what the branch makes of them, normalised before or after."""
        with ops.scope(name):
            y = make(self._norm(ops, x) if self.place == "pre" else x)
            if ops.training and self.dropout:
                y = ops.dropout_rows(y, self.dropout)
            return x + y if self.place == "pre" else self._norm(ops, x + y)

    def feedforward(self, ops: Ops, x: Any) -> Any:
        """The small network at each position, of rows x (N T, D)."""
        hidden = self.ratio * x.shape[1]
        y = self._product(ops, x, hidden, "1")
        if self.activation == "swiglu":
            y = ops.multiply(ops.silu(y), self._product(ops, x, hidden, "3"))
        else:
            y = getattr(ops, self.activation)(y)
        return self._product(ops, y, x.shape[1], "2")

    def _norm(self, ops: Ops, x: Any) -> Any:
        g = ops.parameter("g", x.shape[1:], 1.0, trainable=self.trainable)
        if self.norm == "rms_norm":
            return ops.rms_norm(x, g, eps=1e-5)[0]
        b = self._offset(ops, "b", x.shape[1]) if self.bias else ops.constant("b", [0.0] * x.shape[1])
        return ops.layer_norm(x, g, b, eps=1e-5)[0]

    def _product(self, ops: Ops, x: Any, units: int, number: str) -> Any:
        W = self.weights(ops, f"W{number}", x.shape[1], units)
        if not self.bias:
            return ops.matmul_nn(x, W)
        return ops.dense(x, W, self._offset(ops, f"b{number}", units))

    def _offset(self, ops: Ops, name: str, units: int) -> Any:
        return ops.parameter(name, (units,), self.bias_start, trainable=self.trainable)
