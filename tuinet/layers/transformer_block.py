"""The transformer block: attention, then a small network at each position, each with a way around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import flag
from tuinet.layers.attention import CAUSAL, attend
from tuinet.layers.base import Ops, sequence
from tuinet.layers.block import Block


@dataclass(frozen=True, kw_only=True)
class TransformerBlock(Block):
    """Positions exchange what they know, then each thinks about it; both only add to what comes in.

    pre: y = z + f(norm(z)),  z = x + attention(norm(x))        post: y = norm(z + f(z)),  z = norm(x + attention(x))
    f(z) = activation(z W1 + b1) W2 + b2, or swiglu: (silu(z W1 + b1) (z W3 + b3)) W2 + b2

    x, y (N, T, D)   W1, W3 (D, H)   W2 (H, D), H = ratio D        attention as in the layer of that name

    Vaswani et al. 2017 (post); Xiong et al. 2020 (pre, which trains without a warm-up); Shazeer 2020 (swiglu).
    """

    causal: bool = flag(False, help="no position sees what comes after it, as is needed to predict the next token")

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        return None if self.causal else CAUSAL

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, width = sequence(x, "transformer_block")
        batch = x.shape[0]
        rows = ops.view(x, (batch * steps, width))
        rows = self.branch(
            ops, rows, "attention", lambda z: attend(self, ops, z, z, batch, ops.lengths, causal=self.causal)
        )
        rows = self.branch(ops, rows, "feedforward", lambda z: self.feedforward(ops, z))
        return ops.view(rows, x.shape)
