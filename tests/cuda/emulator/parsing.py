"""PTX as text, taken apart: declarations, labels and instructions; nothing is understood yet.

Written from the PTX ISA manual for what libNVVM writes; whatever it does not know is an error that shows the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = {
    "pred": 1, "b8": 1, "u8": 1, "s8": 1, "b16": 2, "u16": 2, "s16": 2, "f16": 2, "b32": 4, "u32": 4, "s32": 4,
    "f32": 4, "f16x2": 4, "b64": 8, "u64": 8, "s64": 8, "f64": 8,
}  # fmt: skip

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r"^\s*\.(version|target|address_size|file|loc|section)\b[^\n]*", re.MULTILINE)
DECLARATION = re.compile(
    r"(?:\.(?:visible|extern|weak|common)\s+)*\.(?P<space>shared|local|global|const|param)\s+"
    r"(?:\.align\s+(?P<align>\d+)\s+)?(?:\.attribute\([^)]*\)\s*)?(?:\.ptr\s*)?\.(?P<type>\w+)\s*(?:\.ptr\s*)?"
    r"(?:\.(?:global|shared|const|local)\s*)?(?:\.align\s+\d+\s+)?(?P<name>[\w$%.]+)\s*"
    r"(?P<array>\[\s*\d*\s*\])?(?:\s*=\s*(?P<values>.*))?$",
    re.DOTALL,
)
SPACE = re.compile(r"\.(shared|local|global|const|param)\b")
HEAD = re.compile(
    r"\.(?P<kind>entry|func)\b\s*(?:\([^)]*\))?\s*(?P<name>[\w$.]+)\s*(?P<parameters>\(.*?\))?", re.DOTALL
)
LABEL = re.compile(r"^([\w$]+):\s*(?!:)")
INSTRUCTION = re.compile(r"^(?:@(!?)([\w%$]+)\s+)?([a-z][\w.:]*)\s*(.*)$", re.DOTALL)
NUMBERED = re.compile(r"(.*)<(\d+)>$")
THREADS = re.compile(r"\.maxntid\s+(\d+)(?:\s*,\s*(\d+))?(?:\s*,\s*(\d+))?")


class ParsingError(ValueError):
    """Text that is not PTX, or PTX that this emulator does not know."""


class Instruction(NamedTuple):
    """One instruction: `@!%p1 add.s32 %r1, %r2, 3` is (True, "%p1", ("add", "s32"), ("%r1", "%r2", "3"))."""

    negated: bool
    guard: str | None
    operation: tuple[str, ...]
    operands: tuple[str, ...]

    def __str__(self) -> str:
        guard = f"@{'!' * self.negated}{self.guard} " if self.guard else ""
        return f"{guard}{'.'.join(self.operation)} {', '.join(self.operands)}".strip()


class Parameter(NamedTuple):
    name: str
    offset: int
    bytes: int


@dataclass
class Function:
    """The body of an entry: its registers by name, its instructions, and where the labels stand among them."""

    name: str
    parameters: list[Parameter] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    local: dict[str, int] = field(default_factory=dict)
    local_bytes: int = 0
    threads_at_most: int = 1024


@dataclass
class Module:
    """All entries of a text, with the shared memory and the module variables that they use."""

    entries: dict[str, Function] = field(default_factory=dict)
    shared: dict[str, int | None] = field(default_factory=dict)  # None: dynamic, after all others
    shared_bytes: int = 0
    variables: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def shared_bytes_rounded(self) -> int:
        """Where dynamic shared memory begins."""
        return rounded_up(self.shared_bytes, 16)

    def shared_bytes_in_all(self) -> int:
        """Without what a launch adds."""
        return self.shared_bytes_rounded() if None in self.shared.values() else self.shared_bytes


class Declaration(NamedTuple):
    space: str
    type: str
    align: int
    name: str
    bytes: int
    values: str | None


def declaration(text: str) -> Declaration:
    """Reads `.shared .align 4 .b8 name[64] = {...}`."""
    found = DECLARATION.match(text)
    if not found or found["type"] not in SIZES:
        raise ParsingError(f"cannot read the declaration {text[:120]!r}")
    size = SIZES[found["type"]]
    count = int(found["array"].strip("[] \t") or 0) if found["array"] else 1
    return Declaration(
        found["space"], found["type"], int(found["align"] or size), found["name"], count * size, found["values"]
    )


def rounded_up(offset: int, align: int) -> int:
    return -(-offset // align) * align


def parse(ptx: str) -> Module:
    """Takes a whole text apart."""
    text = DIRECTIVE.sub("", COMMENT.sub("", ptx))
    module = Module()
    place = 0
    while place < len(text):
        ends = [found for found in (text.find(";", place), text.find("{", place)) if found >= 0]
        if not ends:
            break
        end = min(ends)
        head = text[place:end].strip()
        if text[end] == "{" and (".entry" in head or ".func" in head):
            close = closing_brace(text, end)
            if ".entry" in head:
                add_entry(module, head, text[end + 1 : close])
            place = close + 1
            continue
        if text[end] == "{":  # the values of a variable
            end = text.index(";", end)
            head = text[place:end].strip()
        if SPACE.search(head) and ".func" not in head:
            add_variable(module, head)
        place = end + 1
    return module


def closing_brace(text: str, place: int) -> int:
    depth = 0
    for found in re.finditer(r"[{}]", text[place:]):
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return place + found.start()
    raise ParsingError("a brace is opened and not closed")


def add_variable(module: Module, text: str) -> None:
    it = declaration(text)
    if it.space == "shared":
        add_shared(module, it)
        return
    memory = np.zeros(max(it.bytes, 1) + 16, np.uint8)
    if it.values:
        given = it.values.strip().strip("{}").split(",")
        size = SIZES[it.type]
        numbers = [int(value, 0) % (1 << 8 * size) for value in given if value.strip()]
        written = np.array(numbers, f"u{size}").view(np.uint8)
        memory[: written.size] = written
    module.variables[it.name] = memory


def add_shared(module: Module, it: Declaration) -> None:
    if it.bytes == 0:
        module.shared[it.name] = None
        return
    module.shared[it.name] = rounded_up(module.shared_bytes, it.align)
    module.shared_bytes = rounded_up(module.shared_bytes, it.align) + it.bytes


def add_entry(module: Module, head: str, body: str) -> None:
    found = HEAD.search(head)
    if not found:
        raise ParsingError(f"cannot read the head of a kernel: {head[:200]!r}")
    entry = Function(found["name"])
    threads = THREADS.search(head)
    if threads:
        entry.threads_at_most = int(np.prod([int(size) for size in threads.groups() if size]))
    offset = 0
    for text in (found["parameters"] or "()").strip("()").split(","):
        if text.strip():
            it = declaration(text.strip())
            offset = rounded_up(offset, it.align)
            entry.parameters.append(Parameter(it.name, offset, it.bytes))
            offset += it.bytes
    # Vector operands are written in braces, as blocks are: {a,b} becomes <a,b>.
    for statement in re.split(r"[;{}]", re.sub(r"\{([^{};]*)\}", r"<\1>", body)):
        add_statement(module, entry, statement.strip())
    entry.instructions.append(Instruction(False, None, ("ret",), ()))
    module.entries[entry.name] = entry


def add_statement(module: Module, entry: Function, text: str) -> None:
    while label := LABEL.match(text):
        entry.labels[label.group(1)] = len(entry.instructions)
        text = text[label.end() :]
    if not text:
        return
    if text.startswith(".reg"):
        add_registers(entry, text)
    elif SPACE.match(text):
        it = declaration(text)
        if it.space == "shared":
            add_shared(module, it)
        else:
            entry.local[it.name] = rounded_up(entry.local_bytes, it.align)
            entry.local_bytes = rounded_up(entry.local_bytes, it.align) + it.bytes
    elif not text.startswith("."):
        found = INSTRUCTION.match(text)
        if not found:
            raise ParsingError(f"cannot read the instruction {text[:120]!r}")
        negated, guard, operation, operands = found.groups()
        entry.instructions.append(Instruction(negated == "!", guard, tuple(operation.split(".")), split(operands)))


def add_registers(entry: Function, text: str) -> None:
    """Reads `.reg .b32 %r<12>, %special`."""
    _, kind, names = text.split(None, 2)
    for name in names.split(","):
        numbered = NUMBERED.match(name.strip())
        if numbered:
            entry.registers |= {f"{numbered.group(1)}{i}": kind.strip(".") for i in range(int(numbered.group(2)))}
        else:
            entry.registers[name.strip()] = kind.strip(".")


def split(operands: str) -> tuple[str, ...]:
    """Splits at commas that stand in no bracket."""
    return tuple(part.strip() for part in re.split(r",(?![^\[(<]*[\])>])", operands) if part.strip())
