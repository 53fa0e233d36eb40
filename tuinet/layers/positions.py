"""Positions: what tells a network in which order its inputs stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuinet.errors import ShapeError
from tuinet.fields import choice, optional, whole
from tuinet.layers.base import Ops, WeightedLayer, sequence

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Positions(WeightedLayer):
    """Add to the vector at each position one that says where it stands: attention alone would not know.

    y[t] = x[t] + P[t]        x, y (N, T, D)   P (length, D)

    learned: P is trained (Gehring et al. 2017). sinusoidal: P[t, 2i] = sin(t / 10000^(2i/D)), P[t, 2i+1] the cosine
    (Vaswani et al. 2017). The third kind, rotary, is a setting of attention.
    """

    kind: str = choice("learned", ("learned", "sinusoidal"), help="where the vectors come from")
    length: int | None = optional(
        whole(at_least=1, at_most=65_536, help="positions that there are; left out: as many as the data has")
    )

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, width = sequence(x, "positions")
        length = self.length or steps
        if steps > length:
            raise ShapeError(
                f"a sequence of {steps} comes in, but there are {length} positions; let length be at least {steps}",
            )
        if self.kind == "learned":
            P = self.weights(ops, "P", length, width)
            if steps < length:
                P = ops.take(P, ops.constant("numbers", list(range(steps))))
        else:
            P = ops.constant("P", sinusoids(steps, width))
        rows = ops.view(x, (x.shape[0], steps * width))
        return ops.view(ops.add_row(rows, ops.view(P, (steps * width,))), x.shape)


def sinusoids(steps: int, width: int) -> np.ndarray:
    """P (T, D): sines and cosines of ever longer waves, one pair of columns each."""
    import numpy as np

    angles = np.arange(steps)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    table = np.empty((steps, width), np.float32)
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles[:, : width // 2])
    return table
