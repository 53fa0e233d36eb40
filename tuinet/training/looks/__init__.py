"""What a client can look at: small, checked questions about a training or a finished run, answered in NumPy.

    answer(source, {"look": "heatmap", "slot": "hidden.W", "rows": 28, "columns": 40})
        → Look(fields={"shape": [784, 128], "limit": 0.2, ...}, body=b"...")

    base.py      what a look is, and what it is taken of
    sources.py   a training that goes on; the folder of a run
    weights.py   parameters, heatmap, tiles, histogram, cell
    plane.py     decision surface of data with two inputs
    fit.py       confusion, worst examples, norms of weights, health of layers

A look is a class with its request as settings (tuinet/fields.py) and a method `take`. All reductions happen here, where
the numbers are: what is sent is as large as what is drawn. Nothing here loads the engine or Textual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuinet.errors import PresetError, nearest
from tuinet.fields import build, shown
from tuinet.training.looks.base import Look, NotThere, Slot, Source, Takes
from tuinet.training.looks.fit import Confusion, LayerHealth, Norms, Worst
from tuinet.training.looks.plane import Plane
from tuinet.training.looks.sources import FolderSource, LiveSource
from tuinet.training.looks.weights import Cell, Heatmap, Histogram, Parameters, Tiles

LOOKS: dict[str, type] = {
    "parameters": Parameters,
    "heatmap": Heatmap,
    "tiles": Tiles,
    "histogram": Histogram,
    "cell": Cell,
    "plane": Plane,
    "confusion": Confusion,
    "worst": Worst,
    "norms": Norms,
    "health": LayerHealth,
}

__all__ = ["LOOKS", "FolderSource", "LiveSource", "Look", "NotThere", "Slot", "Source", "answer"]


def answer(source: Source, request: Mapping[str, Any]) -> Look:
    """The look that was asked for. TuinetError is a sentence that says why it cannot be had."""
    name = request.get("look")
    if not isinstance(name, str) or name not in LOOKS:
        hint = nearest(name, LOOKS) if isinstance(name, str) else ""
        raise PresetError(f"{shown(name)} is nothing that can be looked at{hint or ';'} known: {', '.join(LOOKS)}")
    settings = {key: value for key, value in request.items() if key != "look" and value is not None}
    wanted: Takes = build(LOOKS[name], settings, name)
    return wanted.take(source)
