"""What the epochs so far decide: which one was the best, whether to stop, whether to lower the rate.

Everything here depends on epoch numbers and measured values only, never on a clock, and all of it is kept in each
checkpoint: a run that was killed and resumed decides as the uninterrupted one did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tuinet.diagnostics.metrics import rises


def improves(metric: str, value: float, best: float | None, by: float = 0.0) -> bool:
    """Whether `value` is better than `best` by more than `by`. What is not finite never is."""
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    return value > best + by if rises(metric) else value < best - by


@dataclass
class Best:
    """The best epoch so far by one metric; of two equal ones the first."""

    metric: str
    epoch: int | None = None
    step: int = 0
    value: float | None = None

    def see(self, epoch: int, step: int, value: float) -> bool:
        """Takes the metric of one epoch; True where it is the best so far."""
        if not improves(self.metric, value, self.value):
            return False
        self.epoch, self.step, self.value = epoch, step, value
        return True


@dataclass
class Patience:
    """Counts the epochs in a row that did not improve `metric` by more than `min_delta`."""

    metric: str
    patience: int
    min_delta: float = 0.0
    reference: float | None = None
    waited: int = 0

    def see(self, value: float) -> bool:
        """Takes the metric of one epoch; True where patience is at its end."""
        if improves(self.metric, value, self.reference, self.min_delta):
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


@dataclass
class Plateau:
    """Lowers the learning rate by `factor` each time patience ends, to `minimum` (a factor too) at the least."""

    patience: Patience
    factor: float
    minimum: float = 0.0
    rate_factor: float = 1.0

    def see(self, value: float) -> bool:
        """Takes the metric of one epoch; True where the rate changes."""
        if not self.patience.see(value):
            return False
        self.patience.waited = 0
        before, self.rate_factor = self.rate_factor, max(self.rate_factor * self.factor, self.minimum)
        return self.rate_factor != before
