"""Asked once before the application closes while a training goes on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tuinet.safe_text import safe
from tuinet.tui.actions import bindings


class Leaving(ModalScreen[str]):
    """Gives "leave", "stop" or "stay"."""

    BINDINGS = bindings("leaving")
    DEFAULT_CSS = """
    Leaving { align: center middle; }
    Leaving > Vertical {
        width: 64; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 1 2;
        border-title-color: $primary;
    }
    Leaving Static { width: 100%; height: auto; }
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = safe(run, 64)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "The training goes on"
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
