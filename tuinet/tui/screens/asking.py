"""A question with one line to answer it, over any screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.widgets import Input, Static

from tuinet.errors import TuinetError
from tuinet.safe_text import safe
from tuinet.tui.screens.base import content, read
from tuinet.tui.screens.box import Box, Line
from tuinet.tui.widgets.hints import Hints


class Ask(Box[str]):
    """Gives what `check` makes of the answer, or "" where nothing was wanted."""

    NOTHING = ""

    def __init__(
        self, title: str, question: str, answer: str, *, check: Callable[[str], str], command: Callable[[str], str]
    ) -> None:
        """answer: what stands there at first. check: called in a thread; its TuinetError or OSError is shown, and the
        question stands. command: the command-line form for an answer.
        """
        super().__init__(title)
        self._question, self._answer = safe(question, 300), answer
        self._check, self._command = check, command

    def body(self) -> ComposeResult:
        yield Static(content(self._question))
        yield Line(self._answer)

    def command(self) -> str:
        return self._command(self._answer)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Hints).say(self._command(event.value))
        self.wrong("")

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            answer = await read(self._check, event.value.strip())
        except (TuinetError, OSError) as error:
            self.wrong(str(error))
            return
        self.dismiss(answer)
