"""Cross-entropy: how surprised the network is by the right class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import optional, real, real_list
from tuinet.layers import Ops
from tuinet.losses.base import Facts, Loss, class_weights


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """Of one class out of several, with the softmax inside, which is its stable form.

    loss = -w[label] Σ t log p        p = softmax(outputs) (N, C)   t = (1 - s) onehot(label) + s / C

    s is label_smoothing, w class_weights.
    """

    targets = "classes"
    # perplexity and bits where the next token is predicted, the last two where a text is written from another
    metrics = ("accuracy", "top5", "perplexity", "bits_per_char", "exact_match", "cer")
    last = "softmax"

    label_smoothing: float = real(
        0.0, at_least=0.0, below=1.0, live=True, help="share of the certainty that is spread over all classes"
    )
    class_weights: tuple[float, ...] | str | None = optional(
        real_list(
            at_least=0.0, symbols=("balanced",), help='a weight for each class, or "balanced": rare ones count more'
        )
    )

    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        classes = self.checked(outputs, facts)
        weights = class_weights(self.class_weights, getattr(facts, "class_counts", None), classes)
        if facts.steps:
            count = outputs.shape[0] * facts.steps
            outputs, targets = ops.view(outputs, (count, classes)), ops.view(targets, (count,))
        return ops.cross_entropy(
            outputs, targets, ops.constant("class_weights", weights), smoothing=self.label_smoothing
        )[0]
