"""The GRU: recurrent, with gates like the lstm and no memory beside the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers.base import Ops
from tuinet.layers.recurrent import Recurrent


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """Read a sequence step by step; gates say how much of the state is kept, and how much of it the new one sees.

    r, u = σ of x[t] Wx + h[t-1] Wh + b;   n = tanh(x[t] Wx + b + r (h[t-1] Wh + bh));   h[t] = (1 - u) n + u h[t-1]

    x (N, T, I)   h (N, T, H) or (N, H)   Wx (I, 3H)   Wh (H, 3H)   b (3H)   bh (H), columns in the order r, u, n

    Cho et al. 2014; r behind the product with the state, as in cuDNN and PyTorch.
    """

    gates, word = 3, "gru"

    def states(self, ops: Ops, z: Any, Wh: Any, lengths: Any, scratch: Any, **how: int) -> Any:
        if self.bias:
            bh = ops.parameter("bh", (self.units,), self.bias_start, trainable=self.trainable)
        else:
            bh = ops.constant("bh", [0.0] * self.units)
        return ops.gru(z, Wh, bh, lengths, scratch, **how)[2]
