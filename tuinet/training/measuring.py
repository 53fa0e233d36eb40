"""What is measured between stretches of training: the honest losses, and what guessing would give.

The training loss is measured after the epoch, without dropout, on a fixed sample of the training part, so that it can
be compared with the validation loss. Parts are measured in pieces, between which a signal is seen; the pieces
do not depend on anything that changes, so the figures are the same bits each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tuinet.engine.trainer import TOP, exponential
from tuinet.training import translating

if TYPE_CHECKING:
    from tuinet.data import Bound, Facts, Part, Vocabulary

SAMPLE = 500, 1_000  # training examples of the honest loss, at the least and at the most ...
SAMPLE_SHARE = 16  # ... and in between one in so many: measuring must stay small beside training
WRITTEN = 500  # sources that are translated at an epoch's end: each takes as many passes as it has tokens
PIECE = 8_192  # targets measured between two looks at the stop flag ...
LEAST_PIECE = 256  # ... and examples at the least: as many as are evaluated at a time
WRITTEN_KINDS = ("exact_match", "cer")
SAMPLE_STREAM = 0x5A3713


class Evaluates(Protocol):
    """The part of a trainer that measuring needs."""

    def evaluate(self, part: Part) -> Mapping[str, float]: ...
    def outputs(self, inputs: NDArray[np.generic]) -> NDArray[np.floating[Any]]: ...


@dataclass(frozen=True)
class Measured:
    """The parts that are measured, cut into pieces once. written, test_written: pairs whose sources are translated."""

    train: tuple[Part, ...]
    validation: tuple[Part, ...]
    test: tuple[Part, ...]
    written: Part | None = None
    test_written: Part | None = None
    vocabulary: Vocabulary | None = None

    @classmethod
    def of(cls, bound: Bound, seed: int) -> Measured:
        size = max(LEAST_PIECE, PIECE // (bound.facts.steps or 1))
        pieces = [_pieces(part, size) for part in (sample(bound.train, seed), bound.validation, bound.test)]
        measured = cls(pieces[0], pieces[1], pieces[2])
        if not bound.facts.source_steps:
            return measured
        written = None if bound.validation is None else drawn(bound.validation, WRITTEN, seed)
        vocabulary = cast("Vocabulary", bound.scaler)
        return replace(measured, written=written, test_written=bound.test, vocabulary=vocabulary)

    def names(self, facts: Facts) -> list[str]:
        """The metrics that each epoch gives."""
        parts = ["train", *(["val"] if self.validation else [])]
        kinds = ["loss", "rmse", "mae"] if facts.task == "reals" else ["loss", "accuracy"]
        if facts.task == "classes" and facts.classes > TOP:
            kinds.append("top5")
        kinds += ["perplexity", "bits_per_char"] if facts.writes else []
        written = [f"val_{kind}" for kind in WRITTEN_KINDS] if self.written is not None else []
        return [f"{part}_{kind}" for part in parts for kind in kinds] + written

    def writing(self, trainer: Evaluates, part: Part | None, check: Callable[[], None]) -> dict[str, float]:
        """What is measured of a part's sources once the network has translated them; nothing where there are none."""
        if part is None or self.vocabulary is None:
            return {}
        return translating.measured(trainer.outputs, part, self.vocabulary, check)


def sample(part: Part, seed: int) -> Part:
    """The same examples in every epoch, in their order; the whole part where it is small."""
    least, most = SAMPLE
    return drawn(part, max(least, min(most, len(part.inputs) // SAMPLE_SHARE)), seed)


def drawn(part: Part, size: int, seed: int) -> Part:
    """So many examples of a part, in their order; the whole part where it has no more."""
    if len(part.inputs) <= size:
        return part
    chosen = np.sort(np.random.default_rng([SAMPLE_STREAM, seed]).choice(len(part.inputs), size, replace=False))
    return replace(part, inputs=part.inputs[chosen], targets=part.targets[chosen])


def _pieces(part: Part | None, size: int) -> tuple[Part, ...]:
    return () if part is None or not len(part.inputs) else tuple(_cut(part, size))


def _cut(part: Part, size: int) -> Iterator[Part]:
    for start in range(0, len(part.inputs), size):
        piece = slice(start, start + size)
        yield replace(part, inputs=part.inputs[piece], targets=part.targets[piece])


def _many(part: Part) -> bool:
    """Whether every position of an example has a target of its own."""
    return part.targets.ndim == 2 and part.targets.dtype.kind == "i"


def measure(trainer: Evaluates, pieces: tuple[Part, ...], check: Callable[[], None]) -> dict[str, float]:
    """What is measured of all pieces together. `check` is called before each and may raise.

    Losses and shares of the pieces are averaged; rmse as a mean of squares, perplexity as one of logarithms.
    """
    sums: dict[str, float] = {}
    count = 0
    for piece in pieces:
        check()
        size = int((piece.targets >= 0).sum()) if _many(piece) else len(piece.inputs)
        count += size
        for name, value in trainer.evaluate(piece).items():
            there, _ = averaged(name)
            sums[name] = sums.get(name, 0.0) + size * there(value)
    return {name: float(averaged(name)[1](total / count)) for name, total in sums.items()}


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else value


Scalar = Callable[[float], float]
_AS_IT_IS: tuple[Scalar, Scalar] = (float, float)
# In what form a metric of several pieces is averaged, and the way back.
AVERAGED: dict[str, tuple[Scalar, Scalar]] = {
    "rmse": (lambda value: value * value, _root),
    "perplexity": (math.log, exponential),
}


def averaged(name: str) -> tuple[Scalar, Scalar]:
    """The same for any metric; rmse_2 is that of the second step ahead."""
    return AVERAGED.get(name.partition("_")[0] if name.startswith("rmse") else name, _AS_IT_IS)


def guess(bound: Bound) -> float:
    """The accuracy of always saying the commonest class; for reals the rmse of always saying the mean.

    For a text the bits per character of knowing no more than how often each character comes: the entropy of that.
    """
    targets: NDArray[np.generic] = bound.train.targets
    if bound.facts.writes:
        counts = np.asarray(bound.facts.class_counts, np.float64)
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * np.log2(shares)).sum())
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
