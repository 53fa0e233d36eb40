"""What every CUDA kernel promises on every architecture: it compiles, keeps to registers, and computes in float32."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cuda import gate
from tuinet.kernels import OPS

SOME = {"75": (7, 5), "90a": (9, 0), "120": (12, 0)}
MORE = {"80": (8, 0), "86": (8, 6), "89": (8, 9), "100": (10, 0)}
REGISTERS = 65536  # of a multiprocessor: shared by the threads of its blocks
MOST = 255  # a thread can have
KERNELS = [(name, number) for name in sorted(OPS) for number in range(len(OPS[name].cuda_stages))]


def registers_at_most(threads: int, together: int) -> int:
    """So many that two blocks fit on a multiprocessor, as one alone would leave it idle at every barrier."""
    return min(MOST, REGISTERS // (max(2, together) * max(threads, 128)))


def complaints(name: str, number: int, arch: str, cc: tuple[int, int]) -> list[str]:
    from tuinet.engine.cuda import driver, machine

    kernel, launch, *_ = OPS[name].cuda_stages[number]
    ptx = driver.compile_kernel(kernel, machine.kinds_of(OPS[name]), cc, launch.bounds)
    return gate.check(f"{name} ({number})", ptx, arch, registers_at_most(*launch.bounds))


@pytest.mark.parametrize("gpu", SOME.values(), ids=SOME, indirect=True)
@pytest.mark.parametrize(("name", "number"), KERNELS)
def test_a_kernel_keeps_to_its_registers_and_to_float32(
    request: pytest.FixtureRequest, gpu: Any, name: str, number: int
) -> None:
    cc = request.node.callspec.params["gpu"]
    arch = next(arch for arch, each in SOME.items() if each == cc)
    assert complaints(name, number, arch, cc) == []


@pytest.mark.slow
@pytest.mark.parametrize("gpu", MORE.values(), ids=MORE, indirect=True)
@pytest.mark.parametrize(("name", "number"), KERNELS)
def test_and_on_the_other_architectures(request: pytest.FixtureRequest, gpu: Any, name: str, number: int) -> None:
    cc = request.node.callspec.params["gpu"]
    arch = next(arch for arch, each in MORE.items() if each == cc)
    assert complaints(name, number, arch, cc) == []
