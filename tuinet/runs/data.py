"""data.json: what a run has to know of its data once the data are changed, gone, or on another machine.

    facts        what the data are: shape of an example, names of columns and classes, scale of the targets
    scaler       how inputs were scaled: fitted on the training part, and not to be had again without it
    vocabulary   in its place where the inputs are text: which number stands for which character

Written once, before the first step. No example stands in it, but names of columns and classes do, and the characters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tuinet.bounded_io import read_bounded
from tuinet.errors import DataError, RunDamaged, RunError
from tuinet.runs.checked import Json, decoded_file, encoded_file
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.data import Facts, Scaler

NAME = "data.json"
LIMIT = 16 << 20  # bytes: mean and deviation of each of 200,000 numbers of an example
FORMAT = 1
_LEAST_NUMBER = len("   0.0,\n")  # bytes


def encoded(facts: Facts, scaler: Scaler) -> bytes:
    """The bytes of data.json. RunError where they would be more than are read, or would not read back."""
    from tuinet.data import Prepare

    # The numbers are counted first: a gigabyte of text is not made to be measured.
    fitted = isinstance(scaler, Prepare)
    numbers = scaler.centre.size + scaler.spread.size if isinstance(scaler, Prepare) else 0
    data = b""
    if numbers * _LEAST_NUMBER <= LIMIT:
        table = scaler.as_table()
        data = encoded_file({
            "format": FORMAT,
            "facts": facts.as_table(),
            "scaler": table if fitted else None,
            "vocabulary": None if fitted else table,
        })  # fmt: skip
    if not 0 < len(data) <= LIMIT:
        raise RunError(f"{NAME} would hold more than {LIMIT:,} bytes, which is the most that is read")
    try:
        _as_written(data)
    except ValueError as error:
        raise RunError(f"{NAME} would not read back: it {error}") from None
    return data


def read(folder: Path) -> tuple[Facts, Scaler] | None:
    """What data.json in the folder says, None where there is none. RunDamaged says what is wrong with it."""
    try:
        return _as_written(read_bounded(folder / NAME, LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _damaged(folder, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _damaged(folder, str(error)) from None


def _as_written(data: bytes) -> tuple[Facts, Scaler]:
    """ValueError says what is wrong."""
    content = decoded_file(data)
    if content is None:
        raise ValueError("does not fit its checksum: it was damaged, or edited by hand")
    form = content.get("format")
    if type(form) is not int or form < 1:
        raise ValueError("does not say its form")
    if form > FORMAT:
        raise ValueError(f"has form {form}, of a newer tuinet; this one reads form {FORMAT}")
    try:
        return _tables(content)
    except DataError as error:
        raise ValueError(f"cannot be used: {error}") from None


def _tables(content: Json) -> tuple[Facts, Scaler]:
    from tuinet.data import Facts, Prepare, Vocabulary

    facts = Facts.from_table(content.get("facts"))
    if facts.tokens:
        vocabulary = Vocabulary.from_table(content.get("vocabulary"))
        if (facts.tokens, facts.inputs, facts.padded) != (vocabulary.size, vocabulary.shape, vocabulary.padded):
            raise DataError(f"the facts speak of {facts.tokens:,} tokens, and the vocabulary is another one")
        if facts.steps and facts.classes != vocabulary.size:
            raise DataError(f"the facts speak of {facts.classes:,} classes at each place, and the vocabulary of more")
        return facts, vocabulary
    scaler = Prepare.from_table(content.get("scaler"))
    if facts.inputs != scaler.shape:
        raise DataError(f"the facts speak of inputs {facts.inputs}, and the fitted scaling gives {scaler.shape}")
    if facts.columns != scaler.columns:
        raise DataError("the facts and the fitted scaling name different columns")
    return facts, scaler


def _damaged(folder: Path, what: str) -> RunDamaged:
    return RunDamaged(f"run {safe(folder.name)}: {NAME} {what}")
