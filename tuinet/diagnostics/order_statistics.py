"""Median and percentile. NumPy's own import numpy.ma when first called, for as long as it takes to draw a curve.

Values that are no number make the result one, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def median(values: Floats) -> Floats:
    """(..., n) → (...): the middle value along the last axis, or the mean of the two in the middle. n > 0."""
    ordered, half = np.sort(values, axis=-1), values.shape[-1] // 2
    middle = ordered[..., half] if values.shape[-1] % 2 else (ordered[..., half - 1] + ordered[..., half]) / 2
    return np.where(np.isnan(ordered[..., -1]), np.nan, middle)


def percentile(values: Floats, share: float) -> float:
    """The value below which `share` per cent of the values (n,) lie, between two of them in proportion. n > 0."""
    ordered, at = np.sort(values), share / 100 * (len(values) - 1)
    if np.isnan(ordered[-1]):
        return float("nan")
    below, above = ordered[int(at)], ordered[min(int(at) + 1, len(values) - 1)]
    return float(below + (above - below) * (at - int(at)))
