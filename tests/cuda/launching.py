"""Python functions as kernels, compiled for an architecture and run on the emulator without a driver."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.cuda.emulator import Kernel, Memory, find_kernel

TYPES = {"f": "float32", "d": "float64", "i": "int32", "l": "int64", "u": "uint32", "b": "uint8"}


@functools.cache
def ptx_of(function: Callable[..., None], types: str, cc: tuple[int, int] = (8, 0), **options: Any) -> str:
    """The PTX of a function whose parameters are named by letters: F is a pointer to float32, f is one (TYPES)."""
    from numba import cuda
    from numba.core import types as numba_types

    given = [
        numba_types.CPointer(getattr(numba_types, TYPES[letter.lower()]))
        if letter.isupper()
        else getattr(numba_types, TYPES[letter])
        for letter in types
    ]
    ptx, _ = cuda.compile_ptx(function, tuple(given), device=False, cc=cc, **options)
    return str(ptx)


def kernel_of(ptx: str) -> Kernel:
    """The one kernel of a text."""
    (name,) = re.findall(r"\.entry\s+([\w$]+)", ptx)
    return find_kernel(ptx, name)


def raw(value: Any) -> bytes:
    """An argument as a launch hands it over: an array by its address."""
    return np.uint64(value.ctypes.data).tobytes() if isinstance(value, np.ndarray) else value.tobytes()


def run(function: Callable[..., None], types: str, grid: Any, block: Any, *arguments: Any, **more: Any) -> list[str]:
    """Runs a kernel over arrays, in place; gives what the emulator found."""
    shared_bytes = more.pop("shared_bytes", 0)
    arrays = [value for value in arguments if isinstance(value, np.ndarray)]
    kernel = kernel_of(ptx_of(function, types, **more))
    return kernel.launch(
        three(grid), three(block), [raw(value) for value in arguments], Memory.of(*arrays), shared_bytes
    )


def three(sizes: int | Sequence[int]) -> tuple[int, ...]:
    given = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    return given + (1,) * (3 - len(given))
