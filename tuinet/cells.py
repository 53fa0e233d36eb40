"""Text measured in terminal cells: a letter takes one, a wide character two, a combining mark none.

Everything that is cut, padded or aligned on a terminal goes through here, so that Chinese column names and accented
labels keep a table straight.
"""

from __future__ import annotations

import re
import unicodedata

WORDS = re.compile(r"(?:\S*`[^`]{1,60}`\S*|\S+)(?: ·)?")


def cell_width(text: str) -> int:
    """How many cells a terminal gives the text."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def cut(text: str, width: int, *, mark: str = "…") -> str:
    """The text in at most `width` cells; what was cut ends in `mark`."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(mark)
    if room < 0:
        return ""
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > room:
            break
        kept.append(character)
    return "".join(kept) + mark


def cut_inside(text: str, width: int, *, mark: str = "…") -> str:
    """The same with the mark in place of what stands inside: of names that begin alike, the ends tell them apart."""
    if cell_width(text) <= width:
        return text
    room = width - cell_width(mark)
    end = cut(text[::-1], room - room // 3, mark="")[::-1]
    while end and not _cells(end[0]):  # a mark of the letter before it, which is cut
        end = end[1:]
    return cut(text, room - cell_width(end), mark="") + mark + end if room >= 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells, cut or filled with spaces; `right` puts the spaces in front."""
    text = cut(text, width)
    spaces = " " * (width - cell_width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int, *, indent: str = "") -> list[str]:
    """The text in lines of at most `width` cells, broken at spaces; lines after the first start with `indent`.

    A word that is longer than a line stays whole, and so does a command in backticks: what is broken cannot be copied.
    """
    lines = [""]
    for word in WORDS.findall(text):
        line = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_width(line) > width and lines[-1]:
            lines.append(indent + word)
        else:
            lines[-1] = line
    return lines


def _cells(character: str) -> int:
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
