"""Asked once before the application closes while a training goes on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.screens.box import Box


class Leaving(Box[str]):
    """Gives "leave", "stop" or "stay"."""

    BINDINGS = bindings("leaving")

    def __init__(self, run: str) -> None:
        super().__init__("The training goes on")
        self._run = safe(run, 64)

    def body(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                ("Leaving closes the screens only. Come back with\n\n", ""),
                (f"    tuinet attach {self._run}\n\n", "bold"),
                ("enter", "bold $primary"), "  leave, it trains on\n",
                ("x", "bold $primary"), "      stop it after its step, and save\n",
                ("esc", "bold $primary"), "    stay here",
            )
        )  # fmt: skip

    def action_leave(self) -> None:
        self.dismiss("leave")

    def action_stop(self) -> None:
        self.dismiss("stop")

    def action_stay(self) -> None:
        self.dismiss("stay")
