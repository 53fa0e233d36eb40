"""`tuinet attach`: a run on the screen, live or finished. Leaving it never stops the training."""

from __future__ import annotations

import click

from tuinet.cli.options import colour_option, mouse_option, runs_option


@click.command()
@click.argument("name", metavar="[RUN]", default="last")
@colour_option
@mouse_option
@runs_option
def attach(name: str, colour: str, no_mouse: bool, runs_folder: str | None) -> int:
    """Show a run in the workbench, with its whole history.

    Any number of screens may look at one run. RUN is an id, a unique beginning of one, a folder, or last (the default).
    """
    from tuinet.cli.screens import open_screens
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen

    run = find(name, chosen(runs_folder))
    run.info()  # what cannot be read is said before a screen opens
    return open_screens(run, colour=colour, mouse=not no_mouse, runs_folder=runs_folder)
