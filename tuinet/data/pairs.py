"""Pairs of texts: a source that is read, and a target that is to be written from it.

    inputs    source, end, padding up to S | start, target, padding up to T       int32 (n, S + T)
    targets                                  target, end, then -1 up to T         int32 (n, T)

The decoder sees the target one place behind, so that what stands at a place is what it has to write there next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuinet.data.examples import Examples
from tuinet.data.foreign import check_memory
from tuinet.data.labels import Labels
from tuinet.data.settings import DataSettings
from tuinet.data.texts import LARGEST_TEXT, WINDOW, check_settings, decoded
from tuinet.data.vocabulary import END, START, Vocabulary
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe

Pair = tuple[str, str]
Tokens = NDArray[np.int32]

USELESS = ("label", "ignore", "impute", "scale", "noise", "features", "series", "targets", "time", "horizon",
           "period", "order")  # fmt: skip


def read_pairs(content: bytes, place: str, tokens: str, *, header: bool = False) -> list[Pair]:
    """The pairs in a file's bytes, a line each: a source, a tab, a target. DataError names the line that is none."""
    pairs = []
    for number, line in enumerate(decoded(content, place, tokens).split("\n"), 1):
        if not line.strip() or (header and number == 1):
            continue
        cells = line.split("\t")
        if len(cells) != 2:
            raise DataError(
                f"{place}, line {number}: has {len(cells) - 1} tabs; a source, one tab and a target are wanted"
            )
        source, target = (cell.strip(" \r") for cell in cells)
        if not source or not target:
            raise DataError(f"{place}, line {number}: the {'target' if source else 'source'} is empty")
        pairs.append((source, target))
    return pairs


def own_pairs(path: Path, content: bytes, settings: DataSettings) -> Examples:
    """The pairs of a file of one's own, of two columns parted by a tab."""
    place = safe(str(path), 200)
    if settings.separator not in ("auto", "tab"):
        raise PresetError("pairs are parted by a tab; leave it out", key="data.separator")
    pairs = read_pairs(content, place, settings.tokens or "characters", header=settings.header == "yes")
    return examples(pairs, settings, name=path.name, source="file", place=place)


def examples(pairs: Sequence[Pair], settings: DataSettings, *, name: str, source: str, place: str,
             longest: int | None = None, notes: Iterable[str] = ()) -> Examples:  # fmt: skip
    """Pairs as rows of tokens, split so that no source stands in two parts.

    longest: tokens of a source or a target at the most, where the settings say none; longer pairs are left out, and a
    note says how many.
    """
    check_settings(settings, name, useless=USELESS)
    if settings.split not in ("auto", "sources"):
        raise PresetError(
            f'"{settings.split}" could put a source and its other translations on both sides; pairs are split by '
            'their "sources"',
            key="data.split",
        )
    tokens = settings.tokens or "characters"
    most = settings.window or longest or WINDOW
    sizes = [(_length(first, tokens), _length(second, tokens)) for first, second in pairs]
    kept = [pair for pair, size in zip(pairs, sizes, strict=True) if max(size) <= most]
    if not kept:
        long = f"every pair has a text of more than {most} {tokens}; let data.window be more"
        raise DataError(f"{place}: {long if pairs else 'is empty'}")
    told = [*notes]
    if left := len(pairs) - len(kept):
        told.append(
            f"{left:,} of the {len(pairs):,} pairs are left out: a text of theirs is longer than {most} {tokens}; "
            "data.window says how many are read"
        )
    fitting = [size for size in sizes if max(size) <= most]
    width, steps = (max(column) + 1 for column in zip(*fitting, strict=True))
    check_memory(place, len(kept), width + 2 * steps, stored=4 * len(kept) * (width + 2 * steps))
    vocabulary = Vocabulary.of(
        "".join(map("".join, kept)), tokens, steps, padded=True, source=width, place=place
    )  # fmt: skip
    rows, targets = rows_of(kept, vocabulary, place)
    reason = f"a text is to be written from another, token by token, each one of {vocabulary.size:,}"
    sources = np.unique([first for first, _ in kept], return_inverse=True)[1].astype(np.int32)
    return Examples(
        name=name, source=source, rows=rows, labels=Labels("classes", targets, tuple(vocabulary.names), reason),
        target="translation", split="sources", vocabulary=vocabulary, documents=sources, notes=told,
    )  # fmt: skip


def rows_of(pairs: Sequence[Pair], vocabulary: Vocabulary, place: str) -> tuple[Tokens, Tokens]:
    """What the network reads (n, S + T) and what it is to write (n, T), of pairs that fit."""
    width, steps = vocabulary.source, vocabulary.window
    rows = np.zeros((len(pairs), width + steps), np.int32)
    targets = np.full((len(pairs), steps), -1, np.int32)
    rows[:, :width] = source_rows([first for first, _ in pairs], vocabulary, [place] * len(pairs))
    rows[:, width] = START
    for row, wanted, (_, second) in zip(rows, targets, pairs, strict=True):
        written = vocabulary.encode(second, place)
        row[width + 1 : width + 1 + len(written)] = written
        wanted[: len(written)] = written
        wanted[len(written)] = END
    return rows, targets


def source_rows(texts: Sequence[str], vocabulary: Vocabulary, places: Sequence[str]) -> Tokens:
    """Sources as the encoder reads them, int32 (n, S). DataError names the place of one that is too long or strange."""
    rows = np.zeros((len(texts), vocabulary.source), np.int32)
    for row, text, place in zip(rows, texts, places, strict=True):
        read = vocabulary.encode(text, place)
        if len(read) >= vocabulary.source:
            raise DataError(
                f"{place}: has {len(read):,} {vocabulary.tokens}; the network reads at most {vocabulary.source - 1:,}"
            )
        row[: len(read)] = read
        row[len(read)] = END
    return rows


def _length(text: str, tokens: str) -> int:
    return len(text.encode("utf-8", "surrogateescape")) if tokens == "bytes" else len(text)


__all__ = ["LARGEST_TEXT", "examples", "own_pairs", "read_pairs", "rows_of", "source_rows"]
