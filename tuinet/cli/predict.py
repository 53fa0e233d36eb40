"""`tuinet predict`: what a trained network says of new examples, from a file or from standard input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tuinet.cli.output import Output
    from tuinet.data import Facts

PASS_ROWS = 256  # examples that are evaluated at a time
MOST_BARS = 12
MOST_COLUMNS = 8  # numbers of a prediction that a table shows


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("file", metavar="FILE")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write a CSV file instead of a table.")
@click.option("--beam", type=click.IntRange(1, 64), metavar="N",
              help="Of a network that translates: keep the N likeliest beginnings (default: 1, greedy).")  # fmt: skip
@runs_option
@json_option
def predict(name: str, file: str, out: str | None, beam: int | None, runs_folder: str | None, as_json: bool) -> None:
    """Predict with a run for the examples in FILE (- for standard input).

    FILE has the columns or the shape of the data that the run was trained on: CSV, TSV, npy, npz or idx; for texts,
    and for sources to translate, it has one a line. Where that were pictures, it may be a PNG or JPEG, or a folder of
    them. Of a series, every stretch of it is predicted from; the last forecast is of what comes after the file's end.
    RUN is an id, a unique beginning of one, a folder, or last.
    """
    import numpy as np

    from tuinet import presets
    from tuinet.cli.output import Output
    from tuinet.cli.trained import data_of, network_of
    from tuinet.cli.translate import translate
    from tuinet.data import Prepare, Vocabulary, read_inputs
    from tuinet.data.inputs import are_pictures, read_pictures
    from tuinet.errors import UsageError
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    if out is not None:
        check_apart(file, out)
    run = find(name, chosen(runs_folder))
    preset = presets.load(run.path / "preset.toml")
    facts, scaler = data_of(run, preset, warn=output.note)
    if facts.source_steps:
        translate(output, run, preset, facts, scaler, file, out, beam or 1)
        return
    if beam is not None:
        raise UsageError(f"--beam is for networks that translate; {safe(run.id)} does not")
    if isinstance(scaler, Vocabulary) and facts.steps:
        raise UsageError(f"{safe(run.id)} predicts the next character; `tuinet generate {safe(run.id)}` lets it write")
    pictures = isinstance(scaler, Prepare) and file != "-" and are_pictures(file, facts, scaler)
    if pictures and isinstance(scaler, Prepare):
        inputs, labels, notes = read_pictures(Path(file), facts, scaler)
        for note in notes:
            output.note(note)
    else:
        inputs, labels = read_inputs(file, facts, scaler)
    # The NumPy reference compiles nothing, and is quick enough here.
    network = network_of(run, preset, facts, rows=PASS_ROWS, device="reference", warn=output.note)
    outputs = np.asarray(network.outputs(inputs), np.float64)
    rows = answers(outputs, facts)
    if facts.horizon:
        rows = [{"row": row.pop("row"), "after": word.removeprefix("after "), **row}
                for row, word in zip(rows, labels, strict=True)]  # fmt: skip
    if pictures:
        rows = [{"row": row.pop("row"), "file": name, **row} for row, name in zip(rows, labels, strict=True)]
    for row in rows:
        output.record(row)
    if out is not None:
        write_csv(Path(out), rows)
        output.prose(_summary(rows, facts, out))
    elif not as_json:
        _print(output, rows, labels, facts, files=pictures)


def check_apart(file: str, out: str) -> None:
    """UsageError where the answers would be written over what is asked about."""
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    if file == "-" or not os.path.exists(file):
        return
    if os.path.realpath(file) == os.path.realpath(out) or (os.path.exists(out) and os.path.samefile(file, out)):
        raise UsageError(f"--out {safe(out, 200)} is the file that is predicted for; it would be lost")


# -- from outputs to answers -----------------------------------------------------------------


def answers(outputs: NDArray[np.float64], facts: Facts) -> list[dict[str, Any]]:
    """One row an example, as docs/formats.md says: a label with its probability, or the predicted numbers."""
    import numpy as np

    if facts.task == "classes":
        shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return _labelled(shifted / shifted.sum(axis=1, keepdims=True), facts.class_names)
    if facts.task == "binary":
        return _yes_or_no(outputs[:, 0], facts.class_names)
    outputs = facts.in_own_units(outputs)
    names = own_names(facts)
    return [
        {"row": number, **dict(zip(names, values, strict=True))} for number, values in enumerate(outputs.tolist(), 1)
    ]


def own_names(facts: Facts) -> list[str]:
    """What the predicted numbers are called: an underscore behind names that a row has for something else."""
    return [f"{name}_" if name.rstrip("_") in ("row", "after") else name for name in facts.output_names]


def _labelled(shares: NDArray[np.float64], class_names: Sequence[str]) -> list[dict[str, Any]]:
    names = [str(name) for name in class_names]
    found = []
    for number, row in enumerate(shares.tolist(), 1):
        best = max(range(len(row)), key=row.__getitem__)
        shown = dict(zip(names, row, strict=True))
        found.append({"row": number, "label": names[best], "probability": row[best], "probabilities": shown})
    return found


def _yes_or_no(logits: NDArray[np.float64], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The likelier of the two classes; the probability is the label's own."""
    import numpy as np

    no, yes = [str(name) for name in class_names] if len(class_names) == 2 else ["0", "1"]
    shares = 0.5 * (1.0 + np.tanh(0.5 * logits))  # the sigmoid, without an overflow
    return [
        {"row": number, "label": yes if share >= 0.5 else no, "probability": max(share, 1.0 - share)}
        for number, share in enumerate(shares.tolist(), 1)
    ]


