"""Every layer, initializer, loss, optimizer and schedule that there is, and facts of data for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.fields import Field, build_part
from tuinet.layers import INITIALIZERS, LAYERS
from tuinet.losses import LOSSES
from tuinet.optimizers import OPTIMIZERS, SCHEDULES

LAYER = Field("part", family=lambda: LAYERS)
FAMILIES: dict[str, dict[str, Any]] = {
    "layers": LAYERS,
    "initializers": INITIALIZERS,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}
MEMBERS = [(family, word) for family, members in FAMILIES.items() for word in members]


@dataclass
class Facts:
    task: str = "classes"
    columns: tuple[str, ...] = ()
    classes: int = 3
    outputs: int = 3
    class_counts: tuple[int, ...] | None = None
    tokens: int = 0
    steps: int = 0
    source_steps: int = 0


def made(table: Any) -> Any:
    return build_part(LAYER, table, "layers.it")
