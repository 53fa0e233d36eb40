"""`tuinet rm`: delete runs by their full names."""

from __future__ import annotations

import click

from tuinet.cli.options import json_option, runs_option


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@runs_option
@json_option
def rm(runs: tuple[str, ...], runs_folder: str | None, as_json: bool) -> None:
    """Delete runs: a full id, or last.

    A run that is being trained is refused, and so is a beginning of an id.
    """
    from tuinet import runs as store
    from tuinet.cli.output import Output
    from tuinet.runs.listing import summarised
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    folder = store.runs_folder(runs_folder)
    found = {run.id: run for run in (store.find_to_remove(word, folder) for word in runs)}
    for run in found.values():
        summary = summarised(run)
        store.remove(run)
        output.record({**(summary.row() if summary else {"run": run.id}), "removed": True})
        output.say(f"removed {safe(run.id)}")
