"""What is measured between stretches of training: the honest losses, and what guessing would give.

The training loss is measured after the epoch, without dropout, on a fixed sample of the training part, so that it can
be compared with the validation loss. Parts are measured in pieces, between which a signal is seen; the pieces
do not depend on anything that changes, so the figures are the same bits each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tuinet.data import Bound, Facts, Part

SAMPLE = 500, 1_000  # training examples of the honest loss, at the least and at the most ...
SAMPLE_SHARE = 16  # ... and in between one in so many: measuring must stay small beside training
PIECE = 8_192  # targets measured between two looks at the stop flag
SAMPLE_STREAM = 0x5A3713


class Evaluates(Protocol):
    """The part of a trainer that measuring needs."""

    def evaluate(self, part: Part) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Measured:
    """The parts that are measured, cut into pieces once."""

    train: tuple[Part, ...]
    validation: tuple[Part, ...]
    test: tuple[Part, ...]

    @classmethod
    def of(cls, bound: Bound, seed: int) -> Measured:
        return cls(_pieces(sample(bound.train, seed)), _pieces(bound.validation), _pieces(bound.test))

    def names(self, facts: Facts) -> list[str]:
        """The metrics that each epoch gives."""
        parts = ["train", *(["val"] if self.validation else [])]
        kinds = ["loss", "rmse", "mae"] if facts.task == "reals" else ["loss", "accuracy"]
        if facts.task == "classes" and facts.classes > 5:
            kinds.append("top5")
        return [f"{part}_{kind}" for part in parts for kind in kinds]


def sample(part: Part, seed: int) -> Part:
    """The same examples in every epoch, in their order; the whole part where it is small."""
    least, most = SAMPLE
    size = max(least, min(most, len(part.inputs) // SAMPLE_SHARE))
    if len(part.inputs) <= size:
        return part
    chosen = np.sort(np.random.default_rng([SAMPLE_STREAM, seed]).choice(len(part.inputs), size, replace=False))
    return replace(part, inputs=part.inputs[chosen], targets=part.targets[chosen])


def _pieces(part: Part | None) -> tuple[Part, ...]:
    return () if part is None or not len(part.inputs) else tuple(_cut(part))


def _cut(part: Part) -> Iterator[Part]:
    size = max(1, PIECE // (part.targets.shape[1] if _many(part) else 1))
    for start in range(0, len(part.inputs), size):
        piece = slice(start, start + size)
        yield replace(part, inputs=part.inputs[piece], targets=part.targets[piece])


def _many(part: Part) -> bool:
    """Whether every position of an example has a target of its own."""
    return part.targets.ndim == 2 and part.targets.dtype.kind == "i"


def measure(trainer: Evaluates, pieces: tuple[Part, ...], check: Callable[[], None]) -> dict[str, float]:
    """The means over all pieces. `check` is called before each and may raise."""
    sums: dict[str, float] = {}
    count = 0
    for piece in pieces:
        check()
        size = int((piece.targets >= 0).sum()) if _many(piece) else len(piece.inputs)
        count += size
        for name, value in trainer.evaluate(piece).items():
            sums[name] = sums.get(name, 0.0) + size * (value * value if name.startswith("rmse") else value)
    means = {name: total / count for name, total in sums.items()}
    for name, value in means.items():
        if name.startswith("rmse"):
            means[name] = math.sqrt(value) if value >= 0 else value
    return {name: float(value) for name, value in means.items()}


def guess(bound: Bound) -> float:
    """The accuracy of always saying the commonest class; for reals the rmse of always saying the mean."""
    targets: NDArray[np.generic] = bound.train.targets
    if bound.facts.task == "classes":
        labels = targets.astype(np.int64)
        known = labels[labels >= 0]
        return float(np.bincount(known).max() / len(known))
    if bound.facts.task == "binary":
        share = float(targets.mean())
        return max(share, 1 - share)
    if bound.facts.target_curve:
        own = bound.facts.in_own_units(targets)
        return float(np.sqrt(np.mean(np.square(own - own.mean(axis=0)))))
    deviations = targets.astype(np.float64).std(axis=0)
    if bound.facts.target_scale is not None:
        deviations = deviations * np.asarray(bound.facts.target_scale[1])
    return float(np.sqrt(np.mean(np.square(deviations))))
