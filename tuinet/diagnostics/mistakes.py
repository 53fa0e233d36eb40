"""What a network takes for what, and which examples it gets most wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.diagnostics.by_class import ByClass

MOST_SHOWN = 64  # classes of a matrix that can be looked at
MOST_PAIRS = 24

Wholes = NDArray[np.integer[Any]]
Reals = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Confusion:
    """matrix (K, K) int32: how often an example of class `names[row]` was taken for class `names[column]`.

    pairs: (class, taken for, how often) by place in `names`, the most frequent first; at most MOST_PAIRS. examples,
    right, classes: of all, those that are not in the matrix too.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.int32]
    pairs: tuple[tuple[int, int, int], ...]
    examples: int
    right: int
    classes: int


def answers(task: str, outputs: Reals) -> tuple[Wholes, Reals]:
    """From outputs (n, C), or (n, 1) of yes or no, before softmax and sigmoid: the class of each (n), and how probable
    the network holds it (n).
    """
    outputs = outputs.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        if task == "binary":
            yes = 1 / (1 + np.exp(-np.abs(outputs[:, 0])))
            return (outputs[:, 0] > 0).astype(np.int64), yes
        said = outputs.argmax(axis=1)
        exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return said, exponents[np.arange(len(said)), said] / exponents.sum(axis=1)


def confusion(names: Sequence[str], true: Wholes, said: Wholes, most: int = MOST_SHOWN) -> Confusion:
    """Of examples with classes and answers, both (n) from 0. Of many classes the `most` that are confused most."""
    classes = len(names)
    wrong = true != said
    pairs, often = np.unique(np.stack([true[wrong], said[wrong]], 1), axis=0, return_counts=True)
    off = [(int(a), int(b), int(n)) for (a, b), n in zip(pairs, often, strict=True)]
    return _shown(tuple(names), np.bincount(true[~wrong], minlength=classes), off, len(true), most)


def counted(found: ByClass, most: int = MOST_SHOWN) -> Confusion:
    """The same from counts that were kept. Of very many classes the rarest pairs may not be among them."""
    examples = sum(found.support)
    return _shown(found.names, np.array(found.correct), list(found.confused), examples, most)


def _shown(
    names: tuple[str, ...], correct: Wholes, off: list[tuple[int, int, int]], examples: int, most: int
) -> Confusion:
    wrong = np.zeros(len(names), np.int64)
    for a, b, often in off:
        wrong[a] += often
        wrong[b] += often
    shown = np.sort(np.argsort(-wrong, kind="stable")[:most])
    place = {int(one): row for row, one in enumerate(shown)}
    matrix = np.zeros((len(shown), len(shown)), np.int32)
    matrix[np.arange(len(shown)), np.arange(len(shown))] = correct[shown]
    kept = [(place[a], place[b], often) for a, b, often in off if a in place and b in place]
    for a, b, often in kept:
        matrix[a, b] = often
    pairs = tuple(sorted(kept, key=lambda pair: -pair[2])[:MOST_PAIRS])
    right = int(np.sum(correct))
    return Confusion(tuple(names[one] for one in shown), matrix, pairs, examples, right, len(names))


def worst(losses: Reals, count: int) -> list[int]:
    """The places of the largest losses (n), the largest first; what is no number is larger than any."""
    order = np.argsort(-np.nan_to_num(losses.astype(np.float64), nan=np.inf), kind="stable")
    return [int(place) for place in order[:count]]
