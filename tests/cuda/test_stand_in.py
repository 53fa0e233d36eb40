"""The real numba-cuda and cuda.core run on the stand-in driver, and meet there the errors of a real one."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
import pytest
from numba import cuda, float32

from tests.cuda.launching import ptx_of
from tests.cuda.stand_in import Findings, StandIn, load, load_cublas


def add_scaled(x, y, a, n):
    i = cuda.grid(1)
    if i < n:
        y[i] += a * x[i]


def no_bounds(x, y, a, n):
    i = cuda.grid(1)
    y[i] = a * x[i]


class Thin:
    """Launches through cuda.core with arguments made beforehand, as a training step does."""

    def __init__(self) -> None:
        from cuda.core import Device

        self.device = Device()
        self.device.set_current()
        self.stream = self.device.create_stream()

    def kernel(self, function: Any) -> Any:
        from cuda.core import ObjectCode

        ptx = ptx_of(function, "FFfu")
        name = ptx.partition(".entry ")[2].partition("(")[0].strip()
        return ObjectCode.from_ptx(ptx.encode()).get_kernel(name)

    def launch(self, kernel: Any, *arguments: Any, stream: Any = None, threads: int = 64) -> None:
        from cuda.core import LaunchConfig, launch

        launch(stream or self.stream, LaunchConfig(grid=2, block=threads), kernel, *arguments)


def given(x: Any, y: Any) -> tuple[Any, ...]:
    return (x.device_ctypes_pointer.value, y.device_ctypes_pointer.value, np.float32(2), np.uint32(100))


def test_there_is_no_device_until_a_test_turns_one_on() -> None:
    count = ctypes.c_int(-1)
    assert load().driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    assert count.value == 0 and len(cuda.gpus) == 0


@pytest.mark.parametrize("gpu", [(7, 5), (8, 0), (9, 0), (12, 0)], indirect=True)
def test_a_kernel_of_numba_runs_whatever_the_device_is(gpu: StandIn, request: pytest.FixtureRequest) -> None:
    kernel = cuda.jit(add_scaled)
    x, y = cuda.to_device(np.arange(100, dtype=np.float32)), cuda.to_device(np.ones(100, np.float32))
    kernel[2, 64](x, y, float32(3), 100)
    assert (y.copy_to_host() == 1 + 3 * np.arange(100)).all()
    assert cuda.get_current_device().compute_capability == request.node.callspec.params["gpu"]
    assert sum(gpu.launches.values()) == 1


@pytest.mark.filterwarnings("ignore:Host array used")
def test_numbas_own_reduction_is_right_and_without_findings(gpu: StandIn) -> None:
    add = cuda.reduce(lambda a, b: a + b)
    assert add(np.arange(1000, dtype=np.float64)) == 499500


def test_a_thin_launch_computes_what_it_should(gpu: StandIn) -> None:
    thin = Thin()
    x, y = cuda.to_device(np.arange(100, dtype=np.float32)), cuda.to_device(np.ones(100, np.float32))
    thin.launch(thin.kernel(add_scaled), *given(x, y))
    thin.stream.sync()
    assert (y.copy_to_host() == 1 + 2 * np.arange(100)).all()
    assert gpu.calls("cuLaunchKernelEx") + gpu.calls("cuLaunchKernel") > 0


def test_a_graph_replays_its_launches_and_copies_with_the_arguments_that_it_was_built_with(gpu: StandIn) -> None:
    thin = Thin()
    kernel = thin.kernel(add_scaled)
    x, y = cuda.to_device(np.arange(100, dtype=np.float32)), cuda.to_device(np.zeros(100, np.float32))
    builder = thin.device.create_graph_builder()
    builder.begin_building()
    thin.launch(kernel, *given(x, y), stream=builder)
    thin.launch(kernel, *given(x, y), stream=builder)
    graph = builder.end_building().complete()
    assert not y.copy_to_host().any() and not gpu.launches
    for _ in range(3):
        graph.launch(thin.stream)
    thin.stream.sync()
    assert (y.copy_to_host() == 3 * 2 * 2 * np.arange(100)).all()
    assert sum(gpu.launches.values()) == 6


def test_a_wait_for_a_stream_that_is_captured_is_an_error(gpu: StandIn) -> None:
    thin = Thin()
    builder = thin.device.create_graph_builder()
    builder.begin_building()
    with pytest.raises(Exception, match="CAPTURE"):
        builder.stream.sync()
    with pytest.raises(Exception, match="invalidated"):
        builder.end_building()


def test_what_the_emulator_finds_is_an_error_of_the_next_wait_and_of_the_check(gpu: StandIn) -> None:
    thin = Thin()
    x, y = cuda.to_device(np.zeros(100, np.float32)), cuda.to_device(np.zeros(100, np.float32))
    thin.launch(thin.kernel(no_bounds), *given(x, y))
    with pytest.raises(Exception, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        thin.stream.sync()
    with pytest.raises(Findings, match="out of bounds: 4 bytes at byte 400 of an allocation of 400 bytes, thread 100"):
        gpu.check()
    gpu.check()


def test_memory_runs_out_where_the_test_says_and_comes_back_when_freed(gpu: StandIn) -> None:
    thin = Thin()
    gpu.memory(gpu.memory_used() + 1000)
    buffer = thin.device.allocate(900, stream=thin.stream)
    with pytest.raises(Exception, match="CUDA_ERROR_OUT_OF_MEMORY"):
        thin.device.allocate(200, stream=thin.stream)
    buffer.close()
    thin.device.allocate(200, stream=thin.stream).close()


def test_one_function_can_be_made_to_fail(gpu: StandIn) -> None:
    address = ctypes.c_uint64()
    Thin()
    gpu.fail("cuMemAlloc_v2", 2)
    assert gpu.driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64)) == 2
    gpu.fail("cuMemAlloc_v2", 0)
    assert gpu.driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64)) == 0
    assert gpu.driver.cuMemFree_v2(address) == 0


def test_a_copy_has_to_lie_in_memory_that_is_allocated(gpu: StandIn) -> None:
    Thin()
    driver, address, host = gpu.driver, ctypes.c_uint64(), ctypes.create_string_buffer(128)
    driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64))
    assert driver.cuMemcpyHtoD_v2(address, host, ctypes.c_size_t(64)) == 0
    assert driver.cuMemcpyHtoD_v2(address, host, ctypes.c_size_t(65)) == 1
    assert driver.cuMemFree_v2(address) == 0
    assert driver.cuMemFree_v2(address) == 1
    assert driver.cuMemcpyDtoH_v2(host, address, ctypes.c_size_t(64)) == 1


def test_a_thread_without_a_context_can_do_nothing(gpu: StandIn) -> None:
    Thin()
    answers = []
    address = ctypes.c_uint64()

    def allocate() -> None:
        answers.append(gpu.driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64)))

    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
    assert answers == [201]


def test_new_memory_is_full_of_nan_and_pinned_memory_takes_none_of_the_device(gpu: StandIn) -> None:
    Thin()
    before = gpu.memory_used()
    pinned = cuda.pinned_array(100, np.float32)
    pinned[:] = 1
    assert gpu.memory_used() == before
    assert np.isnan(cuda.device_array(10, np.float32).copy_to_host()).all()


def test_events_say_how_long_it_took(gpu: StandIn) -> None:
    first, second = cuda.event(), cuda.event()
    first.record()
    second.record()
    second.synchronize()
    assert 0 <= cuda.event_elapsed_time(first, second) < 60_000


# cuBLAS ---------------------------------------------------------------------------------------------------------------

N, T = 0, 1


class Blas:
    """A handle on a stream, and row-major products by exchanging the operands."""

    def __init__(self, stream: Any) -> None:
        self.library = load_cublas()
        self.handle = ctypes.c_void_p()
        assert self.library.cublasCreate_v2(ctypes.byref(self.handle)) == 0
        self.use(stream)

    def use(self, stream: Any) -> None:
        assert self.library.cublasSetStream_v2(self.handle, ctypes.c_void_p(int(stream.handle))) == 0

    def product(self, codes: tuple[int, int], sizes: tuple[int, int, int], a: Any, lda: int, b: Any, ldb: int, c: Any,
                ldc: int) -> int:  # fmt: skip
        one, zero = ctypes.c_float(1), ctypes.c_float(0)
        pointers = [ctypes.c_void_p(array.device_ctypes_pointer.value) for array in (a, b, c)]
        return int(
            self.library.cublasSgemm_v2(
                self.handle, *codes, *sizes, ctypes.byref(one), pointers[0], lda, pointers[1], ldb, ctypes.byref(zero),
                pointers[2], ldc,
            )
        )  # fmt: skip


def test_cublas_multiplies_row_major_matrices_by_exchanging_them(gpu: StandIn) -> None:
    thin = Thin()
    blas = Blas(thin.stream)
    rng = np.random.default_rng(0)
    m, k, n = 5, 7, 3
    a, b, g = (rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n), (m, n)))
    on = {name: cuda.to_device(array) for name, array in (("a", a), ("b", b), ("g", g))}
    c, da, db = (
        cuda.device_array((m, n), np.float32),
        cuda.device_array((m, k), np.float32),
        cuda.device_array((k, n), np.float32),
    )
    assert blas.product((N, N), (n, m, k), on["b"], n, on["a"], k, c, n) == 0
    assert blas.product((N, T), (n, k, m), on["g"], n, on["a"], k, db, n) == 0
    assert blas.product((T, N), (k, m, n), on["b"], n, on["g"], n, da, k) == 0
    for found, wanted in ((c, a @ b), (db, a.T @ g), (da, g @ b.T)):
        np.testing.assert_allclose(found.copy_to_host(), wanted, atol=2e-6)


def test_cublas_turns_wrong_leading_dimensions_and_codes_down(gpu: StandIn) -> None:
    thin = Thin()
    blas = Blas(thin.stream)
    x = cuda.to_device(np.zeros((4, 4), np.float32))
    assert blas.product((N, N), (4, 4, 4), x, 4, x, 4, cuda.device_array_like(x), 4) == 0
    for codes, sizes, ld in (
        ((N, N), (4, 4, 4), (3, 4, 4)), ((T, N), (2, 4, 4), (3, 4, 4)), ((N, T), (4, 4, 2), (4, 3, 4)),
        ((N, N), (4, 4, 4), (4, 4, 3)), ((3, N), (4, 4, 4), (4, 4, 4)), ((N, N), (-1, 4, 4), (4, 4, 4)),
    ):  # fmt: skip
        assert blas.product(codes, sizes, x, ld[0], x, ld[1], x, ld[2]) == 7


def test_cublas_stays_within_the_memory_of_the_device(gpu: StandIn) -> None:
    thin = Thin()
    blas = Blas(thin.stream)
    x = cuda.to_device(np.zeros((4, 4), np.float32))
    assert blas.product((N, N), (4, 4, 5), x, 4, x, 5, x, 4) == 0
    with pytest.raises(Exception, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        thin.stream.sync()


def test_cublas_is_captured_into_a_graph(gpu: StandIn) -> None:
    thin = Thin()
    blas = Blas(thin.stream)
    a = cuda.to_device(np.eye(3, dtype=np.float32) * 2)
    b, c = cuda.to_device(np.ones((3, 3), np.float32)), cuda.to_device(np.zeros((3, 3), np.float32))
    builder = thin.device.create_graph_builder()
    builder.begin_building()
    blas.use(builder.stream)
    assert blas.product((N, N), (3, 3, 3), a, 3, b, 3, c, 3) == 0
    assert blas.product((N, N), (3, 3, 3), a, 3, c, 3, b, 3) == 0
    graph = builder.end_building().complete()
    assert not c.copy_to_host().any()
    for _ in range(3):
        graph.launch(thin.stream)
    thin.stream.sync()
    assert (b.copy_to_host() == 4**3).all()
