"""A setting changed while the run trains: KEY=VALUE, with what there is and what it is now."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from tuinet.cells import cell_width, pad
from tuinet.errors import PresetError
from tuinet.figures import setting
from tuinet.presets.overrides import parsed
from tuinet.safe_text import safe
from tuinet.training.live import live_keys
from tuinet.tui.view import RunView

SHOWN = 12  # keys at a time


class Setting(ModalScreen[tuple[str, Any] | None]):
    """Gives the key and its value, or None."""

    BINDINGS = [("escape", "cancel", "cancel")]  # noqa: RUF012
    DEFAULT_CSS = """
    Setting { align: center middle; }
    Setting > Vertical {
        width: 76; max-width: 96%; height: auto; border: round $primary; background: $surface; padding: 0 1;
        border-title-color: $primary;
    }
    Setting Static { width: 100%; height: auto; }
    Setting Input { border: none; height: 1; background: $panel; padding: 0 1; margin: 1 0; }
    Setting Input:focus { border: none; }
    """

    def __init__(self, view: RunView) -> None:
        super().__init__()
        self._keys = {} if view.preset is None else live_keys(view.preset)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Set, while it trains"
            box.border_subtitle = "→ completes   enter sets   esc leaves"
            line = Input(placeholder="key=value", suggester=SuggestFromList([f"{key}=" for key in self._keys]))
            line.cursor_blink = False
            yield line
            yield Static(self._listed(""), id="keys")
            yield Static("", id="wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#keys", Static).update(self._listed(event.value.partition("=")[0].strip()))
        self.query_one("#wrong", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        key, sign, value = event.value.partition("=")
        try:
            if not sign or not key.strip():
                raise PresetError("write KEY=VALUE, as in training.optimizer.learning_rate=0.01")
            self.dismiss((key.strip(), parsed(value.strip())))
        except PresetError as error:
            self.query_one("#wrong", Static).update(Content.styled(safe(str(error), 300), "$error"))

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _listed(self, begun: str) -> Content:
        """The keys that hold these letters, with their values now."""
        found = [(safe(key, 60), value) for key, value in self._keys.items() if begun in key]
        longest = max((cell_width(key) for key, _ in found[:SHOWN]), default=0)
        lines = [
            Content.assemble((pad(key, longest), "bold"), (f"  {safe(setting(value), 30)}", "$text-muted"))
            for key, value in found[:SHOWN]
        ]
        if len(found) > SHOWN:
            lines.append(Content.styled(f"and {len(found) - SHOWN} more", "$text-muted"))
        return Content("\n").join(lines) if lines else Content.styled("no such key", "$text-muted")
