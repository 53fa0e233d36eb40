"""Arrays as bytes, one after the other, and back: what a table beside them says is all there is to know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tuinet.tui.pyramid import Floats, Wholes

Take = Callable[[int, str, int], Floats]
"""take(height, dtype, count): the next array; ValueError where the bytes end before."""


def as_bytes(arrays: Iterable[Floats | Wholes]) -> bytes:
    return b"".join(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)


def taking(body: memoryview) -> Take:
    """Gives one array of `body` after the other."""
    at = 0

    def take(height: int, dtype: str, count: int) -> Floats:
        nonlocal at
        kind = np.dtype(dtype).newbyteorder("<")
        array = np.frombuffer(body, kind, height * count, at).reshape(height, count)
        at += array.nbytes
        return array.astype(dtype)

    return take
