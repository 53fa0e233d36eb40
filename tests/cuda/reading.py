"""The hottest kernels, read without running them: what the assembler makes of them, and what they ask of the memory.

`python -m tests.cuda.reading` writes the table that stands in docs/cuda.md; tests hold the limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cuda import gate, stand_in
from tuinet.kernels import OPS

ARCH, CC = "80", (8, 0)
SIZES = "wide"  # of the trial whose traffic is counted
MULTIPLIES = 12.0  # multiply-adds for a load from shared memory, at the least, in a product
PER_ELEMENT = 24  # instructions for an element, at most, in what treats all alike
IDEAL = 1.25  # sectors that are moved for each that has to be, at most, where memory is all that is waited for

HOTTEST = {  # op and number of its kernel: which limits it has to keep
    ("matmul_nn", 0): "multiplies",
    ("matmul_tn", 0): "multiplies",
    ("conv2d", 0): "multiplies",
    ("attention", 0): "",
    ("attend", 0): "",
    ("lstm", 0): "",
    ("cross_entropy", 0): "memory",
    ("layer_norm", 0): "memory",
    ("sum_rows", 0): "memory",
    ("relu", 0): "elements memory",
    ("add", 0): "elements memory",
    ("adam", 0): "memory",
}


@dataclass(frozen=True)
class Reading:
    """One kernel. instructions: in its code, all of it; ratio: sectors moved for each that has to be, over all."""

    op: str
    number: int
    registers: int
    shared: int
    instructions: int
    multiplies: float  # multiply-adds for each load from shared memory in its innermost loop; 0 where there are none
    ratio: float
    limits: str

    @property
    def wrong(self) -> list[str]:
        """What does not keep to its limits."""
        found = []
        if "multiplies" in self.limits and self.multiplies < MULTIPLIES:
            found.append(f"{self.op}: {self.multiplies:.1f} multiply-adds a shared load, of at least {MULTIPLIES}")
        if "elements" in self.limits and self.instructions > PER_ELEMENT:
            found.append(f"{self.op}: {self.instructions} instructions an element, of at most {PER_ELEMENT}")
        if "memory" in self.limits and self.ratio > IDEAL:
            found.append(f"{self.op}: moves {self.ratio:.2f} times the sectors that it must, of at most {IDEAL}")
        return found


def read(gpu: stand_in.StandIn, op: str, number: int) -> Reading:
    """Assembles a kernel, takes it apart, and counts the traffic of a trial of its op."""
    from tuinet.engine.cuda import driver, machine

    kernel, launch = OPS[op].cuda_stages[number]
    ptx = driver.compile_kernel(kernel, machine.kinds_of(OPS[op]), CC, launch.bounds)
    code = gate.assemble(ptx, ARCH)[0]
    report, found, loop = gate.report(ptx, ARCH), gate.instructions(code), gate.inner_loop(code)
    multiplies = gate.multiply_adds_per_shared_load(loop) if gate.count(loop, "LDS") else 0.0
    padding = gate.count(found, "NOP") + gate.count(found, "BRA")
    return Reading(
        op, number, report.registers, report.shared, sum(found.values()) - padding, multiplies, ratio_of(gpu, op),
        HOTTEST[op, number],
    )  # fmt: skip


def ratio_of(gpu: stand_in.StandIn, op: str) -> float:
    """Sectors of global memory that the kernels of an op move for each that has to be moved."""
    from tuinet.engine.cuda import driver, examination

    before = {name: len(kept) for name, kept in gpu.traffic().items()}
    gpu.count_traffic = True
    try:
        examination.tried(driver.Gpu(0), op, SIZES)
    finally:
        gpu.count_traffic = False
    asked: list[Any] = []
    for name, kept in gpu.traffic().items():
        asked += kept[before.get(name, 0) :]
    asked = [each for each in asked if "global" in each.instruction]
    return sum(each.transactions for each in asked) / max(1, sum(each.fewest for each in asked))


def table(readings: list[Reading]) -> str:
    lines = ["| kernel | registers | shared bytes | instructions | multiply-adds a shared load | sectors |"]
    lines.append("|---|---|---|---|---|---|")
    for it in readings:
        multiplies = f"{it.multiplies:.1f}" if it.multiplies else ""
        limit = {"multiplies": f" (at least {MULTIPLIES:.0f})"}.get(it.limits, "")
        most = f" (at most {PER_ELEMENT})" if "elements" in it.limits else ""
        ideal = f" (at most {IDEAL})" if "memory" in it.limits else ""
        lines.append(
            f"| {it.op} {it.number} | {it.registers} | {it.shared:,} | {it.instructions:,}{most} | {multiplies}{limit} "
            f"| {it.ratio:.2f}{ideal} |"
        )
    return "\n".join(lines)


def main() -> None:
    gpu = stand_in.load()
    from tuinet.engine.cuda import cublas, driver

    driver.assemble, driver.FORM, cublas.library = lambda ptx, cc: ptx.encode(), "ptx", lambda: None
    with gpu.one_device(CC):
        found = [read(gpu, *kernel) for kernel in HOTTEST]
    print(table(found))
    print("\n".join(words for it in found for words in it.wrong))


if __name__ == "__main__":
    main()
