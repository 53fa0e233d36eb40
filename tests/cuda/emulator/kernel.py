"""A kernel of a PTX text, ready to run: `find_kernel(ptx, name).launch(grid, block, arguments, memory)`."""

from __future__ import annotations

import ctypes
import functools
import platform
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.cuda import compiled
from tests.cuda.emulator import decoding
from tests.cuda.emulator.counters import Traffic
from tests.cuda.emulator.parsing import Module, parse


class Fault(RuntimeError):
    """What would stop a kernel on a device, or should: a wild address, a barrier that not all threads reach."""


class CInstruction(ctypes.Structure):
    _fields_ = (
        ("run", ctypes.c_void_p),
        ("value", ctypes.c_int64),
        ("operands", ctypes.c_int32 * 14),
        ("guard", ctypes.c_int32),
        ("guard_negated", ctypes.c_int32),
        ("flow", ctypes.c_int32),
        ("target", ctypes.c_int32),
        ("computes", ctypes.c_int32),
        ("space", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("count", ctypes.c_int32),
        ("rounding", ctypes.c_int32),
        ("leader", ctypes.c_int32),
        ("source", ctypes.c_int32),
    )


class CConstant(ctypes.Structure):
    _fields_ = (("value", ctypes.c_uint64), ("row", ctypes.c_int32), ("width", ctypes.c_int32))


class CProgram(ctypes.Structure):
    _fields_ = (
        ("instructions", ctypes.POINTER(CInstruction)),
        ("constants", ctypes.POINTER(CConstant)),
        ("instruction_count", ctypes.c_int32),
        ("constant_count", ctypes.c_int32),
        ("row_bytes", ctypes.c_int32),
        ("special_row", ctypes.c_int32),
        ("spare_row", ctypes.c_int32),
        ("shared_bytes", ctypes.c_int32),
        ("local_bytes", ctypes.c_int32),
        ("fenced", ctypes.c_int32),
    )


class CRegion(ctypes.Structure):
    _fields_ = (
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("words", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
    )


class CLaunch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared_bytes", ctypes.c_uint32),
        ("check_races", ctypes.c_int32),
        ("parameters", ctypes.c_void_p),
        ("module_variables", ctypes.POINTER(CRegion)),
        ("module_variable_count", ctypes.c_int64),
        ("counters", ctypes.c_void_p),
        ("instructions", ctypes.c_uint64),
        ("lane_instructions", ctypes.c_uint64),
        ("kinds_found", ctypes.c_uint32),
        ("failed_at", ctypes.c_int32),
        ("failure", ctypes.c_char * 512),
        ("findings", ctypes.c_char * 4096),
    )


def processor() -> bytes:
    """What this processor can do: a library built for another one is built anew."""
    return Path("/proc/cpuinfo").read_bytes().partition(b"flags")[2].partition(b"\n")[0]


@functools.cache
def library() -> ctypes.CDLL:
    """The C part; on x86 built for this very processor, so that its loops use the vectors that it has."""
    flags: tuple[str, ...] = ("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wno-unknown-pragmas")
    if platform.machine() == "x86_64":
        flags += ("-march=native", f"-DPROCESSOR={zlib.crc32(processor())}")
    sources = (f"emulator/{part}.c" for part in ("lanes", "memory", "arithmetic"))
    loaded = ctypes.CDLL(str(compiled.library("emulator.so", *sources, flags=flags)))
    loaded.new_memory.restype = ctypes.c_void_p
    return loaded


@functools.cache
def address_of(function: str) -> int:
    """Where a C function stands; what it was not written for is `unsupported`."""
    try:
        found = getattr(library(), function)
    except AttributeError:
        found = library().unsupported
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)


class Memory:
    """What kernels may touch, with the record of who touched what."""

    def __init__(self) -> None:
        self.pointer = ctypes.c_void_p(library().new_memory())

    def set_regions(self, regions: Sequence[tuple[int, int]]) -> None:
        """Tells of all that is allocated: start and bytes, by address."""
        pairs = np.array(regions, np.uint64).reshape(-1, 2)
        library().set_regions(self.pointer, ctypes.c_void_p(pairs.ctypes.data), ctypes.c_int64(len(pairs)))

    @classmethod
    def of(cls, *arrays: np.ndarray[Any, Any]) -> Memory:
        """The memory of a few arrays."""
        memory = cls()
        memory.set_regions(sorted((array.ctypes.data, array.nbytes) for array in arrays))
        return memory


