"""The hardware lesson on the stand-in: both halves are measured, and what a GPU launches is counted."""

from __future__ import annotations

from typing import Any

from tests.cli_scenes import rows, tuinet
from tests.cuda.stand_in import StandIn
from tuinet.engine.hardware import timed


def test_a_step_is_timed_with_the_kernels_that_it_launches(gpu: StandIn) -> None:
    found = timed(4, "cuda:0", batch=8, seconds=0.0)
    steps = max(gpu.launches.values())  # of the kernel that is launched most often: several times a step
    assert found.microseconds > 0 and found.on_gpu
    assert sum(gpu.launches.values()) % found.kernels == 0 and steps >= 4
    assert found.multiply_adds == timed(4, "cpu", batch=8, seconds=0.0, threads=1).multiply_adds


def test_both_halves_stand_beside_each_other(gpu: StandIn, monkeypatch: Any) -> None:
    monkeypatch.setattr("tuinet.engine.hardware.SECONDS", 0.0)
    words = ("bench", "--hardware", "--device", "cuda:0", "--widths", "4,8", "--batch", "8", "--threads", "1")
    printed = tuinet(*words)
    assert printed.exit_code == 0, printed.output
    assert "cuda:0 µs/step" in printed.stdout and "× as fast" in printed.stdout and "kernels" in printed.stdout
    *widths, end = rows(tuinet(*words, "--json").stdout)
    assert [(row["width"], row["device"]) for row in widths] == [
        (4, "cpu"), (4, "cuda:0"), (8, "cpu"), (8, "cuda:0"),
    ]  # fmt: skip
    assert widths[1]["gpu"] and widths[1]["kernels"] > 0 and widths[0]["gpu"] is None
    assert end["sentence"] and end["no_gpu"] is None
