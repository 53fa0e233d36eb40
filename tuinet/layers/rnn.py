"""The plain recurrent layer: what it has read is one vector, worked out anew at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import choice
from tuinet.layers.base import Ops
from tuinet.layers.recurrent import Recurrent


@dataclass(frozen=True, kw_only=True)
class Rnn(Recurrent):
    """Read a sequence step by step; the new state is a function of the input and the state before.

    h[t] = f(x[t] Wx + h[t-1] Wh + b)        x (N, T, I)   h (N, T, H) or (N, H)   Wx (I, H)   Wh (H, H)   b (H)

    Elman 1990. It forgets fast: over many steps its gradients vanish or explode, which lstm and gru were made against.
    """

    gates, word = 1, "rnn"

    activation: str = choice("tanh", ("tanh", "relu"), noun="an activation", help="function of each sum")

    def states(self, ops: Ops, z: Any, Wh: Any, lengths: Any, scratch: Any, **how: int) -> Any:
        return ops.rnn(z, Wh, lengths, scratch, **how, relu=int(self.activation == "relu"))
