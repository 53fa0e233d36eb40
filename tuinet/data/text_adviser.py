"""The adviser for a text: a small transformer that predicts its next character, with a reason for every choice.

how it is written   →  characters or bytes
how long it is      →  width and depth, dropout, window, batch size, epochs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tuinet.data.foreign import read_whole
from tuinet.data.settings import DataSettings
from tuinet.data.texts import LARGEST_TEXT, WINDOW, corpus, read_text
from tuinet.data.toml_text import toml_text
from tuinet.data.vocabulary import MOST_TOKENS
from tuinet.safe_text import safe

READ = 6_000_000  # tokens that a network of this size settles on, by experience with the installed texts: minutes
BATCH = 32
SIZES = ((50_000, 32, 1), (300_000, 64, 2), (1_000_000, 96, 2))  # up to so many tokens: width, blocks; beyond, LARGEST
LARGEST = (128, 3)


def preset_from_text(path: Path) -> tuple[list[str], list[str]]:
    """The lines of a preset below its title for a text of one's own, and the reasons for what is in it.

    DataError where it is no text, or too short to hold anything out.
    """
    reasons: list[str] = []
    tokens = _tokens(path, reasons)
    text = read_text(path, tokens)
    window = WINDOW if len(text) >= 40 * WINDOW else 16
    settings = DataSettings(file=str(path), tokens=tokens, window=window)
    examples = corpus(text, settings, name=path.name, source="file", place=safe(str(path), 200))
    assert examples.vocabulary is not None
    n = examples.rows.size
    reasons.append(
        f"{n:,} {tokens}, {examples.vocabulary.size:,} different ones: the next one is predicted from up to {window} "
        "before it."
    )
    width, blocks = next(((width, blocks) for most, width, blocks in SIZES if n <= most), LARGEST)
    epochs = max(2, min(60, round(READ / n)))
    dropout = 0.2 if epochs > 10 else 0.1 if epochs > 4 else 0.0
    words = "One block" if blocks == 1 else f"{blocks} blocks"
    reasons.append(f"{words} of attention over vectors of {width} numbers: about what a text of this length can fill.")
    if dropout:
        reasons.append(f"It is read up to {epochs} times: dropout {dropout:g} against learning it by heart.")
    reasons.append("The last 10% are held out, by position: what stands side by side is never on both sides.")
    reasons.append("Lower val_bits_per_char is better; `tuinet generate last` shows what was learnt.")
    return list(_lines(path, tokens, window, width, blocks, dropout, epochs)), reasons


def _tokens(path: Path, reasons: list[str]) -> str:
    """Characters, or bytes where the file is no UTF-8 or has more characters than a network should tell apart."""
    content = read_whole(path, LARGEST_TEXT)
    try:
        if len(set(content.decode("utf-8"))) <= MOST_TOKENS:
            return "characters"
        reasons.append("Bytes are read instead of characters: there are very many different ones.")
    except UnicodeDecodeError:
        reasons.append("Bytes are read instead of characters: it is not UTF-8.")
    return "bytes"


def _lines(path: Path, tokens: str, window: int, width: int, blocks: int, dropout: float, epochs: int) -> Iterator[str]:
    yield from ("[data]", f"file = {toml_text(str(path))}", f'tokens = "{tokens}"', f"window = {window}")
    yield from ("validation = 0.1", "", "[[layers]]", 'type = "embedding"', f"units = {width}")
    yield from ("", "[[layers]]", 'type = "positions"')
    yield from ("", "[[layers]]", 'type = "transformer_block"', 'name = "block"')
    if blocks > 1:
        yield f"repeat = {blocks}"
    yield from ("heads = 4", "causal = true")
    if dropout:
        yield f"dropout = {dropout:g}"
    yield from ("", "[[layers]]", 'type = "layer_norm"')
    yield from ("", "[[layers]]", 'type = "dense"', 'name = "out"', 'units = "classes"')
    yield from training_lines(epochs, BATCH)


def training_lines(epochs: int, batch: int) -> Iterator[str]:
    """How a transformer is trained that was proposed."""
    yield from ("", "[training]", 'loss = "cross_entropy"', f"epochs = {epochs}", f"batch_size = {batch}", "seed = 1")
    yield 'optimizer = { type = "adamw", learning_rate = 2e-3, weight_decay = 0.01 }'
    yield from ('schedule = { type = "cosine", warm_up = 0.05 }', "clip_norm = 1.0")
    yield 'early_stopping = { monitor = "val_loss", patience = 10 }'
