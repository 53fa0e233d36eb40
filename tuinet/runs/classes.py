"""classes.json: how well a run's best weights know each class of the validation part. Its keys: docs/formats.md.

Written when a run is finished, so that `tuinet show` needs neither the data nor the engine for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from tuinet.bounded_io import read_bounded
from tuinet.diagnostics.by_class import MOST_CLASSES, MOST_PAIRS, ByClass
from tuinet.errors import RunDamaged
from tuinet.runs.checked import decoded_file, encoded_file
from tuinet.safe_text import safe

NAME = "classes.json"
LIMIT = 4 << 20  # bytes
FORMAT = 1
COUNTS = ("support", "predicted", "correct")


def encoded(found: ByClass, *, step: int, epoch: int) -> bytes | None:
    """The bytes of classes.json; None where they would be more than are read."""
    counts = {key: list(getattr(found, key)) for key in COUNTS}
    head = {"format": FORMAT, "part": "validation", "step": step, "epoch": epoch}
    data = encoded_file({**head, "names": list(found.names), **counts, "confused": [*map(list, found.confused)]})
    return data if len(data) <= LIMIT else None


def read(folder: Path) -> ByClass | None:
    """What classes.json in the folder says, None where there is none. RunDamaged says what is wrong with it."""

    def damaged(what: str) -> NoReturn:
        raise RunDamaged(f"run {safe(folder.name)}: {NAME} {what}")

    try:
        content = decoded_file(read_bounded(folder / NAME, LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        damaged(f"cannot be read ({error.strerror})")
    except ValueError as error:
        damaged(str(error))
    if content is None:
        damaged("does not fit its checksum: it was damaged, or edited by hand")
    form = content.get("format")
    if type(form) is int and form > FORMAT:
        damaged(f"has form {form}, of a newer tuinet; this one reads form {FORMAT}")
    names, confused = content.get("names"), content.get("confused")
    if form != FORMAT or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        damaged("does not hold the names of classes")
    classes = len(names)
    if not 1 <= classes <= MOST_CLASSES:
        damaged(f"holds {classes} classes; 1 to {MOST_CLASSES:,} are read")
    if not all(_wholes(content.get(key), classes) for key in COUNTS):
        damaged(f"does not hold {classes} counts of each kind")
    if not isinstance(confused, list) or len(confused) > MOST_PAIRS or not all(_pair(row, classes) for row in confused):
        damaged("does not hold pairs of classes")
    counts = {key: tuple(content[key]) for key in COUNTS}
    return ByClass(tuple(names), **counts, confused=tuple((row[0], row[1], row[2]) for row in confused))


def _wholes(values: Any, length: int) -> bool:
    return isinstance(values, list) and len(values) == length and all(type(n) is int and 0 <= n < 2**53 for n in values)


def _pair(row: Any, classes: int) -> bool:
    return _wholes(row, 3) and max(row[:2]) < classes
