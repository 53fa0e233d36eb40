"""On which line of a preset a key stands. Python's TOML parser does not say, and an error without its line is half one.

The text has passed the parser when it comes here, so the scan below may be simple: what it does not understand it
steps over.
"""

from __future__ import annotations

from collections.abc import Mapping

from tuinet.presets.limits import tokens

Path = tuple[str | int, ...]
Token = tuple[str, str, int]


def find_lines(text: str) -> dict[Path, int]:
    """The line of every table and key: {("layers", 2, "units"): 14, ...}."""
    return _Scan(list(tokens(text))).lines


class _Scan:
    """One walk over the tokens. `here` is the table that the last header opened."""

    def __init__(self, found: list[Token]):
        self.tokens, self.place = [*found, ("line", "\n", 0)], 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # how many elements an array of tables has so far
        self.here: Path = ()
        while self.place < len(self.tokens):
            self.statement()

    @property
    def token(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else "\n"

    @property
    def kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else "line"

    @property
    def line(self) -> int:
        return self.tokens[self.place][2]

    def statement(self) -> None:
        if self.kind == "line":
            self.place += 1
        elif self.token == "[":
            self.header()
            self.rest_of_line()
        else:
            self.pair(self.here)
            self.rest_of_line()

    def rest_of_line(self) -> None:
        while self.kind != "line":
            self.place += 1

    def header(self) -> None:
        """[a.b] or [[a.b]]"""
        line, array = self.line, False
        self.place += 1
        if self.token == "[":
            array = True
            self.place += 1
        keys = self.keys()
        path: Path = ()
        for key in keys[:-1]:
            path = self.element((*path, key))
        path = (*path, *keys[-1:])
        if array:
            self.counts[path] = self.counts.get(path, 0) + 1
            self.lines.setdefault(path, line)
            path = self.element(path)
        self.here = path
        self.lines.setdefault(path, line)

    def element(self, path: Path) -> Path:
        """The last element of an array of tables, where the path is one."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def keys(self) -> list[str]:
        """a.b."c d" as a list; stops at the first token that is no key."""
        keys = []
        while self.kind in ("bare", "text"):
            token = self.token
            keys.append(token[1:-1] if self.kind == "text" else token)
            self.place += 1
            if self.token != ".":
                break
            self.place += 1
        return keys

    def pair(self, table: Path) -> None:
        """key = value"""
        line, path = self.line, table
        for key in self.keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        if self.token == "=":
            self.place += 1
            self.value(path)

    def value(self, path: Path) -> None:
        if self.token == "{":
            self.place += 1
            while self.token != "}" and self.kind != "line":
                self.pair(path)
                if self.token != ",":
                    break
                self.place += 1
            self.place += self.token == "}"
        elif self.token == "[":
            self.array(path)
        else:
            while self.token not in (",", "]", "}") and self.kind != "line":
                self.place += 1

    def array(self, path: Path) -> None:
        self.place += 1
        for number in range(len(self.tokens)):
            self.blank_lines()
            if self.token == "]" or self.place >= len(self.tokens):
                break
            self.lines.setdefault((*path, number), self.line)
            self.value((*path, number))
            self.blank_lines()
            if self.token != ",":
                break
            self.place += 1
        self.place += self.token == "]"

    def blank_lines(self) -> None:
        while self.kind == "line" and self.place < len(self.tokens):
            self.place += 1


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of a key, or of the innermost table around it that stands in the text (a missing key has no line)."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)
