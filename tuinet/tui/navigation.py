"""What the application knows of its screens: going to one, themes, keys.toml, and a terminal that is too small.

class TuinetApp(Navigation, App): ...
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from tuinet.runs import RunFolder
from tuinet.tui import config, keymap, themes
from tuinet.tui.actions import bindings, key_label
from tuinet.tui.bin import Bin
from tuinet.tui.screens import too_small
from tuinet.tui.screens.base import Page

SCREENS = {
    "welcome": ("tuinet.tui.screens.welcome", "Welcome"),
    "presets": ("tuinet.tui.screens.presets", "Presets"),
    "runs": ("tuinet.tui.screens.runs", "Runs"),
    "data": ("tuinet.tui.screens.data", "Data"),
    "log": ("tuinet.tui.screens.log", "Log"),
}


class Navigation(App[Any]):
    """Mixed into the application, and into the little ones of the tests."""

    BINDINGS: ClassVar[list[Any]] = bindings("app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    laid_over: tuple[RunFolder, ...] = ()
    """Runs whose curves lie over those of the open one."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.suitable(config.setting("theme"))
        keys, self._problems = keymap.read_keymap()
        self.set_keymap(keys)
        self.bin = Bin()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of our own for themes that are not ours."""
        return themes.DARK if self.current_theme.dark else themes.LIGHT

    def on_mount(self) -> None:
        for text in self._problems:
            self.notify(text, severity="warning", timeout=10, markup=False)
        self.set_interval(2.0, self._sweep)

    def on_resize(self, event: events.Resize) -> None:
        too_small.guard(self, event.size)

    def _sweep(self) -> None:
        if len(self.bin):
            self.run_worker(asyncio.to_thread(self.bin.sweep), group="bin", exit_on_error=False)

    def on_unmount(self) -> None:
        self.bin.empty()

    # -- the screens --------------------------------------------------------------------------------------------

    def goto(self, name: str, **more: Any) -> None:
        """Shows one of the screens in place of the one that is shown, or over the workbench."""
        module, word = SCREENS[name]
        kind: type[Page] = getattr(import_module(module), word)
        if type(self.screen) is kind:
            return
        screen = kind(**more)
        if isinstance(self.screen, Page):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def action_welcome(self) -> None:
        self.goto("welcome")

    def action_presets(self) -> None:
        self.goto("presets")

    def action_runs(self) -> None:
        self.goto("runs")

    def action_data(self) -> None:
        self.goto("data")

    def action_log(self) -> None:
        self.goto("log", run=self.shown_run())

    def shown_run(self) -> RunFolder | None:
        """The run that the screen is about: what its log is asked for."""
        found = getattr(self.screen, "run_folder", None)
        return found if isinstance(found, RunFolder) else None

    def action_help(self) -> None:
        from tuinet.tui.screens.help import Help

        if not isinstance(self.screen, (Help, too_small.TooSmall)):
            self.push_screen(Help(self.screen))

    # -- looks --------------------------------------------------------------------------------------------------

    def action_theme(self) -> None:
        """The next of our themes, remembered for the next start."""
        names = themes.NAMES
        now = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(now + 1) % len(names)]
        problem = config.remember("theme", self.theme)
        self.notify(problem or f"theme: {self.theme}", severity="warning" if problem else "information", markup=False)

    def action_redraw(self) -> None:
        self.screen.refresh(layout=True)

    def get_key_display(self, binding: Binding) -> str:
        return key_label(binding.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where the terminal is too small, only leaving is possible."""
        if isinstance(self._top(), too_small.TooSmall):
            return action in ("leave", "redraw", "suspend_process", "quit")
        return super().check_action(action, parameters)

    def _top(self) -> Screen[Any] | None:
        return self.screen_stack[-1] if self.screen_stack else None

    def action_leave(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Closes the application."""
        self.exit()
