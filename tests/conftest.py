"""A private home, cache and kernel folder for every test session, so that nothing of the user's is touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any test imports the engine: the kernels are compiled once a session, into a folder of its own
# (or into the one that CI keeps between its steps).
SESSION = tempfile.TemporaryDirectory(prefix="tuinet-tests-")
os.environ["TUINET_HOME"] = str(Path(SESSION.name) / "home")
os.environ.setdefault("TUINET_DATA", str(Path(SESSION.name) / "data"))
os.environ["NO_COLOR"] = "1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty $TUINET_HOME of its own."""
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
