"""`tuinet predict`: what a trained network says of new examples, from a file or from standard input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tuinet.cli.output import Output
    from tuinet.data import Bound, Facts
    from tuinet.presets import Preset
    from tuinet.runs import RunFolder

PASS_ROWS = 512
MOST_BARS = 12


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("file", metavar="FILE")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write a CSV file instead of a table.")
@runs_option
@json_option
def predict(name: str, file: str, out: str | None, runs_folder: str | None, as_json: bool) -> None:
    """Predict with a run for the examples in FILE (- for standard input).

    FILE has the columns or the shape of the data that the run was trained on: CSV, TSV, npy, npz or idx. RUN is an id,
    a unique beginning of one, a folder, or last.
    """
    from tuinet import presets
    from tuinet.cli.output import Output
    from tuinet.data import read_inputs
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen

    output = Output(as_json=as_json)
    run = find(name, chosen(runs_folder))
    preset = presets.load(run.path / "preset.toml")
    bound = _bound(run, preset)
    inputs, labels = read_inputs(file, bound.facts, bound.scaler)
    outputs = network_outputs(run, preset, bound, inputs, output)
    rows = answers(outputs, bound.facts)
    for row in rows:
        output.record(row)
    if out is not None:
        _write(Path(out), rows)
        output.prose(_summary(rows, bound.facts, out))
    elif not as_json:
        _print(output, rows, labels, bound.facts)


def _bound(run: RunFolder, preset: Preset) -> Bound:
    """The run's data, which says how new examples are scaled and what the classes are called."""
    from tuinet.data import bind_for
    from tuinet.errors import DataError

    bound = bind_for(preset)
    said = (run.info()["data"] or {}).get("fingerprint")
    if said is not None and said != bound.facts.fingerprint:
        raise DataError(
            f"{bound.facts.name} is not the data that {run.id} was trained on any more, so new examples cannot be "
            "scaled as those were; put the old data back"
        )
    return bound


def network_outputs(
    run: RunFolder, preset: Preset, bound: Bound, inputs: NDArray[np.float32], output: Output
) -> NDArray[np.float64]:
    """The network's raw outputs (n, outputs), by the NumPy reference: it compiles nothing, and is quick enough here."""
    import numpy as np

    from tuinet.data import Part
    from tuinet.engine.trainer import Trainer
    from tuinet.training.initial import weights_of

    few = Part(bound.train.inputs[:PASS_ROWS], bound.train.targets[:PASS_ROWS])
    training = preset.training
    trainer = Trainer(
        preset.network(bound.facts),
        training.loss,
        training.optimizer,
        replace(bound, train=few, validation=None, test=None),
        batch_size=len(few.inputs),
        seed=training.seed,
        device="reference",
    )
    stopping = training.early_stopping
    best = stopping is not None and stopping.restore_best
    trainer.load(weights_of(run, best=best, warn=output.note), None, 0)
    return np.asarray(trainer.outputs(inputs), np.float64)


# -- from outputs to answers -----------------------------------------------------------------


def answers(outputs: NDArray[np.float64], facts: Facts) -> list[dict[str, Any]]:
    """One row an example, as docs/formats.md says: a label with its probability, or the predicted numbers."""
    import numpy as np

    if facts.task == "classes":
        shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return _labelled(shifted / shifted.sum(axis=1, keepdims=True), facts.class_names)
    if facts.task == "binary":
        return _yes_or_no(outputs[:, 0], facts.class_names)
    if facts.target_scale is not None:
        mean, deviation = facts.target_scale
        outputs = outputs * deviation + mean
    names = target_names(facts)
    return [
        {"row": number, **dict(zip(names, values, strict=True))} for number, values in enumerate(outputs.tolist(), 1)
    ]


def target_names(facts: Facts) -> list[str]:
    """What the predicted numbers are called."""
    name = facts.target or "value"
    return [name] if facts.outputs == 1 else [f"{name}_{number}" for number in range(1, facts.outputs + 1)]


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


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
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
    from tuinet.cli.figures import plural
    from tuinet.safe_text import safe

    words = f"Wrote {plural(len(rows), 'prediction')} to {safe(out, 200)}"
    if facts.task == "reals" or not rows:
        return f"{words}."
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["label"]] = counts.get(row["label"], 0) + 1
    most = sorted(counts.items(), key=lambda item: -item[1])[:MOST_BARS]
    return f"{words}: {', '.join(f'{count} {safe(label, 40)}' for label, count in most)}."


def _print(output: Output, rows: Sequence[dict[str, Any]], labels: Sequence[str] | None, facts: Facts) -> None:
    from tuinet.cli import figures
    from tuinet.cli.table import Cell, Column, table

    given = labels if labels is not None and len(labels) == len(rows) else [str(row["row"]) for row in rows]
    columns = [Column("row", right=True, need=9, least=4)]
    cells: list[list[str | Cell]] = []
    if facts.task == "reals":
        names = target_names(facts)
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


def _runner_up(row: dict[str, Any]) -> str:
    """The next two classes with their shares."""
    from tuinet.cli.figures import share

    rest = sorted(row.get("probabilities", {}).items(), key=lambda item: -item[1])[1:3]
    return ", ".join(f"{name} {share(value)}" for name, value in rest if value >= 0.001)
