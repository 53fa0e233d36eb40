"""Schedules: what the learning rate is multiplied by at each step. Pure functions of the step, so that a resumed run
goes on as if it had never stopped.

Any schedule may start with a linear warm-up; its own course begins where the warm-up ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuinet.fields import choice, real, whole

if TYPE_CHECKING:
    import numpy as np

MONITORS = (
    "val_loss",
    "val_accuracy",
    "val_top5",
    "val_rmse",
    "val_mae",
    "train_loss",
    "train_accuracy",
    "train_top5",
    "train_rmse",
    "train_mae",
)


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """Settings are fields; `course` is the schedule after its warm-up."""

    warm_up: float = real(
        0.0,
        at_least=0.0,
        at_most=1e9,
        help="grow from 0 to the full rate: a share of all steps if below 1, else a number of steps",
    )

    @abstractmethod
    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        """Factors for steps 0 .. total - 1, counted from the end of the warm-up."""

    def factors(self, steps: np.ndarray, total_steps: int, steps_per_epoch: float) -> np.ndarray:
        """What the learning rate is multiplied by at each of the steps.

        steps: int64 (n), counted from 0; total_steps of the whole run; steps_per_epoch may be broken. float64 (n).
        """
        import numpy as np

        steps = np.asarray(steps, np.int64)
        warm = self.warm_up_steps(total_steps)
        after = self.course(np.maximum(steps - warm, 0), max(1, total_steps - warm), max(steps_per_epoch, 1e-9))
        factors: np.ndarray = np.where(steps < warm, (steps + 1.0) / max(1, warm), 1.0) * after
        return factors

    def warm_up_steps(self, total_steps: int) -> int:
        """The length of the warm-up in steps."""
        return round(self.warm_up * total_steps) if self.warm_up < 1.0 else round(self.warm_up)


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same rate from first to last."""

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        import numpy as np

        return np.ones(len(steps))


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Down by a factor every so many epochs: factor ^ floor(epoch / every)."""

    every: int = whole(10, at_least=1, help="epochs between two steps down")
    factor: float = real(0.1, above=0.0, at_most=1.0, help="what the rate is multiplied by")

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        import numpy as np

        # A step that begins on an epoch's border belongs to the new epoch, whatever the last bit of the division says.
        return self.factor ** np.floor(steps / (self.every * steps_per_epoch) + 1e-9)


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """Down smoothly, by the same factor in every epoch: decay ^ epoch."""

    decay: float = real(0.95, above=0.0, at_most=1.0, help="what is left of the rate after an epoch")

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        return self.decay ** (steps / steps_per_epoch)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Down along half a cosine, from the full rate to `final` of it (Loshchilov and Hutter 2017)."""

    final: float = real(0.0, at_least=0.0, at_most=1.0, help="share of the rate that is left at the end")

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        return _glide(1.0, self.final, steps / total)


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Up to the full rate and down to almost nothing, each along half a cosine (Smith and Topin 2018)."""

    peak_at: float = real(0.3, above=0.0, below=1.0, help="share of the run at which the full rate is reached")
    start_div: float = real(25.0, at_least=1.0, help="the first rate is the full one divided by this")
    end_div: float = real(1e4, at_least=1.0, help="the last rate is the full one divided by this")

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        import numpy as np

        done = steps / total
        up = _glide(1.0 / self.start_div, 1.0, done / self.peak_at)
        down = _glide(1.0, 1.0 / self.end_div, (done - self.peak_at) / (1.0 - self.peak_at))
        return np.where(done < self.peak_at, up, down)


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Schedule):
    """Down by a factor whenever a measured value has not improved for a while. The training loop does the watching."""

    monitor: str = choice("val_loss", MONITORS, noun="a measured value", help="what must improve")
    factor: float = real(0.5, above=0.0, below=1.0, help="what the rate is multiplied by")
    patience: int = whole(5, at_least=1, help="epochs without improvement that are waited for")
    min_delta: float = real(1e-4, at_least=0.0, help="a smaller change is no improvement")
    minimum: float = real(0.0, at_least=0.0, at_most=1.0, help="share of the rate below which it is not lowered")

    def course(self, steps: np.ndarray, total: int, steps_per_epoch: float) -> np.ndarray:
        import numpy as np

        return np.ones(len(steps))


def _glide(start: float, end: float, done: np.ndarray) -> np.ndarray:
    """Half a cosine from start to end while done goes from 0 to 1; level outside."""
    import numpy as np

    level: np.ndarray = end + (start - end) * 0.5 * (1.0 + np.cos(np.pi * np.clip(done, 0.0, 1.0)))
    return level


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "cosine": Cosine,
    "exponential": Exponential,
    "one_cycle": OneCycle,
    "reduce_on_plateau": ReduceOnPlateau,
    "step": Step,
}
