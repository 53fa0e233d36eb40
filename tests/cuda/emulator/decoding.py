"""Instructions with names, decoded once into instructions with rows: what the C part of the emulator runs.

`OPERATIONS` is the table of what is known: the first word of an instruction, and the method that emits one or more
steps for it. A step is a C function (arithmetic.c, memory.c, lanes.c) and the rows of its operands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.cuda.emulator.parsing import SIZES, Function, Module

SHARED_WINDOW, LOCAL_WINDOW = 0x7E000000000000, 0x7D000000000000
GENERIC, GLOBAL, SHARED, LOCAL = range(4)
ON, BRANCH, EXIT, BARRIER = range(4)

AXES = [f"%{name}.{axis}" for name in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"]
MASKS = [f"%lanemask_{which}" for which in ("eq", "lt", "le", "gt", "ge")]
SPECIALS = [
    *AXES, "%laneid", "%warpid", "%nwarpid", *MASKS, "%dynamic_smem_size", "%total_smem_size", "%clock",
]  # fmt: skip
OTHER_NAMES = {"%clock64": "%clock", "%globaltimer": "%clock", "%clock_hi": "%clock"}

ADDRESS = re.compile(r"^\[\s*([\w$%.]+?)\s*(?:\+\s*(-?\d+))?\s*\]$")
SYMBOL = re.compile(r"^([\w$%.]+?)(?:\s*\+\s*(-?\d+))?$")
COMPARISONS = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}


class Unsupported(NotImplementedError):
    """An instruction that the emulator does not know; an error only where a kernel comes to it."""


@dataclass
class Step:
    """One call of a C function."""

    function: str
    operands: list[int]
    value: int = 0
    guard: int = -1
    negated: bool = False
    flow: int = ON
    target: str = ""
    computes: bool = True
    space: int = GENERIC
    width: int = 0
    count: int = 1
    rounding: str = ""
    leader: bool = False
    source: int = 0


@dataclass
class Code:
    """A kernel, decoded."""

    steps: list[Step] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # the first step of each instruction
    constants: dict[tuple[int, int], int] = field(default_factory=dict)  # (bits, width): row
    row_bytes: int = 0
    special_row: int = 0
    spare_row: int = 0
    fenced: bool = False


def bits(type_: str) -> str:
    """The unsigned type of the same size, for what does not care."""
    return f"u{8 * SIZES[type_]}"


def is_float(type_: str) -> bool:
    return type_.startswith("f")


class Decoder:
    """Decodes one kernel. Rows are counted in bytes a thread; a block's rows are whole warps, so none is misaligned."""

    def __init__(self, module: Module, entry: Function) -> None:
        self.module, self.entry = module, entry
        self.code = Code()
        self.rows = {name: self.new_row(SIZES[kind]) for name, kind in entry.registers.items()}
        self.widths = {name: SIZES[kind] for name, kind in entry.registers.items()}
        self.code.special_row = self.code.row_bytes
        for name in SPECIALS:
            self.rows[name], self.widths[name] = self.new_row(4), 4
        self.code.spare_row = self.new_row(8)
        self.carry = self.new_row(1)
        self.parameters = {parameter.name: parameter.offset for parameter in entry.parameters}
        self.temporaries: list[int] = []
        self.temporary_count = 0
        self.it = entry.instructions[0]
        self.source = 0

    def decode(self) -> Code:
        for source, instruction in enumerate(self.entry.instructions):
            self.source, self.it = source, instruction
            start = len(self.code.steps)
            self.code.starts.append(start)
            self.temporary_count = 0
            try:
                if self.it.operation[0] not in OPERATIONS:
                    raise Unsupported(str(self.it))
                OPERATIONS[self.it.operation[0]](self)
            except Unsupported:
                del self.code.steps[start:]
                self.step("unsupported", computes=False)
        self.mark_leaders()
        return self.code

    def mark_leaders(self) -> None:
        """A basic block starts at a label, behind whatever may go elsewhere, and at a barrier."""
        steps = self.code.steps
        for label in self.entry.labels.values():
            steps[self.code.starts[label]].leader = True
        for step, following in zip(steps, [*steps[1:], steps[0]], strict=True):
            if step.flow != ON:
                following.leader = True
                step.leader = step.leader or step.flow == BARRIER

    # Rows ------------------------------------------------------------------------------------------------------------

    def new_row(self, width: int) -> int:
        self.code.row_bytes += width
        return self.code.row_bytes - width

    def temporary(self) -> int:
        """A row for what lies between two steps of one instruction."""
        if self.temporary_count == len(self.temporaries):
            self.temporaries.append(self.new_row(8))
        self.temporary_count += 1
        return self.temporaries[self.temporary_count - 1]

    def constant(self, value: int, width: int) -> int:
        key = value % (1 << 8 * width), width
        if key not in self.code.constants:
            self.code.constants[key] = self.new_row(width)
        return self.code.constants[key]

    def step(self, function: str, *operands: int, **more: object) -> None:
        step = Step(function, list(operands), **more)  # type: ignore[arg-type]
        step.guard = self.rows[self.it.guard] if self.it.guard else -1
        step.negated, step.source = self.it.negated, self.source
        self.code.steps.append(step)

    # Operands --------------------------------------------------------------------------------------------------------

    @property
    def words(self) -> tuple[str, ...]:
        return self.it.operation

    @property
    def type(self) -> str:
        return self.known_type(self.it.operation[-1])

    def known_type(self, type_: str) -> str:
        if type_ not in SIZES:
            raise Unsupported(f"{self.it}: type {type_}")
        return type_

    def operand(self, place: int, type_: str | None = None) -> int:
        """The row that holds an operand as a value of a type."""
        return self.read(self.it.operands[place], type_ or self.type)

    def read(self, text: str, type_: str) -> int:
        if text.startswith("!"):
            row = self.temporary()
            self.step("not_pred", row, self.read(text[1:], "pred"), width=1)
            return row
        width, text = SIZES[type_], OTHER_NAMES.get(text, text)
        if text not in self.rows:
            return self.constant(self.immediate(text, type_), width)
        row, held = self.rows[text], self.widths[text]
        if held == width:
            return row
        cut = self.temporary()
        self.step(f"cvt_u{8 * width}_u{8 * held}", cut, row, width=width)
        return cut

    def immediate(self, text: str, type_: str) -> int:
        """The bits of a number or of an address."""
        width = SIZES[type_]
        if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", text):
            value = int(text[2:], 16)
            if type_ != "f64":
                return value
            return int(np.array(value, np.uint32).view(np.float32).astype(np.float64).view(np.uint64))
        if re.fullmatch(r"0[dD][0-9a-fA-F]{16}", text):
            return int(text[2:], 16)
        if re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|\d+)U?", text):
            value = int(text.rstrip("U"), 0)
            return int(np.array(value, f"f{width}").view(f"u{width}")) if is_float(type_) else value
        if re.fullmatch(r"-?\d*\.\d+(e[-+]?\d+)?", text):
            return int(np.array(float(text), f"f{width}").view(f"u{width}"))
        return self.address_of(text)

    def address_of(self, text: str) -> int:
        found = SYMBOL.match(text)
        if found:
            name, offset = found.group(1), int(found.group(2) or 0)
            if name in self.module.shared:
                start = self.module.shared[name]
                return (self.module.shared_bytes_rounded() if start is None else start) + offset
            if name in self.entry.local:
                return self.entry.local[name] + offset
            if name in self.module.variables:
                return int(self.module.variables[name].ctypes.data) + offset
        raise Unsupported(f"{self.it}: what is {text}?")

    def address(self, place: int) -> tuple[int, int]:
        """The row of the base of `[%rd1+8]`, and the offset."""
        found = ADDRESS.match(self.it.operands[place])
        if not found:
            raise Unsupported(str(self.it))
        name, offset = found.group(1), int(found.group(2) or 0)
        return self.read(name, "u64"), offset

    def write(self, function: str, type_: str, *operands: int, to: str | None = None, **more: object) -> None:
        """A step whose result goes to the first operand, and what its suffixes say is done to it afterwards."""
        row, finish = self.result(to or self.it.operands[0], type_)
        self.step(function, row, *operands, width=SIZES[type_], **more)
        if "sat" in self.words and is_float(type_):
            self.step(f"saturate_{type_}", row, row, width=SIZES[type_])
        if "ftz" in self.words and type_ == "f32":
            self.step("flush_f32", row, row, width=4)
        finish()

    def result(self, name: str, type_: str) -> tuple[int, Callable[[], None]]:
        """The row for a result, and what carries it to its register where that one is wider or narrower."""
        if name == "_":
            return self.temporary(), lambda: None
        width, held = SIZES[type_], self.widths[name]
        if width == held:
            return self.rows[name], lambda: None
        row, sign = self.temporary(), "s" if type_.startswith("s") else "u"
        fill = f"cvt_{sign}{8 * held}_{sign}{8 * width}"
        return row, lambda: self.step(fill, self.rows[name], row, width=held)

    def rounding(self) -> str:
        return next((word for word in self.words if word in ("rz", "rm", "rp")), "")

    def space(self) -> int:
        for word in self.words:
            kind = word.split("::")[0]
            if kind in ("global", "const", "shared", "local"):
                return {"global": GLOBAL, "const": GLOBAL, "shared": SHARED, "local": LOCAL}[kind]
        return GENERIC

    # Instructions that compute ---------------------------------------------------------------------------------------

    def same_type(self, operand_count: int, *, untyped: bool = False) -> None:
        """d = operation(a, b ...), all of one type."""
        type_ = bits(self.type) if untyped or self.type[0] not in "usf" else self.type
        name = self.words[0] + ("_NaN" if "NaN" in self.words else "")
        if "f16x2" in self.words or "xorsign" in self.words or "relu" in self.words:
            raise Unsupported(str(self.it))
        rows = [self.operand(1 + place, type_) for place in range(operand_count)]
        self.write(f"{name}_{type_}", type_, *rows, rounding=self.rounding())

    def one(self) -> None:
        self.same_type(1)

    def two(self) -> None:
        if "cc" in self.words or self.words[0] in ("addc", "subc"):
            self.with_carry(self.words[0], self.operand(1, bits(self.type)), self.operand(2, bits(self.type)))
        else:
            self.same_type(2)

    def with_carry(self, name: str, first: int, second: int) -> None:
        type_ = bits(self.type)
        row, finish = self.result(self.it.operands[0], type_)
        name = f"{name}_{type_}" if name in ("addc", "subc") else f"{name}_cc_{type_}"
        self.step(name, row, first, second, self.carry, computes=False, value=int("cc" in self.words))
        finish()

    def three(self) -> None:
        self.same_type(3)

    def of_bits(self) -> None:
        self.same_type(1 if self.words[0] in ("not", "cnot") else 2, untyped=True)

    def logical_not(self) -> None:
        if self.type == "pred":
            self.write("not_pred", "pred", self.operand(1))
        else:
            self.of_bits()

    def product(self) -> None:
        """mul and mad, of which wide makes twice the width and hi the upper half."""
        type_, third = self.type, self.words[0] != "mul"
        if is_float(type_):
            if third:
                self.it = self.it._replace(operation=("fma", *self.words[1:]))
            return self.same_type(3 if third else 2)
        half = "wide" if "wide" in self.words else "hi" if "hi" in self.words else ""
        made = f"{type_[0]}{16 * SIZES[type_]}" if half == "wide" else type_
        first, second = self.operand(1), self.operand(2)
        if self.words[0] == "madc" or "cc" in self.words:
            partial = self.temporary()
            self.step("_".join(filter(None, ("mul", half, type_))), partial, first, second, width=SIZES[made])
            self.with_carry("addc" if self.words[0] == "madc" else "add", partial, self.operand(3, bits(type_)))
            return None
        rows = [first, second, *([self.operand(3, made)] if third else [])]
        return self.write("_".join(filter(None, ("mad" if third else "mul", half, type_))), made, *rows)

    def shift(self) -> None:
        type_ = self.type if self.type[0] in "us" else bits(self.type)
        self.write(f"{self.words[0]}_{type_}", type_, self.operand(1, type_), self.operand(2, "u32"))

    def counted_bits(self) -> None:
        type_ = self.type if self.words[0] == "bfind" else bits(self.type)
        if "shiftamt" in self.words and type_ != "u32":
            raise Unsupported(str(self.it))
        word = f"{self.words[0]}_shiftamt" if "shiftamt" in self.words else self.words[0]
        self.write(f"{word}_{type_}", "u32", self.operand(1, type_))

    def bit_field(self) -> None:
        type_ = bits(self.type) if self.words[0] == "bfi" else self.type
        values = 2 if self.words[0] == "bfi" else 1
        rows = [self.operand(1 + place, type_) for place in range(values)]
        fields = [self.operand(1 + values + place, "u32") for place in range(2)]
        self.write(f"{self.words[0]}_{type_}", type_, *rows, *fields)

    def reverse(self) -> None:
        self.write(f"brev_{bits(self.type)}", bits(self.type), self.operand(1, bits(self.type)))

    def permute(self) -> None:
        if len(self.words) > 2:
            raise Unsupported(str(self.it))
        self.write("prmt_u32", "u32", *(self.operand(place, "u32") for place in (1, 2, 3)))

    def funnel_shift(self) -> None:
        self.write("_".join(self.words[:3]), "u32", *(self.operand(place, "u32") for place in (1, 2, 3)))

    def lookup(self) -> None:
        table = int(self.it.operands[4], 0)
        self.write("lop3_u32", "u32", *(self.operand(place, "u32") for place in (1, 2, 3)), value=table)

    def comparison(self, row: int, type_: str) -> None:
        """Writes to a row whether two operands compare as the second word says."""
        kind = type_ if type_[0] in "usf" else bits(type_)
        name = COMPARISONS.get(self.words[1], self.words[1])
        self.step(f"{name}_{kind}", row, self.operand(1, type_), self.operand(2, type_), width=1)

    def set_predicate(self) -> None:
        row = self.temporary()
        self.comparison(row, self.type)
        if len(self.it.operands) > 3:
            joined = self.operand(3, "pred")
            self.step(f"{self.words[2]}_u8", row, row, joined, width=1)
        names = self.it.operands[0].split("|")
        self.step("copy_u8", self.rows[names[0]], row, width=1)
        if len(names) > 1 and names[1] != "_":
            self.step("not_pred", self.rows[names[1]], row, width=1)

    def set_number(self) -> None:
        row, made = self.temporary(), self.known_type(self.words[-2])
        self.comparison(row, self.type)
        yes = self.immediate("0f3F800000", "f32") if made == "f32" else 0xFFFFFFFF
        self.write("selp_u32", "u32", self.constant(yes, 4), self.constant(0, 4), row)

    def select(self) -> None:
        type_ = bits(self.type)
        self.write(f"selp_{type_}", type_, self.operand(1, type_), self.operand(2, type_), self.operand(3, "pred"))

    def select_by_sign(self) -> None:
        row, kind, made = self.temporary(), self.type, bits(self.known_type(self.words[-2]))
        self.step(f"ge_{kind}", row, self.operand(3), self.constant(0, SIZES[kind]), width=1)
        self.write(f"selp_{made}", made, self.operand(1, made), self.operand(2, made), row)

    def convert(self) -> None:
        made, given = self.words[-2], self.type
        if made == "tf32":
            return self.write("cvt_tf32_u32", "u32", self.operand(1, "u32"))
        if "relu" in self.words or "f16x2" in self.words:
            raise Unsupported(str(self.it))
        made, row = self.known_type(made), self.operand(1)
        whole = next((word for word in self.words if word in ("rni", "rzi", "rmi", "rpi")), "")
        if is_float(given) and whole:
            rounded = self.temporary()
            self.step(f"{whole}_{given}", rounded, row, width=SIZES[given])
            row = rounded
        if made == given and is_float(made):
            return self.write(f"copy_{bits(made)}", made, row)
        saturated = "sat_" if "sat" in self.words and not is_float(made) and not is_float(given) else ""
        names = [bits(type_) if type_.startswith("b") else type_ for type_ in (made, given)]
        return self.write(f"cvt_{saturated}{names[0]}_{names[1]}", made, row, rounding=self.rounding())

    def test(self) -> None:
        self.write(f"{self.words[1]}_{self.type}", "pred", self.operand(1))

    # Moves and addresses ---------------------------------------------------------------------------------------------

    def parts(self, text: str) -> list[str]:
        return [part.strip() for part in text.strip("<>").split(",")] if text.startswith("<") else [text]

    def move(self) -> None:
        to, given = self.it.operands
        if to.startswith("<"):
            names = self.parts(to)
            part = f"u{8 * SIZES[self.type] // len(names)}"
            results = [self.result(name, part) for name in names]
            name = f"unpack_{len(names)}_uint{part[1:]}"
            self.step(name, *(row for row, _ in results), self.operand(1, bits(self.type)), computes=False)
            for _, finish in results:
                finish()
        elif given.startswith("<"):
            names = self.parts(given)
            part = f"u{8 * SIZES[self.type] // len(names)}"
            rows = [self.read(name, part) for name in names]
            self.write(f"pack_{len(names)}_uint{part[1:]}", bits(self.type), *rows)
        else:
            self.write(f"copy_{bits(self.type)}", bits(self.type), self.operand(1))

    def convert_address(self) -> None:
        type_ = bits(self.type)
        window = {SHARED: SHARED_WINDOW, LOCAL: LOCAL_WINDOW}.get(self.space(), 0)
        row = self.operand(1, "u64")
        if type_ != "u64":
            raise Unsupported(str(self.it))
        self.write("to_generic", "u64", row, value=-window if "to" in self.words else window)

    def is_space(self) -> None:
        window = {SHARED: SHARED_WINDOW, LOCAL: LOCAL_WINDOW}.get(self.space())
        name = "is_global" if window is None else "is_in_window"
        self.write(name, "pred", self.operand(1, "u64"), value=window or 0)

    # Memory ----------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        type_, names = self.type, self.parts(self.it.operands[0])
        kind = f"u{8 * SIZES[type_]}"
        results = [self.result(name, type_) for name in names]
        rows = [row for row, _ in results]
        if "param" in self.words:
            self.load_parameter(rows, kind)
        else:
            base, offset = self.address(1)
            self.step(
                f"load_{kind[1:]}", *rows, base, value=offset, computes=False, space=self.space(), width=SIZES[type_],
                count=len(rows),
            )  # fmt: skip
        for _, finish in results:
            finish()

    def load_parameter(self, rows: list[int], kind: str) -> None:
        found = ADDRESS.match(self.it.operands[1])
        if not found or found.group(1) not in self.parameters:
            raise Unsupported(str(self.it))
        offset = self.parameters[found.group(1)] + int(found.group(2) or 0)
        for place, row in enumerate(rows):
            at = offset + place * int(kind[1:]) // 8
            self.step(f"parameter_{kind[1:]}", row, value=at, computes=False)

    def store(self) -> None:
        if "param" in self.words:
            raise Unsupported(str(self.it))
        kind = bits(self.type)
        rows = [self.read(name, kind if name in self.rows else self.type) for name in self.parts(self.it.operands[1])]
        base, offset = self.address(0)
        self.step(
            f"store_{kind[1:]}", *rows, base, value=offset, computes=False, space=self.space(), width=SIZES[kind],
            count=len(rows),
        )  # fmt: skip

    def atomic(self) -> None:
        """atom gives what was there before; red does not."""
        kinds = ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
        kind = next((word for word in self.words[1:] if word in kinds), "")
        gives = self.words[0] == "atom"
        type_ = self.type
        name = type_ if type_[0] in "usf" and kind in kinds[:3] else f"b{8 * SIZES[type_]}"
        if kind in ("inc", "dec"):
            name = "u32"
        base, offset = self.address(int(gives))
        values = [self.read(text, type_) for text in self.it.operands[1 + gives :]]
        row, finish = self.result(self.it.operands[0], type_) if gives else (-1, lambda: None)
        self.step(
            f"atomic_{kind}_{name}", row, base, values[0], values[1] if len(values) > 1 else -1, value=offset,
            computes=False, space=self.space(), width=SIZES[type_],
        )  # fmt: skip
        finish()

    # Between threads -------------------------------------------------------------------------------------------------

    def barrier(self) -> None:
        if "warp" in self.words:
            return self.step("sync_warp", computes=False)
        if "arrive" in self.words:
            raise Unsupported(str(self.it))
        reduces = "red" in self.words
        number = self.it.operands[1 if reduces else 0]
        if number != "0" or len(self.it.operands) > (3 if reduces else 1):
            raise Unsupported(f"{self.it}: only barrier 0 of the whole block is known")
        if not reduces:
            return self.step("nothing", computes=False, flow=BARRIER)
        kind = next(word for word in self.words if word in ("popc", "and", "or"))
        name = {"popc": "barrier_count", "and": "barrier_and", "or": "barrier_or"}[kind]
        row = self.rows[self.it.operands[0]]
        return self.step(name, row, self.operand(2, "pred"), computes=False, flow=BARRIER)

    def vote(self) -> None:
        if "sync" not in self.words:
            raise Unsupported(str(self.it))
        mode = next(word for word in self.words if word in ("all", "any", "uni", "ballot"))
        row = self.rows[self.it.operands[0]]
        self.step(f"vote_{mode}", row, self.operand(1, "pred"), self.operand(2, "u32"), computes=False)

    def shuffle(self) -> None:
        if "sync" not in self.words:
            raise Unsupported(str(self.it))
        mode = next(place for place, word in enumerate(("up", "down", "bfly", "idx")) if word in self.words)
        names = self.it.operands[0].split("|")
        in_range = self.rows[names[1]] if len(names) > 1 and names[1] != "_" else -1
        rows = [self.operand(place, "u32") for place in (1, 2, 3, 4)]
        self.step("shuffle", self.rows[names[0]], in_range, *rows, value=mode, computes=False)

    def active_mask(self) -> None:
        self.step("activemask", self.rows[self.it.operands[0]], computes=False)

    def matrix_product(self) -> None:
        if "m16n8k8" not in self.words or self.words[-4:] != ("f32", "tf32", "tf32", "f32"):
            raise Unsupported(str(self.it))
        rows = [self.read(name, "u32") for text in self.it.operands for name in self.parts(text)]
        self.step("mma_m16n8k8_tf32", *rows, computes=False)

    # Flow ------------------------------------------------------------------------------------------------------------

    def branch(self) -> None:
        self.step("nothing", computes=False, flow=BRANCH, target=self.it.operands[0])

    def leave(self) -> None:
        self.step("nothing", computes=False, flow=EXIT)

    def trap(self) -> None:
        self.step("trap", computes=False)

    def nothing(self) -> None:
        self.step("nothing", computes=False)

    def fence(self) -> None:
        wide = {"gl", "sys", "gpu"} & set(self.words)
        self.code.fenced = self.code.fenced or bool(wide)
        self.nothing()


