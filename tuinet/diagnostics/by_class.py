"""How well a classifier knows each class: what it found of it, and how often it was right when it said so.

    precision = correct / predicted        recall = correct / support        F1 = their harmonic mean

support: examples of the class. predicted: examples that were taken for it. correct: those that are both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CLASSES = 10_000
MOST_PAIRS = 1_000  # of classes that are taken for one another, the commonest first


class ByClass(NamedTuple):
    """Counts, one for each class in the order of `names`.

    confused: (class, taken for, how often), by numbers from 0, the most frequent first; at most MOST_PAIRS.
    """

    names: tuple[str, ...]
    support: tuple[int, ...]
    predicted: tuple[int, ...]
    correct: tuple[int, ...]
    confused: tuple[tuple[int, int, int], ...] = ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a class; None where a share is of nothing."""
        for name, support, predicted, correct in zip(
            self.names, self.support, self.predicted, self.correct, strict=True
        ):
            yield {
                "class": name,
                "support": support,
                "precision": correct / predicted if predicted else None,
                "recall": correct / support if support else None,
                "f1": 2 * correct / (support + predicted) if support + predicted else None,
            }


def count(names: Sequence[str], true: NDArray[np.integer[Any]], predicted: NDArray[np.integer[Any]]) -> ByClass:
    """The counts from the classes of examples and those that were predicted, both (n) whole numbers from 0."""
    import numpy as np

    classes = len(names)
    wrong = true != predicted
    pairs, often = np.unique(np.stack([true[wrong], predicted[wrong]], 1), axis=0, return_counts=True)
    order = np.argsort(-often, kind="stable")[:MOST_PAIRS]
    return ByClass(
        names=tuple(names),
        support=tuple(np.bincount(true, minlength=classes).tolist()),
        predicted=tuple(np.bincount(predicted, minlength=classes).tolist()),
        correct=tuple(np.bincount(true[~wrong], minlength=classes).tolist()),
        confused=tuple((int(pairs[k, 0]), int(pairs[k, 1]), int(often[k])) for k in order),
    )
