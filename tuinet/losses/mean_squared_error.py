"""Mean squared error: large misses count most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers import Ops
from tuinet.losses.base import Facts, Loss


@dataclass(frozen=True, kw_only=True)
class MeanSquaredError(Loss):
    """loss = mean over C of (y - t)^2        outputs y (N, C)   targets t (N, C)"""

    targets = "reals"
    metrics = ("rmse", "mae")

    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        self.checked(outputs, facts)
        return ops.squared_error(outputs, targets)