# -- telling ---------------------------------------------------------------------------------


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """A CSV file with a line an example, whole or not at all."""
    import csv
    import io

    from tuinet.atomic import write_named

    flat = [_flat(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat[0]) if flat else ["row"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    write_named(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    shares = row.get("probabilities", {})
    plain = {key: value for key, value in row.items() if key != "probabilities"}
    return {**plain, **{f"p({name})": share for name, share in shares.items()}}


def _summary(rows: Sequence[dict[str, Any]], facts: Facts, out: str) -> str:
    from tuinet.figures import plural
    from tuinet.safe_text import safe

    words = f"Wrote {plural(len(rows), 'prediction')} to {safe(out, 200)}"
    if facts.task == "reals" or not rows:
        return f"{words}."
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["label"]] = counts.get(row["label"], 0) + 1
    most = sorted(counts.items(), key=lambda item: -item[1])[:MOST_BARS]
    return f"{words}: {', '.join(f'{count} {safe(label, 40)}' for label, count in most)}."


def _print(
    output: Output, rows: Sequence[dict[str, Any]], labels: Sequence[str] | None, facts: Facts, *, files: bool
) -> None:
    from tuinet import figures
    from tuinet.cli.table import Cell, Column, table

    given = labels if labels is not None and len(labels) == len(rows) else [str(row["row"]) for row in rows]
    columns = [Column("row", right=True, need=9, least=16 if files else 4, inside=files)]
    cells: list[list[str | Cell]] = []
    if facts.task == "reals":
        names = own_names(facts)[:MOST_COLUMNS]
        columns += [Column(name, right=True, need=8, least=6) for name in names]
        cells = [
            [str(name), *(figures.number(row[key]) for key in names)] for name, row in zip(given, rows, strict=True)
        ]
    else:
        columns += [
            Column("label", need=8, least=6),
            Column("probability", right=True, need=7),
            Column("then", need=3, least=12),
        ]
        for name, row in zip(given, rows, strict=True):
            cells.append([str(name), Cell(row["label"], ("bold",)), figures.share(row["probability"]), _runner_up(row)])
    for line in table(columns, cells, output.terminal):
        output.say(line)
    if facts.task == "reals" and facts.outputs > MOST_COLUMNS:
        output.prose(f"{facts.outputs - MOST_COLUMNS} more numbers a row: --out FILE writes them all.", "dim")


def _runner_up(row: dict[str, Any]) -> str:
    """The next two classes with their shares."""
    from tuinet.figures import share

    rest = sorted(row.get("probabilities", {}).items(), key=lambda item: -item[1])[1:3]
    return ", ".join(f"{name} {share(value)}" for name, value in rest if value >= 0.001)
