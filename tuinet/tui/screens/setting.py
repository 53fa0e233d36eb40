"""A setting changed while the run trains: KEY=VALUE, with what there is and what it is now."""

from __future__ import annotations

import shlex
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from tuinet.cells import cell_width, pad
from tuinet.errors import PresetError
from tuinet.figures import setting
from tuinet.presets.overrides import parsed
from tuinet.safe_text import safe
from tuinet.training.live import live_keys
from tuinet.tui.screens.box import Box, Line
from tuinet.tui.view import RunView
from tuinet.tui.widgets.hints import Hints

SHOWN = 12  # keys at a time


class Setting(Box[tuple[str, Any] | None]):
    """Gives the key and its value, or None."""

    DEFAULT_CSS = """
    Setting > Vertical { width: 76; }
    """

    def __init__(self, view: RunView) -> None:
        super().__init__("Set, while it trains")
        self._run = view.name
        self._keys = {} if view.preset is None else live_keys(view.preset)

    def body(self) -> ComposeResult:
        yield Line(placeholder="key=value, → completes", suggester=SuggestFromList([f"{key}=" for key in self._keys]))
        yield Static(self._listed(""), id="keys")

    def command(self, said: str = "") -> str:
        return f"tuinet ctl {self._run} set {shlex.quote(said) if said else 'KEY=VALUE'}"

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Hints).say(self.command(event.value))
        self.query_one("#keys", Static).update(self._listed(event.value.partition("=")[0].strip()))
        self.wrong("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        key, sign, value = event.value.partition("=")
        try:
            if not sign or not key.strip():
                raise PresetError("write KEY=VALUE, as in training.optimizer.learning_rate=0.01")
            self.dismiss((key.strip(), parsed(value.strip())))
        except PresetError as error:
            self.wrong(str(error))

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
