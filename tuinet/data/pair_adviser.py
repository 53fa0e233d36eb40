"""The adviser for pairs of texts: an encoder and a decoder of a size that suits them, and a reason for each choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tuinet.data.own_files import read_file
from tuinet.data.settings import DataSettings
from tuinet.data.text_adviser import training_lines
from tuinet.data.toml_text import toml_text
from tuinet.data.vocabulary import MOST_TOKENS
from tuinet.errors import DataError

UPDATES = 3_000  # steps that a network of this kind needs before it translates at all, by experience with the made sets
BATCH = 64
LARGE = 50_000  # pairs from which on two wider blocks are filled


def preset_from_pairs(path: str | Path) -> tuple[str, list[str]]:
    """A preset (TOML text) for a file of two texts a line, parted by a tab, and the reasons for what is in it.

    DataError where a line is no such pair, or where there are too few.
    """
    where = Path(path).expanduser().absolute()
    settings = DataSettings(file=str(where), task="translate")
    try:
        examples = read_file(settings)
        tokens = "characters"
    except DataError as error:
        if "is not UTF-8" not in str(error) and f"at most {MOST_TOKENS:,}" not in str(error):
            raise
        tokens = "bytes"
        examples = read_file(replace(settings, tokens=tokens))
    vocabulary, n = examples.vocabulary, len(examples.rows)
    assert vocabulary is not None
    reasons = [
        f"{n:,} pairs: up to {vocabulary.source - 1} {tokens} are read, up to {vocabulary.window - 1} are written.",
        *(f"{note[0].upper()}{note[1:]}." for note in examples.notes),
    ]
    width, blocks = (48, 1) if n < LARGE else (96, 2)
    epochs = max(3, min(60, round(UPDATES * BATCH / n)))
    dropout = 0.1 if epochs > 20 else 0.0
    reasons.append(
        f"{'One block' if blocks == 1 else f'{blocks} blocks'} in encoder and decoder, {width} numbers wide."
    )
    if dropout:
        reasons.append(f"Every pair is read up to {epochs} times: dropout {dropout:g} against learning them by heart.")
    reasons.append("10% are held out, so that no source stands on both sides.")
    reasons.append("val_exact_match counts what is written right to the last character; `tuinet predict` translates.")
    head = [f"title = {toml_text(where.name)}", f"teaches = {toml_text(f'To translate as {where.name} does.')}", ""]
    return "\n".join([*head, *_lines(where, tokens, width, blocks, dropout, epochs)]) + "\n", reasons


def _lines(path: Path, tokens: str, width: int, blocks: int, dropout: float, epochs: int) -> Iterator[str]:
    yield from ("[data]", f"file = {toml_text(str(path))}", 'task = "translate"', f'tokens = "{tokens}"')
    yield from ("validation = 0.1",)
    for half, block in (("encoder", "transformer_block"), ("decoder", "decoder_block")):
        yield from ("", f"[[{half}]]", 'type = "embedding"', f"units = {width}")
        yield from ("", f"[[{half}]]", 'type = "positions"')
        yield from ("", f"[[{half}]]", f'type = "{block}"', 'name = "block"', "ratio = 2")
        yield from ((f"repeat = {blocks}",) if blocks > 1 else ())
        yield from ((f"dropout = {dropout:g}",) if dropout else ())
    yield from ("", "[[decoder]]", 'type = "layer_norm"')
    yield from ("", "[[decoder]]", 'type = "dense"', 'name = "out"', 'units = "classes"')
    yield from training_lines(epochs, BATCH)
