"""What two runs have different: settings and measured values, for `tuinet compare` and the screen of runs."""

from __future__ import annotations

from typing import Any

from tuinet.diagnostics.metrics import better
from tuinet.runs.flat import differences, flat_settings
from tuinet.runs.folder import RunFolder

SILENT = ("title", "teaches", "tries")
LABELS = ("device", "gpu", "threads")


def changed_settings(a: RunFolder, b: RunFolder) -> list[tuple[str, Any, Any]]:
    """The keys of the two presets that differ, then device, GPU and threads where they do."""
    rows = differences(flat_settings(a), flat_settings(b))
    left, right = a.info(), b.info()
    rows += [(key, left.get(key), right.get(key)) for key in LABELS if left.get(key) != right.get(key)]
    return [row for row in rows if row[0] not in SILENT]


def gathered(changed: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    """For people: a layer that only one run has is one row, not one for each of its settings."""
    types = {key.removesuffix("type"): (left, right) for key, left, right in changed if key.endswith(".type")}
    lone = [start for start, sides in types.items() if start.startswith("layers.") and None in sides]
    rows = []
    for key, left, right in changed:
        start = next((start for start in lone if key.startswith(start)), None)
        if start is None:
            rows.append((key, left, right))
        elif key == f"{start}type" and not any(start != other and start.startswith(other) for other in lone):
            rows.append((start.rstrip("."), left, right))
    return rows


def metrics_of(a: RunFolder, b: RunFolder) -> list[tuple[str, Any, Any, str | None]]:
    """Rows of metric, its value in both runs, and which is better: last and best values, test part, work and time."""
    left, right = _figures(a.info()), _figures(b.info())
    names = [*left, *(name for name in right if name not in left)]
    return [(name, left.get(name), right.get(name), better(name, left.get(name), right.get(name))) for name in names]


def _figures(info: dict[str, Any]) -> dict[str, Any]:
    figures = {name: value for name, value in (info.get("final") or {}).items() if name.startswith(("train_", "val_"))}
    if info.get("best") is not None:
        figures[f"best_{info.get('monitor')}"] = info["best"]
    figures["best_epoch"] = info.get("best_epoch")
    figures |= dict(info.get("test") or {})
    figures |= {name: info.get(name) for name in ("epoch", "step", "seconds", "parameters")}
    return {name: value for name, value in figures.items() if value is not None}
