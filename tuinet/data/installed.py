"""Texts that every Python brings along: the source of its standard library, and the reference of the language.

They are read from the machine as they are, never run, and differ a little from one Python to the next: the facts of a
run keep their fingerprint, and notes say which Python they are from.
"""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tuinet.bounded_io import TooLarge, read_bounded
from tuinet.data.examples import Examples
from tuinet.data.sets import SetInfo
from tuinet.data.settings import DataSettings
from tuinet.data.texts import corpus, labelled
from tuinet.errors import DataError

LARGEST_MODULE = 1 << 20

# Modules that Python 3.11 to 3.14 have in common, 1.6 million characters in all.
MODULES = (
    "abc", "argparse", "ast", "base64", "bdb", "bisect", "calendar", "cmd", "codeop", "configparser", "contextlib",
    "copy", "csv", "dataclasses", "difflib", "enum", "fileinput", "fnmatch", "fractions", "functools", "getopt", "glob",
    "gzip", "hashlib", "heapq", "hmac", "inspect", "linecache", "netrc", "numbers", "operator", "os", "pdb", "pprint",
    "profile", "queue", "random", "reprlib", "sched", "selectors", "shelve", "shutil", "smtplib",
    "socketserver", "statistics", "subprocess", "tempfile", "textwrap", "threading", "timeit", "tokenize", "trace",
    "types", "uuid", "weakref",
)  # fmt: skip
PACKAGES = ("asyncio", "email", "importlib", "multiprocessing", "unittest", "xml")
PASSAGE = 128  # characters


def python_source(info: SetInfo, settings: DataSettings) -> Examples:
    """The modules one after the other, so that the held-out part is of modules that were never read."""
    found = {name: text for name in MODULES if (text := _module(name)) is not None}
    if not found:
        raise DataError(f"{info.name}: no source of the standard library is in {_library()}, as Python often has it")
    note = f"{len(found)} modules of the standard library of {_python()}"
    missing = [name for name in MODULES if name not in found]
    notes = [note, *([f"not there: {', '.join(missing)}"] if missing else [])]
    return corpus("\n".join(found.values()), settings, name=info.name, source="installed", place=info.name,
                  window=info.inputs[0], notes=notes)  # fmt: skip


def language_reference(info: SetInfo, settings: DataSettings) -> Examples:
    """The topics that `help()` shows, which are chapters of the reference manual, by name."""
    if find_spec("pydoc_data") is None or find_spec("pydoc_data.topics") is None:
        raise DataError(f"{info.name}: this Python comes without pydoc_data, the texts of its own help")
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    note = f"{len(topics)} chapters of the language reference of {_python()}"
    return corpus(text, settings, name=info.name, source="installed", place=info.name, window=info.inputs[0],
                  notes=[note])  # fmt: skip


def packages(info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    """Passages of the source of some packages, each labelled with its package.

    The passages of a file stay together: a network is measured on files that it has never seen.
    """
    window = settings.window or info.inputs[0]
    texts: list[str] = []
    labels: list[str] = []
    documents: list[int] = []
    number = 0
    for package in PACKAGES:
        for text in _sources(_library() / package):
            pieces = list(_passages(text, window))
            texts += pieces
            labels += [package] * len(pieces)
            documents += [number] * len(pieces)
            number += 1
    if len(set(labels)) < 2:
        raise DataError(f"{info.name}: no source of {', '.join(PACKAGES)} is in {_library()}, as Python often has it")
    note = f"{number} files of the standard library of {_python()}"
    return labelled(texts, labels, settings, name=info.name, source="installed", target="package", wanted=wanted,
                    usual=info.task, window=window, documents=np.array(documents, np.int32), notes=[note])  # fmt: skip


def _passages(text: str, length: int) -> Iterator[str]:
    """Pieces of the text of that many characters, and none that is shorter."""
    return (text[start : start + length] for start in range(0, len(text) - length + 1, length))


def _sources(folder: Path) -> Iterator[str]:
    """The modules of a package, without its tests, by name."""
    for path in sorted(folder.rglob("*.py")):
        if not {"test", "tests", "idle_test"} & set(path.relative_to(folder).parts):
            text = _source(path)
            if text is not None:
                yield text


def _module(name: str) -> str | None:
    """A module's text, also where a later Python made a package of it."""
    text = _source(_library() / f"{name}.py")
    return text if text is not None else _source(_library() / name / "__init__.py")


def _source(path: Path) -> str | None:
    """A module's text; None where it is missing or no text of a usual size."""
    try:
        return read_bounded(path, LARGEST_MODULE, follow=True).decode("utf-8").replace("\r\n", "\n")
    except (OSError, TooLarge, UnicodeDecodeError):
        return None


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _python() -> str:
    return f"Python {platform.python_version()}"
