"""probes/: the history of a run's parameters as small pictures, at most 200, dense at the start and sparse later.

    probes/00000812.probe   all parameters after step 812: a checked line that says what they are, then their levels

A picture (tuinet/diagnostics/pictures.py) has at most 4,096 cells of a byte each, so that a whole history takes a few
megabytes. It is no backup: a file that a power cut has torn does not fit its checksums and is passed over. Its form:
docs/formats.md.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tuinet.atomic import UNFINISHED, explained
from tuinet.bounded_io import read_bounded
from tuinet.errors import RunDamaged
from tuinet.runs.checked import Json, decoded_line, encoded_line
from tuinet.safe_text import safe

if TYPE_CHECKING:
    import numpy as np

    from tuinet.diagnostics.pictures import Array, Picture

FOLDER, FORMAT = "probes", 1
MOST = 200  # files of a run
GROWTH = 1.07  # of the step from one probe to the next, once they are more than one step apart
FIRST = 15  # steps that are taken whatever they cost
ALLOWANCE, SHARE = 0.02, 0.02  # seconds, and of all that pass, that the later ones may cost
MOST_CELLS = 4096  # of a parameter
FILE_CELLS = 1 << 17  # of all parameters together
MOST_PARAMETERS = 4096
LINE_LIMIT = 1 << 20  # bytes
_NAME = re.compile(r"(\d{8,16})\.probe")


class Shown(Protocol):
    """What a probe is taken of: a training (tuinet/training/looks/base.py has more of it)."""

    @property
    def slots(self) -> Sequence[Any]:
        """Each has a name and a shape."""

    def value(self, name: str) -> Array: ...


class Probed(NamedTuple):
    """One parameter after one step: of what shape it is, and its picture."""

    shape: tuple[int, ...]
    picture: Picture


class Probe(NamedTuple):
    """All parameters after one step, by name in slot order."""

    step: int
    parameters: dict[str, Probed]


# -- reading --------------------------------------------------------------------------------------------------------


class Probes:
    """The probes of a run. Files never change once they are there, so each is read once."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._read: dict[tuple[int, int], Probe | None] = {}

    def steps(self) -> list[int]:
        """After which steps there are any, in order."""
        return _steps(self._folder)

    def at(self, step: int) -> Probe | None:
        """The nearest whole one at or before the step; None where there is none."""
        steps = self.steps()
        for one in reversed(steps[: bisect_right(steps, step)]):
            if found := self._one(one):
                return found
        return None

    def history(self, name: str) -> list[tuple[int, Probed]]:
        """One parameter over the steps; what is damaged, or of another shape than the newest, is left out."""
        found = [(probe.step, probe.parameters[name]) for step in self.steps()
                 if (probe := self._one(step)) and name in probe.parameters]  # fmt: skip
        return [(step, one) for step, one in found if one.shape == found[-1][1].shape]

    def _one(self, step: int) -> Probe | None:
        path = self._folder / _file_name(step)
        try:
            key = step, path.stat(follow_symlinks=False).st_mtime_ns
            if key not in self._read:
                self._read[key] = read(path)
            return self._read[key]
        except (OSError, RunDamaged):
            return None


def read(path: Path) -> Probe:
    """One file. RunDamaged says what is wrong with it."""
    try:
        data = read_bounded(path, LINE_LIMIT + FILE_CELLS)
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error
    line, _, body = data.partition(b"\n")
    said = decoded_line(line)
    if said is None or said.get("crc") != f"{zlib.crc32(body):08x}":
        raise _damaged(path, "does not fit its checksums")
    form = said.get("format")
    if type(form) is not int or form < 1:
        raise _damaged(path, "does not say its form")
    if form > FORMAT:
        raise _damaged(path, f"has form {form}, of a newer tuinet; this one reads form {FORMAT}")
    if said.get("s") != int(path.stem) or not isinstance(said.get("parameters"), list):
        raise _damaged(path, f"does not hold the parameters after step {int(path.stem)}")
    parameters, place = {}, 0
    for entry in said["parameters"]:
        probed = _probed(entry, body, place)
        if probed is None:
            raise _damaged(path, f"has a parameter {safe(repr(entry), 80)} that cannot be")
        parameters[entry["name"]] = probed
        place += probed.picture.levels.size
    if place != len(body):
        raise _damaged(path, f"holds {len(body):,} levels where its parameters take {place:,}")
    return Probe(said["s"], parameters)


def _probed(entry: Any, body: bytes, place: int) -> Probed | None:
    """The parameter that an entry speaks of, None where the two do not fit."""
    import numpy as np

    from tuinet.diagnostics.pictures import Picture, matrix_shape

    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None
    said: list[Any] = [entry.get(key) for key in ("shape", "rows", "columns", "limit")]
    shape, tall, wide, limit = said
    if not isinstance(shape, list) or len(shape) > 16 or not all(_size(size) for size in [*shape, tall, wide]):
        return None
    if not isinstance(limit, int | float) or not 0 <= limit < math.inf or not _fits(tall, wide, tuple(shape)):
        return None
    if tall * wide > len(body) - place:
        return None
    rows, columns = matrix_shape(tuple(shape))
    folded = rows == 1
    levels = np.frombuffer(body, np.uint8, tall * wide, place).reshape(tall, wide)
    exact = tall * wide >= rows * columns
    return Probed(tuple(shape), Picture(levels, float(limit), (0, rows, 0, columns), folded, exact))


