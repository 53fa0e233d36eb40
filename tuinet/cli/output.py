"""Where a command's words and figures go.

People's text goes to standard output; with --json it moves to standard error, and standard output carries one JSON
object a line and nothing else. Colour and bars appear only where the stream is a terminal that wants them.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from tuinet.cells import cell_width, cut, wrap
from tuinet.safe_text import safe

PIPED_WIDTH = 100
"""Columns that prose is wrapped to where there is no terminal; tables are not cut there."""

PLAIN_LETTERS = str.maketrans("–−·•●…━╸─│▏▕×²é’“”✓°µ", '--....=-||||x2e\'""+ u')
"""What stands for our own marks where the terminal's encoding lacks them."""

OWN_PAINT = re.compile(r"(\x1b\[[0-9;]{0,20}m)")
CODES = {"bold": "1", "dim": "2", "good": "32", "warn": "33", "bad": "31", "accent": "36"}


def forgive_encodings() -> None:
    """Let standard output and error take any text: what their encoding lacks is written as a letter it has."""
    codecs.register_error("tuinet", _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tuinet")


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN_LETTERS)
    return text.encode("ascii", "replace").decode("ascii"), error.end


class Terminal:
    """What one output stream can show."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.live = _is_terminal(stream) and os.environ.get("TERM", "") != "dumb"
        self.colour = self.live and not os.environ.get("NO_COLOR")
        self.unicode = (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"

    @property
    def width(self) -> int | None:
        """Columns now, or None where nothing limits a line (a pipe, a file)."""
        if not _is_terminal(self.stream) and "COLUMNS" not in os.environ:
            return None
        return max(20, shutil.get_terminal_size((80, 24)).columns)

    @property
    def height(self) -> int:
        return max(8, shutil.get_terminal_size((80, 24)).lines)

    @property
    def prose_width(self) -> int:
        return min(self.width or PIPED_WIDTH, PIPED_WIDTH)

    def paint(self, text: str, *kinds: str) -> str:
        """The text in the given kinds (bold, dim, good, warn, bad, accent), or plain where colour is not wanted."""
        if not self.colour or not text or not kinds:
            return text
        return f"\x1b[{';'.join(CODES[kind] for kind in kinds)}m{text}\x1b[0m"


def checked(text: str) -> str:
    """The line with every control character but our own paint made visible."""
    return "".join(part if OWN_PAINT.fullmatch(part) else safe(part) for part in OWN_PAINT.split(text) if part)


class Output:
    """One command's way to speak: `say` to people, `record` to programs, `note` beside the result."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.terminal = Terminal(sys.stderr if as_json else sys.stdout)
        self.side = Terminal(sys.stderr)

    def say(self, text: str = "") -> None:
        """A line of people's text. Foreign words in it are safe already; here stands the last check."""
        print(checked(text), file=self.terminal.stream)

    def prose(self, text: str, *kinds: str, indent: str = "") -> None:
        """A sentence, wrapped to the terminal."""
        for line in wrap(text, self.terminal.prose_width, indent=indent):
            self.say(self.terminal.paint(line, *kinds))

    def heading(self, name: str, text: str = "") -> None:
        """A line that begins with a name in bold and goes on, cut to the terminal."""
        room = (self.terminal.width or 10_000) - cell_width(name) - 2
        self.say(f"{self.terminal.paint(name, 'bold')}  {cut(text, room)}".rstrip())

    def commands(self, words: Sequence[str]) -> None:
        """What can be typed next, side by side where there is room."""
        line = "     ".join(words)
        for part in [line] if cell_width(line) <= (self.terminal.width or PIPED_WIDTH) else words:
            self.say(self.terminal.paint(part, "dim"))

    def note(self, text: str) -> None:
        """A remark that is not the result: always on standard error."""
        for line in wrap(text, self.side.prose_width, indent="  "):
            print(checked(line), file=sys.stderr)

    def record(self, fields: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own, with --json only. All of it is ASCII, and none of it a control byte."""
        if self.as_json:
            from tuinet.runs.checked import json_line

            print(json_line(fields).replace("\x7f", "\\u007f"), file=sys.stdout, flush=True)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # closed, or replaced by something that is no stream
        return False
