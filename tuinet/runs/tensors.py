"""Arrays as the bytes of a .safetensors file, and back; their order is kept in the file's metadata.

The library writes tensors in an order of its own (by type, then name). Slots have an order that means something
(parameters as the network uses them, then statistics), so the list of names stands in the metadata as "slots".

What comes from elsewhere is measured before anything is made of it: the header is short, every shape fills exactly
its bytes, and nothing overlaps or is left over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from tuinet.errors import RunDamaged
from tuinet.runs.checked import Json
from tuinet.safe_text import safe

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

HEADER_LIMIT = 4 << 20  # bytes
BYTES_EACH = {"F64": 8, "F32": 4, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
              "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}  # fmt: skip


def encoded(arrays: Arrays) -> bytes:
    """The bytes of a .safetensors file with these arrays."""
    import numpy as np
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    return save(whole, metadata={"slots": json.dumps(list(arrays))})


def decoded(data: bytes, place: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays in slot order. RunDamaged names `place` and what is wrong."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    names = _slots(_header(data, place), place)
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _damaged(place, str(error)) from error
    return {name: arrays[name] for name in names}


def weights_sha256(arrays: Arrays) -> str:
    """SHA-256 over the arrays' bytes, one after the other in the order given, unpadded."""
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def _header(data: bytes, place: str) -> Json:
    """The tensors' entries by name, each checked against the bytes that are there."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(len(data) - 8, HEADER_LIMIT):
        raise _damaged(place, "is shorter than its header says")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError):
        raise _damaged(place, "has a header that is no JSON") from None
    if not isinstance(header, dict):
        raise _damaged(place, "has a header that is no JSON object")
    stretches = sorted(_stretch(name, entry, place) for name, entry in header.items() if name != "__metadata__")
    end = 0
    for first, last in stretches:
        if first != end:
            raise _damaged(place, f"has tensors that overlap or leave a hole at byte {end}")
        end = last
    if end != len(data) - 8 - size:
        raise _damaged(place, f"holds {len(data) - 8 - size:,} bytes of data where its tensors take {end:,}")
    return header


def _stretch(name: str, entry: Any, place: str) -> tuple[int, int]:
    """First byte, and the byte after the last, of one tensor, where its shape fills exactly that."""
    try:
        dtype, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sizes = [*shape, first, last]
        fits = all(type(size) is int and 0 <= size < 2**63 for size in sizes) and len(shape) <= 16
        if fits and prod(shape) * BYTES_EACH[dtype] == last - first:
            return first, last
    except (TypeError, KeyError, ValueError):
        pass
    raise _damaged(place, f"has a tensor {safe(name, 64)!r} whose type, shape and bytes do not fit together")


def _slots(header: Json, place: str) -> list[str]:
    """The tensors' names in slot order; by their place in the file where another program wrote it."""
    names = [name for name in header if name != "__metadata__"]
    metadata = header.get("__metadata__")
    said = metadata.get("slots") if isinstance(metadata, dict) else None
    if said is None:
        return sorted(names, key=lambda name: tuple(header[name]["data_offsets"]))
    try:
        slots = json.loads(said)
        if isinstance(slots, list) and sorted(slots) == sorted(names):
            return slots
    except (ValueError, TypeError, RecursionError):
        pass
    raise _damaged(place, 'lists other tensors under "slots" than it holds')


def _damaged(place: str, what: str) -> RunDamaged:
    return RunDamaged(f"{safe(place)} {safe(what, 200)}")
