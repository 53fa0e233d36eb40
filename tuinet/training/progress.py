"""How far a training is: everything that later decisions depend on, as it goes into each checkpoint.

What stands here and the checkpoint's arrays are all there is: order, dropout and initial weights are functions of
(seed, step, position), so a run that goes on from a checkpoint takes the same steps and the same decisions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from tuinet.errors import RunDamaged
from tuinet.training.early_stopping import Best, Patience, Plateau


@dataclass
class Spent:
    """Seconds of the loop by what they went into, over all generations. `training` is stretches of steps only."""

    training: float = 0.0
    evaluation: float = 0.0
    saving: float = 0.0
    records: float = 0.0

    @property
    def total(self) -> float:
        return self.training + self.evaluation + self.saving + self.records


@dataclass
class Progress:
    """`epoch` counts the finished ones: those that were evaluated and judged."""

    best: Best
    step: int = 0
    seen: int | None = 0  # examples; None: an older checkpoint does not say, as all batches of its run were alike
    epoch: int = 0
    patience: Patience | None = None
    plateau: Plateau | None = None
    goal_met: bool = False
    stopped_early: bool = False
    spent: Spent = field(default_factory=Spent)

    def as_table(self) -> dict[str, object]:
        """What the manifest of a checkpoint holds of it (`step` and `epoch` have keys of their own there)."""
        return {
            "seen": self.seen,
            "best": self._best_table(),
            "patience": _counters(self.patience),
            "plateau": None
            if self.plateau is None
            else {**(_counters(self.plateau.patience) or {}), "rate_factor": self.plateau.rate_factor},
            "goal_met": self.goal_met,
            "stopped_early": self.stopped_early,
            "spent": asdict(self.spent),
        }

    def begin_anew(self, *, best: bool = False) -> None:
        """After the limits were set otherwise: what was decided under the old ones is open again.

        best: what was measured before cannot be compared with what comes, so that the best epoch is looked for anew.
        """
        self.goal_met = self.stopped_early = False
        if self.patience is not None:
            self.patience.waited = 0
        if best:
            self.best = Best(self.best.metric)
            watching = [self.patience, None if self.plateau is None else self.plateau.patience]
            for patience in filter(None, watching):
                patience.reference = None

    def _best_table(self) -> dict[str, object] | None:
        best = self.best
        if best.epoch is None:
            return None
        return {"monitor": best.metric, "value": best.value, "epoch": best.epoch, "step": best.step}

    def take(self, step: int, table: Mapping[str, object]) -> None:
        """Goes on from a manifest that holds what `as_table` wrote, and `epoch`.

        What the preset decides (metrics, limits of patience) stays as it is. Raises RunDamaged.
        """
        self.step, self.epoch = step, _whole(table, "epoch")
        self.seen = None if table.get("seen") is None else _whole(table, "seen")
        best = _table(table, "best")
        if best is not None and best.get("monitor") == self.best.metric:
            self.best = Best(self.best.metric, _whole(best, "epoch"), _whole(best, "step"), _real(best, "value"))
        _take_counters(self.patience, _table(table, "patience"))
        plateau = _table(table, "plateau")
        if self.plateau is not None and plateau is not None:
            _take_counters(self.plateau.patience, plateau)
            self.plateau.rate_factor = _real(plateau, "rate_factor")
        self.goal_met, self.stopped_early = table.get("goal_met") is True, table.get("stopped_early") is True
        spent = _table(table, "spent") or {}
        self.spent = Spent(**{name: _real(spent, name) for name in asdict(Spent()) if name in spent})


def _counters(patience: Patience | None) -> dict[str, object] | None:
    return None if patience is None else {"reference": patience.reference, "waited": patience.waited}


def _take_counters(patience: Patience | None, table: Mapping[str, object] | None) -> None:
    if patience is None or table is None:
        return
    patience.reference = None if table.get("reference") is None else _real(table, "reference")
    patience.waited = _whole(table, "waited")


def _table(table: Mapping[str, object], key: str) -> Mapping[str, object] | None:
    value = table.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise RunDamaged(f"manifest of a checkpoint: {key} is {value!r:.40}, not a table")
    return value


def _real(table: Mapping[str, object], key: str) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RunDamaged(f"manifest of a checkpoint: {key} is {value!r:.40}, not a finite number")
    return float(value)


def _whole(table: Mapping[str, object], key: str) -> int:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RunDamaged(f"manifest of a checkpoint: {key} is {value!r:.40}, not a whole number")
    return value
