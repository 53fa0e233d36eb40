"""Which GPUs there are, and in one sentence why none can be used.

The driver is asked through ctypes: that takes a fraction of a millisecond where there is none, and needs nothing of
NVIDIA's Python packages. Only when it has a device are those imported, and one small kernel has to give the right
answer before a GPU is believed in.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from dataclasses import dataclass

from ...errors import NoDevice, NoDriver
from ...safe_text import safe

OLDEST_DRIVER = 12000  # CUDA 12.0, as cuDriverGetVersion says it
OLDEST_FOR_13 = (7, 5)  # compute capability that CUDA 13 still makes code for
PACKAGES = ("numba_cuda", "cuda.core", "cuda.bindings")
INSTALL = "pip install 'tuinet[cuda13]' (GPUs before 2018: 'tuinet[cuda12]')"
TOTAL, UUID_BYTES, NAME_BYTES = ctypes.c_size_t, 16, 256
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # of CUdevice_attribute
NO_GPU, NO_KERNELS = 100, 999


@dataclass(frozen=True)
class Device:
    """A GPU as the driver describes it. memory: bytes in all; cc: compute capability (major, minor)."""

    ordinal: int
    name: str
    cc: tuple[int, int]
    memory: int
    uuid: str

    @property
    def word(self) -> str:
        return f"cuda:{self.ordinal}"


def library():
    """The driver's library, or None."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def devices() -> list[Device]:
    """All GPUs that the driver has. Raises NoDevice, which says what is missing."""
    driver = library()
    if driver is None:
        raise NoDriver("there is no NVIDIA driver on this machine (libcuda.so.1 is not there)")
    try:
        return [_described(driver, ordinal) for ordinal in range(_count(driver))]
    except AttributeError as error:  # a stub, or something else of that name
        raise NoDevice(f"the NVIDIA driver is broken: {safe(str(error), 120)}; install it anew") from None


def _count(driver) -> int:
    version, count = ctypes.c_int(), ctypes.c_int()
    started = driver.cuInit(0)
    if started == NO_GPU:
        raise NoDevice("there is an NVIDIA driver, and no GPU that it can use (nvidia-smi tells more)")
    if started:
        raise NoDevice(f"the NVIDIA driver does not start: it answers {started} (nvidia-smi tells more)")
    _asked(driver.cuDriverGetVersion(ctypes.byref(version)))
    if version.value < OLDEST_DRIVER:
        has = f"{version.value // 1000}.{version.value % 1000 // 10}"
        raise NoDevice(f"the NVIDIA driver is too old: it knows CUDA {has}, and tuinet needs one of 12.0 or newer")
    _asked(driver.cuDeviceGetCount(ctypes.byref(count)))
    if count.value == 0:
        raise NoDevice("there is an NVIDIA driver, and no GPU that it can use (nvidia-smi tells more)")
    return count.value


def _described(driver, ordinal) -> Device:
    handle, major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), TOTAL()
    name, uuid = ctypes.create_string_buffer(NAME_BYTES), (ctypes.c_ubyte * UUID_BYTES)()
    _asked(driver.cuDeviceGet(ctypes.byref(handle), ordinal))
    _asked(driver.cuDeviceGetName(name, NAME_BYTES, handle))
    _asked(driver.cuDeviceGetAttribute(ctypes.byref(major), CAPABILITY_MAJOR, handle))
    _asked(driver.cuDeviceGetAttribute(ctypes.byref(minor), CAPABILITY_MINOR, handle))
    _asked(driver.cuDeviceTotalMem_v2(ctypes.byref(memory), handle))
    _asked(driver.cuDeviceGetUuid(ctypes.byref(uuid), handle))
    digits = bytes(uuid).hex()
    written = "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return Device(ordinal, name.value.decode(errors="replace"), (major.value, minor.value), memory.value, written)


def _asked(answer: int) -> None:
    if answer:
        raise NoDevice(f"the NVIDIA driver answers {answer} where it is asked for its GPUs (nvidia-smi tells more)")


def choose(ordinal: int | None = None) -> Device:
    """The GPU of this number, or the one with the most free memory, after it has shown that it computes.

    Raises NoDevice, which says in one sentence what is missing.
    """
    device = untried(ordinal)
    _probe(device)
    return device


def untried(ordinal: int | None = None) -> Device:
    """The same before it has shown anything: of NVIDIA's packages none is imported."""
    there = devices()
    if ordinal is not None and ordinal >= len(there):
        have = ", ".join(f"{each.word} ({safe(each.name, 40)})" for each in there)
        raise NoDevice(f"there is no cuda:{ordinal}: this machine has {have}")
    _check_packages()
    return there[ordinal] if ordinal is not None else _freest(there)


def _freest(there: list[Device]) -> Device:
    from . import nvml

    if len(there) == 1:
        return there[0]
    free = {each: nvml.figures(each.uuid).memory_free or 0 for each in there}
    return max(there, key=lambda each: (free[each], -each.ordinal))


def _check_packages() -> None:
    for name in PACKAGES:
        try:
            found = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            raise NoDevice(f"there is a GPU, but {name.replace('_', '-')} is not installed: {INSTALL}")


def _probe(device: Device) -> None:
    """One small kernel, compiled, launched and looked at."""
    try:
        from .driver import Gpu
        from .machine import probe

        right = probe(Gpu(device.ordinal))
    except NoDevice:
        raise
    except Exception as error:  # what can be missing or broken below here is endless: each is a sentence
        old = device.cc < OLDEST_FOR_13 and "CCSupportError" in type(error).__name__
        advice = "; it needs CUDA 12: pip install 'tuinet[cuda12]'" if old else ""
        words = safe(str(error).strip().partition("\n")[0], 200)
        raise NoDevice(
            f"{device.word} ({safe(device.name, 40)}) cannot be used: {type(error).__name__}: {words}{advice}"
        ) from error
    if not right:
        raise NoDevice(f"{device.word} ({safe(device.name, 40)}) gives wrong answers: 3 + 4 is not 7 there")
