"""The compact form: a whole set in one .xz file, which is how sets are embedded.

    u32 length of the header | header, JSON | the columns' raw little-endian bytes, one column after the other

The header says name, title, licence, source, where the set's own test part begins, and for each column its name,
dtype, shape, what to divide by (so that 0.21 may be kept as the integer 210), and the words its codes stand for.
A column of text has dtype "utf8": lines that end in a new line.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import math
import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.sets import EMBEDDED
from tuinet.errors import DataError
from tuinet.safe_text import safe

LARGEST_BODY = 64 << 20
LARGEST_HEADER = 1 << 18
_DTYPES = ("u1", "u2", "i2", "i4", "f4", "f8")
# A dictionary as large as the largest body: a reader sets aside that much and no more.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 16 << 20}]


@dataclass(frozen=True, eq=False)
class CompactColumn:
    """One column. values: (n, *shape) numbers as stored, already divided; words: what the codes stand for."""

    name: str
    values: NDArray[Any]
    words: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()  # the texts, where it is a column of text

    def __len__(self) -> int:
        return len(self.lines) or len(self.values)


@dataclass(frozen=True, eq=False)
class CompactSet:
    """A set as it was read: about holds the header's words (title, licence, source, test, label)."""

    about: dict[str, Any]
    columns: tuple[CompactColumn, ...]

    def column(self, name: str) -> CompactColumn:
        return next(column for column in self.columns if column.name == name)


# -- reading -------------------------------------------------------------------------------


def read_embedded(name: str) -> CompactSet:
    """The set embedded under this name. DataError where its file is missing or damaged."""
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise DataError(f"{safe(name, 80)} is no name of an embedded set")
    path = EMBEDDED / f"{name}.xz"
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); tuinet is not wholly installed") from None
    return unpack(packed, str(path))


def unpack(packed: bytes, place: str) -> CompactSet:
    """A set from the bytes of its file; place is named in errors. DataError for anything that does not fit."""
    try:
        return _unpack(packed)
    except (lzma.LZMAError, ValueError, KeyError, TypeError, IndexError, OverflowError, struct.error) as error:
        raise DataError(f"{safe(place)}: is no set in tuinet's compact form, or damaged ({safe(str(error))})") from None


def _unpack(packed: bytes) -> CompactSet:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)
    body = decompressor.decompress(packed, max_length=LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise ValueError(f"it holds more than {LARGEST_BODY:,} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("it does not end where it should")
    (length,) = struct.unpack_from("<I", body)
    if length > min(LARGEST_HEADER, len(body) - 4):
        raise ValueError(f"its header claims {length:,} bytes")
    about = json.loads(body[4 : 4 + length])
    content = memoryview(body)[4 + length :]
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise ValueError("its content has another sha256 than its header says")
    columns, start = [], 0
    for entry in about["columns"]:
        column, start = _column(entry, content, start)
        columns.append(column)
    if start != len(content):
        raise ValueError(f"{len(content) - start:,} bytes are left over")
    return CompactSet(about, tuple(columns))


def _column(entry: dict[str, Any], content: memoryview, start: int) -> tuple[CompactColumn, int]:
    name, words = str(entry["name"]), tuple(str(word) for word in entry.get("words", ()))
    if entry["dtype"] == "utf8":
        end = start + int(entry["bytes"])
        lines = tuple(str(content[start:end], "utf-8").split("\n")[:-1])
        return CompactColumn(name, np.empty(0), words, lines), end
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"dtype {entry['dtype']!r} is unknown")
    dtype, shape = np.dtype("<" + entry["dtype"]), [int(size) for size in entry["shape"]]
    count = math.prod(shape)
    if min(shape) < 0 or start + count * dtype.itemsize > len(content):
        raise ValueError(f"column {name!r} claims {count:,} numbers")
    values = np.frombuffer(content, dtype, count, start).reshape(shape)
    if words and values.size and int(values.max()) >= len(words):
        raise ValueError(f"column {name!r} has a code without a word")
    if entry.get("divide"):
        values = values / entry["divide"]
    return CompactColumn(name, values, words), start + count * dtype.itemsize


# -- writing -------------------------------------------------------------------------------


def pack(about: dict[str, Any], columns: list[CompactColumn]) -> bytes:
    """The bytes of a file that `unpack` reads: numbers in the smallest dtype that keeps every one of them exactly."""
    entries, pieces = [], []
    for column in columns:
        entry, piece = _entry(column)
        entries.append(entry)
        pieces.append(piece)
    body = b"".join(pieces)
    header = {**about, "columns": entries, "sha256": hashlib.sha256(body).hexdigest()}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return lzma.compress(struct.pack("<I", len(text)) + text + body, check=lzma.CHECK_CRC32, filters=_FILTERS)


def _entry(column: CompactColumn) -> tuple[dict[str, Any], bytes]:
    if column.lines:
        text = "".join(line + "\n" for line in column.lines).encode()
        return {"name": column.name, "dtype": "utf8", "bytes": len(text)}, text
    stored, divide = _smallest(column.values)
    entry: dict[str, Any] = {"name": column.name, "dtype": stored.dtype.str[1:], "shape": stored.shape}
    if divide != 1:
        entry["divide"] = divide
    if column.words:
        entry["words"] = column.words
    return entry, stored.tobytes()


def _smallest(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    for divide in (1, 10, 100, 1000, 10_000):
        whole = np.rint(values * divide)
        if np.array_equal(whole / divide, values):
            for dtype in ("u1", "i2", "i4"):
                limits = np.iinfo(dtype)
                if limits.min <= whole.min() and whole.max() <= limits.max:
                    return whole.astype("<" + dtype), divide
    return values.astype("<f8"), 1
