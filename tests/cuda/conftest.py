"""One GPU for a test: the stand-in; with `pytest -m gpu` the machine's own; or nothing and the reason why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cuda import stand_in


def on_device(config: pytest.Config) -> bool:
    """Whether a GPU is asked for, and not what stands in for one."""
    return str(config.getoption("markexpr")).strip() == "gpu"


def pytest_configure(config: pytest.Config) -> None:
    """Before any test of the session asks for a driver: the system's, if there is one, would win for the process."""
    if not on_device(config) and stand_in.available() is None:
        stand_in.load()


def reason_for_none(config: pytest.Config) -> str | None:
    """Why there is no GPU for these tests."""
    if not on_device(config):
        return stand_in.available()
    from tuinet.engine.cuda import devices
    from tuinet.errors import NoDevice

    try:
        devices.choose()
    except NoDevice as error:
        return str(error)
    return None


def as_ptx(ptx: str, cc: object) -> bytes:
    """In place of the assembler: the stand-in driver runs PTX as it is."""
    return ptx.encode()


@pytest.fixture(autouse=True)
def needs_a_gpu(pytestconfig: pytest.Config) -> None:
    """Skips what cannot run here, and says why."""
    reason = reason_for_none(pytestconfig)
    if reason:
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says once, without -rs, that a part of the tests did not run."""
    reason = reason_for_none(config)
    if reason:
        terminalreporter.write_line(f"tests/cuda did not run: {reason}")


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[stand_in.StandIn | None]:
    """Turns one device on, of the compute capability given as parameter or 8.0; afterwards raises what was found.

    With `pytest -m gpu` the machine's own GPU serves, and there is nothing to turn on: None.
    """
    if on_device(request.config):
        yield None
        return
    device = stand_in.load()
    monkeypatch.setattr("tuinet.engine.cuda.driver.assemble", as_ptx)
    monkeypatch.setattr("tuinet.engine.cuda.driver.FORM", "ptx")
    monkeypatch.setattr("tuinet.engine.cuda.cublas.library", lambda: None)  # the real one would look for a real GPU
    with device.one_device(getattr(request, "param", (8, 0))):
        yield device
        device.check()


@pytest.fixture
def device(request: pytest.FixtureRequest, gpu: stand_in.StandIn | None) -> Any:
    """tuinet's own hold on the GPU of this test."""
    from tuinet.engine.cuda import driver

    return driver.Gpu(0)