def named(method: Callable[[Decoder], None], *names: str) -> dict[str, Callable[[Decoder], None]]:
    return dict.fromkeys(names, method)


OPERATIONS: dict[str, Callable[[Decoder], None]] = {
    **named(Decoder.one, "neg", "abs", "ex2", "lg2", "rcp", "sqrt", "rsqrt", "sin", "cos", "tanh"),
    **named(Decoder.two, "add", "sub", "addc", "subc", "div", "rem", "min", "max", "copysign"),
    **named(Decoder.three, "fma"),
    **named(Decoder.product, "mul", "mad", "madc"),
    **named(Decoder.of_bits, "and", "or", "xor", "cnot"),
    **named(Decoder.logical_not, "not"),
    **named(Decoder.shift, "shl", "shr"),
    **named(Decoder.counted_bits, "popc", "clz", "bfind"),
    **named(Decoder.bit_field, "bfe", "bfi"),
    **named(Decoder.reverse, "brev"),
    **named(Decoder.permute, "prmt"),
    **named(Decoder.funnel_shift, "shf"),
    **named(Decoder.lookup, "lop3"),
    **named(Decoder.set_predicate, "setp"),
    **named(Decoder.set_number, "set"),
    **named(Decoder.select, "selp"),
    **named(Decoder.select_by_sign, "slct"),
    **named(Decoder.convert, "cvt"),
    **named(Decoder.test, "testp"),
    **named(Decoder.move, "mov"),
    **named(Decoder.convert_address, "cvta"),
    **named(Decoder.is_space, "isspacep"),
    **named(Decoder.load, "ld", "ldu"),
    **named(Decoder.store, "st"),
    **named(Decoder.atomic, "atom", "red"),
    **named(Decoder.barrier, "bar", "barrier"),
    **named(Decoder.vote, "vote"),
    **named(Decoder.shuffle, "shfl"),
    **named(Decoder.active_mask, "activemask"),
    **named(Decoder.matrix_product, "mma"),
    **named(Decoder.branch, "bra"),
    **named(Decoder.leave, "ret", "exit"),
    **named(Decoder.trap, "trap"),
    **named(Decoder.fence, "membar", "fence"),
    **named(Decoder.nothing, "nanosleep", "prefetch", "prefetchu", "griddepcontrol"),
}
