"""The wall clock as a label for people. It may step back a year: nothing is ordered, timed or decided by it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def label() -> str:
    """Now, as 2026-11-23T22:11:05Z; a clock that says nothing usable gives 1970."""
    try:
        return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"


def seconds_since(then: str) -> float | None:
    """How long ago a label was, by the wall clock of now; None where it is no label or the clock says nothing."""
    try:
        made = datetime.strptime(then, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        passed = time.time() - made
    except (ValueError, OverflowError):
        return None
    return passed if passed == passed else None
