"""Adam, and AdamW, which lets the weights decay besides: steps of about the same length for every parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers import Ops
from tuinet.optimizers.base import Optimizer


@dataclass(frozen=True, kw_only=True)
class Moments(Optimizer):
    """What Adam and AdamW share: the running means of the gradient and of its square."""

    learning_rate: float = real(1e-3, above=0.0, at_most=1e6, live=True, help="length of a step; a schedule scales it")
    beta1: float = real(0.9, at_least=0.0, below=1.0, live=True, help="share of m that is kept at each step")
    beta2: float = real(0.999, at_least=0.0, below=1.0, live=True, help="share of v that is kept at each step")
    eps: float = real(1e-8, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    @property
    def states(self) -> tuple[str, ...]:
        return ("m", "v")

    def adam(
        self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any], weight_decay: float
    ) -> None:
        ops.adam(
            p,
            g,
            state["m"],
            state["v"],
            rate,
            clip,
            ops.step,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
            weight_decay=weight_decay,
        )


@dataclass(frozen=True, kw_only=True)
class Adam(Moments):
    """m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= rate m' / (sqrt(v') + eps)

    m' and v' are m and v corrected for their start at 0 (Kingma and Ba 2015).
    """

    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        self.adam(ops, p, g, rate, clip, state, weight_decay=0.0)


@dataclass(frozen=True, kw_only=True)
class AdamW(Moments):
    """Adam whose weights shrink by rate x weight_decay at every step, apart from the gradient.

    p -= rate (m' / (sqrt(v') + eps) + weight_decay p)        (Loshchilov and Hutter 2019)
    """

    weight_decay: float = real(0.01, at_least=0.0, at_most=1e6, live=True, help="pull of every weight towards 0")

    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        self.adam(ops, p, g, rate, clip, state, weight_decay=self.weight_decay)
