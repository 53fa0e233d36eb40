"""What the screens beside the workbench are shown in tests: presets, layers and data that were made for it."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from tuinet.presets import Headline
from tuinet.tui.screens.data import Data
from tuinet.tui.screens.log import Log
from tuinet.tui.screens.presets import Presets
from tuinet.tui.screens.runs import Runs
from tuinet.tui.screens.welcome import Welcome

Play = Pilot[Any]
SCREENS = {"welcome": Welcome, "presets": Presets, "runs": Runs, "data": Data, "log": Log}


LAYERS = [
    {"row": "network", "preset": "spiral", "parameters": 1185, "multiply_adds": 1120, "memory_bytes": 81_000},
    {"row": "layer", "path": "hidden", "type": "dense", "output_shape": [32], "parameters": 96, "multiply_adds": 64,
     "memory_bytes": 1664},
    {"row": "layer", "path": "out", "type": "dense", "output_shape": [1], "parameters": 33, "multiply_adds": 32,
     "memory_bytes": 172},
]  # fmt: skip
HEADLINES = [
    Headline("spam-neuron", "One neuron", "A weighted sum and a threshold.", (), "spambase", 1, (), ""),
    Headline("spiral", "Two spirals", "Two arms that need several layers.", ("--epochs 30",), "spiral", 3, (), ""),
    Headline("rate", "Three rates", "Too small, right, too large.", (), "digits", 2, ("small", "right", "large"), ""),
]  # fmt: skip


def bound(**changes: Any) -> dict[str, Any]:
    """The first row of `tuinet data show`."""
    return {
        "set": "digits", "source": "embedded", "task": "classes", "inputs": [2, 4, 1], "outputs": 3, "columns": [],
        "classes": {"cat": 30, "dog": 60, "owl": 10}, "train": 100, "validation": 20, "test": 0,
        "notes": ["3 of the 20 validation examples also stand among the training examples"], **changes,
    }  # fmt: skip


def example(number: int, version: int = 0, **changes: Any) -> dict[str, Any]:
    values = [[[0.0], [0.5], [1.0], [0.0]], [[1.0], [1.0], [0.0], [0.0]]]
    return {"row": "example", "number": number, "version": version, "label": "cat", "values": values, **changes}


async def answer(pilot: Play, words: str) -> None:
    """Writes an answer into the line that is open, and presses enter."""
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = words
    await pilot.press("enter")
    await pilot.pause()
