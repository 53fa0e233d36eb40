"""`tuinet compare`: what two runs have different, in their settings, their figures and their curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.runs import RunFolder

SILENT = ("title", "teaches", "tries")
LABELS = ("device", "threads")
BETTER_SMALL = ("loss", "rmse", "mae")


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

    output = Output(as_json=as_json)
    folder = chosen(runs_folder)
    pair = (find(a, folder), find(b, folder))
    changed, measured = changed_settings(*pair), metrics_of(*pair)
    for key, left, right in changed:
        output.record({"row": "setting", "key": key, "a": left, "b": right})
    for name, left, right, better in measured:
        output.record({"row": "metric", "metric": name, "a": left, "b": right, "better": better})
    _print(output, pair, changed, measured)


def changed_settings(a: RunFolder, b: RunFolder) -> list[tuple[str, Any, Any]]:
    """The keys of the two presets that differ, then device and threads where they do."""
    from tuinet.cli.settings import differences, flat_settings

    rows = differences(flat_settings(a.preset_text()), flat_settings(b.preset_text()))
    left, right = a.info(), b.info()
    rows += [(key, left.get(key), right.get(key)) for key in LABELS if left.get(key) != right.get(key)]
    return [row for row in rows if row[0] not in SILENT]


def gathered(changed: list[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    """For people: a layer that only one run has is one row, not one for each of its settings."""
    types = {key.removesuffix("type"): (left, right) for key, left, right in changed if key.endswith(".type")}
    lone = [start for start, sides in types.items() if start.startswith("layers.") and None in sides]
    rows = []
    for key, left, right in changed:
        start = next((start for start in lone if key.startswith(start)), None)
        if start is None:
            rows.append((key, left, right))
        elif key == f"{start}type" and not any(start != other and start.startswith(other) for other in lone):
            rows.append((start.rstrip("."), left, right))
    return rows


def metrics_of(a: RunFolder, b: RunFolder) -> list[tuple[str, Any, Any, str | None]]:
    """Rows of metric, its value in both runs, and which is better: last and best values, test part, work and time."""
    left, right = _figures(a.info()), _figures(b.info())
    names = [*left, *(name for name in right if name not in left)]
    return [(name, left.get(name), right.get(name), _better(name, left.get(name), right.get(name))) for name in names]


def _figures(info: dict[str, Any]) -> dict[str, Any]:
    figures = {name: value for name, value in (info.get("final") or {}).items() if name.startswith(("train_", "val_"))}
    if info.get("best") is not None:
        figures[f"best_{info.get('monitor')}"] = info["best"]
    figures["best_epoch"] = info.get("best_epoch")
    figures |= dict(info.get("test") or {})
    figures |= {name: info.get(name) for name in ("epoch", "step", "seconds", "parameters")}
    return {name: value for name, value in figures.items() if value is not None}


def _better(name: str, a: Any, b: Any) -> str | None:
    from tuinet.training.early_stopping import rises

    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)) or a == b:
        return None
    if rises(name):
        return "a" if a > b else "b"
    return ("a" if a < b else "b") if name.endswith(BETTER_SMALL) else None


def _print(
    output: Output,
    pair: tuple[RunFolder, RunFolder],
    changed: list[tuple[str, Any, Any]],
    measured: list[tuple[str, Any, Any, str | None]],
) -> None:
    from tuinet.cli import figures
    from tuinet.cli.table import Cell, Column, table

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
    from tuinet.cli.history import points

    curves = [Curve(run.id, points(run, metric)) for run in pair]
    if not all(curve.points for curve in curves):
        return
    output.say()
    output.say(output.terminal.paint(metric, "bold"))
    _lines(output, chart(curves, output.terminal))


def _shown(name: str, value: Any) -> str:
    from tuinet.cli import figures

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
