"""What all screens but the workbench have: a title line, a body, a filter that comes and goes, and the line of hints.

What a screen asks of its application is `Tuinet`. Each module has a function `page(app)` that makes its screen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from tuinet.cells import cell_width, cut
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Teller
from tuinet.tui.widgets.hints import Hints
from tuinet.tui.widgets.rows import Piece

NARROW = 100  # columns below which a list and what is told of its line stand on top of each other
Result = TypeVar("Result")

STYLES = {
    "": "", "dim": "$dim", "bold": "bold", "good": "$good", "warn": "$warn", "bad": "$bad",
    "accent": "$primary", "heading": "bold $dim", **{f"series-{n}": f"$series-{n}" for n in range(1, 9)},
}  # fmt: skip


def content(*pieces: str | Piece) -> Content:
    """Pieces as Textual draws them; their text is safe already and never markup."""
    pairs = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
    return Content.assemble(*((text, STYLES[kind]) for text, kind in pairs))


def lines(rows: Sequence[Sequence[str | Piece]]) -> Content:
    """Lines of pieces."""
    return Content("\n").join(content(*row) for row in rows)


class Head(Widget):
    """The title line: what this is, and on the right where it lies or how many there are."""

    DEFAULT_CSS = """
    Head { height: 1; dock: top; background: $panel; color: $foreground; }
    """

    def __init__(self, title: str) -> None:
        super().__init__(id="head")
        self._title, self._right = title, ""
        self._pieces: tuple[Piece, ...] = ()

    def say(self, *pieces: Piece, right: str = "") -> None:
        """What stands behind the title, and at the right end."""
        if (pieces, right) != (self._pieces, self._right):
            self._pieces, self._right = pieces, right
            self.refresh()

    def render(self) -> Content:
        room = self.size.width - 2
        left: list[str | Piece] = [("tuinet ", "accent"), (f" {self._title} ", "bold")]
        used = sum(cell_width(piece if isinstance(piece, str) else piece[0]) for piece in left)
        for text, kind in self._pieces:
            shown = cut(safe("  " + text, 200), room - used)
            left.append((shown, kind or "dim"))
            used += cell_width(shown)
        right = safe(self._right, 200)
        if cell_width(right) + 2 <= room - used:
            left.append((" " * (room - used - cell_width(right)) + right, "dim"))
        return content(" ", *left)


class Filter(Input):
    """The line in which a filter is typed; it is there while it is typed in."""

    DEFAULT_CSS = """
    Filter {
        display: none; height: 1; border: none; padding: 0 1; background: $panel;
        &.-shown { display: block; }
        &:focus { border: none; }
    }
    """
    BINDINGS = bindings("filter")

    class Typed(Message):
        """Another filter; "" for none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        """Back to the list."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, id="filter", select_on_focus=False)
        self.cursor_blink = False

    def open(self) -> None:
        self.add_class("-shown")
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.value.strip()))

    def action_keep(self) -> None:
        self.remove_class("-shown")
        self.post_message(self.Done())

    def action_clear(self) -> None:
        self.value = ""
        self.action_keep()

    def on_blur(self) -> None:
        self.remove_class("-shown")


class Page(Teller, Screen[None]):
    """A screen with a title line and a line of hints. Give TITLE, PLACE, and `body()`."""

    DEFAULT_CSS = """
    Page { background: $background; }
    Page #foot { dock: bottom; height: auto; }
    Page #foot Hints { dock: none; }
    Page .panel {
        border: round $border-blurred; border-title-color: $dim; border-subtitle-color: $dim;
        padding: 0 1; height: 1fr; width: 1fr;
    }
    Page .panel:focus-within, Page .panel:focus {
        border: round $border; border-title-color: $primary; border-title-style: bold;
    }
    Page .told { overflow-y: auto; scrollbar-size-vertical: 1; }
    Page .told > Static { height: auto; }
    """
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"), (NARROW, "-normal"), (160, "-wide"), (240, "-huge"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    PLACE: ClassVar[str] = ""
    FILTER: ClassVar[str] = ""
    """What can be typed into the filter; "" for a screen without one."""

    def compose(self) -> ComposeResult:
        self._be_as_wide()
        yield Head(str(self.TITLE))
        yield from self.body()
        with Vertical(id="foot"):
            if self.FILTER:
                yield Filter(self.FILTER)
            yield Hints(self.command())

    def _be_as_wide(self) -> None:
        """Takes the classes of the breakpoints; Textual does so when all has been styled and laid out without them."""
        for size, breakpoints in zip(
            self.app.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True
        ):
            self.add_class([name for least, name in breakpoints if size >= least][-1])

    def body(self) -> ComposeResult:
        yield from ()

    def command(self) -> str:
        """The command-line form of what the screen shows now."""
        return ""

    def names(self) -> dict[str, str]:
        """What RUN, PRESET and SET stand for in the command-line forms of actions here."""
        return {}

    def say_command(self) -> None:
        self.query_one(Hints).say(self.command())

    def head(self, *pieces: Piece, right: str = "") -> None:
        self.query_one(Head).say(*pieces, right=right)

    # -- going elsewhere ----------------------------------------------------------------------------------------

    def action_back(self) -> None:
        below = self.app.screen_stack[-2] if len(self.app.screen_stack) > 1 else None
        if below is not None and type(below) is not Screen:
            self.app.pop_screen()
        else:
            self.tuinet.goto("welcome")

    # -- the filter ---------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        self.query_one(Filter).open()

    def on_filter_typed(self, event: Filter.Typed) -> None:
        self.filtered(event.text)

    def on_filter_done(self, event: Filter.Done) -> None:
        self.main().focus()

    def filtered(self, text: str) -> None:
        """Another filter was typed."""

    def choose(self, key: str) -> None:
        """Puts the cursor on this line, as soon as it is there."""

    def main(self) -> Widget:
        """Where the keys go when the screen opens."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.main().focus()

    async def keep(self, reading: Callable[[], Awaitable[None]], every: float) -> None:
        """Reads again and again, as often as that, and for at most a tenth of the time. What fails is tried again."""
        while True:
            began = time.monotonic()
            with self.guarded(again=True):
                await reading()
            await asyncio.sleep(max(every, 10 * (time.monotonic() - began)))


async def read(function: Callable[..., Result], *arguments: Any) -> Result:
    """Files are read in a thread: the loop that draws never waits for a disk."""
    return await asyncio.to_thread(function, *arguments)


class Told(Static):
    """Text that is told of the chosen line, wrapped by hand so that tables in it stay aligned."""

    _told_for = -1  # cells: another height alone changes nothing

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._told_for:
            self._told_for = event.size.width
            self.post_message(self.Resized())

    class Resized(Message):
        """It has another width: what stands in it is to be laid out anew."""
