"""NumPy's .npy and .npz files, and idx files as MNIST has them: numbers only, never pickled objects.

NumPy's own reader can be talked into unpickling, and sets memory aside before it looks at what is there. The three
headers are simple, so they are read here: strictly, and held against the limits before anything else is.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.foreign import LARGEST_RATIO, MEMORY, SUSPICIOUS, Stream, opened, read_exactly, read_head
from tuinet.errors import DataError
from tuinet.safe_text import safe

Array = NDArray[Any]

MOST_AXES = 8
MOST_MEMBERS = 1_000
LARGEST_DIRECTORY = 1 << 20
LARGEST_NPY_HEADER = 10_000
_NPY = re.compile(
    r"\{'descr': '(?P<descr>[^']{1,100})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,200})\),? ?\}[ ]*\n?"
)
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


# -- npy -----------------------------------------------------------------------------------


def read_npy(path: str | Path) -> Array:
    """The array of an .npy file: real numbers of any size and byte order."""
    with opened(path) as stream:
        return npy_array(stream, safe(str(path), 200))


def npy_array(stream: Stream, place: str) -> Array:
    """The array of an open .npy stream; place is named in errors."""
    head = read_head(stream, 8, place, "an npy header")
    if head[:6] != b"\x93NUMPY":
        raise DataError(f"{place}: is no .npy file: it does not begin as one")
    wide = head[6] in (2, 3)
    if head[6] not in (1, 2, 3):
        raise DataError(f"{place}: is an .npy file of version {head[6]}.{head[7]}; 1, 2 and 3 are known")
    (length,) = struct.unpack("<I" if wide else "<H", read_head(stream, 4 if wide else 2, place, "an npy header"))
    if length > LARGEST_NPY_HEADER:
        raise DataError(f"{place}: its header claims {length:,} bytes; at most {LARGEST_NPY_HEADER:,} make sense")
    header = read_head(stream, length, place, "an npy header").decode("latin-1")
    found = _NPY.fullmatch(header)
    if found is None:
        raise DataError(f"{place}: its header is not that of one array of numbers: {safe(header.strip(), 100)}")
    dtype = _dtype(found["descr"], place)
    shape = tuple(_whole(size, place) for size in found["shape"].split(",") if size.strip())
    return _array(stream, dtype, shape, place, fortran=found["fortran"] == "True")


def _dtype(descr: str, place: str) -> np.dtype[Any]:
    if "O" in descr:
        raise DataError(f"{place}: holds pickled Python objects, which could run anything; save it as numbers")
    if not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|f[248])", descr):
        raise DataError(
            f"{place}: holds values of dtype {safe(descr, 40)}; real numbers are read "
            "(whole ones of 8 to 64 bits, floats of 16 to 64 bits, booleans)"
        )
    return np.dtype(descr)


def _whole(text: str, place: str) -> int:
    if not re.fullmatch(r" *[0-9]{1,18} *", text):
        raise DataError(f"{place}: its header gives {safe(text, 40)} as a size")
    return int(text)


def _array(stream: Stream, dtype: np.dtype[Any], shape: tuple[int, ...], place: str, *, fortran: bool = False) -> Array:
    if len(shape) > MOST_AXES:
        raise DataError(f"{place}: has {len(shape)} axes; at most {MOST_AXES} are read")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if size > MEMORY:
        raise DataError(
            f"{place}: claims {count:,} numbers, {size / 2**30:,.1f} GiB; at most {MEMORY / 2**30:.0f} GiB are read"
        )
    content = read_exactly(stream, size, place, "numbers")
    values: Array = np.frombuffer(content, dtype, count)
    return values.reshape(shape, order="F" if fortran else "C")


# -- idx -----------------------------------------------------------------------------------


def read_idx(path: str | Path) -> Array:
    """The array of an idx file (u8, i8, i16, i32, f32 or f64, big-endian), gzipped or not."""
    with opened(path) as stream:
        return idx_array(stream, safe(str(path), 200))


def idx_array(stream: Stream, place: str) -> Array:
    """The array of an open idx stream."""
    zeros, code, axes = struct.unpack(">HBB", read_head(stream, 4, place, "an idx header"))
    if zeros != 0 or code not in _IDX_DTYPES or not 1 <= axes <= MOST_AXES:
        raise DataError(f"{place}: is no idx file: it begins with {zeros:#06x}, type {code:#04x}, {axes} axes")
    shape = struct.unpack(f">{axes}I", read_head(stream, 4 * axes, place, "an idx header"))
    return _array(stream, np.dtype(_IDX_DTYPES[code]), shape, place)


# -- npz -----------------------------------------------------------------------------------


def npz_names(path: str | Path) -> list[str]:
    """The names of the arrays in an .npz file."""
    with _archive(path) as archive:
        return [_name(info) for info in archive.infolist()]


def read_npz(path: str | Path, wanted: Iterable[str]) -> dict[str, Array]:
    """The wanted arrays of an .npz file by name, as far as it has them, read in memory: nothing is unpacked to disk."""
    place, names = safe(str(path), 200), set(wanted)
    arrays: dict[str, Array] = {}
    with _archive(path) as archive:
        members = [info for info in archive.infolist() if _name(info) in names]
        if len({_name(info) for info in members}) < len(members):
            raise DataError(f"{place}: has two arrays of one name")
        if (total := sum(info.file_size for info in members)) > MEMORY:
            raise DataError(f"{place}: its arrays claim {total:,} bytes; at most {MEMORY:,} are read")
        for info in members:
            _check_packing(info, place)
            with archive.open(info) as member:
                arrays[_name(info)] = npy_array(member, f"{place}, {safe(_name(info), 60)}")
    return arrays


ZIP64 = b"PK\x06\x07"  # then another place says how long the list of members is
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, OverflowError,
    struct.error,
)  # fmt: skip


@contextmanager
def _archive(path: str | Path) -> Iterator[zipfile.ZipFile]:
    """The zip file, its list of members known to be short; what zipfile says of damage comes out as DataError."""
    place = safe(str(path), 200)
    with opened(path) as stream:
        if not isinstance(stream, io.BufferedReader):
            raise DataError(f"{place}: is gzipped; an .npz file is packed already, so unpack it once")
        _check_directory(stream, place)
        try:
            with zipfile.ZipFile(stream) as archive:
                yield archive
        except _DAMAGE as error:
            raise DataError(f"{place}: is no .npz file, or damaged ({safe(str(error), 100)})") from None


def _check_directory(stream: io.BufferedReader, place: str) -> None:
    """The end of a zip file says how long its list of members is: looked at before the list is read."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 65_557))
    tail = stream.read(65_557)
    start = tail.rfind(b"PK\x05\x06")
    if start < 0 or len(tail) - start < 22:
        raise DataError(f"{place}: is no .npz file, or its end is missing")
    if tail[max(0, start - 20) : start].startswith(ZIP64):
        raise DataError(f"{place}: has the long form of a zip file's end, which arrays that fit here do not need")
    members, directory = struct.unpack_from("<HI", tail, start + 10)
    if members > MOST_MEMBERS or directory > LARGEST_DIRECTORY:
        raise DataError(
            f"{place}: lists {members:,} arrays in {directory:,} bytes; at most {MOST_MEMBERS:,} arrays are read"
        )
    stream.seek(0)


def _check_packing(info: zipfile.ZipInfo, place: str) -> None:
    name = safe(_name(info), 60)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{place}: {name} is packed in a way that np.savez does not use")
    if info.file_size > max(SUSPICIOUS, LARGEST_RATIO * info.compress_size):
        raise DataError(
            f"{place}: {name} claims to unpack to more than {LARGEST_RATIO} times its size; "
            "no real data does, so it is not read"
        )


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")
