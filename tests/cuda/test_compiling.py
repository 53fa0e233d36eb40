"""What every CUDA kernel promises on every architecture: it compiles, keeps to registers, and computes in float32."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.cuda import gate, stand_in
from tuinet.kernels import OPS

SOME = {"75": (7, 5), "90a": (9, 0), "120": (12, 0)}
MORE = {"80": (8, 0), "86": (8, 6), "89": (8, 9), "100": (10, 0)}
REGISTERS = 65536  # of a multiprocessor: shared by the threads of its blocks
MOST = 255  # a thread can have
ARCHITECTURES = SOME | MORE
Found = dict[tuple[str, int], dict[str, list[str]]]
KERNELS = [(name, number) for name in sorted(OPS) for number in range(len(OPS[name].cuda_stages))]


def registers_at_most(threads: int, together: int) -> int:
    """So many that two blocks fit on a multiprocessor, as one alone would leave it idle at every barrier."""
    return min(MOST, REGISTERS // (max(2, together) * max(threads, 128)))


def complaints(name: str, number: int, archs: tuple[str, ...]) -> dict[str, list[str]]:
    """What is wrong with a kernel, by architecture. All of them at once, as its types are found once."""
    gpu = stand_in.load()
    from tuinet.engine.cuda import driver, machine

    kernel, launch, *_ = OPS[name].cuda_stages[number]
    kinds, found = machine.kinds_of(OPS[name]), {}
    for arch in archs:
        with gpu.one_device(ARCHITECTURES[arch]):
            ptx = driver.compile_kernel(kernel, kinds, ARCHITECTURES[arch], launch.bounds)
        found[arch] = gate.check(f"{name} ({number})", ptx, arch, registers_at_most(*launch.bounds))
    return found


@pytest.fixture(scope="session")
def found(request: pytest.FixtureRequest) -> Found:
    """The complaints about all kernels that this session asks for, from a process for each processor."""
    reason = stand_in.available()
    if reason:
        pytest.skip(reason)
    asked: dict[tuple[str, int], list[str]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module.__name__ == __name__:
            given = item.callspec.params
            asked.setdefault((given["name"], given["number"]), []).append(given["arch"])
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        waiting = {kernel: pool.submit(complaints, *kernel, tuple(archs)) for kernel, archs in asked.items()}
        return {kernel: future.result() for kernel, future in waiting.items()}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("arch", SOME)
@pytest.mark.parametrize(("name", "number"), KERNELS)
def test_a_kernel_keeps_to_its_registers_and_to_float32(found: Found, name: str, number: int, arch: str) -> None:
    assert found[name, number][arch] == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("arch", MORE)
@pytest.mark.parametrize(("name", "number"), KERNELS)
def test_and_on_the_other_architectures(found: Found, name: str, number: int, arch: str) -> None:
    assert found[name, number][arch] == []
