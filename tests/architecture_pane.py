"""The architecture pane in tests: by itself in an application, fed as the workbench feeds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.screen import Screen

from tests.scripted_view import ScriptedView, scripted_view
from tests.tui_screens import on_screen
from tests.tui_screens import picture as screen_text
from tuinet.data.bound import Facts
from tuinet.tui.navigation import Navigation
from tuinet.tui.panes.architecture import ArchitecturePane
from tuinet.tui.view import Looked
from tuinet.tui.widgets.rows import Rows

HEALTH = {
    "flatten_1": {"state": "ok", "reasons": []},
    "hidden": {"state": "warn", "reasons": ["31% of its units are dead"]},
    "out": {"state": "bad", "reasons": ["its gradient is not a number"]},
}


class Bench(Screen[None]):
    """The pane by itself, or with something at its side, fed as the workbench feeds it."""

    CSS = "Horizontal { height: 1fr; } ArchitecturePane { width: 1fr; height: 1fr; }"

    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.view = view
        self.started: list[Any] = []

    def compose(self) -> ComposeResult:
        pane = ArchitecturePane()
        pane.view = self.view
        yield Horizontal(pane)

    def on_mount(self) -> None:
        self.query_one(ArchitecturePane).focus()
        self.feed()

    def feed(self) -> None:
        self.view._grant()
        changed, self.view._changed = self.view._changed, set()
        self.query_one(ArchitecturePane).see(frozenset(changed))

    def on_architecture_pane_start_asked(self, event: ArchitecturePane.StartAsked) -> None:
        self.started.append(event.preset)


class App(Navigation):
    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.bench = Bench(view)

    def on_mount(self) -> None:
        self.push_screen(self.bench)

    @property
    def pane(self) -> ArchitecturePane:
        return self.bench.query_one(ArchitecturePane)

    @property
    def draft(self) -> Any:
        return self.pane.draft

    def shown(self) -> str:
        """The text on the screen."""
        return screen_text(self)

    def words(self) -> str:
        """The same as one line, without frames and without what only fills it."""
        return " ".join(self.shown().replace("│", " ").split())

    def list_text(self) -> str:
        return "\n".join("".join(text for text, _ in row.pieces).rstrip() for row in self.pane.query_one(Rows).lines)


def made_view(preset: str = "fashion-mlp", facts: Facts | None = None) -> ScriptedView:
    view = scripted_view(preset, epochs=2, looks={"health": lambda _: Looked({"layers": HEALTH})})
    view.start["examples"] = {"train": 8_000}
    if facts is not None:
        view.facts = facts
    return view


async def settled(pilot: Pilot[Any]) -> None:
    """Until the costs of what is edited are worked out."""
    app = pilot.app
    assert isinstance(app, App)
    for _ in range(200):
        await pilot.pause(0.02)
        pane = app.pane
        busy = any(worker.group == "plan" and not worker.is_finished for worker in app.workers)
        if pane._timer is None and not busy and (pane.plan is not None or pane.draft is None or pane.draft.error):
            break
    app.bench.feed()
    await pilot.pause()


def drive(
    test: Callable[[App, Pilot[Any]], Awaitable[None]], *, view: ScriptedView | None = None,
    size: tuple[int, int] = (100, 30),
) -> App:  # fmt: skip
    app = App(view or made_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await test(app, pilot)

    on_screen(app, size, steps)
    return app
