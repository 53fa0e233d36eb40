"""`tuinet runs`: a table of what was trained, filtered and sorted; and `runs prune`, which clears away old ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tuinet.cli.options import RealRange, json_option, runs_option
from tuinet.runs.choosing import SORTS, check_filter, matches, sorted_runs

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.cli.table import Cell
    from tuinet.runs import RunSummary

STATE_PAINT = {
    "running": ("accent",),
    "paused": ("accent",),
    "failed": ("bad",),
    "diverged": ("bad",),
    "damaged": ("bad",),
    "interrupted": ("warn",),
}
LIVE = ("running", "paused")
DAY = 86_400.0


@click.group(invoke_without_command=True)
@click.option(
    "--filter",
    "-f",
    "filters",
    multiple=True,
    metavar="WORD|KEY=VALUE",
    help="Only runs with WORD in id, title, state or verdict, or whose KEY (state, epoch, best, "
    "training.batch_size ...) is = != < <= > >= a value. May be given several times.",
)
@click.option("--sort", type=click.Choice(SORTS), default="created", show_default=True, help="Newest, best first.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N runs.")
@runs_option
@json_option
@click.pass_context
def runs(
    ctx: click.Context,
    filters: tuple[str, ...],
    sort: str,
    reverse: bool,
    limit: int | None,
    runs_folder: str | None,
    as_json: bool,
) -> None:
    """List the runs: state, epochs, best value, size, when.

    `tuinet runs prune` deletes old ones.
    """
    if ctx.invoked_subcommand is not None:
        ctx.obj = (runs_folder, as_json)
        return
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError
    from tuinet.runs import list_runs
    from tuinet.runs import runs_folder as chosen

    output = Output(as_json=as_json)
    for text in filters:
        try:
            check_filter(text)
        except UsageError as error:
            raise UsageError(f"--filter: {error}") from None
    everything = list_runs(chosen(runs_folder))
    found = [run for run in everything if all(matches(run, text) for text in filters)]
    found = sorted_runs(found, sort, reverse)[:limit]
    for run in found:
        output.record(run.row())
    if found:
        print_runs(output, found)
    elif everything:
        output.prose(f"None of the {len(everything)} runs fits the filter.")
    else:
        output.prose("There are no runs yet. The first one: tuinet run spam-neuron")


@runs.command()
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the newest N of those the rest selects.")
@click.option("--older-than", type=RealRange(min=0), metavar="DAYS", help="Only runs older than so many days.")
@click.option("--state", "states", multiple=True, help="Only runs in this state (failed, damaged ...); repeatable.")
@click.option("--yes", "-y", is_flag=True, help="Delete; without it, only say what would go.")
@runs_option
@json_option
@click.pass_context
def prune(
    ctx: click.Context,
    keep: int | None,
    older_than: float | None,
    states: tuple[str, ...],
    yes: bool,
    runs_folder: str | None,
    as_json: bool,
) -> None:
    """Delete runs by state, age or number. Runs that are being trained stay."""
    from tuinet import figures
    from tuinet import runs as store
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError

    if older_than is not None and math.isnan(older_than):
        raise UsageError("--older-than wants a number of days, as in --older-than 30")
    outer_folder, outer_json = ctx.obj
    output = Output(as_json=as_json or outer_json)
    going = store.prune(
        store.runs_folder(runs_folder or outer_folder),
        keep=keep,
        older_than=None if older_than is None else older_than * DAY,
        states=states or None,
        really=yes,
    )
    for run in going:
        output.record({**run.row(), "removed": yes})
    if not going:
        output.prose("No run fits: there is nothing to delete.")
        return
    print_runs(output, going)
    what = f"{figures.plural(len(going), 'run')}, {figures.size(sum(run.bytes or 0 for run in going))}"
    output.say()
    output.prose(f"Deleted {what}." if yes else f"This would delete {what}; add --yes to do it.")


# -- showing ---------------------------------------------------------------------------------


def print_runs(output: Output, found: Sequence[RunSummary]) -> None:
    """The table of runs for people."""
    from tuinet.cli.table import Column, table

    columns = (
        Column("run", need=9, least=12, cut_after=6),
        Column("state", need=8),
        Column("epochs", right=True, need=7),
        Column("best", right=True, need=6),
        Column("verdict", need=4),
        Column("time", right=True, need=2),
        Column("size", right=True, need=3),
        Column("when", right=True, need=5),
        Column("", need=1, least=8),
    )
    for line in table(columns, [_cells(run) for run in found], output.terminal):
        output.say(line)


def _cells(run: RunSummary) -> list[str | Cell]:
    from tuinet import figures
    from tuinet.cli.table import Cell
    from tuinet.runs.wall_clock import seconds_since

    ago = seconds_since(run.created)
    best = "" if run.best is None else f"{run.monitor} {figures.metric(str(run.monitor), run.best)}"
    epochs = figures.epochs(run.epoch, run.epochs)
    return [
        Cell(run.run, ("bold",)),
        Cell(("● " if run.state in LIVE else "") + run.state, STATE_PAINT.get(run.state, ())),
        epochs,
        best,
        run.verdict or "",
        "" if run.seconds is None else figures.duration(run.seconds),
        figures.size(run.bytes),
        figures.NOTHING if ago is None else figures.age(ago),
        Cell(run.note, ("warn",)),
    ]
