"""Examples that stand on both sides of a split: a network that knows them by heart looks better than it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 18  # words hashed at a time


def shared(known: NDArray[np.float32], others: NDArray[np.float32]) -> int:
    """How many rows of others (m, ...) also stand among the rows of known (n, ...), bit for bit."""
    width = known[0].size if len(known) else 0
    if not width or not len(others):
        return 0
    mine, theirs = _hashes(known), _hashes(others)
    order = np.argsort(mine, kind="stable")
    places = np.searchsorted(mine[order], theirs)
    candidates = np.flatnonzero(places < len(known))
    candidates = candidates[mine[order[places[candidates]]] == theirs[candidates]]
    partners = order[places[candidates]]  # equal hashes are all but surely equal rows; those few are compared
    return sum(
        int(np.array_equal(others[other], known[partner])) for other, partner in zip(candidates, partners, strict=True)
    )


def _hashes(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """A 64-bit hash (n) of each row's bits: odd random factors, summed modulo 2^64."""
    words = np.ascontiguousarray(rows).reshape(len(rows), -1).view(np.uint32)
    factors = np.random.Generator(np.random.Philox(key=1)).integers(0, 2**63, words.shape[1], np.uint64) * 2 + 1
    hashes = np.empty(len(rows), np.uint64)
    step = max(1, CHUNK // words.shape[1])
    for start in range(0, len(rows), step):
        hashes[start : start + step] = words[start : start + step].astype(np.uint64) @ factors
    return hashes
