"""What a look is, and what it is taken of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import PresetError, RunError, nearest
from tuinet.fields import optional, shown, whole

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.runs.probes import Probes

Array = NDArray[Any]
MOST_CELLS = 1 << 18  # of one answer: more than any screen has


class NotThere(RunError):
    """What was asked for cannot be had here; the text is the whole reason."""


@dataclass(frozen=True)
class Look:
    """An answer. body: bytes whose meaning the fields and the look's docstring say."""

    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Now:
    """The request of a look that shows what is kept of no earlier step."""

    at: int | None = optional(whole(at_least=0, help="a step; none but the newest can be had"))

    def check_now(self) -> None:
        """NotThere where an earlier step is asked for."""
        if self.at is not None:
            raise NotThere(f"of step {self.at:,} this is not kept: only the newest can be seen")


class Takes(Protocol):
    """A request that was checked."""

    def take(self, source: Source) -> Look: ...


@dataclass(frozen=True)
class Slot:
    """An array that can be looked at. layer: path of the layer it belongs to; of: that layer's type word."""

    name: str
    shape: tuple[int, ...]
    kind: str = "parameter"  # parameter, frozen or statistic
    layer: str = ""
    of: str = ""

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


class Source(Protocol):
    """A training, or what is left of one. What cannot be had raises NotThere with the reason."""

    @property
    def step(self) -> int:
        """Of the values."""

    @property
    def live(self) -> bool:
        """Whether it trains, so that gradients and outputs can be had."""

    @property
    def facts(self) -> Facts | None: ...

    @property
    def slots(self) -> Sequence[Slot]:
        """Parameters as the network uses them, then frozen ones, then statistics."""

    @property
    def probes(self) -> Probes | None:
        """The history of parameters as small pictures."""

    def value(self, name: str) -> Array: ...

    def gradient(self, name: str) -> Array:
        """Of the last step."""

    def update(self, name: str) -> Array:
        """What a step, the last one that was watched, added to the value."""

    def initial(self, name: str) -> Array:
        """The value before the first step."""

    def raw_points(self, most: int) -> tuple[Array, Array]:
        """At most so many examples of the training part as they are in the data (n, 2), and their labels (n)."""

    def on_plane(self, points: Array, layer: str) -> Array:
        """What the network, or the layer, makes of points (n, 2) as they are in the data: (n, units)."""


def slot_of(source: Source, name: str, key: str) -> Slot:
    """The slot of that name; PresetError with the key and the nearest name where there is none."""
    found = {slot.name: slot for slot in source.slots}
    if name not in found:
        listed = ", ".join(list(found)[:12]) + (" ..." if len(found) > 12 else "")
        hint = nearest(name, found) or ";"
        raise PresetError(f"there is no parameter {shown(name)}{hint} there are {listed}", key=key)
    return found[name]
