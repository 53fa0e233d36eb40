"""The transformer block: attention, then a small network at each position, each with a way around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import choice, flag, real, whole
from tuinet.layers.attention import attend
from tuinet.layers.base import Ops, WeightedLayer, sequence

NORMS = ("layer_norm", "rms_norm")


@dataclass(frozen=True, kw_only=True)
class TransformerBlock(WeightedLayer):
    """Positions exchange what they know, then each thinks about it; both only add to what comes in.

    pre: y = z + f(norm(z)),  z = x + attention(norm(x))        post: y = norm(z + f(z)),  z = norm(x + attention(x))
    f(z) = activation(z W1 + b1) W2 + b2, or swiglu: (silu(z W1 + b1) (z W3 + b3)) W2 + b2

    x, y (N, T, D)   W1, W3 (D, H)   W2 (H, D), H = ratio D        attention as in the layer of that name

    Vaswani et al. 2017 (post); Xiong et al. 2020 (pre, which trains without a warm-up); Shazeer 2020 (swiglu).
    """

    heads: int = whole(4, at_least=1, at_most=1_024, help="parts of the vectors that look around separately")
    causal: bool = flag(False, help="no position sees what comes after it, as is needed to predict the next token")
    rotary: bool = flag(False, help="turn queries and keys by their place (Su et al. 2021), instead of positions")
    ratio: int = whole(4, at_least=1, at_most=64, help="hidden units of the small network, in widths D")
    activation: str = choice(
        "gelu", ("gelu", "relu", "silu", "swiglu"), noun="an activation", help="between its two products"
    )
    norm: str = choice("layer_norm", NORMS, help="which normalisation")
    place: str = choice("pre", ("pre", "post"), help="normalise what goes into a branch, or what comes out of the sum")
    dropout: float = real(0.0, at_least=0.0, at_most=0.999999, help="share of what a branch adds that is left out")
    bias: bool = flag(True, help="add learned offsets")

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, width = sequence(x, "transformer_block")
        batch = x.shape[0]

        def attention(z: Any) -> Any:
            return attend(self, ops, z, z, batch, ops.lengths)

        rows = ops.view(x, (batch * steps, width))
        rows = self._around(ops, rows, "attention", attention)
        rows = self._around(ops, rows, "feedforward", lambda z: self._feedforward(ops, z))
        return ops.view(rows, x.shape)

    def _around(self, ops: Ops, x: Any, name: str, branch: Any) -> Any:
        """x and what the branch makes of it, normalised before or after."""
        with ops.scope(name):
            y = branch(self._norm(ops, x) if self.place == "pre" else x)
            if ops.training and self.dropout:
                y = ops.dropout_rows(y, self.dropout)
            return x + y if self.place == "pre" else self._norm(ops, x + y)

    def _norm(self, ops: Ops, x: Any) -> Any:
        g = ops.parameter("g", x.shape[1:], 1.0, trainable=self.trainable)
        if self.norm == "rms_norm":
            return ops.rms_norm(x, g, eps=1e-5)[0]
        b = self._offset(ops, "b", x.shape[1]) if self.bias else ops.constant("b", [0.0] * x.shape[1])
        return ops.layer_norm(x, g, b, eps=1e-5)[0]

    def _feedforward(self, ops: Ops, x: Any) -> Any:
        hidden = self.ratio * x.shape[1]
        y = self._product(ops, x, hidden, "1")
        if self.activation == "swiglu":
            y = ops.multiply(ops.silu(y), self._product(ops, x, hidden, "3"))
        else:
            y = getattr(ops, self.activation)(y)
        return self._product(ops, y, x.shape[1], "2")

    def _product(self, ops: Ops, x: Any, units: int, number: str) -> Any:
        W = self.weights(ops, f"W{number}", x.shape[1], units)
        if not self.bias:
            return ops.matmul_nn(x, W)
        return ops.dense(x, W, self._offset(ops, f"b{number}", units))

    def _offset(self, ops: Ops, name: str, units: int) -> Any:
        return ops.parameter(name, (units,), self.bias_start, trainable=self.trainable)
