"""Where a preset comes from: a built-in one by name, one's own by path, or standard input."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from tuinet.bounded_io import TooLarge, read_bounded
from tuinet.errors import PresetError, nearest
from tuinet.fields import shown
from tuinet.presets.catalog import folder, names
from tuinet.presets.limits import LARGEST, guard
from tuinet.presets.lines import find_lines
from tuinet.presets.places import located
from tuinet.presets.preset import Preset, assemble
from tuinet.presets.stack import as_layers
from tuinet.safe_text import safe


def load(source: str | Path, *, text: str | None = None) -> Preset:
    """The preset of that name, at that path (ending in .toml), or on standard input ("-").

    text: the preset itself, where the caller has it already; source only names it then.
    Raises PresetError with file, line and key.
    """
    word = str(source)
    path = None if word == "-" else _path(word) if text is None else Path(word)
    shown_as = "standard input" if path is None else safe(path.name if path.parent == folder() else word, 200)
    try:
        if text is None:
            text = _decoded(sys.stdin.buffer.read(LARGEST + 1) if path is None else _read(path))
        return parse(text, path.stem if path else "stdin", shown_as, path.parent if path else Path.cwd())
    except PresetError as error:
        raise error.at(file=error.file or shown_as) from None


def parse(text: str, name: str, file: str, beside: Path) -> Preset:
    """A preset from its text. file is what errors call it, beside where a relative data file is looked for."""
    guard(text)
    document = _document(text)
    lines = find_lines(text)
    try:
        document, lines = as_layers(document, lines)
        return assemble(document, name, file, beside, text, lines)
    except PresetError as error:
        raise located(error, document, lines, file) from None


def _path(word: str) -> Path:
    known = names()
    if word in known:
        return folder() / f"{word}.toml"
    path = Path(word).expanduser()
    if word.endswith(".toml") or "/" in word:
        return path
    hint = nearest(word, known)
    file_hint = f" (the file {safe(word, 60)} is here; a preset file's name ends in .toml)" if path.is_file() else ""
    raise PresetError(
        f"there is no preset {shown(word)}{hint or ';'} `tuinet presets` lists them, "
        f"and one's own is given as a path ending in .toml{file_hint}"
    )


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path.resolve(), LARGEST)
    except TooLarge:
        raise PresetError(f"the file is larger than a preset can be; at most {LARGEST:,} bytes are read") from None
    except FileNotFoundError:
        raise PresetError("there is no such file; `tuinet new` writes one to start from") from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PresetError(f"it cannot be read: {safe(reason, 200)}") from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PresetError(
            f"byte {data[error.start]:#04x} is not UTF-8; save the file in that encoding", line=line
        ) from None


def _document(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(text, str(error)) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        raise PresetError(f"this is not a TOML that can be read: {safe(str(error), 200)}") from None


def _syntax(text: str, reason: str) -> PresetError:
    """A syntax error with its line shown: the parser names a column, people look for words."""
    match = re.search(r" \(at line (\d+), column (\d+)\)$", reason)
    if match is None:
        return PresetError(f"this is not TOML: {safe(reason, 200)}", line=text.count("\n") + 1)
    line = int(match[1])
    words = reason[: match.start()]
    hint = "; text stands in quotes" if words == "Invalid value" else ""
    rows = text.split("\n")
    row = shown(rows[line - 1].strip()) if line <= len(rows) else "the end"
    return PresetError(f"this is not TOML: {safe(words, 120)} in {row}, column {match[2]}{hint}", line=line)
