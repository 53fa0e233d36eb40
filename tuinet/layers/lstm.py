"""The LSTM: recurrent, with a memory that gates write to, keep and read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuinet.fields import late, real
from tuinet.layers.base import Ops
from tuinet.layers.recurrent import Recurrent

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """Read a sequence step by step, with a memory c that passes on unchanged what its gates do not touch.

    i, f, o, g = σ, σ, σ, tanh of x[t] Wx + h[t-1] Wh + b;   c[t] = f c[t-1] + i g;   h[t] = o tanh(c[t])

    x (N, T, I)   h (N, T, H) or (N, H)   Wx (I, 4H)   Wh (H, 4H)   b (4H), each gate's columns in the order i, f, o, g

    Hochreiter and Schmidhuber 1997, with the forget gate f of Gers et al. 2000.
    """

    gates, word = 4, "lstm"

    forget_bias: float = late(real(1.0, help="value that the forget gate's offsets start with: first keep, then learn"))

    def offsets(self) -> Any:
        units, other, forget = self.units, self.bias_start, self.forget_bias

        def start(_: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            import numpy as np

            b = np.full(shape, other)
            b[units : 2 * units] = forget
            return b

        return start

    def states(self, ops: Ops, z: Any, Wh: Any, lengths: Any, scratch: Any, **how: int) -> Any:
        return ops.lstm(z, Wh, lengths, scratch, **how)[2]
