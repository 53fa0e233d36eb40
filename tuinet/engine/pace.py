"""How steps count through the examples: which of them a step sees, and where epochs end.

Batches follow each other through an endless line of epochs. Step s sees `stride` examples of that line, from
begin + s stride on. A run whose batch size never changes begins at 0; where it changes at step s, `begin` moves so that
the line goes on at s where it stood: no example is seen twice in an epoch, or left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..optimizers import Schedule


@dataclass(frozen=True)
class Pace:
    """examples: of the training part. stride: examples of a step. begin: where step 0 would have stood in the line."""

    examples: int
    stride: int
    begin: int = 0

    @classmethod
    def from_here(cls, examples: int, stride: int, step: int, seen: int) -> Pace:
        """The pace of a run that has seen so many examples in so many steps."""
        return cls(examples, stride, seen - step * stride)

    def seen(self, step: int) -> int:
        """Examples seen after so many steps, those of earlier epochs too."""
        return self.begin + step * self.stride

    def epochs(self, step: int) -> float:
        """The same in epochs."""
        return self.seen(step) / self.examples

    def epoch_end(self, epoch: int) -> int:
        """The number of steps after which so many epochs are done. A batch may end one and begin the next."""
        return -(-(epoch * self.examples - self.begin) // self.stride)

    @property
    def steps_per_epoch(self) -> float:
        """Need not be whole."""
        return self.examples / self.stride

    def factors(self, schedule: Schedule, steps: NDArray[np.int64], epochs: int) -> NDArray[np.float64]:
        """What a schedule over so many epochs multiplies the learning rate of each step by.

        It stands where a run would that had always trained at this pace and seen as many examples; only a warm-up of
        so many steps is not begun anew by steps that have become longer.
        """
        total = -(-epochs * self.examples // self.stride)
        placed = steps - (-self.begin // self.stride)
        if schedule.warm_up >= 1.0:
            placed = np.maximum(placed, np.minimum(steps, schedule.warm_up_steps(total)))
        return schedule.factors(placed, total, self.steps_per_epoch)
