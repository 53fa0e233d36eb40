"""Foreign text made visible: nothing that passes here can move a cursor, hide, or turn text around.

File names, labels, presets, logs and exception texts come from elsewhere. A terminal obeys control characters,
draws bidirectional text in another order than it is stored, and shows many code points as nothing at all.
Each such code point is replaced by a mark that can be seen:

    C0 and DEL           the control pictures of Unicode: ESC is ␛, a new line is ␊
    undecodable bytes    \\xff   (what Python reads as U+DCFF)
    everything else      <U+202E>
"""

from __future__ import annotations

import re

# What draws nothing or changes how the rest is drawn, as ranges of code points. Written out rather than asked of
# unicodedata, so that the answer is the same on every Python; unassigned code points that Unicode promises to keep
# invisible ("default ignorable") are in it too.
HIDDEN = (
    (0x0000, 0x001F),  # C0
    (0x007F, 0x009F),  # DEL and C1
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x0600, 0x0605),  # Arabic number signs
    (0x061C, 0x061C),  # Arabic letter mark (bidi)
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),  # Mongolian selectors
    (0x200B, 0x200F),  # zero width, bidi marks
    (0x2028, 0x202E),  # line and paragraph separators, bidi embeddings and overrides
    (0x2060, 0x206F),  # invisible operators, bidi isolates
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # lone surrogates
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),  # interlinear annotation
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tag characters, more variation selectors
)

_hidden = re.compile("[" + "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in HIDDEN) + "]")


def _mark(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"<U+{code:04X}>"


def safe(text: str, limit: int | None = None) -> str:
    """The text on one line, with every invisible or commanding character shown as a mark.

    limit: at most so many characters come back; what was cut ends in "…". Safe text passes unchanged.
    """
    if limit is not None:
        text = text[: limit + 1]  # a character gives at least one, so that the rest cannot matter
    shown = _hidden.sub(_mark, text)
    if limit is not None and len(shown) > limit:
        return shown[: max(0, limit - 1)] + "…" if limit > 0 else ""
    return shown
