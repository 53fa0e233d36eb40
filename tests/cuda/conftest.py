"""One GPU for a test: the stand-in, or nothing and the reason why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cuda import stand_in

# Before any test of the session asks for a driver: the system's, if there is one, would win for the whole process.
if stand_in.available() is None:
    stand_in.load()


def as_ptx(ptx: str, cc: object) -> bytes:
    """In place of the assembler: the stand-in driver runs PTX as it is."""
    return ptx.encode()


@pytest.fixture(autouse=True)
def needs_the_stand_in() -> None:
    """Skips what cannot run here, and says why."""
    reason = stand_in.available()
    if reason:
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says once, without -rs, that a part of the tests did not run."""
    reason = stand_in.available()
    if reason:
        terminalreporter.write_line(f"tests/cuda did not run: {reason}")


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[stand_in.StandIn]:
    """Turns one device on, of the compute capability given as parameter or 8.0; afterwards raises what was found."""
    device = stand_in.load()
    monkeypatch.setattr("tuinet.engine.cuda.driver.assemble", as_ptx)
    with device.one_device(getattr(request, "param", (8, 0))):
        yield device
        device.check()


@pytest.fixture
def device(request: pytest.FixtureRequest, gpu: stand_in.StandIn) -> Any:
    """tuinet's own hold on the GPU of this test."""
    from tuinet.engine.cuda import driver

    return driver.Gpu(0)
