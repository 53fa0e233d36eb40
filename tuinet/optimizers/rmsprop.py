"""RMSprop: each parameter's step is measured by the recent size of its gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers import Ops
from tuinet.optimizers.base import Optimizer


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """v = decay v + (1 - decay) g^2;  m = momentum m + g / (sqrt(v) + eps);  p -= rate m        (Hinton, lecture 6e)"""

    learning_rate: float = real(1e-3, above=0.0, at_most=1e6, live=True, help="length of a step; a schedule scales it")
    decay: float = real(0.9, at_least=0.0, below=1.0, live=True, help="share of v that is kept at each step")
    momentum: float = real(0.0, at_least=0.0, below=1.0, live=True, help="share of the last step's speed that is kept")
    eps: float = real(1e-8, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    @property
    def states(self) -> tuple[str, ...]:
        return ("v", "m")

    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        ops.rmsprop(p, g, state["v"], state["m"], rate, clip, decay=self.decay, momentum=self.momentum, eps=self.eps)
