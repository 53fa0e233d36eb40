"""What a GPU says of itself, looked at beside the training, for those who watch.

The driver may take its time to answer: it is asked in a thread of its own, and the training never waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.engine.cuda.nvml import Figures

EVERY = 0.5  # seconds between two looks, at the least


class GpuWatch:
    """Looks from `start()` to `close()`, while somebody watches, and tells the event `gpu` of docs/formats.md."""

    def __init__(
        self,
        read: Callable[[], Figures],
        tell: Callable[[Mapping[str, Any]], None],
        wanted: Callable[[], bool],
        every: float = EVERY,
    ) -> None:
        """read, tell, wanted (whether anybody would see it) are called in the thread."""
        self._read, self._tell, self._wanted, self._every = read, tell, wanted, every
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No look is begun any more. A driver that does not answer is not waited for."""
        self._closing.set()

    def _watch(self) -> None:
        while not self._closing.wait(self._every):
            if not self._wanted():
                continue
            fields = asdict(self._read())
            if any(value is not None for value in fields.values()):  # there are cards that tell nothing at all
                self._tell(fields)
