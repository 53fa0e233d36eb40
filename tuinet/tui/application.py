"""What screens and panes know of the application, and what all three have in common: they say sentences.

What goes wrong in the background becomes one. An error of ours says what would be right; any other is a fault of the
program, which the application says once, keeps, and outlives: a screen that stands still without a word looks like a
training that does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.screen import Screen

from tuinet.errors import TuinetError
from tuinet.runs import RunFolder
from tuinet.safe_text import safe
from tuinet.tui.bin import Bin

if TYPE_CHECKING:
    from tuinet.presets import Preset
    from tuinet.tui.run_list import RunList
    from tuinet.tui.view import RunView


class Tuinet(Protocol):
    """What is asked of the application, besides what every Textual App has.

    bin: deleted runs, as long as that can be undone. laid_over: runs whose curves lie over those of the open one; a
    screen may set it. runs: their folder. run_list: what is known of them. view: the run that is open in the
    workbench, or None.
    """

    laid_over: tuple[RunFolder, ...]
    bin: Bin
    runs: Path

    @property
    def run_list(self) -> RunList: ...
    @property
    def view(self) -> RunView | None: ...
    @property
    def screen(self) -> Screen[Any]: ...

    def open_run(self, folder: RunFolder) -> Any:
        """Show this run in the workbench."""

    def start_run(self, preset: Preset, name: str | None = None) -> Any:
        """Train this preset. name: that of the preset, where it is a run's copy."""

    def leave(self) -> Any:
        """Close the application."""

    def goto(self, name: str, chosen: str = "") -> Any:
        """Another screen. chosen: what its cursor stands on first."""

    def tell(self, sentence: str, *, bad: bool = False) -> None: ...
    def fault(self, error: Exception) -> None: ...


class Teller:
    """Mixed into the application, its screens and its panes."""

    _complaint = ""  # the last that was said of what is tried again and again

    if TYPE_CHECKING:
        notify: Callable[..., None]
        run_worker: Callable[..., Any]
        app: Any
        _pruning: bool

    @property
    def tuinet(self) -> Tuinet:
        return cast(Tuinet, self.app)

    def tell(self, sentence: str, *, bad: bool = False) -> None:
        """A sentence that goes by itself."""
        self.notify(safe(sentence, 500), severity="error" if bad else "information", markup=False)

    def in_background(self, work: Awaitable[Any], group: str, *, exclusive: bool = True) -> None:
        """Awaits this on the loop. exclusive: the one before of the same group ends."""

        async def guarded() -> None:
            with self.guarded():
                await work

        self.run_worker(guarded(), group=group, exclusive=exclusive, exit_on_error=False)

    @contextmanager
    def guarded(self, *, again: bool = False) -> Iterator[None]:
        """What goes wrong in here is said, and ends nothing else. again: it is tried again, and not said again."""
        try:
            yield
        except TuinetError as error:
            if not again or str(error) != self._complaint:
                self._complaint = str(error)
                self.tell(self._complaint, bad=True)
        except Exception as error:
            if self.app.is_running and not self._pruning:  # what is being closed misses its parts: that is no fault
                self.tuinet.fault(error)
