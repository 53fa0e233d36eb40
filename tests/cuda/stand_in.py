"""A GPU that is not there: the stand-in driver (driver.c) with the PTX emulator behind it, under the real numba-cuda.

The driver is loaded before anybody asks the system for libcuda.so.1, and has no device until a test turns one on.
From then on everything is real but the device: numba-cuda and cuda.core make their own calls, libNVVM makes the PTX,
and each launch is run from that PTX. What the emulator finds is kept until `check()` raises it.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib.util
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cuda import compiled
from tests.cuda.emulator import Fault, Kernel, Memory, Traffic, find_kernel

INVALID_PTX, NOT_FOUND, ILLEGAL_ADDRESS, LAUNCH_FAILED = 218, 500, 700, 719


class Description(ctypes.Structure):
    """What the driver is told of a kernel (`Description` in driver.c)."""

    _fields_ = (
        ("id", ctypes.c_int),
        ("parameters", ctypes.c_int),
        ("sizes", ctypes.c_int * 256),
        ("offsets", ctypes.c_int * 256),
        ("shared_bytes", ctypes.c_int),
        ("threads_at_most", ctypes.c_int),
    )


Describe = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Description))
Launch = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_uint), ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p)
)


class Findings(AssertionError):
    """What the emulator has found wrong with the kernels that were launched."""


class StandIn:
    """The driver and the emulator, joined. There is one a process: `load()` gives it."""

    def __init__(self) -> None:
        path = compiled.library("libcuda.so.1", "driver.c", flags=("-pthread",))
        self.driver = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        self.driver.stand_in_calls.restype = ctypes.c_uint64
        self.driver.stand_in_allocations.restype = ctypes.c_size_t
        self.driver.stand_in_allocation_changes.restype = ctypes.c_uint64
        self.driver.stand_in_memory_used.restype = ctypes.c_uint64
        self.cc = (8, 0)
        self.kernels: list[Kernel] = []
        self.launches: Counter[str] = Counter()
        self.found: list[str] = []
        self.count_traffic = False
        self._memory = Memory()
        self._running = threading.Lock()  # the emulator runs one grid at a time
        self._changes = -1
        self._callbacks = Describe(self._describe), Launch(self._launch)
        self.driver.stand_in_set_emulator(*self._callbacks)

    # What the driver asks --------------------------------------------------------------------------------------------

    def _describe(self, image: bytes, name: bytes, description: Any) -> int:
        try:
            kernel = find_kernel(image.decode(), name.decode())
        except KeyError:
            return NOT_FOUND
        except Exception as error:
            self.found.append(f"{name.decode()}: {error}")
            return INVALID_PTX
        it = description.contents
        it.id, it.parameters = len(self.kernels), len(kernel.parameters)
        for place, (offset, size) in enumerate(kernel.parameters):
            it.offsets[place], it.sizes[place] = offset, size
        it.shared_bytes, it.threads_at_most = kernel.shared_bytes, kernel.threads_at_most
        self.kernels.append(kernel)
        return 0

    def _launch(self, number: int, shape: Any, shared_bytes: int, arguments: Any) -> int:
        kernel = self.kernels[number]
        self.launches[kernel.name] += 1
        sizes = tuple(shape[:6])
        values = [ctypes.string_at(arguments[i], size) for i, (_, size) in enumerate(kernel.parameters)]
        try:
            with self._running:
                found = kernel.launch(
                    sizes[:3], sizes[3:], values, self.memory_now(), shared_bytes, count_traffic=self.count_traffic
                )
        except Fault as fault:
            self.found.append(f"{kernel.name}: {fault}")
            return ILLEGAL_ADDRESS
        except BaseException as error:  # it cannot travel through the driver's C frames
            self.found.append(f"{kernel.name}: {type(error).__name__}: {error}")
            return LAUNCH_FAILED
        self.found.extend(f"{kernel.name}: {finding}" for finding in found)
        return 0

    def memory_now(self) -> Memory:
        """All that a kernel may touch now."""
        changes = self.driver.stand_in_allocation_changes()
        if changes != self._changes:
            count = self.driver.stand_in_allocations(None, 0)
            pairs = (ctypes.c_uint64 * (2 * count))()
            self.driver.stand_in_allocations(pairs, count)
            self._memory.set_regions(list(zip(pairs[::2], pairs[1::2], strict=True)))
            self._changes = changes
        return self._memory

    # What a test asks ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises what was found since the last check."""
        found, self.found = list(dict.fromkeys(self.found)), []
        if found:
            raise Findings("\n".join(found))

    def traffic(self) -> dict[str, list[Traffic]]:
        """What each kernel has asked of the memory while `count_traffic` was set, since the process began."""
        return {kernel.name: kernel.traffic() for kernel in self.kernels}

    def silence(self) -> None:
        """Lets launches do nothing from now on, until the process ends: only the host's share is left."""
        self.driver.stand_in_set_emulator(self._callbacks[0], ctypes.cast(None, Launch))

    def calls(self, function: str) -> int:
        """How often a driver function has been called, by its exported name (cuMemAlloc_v2)."""
        return int(self.driver.stand_in_calls(function.encode()))

    def fail(self, function: str, code: int) -> None:
        """Lets a driver function answer with an error from now on; code 0 ends it."""
        self.driver.stand_in_fail(function.encode(), code)

    def memory(self, total: int) -> None:
        """Gives the device this many bytes, those in use included."""
        gc.collect()
        self.driver.stand_in_set_memory(ctypes.c_uint64(total))

    def memory_used(self) -> int:
        """Bytes of device memory that are allocated."""
        gc.collect()  # what earlier tests left in cycles would otherwise be freed between two looks
        return int(self.driver.stand_in_memory_used())

    def compute_capability(self, major: int, minor: int) -> None:
        """Chooses what the device says it is: (7, 5), (8, 0), (9, 0), (12, 0) ..."""
        self.cc = major, minor
        self.driver.stand_in_set_compute_capability(major, minor)
        forget_devices()

    @contextmanager
    def one_device(self, cc: tuple[int, int] = (8, 0)) -> Iterator[StandIn]:
        """A process with one GPU, for as long as this lasts; nothing found before counts."""
        self.found.clear()
        self.launches.clear()
        self.count_traffic = False
        self.driver.stand_in_reset()
        self.driver.stand_in_set_devices(1)
        self.compute_capability(*cc)
        try:
            yield self
        finally:
            self.driver.stand_in_reset()
            forget_devices()


