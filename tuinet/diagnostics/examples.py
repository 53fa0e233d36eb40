"""An example as a screen can show it: a small picture, or a line of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.curves import CURVES, curve_of
from tuinet.data.scaling import Prepare
from tuinet.data.vocabulary import Vocabulary
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.data import Facts, Scaler

MOST_WORDS = 4  # values of a row that are told: those that are furthest from what is usual
MOST_LETTERS = 120  # of a text
MOST_POINTS = 48  # of a window of a series

Array = NDArray[Any]


def kind(facts: Facts) -> str:
    """How its examples are shown: "picture", "text", "series" or "row"."""
    if facts.tokens:
        return "text"
    if facts.horizon:
        return "series"
    return "picture" if facts.white or len(facts.inputs) in (2, 3) else "row"


def pictures(inputs: Array, height: int, width: int) -> NDArray[np.uint8]:
    """Pictures (n, H, W) or (n, H, W, C) as grey levels (n, h, w), h <= height and w <= width, shape kept.

    0 is the darkest value of all of them, 255 the brightest; each level is the mean over the pixels that it stands for.
    """
    grey = inputs.astype(np.float64).mean(axis=3) if inputs.ndim == 4 else inputs.astype(np.float64)
    _, tall, wide = grey.shape
    shrink = max(tall / height, wide / width, 1.0)
    small = _averaged(_averaged(grey, max(1, round(tall / shrink)), 1), max(1, round(wide / shrink)), 2)
    low, high = (float(small.min()), float(small.max())) if small.size else (0.0, 0.0)
    levels: NDArray[np.uint8] = np.rint((small - low) * (255 / (high - low) if high > low else 0.0)).astype(np.uint8)
    return levels


def _averaged(values: Array, size: int, axis: int) -> Array:
    """The means over `size` stretches of an axis, each as long as the others but for one."""
    length = values.shape[axis]
    starts = np.arange(size) * length // size
    counts = np.diff(np.append(starts, length))
    shape = [1] * values.ndim
    shape[axis] = size
    means: Array = np.add.reduceat(values, starts, axis=axis) / counts.reshape(shape)
    return means


def words(row: Array, facts: Facts, scaler: Scaler) -> str:
    """A row of a table in its own units: "age 79 · fare 512"; of many columns those furthest from the usual."""
    assert isinstance(scaler, Prepare)
    values = row.astype(np.float64).ravel()
    names = facts.columns or [f"x{number}" for number in range(1, values.size + 1)]
    words_of = [bool(form.words) for form in scaler.forms for _ in form.titles] or [False] * values.size
    own = _own_units(values, scaler)
    # A category's 0 tells nothing; its 1 tells as much as a number two deviations off.
    unusual = np.where(words_of, np.where(values > 0.5, 2.0, -1.0), np.abs(values))
    said = []
    for place in sorted(np.argsort(-unusual, kind="stable")[:MOST_WORDS]):
        if unusual[place] >= 0:
            name = safe(names[place], 24)
            said.append(name if words_of[place] else f"{name} {own[place]:.4g}")
    return " · ".join(said)


def _own_units(values: Array, scaler: Prepare) -> Array:
    with np.errstate(all="ignore"):
        own = values * scaler.spread + scaler.centre
        own[np.abs(own) < 1e-6 * (np.abs(scaler.spread) + np.abs(scaler.centre))] = 0.0  # what rounding has left
        curve = curve_of(scaler.scale)
        return np.asarray(CURVES[curve].back(own)) if curve else np.asarray(own)


def text(tokens: Array, vocabulary: Vocabulary) -> str:
    """What tokens (T) say, at most MOST_LETTERS of it; a text that is written from another after an arrow."""
    if vocabulary.source:
        source, written = tokens[: vocabulary.source], tokens[vocabulary.source :]
        return safe(f"{_letters(source, vocabulary)} → {_letters(written, vocabulary)}", MOST_LETTERS)
    return safe(_letters(tokens, vocabulary), MOST_LETTERS)


def _letters(tokens: Array, vocabulary: Vocabulary) -> str:
    pieces = b"".join(vocabulary.decode(int(token)) for token in tokens[: 4 * MOST_LETTERS])
    return pieces.decode("utf-8", "replace")


def points(window: Array, column: int) -> list[float]:
    """One column of a window (T, D) of a series, as at most MOST_POINTS means, scaled as the network sees them."""
    values = window.astype(np.float64)[None, :, column]
    return [round(float(value), 4) for value in _averaged(values, min(MOST_POINTS, values.shape[1]), 1)[0]]


def numbers(values: Array, facts: Facts) -> str:
    """Real targets or outputs (outputs) in their own units: "12.3", or the first few of more."""
    own = facts.in_own_units(values[None])[0]
    some = " ".join(f"{value:.4g}" for value in own[:3])
    return f"{some} …" if len(own) > 3 else some
