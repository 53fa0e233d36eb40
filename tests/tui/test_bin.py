"""Runs that are deleted, as long as that can be undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuinet.errors import RunLocked, TuinetError
from tuinet.runs import RunFolder, remove_forgotten
from tuinet.tui.bin import Bin


def test_the_bin_removes_a_run_when_the_time_is_over(runs: Path) -> None:
    now = [0.0]
    waste = Bin(lambda: now[0])
    waste.throw(RunFolder(runs / "spiral-1a2b"))
    now[0] = 10.0
    waste.throw(RunFolder(runs / "overfit-1a2c"))
    now[0] = 30.0
    waste.sweep()
    assert len(waste) == 1 and len(list(runs.iterdir())) == 2
    assert waste.undo() is not None and waste.undo() is None
    assert (runs / "overfit-1a2c").exists() and len(waste) == 0


def test_the_bin_refuses_a_run_that_is_being_trained(runs: Path) -> None:
    run, waste = RunFolder(runs / "spiral-1a2b"), Bin()
    with run.lock(), pytest.raises(RunLocked):
        waste.throw(RunFolder(run.path))
    assert run.path.exists() and len(waste) == 0


def test_a_run_does_not_come_back_over_another_one(runs: Path) -> None:
    waste, run = Bin(), RunFolder(runs / "spiral-1a2b")
    waste.throw(run)
    run.path.mkdir()
    with pytest.raises(TuinetError, match="could not be brought back"):
        waste.undo()
    run.path.rmdir()
    assert waste.undo() is run and run.state() == "finished"


def test_what_a_killed_application_had_set_aside_goes_with_a_later_one(runs: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead = int(gone.stdout)
    for pid, name in ((dead, "spiral-1a2b"), (os.getpid(), "overfit-1a2c")):
        (runs / name).rename(runs / f".tmp-{pid}-{name}")
    (runs / f".tmp-{dead}-").mkdir()
    assert remove_forgotten(runs) == 0
    assert remove_forgotten(runs, older_than=-1.0) == 1
    assert sorted(path.name for path in runs.iterdir()) == sorted(
        [f".tmp-{dead}-", f".tmp-{os.getpid()}-overfit-1a2c", "letters-1a2d"]
    )