@functools.cache
def load_cublas() -> ctypes.CDLL:
    """Loads the stand-in for cuBLAS (cublas.c), under the name that the real one of CUDA 13 has."""
    load()
    made = ctypes.CDLL(str(compiled.library("libcublas.so.13", "cublas.c")), mode=ctypes.RTLD_GLOBAL)
    made.stand_in_multiplications.restype = made.stand_in_wrong_calls.restype = ctypes.c_uint64
    return made


def forget_devices() -> None:
    """Both libraries ask once a process (cuda.core: once a thread) what devices there are; lets them ask again."""
    if "numba.cuda.cudadrv.devices" in sys.modules:
        from numba.cuda.cudadrv import devices, driver

        devices._DeviceList.lst.fget.cache_clear()
        for device in driver.driver.devices.values():
            device.compute_capability = load().cc
    if "cuda.core._device" in sys.modules:
        sys.modules["cuda.core._device"]._tls.__dict__.clear()


def run_ptx_under_numba() -> None:
    """Lets numba-cuda hand the driver the PTX that it would otherwise assemble to machine code."""
    from cuda.core import ObjectCode
    from numba.cuda import codegen
    from numba.cuda.core import config

    def get_cubin(self: Any, cc: Any = None) -> Any:
        cc = self._ensure_cc(cc)
        if cc not in self._cubin_cache:
            (ptx,) = self.get_asm_strs(cc=cc)
            self._cubin_cache[cc] = ObjectCode.from_ptx(ptx.encode(), name=self._entry_name or "")
        return self._cubin_cache[cc]

    codegen.CUDACodeLibrary.get_cubin = get_cubin
    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # small grids are the point of these tests


@functools.cache
def load() -> StandIn:
    """Loads the stand-in; to be called before anything asks for a CUDA driver."""
    made = StandIn()
    run_ptx_under_numba()
    return made


@functools.cache
def available() -> str | None:
    """Why the CUDA tests cannot run here, or None where they can."""
    if not sys.platform.startswith("linux"):
        return f"the stand-in driver is for Linux, and this is {sys.platform}"
    if compiled.compiler() is None:
        return "no C compiler to build the stand-in driver with: install gcc or clang, or set CC"
    missing = [name for name in ("numba_cuda", "cuda") if importlib.util.find_spec(name) is None]
    if missing:
        return "numba-cuda is not installed: pip install 'tuinet[cuda13]' (or cuda12)"
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        for name in ("nvvm", "nvJitLink"):
            load_nvidia_dynamic_lib(name)
    except DynamicLibNotFoundError as error:
        return f"{name} is not installed, which numba-cuda compiles with: pip install 'tuinet[cuda13]' ({error})"
    return None
