"""What a loss is: one number an example from outputs and targets. Their mean over the batch is the data loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Protocol

from tuinet.errors import PresetError, ShapeError
from tuinet.layers import Ops

TASK_WORDS = {"classes": "one of several classes", "binary": "yes or no", "reals": "numbers"}
FITTING = {"classes": "cross_entropy", "binary": "binary_cross_entropy", "reals": "mean_squared_error"}


class Facts(Protocol):
    """What a loss has to know of the data."""

    @property
    def task(self) -> str: ...
    @property
    def classes(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def steps(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """Settings are fields; `record` records the loss of each example.

    targets: the task it is for, "classes", "binary" or "reals".
    metrics: what is measured besides the loss.
    last: the activation it carries inside itself, so that the network's outputs must come without it.
    """

    targets: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    last: ClassVar[str | None] = None

    @abstractmethod
    def record(self, ops: Ops, outputs: Any, targets: Any, facts: Facts) -> Any:
        """Slot of losses (N) from the network's outputs (N, C) and targets.

        targets: int labels (N) for classes, 0 or 1 as (N, 1) for binary, (N, C) for reals. With steps in the facts,
        outputs are (N, T, C) and labels (N, T), -1 where there is none; the losses are then (N T).
        Raises ShapeError where the outputs are not what the data asks for.
        """

    def checked(self, outputs: Any, facts: Facts) -> int:
        """C, the number of outputs, where loss, data and network agree; PresetError with the remedy otherwise."""
        if facts.task != self.targets:
            raise PresetError(
                f"this loss is for {TASK_WORDS[self.targets]}, but the data's label is {TASK_WORDS[facts.task]}; "
                f'use loss = "{FITTING[facts.task]}"',
                key="training.loss",
            )
        wanted, word = (facts.classes, "classes") if self.targets == "classes" else (facts.outputs, "outputs")
        places = (facts.steps,) * (facts.steps > 0)
        if outputs.shape[1:] != (*places, wanted):
            shape = ", ".join(str(size) for size in outputs.shape[1:])
            noun = "output" if wanted == 1 else word
            noun += f" at each of {facts.steps} positions" * bool(places)
            remedy = f'let the last layer be a dense with units = "{word}"'
            if not places and prod(outputs.shape[1:]) == wanted:
                remedy = "put a flatten layer at the end"
            elif len(outputs.shape) > 2 and not places:
                remedy = f"one answer is wanted: put a flatten or a global pool before the last layer, and {remedy}"
            elif len(outputs.shape) == 2 and places:
                remedy = f"keep the positions apart (no flatten, no global pool), and {remedy}"
            raise ShapeError(
                f"the network gives ({shape}) for each example, but the data has {wanted} {noun}; {remedy}",
                key="layers.-1",  # the last one
            )
        return wanted


def class_weights(
    setting: Sequence[float] | str | None, counts: Sequence[int] | None, classes: int
) -> tuple[float, ...]:
    """A weight for each class: as given, or n / (classes x count) for "balanced", or 1."""
    if setting is None:
        return (1.0,) * classes
    if setting == "balanced":
        if counts is None or len(counts) != classes:
            raise PresetError(
                '"balanced" needs the counts of the classes, which this data does not tell; give a list of weights',
                key="training.loss.class_weights",
            )
        total = sum(counts)
        return tuple(total / (classes * count) if count else 0.0 for count in counts)
    if len(setting) != classes:
        raise PresetError(
            f"has {len(setting)} weights, but the data has {classes} classes; give one for each class",
            key="training.loss.class_weights",
        )
    return tuple(float(weight) for weight in setting)
