"""A form made of settings: a line for each, what it is and may be under the one that is typed in, an error under it.

    form = SettingsForm()
    form.show(draft.entries(place))         again after each change: settings of another part come and go
    on_settings_form_typed(event)           event.key, event.text; answer with form.say(key, "what is wrong" or "")

Nothing about any setting is known here: lines come from tuinet.tui.entries, and so from the declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tuinet.cells import pad
from tuinet.fields import LONGEST_TEXT
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.entries import Entry

NAMES = 18  # cells of a setting's name
UNSAID = "–"


class Choice(Widget, can_focus=True):
    """One of several words: arrows and space go from one to the next, a letter to the next that begins with it."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; }
    Choice:focus {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("choice")

    class Changed(Message):
        """Another word was chosen; "" for none, so that the usual one holds."""

        def __init__(self, choice: Choice, text: str) -> None:
            super().__init__()
            self.choice, self.text = choice, text

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry, self.text = entry, entry.text

    def show(self, entry: Entry) -> None:
        self.entry, self.text = entry, entry.text
        self.refresh()

    def render(self) -> Content:
        word = self.text or self.entry.usual
        said = safe(word, 60) or UNSAID
        return Content.assemble(("‹ ", "dim"), (said, "" if self.text else "dim"), (" ›", "dim"))

    def action_next(self) -> None:
        self._go(1)

    def action_previous(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        options = self.entry.options
        now = self.text or self.entry.usual
        at = options.index(now) if now in options else -1 if by > 0 else 0
        self._choose(options[(at + by) % len(options)])

    def action_leave_out(self) -> None:
        self._choose("")

    def on_click(self, event: events.Click) -> None:
        self.action_next()

    def on_key(self, event: events.Key) -> None:
        letter = (event.character or "").lower()
        options, now = self.entry.options, self.text or self.entry.usual
        if not letter.isalpha():
            return
        at = options.index(now) if now in options else 0
        following = [*options[at + 1 :], *options[: at + 1]]
        word = next((word for word in following if word.startswith(letter)), None)
        if word is not None:
            event.stop()
            self._choose(word)

    def _choose(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self.refresh()
            self.post_message(self.Changed(self, text))


class Typed(Input):
    """One line of text, without a frame. The form's keys are heard here first: Input has the same for other things."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    def __init__(self, entry: Entry) -> None:
        usual = safe(entry.usual, 60) or ("needed" if entry.field.required else UNSAID)
        super().__init__(
            safe(entry.text), placeholder=usual, max_length=LONGEST_TEXT, compact=True, select_on_focus=False
        )
        self.cursor_blink = False

    def action_next(self) -> None:
        self.query_ancestor(SettingsForm).action_next()

    def action_previous(self) -> None:
        self.query_ancestor(SettingsForm).action_previous()


class Line(Vertical):
    """One setting: its name, what stands there, and below what it is and what is wrong with it."""

    DEFAULT_CSS = """
    Line { height: auto; }
    Line > Horizontal { height: 1; }
    Line .name { height: 1; }
    Line Typed { width: 1fr; background: $surface; }
    Line Typed:focus {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style;
    }
    Line Typed:nocolor:focus > .input--cursor { text-style: bold not reverse; }
    Line .help { display: none; color: $text-muted; padding-left: 2; height: auto; }
    Line.-here .help { display: block; }
    Line .error { display: none; color: $bad; padding-left: 2; height: auto; }
    Line.-wrong .error { display: block; }
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry
        self.control: Choice | Typed = Choice(entry) if entry.options else Typed(entry)

    def compose(self) -> ComposeResult:
        indent = "  " * self.entry.depth
        name = Static(Content(pad(indent + safe(self.entry.name, 40), NAMES + 2 * self.entry.depth)), classes="name")
        name.styles.width = NAMES + 2 * self.entry.depth
        yield Horizontal(name, self.control)
        yield Static(Content(_help(self.entry)), classes="help")
        yield Static("", classes="error")

    def show(self, entry: Entry) -> None:
        """The same setting as it stands now; what is being typed stays as it is typed."""
        self.entry = entry
        if isinstance(self.control, Choice):
            self.control.show(entry)
        elif not self.control.has_focus and self.control.value != safe(entry.text):
            with self.control.prevent(Input.Changed):
                self.control.value = safe(entry.text)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.add_class("-here")

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.remove_class("-here")

    def say(self, error: str) -> None:
        self.set_class(bool(error), "-wrong")
        self.query_one(".error", Static).update(Content(f"✖ {safe(error, 300)}" if error else ""))


def _help(entry: Entry) -> str:
    words = entry.help
    if entry.options:
        words += f" ({', '.join(entry.options)})"
    return safe(words + ("; may change while it trains" if entry.field.live else ""), 600)


class SettingsForm(VerticalScroll, can_focus=False):
    """The lines of a form, one below the other."""

    DEFAULT_CSS = """
    SettingsForm { height: 1fr; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    class Typed(Message):
        """A setting is to be what was typed; an empty text takes it out."""

        def __init__(self, key: str, text: str) -> None:
            super().__init__()
            self.key, self.text = key, text

    def __init__(self, entries: Sequence[Entry] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines = [Line(entry) for entry in entries]

    def compose(self) -> ComposeResult:
        yield from self._lines

    @property
    def keys(self) -> list[str]:
        return [line.entry.key for line in self._lines]

    def line(self, key: str) -> Line | None:
        return next((line for line in self._lines if line.entry.key == key), None)

    async def show(self, entries: Sequence[Entry]) -> None:
        """The settings as they are now. Lines that stay keep the focus."""
        wanted = {entry.key: entry for entry in entries}
        gone = [line for line in self._lines if not _same(line.entry, wanted.get(line.entry.key))]
        self._lines = [line for line in self._lines if line not in gone]
        await self.remove_children(gone)
        for place, entry in enumerate(entries):
            known = self.line(entry.key)
            if known is not None:
                known.show(entry)
                continue
            line = Line(entry)
            if place:
                await self.mount(line, after=self._lines[place - 1])
            elif self._lines:
                await self.mount(line, before=self._lines[0])
            else:
                await self.mount(line)
            self._lines.insert(place, line)

    def unsaid(self) -> list[tuple[str, str]]:
        """Keys and texts of the lines that were typed in and not shown since as they stand."""
        typed = [(line.entry, line.control.value) for line in self._lines if isinstance(line.control, Typed)]
        return [(entry.key, text) for entry, text in typed if text != safe(entry.text)]

    def say(self, key: str, error: str) -> None:
        """What is wrong with a setting, under it; "" takes it away."""
        line = self.line(key)
        if line is not None:
            line.say(error)

    def start(self) -> None:
        """The focus to the first line."""
        if self._lines:
            self._lines[0].control.focus()

    def action_next(self) -> None:
        self._go(1)

    def action_previous(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        """Up and down, round the ends."""
        at = next((place for place, line in enumerate(self._lines) if line.control.has_focus), -1)
        if self._lines:
            self._lines[(at + by) % len(self._lines)].control.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed(event.input, event.value)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._typed(event.choice, event.text)

    def _typed(self, control: Widget, text: str) -> None:
        line = next((line for line in self._lines if line.control is control), None)
        if line is not None:
            self.post_message(self.Typed(line.entry.key, text))


def _same(old: Entry, new: Entry | None) -> bool:
    """Whether a line can go on showing it: another part may have a setting of the same name and of another kind."""
    return new is not None and (old.field, old.options, old.usual, old.depth) == (
        new.field, new.options, new.usual, new.depth,
    )  # fmt: skip
