"""What the command palette finds: actions of the screen, presets, runs, data sets, layers of the open run, themes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.markup import escape

from tuinet.errors import TuinetError
from tuinet.runs import RunFolder, list_runs
from tuinet.safe_text import safe
from tuinet.tui import themes
from tuinet.tui.actions import ACTIONS, key_label
from tuinet.tui.application import Tuinet
from tuinet.tui.screens.base import read


@dataclass(frozen=True)
class Command:
    """A line of the palette. Its text is safe already."""

    text: str
    help: str
    run: Callable[[], Any]
    shown: bool = False  # also before anything is typed


class Commands(Provider):
    """One provider for all of it, so that a word finds whatever has that name."""

    async def startup(self) -> None:
        app = cast(Tuinet, self.app)
        self._commands = list(self._actions())
        with contextlib.suppress(TuinetError):  # a folder that cannot be read: the rest can be found all the same
            self._commands += await read(_of_files, app)
        view = app.view
        if view is not None and view.preset is not None:
            paths = [path for path in (layer.path or layer.name or "" for layer in view.preset.stack) if path]
            self._commands += [
                Command(f"layer {safe(path, 80)}", "look at this layer", partial(view.choose_layer, path))
                for path in paths
            ]
        self._commands += [
            Command(f"theme {name}", "colours of the screens", partial(setattr, self.app, "theme", name))
            for name in themes.NAMES
        ]

    def _actions(self) -> Iterator[Command]:
        """What the keys of the screen below do."""
        seen = set()
        for key, one in self.screen.active_bindings.items():
            name = one.binding.id or ""
            if not one.enabled or name not in ACTIONS or name in seen or name == "app.palette":
                continue
            seen.add(name)
            action = ACTIONS[name]
            run = partial(self.app.run_action, one.binding.action, one.node)
            same = f"  = {action.command}" if action.command else ""
            yield Command(
                f"{action.help}", f"{key_label(key)}{same}", run, shown=action.place not in ("rows", "filter")
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands:
            score = matcher.match(command.text)
            if score > 0:
                yield Hit(score, matcher.highlight(command.text), command.run, command.text, escape(command.help))

    async def discover(self) -> Hits:
        for command in self._commands:
            if command.shown:
                yield DiscoveryHit(escape(command.text), command.run, command.text, escape(command.help))


def _of_files(app: Tuinet) -> list[Command]:
    """Presets, runs and data sets. Reads files: call it in a thread."""
    from tuinet import presets
    from tuinet.data.sets import catalog

    found = []
    for one in presets.headlines():
        found.append(Command(f"train {one.name}", safe(one.title, 100), partial(_train, app, one.name)))
        found.append(Command(f"preset {one.name}", safe(one.title, 100), partial(app.goto, "presets", chosen=one.name)))
    found += [
        Command(f"open {run.run}", safe(f"{run.state}  {run.title}", 100), partial(app.open_run, RunFolder(run.path)))
        for run in list_runs(app.runs, sizes=False)
    ]
    found += [
        Command(f"data {info.name}", safe(info.title, 100), partial(app.goto, "data", chosen=info.name))
        for info in catalog()
    ]
    return found


def _train(app: Tuinet, name: str) -> None:
    from tuinet import presets

    try:
        app.start_run(presets.load(name))
    except TuinetError as error:
        app.tell(str(error), bad=True)
