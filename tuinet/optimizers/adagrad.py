"""Adagrad: a parameter that has moved much moves less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers import Ops
from tuinet.optimizers.base import Optimizer


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """v = v + g^2;  p -= rate g / (sqrt(v) + eps)        (Duchi et al. 2011)"""

    eps: float = real(1e-8, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    @property
    def states(self) -> tuple[str, ...]:
        return ("v",)

    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        ops.adagrad(p, g, state["v"], rate, clip, eps=self.eps)
