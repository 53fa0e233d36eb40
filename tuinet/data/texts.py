"""Texts as examples: a corpus to predict the next character of, or passages and names with a label each.

A corpus is one long row of tokens. Its examples are windows of T tokens that do not overlap, and the targets are the
same windows one token ahead: both are views of the one row, so that a text is never kept T-fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuinet.data.examples import Examples
from tuinet.data.foreign import read_whole
from tuinet.data.labels import Labels, labels_of
from tuinet.data.settings import DataSettings
from tuinet.data.tables import Column
from tuinet.data.vocabulary import Vocabulary
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe

WINDOW = 64  # tokens that a network reads at a time, where nothing is said
LARGEST_TEXT = 100 << 20  # bytes
USELESS = ("label", "ignore", "impute", "separator", "header", "scale", "samples", "noise", "features",
           "series", "targets", "time", "horizon", "period", "order")  # fmt: skip


def read_text(path: str | Path, tokens: str) -> str:
    """The text of a file, gzipped or not. DataError where it is not UTF-8, unless bytes are wanted: they stay as they
    are, and what is no UTF-8 stands in the text as surrogates.
    """
    return decoded(read_whole(path, LARGEST_TEXT), safe(str(path), 200), tokens)


def decoded(content: bytes, place: str, tokens: str, *, trained: bool = False) -> str:
    """The text of a file's bytes. With characters, a mark at its begin goes and lines end in a new line alone.

    trained: it is for a trained network, whose tokens are what they are.
    """
    if tokens == "bytes":
        return content.decode("utf-8", "surrogateescape")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        more = "" if trained else ', or choose data.tokens = "bytes", which reads anything'
        raise DataError(
            f"{place}, line {line}: byte {error.start + 1:,} of the file ({content[error.start]:#04x}) is not UTF-8; "
            f"save the text in that encoding{more}"
        ) from None


# -- a corpus --------------------------------------------------------------------------------


def corpus(text: str, settings: DataSettings, *, name: str, source: str, place: str, window: int = WINDOW,
           notes: Sequence[str] = ()) -> Examples:  # fmt: skip
    """Windows of a text, each token's target the one after it. window: what suits it, where the settings say none."""
    check_settings(settings, name, useless=USELESS)
    if settings.split not in ("auto", "time"):
        raise PresetError(
            f'"{settings.split}" would put neighbouring pieces of the text on both sides; a text is split by position '
            '("time")',
            key="data.split",
        )
    tokens, length = settings.tokens or "characters", settings.window or window
    vocabulary = Vocabulary.of(text, tokens, length, place=place)
    row = vocabulary.encode(text, place)
    noun = tokens[:-1]
    if len(row) < 2 * length + 1:
        found = f"holds {len(row):,} {tokens}" if len(row) else "is empty"
        most = (len(row) - 1) // 2
        remedy = f"; with data.window = {most} it would do" if most >= 8 else ""
        raise DataError(
            f"{place}: {found}; windows of {length} need at least {2 * length + 1:,}: two of them, and the {noun} after"
            f"{remedy}"
        )
    rows, targets = windows(row, length)
    reason = f"the next {noun} is to be predicted, one of {vocabulary.size:,}"
    labels = Labels("classes", targets, tuple(vocabulary.names), reason)
    return Examples(
        name=name, source=source, rows=rows, labels=labels, target=f"next {noun}", split="time", vocabulary=vocabulary,
        notes=list(notes),
    )  # fmt: skip


def windows(row: NDArray[np.int32], length: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Windows (n, length) of a row of tokens, and the same one token ahead: read-only views of it."""
    row.flags.writeable = False
    n = (len(row) - 1) // length
    return row[: n * length].reshape(n, length), row[1 : n * length + 1].reshape(n, length)


# -- texts with labels -----------------------------------------------------------------------


def labelled(
    texts: Sequence[str],
    labels: Sequence[str],
    settings: DataSettings,
    *,
    name: str,
    source: str,
    target: str,
    wanted: str | None,
    usual: str,
    window: int | None = None,
    documents: NDArray[np.int32] | None = None,
    notes: Sequence[str] = (),
) -> Examples:
    """Short texts with a label each, filled up with 0 to the window; of a longer one the beginning counts.

    window: what suits them, where the settings say none; left out, the longest text. documents: which file each is
    from, so that those of one file stay on one side of a split.
    """
    check_settings(settings, name, useless=USELESS)
    tokens = settings.tokens or "characters"
    whole = "".join(texts)
    counts = [len(text.encode("utf-8", "surrogateescape")) if tokens == "bytes" else len(text) for text in texts]
    length = settings.window or window or max(counts)
    vocabulary = Vocabulary.of(whole, tokens, length, padded=True, place=name)
    words, codes = np.unique(np.array(labels), return_inverse=True)
    column = Column(target, "category", codes.astype(np.int32), tuple(map(str, words)))
    cut = sum(count > length for count in counts)
    told = [*notes]
    if cut:
        told.append(f"{cut:,} of the {len(texts):,} texts are longer than {length} {tokens}; their beginning is read")
    return Examples(
        name=name, source=source, rows=vocabulary(texts, [name] * len(texts)),
        labels=labels_of(column, name, settings.task, wanted, usual), target=target, vocabulary=vocabulary,
        split="auto" if documents is None else "documents", documents=documents, notes=told,
    )  # fmt: skip


def check_settings(settings: DataSettings, name: str, useless: Sequence[str]) -> None:
    """PresetError for a setting that would be passed over in silence."""
    usual = DataSettings(set="digits")
    for key in useless:
        if getattr(settings, key) != getattr(usual, key):
            raise PresetError(f"has no meaning for {safe(name, 60)}, which is text; leave it out", key=f"data.{key}")
    if settings.task in ("reals", "reconstruct"):
        raise PresetError(f"{safe(name, 60)} is text, which has no real numbers to predict", key="data.task")


# -- which files are texts -------------------------------------------------------------------

ENDINGS = (
    ".txt", ".text", ".md", ".rst", ".tex", ".org", ".html", ".xml", ".py", ".c", ".h", ".cpp", ".rs", ".go", ".js",
    ".ts", ".java", ".jl", ".r", ".sh", ".sql", ".toml", ".log", ".srt",
)  # fmt: skip


def named_as_text(path: str | Path) -> bool:
    """Whether a file's name says that it is a text."""
    name = Path(path).name.lower().removesuffix(".gz")
    return name.endswith(ENDINGS)
