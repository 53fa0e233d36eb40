"""What an optimizer is: a step against the gradient, said in the ops it is handed.

Letters: p a parameter, g its gradient, m and v its running means, rate the learning rate of this step, clip the factor
that clipping by the global norm puts on every gradient (1 where it does not bite).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuinet.fields import real
from tuinet.layers import Ops


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """Settings are fields; `record` records the update of one parameter."""

    learning_rate: float = real(0.01, above=0.0, at_most=1e6, live=True, help="length of a step; a schedule scales it")

    @property
    @abstractmethod
    def states(self) -> tuple[str, ...]:
        """Names of the arrays it keeps for each parameter, all of the parameter's shape and 0 at the start."""

    @abstractmethod
    def record(self, ops: Ops, p: Any, g: Any, rate: Any, clip: Any, state: Mapping[str, Any]) -> None:
        """Record the update of p, and of its states, in place. rate and clip are scalar slots."""
