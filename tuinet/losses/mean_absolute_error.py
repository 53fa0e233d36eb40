"""Mean absolute error: every miss counts by its size, so that a few wild targets do not rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers import Ops
from tuinet.losses.base import Facts, Loss


@dataclass(frozen=True, kw_only=True)
class MeanAbsoluteError(Loss):
    """loss = mean over C of |y - t|        outputs y (N, C)   targets t (N, C)"""

    targets = "reals"
    metrics = ("rmse", "mae")

    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        self.checked(outputs, facts)
        return ops.absolute_error(outputs, targets)
