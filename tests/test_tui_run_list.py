"""The list of runs that the screens read over and over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers import act, clouds, train
from tuinet.runs.listing import size_on_disk
from tuinet.tui.run_list import RunList


def test_a_run_is_measured_again_when_its_state_is_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    folder = train(home / "runs", clouds(2)).run
    known = RunList(home / "runs", clock=lambda: 0.0)
    before = known.read()[0].bytes
    (folder.path / "notes.txt").write_bytes(bytes(5_000))
    assert known.read()[0].bytes == before, "of a run that has ended nothing is measured again"
    with folder.lock():
        folder.write_info(state="stopped")
    assert known.read()[0].bytes == size_on_disk(folder.path) > before + 4_000
