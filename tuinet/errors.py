"""The family of errors. Each message is complete: the place, the value met, and what would be right.

    TuinetError                 exit code 1
    ├── UsageError              2   a wrong command line
    │   ├── PresetError         2   a preset says something that cannot be
    │   │   └── ShapeError      2   a layer does not fit what comes into it
    │   └── DataError           2   one's own data file is wrong
    ├── DownloadError           1
    ├── RunError                1
    │   ├── RunNotFound         2
    │   ├── RunLocked           1
    │   └── RunDamaged          1
    ├── Diverged                4   NaN or infinity in a loss or a gradient
    ├── NoDevice                1   a GPU was asked for that cannot be used
    │   └── NoDriver            1
    ├── OutOfDeviceMemory       1
    └── DiskFull                1

The command line catches TuinetError, prints its text and leaves with its exit code; anything else is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class TuinetError(Exception):
    """Something went wrong that the user can understand and act on."""

    exit_code: ClassVar[int] = 1


class UsageError(TuinetError):
    """The command line, or a file named on it, is not right."""

    exit_code = 2


class PresetError(UsageError):
    """A preset says something that cannot be. The place is kept apart, so that whoever knows more can add to it."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None):
        self.message, self.file, self.line, self.key = message, file, line, key
        super().__init__(message)

    def at(self, *, file: str | None = None, line: int | None = None, key: str | None = None) -> PresetError:
        """The same error with more of its place known; what is given here wins."""
        return type(self)(self.message, file=file or self.file, line=line or self.line, key=key or self.key)

    def __str__(self) -> str:
        place = [self.file, f"line {self.line}" if self.line else None, self.key]
        words = ", ".join(word for word in place if word)
        return f"{words}: {self.message}" if words else self.message

    def __reduce__(self) -> tuple[object, ...]:
        state = {"file": self.file, "line": self.line, "key": self.key}
        return type(self), (self.message,), state


class ShapeError(PresetError):
    """A layer does not fit the shape that comes into it."""


class DataError(UsageError):
    """A data file is wrong: the message names the file, and the row and column where there are such."""


class DownloadError(TuinetError):
    """A data set could not be fetched, or what came was not it."""


class RunError(TuinetError):
    """A run cannot do what was asked of it."""


class RunNotFound(RunError):
    """No run answers to that name, or several do."""

    exit_code = 2


class RunLocked(RunError):
    """Another worker is writing this run."""


class RunDamaged(RunError):
    """A file of the run does not read back as it was written."""


class Diverged(TuinetError):
    """The loss or a gradient is no longer a finite number."""

    exit_code = 4


class NoDevice(TuinetError):
    """The device that was asked for is not there, or cannot be used."""


class NoDriver(NoDevice):
    """There is not even a driver for one: this is no machine with a GPU."""


class OutOfDeviceMemory(TuinetError):
    """A GPU has less memory than a training needs."""


class DiskFull(TuinetError):
    """There is no room left to write to."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean "relu"?` for a word that is close to an allowed one, and nothing otherwise."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in allowed}
    close = get_close_matches(word[:100].lower(), names, n=1, cutoff=0.6)
    return f'; did you mean "{names[close[0]]}"?' if close else ""
