"""`tuinet predict` of a network that translates: the lines of a file, and what it writes from each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Facts, Scaler, Vocabulary
    from tuinet.presets import Preset
    from tuinet.runs import RunFolder
    from tuinet.training.translating import Forward

PASS_ROWS = 64  # beginnings that are read at a time


def translate(
    output: Output, run: RunFolder, preset: Preset, facts: Facts, scaler: Scaler, file: str, out: str | None, width: int
) -> None:
    """Write the file's lines anew, `width` likeliest beginnings side by side, and print or keep what came of it.

    DataError names the line that is too long, or holds a character that did not come in training.
    """
    from tuinet.cli.predict import write_csv
    from tuinet.data.inputs import read_lines
    from tuinet.data.pairs import source_rows
    from tuinet.training.translating import texts, translated

    vocabulary = vocabulary_of(scaler)
    lines = read_lines(file, vocabulary)
    sources = source_rows([text for _, text in lines], vocabulary, [place for place, _ in lines])
    written = translated(forward_of(run, preset, facts, output), sources, vocabulary.window, width=width)
    rows = [
        {"row": number, "source": source, "translation": target, "probability": math.exp(score)}
        for number, ((_, source), target, score) in enumerate(
            zip(lines, texts(written.tokens, vocabulary), written.scores.tolist(), strict=True), 1
        )
    ]
    for row in rows:
        output.record(row)
    if out is not None:
        from tuinet.figures import plural
        from tuinet.safe_text import safe

        write_csv(Path(out), rows)
        output.prose(f"Wrote {plural(len(rows), 'translation')} to {safe(out, 200)}.")
    elif not output.as_json:
        _print(output, rows, [place.rpartition(", ")[2] for place, _ in lines])


def vocabulary_of(scaler: Scaler) -> Vocabulary:
    """The vocabulary of a network that reads text."""
    from tuinet.data import Vocabulary

    assert isinstance(scaler, Vocabulary)
    return scaler


def forward_of(run: RunFolder, preset: Preset, facts: Facts, output: Output) -> Forward:
    """The network as a function from tokens (n, S + T) to logits (n, T, C), compiled."""
    from tuinet.cli.bar import Bar
    from tuinet.cli.trained import network_of

    bar = Bar(output.side)

    def on_compile(done: int, total: int, name: str) -> None:
        bar.draw(done / max(1, total), "compiling, once on this machine", (name, f"{done}/{total}"))

    network = network_of(run, preset, facts, rows=PASS_ROWS, device="cpu", warn=output.note, on_compile=on_compile)
    bar.hide()
    return network.outputs  # type: ignore[no-any-return]


def _print(output: Output, rows: list[dict[str, Any]], places: list[str]) -> None:
    from tuinet import figures
    from tuinet.cli.table import Cell, Column, table

    columns = [
        Column("row", right=True, need=6, least=4),
        Column("source", need=7, least=12),
        Column("translation", need=9, least=12),
        Column("probability", right=True, need=5),
    ]
    cells: list[list[str | Cell]] = [
        [place, row["source"], Cell(row["translation"], ("bold",)), figures.share(row["probability"])]
        for place, row in zip(places, rows, strict=True)
    ]
    for line in table(columns, cells, output.terminal):
        output.say(line)
