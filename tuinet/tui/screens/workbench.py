"""The workbench: architecture, loss, weights and overfitting of one run side by side, and linked.

The screen polls its view, hands what has changed to the panes that can be seen, and sends what the keys ask for to the
run's worker. What a pane draws is its own business.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tuinet.cells import cut
from tuinet.figures import setting
from tuinet.processes import cores
from tuinet.runs import RunFolder
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Teller
from tuinet.tui.panes import FIRST, PANES, Pane, is_loaded, load, made
from tuinet.tui.terminal.app import TerminalApp
from tuinet.tui.terminal.pace import Pace
from tuinet.tui.view import RunView
from tuinet.tui.widgets.hints import Hints
from tuinet.tui.widgets.status import GpuLine, StatusLine

if TYPE_CHECKING:
    from tuinet.presets import Preset
    from tuinet.tui.panes.architecture import ArchitecturePane

SLOW = (0.0, 0.1, 0.5, 2.0)  # seconds a step, by how often the key was pressed
ARRANGED = {"wide": ("architecture", "loss", "overfitting", "weights"), "square": PANES, "one": PANES}
PAINTED = 0.02  # seconds after which what has changed is on the screen: Textual paints 60 times a second
BESIDE, AMONG = 0.15, 0.06
"""Of a processor, where the training leaves one free; where it has them all, and its threads wait for each other."""
LEAST = 0.03  # seconds between two paintings, however much happens


def arrangement(width: int, height: int) -> str:
    """How the panes stand: three columns, two by two, or one at a time."""
    if width >= 160 and height >= 36:
        return "wide"
    return "square" if width >= 100 and height >= 32 else "one"


class TabStrip(Static):
    """Where one pane is shown at a time: the tabs of all four, and a line of what the others say."""

    DEFAULT_CSS = """
    TabStrip { height: 2; display: none; background: $surface; }
    """


class Reason(Static):
    """Why a run has failed, or was lost; there is none while all is well."""

    DEFAULT_CSS = """
    Reason { height: auto; max-height: 4; padding: 0 1; display: none; background: $surface; color: $bad; }
    """


class Workbench(Teller, Screen[None]):
    """One run."""

    BINDINGS = bindings("workbench")
    DEFAULT_CSS = """
    Workbench { background: $background; }
    Workbench #panes { layout: grid; grid-size: 2 2; grid-gutter: 0; height: 1fr; }
    Workbench.-wide #panes { grid-size: 3 2; grid-columns: 27fr 43fr 30fr; grid-rows: 1fr 1fr; }
    Workbench.-wide #architecture, Workbench.-wide #overfitting { row-span: 2; }
    Workbench.-square #panes { grid-columns: 5fr 7fr; grid-rows: 1fr 1fr; }
    Workbench.-one TabStrip { display: block; }
    Workbench.-one #panes, Workbench.-zoomed #panes { grid-size: 1 1; }
    Workbench.-one Pane, Workbench.-zoomed Pane { display: none; }
    Workbench.-one Pane.-front, Workbench.-zoomed Pane.-front { display: block; row-span: 1; }
    """

    def __init__(self, view: RunView) -> None:
        super().__init__()
        self.view = view
        self.panes: list[Pane] = [made(name) for name in PANES]
        self._coming = tuple(name for name in PANES if not is_loaded(name))
        self._front = PANES.index(FIRST)
        self._arranged = ""
        self._unseen: list[set[str]] = [{"view", "size"} for _ in PANES]
        self._nudged = asyncio.Event()
        self._tabs = self._reason = ""
        self._laid_over: tuple[RunFolder, ...] = ()

    @property
    def pace(self) -> Pace:
        """How often it is painted."""
        return cast("TerminalApp", self.app).pace

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield GpuLine()
        yield Reason(id="reason", markup=False)
        yield TabStrip(id="tabs", markup=False)
        yield Container(*self.panes, id="panes")
        yield Hints(self.command_form())

    def on_mount(self) -> None:
        for pane in self.panes:
            pane.view = self.view
        self.view.on_change = self._nudged.set
        self._arrange()
        self.panes[self._front].focus()
        self.call_after_refresh(lambda: self.in_background(self._watch(), "watch"))
        self._lay_over()

    def on_screen_resume(self) -> None:
        self._lay_over()

    def _lay_over(self) -> None:
        """The runs that were marked on the screen of the runs."""
        marked = self.tuinet.laid_over
        if marked != self._laid_over:
            self._laid_over = marked
            self._do(self.view.lay_over(marked))

    async def on_unmount(self) -> None:
        self.view.on_change = lambda: None
        await self.view.close()

    # -- showing what is there -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Polls for as long as the screen is there, whatever goes wrong at one time."""
        if self._coming:  # what is known already is shown before the preset is read, and all else imported
            with self.guarded():
                await self._see()
            with self.guarded():
                await self._bring()
        while True:
            self._nudged.clear()
            began = time.monotonic()
            with self.guarded(again=True):
                self._not_seen(await self.view.poll())
            self.pace.share = self._share()
            with self.guarded(again=True):
                if self.is_current and self.pace.tick():
                    await self._see()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), self.pace.period)
            await asyncio.sleep(max(0.0, LEAST - (time.monotonic() - began)))

    def _share(self) -> float:
        """How much of one processor it may take: its training should hardly be slower for being watched."""
        status = self.view.status
        if not self.view.live or status.state != "running":
            return math.inf
        return BESIDE if (status.threads or 1) < cores() else AMONG

    async def _bring(self) -> None:
        """Puts the panes that have not been imported yet in the places of their frames."""
        coming, self._coming = self._coming, ()
        kinds = await asyncio.to_thread(lambda: [load(name) for name in coming])
        with self.app.batch_update():
            for name, kind in zip(coming, kinds, strict=True):
                await self._replace(PANES.index(name), kind())
            self._put_in_order()
        self._nudged.set()

    async def _replace(self, number: int, pane: Pane) -> None:
        frame = self.panes[number]
        pane.view = self.view
        pane.set_class(number == self._front, "-front")
        focused = frame.has_focus
        await frame.remove()
        await self.query_one("#panes", Container).mount(pane)
        if focused:
            self.set_focus(pane)  # now: pane.focus() would do so a moment later, and a key would reach another pane
        self.panes[number], self._unseen[number] = pane, {"view", "size"}

    def _not_seen(self, changed: frozenset[str]) -> None:
        for unseen in self._unseen:
            unseen |= changed

    async def _see(self) -> None:
        """Shows what has changed, to each pane that can be seen; one that fails takes no other along.

        A pane is painted before the next one works out what it shows: each takes a while, and between them the loop
        hears keys, and what they came to is said.
        """
        self._show_status()
        for number, pane in enumerate(self.panes):
            if not (self._unseen[number] and pane.display and pane.size.area):
                continue
            if "view" not in self._unseen[number]:
                await asyncio.sleep(PAINTED)
                if self._nudged.is_set():
                    self._not_seen(await self.view.poll())
                    self._show_status()
            unseen, self._unseen[number] = self._unseen[number], set()
            with self.guarded(), self.app.batch_update():
                pane.see(frozenset(unseen))
        if self._arranged == "one":
            self._show_tabs()
        self.query_one(Hints).say(self.command_form())

    def _show_status(self) -> None:
        with self.app.batch_update():
            self.query_one(StatusLine).show(self.view, self.pace.words())
            self.query_one(GpuLine).show(self.view)
            self._show_reason()

    def _show_reason(self) -> None:
        status = self.view.status
        goes_on = f"`tuinet resume {self.view.name}` goes on from its last checkpoint"
        told = str(self.view.verdict.get("sentence") or "")
        error = told if status.error and told.startswith(status.error) else status.error  # and says what to try
        text = f"✖ {error}" if error else f"! its worker was lost; {goes_on}"
        text = safe(text, 600) if status.error or status.state == "interrupted" else ""
        if text != self._reason:
            self._reason = text
            reason = self.query_one(Reason)
            reason.update(text)
            reason.display = bool(text)

    def _show_tabs(self) -> None:
        width = self.size.width
        tabs = "  ".join(
            f"[{number + 1} {name.capitalize()}]" if number == self._front else f" {number + 1} {name.capitalize()} "
            for number, name in enumerate(PANES)
        )
        others = [pane.summary() for number, pane in enumerate(self.panes) if number != self._front]
        said = "   ".join(line for line in others if line)
        text = f" {cut(tabs, width - 2)}\n {cut(safe(said), width - 2)}"
        if text != self._tabs:
            self._tabs = text
            self.query_one(TabStrip).update(text, layout=False)

    def command_form(self) -> str:
        focused = self._focused_pane()
        said = focused.command_form() if focused is not None else ""
        return f"tuinet {said or f'attach {self.view.name}'}"

    # -- where the panes stand -----------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._not_seen(frozenset({"size"}))
        self._nudged.set()

    def _arrange(self) -> None:
        arranged = arrangement(self.size.width, self.size.height)
        if arranged != self._arranged:
            self._arranged = arranged
            for name in ARRANGED:
                self.set_class(name == arranged, f"-{name}")
            self._put_in_order()
        self._bring_to_front(self._front)

    def _put_in_order(self) -> None:
        order = {name: place for place, name in enumerate(ARRANGED[self._arranged])}
        self.query_one("#panes", Container).sort_children(key=lambda pane: order[str(pane.id)])

    def _bring_to_front(self, number: int) -> None:
        self._front = number
        for place, pane in enumerate(self.panes):
            pane.set_class(place == number, "-front")
            self._unseen[place].add("size")
        self._nudged.set()

    def _focused_pane(self) -> Pane | None:
        widget: Widget | None = self.focused
        while widget is not None and not isinstance(widget, Pane):
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return widget

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = self._focused_pane()
        if pane is not None and self.panes.index(pane) != self._front:
            self._bring_to_front(self.panes.index(pane))

    def action_pane(self, number: int) -> None:
        self._bring_to_front(number - 1)
        self.panes[number - 1].focus()

    def action_next(self) -> None:
        self.action_pane((self._front + 1) % len(self.panes) + 1)

    def action_previous(self) -> None:
        self.action_pane((self._front - 1) % len(self.panes) + 1)

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        self._bring_to_front(self._front)

    def action_now(self) -> None:
        if self.view.at is not None:
            self.view.choose_step(None)
        else:
            self.remove_class("-zoomed")
            self._bring_to_front(self._front)

    # -- what the keys ask of the training -------------------------------------------------------------------

    def _send(self, name: str, **fields: Any) -> None:
        self._do(self.view.command(name, **fields))

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        self.in_background(work, "commands", exclusive=False)

    def action_pause(self) -> None:
        self._send("resume" if self.view.status.state == "paused" else "pause")

    def action_step(self) -> None:
        self._send("step", batches=1)

    def action_step_epoch(self) -> None:
        self._send("step", epochs=1)

    def action_slow(self) -> None:
        now = self.view.status.slow
        self._send("slow", seconds=next((slow for slow in SLOW if slow > now), 0.0))

    def action_full_speed(self) -> None:
        self._send("slow", seconds=0.0)

    def action_checkpoint(self) -> None:
        async def save() -> None:
            answer = await self.view.command("checkpoint")
            self.tell(f"saved at step {answer.get('step'):,}")

        self._do(save())

    def action_stop(self) -> None:
        self._send("stop")

    def action_faster(self) -> None:
        self.pace.faster()
        self._nudged.set()

    def action_slower(self) -> None:
        self.pace.slower()
        self._nudged.set()

    def action_new_seed(self) -> None:
        self._start_again(new=True)

    def action_same_seed(self) -> None:
        self._start_again(new=False)

    def _start_again(self, *, new: bool) -> None:
        """Another run of the same preset; the one under way is stopped, and kept."""
        preset = self.view.preset
        if preset is None:
            self.tell("the preset of this run cannot be read", bad=True)
            return

        async def begin() -> None:
            if self.view.live:
                await self.view.command("stop")
            seed = preset.training.seed
            again = preset.with_overrides([f"training.seed={seed + 1}"]) if new else preset
            self._start(again)

        self._do(begin())

    def on_architecture_pane_start_asked(self, event: ArchitecturePane.StartAsked) -> None:
        """A run of the edited preset; the one under way goes on."""
        self._start(event.preset)

    def _start(self, preset: Preset) -> None:
        """preset: a copy of the run's, which is called as the run's was."""
        self.tuinet.start_run(preset, self.view.info.get("preset"))

    def action_set(self) -> None:
        from tuinet.tui.screens.setting import Setting

        def given(answer: tuple[str, Any] | None) -> None:
            if answer is not None:
                self._do(self._set(*answer))

        self.app.push_screen(Setting(self.view), given)

    async def _set(self, key: str, value: Any) -> None:
        answer = await self.view.command("set", key=key, value=value)
        changes = [f"{one['key']}: {setting(one['old'])} → {setting(one['new'])}" for one in answer.get("changes", [])]
        self.tell("\n".join(changes) or f"{key} is so already")
