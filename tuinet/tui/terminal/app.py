"""`TerminalApp`: a Textual app that is kind to slow lines and leaves nothing behind. Every app of ours is one."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import textual
from rich.console import RenderableType
from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.filter import LineFilter, NoColor
from textual.screen import Screen
from textual.strip import Strip
from textual.timer import Timer
from textual.worker import WorkerFailed

from tuinet.tui.terminal.abilities import Abilities, find
from tuinet.tui.terminal.collector import Collector
from tuinet.tui.terminal.guard import told
from tuinet.tui.terminal.pace import Pace
from tuinet.tui.terminal.visible import Visible

try:
    from textual._compositor import ChopsUpdate, LayoutUpdate

    from tuinet.tui.terminal.driver import TerminalDriver
    from tuinet.tui.terminal.frame import Frame, move_to
    from tuinet.tui.terminal.strips import let_go

    _imported = True
except ImportError:  # a Textual with another inside
    _imported = False

SYNC = ("\x1b[?2026h", "\x1b[?2026l")
LATER_SECONDS = 0.05
"""How soon a painting that the line had no room for is tried again."""

SETTLED_SECONDS = 1.0
"""After so long a screen that was opened stands."""

TIDIED_SECONDS = 0.6
"""After so long a screen that was left is gone, and what lay below it is painted."""

ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
LOCAL_PERIOD, REMOTE_PERIOD = 0.2, 0.5


def textual_version() -> str:
    """As its folder of metadata is called: `textual.__version__` imports email and zipfile to find the same."""
    names = os.listdir(Path(textual.__file__).parents[1])
    found = [name for name in names if re.fullmatch(r"textual-\d[\w.]*\.dist-info", name)]
    return found[0].removeprefix("textual-").removesuffix(".dist-info") if len(found) == 1 else textual.__version__


def is_known() -> bool:
    """Whether this Textual has the inside that frame.py, driver.py and strips.py were written against."""
    if not _imported or not textual_version().startswith("8."):
        return False
    wanted: list[tuple[Callable[..., Any], list[str]]] = [
        (App._display, ["self", "screen", "renderable"]),
        (LayoutUpdate.__init__, ["self", "strips", "region"]),
        (ChopsUpdate.__init__, ["self", "chops", "spans", "chop_ends"]),
        (LinuxDriver.run_input_thread, ["self"]),
        (Strip.divide, ["self", "cuts"]),
        (Strip.crop_extend, ["self", "start", "end", "style"]),
    ]
    return all(list(inspect.signature(method).parameters) == names for method, names in wanted)


class TerminalApp(App[int]):
    """An App whose output is what changed on the screen and no more, never blocks, and commands nothing.

    abilities: what widgets may draw with. pace: how often the screens paint; see `keep_pace`.
    TUINET_NO_DIFF=1 sends what Textual would send; so does a Textual whose inside is not known.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "redraw", "redraw", show=False, id="terminal.redraw"),
        Binding("ctrl+z", "suspend_process", "to the shell", show=False, id="terminal.suspend"),
    ]

    def __init__(
        self, *arguments: Any, abilities: Abilities | None = None, mouse: bool = True, **settings: Any
    ) -> None:
        self.abilities, self._mouse = abilities or find(), mouse
        self._visible = Visible(self.abilities.unicode)
        self._colourless = NoColor()
        self._known = is_known()
        if self._known:
            let_go()
        self._differs = self._known and os.environ.get("TUINET_NO_DIFF", "") in ("", "0")
        self._frame: Frame | None = None
        self._late = False
        self._settling: Timer | None = None
        self._collector = Collector()
        self._stays: weakref.ref[Screen[Any]] | None = None
        self._tidying: Timer | None = None
        self.failure: BaseException | None = None
        super().__init__(*arguments, **settings)
        self.pace = Pace(self.line_is_busy, REMOTE_PERIOD if self.abilities.ssh else LOCAL_PERIOD)

    # -- output ----------------------------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = [*super().get_line_filters(), self._visible]
        return filters if self.abilities.colours else [*filters, self._colourless]

    def get_driver_class(self) -> type[Driver]:
        stock = super().get_driver_class()
        return TerminalDriver if self._known and stock is LinuxDriver else stock

    def line_is_busy(self) -> bool:
        """Whether the terminal has not taken yet what was painted before."""
        return self._known and isinstance(self._driver, TerminalDriver) and self._driver.busy

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        driver = self._driver
        if (
            not self._known
            or not isinstance(renderable, LayoutUpdate | ChopsUpdate)
            or not isinstance(driver, TerminalDriver)
            or self._batch_count
            or not self._running
            or self._closed
        ):
            super()._display(screen, renderable)
            return
        if driver.busy:  # the cells that the terminal shows stay known, so that nothing is lost: it is painted later
            self._paint_later()
        else:
            self._send(driver, renderable)
        self.post_display_hook()

    def _send(self, driver: TerminalDriver, update: LayoutUpdate | ChopsUpdate) -> None:
        if self._differs:
            if self._frame is None or self._frame.size != self.size:
                self._frame = Frame(*self.size, self.console)
            text = self._frame.paint(update)
        else:
            text = update.render_segments(self.console)
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        if not text and cursor == self._previous_cursor_position:
            return
        self._previous_cursor_position = cursor
        before, after = SYNC if self._sync_available else ("", "")
        driver.write(f"{before}{text}{move_to(*cursor)}{after}")

    def _paint_later(self) -> None:
        if not self._late:
            self._late = True
            self.set_timer(LATER_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._late = False
        if self.line_is_busy():
            self._paint_later()
        else:
            self.screen.refresh()

    def on_ready(self) -> None:
        self.spare_collector()

    def spare_collector(self) -> None:
        """Takes all that is there in a moment out of the garbage collector's sight: for when a large screen is opened.

        Where that was asked for a moment ago, it waits for what is opened now.
        """
        if isinstance(self._driver, LinuxDriver):  # else the process is not ours
            if self._settling is not None:
                self._settling.stop()
            self._stays = weakref.ref(self.screen)
            self._settling = self.set_timer(SETTLED_SECONDS, self._collector.settle)

    def _screen_changed(self) -> None:
        if self._tidying is None:
            self._tidying = self.set_timer(TIDIED_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        if self._stays is not None and self._stays() is self.screen:
            self._collector.tidy()

    def forget_screen(self) -> None:
        """Nothing is known of what the terminal shows: the next painting sends everything."""
        self._frame = None

    def action_redraw(self) -> None:
        """Paints everything anew, for a terminal that something else has written to."""
        self.forget_screen()
        self.screen.refresh()

    @on(Resize)
    def _paint_new_size(self) -> None:
        """Also where the size is the old one again: a terminal forgets what it had to cut off on the way."""
        self.action_redraw()

    def keep_pace(self, paint: Callable[[], None]) -> None:
        """Calls `paint` again and again, at the pace that the user wishes and the line allows."""

        def beat() -> None:
            if self.pace.tick():
                paint()
            self.set_timer(self.pace.period, beat)

        self.set_timer(self.pace.period, beat)

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(text.encode("utf-8", "replace").decode())

    # -- the end ---------------------------------------------------------------------------------------------------

    def main(self) -> int:
        """Runs to the end, says why if it failed, and gives the exit code."""
        self.run(mouse=self._mouse)
        if self.failure is not None:
            print(told(self.failure), file=sys.__stderr__)
        return self.return_code or 0

    def _on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())  # Textual #6298
        self.screen_change_signal.subscribe(self, lambda _: self._screen_changed())
        if not isinstance(self._driver, LinuxDriver):
            return  # a test's or a browser's: the process is not ours
        loop = asyncio.get_running_loop()
        for number in ENDINGS:
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        threading.excepthook = lambda thrown: self._fail_in_thread(loop, thrown)

    def _fail_in_thread(self, loop: asyncio.AbstractEventLoop, thrown: threading.ExceptHookArgs) -> None:
        error = thrown.exc_value
        if isinstance(error, Exception) and not loop.is_closed():
            loop.call_soon_threadsafe(self._handle_exception, error)

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or (error.error if isinstance(error, WorkerFailed) else error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """In place of Textual's page with every local variable: `main` says it when the terminal is given back."""
        self._close_messages_no_wait()
