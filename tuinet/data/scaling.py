"""From a file's numbers to a network's: fill what is missing, take the logarithm, centre, scale. Fitted once, kept.

    y = (f(x) - centre) / spread        f(x) = x, log(1 + x), or sqrt(x)

Everything is fitted on the training part alone, so that nothing of the held-out parts leaks into it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.curves import CURVES, Unscalable, curve_of
from tuinet.data.foreign import MEMORY
from tuinet.data.kept import Kept
from tuinet.data.playground import FEATURES
from tuinet.data.settings import SCALES
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe

Array = NDArray[Any]
Numbers = NDArray[np.float64]
MOST_AXES = 8  # of an example; more than any file has
MOST_NUMBERS = MEMORY // 8  # of an example: a larger one could not have been bound
MOST_LETTERS = 1 << 24  # of all columns' titles
CHUNK = 1 << 20  # numbers worked on at a time, so that no second copy of a large set is made


@dataclass(frozen=True)
class Form:
    """One column of a table as the network takes it: a number, or a category as one 0 or 1 for each of its words."""

    name: str
    words: tuple[str, ...] = ()

    @property
    def titles(self) -> list[str]:
        return [f"{self.name}={word}" for word in self.words] if self.words else [self.name]


@dataclass(frozen=True, eq=False)
class Prepare:
    """A fitted scaling. Called with rows (n, *raw) of any real dtype it gives float32 (n, *shape).

    centre, spread, fills: float64 (k) for the k numbers of an example, or (D) for each of its rows of D where it is a
    window of a series, or (1) for all of them alike; no fills, and a missing number is an error. forms: the columns of
    a table. features: made from x and y of a generated set.
    """

    raw: tuple[int, ...]
    scale: str
    centre: Numbers
    spread: Numbers
    fills: Numbers | None = None
    forms: tuple[Form, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example as the network sees it."""
        return (len(self.features),) if self.features else self.raw

    @property
    def columns(self) -> list[str]:
        """Names of an example's numbers, where they have names."""
        return list(self.features) or [title for form in self.forms for title in form.titles]

    def __call__(self, rows: Array, chosen: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
        """The examples, or the chosen ones of them, ready for the network. DataError names the example that is not."""
        if rows.shape[1:] != self.raw:
            raise DataError(f"examples have the shape {_shape(rows.shape[1:])}; {_shape(self.raw)} is wanted")
        places = np.arange(len(rows)) if chosen is None else chosen
        prepared = np.empty((len(places), *self.shape), np.float32)
        step = max(1, CHUNK // max(1, math.prod(self.raw)))
        for start in range(0, len(places), step):
            piece = places[start : start + step]
            prepared[start : start + step] = self._piece(rows[piece], piece).reshape(len(piece), *self.shape)
        return prepared

    def _piece(self, rows: Array, places: NDArray[np.intp]) -> NDArray[np.float32]:
        values = _features(rows, self.features).reshape(len(rows), -1)
        missing = np.isnan(values)
        if missing.any():
            if self.fills is None:
                row, column = np.argwhere(missing)[0]
                raise DataError(f"example {places[row] + 1}, {self._title(column)}: is missing")
            values = np.where(missing, _repeated(self.fills, values.shape[1]), values)
        if curve := curve_of(self.scale):
            try:
                values = CURVES[curve](values, self._title)
            except Unscalable as error:
                error.row = int(places[error.row])
                raise
        with np.errstate(over="ignore"):
            centre, spread = (_repeated(numbers, values.shape[1]) for numbers in (self.centre, self.spread))
            scaled: NDArray[np.float32] = ((values - centre) / spread).astype(np.float32)
        if not np.isfinite(scaled).all():
            row, column = np.argwhere(~np.isfinite(scaled))[0]
            what = f"{values[row, column]:g} does not fit into a 32-bit float once scaled"
            remedy = MINMAX if self.scale == "none" else "correct it, or take the row or the column out"
            raise Unscalable(
                f"example {places[row] + 1}, {self._title(column)}: {what}; {remedy}",
                what=what, row=int(places[row]), number=int(column),
            )  # fmt: skip
        return scaled

    def _title(self, column: int) -> str:
        names = self.columns
        return f'column "{safe(names[column % len(names)], 60)}"' if names else f"number {column + 1}"

    def as_table(self) -> dict[str, Any]:
        """The fitted numbers as plain values that JSON keeps exactly."""
        return {
            "raw": list(self.raw),
            "scale": self.scale,
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "fills": None if self.fills is None else self.fills.tolist(),
            "forms": [[form.name, list(form.words)] for form in self.forms],
            "features": list(self.features),
        }

    @classmethod
    def from_table(cls, table: Any) -> Prepare:
        """A scaling from `as_table`; DataError where the table is not one that can be worked with."""
        kept = Kept(table, "the fitted scaling")
        prepare = cls(
            raw=tuple(kept.wholes("raw")),
            scale=kept.text("scale"),
            centre=kept.numbers("centre"),
            spread=kept.numbers("spread"),
            fills=kept.numbers("fills") if kept.says("fills") else None,
            forms=tuple(Form(name, tuple(words)) for name, words in kept.pairs("forms")),
            features=tuple(kept.texts("features")),
        )
        prepare._check(kept)
        return prepare

    def _check(self, kept: Kept) -> None:
        """Refuses what fits its type and yet could not be called, or would not end."""
        if not 1 <= len(self.raw) <= MOST_AXES or not 1 <= math.prod(self.raw) <= MOST_NUMBERS:
            kept.refuse("raw", f"the shape of an example of at most {MOST_NUMBERS:,} numbers")
        if self.scale not in SCALES or self.scale == "auto":
            kept.refuse("scale", f"one of {', '.join(SCALES[1:])}")
        if not set(self.features) <= set(FEATURES) or (self.features and self.raw != (2,)):
            kept.refuse("features", f"some of {', '.join(FEATURES)}, made of two numbers,")
        columns = sum(len(form.words) or 1 for form in self.forms)
        if self.forms and (self.raw[-1] != columns or len(self.raw) > 2):
            kept.refuse("forms", "a column for each number of an example, or of each step of a window")
        # A title repeats its column's name for each of its words: a short table could ask for a terabyte of them.
        letters = sum((len(form.name) + 1) * len(form.words) + sum(map(len, form.words)) for form in self.forms)
        if letters > MOST_LETTERS:
            kept.refuse("forms", f"titles of at most {MOST_LETTERS:,} letters together")
        sizes = [1, len(self.features) or math.prod(self.raw)]
        sizes += [self.raw[1]] if len(self.raw) == 2 and self.forms else []
        for key, values in (("centre", self.centre), ("spread", self.spread), ("fills", self.fills)):
            if values is not None and len(values) not in sizes:
                kept.refuse(key, f"a number for each of {sizes[1]:,}, or one for all,")
        if not (self.spread > 0).all():
            kept.refuse("spread", "numbers above 0")


def _repeated(numbers: Numbers, size: int) -> Numbers:
    """The numbers of a window's step for each of its steps; one, or one for each number of an example, as they are."""
    return numbers if len(numbers) in (1, size) else np.tile(numbers, size // len(numbers))


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _features(rows: Array, features: tuple[str, ...]) -> Numbers:
    values = np.asarray(rows, np.float64)
    if not features:
        return values
    x, y = values[:, 0], values[:, 1]
    return np.stack([FEATURES[name](x, y) for name in features], axis=1)


MINMAX = 'choose data.scale = "minmax", or take the column out'


# -- fitting -------------------------------------------------------------------------------


def fit(
    rows: Array,
    chosen: NDArray[np.intp],
    scale: str,
    *,
    impute: str = "no",
    forms: tuple[Form, ...] = (),
    features: tuple[str, ...] = (),
    largest_pixel: float = 255.0,
) -> Prepare:
    """A scaling fitted on the chosen rows (the training part) of rows (n, *raw)."""
    raw = tuple(rows.shape[1:])
    unscaled = Prepare(raw, "none", np.zeros(1), np.ones(1), None, forms, features)
    fills = None if impute == "no" else _fills(rows[chosen], impute, forms)
    if fills is not None and not np.isfinite(fills).all():
        column = int(np.argmax(~np.isfinite(fills)))
        raise DataError(f"{unscaled._title(column)}: holds numbers so large that their {impute} overflows")
    if scale == "none":
        return Prepare(raw, scale, unscaled.centre, unscaled.spread, fills, forms, features)
    if scale == "pixels":
        if forms:
            raise PresetError('"pixels" is for pictures; choose "standard" for a table', key="data.scale")
        return Prepare(raw, scale, np.zeros(1), np.full(1, largest_pixel, np.float64), fills, forms, features)
    centre, spread = _statistics(rows, chosen, scale, fills, features, unscaled._title)
    beyond = ~np.isfinite(centre + spread)
    if beyond.any():
        column = int(np.argmax(beyond))
        low, extent = (
            (centre, spread) if scale == "minmax"
            else _statistics(rows, chosen, "minmax", fills, features, unscaled._title)
        )  # fmt: skip
        remedy = MINMAX if np.isfinite(low + extent)[column] else "write it in a larger unit, or take the column out"
        words = f"holds numbers so large that their {scale} scaling overflows; {remedy}"
        raise DataError(f"{unscaled._title(column)}: {words}")
    flags = np.array([bool(form.words) for form in forms for _ in form.titles], bool)
    if flags.any():  # the 0 and 1 of a category stay what they are
        centre[flags], spread[flags] = 0.0, 1.0
    spread[~(spread > 0)] = 1.0  # a column that never changes becomes 0
    return Prepare(raw, scale, centre, spread, fills, forms, features)


def _fills(rows: Array, impute: str, forms: tuple[Form, ...]) -> Numbers:
    """What stands in for a missing number of each column: mean or median; of a category, the 0 and 1 of its mode."""
    values = np.asarray(rows, np.float64).reshape(len(rows), -1)
    known = ~np.isnan(values)
    values = values.copy()
    values[:, ~known.any(axis=0)] = 0.0  # nothing is known of such a column
    with np.errstate(over="ignore", invalid="ignore"):
        fills: Numbers = np.nanmean(values, axis=0) if impute == "mean" else np.nanmedian(values, axis=0)
    start = 0
    for form in forms:
        end = start + len(form.titles)
        if form.words:
            counts = np.nansum(values[:, start:end], axis=0)
            fills[start:end] = np.arange(end - start) == int(np.argmax(counts))
        start = end
    return fills


def _statistics(
    rows: Array,
    chosen: NDArray[np.intp],
    scale: str,
    fills: Numbers | None,
    features: tuple[str, ...],
    title: Callable[[int], str],
) -> tuple[Numbers, Numbers]:
    """Mean and deviation of each number over the chosen rows, or minimum and range; in two passes, piece by piece."""

    curve = curve_of(scale)

    def values(places: NDArray[np.intp]) -> Numbers:
        some = _features(rows[places], features)
        some = some.reshape(len(some), -1)
        if fills is not None:
            some = np.where(np.isnan(some), np.broadcast_to(fills, some.shape), some)
        return CURVES[curve](some, title) if curve else some

    def over_all(work: Callable[[Numbers], Numbers], together: Callable[[Numbers, Numbers], Numbers]) -> Numbers:
        step = max(1, CHUNK // max(1, math.prod(rows.shape[1:])))
        pieces = (work(values(chosen[start : start + step])) for start in range(0, len(chosen), step))
        return functools.reduce(together, pieces)

    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "minmax":
            low = over_all(lambda values: values.min(axis=0), np.minimum)
            return low, over_all(lambda values: values.max(axis=0), np.maximum) - low
        mean = over_all(lambda values: values.sum(axis=0), np.add) / len(chosen)
        squares = over_all(lambda values: ((values - mean) ** 2).sum(axis=0), np.add)
        deviation: Numbers = np.sqrt(squares / len(chosen))
        # A column of one number, whose mean is not quite that number, must not be blown up to noise.
        constant = deviation <= 1e-12 * np.abs(mean)
        deviation[constant], mean[constant] = 0.0, values(chosen[:1])[0, constant]
        return mean, deviation
