"""A network's errors on a series beside those of simple methods, the best first, and in plain words who is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuinet import figures
from tuinet.cells import wrap
from tuinet.cli.output import Terminal
from tuinet.cli.table import Cell, Column, table
from tuinet.safe_text import safe

PARTS = {"test": "test part", "val": "validation part"}
NETWORK = "the network"
MOST_ROWS = 20
ERRORS = ("rmse", "mae")


def baseline_lines(found: object, terminal: Terminal) -> list[str]:
    """Lines for what stands under `baselines` in an event or in run.json; nothing where it is not of its form."""
    if not isinstance(found, Mapping) or not isinstance(found.get("others"), list):
        return []
    own = _errors(found.get("network"))
    others = {str(other.get("name")): _errors(other) for other in found["others"][:MOST_ROWS] if _is_row(other)}
    if own is None or not others:
        return []
    ranked = sorted([(NETWORK, own), *((name, error) for name, error in others.items() if error)], key=_rmse)
    rows: list[list[str | Cell]] = [
        [Cell(name, ("bold",) if name == NETWORK else ()), *(figures.number(errors[key]) for key in ERRORS)]
        for name, errors in ranked
    ]
    columns = (Column(_title(found), need=9, least=12), *(Column(key, right=True, need=8) for key in ERRORS))
    lines = ["", *table(columns, rows, terminal)]
    text, kind = _judged(ranked, own)
    return [*lines, *(terminal.paint(line, kind) for line in wrap(text, terminal.prose_width))]


def _judged(ranked: list[tuple[str, dict[str, float]]], own: dict[str, float]) -> tuple[str, str]:
    """Whether the network is better than the best of the others, and by how much."""
    name, best = next((name, errors) for name, errors in ranked if name != NETWORK)
    name, most = safe(name, 60), best["rmse"]
    if not math.isfinite(own["rmse"]):
        return f"The network gives no number here; {name} does, and learns nothing.", "warn"
    share = f" by {abs(own['rmse'] / most - 1):.1%}" if most > 0 else ""
    if own["rmse"] > most:
        return f"The network is worse than {name}{share}: {name} is simpler, and better here.", "warn"
    if own["rmse"] == most:
        return f"The network is no better than {name}.", "warn"
    return f"The network is better than {name}, the best of the simple methods,{share}.", "good"


def _title(found: Mapping[str, Any]) -> str:
    return PARTS.get(str(found.get("part")), "")


def _is_row(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str) and _errors(value) is not None


def _errors(value: object) -> dict[str, float] | None:
    """rmse and mae; numbers that JSON has not are words in a file."""
    if not isinstance(value, Mapping):
        return None
    found: dict[str, float] = {}
    for name in ERRORS:
        number = value.get(name)
        if isinstance(number, str) and number in ("nan", "inf", "-inf"):
            number = float(number)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            return None
        found[name] = float(number)
    return found


def _rmse(pair: tuple[str, dict[str, float]]) -> float:
    value = pair[1]["rmse"]
    return value if math.isfinite(value) else math.inf
