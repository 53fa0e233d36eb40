"""JSON that carries its own checksum: as one line of a log, or as one small file.

    {"k":"epoch","s":225,"val_loss":0.55,"c":"64b88735"}

"c" is the CRC32 of every byte before the comma in front of it. A disk or a copy that turns one bit of a loss of 0.12
into 0.92 leaves valid JSON behind; only the checksum tells. What does not fit is None here: damaged, never data.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

Json = dict[str, Any]
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
MANY = 100
"""Lines that are worth importing orjson, which takes a few milliseconds."""
_LINE_END = len(',"c":"00000000"}')
_FILE_END = len(',\n "c": "00000000"\n}\n')


def json_line(row: Mapping[str, Any]) -> str:
    """One JSON object on one line, without a checksum and without its line end: what --json prints."""
    return _dumped(row, separators=(",", ":"))


def encoded_line(record: Mapping[str, Any]) -> bytes:
    """The record with its checksum and its line end."""
    body = json_line(record).encode("ascii")[:-1]
    return body + _line_end(body) + b"\n"


def decoded_line(line: bytes) -> Json | None:
    """The record without its checksum; `line` comes without its line end. None where it is damaged."""
    body = line[:-_LINE_END]
    return _loaded(body + b"}") if line[-_LINE_END:] == _line_end(body) else None


def decoded_lines(lines: Sequence[bytes]) -> list[Json | None]:
    """The same of each line, in half the time where there are many: those that are whole are read as one list."""
    bodies = [line[:-_LINE_END] for line in lines]
    ends = [_line_end(body) for body in bodies]
    fit = [line[-_LINE_END:] == end for line, end in zip(lines, ends, strict=True)]
    whole = list(compress(bodies, fit))
    if len(whole) >= MANY or "orjson" in sys.modules:
        import orjson

        try:
            together = orjson.loads(b"[" + b"},".join(whole) + b"}]")
        except ValueError:  # json takes more, such as NaN, and knows which line it is
            together = []
        if len(together) == len(whole) and set(map(type, together)) == {dict}:
            records = iter(together)
            return [next(records) if fits else None for fits in fit]
    return [_loaded(body + b"}") if fits else None for body, fits in zip(bodies, fit, strict=True)]


def encoded_file(content: Mapping[str, Any]) -> bytes:
    """A small JSON file over several lines, the checksum last."""
    body = _dumped(content, indent=1).encode("ascii")[:-2]
    return b'%b,\n "c": "%08x"\n}\n' % (body, zlib.crc32(body))


def decoded_file(data: bytes) -> Json | None:
    """Its content without the checksum, or None where it is damaged or was edited."""
    body, end = data[:-_FILE_END], data[-_FILE_END:]
    if not body or end != b',\n "c": "%08x"\n}\n' % zlib.crc32(body):
        return None
    return _loaded(body + b"\n}")


def number(value: Any) -> float | None:
    """A number that may have been written as "nan", "inf" or "-inf"; None where it is none at all."""
    if isinstance(value, str):
        return WORDS.get(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def with_numbers(value: Any) -> Any:
    """The same with "nan", "inf" and "-inf" read as numbers, however deep they stand."""
    if isinstance(value, str):
        return WORDS.get(value, value)
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: with_numbers(item) for key, item in value.items()}
    return value


def _line_end(body: bytes) -> bytes:
    """The checksum of what stands before it."""
    return b',"c":"%08x"}' % zlib.crc32(body)


def _dumped(content: Mapping[str, Any], **form: Any) -> str:
    try:
        return json.dumps(content, allow_nan=False, default=_from_numpy, **form)
    except ValueError:
        return json.dumps(_finite(content), allow_nan=False, **form)


def _loaded(text: bytes) -> Json | None:
    try:
        content = json.loads(text.decode())  # given bytes, it would look for their encoding first
    except (ValueError, RecursionError):  # a checksum keeps out accidents, not a forger
        return None
    return content if isinstance(content, dict) else None


def _from_numpy(value: Any) -> Any:
    """NumPy's scalars and arrays, without loading NumPy to know them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r} has no place in JSON")


def _finite(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
