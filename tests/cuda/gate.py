"""What a kernel becomes on a real architecture, without one: assembled by nvJitLink, and taken apart by nvdisasm.

A kernel is turned down for what costs a GPU most and shows nowhere else: a stack frame (an array indexed at run time
lives in slow memory), spilled registers, arithmetic in float64, more registers than its block can have.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FLOAT64 = re.compile(r"^\s*(?:@!?%\w+\s+)?((?:add|sub|mul|mad|fma|div|rcp|sqrt|cvt|setp)\.\S*f64\S*)", re.MULTILINE)
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
INSTRUCTION = re.compile(
    r"^\s*(?:/\*[0-9a-f]+\*/)?\s*(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_.]+)?)(?=[\s;])", re.MULTILINE
)
LABEL = re.compile(r"^\.L_\w+:", re.M)


@dataclass(frozen=True)
class Report:
    """What the assembler says of one kernel on one architecture; sizes in bytes."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int
    float64: tuple[str, ...]  # the instructions of the PTX that compute in float64


def text_of(log: bytearray) -> str:
    return log.decode(errors="replace").strip("\0\n ")


def assemble(ptx: str, arch: str) -> tuple[bytes, str]:
    """Machine code for an architecture ("80", "90a", "120"), and what the assembler says about it."""
    from cuda.bindings import nvjitlink

    handle = nvjitlink.create(3, [f"-arch=sm_{arch}", "-O3", "-verbose"])
    try:
        source = ptx.encode()
        try:
            nvjitlink.add_data(handle, nvjitlink.InputType.PTX, source, len(source), "kernel")
            nvjitlink.complete(handle)
        except nvjitlink.nvJitLinkError as error:
            log = bytearray(nvjitlink.get_error_log_size(handle))
            nvjitlink.get_error_log(handle, log)
            raise ValueError(f"sm_{arch} turns the PTX down: {text_of(log)}") from error
        log = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, log)
        cubin = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, cubin)
        return bytes(cubin), text_of(log)
    finally:
        nvjitlink.destroy(handle)


def _number(pattern: re.Pattern[str], log: str) -> int:
    found = pattern.search(log)
    return int(found.group(1)) if found else 0


def report(ptx: str, arch: str) -> Report:
    """Assembles the one kernel in `ptx` and reads the assembler's account."""
    _, log = assemble(ptx, arch)
    found = STACK.search(log)
    if found is None or REGISTERS.search(log) is None:
        raise ValueError(f"the assembler's account for sm_{arch} names no stack frame or no registers: {log!r}")
    stack, stores, loads = map(int, found.groups())
    return Report(_number(REGISTERS, log), stack, stores, loads, _number(SHARED, log), tuple(FLOAT64.findall(ptx)))


def check(name: str, ptx: str, arch: str, registers_at_most: int) -> list[str]:
    """What is wrong with a kernel on an architecture, each with the place, the value met and what would be right."""
    it = report(ptx, arch)
    place = f"{name} on sm_{arch}"
    wrong = []
    if it.registers > registers_at_most:
        wrong.append(f"{place} takes {it.registers} registers; {registers_at_most} are allowed")
    if it.stack:
        wrong.append(f"{place} has a stack of {it.stack} bytes; index local arrays by constants, so that it has none")
    if it.spill_stores or it.spill_loads:
        wrong.append(f"{place} spills {it.spill_stores} bytes and loads {it.spill_loads}; it must keep its registers")
    if it.float64:
        wrong.append(f"{place} computes in float64 ({', '.join(sorted(set(it.float64)))}); write float32(0.5) for 0.5")
    return wrong


def disassembler() -> Path | None:
    """nvdisasm, from its wheel (nvidia-cuda-nvdisasm, nvidia-cuda-nvcc) or from the PATH; None where there is none."""
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(folder).glob("*/bin/nvdisasm")):
            return found
    on_path = shutil.which("nvdisasm")
    return Path(on_path) if on_path else None


def disassembled(cubin: bytes) -> str:
    """The machine code as text."""
    program = disassembler()
    if program is None:
        raise FileNotFoundError("nvdisasm is not installed: pip install nvidia-cuda-nvdisasm")
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        return subprocess.run([program, "-c", file.name], check=True, capture_output=True, text=True).stdout


def instructions(cubin: bytes) -> Counter[str]:
    """How often each machine instruction stands in the code, with its modifiers (FFMA, LDS.128 ...)."""
    return Counter(INSTRUCTION.findall(disassembled(cubin)))


def inner_loop(cubin: bytes) -> Counter[str]:
    """The same of the one stretch between two labels that multiplies and adds the most."""
    stretches = map(Counter, map(INSTRUCTION.findall, LABEL.split(disassembled(cubin))))
    return max(stretches, key=lambda found: count(found, "FFMA"))


def count(found: Counter[str], kind: str) -> int:
    """Instructions of a kind, whatever their modifiers: LDS counts LDS, LDS.64 and LDS.U.128."""
    return sum(times for name, times in found.items() if name.split(".")[0] == kind)


def multiply_adds_per_shared_load(found: Counter[str]) -> float:
    """Arithmetic against traffic in the code of a matrix product: an 8 by 8 tile has 64 FFMA for 4 LDS.128."""
    loads = count(found, "LDS")
    return count(found, "FFMA") / loads if loads else float("inf")
