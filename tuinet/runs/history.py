"""What a run recorded, read back: its epochs as rows and as points of a curve."""

from __future__ import annotations

from typing import Any

from tuinet.runs import RunFolder


def epochs(run: RunFolder) -> tuple[list[dict[str, Any]], int]:
    """One row an epoch, with the keys of the event `epoch`, and the number of damaged records that were passed over."""
    records, damaged = run.metrics().read(("epoch",))
    return [_row(record) for record in records], damaged


def points(run: RunFolder, metric: str) -> list[tuple[float, float]]:
    """(epoch, value) of a metric, where it was measured."""
    rows, _ = epochs(run)
    return [(float(row["epoch"]), float(row[metric])) for row in rows if isinstance(row.get(metric), (int, float))]


def _row(record: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in record.items() if key not in ("k", "s", "e", "g", "m", "t")}
    return {"epoch": record["e"], "step": record["s"], "seconds": record["m"], **fields}