def _fits(tall: int, wide: int, shape: tuple[int, ...]) -> bool:
    """Whether so many cells can show an array of that shape: a vector's last row may have cells to spare."""
    from tuinet.diagnostics.pictures import matrix_shape

    rows, columns = matrix_shape(shape)
    inside = tall * wide < columns + wide if rows == 1 else tall <= rows and wide <= columns
    return inside and tall * wide <= MOST_CELLS


def _size(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**40


def _steps(folder: Path) -> list[int]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return []
    return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))


def _file_name(step: int) -> str:
    return f"{step:08d}.probe"


def _damaged(path: Path, what: str) -> RunDamaged:
    return RunDamaged(f"{FOLDER}/{safe(path.name)} {what}")


# -- writing --------------------------------------------------------------------------------------------------------


class ProbeWriter:
    """Takes probes of a training as it goes on. Only the holder of the run's lock has one.

    The first ones are always taken; later ones wait until they cost no more than a small share of the time.
    A disk that takes no more ends the history, never the training: `trouble` then says why.
    """

    def __init__(self, run: Path, step: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """step: where training stands. What lies beyond it belongs to a course that was given up, and goes."""
        self._folder = run / FOLDER
        self._clock, self._began, self._spent = clock, clock(), 0.0
        self.trouble = ""
        found = _steps(self._folder)
        self._steps = [one for one in found if one <= step]
        for later in found[len(self._steps) :]:
            self._remove(later)

    @property
    def next_step(self) -> int:
        """The step after which the next probe is due."""
        if not self._steps:
            return 0
        return max(self._steps[-1] + 1, math.ceil(self._steps[-1] * GROWTH))

    def due(self, step: int) -> bool:
        if self.trouble or step < self.next_step:
            return False
        return step < FIRST or self._spent <= ALLOWANCE + SHARE * (self._clock() - self._began)

    def take(self, step: int, shown: Shown) -> None:
        """Keeps all parameters as they are after the step."""
        began = self._clock()
        try:
            self._folder.mkdir(exist_ok=True)
            path = self._folder / _file_name(step)
            temporary = path.with_name(f"{UNFINISHED}{os.getpid()}-{path.name}")
            temporary.write_bytes(encoded(step, shown))
            os.replace(temporary, path)
        except OSError as error:
            self.trouble = str(explained(error, self._folder))
            return
        if step not in self._steps:
            self._steps.append(step)
        if len(self._steps) > MOST:
            self._thin()
        self._spent += self._clock() - began

    def _thin(self) -> None:
        """Removes the one that is missed least: whose neighbours are nearest to one another by the step's logarithm."""
        logs = [math.log(step + 1) for step in self._steps]
        place = min(range(1, len(logs) - 1), key=lambda i: logs[i + 1] - logs[i - 1])
        self._remove(self._steps.pop(place))

    def _remove(self, step: int) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._folder / _file_name(step))


def encoded(step: int, shown: Shown) -> bytes:
    """The bytes of a probe's file."""
    slots = [slot for slot in shown.slots if math.prod(slot.shape)][:MOST_PARAMETERS]
    room = min(MOST_CELLS, FILE_CELLS // max(1, len(slots)))
    parameters: list[Json] = []
    pieces = []
    for slot in slots:
        levels, limit = _levels(shown.value(slot.name), room)
        rows, columns = levels.shape
        parameters.append(
            {"name": slot.name, "shape": list(slot.shape), "rows": rows, "columns": columns, "limit": limit}
        )
        pieces.append(levels.tobytes())
    body = b"".join(pieces)
    return encoded_line({"k": "probe", "format": FORMAT, "s": step, "parameters": parameters,
                         "crc": f"{zlib.crc32(body):08x}"}) + body  # fmt: skip


def _levels(array: Array, room: int) -> tuple[np.ndarray[Any, Any], float]:
    """Levels in at most so many cells, and their limit: here the largest of them, so that no cell is cut off."""
    from tuinet.diagnostics.pictures import matrix_shape, picture

    rows, columns = matrix_shape(array.shape)
    if rows * columns > room:
        side = math.isqrt(room)
        rows, columns = min(rows, side), min(columns, room // min(rows, side))
        rows = min(matrix_shape(array.shape)[0], room // columns)
    if rows == 1:  # a vector: its cells are folded
        columns = min(columns, math.isqrt(room))
        rows = room // columns
    found = picture(array, rows, columns, outside=0.0)
    return found.levels, found.limit
