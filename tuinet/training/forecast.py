"""About how long an epoch will take on this machine, from what a step does and from two speeds measured once.

    seconds of a step = (products / speed of products + numbers / speed of passes + calls * a call's own cost) / share

NumPy gives the two speeds, in a few milliseconds; no kernel is compiled for it. `share` is what of them whole
steps reach. A run that trains tells it, and it is kept for the next network; the file is a cache, and may be deleted.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tuinet.atomic import write_file
from tuinet.bounded_io import read_bounded
from tuinet.errors import TuinetError
from tuinet.training.devices import is_gpu

if TYPE_CHECKING:
    from tuinet.training.planning import Planned, Work

NAME = "speed.json"
LIMIT = 4096  # bytes
CALL = 3e-7  # seconds that a call costs besides its work
USUAL_SHARE = 0.5  # measured on two cores, most presets lie between 0.25 and 1.1
_SIDE, _PASS = 64, 1 << 14  # so small that one core does them in caches, whatever else the machine does


@dataclass(frozen=True)
class Speed:
    """products: multiply-adds a second; numbers: written a second by a pass over them; share: reached by whole steps.

    known: a training on this machine has told the share.
    """

    products: float
    numbers: float
    share: float = USUAL_SHARE
    known: bool = False

    def seconds(self, work: Work) -> float:
        """About how long a step takes."""
        return self._at_best(work) / self.share

    def told(self, work: Work, seconds: float) -> Speed:
        """The same with the share that a step of so much work reached, which took so long."""
        return replace(self, share=self._at_best(work) / seconds, known=True) if seconds > 0 else self

    def _at_best(self, work: Work) -> float:
        return work.products / self.products + work.numbers / self.numbers + work.calls * CALL


def epoch_seconds(planned: Planned, speed: Speed) -> float | None:
    """About how long an epoch of training takes, without measuring it; None where the network cannot be."""
    if not planned.batch or not planned.examples:
        return None
    return speed.seconds(planned.work) * planned.examples / planned.batch


def measured() -> Speed:
    """What NumPy reaches here and now."""
    import numpy as np

    a = np.full((_SIDE, _SIDE), 0.5, np.float32)
    out, x = np.empty_like(a), np.full(_PASS, -0.5, np.float32)
    y = np.empty_like(x)
    product = min(_timed(lambda: np.matmul(a, a, out=out)) for _ in range(200))
    one_pass = min(_timed(lambda: np.maximum(x, 0, out=y)) for _ in range(100))
    return Speed(_SIDE**3 / product, _PASS / one_pass)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return max(time.perf_counter() - start, 1e-9)


# -- kept -----------------------------------------------------------------------------------


def kept(folder: Path | None = None, device: str = "cpu") -> Speed:
    """The machine's speed: as it was kept, or measured now and kept. folder: the cache, where it is not the usual.

    What NumPy reaches says nothing of a GPU: there only a share that a training has told is worth something.
    """
    folder = folder or cache_folder()
    found = _read(folder / _name(device))
    if found is None:
        found = measured()
        keep(found, folder, device)
    return found


def keep(speed: Speed, folder: Path | None = None, device: str = "cpu") -> None:
    """Remember it. A cache that cannot be written is done without."""
    folder = folder or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / _name(device), json.dumps(asdict(speed)).encode("ascii"))
    except (OSError, TuinetError):
        pass


def _name(device: str) -> str:
    return f"speed-{device.replace(':', '-')}.json" if is_gpu(device) else NAME


def cache_folder() -> Path:
    """$TUINET_DATA, or the platform's cache folder for tuinet."""
    chosen = os.environ.get("TUINET_DATA")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("tuinet"))


def _read(path: Path) -> Speed | None:
    try:
        found = Speed(**json.loads(read_bounded(path, LIMIT)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    speeds = (found.products, found.numbers, found.share)
    sensible = all(type(speed) in (int, float) and math.isfinite(speed) and speed > 0 for speed in speeds)
    return found if sensible and isinstance(found.known, bool) else None
