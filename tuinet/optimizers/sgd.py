"""Gradient descent on batches, plain or with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuinet.errors import PresetError
from tuinet.fields import flag, real
from tuinet.layers import Ops
from tuinet.optimizers.base import Optimizer


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent: a step straight down, or with the speed gathered so far.

    p -= rate g                                      without momentum
    m = momentum m + g;  p -= rate m                 with it
    m = momentum m + g;  p -= rate (g + momentum m)  nesterov
    """

    momentum: float = real(0.0, at_least=0.0, below=1.0, live=True, help="share of the last step's speed that is kept")
    nesterov: bool = flag(False, live=True, help="look ahead by one step of momentum")

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0.0:
            raise PresetError("true needs a momentum above 0, such as momentum = 0.9", key="nesterov")

    @property
    def states(self) -> tuple[str, ...]:
        return ("m",) if self.momentum else ()

    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        if self.momentum:
            ops.momentum(p, g, state["m"], rate, clip, momentum=self.momentum, nesterov=int(self.nesterov))
        else:
            ops.sgd(p, g, rate, clip)
