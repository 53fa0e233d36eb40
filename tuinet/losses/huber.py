"""Huber: squared for small misses, absolute for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers import Ops
from tuinet.losses.base import Facts, Loss


@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    """loss = mean over C of e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)        e = y - t   y, t (N, C)"""

    targets = "reals"
    metrics = ("rmse", "mae")

    delta: float = real(1.0, above=0.0, help="where a miss stops being small, in standard deviations of the target")

    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        self.checked(outputs, facts)
        return ops.huber(outputs, targets, delta=self.delta)
