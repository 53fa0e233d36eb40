"""All that tuinet knows of numba-cuda and of NVIDIA's Python packages: compiling, memory, launches and graphs.

    numba.cuda.compile_ptx -> PTX -> nvJitLink -> a cubin -> cuda.core: kernels, streams and graphs

Kernels are launched with arguments that were packed once: numba's own launch costs seven microseconds, and as many
again for each array.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
import weakref
from copy import copy
from functools import cache
from importlib.metadata import version
from types import FunctionType, ModuleType

import numpy as np
from cuda.bindings import driver, nvjitlink
from cuda.core import Device, ObjectCode
from numba import cuda, types
from numba.cuda import libdevice

from ...errors import OutOfDeviceMemory, TuinetError
from ...kernels import SCALARS
from ...kernels.gpu import DEVICE, LONGEST
from ...shapes import Geometry
from ..cache import choose

OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY
FORM, ELF = "cubin", b"\x7fELF"  # what `assemble` makes, and how that begins
KINDS = {
    "f*": types.CPointer(types.float32),
    "i*": types.CPointer(types.int32),
    "u": types.uint32,
    "l": types.int64,
    "f": types.float32,
    "g": types.NamedUniTuple(types.int32, len(Geometry._fields), Geometry),
}
ON_DEVICE = {  # NumPy's functions of one number, as the device has them
    "floor": libdevice.floorf,
    "copysign": libdevice.copysignf,
    "sqrt": libdevice.fsqrt_rn,
}


class DeviceError(TuinetError):
    """The driver refused something."""


# -- from a plain function to machine code ------------------------------------------------------------


def bound(function):
    """The same function with numba.cuda and device functions in place of what its file reads without them."""
    used = set(function.__code__.co_names)

    def swapped(value):
        if isinstance(value, ModuleType):
            return _module(value, used, swapped)
        return device_function(value) if isinstance(value, FunctionType) and value in _callable() else value

    names = {name: swapped(value) for name, value in function.__globals__.items() if name in used}
    names |= {"cuda": cuda, "__builtins__": __builtins__, "__name__": function.__module__}
    cells = tuple(_cell(swapped(cell.cell_contents)) for cell in function.__closure__ or ())
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells or None)


def _module(module, used, swapped):
    """Of a module what the function uses of it: kernels write scalars.exp and np.floor."""
    if module is not np and not module.__name__.startswith("tuinet."):
        return module
    part = ModuleType(module.__name__)
    for name in used & set(vars(module)):
        own = ON_DEVICE.get(name, getattr(np, name)) if module is np else swapped(getattr(module, name))
        setattr(part, name, own)
    return part


def _cell(value):
    return (lambda: value).__closure__[0]


@cache
def _callable():
    return {*SCALARS, *DEVICE}


@cache
def device_function(function):
    return cuda.jit(device=True, forceinline=True)(bound(function))


def compile_kernel(function, kinds, cc, bounds, halts=False):
    """PTX of a kernel whose arguments are of these kinds (KINDS), for compute capability cc (major, minor).

    halts: with an address before all of them; where a number other than 0 stands there, the kernel does nothing.
    """
    kernel, arguments = bound(function), tuple(KINDS[kind] for kind in kinds)
    if halts:
        inner = device_function(function)

        def kernel(halted, operands):
            if halted[0] == 0:
                inner(*operands)

        arguments = KINDS["i*"], types.Tuple(arguments)
    ptx, _ = cuda.compile_ptx(kernel, arguments, device=False, cc=cc, launch_bounds=bounds)
    return ptx


def assemble(ptx, cc):
    """Machine code for this compute capability, out of PTX, by nvJitLink."""
    options = [f"-arch=sm_{cc[0]}{cc[1]}", "-O3"]
    handle = nvjitlink.create(len(options), options)
    try:
        text = ptx.encode()
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, text, len(text), "kernel")
        nvjitlink.complete(handle)
        code = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, code)
    finally:
        nvjitlink.destroy(handle)
    return bytes(code)


class Kernels:
    """Kernels of one compute capability, by name: compiled at most once, and kept on disk as machine code.

    on_compile(done, total, name) is told of each that had to be compiled; expect() says how many there will be.
    blas: cuBLAS, which takes the place of the kernels of matrix products where it is there (cublas.py).
    """

    def __init__(self, cc, on_compile=None):
        self.cc, self.loaded, self.on_compile, self.total, self.blas = cc, {}, on_compile, 0, None
        linker = ".".join(map(str, nvjitlink.version()))
        self.folder = choose()[0] / f"sm_{cc[0]}{cc[1]}-numba-cuda-{version('numba-cuda')}-nvjitlink-{linker}"
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def expect(self, count):
        """So many kernels will be asked for."""
        self.total = count

    def get(self, name, function, kinds, bounds, halts=False):
        """The kernel, ready to be launched."""
        name = f"{name}-halts" if halts else name
        if name not in self.loaded:
            self.loaded[name] = self._read(name) or self._made(name, function, kinds, bounds, halts)
        return self.loaded[name]

    def _path(self, name):
        return self.folder / f"{name}.{FORM}"

    def _read(self, name):
        """The kernel as it was kept; None where it was not, or is damaged."""
        try:
            entry, _, code = self._path(name).read_bytes().partition(b"\n")
            return loaded(entry.decode(), code)
        except Exception:  # whatever is wrong with what is kept, it can be made anew
            return None

    def _made(self, name, function, kinds, bounds, halts):
        ptx = compile_kernel(function, kinds, self.cc, bounds, halts)
        code, entry = assemble(ptx, self.cc), re.search(r"\.entry\s+([\w$]+)", ptx).group(1)
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as part:
            part.write(entry.encode() + b"\n" + code)
        os.replace(part.name, self._path(name))
        if self.on_compile:
            done = len(self.loaded) + 1
            self.on_compile(done, max(done, self.total), name)
        return loaded(entry, code)


def loaded(entry, code):
    """A kernel that can be launched, out of machine code or PTX."""
    return (ObjectCode.from_cubin if code[:4] == ELF else ObjectCode.from_ptx)(code).get_kernel(entry)


# -- a device in use ------------------------------------------------------------------------------------


def checked(answer):
    """What a driver function gave beside its error code; raises where there is one."""
    error, *values = answer
    if int(error) == OUT_OF_MEMORY:
        raise OutOfDeviceMemory("the GPU has no memory left")
    if int(error):
        name = driver.cuGetErrorName(error)[1]
        raise DeviceError(
            f"the CUDA driver answered {name.decode() if isinstance(name, bytes) else name} ({int(error)})"
        )
    return values[0] if len(values) == 1 else tuple(values)


class Gpu:
    """One GPU: memory by address, a stream of work, and kernels."""

    def __init__(self, ordinal=0, on_compile=None):
        self.device = Device(ordinal)
        self.device.set_current()
        self.stream = self.device.create_stream()
        self.name = self.device.name
        self.cc = tuple(self.device.compute_capability)
        self.kernels = Kernels(self.cc, on_compile)

    def memory(self):
        """(free, total) bytes."""
        return checked(driver.cuMemGetInfo())

    def allocate(self, size):
        """The address of so many new bytes; they are this object's for good."""
        return Memory(max(1, int(size)))

    def put(self, address, array):
        """Copy an array to an address."""
        array = np.ascontiguousarray(array)
        if array.nbytes:
            checked(driver.cuMemcpyHtoDAsync(address, array.ctypes.data, array.nbytes, self.stream.handle))
            self.wait()

    def get(self, address, array):
        """Fill a contiguous array from an address."""
        if array.nbytes:
            checked(driver.cuMemcpyDtoHAsync(array.ctypes.data, address, array.nbytes, self.stream.handle))
            self.wait()

    def pinned(self, shape, kind):
        """An array on the host that the device copies from by itself."""
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        address = int(checked(driver.cuMemHostAlloc(max(1, size), 0)))
        buffer = (ctypes.c_ubyte * size).from_address(address)
        weakref.finalize(buffer, driver.cuMemFreeHost, address)
        return np.frombuffer(buffer, kind).reshape(shape)

    def aside(self):
        """The same device with a stream of its own: what is done there waits for nothing here."""
        other = copy(self)
        other.stream = self.device.create_stream()
        return other

    def wait(self):
        """Until all that was asked for is done."""
        checked(driver.cuStreamSynchronize(self.stream.handle))

    def go(self, launches):
        """Launch each of these once, in their order."""
        for one in launches:
            one(self.stream)

    def captured(self, launches):
        """A graph of these launches: graph.launch(stream) replays them all for the price of one."""
        builder = self.device.create_graph_builder()
        builder.begin_building()
        for one in launches:
            one(builder.stream)
        return builder.end_building().complete()

    def replay(self, graph):
        graph.launch(self.stream)


