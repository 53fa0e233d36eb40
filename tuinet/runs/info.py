"""run.json: what is known about a run as a whole. Its keys stand in docs/formats.md, in the same order.

The file is small and replaced whole, so that a list of five hundred runs reads five hundred of these and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuinet.bounded_io import read_bounded
from tuinet.errors import RunDamaged, nearest
from tuinet.runs.checked import Json, decoded_file, encoded_file, number
from tuinet.safe_text import safe

NAME = "run.json"
LIMIT = 1 << 20  # bytes
FORMAT = 1
FORMATS = {"preset": 1, "metrics": 1, "events": 1, "checkpoint": 1, "data": 1, "classes": 1, "probes": 1}
STATES = ("created", "running", "paused", "finished", "stopped", "failed", "diverged")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_state(value: Any) -> bool:
    return value in STATES


Check = Callable[[Any], bool]
ALWAYS: dict[str, tuple[str, Check]] = {
    "format": ("a whole number", _is_whole),
    "formats": ("an object", _is_object),
    "run": ("text", _is_text),
    "sequence": ("a whole number", _is_whole),
    "preset": ("text", _is_text),
    "title": ("text", _is_text),
    "state": (f"one of {', '.join(STATES)}", _is_state),
    "generation": ("a whole number", _is_whole),
    "created": ("text", _is_text),
    "updated": ("text", _is_text),
    "host": ("text", _is_text),
    "versions": ("an object", _is_object),
}
IN_TIME: dict[str, tuple[str, Check]] = {  # null until it is known
    "device": ("text", _is_text),
    "gpu": ("text", _is_text),
    "threads": ("a whole number", _is_whole),
    "seed": ("a whole number", _is_whole),
    "parameters": ("a whole number", _is_whole),
    "epochs": ("a number", _is_number),
    "epoch": ("a number", _is_number),
    "step": ("a whole number", _is_whole),
    "seconds": ("a number", _is_number),
    "monitor": ("text", _is_text),
    "best": ("a number", _is_number),
    "best_epoch": ("a number", _is_number),
    "final": ("an object", _is_object),
    "test": ("an object", _is_object),
    "baselines": ("an object", _is_object),
    "verdict": ("text", _is_text),
    "error": ("text", _is_text),
    "weights_sha256": ("text", _is_text),
    "data": ("an object", _is_object),
    "origin": ("an object", _is_object),
}
KEYS = (*ALWAYS, *IN_TIME)


def encoded(info: Json) -> bytes:
    """The bytes of run.json. ValueError for a key that is not in the form, or a value of another type."""
    wrong = _wrong(info)
    if wrong:
        raise ValueError(f"run.json: {wrong}")
    unknown = [key for key in info if key not in KEYS]
    if unknown:
        raise ValueError(f"run.json has no key {unknown[0]!r}{nearest(unknown[0], KEYS)} (docs/formats.md)")
    return encoded_file({key: info.get(key) for key in KEYS})


def read(folder: Path) -> Json:
    """What run.json in the folder says, under every key of the form. RunDamaged says what is wrong with it.

    FileNotFoundError where it is missing.
    """
    try:
        data = read_bounded(folder / NAME, LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(folder / NAME)) from None
    except OSError as error:
        raise _damaged(folder, f"cannot be read ({error.strerror})") from error
    info = decoded_file(data)
    if info is None:
        raise _damaged(folder, "does not fit its checksum: it was damaged, or edited by hand")
    if _is_whole(info.get("format")) and info["format"] > FORMAT:
        raise _damaged(folder, f"has form {info['format']}, of a newer tuinet; this one reads form {FORMAT}")
    wrong = _wrong(info)
    if wrong:
        raise _damaged(folder, wrong)
    return {key: info.get(key) for key in KEYS}


def _damaged(folder: Path, what: str) -> RunDamaged:
    return RunDamaged(f"run {safe(folder.name)}: run.json {what}")


def _wrong(info: Json) -> str | None:
    for key, (kind, fits) in ALWAYS.items():
        if not fits(info.get(key)):
            return f"says {key} = {_shown(info.get(key))}, where {kind} should stand"
    for key, (kind, fits) in IN_TIME.items():
        if info.get(key) is not None and not fits(info[key]):
            return f"says {key} = {_shown(info[key])}, where {kind} should stand"
    return None


def _shown(value: Any) -> str:
    return safe(repr(value), 60)
