"""From letters to whole numbers and back: the vocabulary of a text, which a run keeps to read and write without it.

    characters   one number for each different character of the whole text, in the order of Unicode
    bytes        one for each of the 256 bytes of UTF-8: any text can be read, whatever is in it

Texts of different lengths are filled up with 0, which then stands for nothing; the first character is 1.
The characters are those of the whole text, held-out parts included: that a character comes at all gives nothing away,
and none is unknown when a held-out part is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.kept import Kept
from tuinet.errors import DataError
from tuinet.safe_text import safe

TOKENS = ("characters", "bytes")
MOST_TOKENS = 10_000  # a network gives a number for each of them at every place
MOST_WINDOW = 4_096
SPACE = "␠"  # what stands for a blank in a list
CODES = 0x110000  # code points of Unicode

Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """tokens: characters or bytes. characters: in the order of their numbers, empty for bytes. window: tokens read at
    a time. padded: 0 stands for no token at all, after the end of a shorter text.
    """

    tokens: str
    characters: str
    window: int
    padded: bool = False

    @classmethod
    def of(cls, text: str, tokens: str, window: int, *, padded: bool = False, place: str = "the text") -> Vocabulary:
        """The vocabulary of a text; DataError where it has more different characters than a network should tell apart.

        text: undecodable bytes stand in it as surrogates, as `surrogateescape` leaves them, where tokens are bytes.
        """
        if tokens == "bytes":
            return cls("bytes", "", window, padded)
        characters = "".join(map(chr, np.flatnonzero(np.bincount(_points(text), minlength=1)).tolist()))
        if len(characters) > MOST_TOKENS:
            raise DataError(
                f"{place}: holds {len(characters):,} different characters, and a network that writes gives a number "
                f'for each at every place; at most {MOST_TOKENS:,} are taken. Choose data.tokens = "bytes"'
            )
        return cls("characters", characters, window, padded)

    @property
    def size(self) -> int:
        """How many numbers there are, the padding among them."""
        return int(self.padded) + (256 if self.tokens == "bytes" else len(self.characters))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example as the network sees it."""
        return (self.window,)

    @property
    def columns(self) -> list[str]:
        """Places in a text have no names."""
        return []

    @property
    def names(self) -> list[str]:
        """What each number stands for, to be shown: the character, or the byte as it is written in Python."""
        if self.tokens == "characters":
            return [""] * self.padded + list(self.characters)
        return [""] * self.padded + [chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256)]

    # -- there and back ------------------------------------------------------------------------

    def encode(self, text: str, place: str) -> Tokens:
        """The text's tokens, int32 (n). DataError names the characters that are not in the vocabulary."""
        if self.tokens == "bytes":
            raw = text.encode("utf-8", "surrogateescape")
            return np.frombuffer(raw, np.uint8).astype(np.int32) + int(self.padded)
        points = _points(text)
        numbers = self._numbers[points]
        if (numbers < 0).any():
            raise DataError(self._unknown(text, place))
        return numbers

    def decode(self, token: int) -> bytes:
        """UTF-8 of one token: with bytes it may be a part of a character. Empty for the padding."""
        token -= self.padded
        if token < 0:
            return b""
        return bytes([token]) if self.tokens == "bytes" else self.characters[token].encode("utf-8", "surrogatepass")

    def __call__(self, texts: Sequence[str], places: Sequence[str]) -> Tokens:
        """Texts as a padded network wants them, int32 (n, window): the first `window` tokens of each, then zeros."""
        rows = np.zeros((len(texts), self.window), np.int32)
        for row, text, place in zip(rows, texts, places, strict=True):
            tokens = self.encode(text, place)[: self.window]
            row[: len(tokens)] = tokens
        return rows

    @cached_property
    def _numbers(self) -> Tokens:
        """The number of each code point, -1 where it has none."""
        numbers = np.full(CODES, -1, np.int32)
        numbers[_points(self.characters)] = np.arange(len(self.characters)) + int(self.padded)
        return numbers

    def _unknown(self, text: str, place: str) -> str:
        known = set(self.characters)
        strange = [character for character in dict.fromkeys(text) if character not in known]
        some = ", ".join(shown(character) for character in strange[:10])
        more = f" and {len(strange) - 10} more" if len(strange) > 10 else ""
        noun = "characters that did" if len(strange) > 1 else "a character that did"
        return (
            f"{place}: holds {noun} not come in training: {some}{more}; "
            f"the network knows {len(self.characters):,}: {listed(self.characters)}"
        )

    # -- kept ------------------------------------------------------------------------------------

    def as_table(self) -> dict[str, Any]:
        """The same as plain values that JSON keeps exactly."""
        return {
            "tokens": self.tokens,
            "characters": self.characters,
            "window": self.window,
            "padded": self.padded,
        }

    @classmethod
    def from_table(cls, table: Any) -> Vocabulary:
        """A vocabulary from `as_table`; DataError where the table is not one that can be worked with."""
        kept = Kept(table, "the vocabulary")
        vocabulary = cls(kept.text("tokens"), kept.text("characters"), kept.whole("window"), kept.truth("padded"))
        if vocabulary.tokens not in TOKENS:
            kept.refuse("tokens", f"one of {', '.join(TOKENS)}")
        characters = vocabulary.characters
        least = 0 if vocabulary.tokens == "bytes" else 1
        most = 0 if vocabulary.tokens == "bytes" else MOST_TOKENS
        if not least <= len(characters) <= most or len(set(characters)) < len(characters):
            kept.refuse("characters", "different characters, and none for bytes,")
        if not 1 <= vocabulary.window <= MOST_WINDOW:
            kept.refuse("window", f"a number from 1 to {MOST_WINDOW:,}")
        return vocabulary


def shown(character: str) -> str:
    """A character as an error names it: itself in quotes, with its number where it cannot be seen."""
    visible = safe(character)
    return f'"{visible}"' if visible == character and not character.isspace() else f"U+{ord(character):04X}"


def listed(characters: str) -> str:
    """The characters of a vocabulary on one line, in runs where they follow one another: a-z."""
    pieces, start = [], 0
    for place in range(1, len(characters) + 1):
        if place < len(characters) and ord(characters[place]) == ord(characters[place - 1]) + 1:
            continue
        run = [SPACE if character == " " else safe(character) for character in characters[start:place]]
        pieces.append(f"{run[0]}-{run[-1]}" if len(run) > 3 else "".join(run))
        start = place
    return safe(" ".join(pieces), 300)


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
