"""A question with one line to answer it, over any screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tuinet.errors import TuinetError
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.screens.base import content, read
from tuinet.tui.widgets.hints import Hints


class Ask(ModalScreen[str]):
    """Gives what `check` makes of the answer, or "" where nothing was wanted."""

    BINDINGS = bindings("asking")
    DEFAULT_CSS = """
    Ask { align: center middle; background: $background 60%; }
    Ask > Vertical {
        width: 64; max-width: 96%; height: auto; padding: 1 2; background: $surface;
        border: round $border; border-title-color: $primary; border-title-style: bold;
    }
    Ask Static { height: auto; width: 1fr; }
    Ask Input { border: none; height: 1; padding: 0 1; margin: 1 0; background: $panel; }
    Ask Input:focus { border: none; }
    """

    def __init__(
        self, title: str, question: str, answer: str, *, check: Callable[[str], str], command: Callable[[str], str]
    ) -> None:
        """answer: what stands there at first. check: called in a thread; its TuinetError or OSError is shown, and the
        question stands. command: the command-line form for an answer.
        """
        super().__init__()
        self._title, self._question, self._answer = safe(title, 60), safe(question, 300), answer
        self._check, self._command = check, command

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = content(self._title)
            yield Static(content(self._question))
            yield Input(self._answer, select_on_focus=False)
            yield Static(content(""), id="problem")
        yield Hints(self._command(self._answer))

    def on_mount(self) -> None:
        line = self.query_one(Input)
        line.cursor_blink = False
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Hints).say(self._command(event.value))

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            answer = await read(self._check, event.value.strip())
        except (TuinetError, OSError) as error:
            self.query_one("#problem", Static).update(content((safe(str(error), 300), "bad")))
            return
        self.dismiss(answer)

    def action_cancel(self) -> None:
        self.dismiss("")
