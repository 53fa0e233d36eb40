"""Strips that do not hold themselves.

A Strip of Textual remembers what it was divided into or cropped to. Where that is the strip itself, whole, it becomes
a ring that only the garbage collector takes apart: thousands of objects a second on a screen that is painted, and
passes of the collector that hold the event loop. With the two methods below the last picture goes as the next comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.style import Style
from textual.strip import Strip

_divide, _crop_extend = Strip.divide, Strip.crop_extend


def divide(self: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    """As Strip.divide; a strip that stays whole is not kept in itself."""
    cuts = list(cuts)
    length = self.cell_length
    return [self] if [cut for cut in cuts if cut <= length] == [length] else _divide(self, cuts)


def crop_extend(self: Strip, start: int, end: int, style: Style | None) -> Strip:
    """As Strip.crop_extend; a strip that stays whole is not kept in itself."""
    return self if start == 0 and end == self.cell_length else _crop_extend(self, start, end, style)


def let_go() -> None:
    """Gives Textual's strips these methods."""
    methods: dict[str, Any] = {"divide": divide, "crop_extend": crop_extend}
    for name, method in methods.items():
        setattr(Strip, name, method)