class Kernel:
    """One kernel, decoded."""

    def __init__(self, module: Module, name: str) -> None:
        entry = module.entries[name]
        self.name, self.module = name, module
        self.texts = [str(instruction) for instruction in entry.instructions]
        self.parameters = [(parameter.offset, parameter.bytes) for parameter in entry.parameters]
        self.shared_bytes = module.shared_bytes
        self.threads_at_most = entry.threads_at_most
        self.instructions = self.lane_instructions = 0
        code = decoding.Decoder(module, entry).decode()
        self._steps = (CInstruction * len(code.steps))(
            *(c_instruction(step, code, entry.labels) for step in code.steps)
        )
        self._constants = (CConstant * len(code.constants))(
            *(CConstant(value, row, width) for (value, width), row in code.constants.items())
        )
        self._program = CProgram(
            self._steps, self._constants, len(code.steps), len(code.constants), code.row_bytes, code.special_row,
            code.spare_row, module.shared_bytes_in_all(), entry.local_bytes, code.fenced,
        )  # fmt: skip
        self._variables = (CRegion * len(module.variables))(
            *(CRegion(v.ctypes.data, v.ctypes.data + v.nbytes, None, None) for v in module.variables.values())
        )
        self._counters = np.zeros((len(self.texts), 3), np.uint64)
        self._values = np.zeros(max((offset + size for offset, size in self.parameters), default=0) + 8, np.uint8)

    def launch(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[bytes],
        memory: Memory,
        shared_bytes: int = 0,
        *,
        check_races: bool = True,
        count_traffic: bool = False,
    ) -> list[str]:
        """Runs a grid to its end and gives what was found; raises `Fault` for what would have ended it before."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(arguments)}")
        for (offset, size), value in zip(self.parameters, arguments, strict=True):
            self._values[offset : offset + size] = np.frombuffer(value, np.uint8)
        launch = CLaunch(
            grid=tuple(grid), block=tuple(block), dynamic_shared_bytes=shared_bytes, check_races=check_races,
            parameters=self._values.ctypes.data, module_variables=self._variables,
            module_variable_count=len(self._variables),
            counters=self._counters.ctypes.data if count_traffic else None,
        )  # fmt: skip
        failed = library().emulate(ctypes.byref(self._program), memory.pointer, ctypes.byref(launch))
        self.instructions += launch.instructions
        self.lane_instructions += launch.lane_instructions
        if failed:
            place = f" in `{self.texts[launch.failed_at]}`" if launch.failed_at >= 0 else ""
            raise Fault(launch.failure.decode() + place)
        return [self._with_instruction(line) for line in launch.findings.decode().splitlines()]

    def _with_instruction(self, line: str) -> str:
        number, _, text = line.partition(" ")
        return f"{text} in `{self.texts[int(number)]}`"

    def traffic(self) -> list[Traffic]:
        """What all launches that counted it have asked of the memory, for each instruction that did."""
        return [
            Traffic(self.texts[place], *(int(value) for value in counted))
            for place, counted in enumerate(self._counters)
            if counted[0]
        ]


def c_instruction(step: decoding.Step, code: decoding.Code, labels: dict[str, int]) -> CInstruction:
    target = len(code.steps) if step.flow == decoding.EXIT else 0
    if step.flow == decoding.BRANCH:
        target = code.starts[labels[step.target]]
    rounding = ctypes.c_int.in_dll(library(), f"rounding_{step.rounding}").value if step.rounding else 0
    return CInstruction(
        address_of(step.function), step.value, tuple(step.operands), step.guard, step.negated, step.flow, target,
        step.computes, step.space, step.width, step.count, rounding, step.leader, step.source,
    )  # fmt: skip


@functools.cache
def find_module(ptx: str) -> Module:
    return parse(ptx)


@functools.cache
def find_kernel(ptx: str, name: str) -> Kernel:
    """A kernel by the name of its entry; each text is taken apart once. KeyError where it has no such entry."""
    return Kernel(find_module(ptx), name)
