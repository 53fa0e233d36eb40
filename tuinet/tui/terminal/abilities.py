"""What the terminal can show, found once, and told to Textual before it is imported: it reads its settings then."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

TRUECOLOR = 2**24
COLOURS = {"truecolor": TRUECOLOR, "256": 256, "16": 16, "none": 0}
"""What a user can ask for, beside "auto"."""

TEXTUAL_NAMES = {TRUECOLOR: "truecolor", 256: "256", 16: "standard"}
TRUECOLOR_TERMS = ("-direct", "alacritty", "kitty", "ghostty", "wezterm", "foot", "contour")
"""Ends of TERM by which terminals with 24-bit colour are known where COLORTERM did not come along, as over ssh."""

PLAIN_TERMS = ("linux", "vt100", "vt102", "vt220", "ansi", "cons25")
"""Terminals whose fonts lack braille and most marks."""

SLOW_LINE = {"TEXTUAL_FPS": "15", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
"""Over ssh each frame costs bytes: what is set where the user has not set it."""


class Abilities(NamedTuple):
    """What widgets may draw with."""

    colours: int = TRUECOLOR
    """2**24, 256, 16, or 0: marks, words, bold and reverse only."""

    unicode: bool = True
    """Whether braille, blocks, boxes and arrows can be shown; else ASCII."""

    ssh: bool = False
    """Whether the terminal is at the far end of a line."""


def find(environ: Mapping[str, str] | None = None, encoding: str | None = None, colour: str = "auto") -> Abilities:
    """The terminal's abilities by the environment.

    encoding: of standard error, which Textual draws on. colour: "auto" or a key of COLOURS, which then wins over
    NO_COLOR and the terminal's own word. TUINET_ASCII=1 asks for ASCII.
    """
    environ = os.environ if environ is None else environ
    encoding = getattr(sys.__stderr__, "encoding", "") if encoding is None else encoding
    utf8 = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    term = environ.get("TERM", "")
    return Abilities(
        colours=_detected_colours(environ) if colour == "auto" else COLOURS[colour],
        unicode=utf8 and term not in PLAIN_TERMS and environ.get("TUINET_ASCII", "") in ("", "0"),
        ssh=bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY")),
    )


def _detected_colours(environ: Mapping[str, str]) -> int:
    term = environ.get("TERM", "")
    asked = {name: colours for colours, name in TEXTUAL_NAMES.items()}.get(environ.get("TEXTUAL_COLOR_SYSTEM", ""))
    if environ.get("NO_COLOR") or term in ("dumb", "vt100", "vt102", "vt220"):
        return 0
    if asked is not None:
        return asked
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith(TRUECOLOR_TERMS):
        return TRUECOLOR
    return 256 if term.endswith("-256color") else 16


def tell_textual(abilities: Abilities, environ: MutableMapping[str, str] | None = None) -> None:
    """Sets Textual's environment variables. Call it before anything imports textual."""
    environ = os.environ if environ is None else environ
    if abilities.colours:
        environ["TEXTUAL_COLOR_SYSTEM"] = TEXTUAL_NAMES[abilities.colours]
        environ.pop("NO_COLOR", None)
    else:
        environ["NO_COLOR"] = "1"
        environ.setdefault("TEXTUAL_THEME", "ansi-dark")  # the theme that marks with reverse and bold
    if abilities.ssh:
        for name, value in SLOW_LINE.items():
            environ.setdefault(name, value)
