"""What a set looks like once it is bound to a network: arrays that are ready, and the facts about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.scaling import Prepare

Scale = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Facts:
    """What network, loss and screens have to know of the data.

    inputs: shape of one example. task: "classes", "binary" or "reals". outputs: numbers that a network must give.
    classes: how many (2 for binary, 0 for reals). class_counts: of the training part.
    columns: names of the inputs where they have any, in the network's order; target: what is predicted.
    target_scale: (mean, deviation) by which real targets were standardised, each (outputs), or None.
    reason: why this task was chosen. notes: what a user should know, such as duplicates across the split.
    fingerprint: SHA-256 of all bound arrays.
    """

    name: str
    source: str
    inputs: tuple[int, ...]
    task: str
    classes: int
    outputs: int
    class_names: list[str] = field(default_factory=list)
    class_counts: list[int] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    target: str = ""
    target_scale: Scale | None = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""

    def as_table(self) -> dict[str, Any]:
        """The same as plain values that JSON keeps exactly."""
        table = asdict(self)
        table["inputs"] = list(self.inputs)
        if self.target_scale is not None:
            table["target_scale"] = [values.tolist() for values in self.target_scale]
        return table

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Facts:
        """Facts from `as_table`."""
        words = dict(table)
        words["inputs"] = tuple(words["inputs"])
        if words.get("target_scale") is not None:
            mean, deviation = words["target_scale"]
            words["target_scale"] = (np.asarray(mean, np.float64), np.asarray(deviation, np.float64))
        return cls(**words)


@dataclass(frozen=True, eq=False)
class Part:
    """Examples of one purpose.

    inputs: float32 (n, *shape), C-contiguous.
    targets: int32 (n) for classes; float32 (n, 1) of 0 and 1 for binary; float32 (n, outputs), standardised, for reals.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Bound:
    """A set, split and scaled. scaler does to new rows what was done to these."""

    facts: Facts
    train: Part
    validation: Part | None
    test: Part | None
    scaler: Prepare

    def prepare(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """New examples (n, *raw shape) as the network wants them: float32 (n, *shape)."""
        return self.scaler(rows)

    def scaler_table(self) -> dict[str, Any]:
        """The scaler as plain values for `Prepare.from_table`."""
        return self.scaler.as_table()
