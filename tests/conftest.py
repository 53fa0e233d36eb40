"""A private home, cache and kernel folder for every test session, so that nothing of the user's is touched."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tuinet.training.session import Session

# Before any test imports the engine: the kernels are compiled once a session, into a folder of its own
# (or into the one that CI keeps between its steps).
SESSION = tempfile.TemporaryDirectory(prefix="tuinet-tests-")
os.environ["TUINET_HOME"] = str(Path(SESSION.name) / "home")
os.environ.setdefault("TUINET_DATA", str(Path(SESSION.name) / "data"))
os.environ["NO_COLOR"] = "1"
for said in ("COLUMNS", "LINES"):  # by a user's shell, or by what spreads the tests over processes
    os.environ.pop(said, None)

# What is started in the background ignores Ctrl-C, and so would all that the tests start and send signals to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for unheard in (signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(unheard) is signal.SIG_IGN:
        signal.signal(unheard, signal.SIG_DFL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty $TUINET_HOME of its own."""
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"


@pytest.fixture
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the user's: no theme, no keys."""
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def trained(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A training that goes on, and has told of its first epochs."""
    from tests.workers import training, wait_for

    with training(home / "runs", monkeypatch) as session:
        wait_for(lambda: len(session.folder.metrics().read({"epoch"})[0]) > 1)
        yield session
