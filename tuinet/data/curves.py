"""Curves that make lopsided amounts even before they are scaled, and their inverses.

log     log(1 + x)    amounts that grow in shares: what was twice as much lies one step further
sqrt    sqrt(x)       counts, whose noise grows with them: the noise becomes even
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import DataError

Numbers = NDArray[np.float64]


class Unscalable(DataError):
    """A number that no scaling, or not this one, can take.

    row, number: its place among the rows that were to be scaled; what: why it cannot be, and nothing on what to do.
    """

    def __init__(self, message: str, *, what: str = "", row: int = 0, number: int = 0):
        super().__init__(message)
        self.what, self.row, self.number = what, row, number


@dataclass(frozen=True)
class Curve:
    """there and back are inverse to one another; words: what is needed, from `least` on (or above it)."""

    there: Callable[[Any], Numbers]
    back: Callable[[Any], Numbers]
    least: float
    itself: bool
    words: str

    def __call__(self, values: Numbers, title: Callable[[int], str]) -> Numbers:
        """The values (n, k) on the curve. Unscalable, with the title of its column, for one that is not on it."""
        wrong = values < self.least if self.itself else values <= self.least
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            what = f"holds {values[row, column]:g}, and {self.words}"
            raise Unscalable(
                f'{title(int(column))}: {what}; choose data.scale = "standard"',
                what=what, row=int(row), number=int(column),
            )  # fmt: skip
        return self.there(values)


CURVES = {
    "log": Curve(np.log1p, np.expm1, -1.0, False, "log(1 + x) needs numbers above -1"),
    # a network may say less than 0, which no root is: the square keeps the sign
    "sqrt": Curve(np.sqrt, lambda roots: roots * np.abs(roots), 0.0, True, "sqrt(x) needs numbers from 0 on"),
}


def curve_of(scale: str) -> str:
    """The word of the curve in the name of a scaling, such as log in log_standard; empty where it has none."""
    word = scale.removesuffix("_standard")
    return word if word in CURVES else ""
