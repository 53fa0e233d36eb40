"""Runs, presets and data sets for the screens beside the workbench, and nothing that differs from day to day."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import make_run
from tests.tui.scenes import HEADLINES, LAYERS, bound, example
from tuinet.errors import TuinetError


@pytest.fixture(autouse=True)
def still(home: Path, own_config: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of runs, the time since they were made, and the user's own runs and settings stand still."""
    numbers = itertools.count(0x1A2B)
    monkeypatch.setattr("secrets.token_hex", lambda size: f"{next(numbers):04x}")
    for module in ("runs", "welcome"):
        monkeypatch.setattr(f"tuinet.tui.screens.{module}.seconds_since", lambda then: 600.0)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def runs(home: Path) -> Path:
    """Three runs: a good one, one that has learnt by heart, one that failed."""
    folder = home / "runs"
    make_run(folder, "spiral", best=12)
    make_run(folder, "overfit", best=3, verdict="overfitting", best_epoch=3)
    make_run(folder, "letters", state="failed", verdict=None, error="no room on the disk")
    return folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Three presets, and an answer for whoever asks for their layers; the words that were asked."""
    words: list[tuple[str, ...]] = []

    async def answer(*given: str) -> list[dict[str, Any]]:
        words.append(given)
        return LAYERS

    monkeypatch.setattr("tuinet.tui.screens.presets.library.headlines", lambda: HEADLINES)
    monkeypatch.setattr("tuinet.tui.screens.presets.all_of", answer)
    return words


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers to `data show`: `rows` or an `error`; the words that were `asked`."""
    said: dict[str, Any] = {"rows": [bound(), *(example(n) for n in (1, 2, 3))], "asked": [], "error": ""}

    async def answer(*words: str) -> list[dict[str, Any]]:
        said["asked"].append(words)
        if said["error"]:
            raise TuinetError(said["error"])
        found: list[dict[str, Any]] = said["rows"]
        return found

    monkeypatch.setattr("tuinet.tui.screens.data.all_of", answer)
    return said
