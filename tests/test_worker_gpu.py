"""What a GPU says of itself reaches those who watch a training, and costs the training nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli_scenes import HOSTILE, PAYLOAD, make_run, start_event, tuinet
from tests.test_cli_printer import printed
from tests.test_worker_socket import attached
from tests.workers import act, clouds, train, training, wait_for
from tuinet import figures
from tuinet.engine.cuda.nvml import Figures
from tuinet.training.gpu_watch import EVERY, GpuWatch

TOLD = {
    "utilisation": 87.0, "memory_used": 12_100_000_000, "memory_total": 80_000_000_000, "temperature": 54.0,
    "power": 310.2, "power_limit": 700.0,
}  # fmt: skip


# -- who is told -----------------------------------------------------------------------------------------------------


def test_a_client_is_told_what_the_gpu_says_again_and_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch, device="cuda:0") as session, attached(session) as client:
        told = []
        began = time.monotonic()
        for event in client.events():
            told += [event] if event["event"] == "gpu" else []
            if len(told) == 3:
                break
        assert time.monotonic() - began >= 2 * EVERY
        first = told[0]["utilisation"]
        assert [event["utilisation"] for event in told] == [first, first + 1, first + 2]
        wanted = {"event": "gpu", **TOLD, "power": None, "utilisation": first}
        assert told[0] == wanted
        with attached(session) as late:
            assert (late.hello["start"]["device"], late.hello["start"]["gpu"]) == ("cuda:0", "NVIDIA H100")


def test_a_printer_is_told_too_and_the_end_comes_last(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.02)
    told = train(home / "runs", clouds(8), device="cuda:1")
    assert told.all("gpu") and told.end["event"] == "end" and told.code == 0


def test_on_the_processor_nobody_is_told_of_a_gpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.02)
    told = train(home / "runs", clouds(8), device="cpu")
    assert not told.all("gpu")
    assert told.run.info()["gpu"] is None and told.all("start")[0]["gpu"] is None


def test_a_driver_that_does_not_answer_holds_nobody_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, step_seconds=0.02, figures_seconds=3600.0)
    told = train(home / "runs", clouds(8), device="cuda:0")
    assert told.code == 0 and told.end["state"] == "finished" and not told.all("gpu")


def watched(wanted: bool, said: Figures) -> tuple[int, int]:
    """How often a GPU is asked, and how often somebody is told, in the time of some looks."""
    asked, told, looked = 0, 0, threading.Semaphore(0)

    def is_wanted() -> bool:
        looked.release()
        return wanted

    def read() -> Figures:
        nonlocal asked
        asked += 1
        return said

    def tell(fields: Any) -> None:
        nonlocal told
        told += 1

    watch = GpuWatch(read, tell, is_wanted, every=0.001)
    watch.start()
    for _ in range(5):
        assert looked.acquire(timeout=20.0)
    watch.close()
    return asked, told


def test_a_gpu_is_asked_only_while_somebody_watches() -> None:
    assert watched(False, Figures(87.0)) == (0, 0)
    asked, told = watched(True, Figures(87.0))
    assert asked >= 4 and told >= 4


def test_a_card_that_tells_nothing_is_not_told_of() -> None:
    asked, told = watched(True, Figures())
    assert asked >= 4 and told == 0


# -- how it is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (TOLD, (" 87 %", "12.1/80.0 GB", "54 °C", "310/700 W")),
        ({**TOLD, "utilisation": 100, "memory_used": 1_000_000}, ("100 %", " 0.0/80.0 GB", "54 °C", "310/700 W")),
        ({**TOLD, "power": None, "temperature": None}, (" 87 %", "12.1/80.0 GB", " – °C", "  –/700 W")),
        ({}, ("  – %", "–/– GB", " – °C", "  –/– W")),
        ({"utilisation": "x\x1b[2J", "memory_used": True}, ("  – %", "–/– GB", " – °C", "  –/– W")),
        ({"utilisation": 1e300, "power": float("nan")}, ("  – %", "–/– GB", " – °C", "  –/– W")),
    ],
)  # fmt: skip
def test_what_a_card_tells_is_written_in_a_width_that_stays(said: dict[str, Any], wanted: tuple[str, ...]) -> None:
    assert figures.busy(said) == wanted


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        (("cuda:0", "NVIDIA H100", 1), "cuda:0 (NVIDIA H100)"),
        (("cuda:0", None, 1), "cuda:0"),
        (("cpu", None, 2), "cpu, 2 threads"),
        (("cpu", None, None), "cpu"),
        ((None, None, None), ""),
    ],
)
def test_a_device_is_named_with_its_gpu_or_its_threads(device: tuple[Any, Any, Any], wanted: str) -> None:
    assert figures.device(*device) == wanted


def test_a_run_keeps_the_name_of_its_gpu_and_is_shown_with_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch)
    told = train(home / "runs", clouds(1), device="cuda:0")
    assert told.run.info()["gpu"] == "NVIDIA H100"
    assert [record["gpu"] for record in told.run.events().read({"started"})[0]] == ["NVIDIA H100"]
    for words in (("show", told.run.id), ("watch", told.run.id)):
        assert "cuda:0 (NVIDIA H100)" in tuinet(*words).stdout, words


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_gpus_name_commands_no_terminal(payload: str, home: Path) -> None:
    run = make_run(home / "runs", device="cuda:0", gpu=payload.encode("utf-8", "replace").decode())
    shown = tuinet("show", run.id).stdout
    assert "cuda:0 (" in shown and not set(shown) & PAYLOAD


def test_while_it_trains_the_bar_says_how_busy_the_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = {"event": "progress", "step": 100, "epoch": 0.5, "samples_per_s": 54_000.0, "seconds": 1.0}
    start = start_event(device="cuda:0", gpu="NVIDIA H100")
    out, err = printed([start, {"event": "gpu", **TOLD}, progress], monkeypatch, terminal=True, width=120)
    assert "cuda:0 (NVIDIA H100)" in out
    assert "310/700 W  54 °C  12.1/80.0 GB  87 %  54,000 samples/s" in err
    assert "87 %" not in printed([start, progress], monkeypatch, terminal=True, width=120)[1]
    for width, words in ((40, ""), (60, "12.1/80.0 GB  87 %"), (80, "310/700 W  54 °C  12.1/80.0 GB  87 %")):
        _, err = printed([start, {"event": "gpu", **TOLD}, progress], monkeypatch, terminal=True, width=width)
        assert words in err and ("%" in err) == bool(words)  # what matters least leaves first


# -- what it will take -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("free", "warned"), [(78_300_000_000, False), (1_229_999_999, True)])
def test_before_the_start_it_is_told_what_is_needed_of_the_gpus_memory(
    free: int, warned: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act(monkeypatch, device_memory=(1_230_000_000, free))
    told = train(home / "runs", clouds(1), device="cuda:0")
    (begin,) = told.all("start")
    assert begin["device_memory"] == {"needed": 1_230_000_000, "free": free}
    warnings = [event["message"] for event in told.all("warning")]
    assert any("needs 1.23 GB: a smaller batch_size" in message for message in warnings) == warned
    out, _ = printed([begin], monkeypatch)
    assert "needs 1.23 GB of the GPU's memory, " in out
    assert train(home / "runs", clouds(1), device="cpu").all("start")[0]["device_memory"] is None


def test_the_watch_has_a_thread_of_its_own_that_ends_with_the_process() -> None:
    watch = GpuWatch(Figures, lambda fields: None, lambda: True, every=0.001)
    watch.start()
    (thread,) = [one for one in threading.enumerate() if one.name == "gpu watch"][-1:]
    assert thread.daemon
    watch.close()
    wait_for(lambda: not thread.is_alive())
