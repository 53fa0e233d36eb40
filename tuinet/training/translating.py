"""Writing a text from another: the decoder is asked for the next token again and again, and reads what it wrote.

    greedy    the likeliest token each time                                             T passes for T tokens
    beam      the `width` likeliest beginnings side by side; of those that came to an end, the one with the largest
              sum of log p / length (Wu et al. 2016, with the exponent 1: short ones are not preferred)

Nothing of the target is known here, other than in training, where the decoder reads the right tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import RunDamaged

if TYPE_CHECKING:
    from tuinet.data import Part, Vocabulary

PADDING, START, END = 0, 1, 2
MOST_ROWS = 4_096  # that are written at a time: what the network gives for them is held in memory
WIDEST = 64  # beginnings side by side

Tokens = NDArray[np.int32]
Logits = NDArray[np.floating[Any]]
Forward = Callable[[Tokens], Logits]
Check = Callable[[], None]


@dataclass(frozen=True)
class Written:
    """tokens (n, T): what was written, its end among them where it came to one, then padding.

    scores (n): log of the probability that the network gives all of it.
    """

    tokens: Tokens
    scores: NDArray[np.float64]


def translated(
    forward: Forward, sources: Tokens, steps: int, *, width: int = 1, check: Check = lambda: None
) -> Written:
    """What the network writes from sources (n, S), of at most `steps` tokens each.

    forward: from tokens (m, S + steps) to logits (m, steps, C). width: 1 is greedy. check: called before each pass,
    and may raise. RunDamaged where the network gives what is no number.
    """
    size = max(1, MOST_ROWS // width)
    pieces = [
        _beam(forward, sources[begin : begin + size], steps, width, check) for begin in range(0, len(sources), size)
    ]
    if not pieces:
        return Written(np.zeros((0, steps), np.int32), np.zeros(0))
    return Written(
        np.concatenate([piece.tokens for piece in pieces]), np.concatenate([piece.scores for piece in pieces])
    )


def _beam(forward: Forward, sources: Tokens, steps: int, width: int, check: Check) -> Written:
    """`width` beginnings of each source, the likeliest first. One that ends leaves the beam; the search ends where no
    beginning is left that could come to a better mean, even if all that it still writes were certain.
    """
    n, S = sources.shape
    rows = np.zeros((n, width, S + steps), np.int32)
    rows[:, :, :S] = sources[:, None]
    rows[:, :, S] = START
    scores = np.full((n, width), -np.inf)
    scores[:, 0] = 0.0  # the beginnings are all alike: only one of them counts
    best, totals, answers = np.full(n, -np.inf), np.zeros(n), np.zeros((n, steps), np.int32)
    for step in range(steps):
        going = np.flatnonzero(scores.max(axis=1) / steps > best)
        if not len(going):
            break
        check()
        shares = _log_shares(forward(rows[going].reshape(-1, S + steps))[:, step])
        reached = (scores[going][:, :, None] + shares.reshape(len(going), width, -1)).reshape(len(going), -1)
        places = _largest(reached, width)
        parents, tokens = np.divmod(places, shares.shape[-1])
        here, scored = np.take_along_axis(rows[going], parents[:, :, None], 1), np.take_along_axis(reached, places, 1)
        ends = tokens == END
        for beam in range(width):
            mean = scored[:, beam] / (step + 1)
            # What has not come to its end by the last step is taken only where nothing else is there.
            over = ends[:, beam] | ((step == steps - 1) & np.isneginf(best[going]))
            better = over & (mean > best[going])
            chosen = going[better]
            best[chosen], totals[chosen], answers[chosen] = mean[better], scored[better, beam], 0
            answers[chosen, :step] = here[better, beam, S + 1 : S + 1 + step]
            answers[chosen, step] = tokens[better, beam]
        if step < steps - 1:
            here[:, :, S + step + 1] = tokens
        rows[going], scores[going] = here, np.where(ends, -np.inf, scored)
    return Written(answers, totals)


def _log_shares(logits: Logits) -> NDArray[np.float64]:
    """log softmax of (m, C), in which padding and start never come."""
    if not np.isfinite(logits).all():
        raise RunDamaged("the network gives numbers that are not finite; its weights are of no use")
    shares: NDArray[np.float64] = logits.astype(np.float64)
    shares[:, [PADDING, START]] = -np.inf
    shares -= shares.max(axis=1, keepdims=True)
    shares -= np.log(np.exp(shares).sum(axis=1, keepdims=True))
    return shares


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places (n, count) of the largest of (n, m), falling; of equal ones the first."""
    if count == 1:
        return np.asarray(values.argmax(axis=1))[:, None]
    return np.argsort(-values, axis=1, kind="stable")[:, :count]


# -- how good it is ------------------------------------------------------------------------


def measured(forward: Forward, part: Part, vocabulary: Vocabulary, check: Check = lambda: None) -> dict[str, float]:
    """What greedy writing gives on a part with targets: the share of texts that are right to the last character, and
    the character error rate, which is the sum of edit distances over the sum of the targets' lengths.

    NaN for both where the network gives what is no number.
    """
    try:
        written = translated(forward, part.inputs[:, : vocabulary.source], vocabulary.window, check=check)
    except RunDamaged:
        return {"exact_match": math.nan, "cer": math.nan}
    wanted = texts(part.targets, vocabulary)
    given = texts(written.tokens, vocabulary)
    distance = distances(given, wanted).sum()
    same = sum(one == other for one, other in zip(given, wanted, strict=True))
    return {"exact_match": same / len(wanted), "cer": float(distance / sum(map(len, wanted)))}


def texts(tokens: Tokens, vocabulary: Vocabulary) -> list[str]:
    """The text of each row (n, T), up to its end; what is no character of UTF-8 shows as a mark."""
    return [b"".join(map(vocabulary.decode, upto_end(row))).decode("utf-8", "replace") for row in tokens.tolist()]


def upto_end(row: Sequence[int]) -> Sequence[int]:
    """The tokens before the first that is none of a text: padding, start, end, no target."""
    return row[: next((place for place, token in enumerate(row) if token <= END), len(row))]


def distances(one: Sequence[str], other: Sequence[str]) -> NDArray[np.int64]:
    """How many characters at least have to be put in, taken out or changed to make one text of each pair the other
    (Levenshtein 1966), for all pairs (n) at once.
    """
    a, b = _points(one), _points(other)
    ends = np.array([len(text) for text in one]), np.array([len(text) for text in other])
    places = np.arange(b.shape[1] + 1)
    row = np.broadcast_to(places, (len(a), len(places))).copy()
    found = np.where(ends[0] == 0, ends[1], 0)
    for step in range(a.shape[1]):
        changed = row[:, :-1] + (a[:, step, None] != b)
        kept = np.minimum(row[:, 1:] + 1, changed)
        row = np.concatenate([np.full((len(a), 1), step + 1), kept], axis=1)
        row = np.minimum.accumulate(row - places, axis=1) + places  # what is put in, from left to right
        done = ends[0] == step + 1
        found[done] = row[done, ends[1][done]]
    return found


def _points(strings: Sequence[str]) -> NDArray[np.int64]:
    """Code points (n, longest), -1 behind the end."""
    found = np.full((len(strings), max(map(len, strings), default=0)), -1, np.int64)
    for row, text in zip(found, strings, strict=True):
        row[: len(text)] = [ord(character) for character in text]
    return found
