"""The garbage collector, kept from what stays, so that its passes do not hold the event loop.

A pass over every object of the libraries and screens takes a fifth of a second on a busy machine, every few seconds
where much is drawn, and finds nothing; one over what is left of many screens takes a third.
"""

from __future__ import annotations

import gc
from typing import Any

StylesCache: Any
try:
    from textual._styles_cache import StylesCache
except ImportError:  # a Textual with another inside
    StylesCache = None

COLLECTED_AFTER = (5_000, 10, 20)
"""Objects, and young and middle passes, after which the next generation is looked at."""

GROWTH = 1.5
"""By how much what is not looked at may grow before it is looked at once."""


class Collector:
    """Of a process that is ours alone."""

    def __init__(self) -> None:
        self._settled = 0  # objects that were there then

    def settle(self) -> None:
        """Takes all that is there out of its sight: for when a screen stands that stays."""
        gc.unfreeze()
        self._freeze()
        gc.set_threshold(*COLLECTED_AFTER)
        gc.enable()
        self._settled = gc.get_freeze_count()

    def tidy(self) -> None:
        """Frees what came and went since: for when another screen was left, and nothing is there but what stays."""
        if not self._settled:
            return
        forget_widgets()
        self._freeze()
        if gc.get_freeze_count() > GROWTH * self._settled:
            self.settle()

    def _freeze(self) -> None:
        gc.collect()
        gc.freeze()


def forget_widgets() -> None:
    """Empties a cache of Textual's that holds every widget that was there, with all its painted lines.

    It is of two colours, but the widget's own cache is a part of its key.
    """
    clear = getattr(getattr(StylesCache, "get_inner_outer", None), "cache_clear", None)
    if clear is not None:
        clear()
