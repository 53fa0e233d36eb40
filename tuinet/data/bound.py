"""What a set looks like once it is bound to a network: arrays that are ready, and the facts about them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.baselines import Baseline
from tuinet.data.curves import CURVES
from tuinet.data.kept import Kept
from tuinet.data.labels import TASKS
from tuinet.data.scaling import MOST_LETTERS, Prepare
from tuinet.data.vocabulary import MOST_TOKENS, Vocabulary

MOST_OUTPUTS = 1 << 20  # columns of an array of labels; far fewer make sense
Scaler = Prepare | Vocabulary
Scale = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Facts:
    """What network, loss and screens have to know of the data.

    inputs: shape of one example. task: "classes", "binary" or "reals". outputs: numbers that a network must give.
    classes: how many (2 for binary, 0 for reals). class_counts: of the training part.
    columns: names of the inputs where they have any, in the network's order.
    target: what is predicted; empty where the inputs are to be given back.
    target_scale: (mean, deviation) by which real targets were standardised, each (outputs), or None.
    target_curve: on which they were before (a word of curves.CURVES), or empty.
    reason: why this task was chosen. notes: what a user should know, such as duplicates across the split.
    fingerprint: SHA-256 of all bound arrays.
    tokens: where inputs are whole numbers below it, as of characters, how many there are; 0 where they are reals.
    steps: how many targets an example has where each position of a sequence has its own (-1: none there); else 0.
    white: where inputs are pictures, the number that a white pixel has before it is scaled, such as 255; else 0.
    padded: whether token 0 only fills a sequence up.
    source_steps: tokens of the source text, in front of what the decoder sees, where the data are pairs; else 0.
    horizon: how many steps of a series are predicted, each of them `targets`; 0 where the data are none. time: the name
    of the column that orders its rows, where there is one.
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
    tokens: int = 0
    steps: int = 0
    padded: bool = False
    white: int = 0
    source_steps: int = 0
    target_curve: str = ""
    horizon: int = 0
    targets: list[str] = field(default_factory=list)
    time: str = ""

    def in_own_units(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Real targets or outputs (n, outputs), as the data have them."""
        found = np.asarray(values, np.float64)
        if self.target_scale is not None:
            found = found * self.target_scale[1] + self.target_scale[0]
        with np.errstate(over="ignore"):
            return CURVES[self.target_curve].back(found) if self.target_curve else found

    @property
    def output_names(self) -> list[str]:
        """What each real output is called: by its target, and by its steps ahead where there are several."""
        if self.horizon:
            steps = range(1, self.horizon + 1)
            return [f"{name}+{step}" if self.horizon > 1 else name for step in steps for name in self.targets]
        if self.reconstructs and self.columns:
            return list(self.columns)
        name = self.target or "value"
        return [name] if self.outputs == 1 else [f"{name}_{number}" for number in range(1, self.outputs + 1)]

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the inputs themselves."""
        return self.task == "reals" and not self.target and self.outputs == math.prod(self.inputs)

    @property
    def writes(self) -> bool:
        """Whether the next token of a text is what is predicted, at each position."""
        return bool(self.tokens and self.steps and not self.source_steps)

    def as_table(self) -> dict[str, Any]:
        """The same as plain values that JSON keeps exactly."""
        table = asdict(self)
        table["inputs"] = list(self.inputs)
        if self.target_scale is not None:
            table["target_scale"] = [values.tolist() for values in self.target_scale]
        return table

    @classmethod
    def from_table(cls, table: Any) -> Facts:
        """Facts from `as_table`; DataError where the table does not hold such, or they do not agree."""
        kept = Kept(table, "the facts")
        scale = kept.split("target_scale", ("mean", "deviation")) if kept.says("target_scale") else None
        facts = cls(
            name=kept.text("name"),
            source=kept.text("source"),
            inputs=tuple(kept.wholes("inputs")),
            task=kept.text("task"),
            classes=kept.whole("classes"),
            outputs=kept.whole("outputs"),
            class_names=kept.texts("class_names"),
            class_counts=kept.wholes("class_counts"),
            columns=kept.texts("columns"),
            target=kept.text("target"),
            target_scale=None if scale is None else (scale.numbers("mean"), scale.numbers("deviation")),
            reason=kept.text("reason"),
            notes=kept.texts("notes"),
            fingerprint=kept.text("fingerprint"),
            tokens=kept.whole("tokens") if kept.says("tokens") else 0,
            steps=kept.whole("steps") if kept.says("steps") else 0,
            white=kept.whole("white") if kept.says("white") else 0,
            padded=kept.says("padded") and kept.truth("padded"),
            source_steps=kept.whole("source_steps") if kept.says("source_steps") else 0,
            target_curve=kept.text("target_curve") if kept.says("target_curve") else "",
            horizon=kept.whole("horizon") if kept.says("horizon") else 0,
            targets=kept.texts("targets") if kept.says("targets") else [],
            time=kept.text("time") if kept.says("time") else "",
        )
        facts._check(kept)
        return facts

    def _check(self, kept: Kept) -> None:
        """Refuses what fits its type and yet cannot be together."""
        if self.task not in TASKS:
            kept.refuse("task", f"one of {', '.join(TASKS)}")
        least, most = {"classes": (1, MOST_OUTPUTS), "binary": (2, 2), "reals": (0, 0)}[self.task]
        if not least <= self.classes <= most:
            kept.refuse("classes", f"what fits {self.task}")
        outputs = {"classes": self.classes, "binary": 1}.get(self.task, self.outputs)
        if self.outputs != outputs or not 1 <= outputs <= MOST_OUTPUTS:
            kept.refuse("outputs", f"what fits {self.task}")
        if len(self.class_names) != self.classes:
            kept.refuse("class_names", f"{self.classes} names")
        if len(self.class_counts) != self.classes:
            kept.refuse("class_counts", f"{self.classes} counts")
        if self.target_curve and (self.target_curve not in CURVES or self.target_scale is None):
            kept.refuse("target_curve", f"one of {', '.join(CURVES)}, and target_scale beside it,")
        self._check_series(kept)
        if self.tokens > MOST_TOKENS + 1 or (self.tokens and len(self.inputs) != 1):
            kept.refuse("tokens", f"at most {MOST_TOKENS:,}, in examples of one axis,")
        if self.steps and (not self.inputs or self.source_steps + self.steps != self.inputs[0]):
            kept.refuse("steps", "0 or as many as an example has places, those of a source not counted,")
        if self.source_steps and not (self.steps and self.tokens and self.padded):
            kept.refuse("source_steps", "0 where there are no padded tokens with a target at each position")
        if self.padded and self.tokens < 2:
            kept.refuse("padded", "true only where there are tokens")
        for values in self.target_scale or ():
            if self.task != "reals" or len(values) != outputs:
                kept.refuse("target_scale", "mean and deviation of each real target")
        if self.target_scale is not None and not (self.target_scale[1] > 0).all():
            kept.refuse("target_scale", "deviations above 0")

    def _check_series(self, kept: Kept) -> None:
        if not self.horizon:
            if self.targets or self.time:
                kept.refuse("horizon", "a number of steps, as the data are a series,")
            return
        if self.task != "reals" or self.outputs != self.horizon * len(self.targets):
            kept.refuse("horizon", "as many steps as there are outputs for each target")
        if len(self.inputs) != 2 or len(self.columns) != self.inputs[1]:
            kept.refuse("inputs", "steps of a window, and its columns,")
        if not set(self.targets) <= set(self.columns):
            kept.refuse("targets", "some of the columns")
        if self.horizon * sum(map(len, self.targets)) > MOST_LETTERS:  # each name is said once for each step
            kept.refuse("horizon", f"names of at most {MOST_LETTERS:,} letters together")


@dataclass(frozen=True, eq=False)
class Part:
    """Examples of one purpose.

    inputs: float32 (n, *shape), C-contiguous; int32 (n, T) for tokens.
        Of a pair the source, its end, padding up to source_steps; then a start, the target one behind, padding.
    targets: int32 (n) for classes, or (n, steps), -1 where there is none; float32 (n, 1) of 0 and 1 for binary;
        float32 (n, outputs), standardised, for reals.
    A corpus keeps one row of tokens: inputs and targets are read-only views of it.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, eq=False)
class Bound:
    """A set, split and scaled. scaler does to new rows what was done to these: the vocabulary, where they are text.

    baselines: of a series.
    """

    facts: Facts
    train: Part
    validation: Part | None
    test: Part | None
    scaler: Scaler
    baselines: tuple[Baseline, ...] = ()

    def prepare(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """New examples (n, *raw shape) as the network wants them: float32 (n, *shape)."""
        assert isinstance(self.scaler, Prepare)
        return self.scaler(rows)

    def scaler_table(self) -> dict[str, Any]:
        """The scaler as plain values for `Prepare.from_table`."""
        return self.scaler.as_table()
