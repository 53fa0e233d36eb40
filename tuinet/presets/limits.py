"""What is refused before TOML is parsed, because parsing it would take minutes or gigabytes.

Python's parser needs 0.6 s for 16 KiB of `a.a.a...=1`, and 17 s for 64 KiB. So the text is cut into tokens first, in
one pass of one regular expression, and a preset that is too large, too deep or too dotted never reaches the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tuinet.errors import PresetError

LARGEST = 64 * 1024  # bytes
MOST_DOTS = 8  # in one key
DEEPEST = 8  # brackets within brackets

# Strings first, so that what stands in them counts for nothing.
_TOKEN = re.compile(
    r'''(?P<text>"""(?:[^"\\]|\\[\s\S]|"(?!""))*"{3,5}|'''  # basic, several lines
    r"""'''(?:[^']|'(?!''))*'{3,5}|"""  # literal, several lines
    r""""(?!"")(?:[^"\\\n]|\\.)*"|'(?!'')[^'\n]*')"""
    r"|(?P<comment>#[^\n]*)|(?P<line>\n)|(?P<sign>[][{}=,.])|(?P<blank>[ \t\r]+)|(?P<bare>[^][{}=,.\s\"'#]+|.)"
)


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, token, line) of TOML text, without blanks and comments. kind: text, line, sign or bare; lines from 1."""
    line = 1
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup or "bare", match[0]
        if token in ('"', "'"):
            return  # a string that never ends: the parser stops here as well
        if kind not in ("blank", "comment"):
            yield kind, token, line
        if kind in ("line", "text"):
            line += token.count("\n")


def guard(text: str) -> None:
    """PresetError, with its line, where the text is larger, deeper or more dotted than any preset needs to be."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise PresetError(f"the preset holds {size:,} bytes; at most {LARGEST:,} are read")
    depth = dots = 0
    for kind, token, line in tokens(text):
        if kind == "line" or (kind == "sign" and token != "."):
            dots = 0  # a key ends here, or a number: [0.5, 0.5] has no dotted key
        if kind != "sign":
            continue
        dots += token == "."
        depth += (token in "[{") - (token in "]}")
        if dots > MOST_DOTS:
            raise PresetError(f"a key has more than {MOST_DOTS} dots; no setting lies that deep", line=line)
        if depth > DEEPEST:
            raise PresetError(f"brackets stand more than {DEEPEST} deep; no setting needs that", line=line)
