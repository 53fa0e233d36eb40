"""`tuinet attach`: a run on the screen, live or finished. Leaving it never stops the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tuinet.cli.options import runs_option

if TYPE_CHECKING:
    from tuinet.tui.app import TuinetApp

COLOURS = ("auto", "truecolor", "256", "16", "none")

colour_option = click.option(
    "--color", "colour", type=click.Choice(COLOURS), default="auto", help="Colours of the screen (default: auto)."
)
mouse_option = click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")


@click.command()
@click.argument("name", metavar="[RUN]", default="last")
@colour_option
@mouse_option
@runs_option
def attach(name: str, colour: str, no_mouse: bool, runs_folder: str | None) -> int:
    """Show a run in the workbench, with its whole history.

    Any number of screens may look at one run. RUN is an id, a unique beginning of one, a folder, or last (the default).
    """
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen

    run = find(name, chosen(runs_folder))
    run.info()  # what cannot be read is said before a screen opens
    return open_screen(str(run.path), colour=colour, mouse=not no_mouse, runs_folder=runs_folder)


def open_screen(run: str | None, *, colour: str = "auto", mouse: bool = True, runs_folder: str | None = None) -> int:
    """The application on this terminal; its exit code. UsageError where there is no terminal."""
    import sys

    from tuinet.errors import UsageError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "the screens need a terminal; `tuinet watch RUN` tells a training line by line, and `tuinet --help` lists "
            "what works without one"
        )
    from tuinet.tui.terminal.guard import run_guarded

    def make() -> TuinetApp:
        from tuinet.runs import RunFolder
        from tuinet.runs import runs_folder as chosen
        from tuinet.tui.app import TuinetApp

        return TuinetApp(RunFolder(run) if run else None, chosen(runs_folder), mouse=mouse)

    return run_guarded(make, colour=colour)
