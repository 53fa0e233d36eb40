"""Which runs are meant and in which order they stand: filters and sorting, of `tuinet runs` and of the screen of runs.

A filter is a word, looked for in id, title, state and verdict; or KEY=VALUE, with = != < <= > >=. A key without a dot
is a column (docs/formats.md), one with dots a setting of the run's preset.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from tuinet.diagnostics.metrics import rises
from tuinet.errors import RunError, UsageError, nearest
from tuinet.runs.folder import RunFolder
from tuinet.runs.listing import RunSummary
from tuinet.safe_text import safe

SORTS = ("created", "best", "epoch", "preset", "run", "seconds", "size", "state")
COMPARISON = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\s*(>=|<=|!=|=|>|<)\s*(.*)")
NUMBERS = ("epoch", "epochs", "step", "seconds", "best", "best_epoch", "bytes")


def matches(run: RunSummary, text: str) -> bool:
    """Whether the run has the word, or its key compares as the text says."""
    form = COMPARISON.fullmatch(text.strip())
    if form is None:
        word = text.strip().lower()
        return any(word in str(part).lower() for part in (run.run, run.title, run.state, run.verdict))
    key, comparison, wanted = form.groups()
    return compares(_value_of(run, key), comparison, wanted)


def check_filter(text: str) -> None:
    """UsageError for a key that no run has, or a number that is none, whether there are runs or not."""
    known = RunSummary("", "").row()
    form = COMPARISON.fullmatch(text.strip())
    if form is None:
        return
    if form[1] not in known and "." not in form[1]:
        close = nearest(form[1], known) or "; there are " + ", ".join(known)
        raise UsageError(f'runs have no "{safe(form[1], 60)}"{close}')
    if form[1] in NUMBERS and not _is_number(form[3]):
        raise UsageError(f'{form[1]} is a number, and "{safe(form[3], 40)}" is none')


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def compares(value: Any, comparison: str, wanted: str) -> bool:
    """Numbers as numbers, all else as text without regard to case. What is not there fits only `!=`."""
    if value is None:
        return comparison == "!="
    left: Any
    right: Any
    try:
        left, right = float(value), float(wanted)
    except (TypeError, ValueError):
        left, right = str(value).lower(), wanted.lower()
    answers: dict[str, Callable[[], bool]] = {
        "=": lambda: bool(left == right),
        "!=": lambda: bool(left != right),
        "<": lambda: bool(left < right),
        "<=": lambda: bool(left <= right),
        ">": lambda: bool(left > right),
        ">=": lambda: bool(left >= right),
    }
    return answers[comparison]()


def _value_of(run: RunSummary, key: str) -> Any:
    """A column of the table, or a setting of the run's preset where the key has a dot."""
    if "." in key:
        from tuinet.runs.flat import flat_settings

        try:
            return flat_settings(RunFolder(run.folder)).get(key)
        except RunError:  # a damaged run has no settings; it is listed all the same
            return None
    return run.row().get(key)


def sorted_runs(found: Sequence[RunSummary], sort: str, reverse: bool = False) -> list[RunSummary]:
    """Newest, best, longest, largest first; words in their own order. Runs without the value come last."""

    def key(run: RunSummary) -> Any:
        if sort == "best" and run.best is not None:
            return -run.best if rises(str(run.monitor)) else run.best
        if sort == "created":
            return (run.sequence, run.created, run.run)
        return run.bytes if sort == "size" else getattr(run, sort)

    falling = sort in ("created", "epoch", "seconds", "size")
    known = [run for run in found if key(run) is not None]
    unknown = [run for run in found if key(run) is None]
    return sorted(known, key=key, reverse=falling != reverse) + unknown
