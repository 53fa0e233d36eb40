"""What --device cuda says where no GPU can be used: one sentence each, exit code 1, and a CPU run that never asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cuda import compiled
from tuinet.errors import NoDevice, NoDriver

STUBS = {  # what stands where the driver should: C source, and what is said of it
    "not a driver": ("int nothing;", "the NVIDIA driver is broken"),
    "does not start": ("int cuInit(unsigned f) { return 803; }", "does not start: it answers 803"),
    "no device": ("int cuInit(unsigned f) { return 100; }", "no GPU that it can use"),
    "too old": (
        "int cuInit(unsigned f) { return 0; } int cuDriverGetVersion(int *v) { *v = 11040; return 0; }"
        " int cuDeviceGetCount(int *n) { *n = 1; return 0; }",
        "too old: it knows CUDA 11.4, and tuinet needs one of 12.0 or newer",
    ),
    "none left": (
        "int cuInit(unsigned f) { return 0; } int cuDriverGetVersion(int *v) { *v = 13000; return 0; }"
        " int cuDeviceGetCount(int *n) { *n = 0; return 0; }",
        "no GPU that it can use",
    ),
    "asks for a password": (
        "int cuInit(unsigned f) { return 0; } int cuDriverGetVersion(int *v) { *v = 13000; return 0; }"
        " int cuDeviceGetCount(int *n) { return 46; }",
        "answers 46",
    ),
}


def tuinet(words: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TUINET_HOME": str(home), **more}
    command = [sys.executable, "-m", "tuinet", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def trained(home: Path, device: str, **more: str) -> subprocess.CompletedProcess[str]:
    return tuinet(["run", "spam-neuron", "--epochs", "1", "--device", device], home, **more)


@pytest.fixture(params=STUBS)
def stub(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A folder with something in place of the driver, and what is to be said of it."""
    if compiled.compiler() is None:
        pytest.skip("no C compiler to build a broken driver with")
    source, said = STUBS[request.param]
    (tmp_path / "stub.c").write_text(source)
    made = tmp_path / "libcuda.so.1"
    command = [compiled.compiler(), "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", made, tmp_path / "stub.c"]
    subprocess.run([str(word) for word in command], check=True)
    return tmp_path, said


def test_a_driver_that_is_no_good_is_told_in_one_sentence(stub: tuple[Path, str], tmp_path: Path) -> None:
    folder, said = stub
    done = trained(tmp_path, "cuda", LD_LIBRARY_PATH=str(folder))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("tuinet: --device cuda: ") and said in last
    assert last.endswith("; --device cpu trains on the processor")
    assert not (tmp_path / "runs").exists()  # nothing was started, so nothing is kept


def test_without_a_driver_it_is_told_and_auto_trains_on_the_processor_without_a_word(tmp_path: Path) -> None:
    done = trained(tmp_path, "cuda")
    if "cannot be used" in done.stderr or done.returncode == 0:
        pytest.skip("this machine has a driver")
    assert done.returncode == 1
    assert "there is no NVIDIA driver on this machine" in done.stderr
    done = trained(tmp_path, "auto")
    assert done.returncode == 0 and "NVIDIA" not in done.stdout + done.stderr


def test_auto_says_why_it_does_not_train_on_the_gpu_of_a_machine_that_has_one(tmp_path: Path) -> None:
    if compiled.compiler() is None:
        pytest.skip("no C compiler to build a broken driver with")
    (tmp_path / "stub.c").write_text(STUBS["too old"][0])
    made = tmp_path / "libcuda.so.1"
    subprocess.run(
        [str(compiled.compiler()), "-shared", "-fPIC", "-o", str(made), str(tmp_path / "stub.c")], check=True
    )
    done = trained(tmp_path, "auto", LD_LIBRARY_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "it trains on the processor: the NVIDIA driver is too old" in " ".join((done.stdout + done.stderr).split())


def test_packages_that_are_missing_are_told_with_the_command_that_brings_them(
    gpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuinet.engine.cuda import devices

    monkeypatch.setattr(devices, "PACKAGES", ("numba_cuda", "tuinet_has_no_such_part"))
    with pytest.raises(NoDevice, match=r"tuinet-has-no-such-part is not installed: pip install 'tuinet\[cuda13\]'"):
        devices.choose()


def test_a_gpu_that_gives_wrong_answers_is_not_believed_in(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuinet.engine.cuda import devices, machine

    monkeypatch.setattr(machine, "probe", lambda gpu: False)
    with pytest.raises(NoDevice, match=r"cuda:0 .* gives wrong answers"):
        devices.choose()


def test_whatever_fails_while_a_gpu_is_tried_is_told_in_one_line(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuinet.engine.cuda import devices, machine

    def broken(gpu: Any) -> bool:
        raise RuntimeError('Failure finding "libnvrtc.so.13"\x1b[2J\nand more')

    monkeypatch.setattr(machine, "probe", broken)
    with pytest.raises(NoDevice) as told:
        devices.choose()
    assert 'cannot be used: RuntimeError: Failure finding "libnvrtc.so.13"' in str(told.value)
    assert "\x1b" not in str(told.value) and "\n" not in str(told.value)


def test_a_gpu_is_found_described_and_believed_in(gpu: Any) -> None:
    from tuinet.engine.cuda import devices

    device = devices.choose()
    assert device.word == "cuda:0" and device.cc == (8, 0) and device.memory > 0
    assert device.uuid.startswith("GPU-") and len(device.uuid) == 40
    with pytest.raises(NoDevice, match=r"there is no cuda:3: this machine has cuda:0"):
        devices.choose(3)


def test_a_session_without_a_device_turned_on_has_none() -> None:
    """The stand-in driver may be loaded, and must not be taken for a GPU by other tests."""
    from tuinet.training.devices import chosen

    found = chosen("auto")
    if found.device != "cpu":
        pytest.skip("this machine has a GPU")
    assert found.no_gpu == "" or "no GPU that it can use" in found.no_gpu
    assert (found.gpu, found.uuid) == ("", "")
    with pytest.raises((NoDevice, NoDriver), match=r"--device cuda: .*--device cpu trains on the processor"):
        chosen("cuda")


def test_a_run_on_the_processor_loads_nothing_of_cuda(tmp_path: Path) -> None:
    """Whatever of it is installed. The control: the same spy sees Numba."""
    spy = (
        "import json, sys\nfrom tuinet.training import worker\n"
        "code = worker.main(sys.argv[1:])\nprint(json.dumps(sorted(sys.modules)))\nsys.exit(code)"
    )
    made = trained(tmp_path, "cpu")
    assert made.returncode == 0, made.stderr
    (run,) = (tmp_path / "runs").iterdir()
    done = subprocess.run(
        [sys.executable, "-c", spy, str(run), "--device", "cpu"],
        env={**os.environ, "TUINET_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    modules = done.stdout.strip().splitlines()[-1]
    assert '"numba"' in modules and '"tuinet.engine.cpu"' in modules
    assert '"tuinet.engine.cuda' not in modules and '"numba.cuda' not in modules and '"cuda.' not in modules