class Memory:
    """Bytes on the device, freed with this object."""

    def __init__(self, size):
        self.size, self.address = size, int(checked(driver.cuMemAlloc(size)))

    def __del__(self):
        if getattr(self, "address", 0):
            driver.cuMemFree(self.address)


class Launch:
    """A kernel with its grid and its arguments, packed once: that the driver copies them is all that is left to do.

    arguments: addresses as int, numbers as NumPy's.
    """

    def __init__(self, rule, sizes, kernel, *arguments):
        grid = rule.grid(sizes)
        if max(grid[1:]) > LONGEST:
            raise DeviceError(
                f"a step is {max(grid[1:]):,} products beside each other, and a GPU takes {LONGEST:,}: make "
                "training.batch_size smaller"
            )
        self.kernel, self.shape = kernel, (*grid, *rule.block, 1, 0)
        self.function = driver.CUfunction(int(kernel.handle))
        self.numbers = [np.array(np.uint64(each) if isinstance(each, int) else each) for each in arguments]
        self.places = np.array([number.ctypes.data for number in self.numbers], np.uint64)
        self.at = self.places.ctypes.data

    def __call__(self, stream):
        (error,) = driver.cuLaunchKernel(self.function, *self.shape, stream.handle, self.at, 0)
        if error:
            checked((error,))
