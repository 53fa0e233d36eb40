"""Writing a text: the network gives a number for each token that may come next, one is drawn, and it is read again.

    p = softmax(logits / temperature)       of the top_k largest, and of the fewest that together reach top_p
    next = the first token at which the sum of p passes u, which is uniform

Each u follows from the seed and the place in the text alone, so that the same seed writes the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import RunDamaged

STREAM = 0x7E77  # sets these numbers apart from those that a seed gives elsewhere

Logits = NDArray[np.floating[Any]]
Forward = Callable[[NDArray[np.int32]], Logits]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn. temperature 0: always the likeliest. top_k: 0 for all. top_p: 1 for all."""

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0

    def choose(self, logits: Logits, u: float) -> tuple[int, float]:
        """A token and its probability, from the logits (C) and a number u of 0 to 1, below 1."""
        if not np.isfinite(logits).all():
            raise RunDamaged("the network gives numbers that are not finite; its weights are of no use")
        if self.temperature == 0:
            return int(np.argmax(logits)), 1.0
        falling = np.argsort(-logits, kind="stable")
        falling = falling[: self.top_k or None]
        # From the largest one on: a temperature close to 0 divides what is at most 0, and overflows to -inf.
        with np.errstate(over="ignore"):
            shares = np.exp((logits[falling].astype(np.float64) - float(logits[falling[0]])) / self.temperature)
        shares /= shares.sum()
        kept = int(np.searchsorted(np.cumsum(shares), self.top_p)) + 1
        shares = shares[:kept] / shares[:kept].sum()
        place = min(int(np.searchsorted(np.cumsum(shares), u, side="right")), len(shares) - 1)
        return int(falling[place]), float(shares[place])


def generated(
    forward: Forward, prompt: Sequence[int], window: int, sampling: Sampling, seed: int
) -> Iterator[tuple[int, float]]:
    """Tokens that follow the prompt, without end, each with the probability that it was drawn with.

    forward: from tokens (1, window) to logits (1, window, C). prompt: one token at least; of a longer one than the
    window, as of the text so far, the last `window` tokens are read. What stands after a shorter text is zeros, which
    a network that looks only back does not see.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed % 2**64, STREAM]))
    text = list(prompt[-window:])
    row = np.zeros((1, window), np.int32)
    while True:
        row[0, : len(text)] = text
        token, share = sampling.choose(forward(row)[0, len(text) - 1], float(rng.random()))
        yield token, share
        text = [*text, token][-window:]
