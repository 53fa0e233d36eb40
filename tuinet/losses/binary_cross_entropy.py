"""Binary cross-entropy: how surprised the network is by a yes or a no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import optional, real_list
from tuinet.layers import Ops
from tuinet.losses.base import Facts, Loss, class_weights


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    """Of one yes or no, with the sigmoid inside, which is its stable form.

    loss = -w[t] (t log p + (1 - t) log(1 - p))        p = sigmoid(outputs) (N, 1)   t (N, 1), 0 or 1
    """

    targets = "binary"
    metrics = ("accuracy",)
    last = "sigmoid"

    class_weights: tuple[float, ...] | str | None = optional(
        real_list(
            at_least=0.0, symbols=("balanced",), help='weights of no and yes, or "balanced": the rarer counts more'
        )
    )

    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        self.checked(outputs, facts)
        weights = class_weights(self.class_weights, getattr(facts, "class_counts", None), 2)
        return ops.binary_cross_entropy(outputs, targets, ops.constant("class_weights", weights))
