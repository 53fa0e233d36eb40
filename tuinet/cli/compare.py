"""`tuinet compare`: what two runs have different, in their settings, their figures and their curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.runs import RunFolder


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@runs_option
@json_option
def compare(a: str, b: str, runs_folder: str | None, as_json: bool) -> None:
    """Compare two runs: changed settings, metrics, loss curves."""
    from tuinet.cli.output import Output
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.runs.comparing import changed_settings, metrics_of

    output = Output(as_json=as_json)
    folder = chosen(runs_folder)
    pair = (find(a, folder), find(b, folder))
    changed, measured = changed_settings(*pair), metrics_of(*pair)
    for key, left, right in changed:
        output.record({"row": "setting", "key": key, "a": left, "b": right})
    for name, left, right, better in measured:
        output.record({"row": "metric", "metric": name, "a": left, "b": right, "better": better})
    _print(output, pair, changed, measured)


def _print(
    output: Output,
    pair: tuple[RunFolder, RunFolder],
    changed: list[tuple[str, Any, Any]],
    measured: list[tuple[str, Any, Any, str | None]],
) -> None:
    from tuinet import figures
    from tuinet.cli.table import Cell, Column, table
    from tuinet.runs.comparing import gathered

    names = [run.id for run in pair]
    output.say()
    if changed:
        columns = (Column("setting", least=14, need=9), Column(names[0], least=8, need=8), Column(names[1], least=8))
        rows = [[key, figures.setting(left), figures.setting(right)] for key, left, right in gathered(changed)]
        _lines(output, table(columns, rows, output.terminal))
    else:
        output.prose("The settings are the same.")
    output.say()
    columns = (
        Column("metric", least=10, need=9),
        Column(names[0], right=True, need=8, least=8),
        Column(names[1], right=True, need=8, least=8),
    )
    cells: list[list[str | Cell]] = []
    for name, left, right, better in measured:
        if figures.BY_STEP.search(name):
            continue  # --json has those of each step ahead
        kinds = [("good",) if better == side else () for side in "ab"]
        cells.append([name, Cell(_shown(name, left), kinds[0]), Cell(_shown(name, right), kinds[1])])
    _lines(output, table(columns, cells, output.terminal))
    for metric in ("val_loss", "train_loss"):
        _print_curves(output, pair, metric)


def _print_curves(output: Output, pair: tuple[RunFolder, RunFolder], metric: str) -> None:
    from tuinet.cli.chart import Curve, chart
    from tuinet.runs.history import points

    curves = [Curve(run.id, points(run, metric)) for run in pair]
    if not all(curve.points for curve in curves):
        return
    output.say()
    output.say(output.terminal.paint(metric, "bold"))
    _lines(output, chart(curves, output.terminal))


def _shown(name: str, value: Any) -> str:
    from tuinet import figures

    if name == "seconds":
        return figures.duration(value)
    if isinstance(value, int):
        return figures.count(value)
    if name in ("epoch", "best_epoch"):
        return figures.setting(value)
    return figures.metric(name, value)


def _lines(output: Output, lines: list[str]) -> None:
    for line in lines:
        output.say(line)
