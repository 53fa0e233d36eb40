"""What stands on the screen while the records of a long run are read for the first time."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tuinet.cells import cut
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.screens.base import content
from tuinet.tui.widgets.hints import Hints
from tuinet.tui.widgets.status import bar

AFTER = 0.4  # seconds: a run that is open by then needs no words
EVERY = 0.25  # of the time that the reading would have
WIDTH = 40  # cells of the bar


class GivenUp(Exception):
    """Nobody waits for the reading any more."""


class Reading(ModalScreen[None]):
    """How far the reading is. `progress` may be called from any thread."""

    DEFAULT_CSS = """
    Reading { background: $background; align: center middle; }
    Reading > #sentence { width: auto; height: auto; text-align: center; }
    """
    BINDINGS = bindings("reading")

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run_name = run
        self.share = 0.0
        self.given_up = False

    def compose(self) -> ComposeResult:
        yield Static(self.sentence(), id="sentence")
        yield Hints()

    def on_mount(self) -> None:
        self.set_interval(EVERY, lambda: self.query_one("#sentence", Static).update(self.sentence(), layout=False))

    def progress(self, share: float) -> None:
        if self.given_up:
            raise GivenUp
        self.share = share

    def action_close(self) -> None:
        self.given_up = True

    def sentence(self) -> Content:
        return content(
            f"Reading the records of {cut(safe(self.run_name), WIDTH)}\n",
            f"{bar(self.share, WIDTH)} {self.share:4.0%}\n",
            ("The next opening finds them read.", "dim"),
        )
