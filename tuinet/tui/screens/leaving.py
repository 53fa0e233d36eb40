"""Asked once before the application closes while a training goes on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tuinet.cells import pad
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.screens.box import Box
from tuinet.tui.widgets.hints import labels


class Leaving(Box[str]):
    """Gives "leave", "stop" or "stay"."""

    BINDINGS = bindings("leaving")

    def __init__(self, run: str) -> None:
        super().__init__("The training goes on")
        self._run = safe(run, 64)

    def body(self) -> ComposeResult:
        keys = labels(self)
        rows = [("leave", "leave, it trains on"), ("stop", "stop it after its step, and save"), ("stay", "stay here")]
        yield Static(
            Content.assemble(
                ("Leaving closes the screens only. Come back with\n\n", ""),
                (f"    tuinet attach {self._run}\n", "bold"),
                *(
                    part
                    for name, says in rows
                    for part in ("\n", (pad(keys.get(f"leaving.{name}", [""])[0], 5), "bold $primary"), says)
                ),
            )
        )

    def action_leave(self) -> None:
        self.dismiss("leave")

    def action_stop(self) -> None:
        self.dismiss("stop")

    def action_stay(self) -> None:
        self.dismiss("stay")
