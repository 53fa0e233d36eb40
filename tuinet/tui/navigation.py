"""What the application knows of its screens: going to one, themes, keys.toml, and a terminal that is too small.

class TuinetApp(Navigation, App): ...
"""

from __future__ import annotations

import asyncio
import traceback
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from tuinet.runs import RunFolder, runs_folder
from tuinet.tui import config, keymap, palette, themes
from tuinet.tui.actions import bindings, key_label
from tuinet.tui.application import Teller
from tuinet.tui.bin import Bin
from tuinet.tui.screens import too_small
from tuinet.tui.screens.base import Page

if TYPE_CHECKING:
    from tuinet.tui.run_list import RunList
    from tuinet.tui.view import RunView


class Navigation(Teller, App[Any]):
    """Mixed into the application, and into the little ones of the tests."""

    BINDINGS: ClassVar[list[Any]] = bindings("app")
    CSS = """
    CommandList:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """  # Textual wants reverse there, and draws its lists without
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[Any] = {palette.Commands}

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.suitable(config.setting("theme"))
        keys, self._problems = keymap.read_keymap()
        self.set_keymap(keys)
        self.bin = Bin()
        self.runs = runs_folder()
        self.laid_over: tuple[RunFolder, ...] = ()  # runs whose curves lie over those of the open one
        self.faults: dict[tuple[str, str, int | None], Exception] = {}  # that were met, by kind and place

    @cached_property
    def run_list(self) -> RunList:
        from tuinet.tui.run_list import RunList  # a run that is attached to needs none

        return RunList(self.runs)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of our own for themes that are not ours."""
        return themes.DARK if self.current_theme.dark else themes.LIGHT

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        if self.no_color:
            variables |= themes.COLOURLESS
        return variables

    def on_mount(self) -> None:
        for text in self._problems:
            self.notify(text, severity="warning", timeout=10, markup=False)
        self.set_interval(2.0, self._sweep)

    def on_resize(self, event: events.Resize) -> None:
        too_small.guard(self, event.size)

    def _sweep(self) -> None:
        if len(self.bin):
            self.in_background(asyncio.to_thread(self.bin.sweep), "bin", exclusive=False)

    def on_unmount(self) -> None:
        self.bin.empty()

    def fault(self, error: Exception) -> None:
        """An error that nobody has foreseen, and that the screens outlive: said once, however often it comes."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = (type(error).__name__, where.filename, where.lineno)
        if place not in self.faults:
            self.faults[place] = error
            self.tell(f"This is a fault of tuinet: {type(error).__name__}: {error}", bad=True)

    # -- the screens --------------------------------------------------------------------------------------------

    def goto(self, name: str, chosen: str = "") -> None:
        """Shows the screen of that name: in place of one of its kind, or over the workbench.

        chosen: what its cursor stands on first.
        """
        if isinstance(self.screen, too_small.TooSmall):
            return
        if type(self.screen).__name__.lower() == name:
            if chosen and isinstance(self.screen, Page):
                self.screen.choose(chosen)
            return
        module = import_module(f"tuinet.tui.screens.{name}")
        page: Screen[Any] = module.page(self)
        if isinstance(self.screen, Page) and isinstance(page, Page):
            self.switch_screen(page)
        else:
            self.push_screen(page)
        if chosen and isinstance(page, Page):
            page.choose(chosen)

    def action_welcome(self) -> None:
        self.goto("welcome")

    def action_presets(self) -> None:
        self.goto("presets")

    def action_runs(self) -> None:
        self.goto("runs")

    def action_data(self) -> None:
        self.goto("data")

    def action_log(self) -> None:
        self.goto("log")

    def action_hardware(self) -> None:
        self.goto("hardware")

    def action_help(self) -> None:
        self.goto("help")

    # -- looks --------------------------------------------------------------------------------------------------

    def action_theme(self) -> None:
        """The next of our themes, remembered for the next start."""
        names = themes.NAMES
        now = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(now + 1) % len(names)]
        problem = config.remember("theme", self.theme)
        self.tell(problem or f"theme: {self.theme}", bad=bool(problem))

    def action_redraw(self) -> None:
        self.screen.refresh(layout=True)

    def get_key_display(self, binding: Binding) -> str:
        return key_label(binding.key)

    @property
    def view(self) -> RunView | None:
        """The run of the workbench that is open, if one is."""
        return None

    def action_leave(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Closes the application."""
        self.exit(return_code=0)
