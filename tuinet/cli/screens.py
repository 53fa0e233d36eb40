"""The screens opened from the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuinet.runs import RunFolder
    from tuinet.tui.app import TuinetApp


def has_terminal() -> bool:
    """Whether there is one to draw on, and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def open_screens(
    run: RunFolder | None, *, colour: str = "auto", mouse: bool = True, runs_folder: str | None = None
) -> int:
    """The application on this terminal; its exit code. run: shown at once. UsageError where there is no terminal."""
    from tuinet.errors import UsageError
    from tuinet.tui.terminal.guard import run_guarded

    if not has_terminal():
        raise UsageError(
            "the screens need a terminal; `tuinet watch RUN` tells a training line by line, and `tuinet --help` lists "
            "what works without one"
        )

    def make() -> TuinetApp:
        from tuinet.runs import runs_folder as chosen
        from tuinet.tui.app import TuinetApp

        return TuinetApp(run, chosen(runs_folder), mouse=mouse)

    return run_guarded(make, colour=colour)
