"""The hardware lesson on the stand-in: both halves are measured, and what a GPU launches is counted."""

from __future__ import annotations

import pytest

from tests.cli_scenes import rows, tuinet
from tests.cuda.stand_in import StandIn
from tuinet.engine import hardware
from tuinet.engine.hardware import timed


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step is a timing here: the emulator takes its time for each."""
    monkeypatch.setattr(hardware, "SECONDS", 0.0)
    monkeypatch.setattr(hardware, "TIMES", 1)
    monkeypatch.setattr("tuinet.engine.cuda.machine.MOST", 1)  # nor more steps at once, where a machine is fast


def test_a_step_is_timed_with_the_kernels_that_it_launches(gpu: StandIn) -> None:
    found = timed(4, "cuda:0", batch=8)
    assert found.microseconds > 0 and found.on_gpu
    assert sum(gpu.launches.values()) == 2 * found.kernels  # one step that is not timed, and one that is
    assert found.multiply_adds == timed(4, "cpu", batch=8, threads=1).multiply_adds


def test_both_halves_stand_beside_each_other(gpu: StandIn) -> None:
    words = ("--device", "cuda:0", "--widths", "8,4", "--batch", "8", "--threads", "1", "--json")
    printed = tuinet("bench", "--hardware", *words)
    assert printed.exit_code == 0, printed.output
    assert "cuda:0 µs/step" in printed.stderr and "× as fast" in printed.stderr
    *widths, end = rows(printed.stdout)
    assert [(row["width"], row["device"]) for row in widths] == [
        (4, "cpu"), (4, "cuda:0"), (8, "cpu"), (8, "cuda:0"),
    ]  # fmt: skip
    assert widths[1]["gpu"] and widths[1]["kernels"] > 0 and widths[0]["gpu"] is None
    assert f"a step is {widths[1]['kernels']} kernels" in end["sentence"] and end["no_gpu"] is None
    assert " ".join(end["sentence"].split()) in " ".join(printed.stderr.split())
