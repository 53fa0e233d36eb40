"""`tuinet data`: the sets that can be trained on, fetching one that does not come along, and looking into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Bound, SetInfo

MOST_NAMES = 40
BLANK = "␠"  # what stands for a class that is a blank, as in a text


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def data(ctx: click.Context, as_json: bool) -> None:
    """List the data sets, fetch one, look into one."""
    if ctx.invoked_subcommand is not None:
        return
    from tuinet.cli.output import Output
    from tuinet.cli.table import Column, table
    from tuinet.data import catalog

    output = Output(as_json=as_json)
    sets = catalog()
    for info in sets:
        output.record(set_row(info))
    columns = (
        Column("set", need=9, least=8, cut_after=8),
        Column("examples", right=True, need=7),
        Column("inputs", right=True, need=5),
        Column("task", need=6),
        Column("size", right=True, need=4),
        Column("state", need=8),
        Column("licence", need=2, least=6),
    )
    for line in table(columns, [_cells(info) for info in sets], output.terminal):
        output.say(line)
    output.say()
    output.commands(["tuinet data show NAME", "tuinet data get NAME"])


@data.command()
@click.argument("name")
@json_option
def get(name: str, as_json: bool) -> None:
    """Download the set NAME, check it, and keep it in the cache."""
    from tuinet import figures
    from tuinet.cli.bar import Bar
    from tuinet.cli.output import Output
    from tuinet.data import get as fetch
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    bar = Bar(output.side)

    def progress(done: int, total: int | None) -> None:
        output.record({"row": "progress", "set": name, "done": done, "total": total})
        bar.draw(done / total if total else 0.0, safe(name, 30), (figures.size(done), figures.size(total)))

    try:
        info = fetch(name, progress=progress)
    finally:
        bar.hide()
    output.record(
        {"row": "end", "set": info.name, "bytes": info.bytes, "sha256": info.sha256, "folder": str(info.folder)}
    )
    output.say(f"{safe(info.name)}: {figures.size(info.bytes)}, checked and kept in {safe(str(info.folder))}")


@data.command()
@click.argument("name")
@click.option(
    "--augment",
    metavar="PRESET|SETTINGS",
    help="Also show examples as training draws them: by a preset's [training.augment], or by shift=2,flip=horizontal.",
)
@click.option("--examples", type=click.IntRange(1, 1000), default=4, show_default=True, help="How many examples.")
@click.option("--skip", type=click.IntRange(min=0), default=0, help="Pass over so many, to see others.")
@json_option
def show(name: str, augment: str | None, examples: int, skip: int, as_json: bool) -> None:
    """Look into the set NAME, a file or a folder of pictures: its parts, classes and columns, and some examples."""
    from pathlib import Path

    from tuinet.cli.output import Output
    from tuinet.cli.preview import augment_from, check_skip, preview
    from tuinet.data import bind
    from tuinet.data.settings import DataSettings

    output = Output(as_json=as_json)
    from_file = Path(name).suffix != "" or "/" in name or Path(name).is_dir()
    settings = DataSettings(file=name) if from_file else DataSettings(set=name)
    chosen, seed = augment_from(augment) if augment is not None else (None, 0)
    bound = bind(settings)
    check_skip(bound, skip)
    if chosen is not None:
        chosen.check(bound.facts)
    output.record(_bound_row(name, bound))
    _print_bound(output, name, bound)
    preview(output, bound, chosen, seed, count=examples, skip=skip)


def set_row(info: SetInfo) -> dict[str, Any]:
    """The row of one set, as docs/formats.md says."""
    return {
        "set": info.name,
        "kind": info.kind.replace("_", " "),
        "examples": info.examples,
        "inputs": info.inputs,
        "task": info.task,
        "bytes": info.bytes,
        "licence": info.licence,
        "state": info.state,
    }


def _cells(info: SetInfo) -> list[Any]:
    from tuinet import figures
    from tuinet.cli.table import Cell

    kind = {"not fetched": ("dim",), "cached": ("good",)}.get(info.state, ())
    return [
        Cell(info.name, ("bold",)),
        figures.count(info.examples),
        figures.shape(info.inputs),
        info.task,
        figures.size(info.bytes) if info.bytes else figures.NOTHING,
        Cell(info.state, kind),
        info.licence,
    ]


def _bound_row(name: str, bound: Bound) -> dict[str, Any]:
    facts = bound.facts
    return {
        "set": name,
        "source": facts.source,
        "task": facts.task,
        "inputs": list(facts.inputs),
        "outputs": facts.outputs,
        "columns": list(facts.columns),
        "classes": _class_counts(bound),
        "train": len(bound.train.inputs),
        "validation": len(bound.validation.inputs) if bound.validation else 0,
        "test": len(bound.test.inputs) if bound.test else 0,
        "notes": list(facts.notes),
        "fingerprint": facts.fingerprint,
    }


def _class_counts(bound: Bound) -> dict[str, int]:
    """Examples of the training part by class; of a text, places by what comes next."""
    facts = bound.facts
    return dict(zip(facts.class_names, facts.class_counts, strict=True))


def _print_bound(output: Output, name: str, bound: Bound) -> None:
    from tuinet import figures
    from tuinet.safe_text import safe

    facts = bound.facts
    parts = [("training", bound.train), ("validation", bound.validation), ("test", bound.test)]
    sizes = [f"{figures.count(len(part.inputs))} {word}" for word, part in parts if part is not None]
    output.heading(safe(name, 60), f"{facts.source}, {facts.task}")
    tokens = f" tokens, {figures.count(facts.tokens)} to tell apart" if facts.tokens else ""
    output.prose(" + ".join(sizes) + f" examples of {figures.shape(facts.inputs)}{tokens}", indent="  ")
    for note in facts.notes:
        output.prose(safe(note, 500), "warn", indent="  ")
    if facts.columns:
        names = ", ".join(safe(column, 30) for column in facts.columns[:MOST_NAMES])
        more = f" and {len(facts.columns) - MOST_NAMES} more" if len(facts.columns) > MOST_NAMES else ""
        output.say()
        output.prose(f"{figures.plural(len(facts.columns), 'column')}: {names}{more}", indent="  ")
    _print_classes(output, _class_counts(bound))


def _print_classes(output: Output, counts: dict[str, int]) -> None:
    from tuinet import figures
    from tuinet.cli.table import Column, table

    if not counts:
        return
    output.say()
    largest, total = max(counts.values()) or 1, sum(counts.values()) or 1
    rows = [
        [
            BLANK if name == " " else name,
            figures.count(number),
            figures.share(number / total),
            "━" * round(24 * number / largest),
        ]
        for name, number in list(counts.items())[:MOST_NAMES]
    ]
    columns = (
        Column("class", least=8, need=9),
        Column("training", right=True, need=8),
        Column("share", right=True, need=7),
        Column("", need=2),
    )
    for line in table(columns, rows, output.terminal):
        output.say(line)
    if len(counts) > MOST_NAMES:
        output.say(f"and {len(counts) - MOST_NAMES} more")
