"""An emulator of PTX, the assembly language of NVIDIA's GPUs: runs a kernel's real code, and watches it.

It finds what a device would not tell: accesses out of bounds or misaligned, races, barriers that not all threads reach,
shared memory read before it was written, shuffles from threads that are elsewhere. It counts how much memory traffic
each instruction makes. It says nothing about time, and nothing about what the assembler makes of the PTX (gate.py).

Not known: calls of functions that were not inlined, asynchronous copies, ldmatrix, mma of other shapes than TF32
m16n8k8, float16 in pairs, bfloat16, textures, barriers of a part of a block, cooperation of blocks within a launch.
"""

from tests.cuda.emulator.counters import Traffic
from tests.cuda.emulator.kernel import Fault, Kernel, Memory, find_kernel

__all__ = ["Fault", "Kernel", "Memory", "Traffic", "find_kernel"]
