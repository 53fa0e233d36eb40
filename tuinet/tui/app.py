"""The application: the run that is open, those that it starts, and how it is left. Its screens are navigation.py's."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuinet.runs import RunFolder, runs_folder
from tuinet.tui.navigation import Navigation
from tuinet.tui.screens.leaving import Leaving
from tuinet.tui.screens.reading import AFTER, GivenUp, Reading
from tuinet.tui.terminal.app import TerminalApp
from tuinet.tui.terminal.guard import told

if TYPE_CHECKING:
    from tuinet.presets import Preset
    from tuinet.training.session import Session
    from tuinet.tui.screens.workbench import Workbench
    from tuinet.tui.view import RunView


WATCHABLE = 12.0  # seconds: what is started here is started to be watched, and small networks are trained in a blink


class TuinetApp(Navigation, TerminalApp):
    """tuinet on a screen. `main()` gives its exit code."""

    TITLE = "tuinet"

    def __init__(self, run: RunFolder | None = None, runs: Path | None = None, **options: Any) -> None:
        """run: opened at once. runs: the folder of the runs, None for the usual one."""
        super().__init__(**options)
        self.run_to_open, self.runs = run, runs or runs_folder()
        self._starting: list[Preset] = []  # that are being started, and have not been opened yet

    def on_mount(self) -> None:
        self.open_first()

    def open_first(self) -> None:
        """What is shown at the start."""
        if self.run_to_open is not None:
            self.open_run(self.run_to_open)
        else:
            self.goto("welcome")

    def on_ready(self) -> None:
        if self.run_to_open is None:  # else the workbench brings its panes itself
            threading.Thread(target=_whole_workbench, name="import", daemon=True).start()

    @property
    def view(self) -> RunView | None:
        """The run of the workbench that is open, if one is: no other screen has a view."""
        return next((screen.view for screen in reversed(self.screen_stack) if hasattr(screen, "view")), None)

    def open_run(self, folder: RunFolder) -> None:
        """Shows the run in the workbench; the one that was open is closed."""
        self.in_background(self._open(folder), "open")

    async def _open(self, folder: RunFolder) -> None:
        show, read = await asyncio.to_thread(_workbench)
        view, reading = read(folder), Reading(folder.id)
        patience = self.set_timer(AFTER, lambda: self.push_screen(reading))
        try:
            await view.open(reading.progress)
        except Exception as error:
            await view.close()
            if reading.is_current:
                self.pop_screen()
            if len(self.screen_stack) == 1:
                self.goto("welcome")
            if isinstance(error, GivenUp):
                return
            raise
        finally:
            patience.stop()
            reading.given_up = True
            self._starting.clear()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.push_screen(show(view))
        self.spare_collector()

    # -- runs that are started here ------------------------------------------------------------------------

    def start_run(self, preset: Preset, name: str | None = None) -> None:
        """Trains the preset in a worker of its own, and opens it. name: the preset's, where it is a run's copy."""
        if name and preset.name != name:
            preset = replace(preset, name=name)
        if preset.variants:
            self.tell(
                f"{preset.name} compares several trainings; `tuinet run {preset.name}` trains them in turn. "
                f"The first of them, {preset.variant_names[0]}, is started here"
            )
            preset = preset.with_variant(preset.variant_names[0])
        if preset not in self._starting:  # else a key that was pressed once more: one run of it is enough
            self._starting.append(preset)
            self.in_background(self._start(preset), "start", exclusive=False)

    async def _start(self, preset: Preset) -> None:
        from tuinet.training.session import start

        try:
            session = await asyncio.to_thread(start, preset, runs=self.runs, last_at_least=WATCHABLE)
        except BaseException:
            self._starting.remove(preset)
            raise
        # No worker of Textual's: it waits for as long as the training lasts, and would hold the application so long.
        threading.Thread(target=self._look_after, args=(session,), name=f"session {session.id}", daemon=True).start()
        self.open_run(session.folder)

    def _look_after(self, session: Session) -> None:
        """In a thread: hears whether it starts at all, lets go, and takes note of its end: no process is left."""
        for event in session.events():
            if event["event"] == "start":
                break
            if event["event"] == "end" and event.get("error") and self.is_running:
                self.call_from_thread(self.tell, str(event["error"]), bad=True)
        session.close()
        session.wait()

    # -- leaving -------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Closes the application; asks once where a training of the open run goes on."""
        view = self.view
        if view is None or not view.live:
            self.exit(return_code=0)
            return

        def decided(answer: str | None) -> None:
            if answer == "leave":
                self.exit(return_code=0)
            elif answer == "stop":
                self.in_background(self._stop_and_leave(view), "leave")

        if not isinstance(self.screen, Leaving):
            self.push_screen(Leaving(view.name), decided)

    async def _stop_and_leave(self, view: RunView) -> None:
        await view.command("stop")
        self.exit(return_code=0)

    def main(self) -> int:
        """As every app of ours; then it is said where the faults that it has outlived came from."""
        code = super().main()
        for error in self.faults.values():
            print(told(error, "a part of the screen failed, and the rest went on."), file=sys.__stderr__)
        return code


def _workbench() -> tuple[type[Workbench], type[RunView]]:
    """What shows a run, and what reads it; of its panes, the one that is looked at first."""
    from tuinet.tui.panes import FIRST, load
    from tuinet.tui.screens.workbench import Workbench
    from tuinet.tui.view import RunView

    load(FIRST)
    return Workbench, RunView


def _whole_workbench() -> None:
    """With its panes: importing them takes as long as all that the welcome screen needs."""
    from tuinet.tui.panes import PANES, load

    _workbench()
    for name in PANES:
        load(name)
