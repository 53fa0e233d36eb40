"""The last check before content becomes bytes: whatever widget it came through, no character of it commands.

Text is made safe where it enters the program; this is for what slipped through. Textual itself lets ESC and its
kin pass. As a line filter it sees every line of every widget once, after borders and titles were drawn.
"""

from __future__ import annotations

import unicodedata

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip

from tuinet.safe_text import safe

PLAIN = str.maketrans(
    {
        **dict.fromkeys("─━╌╍┄┅┈┉═▔⎯╸╺", "-"),
        **dict.fromkeys("│┃╎╏┆┇┊┋║▏▎▕‖", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛┣┫┳┻╋╭╮╰╯╔╗╚╝╠╣╦╩╬╞╡╪┠┨┯┷┿", "+"),
        **dict.fromkeys("█▓▉▊▋▌▐▀▄▆▇▟▙▜▛■∎", "#"),
        **dict.fromkeys("▒▅▃▍◼▬", "="),
        **dict.fromkeys("░·•∙⋅▪", "."),
        **dict.fromkeys("▁▂␠", "_"),
        **dict.fromkeys("●○◉◎★☆♥✱◆", "*"),
        **dict.fromkeys("◌◇◦□", "o"),
        **dict.fromkeys("▲△▴↑⬆⌃", "^"),
        **dict.fromkeys("▼▽▾↓⬇⌄", "v"),
        **dict.fromkeys("▶▷▸►→⏵❯›»", ">"),
        **dict.fromkeys("◀◁◂◄←⏴❮‹«", "<"),
        **dict.fromkeys("✖✗✘×", "x"),
        **dict.fromkeys("✓✔", "v"),
        **dict.fromkeys("–−—‐‑", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        "…": "~",
        "²": "2",
        "³": "3",
        "σ": "s",
        "Σ": "S",
        "Φ": "F",
        "±": "~",
        "≈": "~",
        "é": "e",
        "°": " ",
        "µ": "u",
    }
)
"""One ASCII letter for each of our own marks and of Textual's borders."""

WORDS = {"⏎": "enter", "⌫": "backspace", "≤": "<=", "≥": ">="}
"""Of which one letter would say something else; blanks that follow give the room."""


class Visible(LineFilter):
    """Shows every hidden or commanding character as a mark, drops links, and draws in ASCII where nothing else shows.

    The marks are wider than what they stand for; the line keeps its width and loses its end instead.
    """

    def __init__(self, unicode: bool = True) -> None:
        super().__init__()
        self.unicode = unicode

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, or where all is well the same list."""
        letters = "".join([text for text, _, _ in segments])
        bad = letters != safe(letters) or not (self.unicode or letters.isascii())
        # The address of a link goes to the terminal as part of a command, and says less than it seems to.
        linked = any(control or (style is not None and style.link) for _, style, control in segments)
        if not (bad or linked):
            return segments
        shown = [self._shown(segment) for segment in segments if not segment.control]
        if not self.unicode:
            shown = _in_ascii(shown)
        return list(Strip(shown).adjust_cell_length(Strip(segments).cell_length)) if bad else shown

    def _shown(self, segment: Segment) -> Segment:
        text, style, _ = segment
        return Segment(safe(text), style.update_link(None) if style is not None and style.link else style)


def _in_ascii(segments: list[Segment]) -> list[Segment]:
    """A line in ASCII. Of blanks that stand together, so many go as words before them took."""
    found, owed, before = [], 0, ""
    for text, style, _ in segments:
        letters = []
        for letter in text:
            if owed and letter == before == " ":
                owed -= 1
                continue
            before = letter
            letters.append(WORDS.get(letter, letter))
            owed += len(letters[-1]) - 1
        found.append(Segment(_ascii("".join(letters)), style))
    return found


def _ascii(text: str) -> str:
    plain = text.translate(PLAIN)
    if plain.isascii():
        return plain
    return "".join(letter if letter.isascii() else _plain_letter(letter) for letter in plain)


def _plain_letter(letter: str) -> str:
    """Braille by how full it is, a letter without its accent; else a question mark for each cell."""
    if "\u2800" <= letter <= "\u28ff":
        return " .:-=+*##"[(ord(letter) - 0x2800).bit_count()]
    bare = unicodedata.normalize("NFD", letter)[0]
    return bare if bare.isascii() else "?" * Strip([Segment(letter)]).cell_length
