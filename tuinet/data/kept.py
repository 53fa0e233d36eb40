"""Values that were kept as JSON, read back: each is what it should be, or a DataError names it.

Whoever hands on a run may have written anything into it. What passes here can be computed with: numbers are finite,
sizes are whole and not absurd, and words are words.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import DataError
from tuinet.safe_text import safe

LARGEST_COUNT = 2**53  # what every reader of JSON keeps exactly


class Kept:
    """A table from JSON, whose values are asked for by key and kind."""

    def __init__(self, table: Any, what: str) -> None:
        """what: the table's name in errors."""
        if not isinstance(table, dict):
            raise DataError(f"{what} is no table")
        self._table, self._what = table, what

    def text(self, key: str) -> str:
        return str(self._fitting(key, "text", _is_text))

    def texts(self, key: str) -> list[str]:
        return list(self._fitting(key, "a list of texts", lambda value: _all(value, _is_text)))

    def whole(self, key: str) -> int:
        return int(self._fitting(key, "a whole number", _is_whole))

    def wholes(self, key: str) -> list[int]:
        return list(self._fitting(key, "a list of whole numbers", lambda value: _all(value, _is_whole)))

    def truth(self, key: str) -> bool:
        return bool(self._fitting(key, "true or false", lambda value: type(value) is bool))

    def numbers(self, key: str) -> NDArray[np.float64]:
        """Finite ones, at least one."""
        value = self._fitting(key, "a list of numbers", lambda value: _all(value, _is_number) and value)
        return np.array([float(number) for number in value], np.float64)

    def pairs(self, key: str) -> list[tuple[str, list[str]]]:
        """A text each with a list of texts."""
        value = self._fitting(key, "a list of names with their words", lambda value: _all(value, _is_pair))
        return [(name, list(words)) for name, words in value]

    def split(self, key: str, parts: tuple[str, ...]) -> Kept:
        """A list of as many values as there are parts, to be asked for by the parts' names."""
        value = self._fitting(key, f"{' and '.join(parts)}", lambda value: _is_list(value) and len(value) == len(parts))
        return Kept(dict(zip(parts, value, strict=True)), f"{self._what}, {key}")

    def says(self, key: str) -> bool:
        """Whether anything but null stands there."""
        return self._table.get(key) is not None

    def refuse(self, key: str, wanted: str) -> NoReturn:
        raise DataError(
            f"{self._what} says {key} = {safe(reprlib.repr(self._table.get(key)), 60)}, where {wanted} should stand"
        )

    def _fitting(self, key: str, wanted: str, fits: Callable[[Any], Any]) -> Any:
        value = self._table.get(key)
        if not fits(value):
            self.refuse(key, wanted)
        return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST_COUNT


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < LARGEST_COUNT
    return type(value) is float and math.isfinite(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_pair(value: Any) -> bool:
    return _is_list(value) and len(value) == 2 and _is_text(value[0]) and _all(value[1], _is_text)


def _all(value: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)
