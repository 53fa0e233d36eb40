"""A goal: what `--until` asks for, such as `val_accuracy>=0.9`. Training stops when it is met."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuinet.errors import UsageError, nearest
from tuinet.safe_text import safe

KINDS = ("loss", "accuracy", "top5", "rmse", "mae", "perplexity", "bits_per_char")
METRICS = (*(f"{part}_{name}" for part in ("train", "val") for name in KINDS), "val_exact_match", "val_cer")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"\s*([A-Za-z_0-9]+)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Goal:
    """`metric` `comparison` `threshold`, looked at after every evaluation."""

    metric: str
    comparison: str
    threshold: float

    def met(self, metrics: Mapping[str, float]) -> bool:
        """False for a metric that is not there and for one that is not a number."""
        value = metrics.get(self.metric)
        return value is not None and COMPARISONS[self.comparison](value, self.threshold)

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.threshold:g}"


def parse(text: str, place: str = "--until") -> Goal | None:
    """The goal that `text` says, None for an empty one. Raises UsageError with its place and the form that is right."""
    if not text.strip():
        return None
    form = _FORM.fullmatch(text[:200])
    if form is None:
        raise UsageError(
            f'{place}: "{safe(text, 60)}" is not a comparison; right is a metric, one of {" ".join(COMPARISONS)}, '
            'and a number, as in "val_accuracy>=0.9"'
        )
    metric, comparison, number = form.groups()
    if metric not in METRICS:
        raise UsageError(f'{place}: no metric is called "{metric}"{nearest(metric, METRICS)} ({", ".join(METRICS)})')
    try:
        threshold = float(number)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise UsageError(f'{place}: "{safe(number, 60)}" is not a number, as in "{metric}{comparison}0.9"')
    return Goal(metric, comparison, threshold)
