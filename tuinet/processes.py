"""Other processes of tuinet: what they are started with, and how many are worth it."""

from __future__ import annotations

import os
from pathlib import Path

import tuinet


def cores() -> int:
    """The processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def environment() -> dict[str, str]:
    """Another process must import the same tuinet, and nothing from the folder it is started in (hence -P, too)."""
    home = str(Path(tuinet.__file__).resolve().parent.parent)
    before = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([home, *(path for path in before if path != home)])}
