"""The architecture of a run: its layers as a list that can be edited, what they cost, and the picture of a small one.

Edits go into a draft (tuinet.tui.draft) and touch nothing until they are applied: to the training that goes on, which
keeps what it has learnt where it can, or to a new run.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from tuinet import figures
from tuinet.cells import wrap
from tuinet.errors import PresetError, TuinetError
from tuinet.safe_text import safe
from tuinet.training import forecast
from tuinet.training.devices import is_gpu
from tuinet.training.forecast import Speed
from tuinet.training.planning import Fate, Planned, data_of, fate, planned
from tuinet.tui.actions import bindings
from tuinet.tui.draft import TRAINING, Draft, Place, Row
from tuinet.tui.layer_list import PLACE_OF_TRAINING, Healths, key_of, layer_lines, short
from tuinet.tui.net_picture import Net, matrix, net_of
from tuinet.tui.panes.base import Pane
from tuinet.tui.widgets.net import NetPicture
from tuinet.tui.widgets.rows import Rows

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.presets import Preset
    from tuinet.tui.view import RunView

REST = 0.15  # seconds without an edit after which the costs are worked out
KEEP_EVERY = 60.0  # seconds between two notes of how fast this machine trains
STYLES = {"": "", "dim": "dim", "bad": "$bad", "warn": "$warn", "accent": "$primary"}


class ArchitecturePane(Pane):
    """The list of layers, with what they cost below it."""

    NAME = "architecture"
    BINDINGS = bindings("architecture")
    DEFAULT_CSS = """
    ArchitecturePane { layout: vertical; }
    ArchitecturePane > NetPicture { display: none; }
    ArchitecturePane.-picture > NetPicture { display: block; }
    ArchitecturePane.-picture > Rows { height: auto; max-height: 40%; }
    ArchitecturePane > #costs { height: auto; }
    """

    class StartAsked(Message):
        """A new run of this preset is wanted."""

        def __init__(self, preset: Preset) -> None:
            super().__init__()
            self.preset = preset

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.draft: Draft | None = None
        self.plan: Planned | None = None  # of the draft
        self.current: Planned | None = None  # of the network as it is trained
        self.fate: Fate | None = None  # of its tensors, when the draft is applied
        self.facts: Facts | None = None
        self.examples = 0
        self.speed: Speed | None = None  # of the device that is shown
        self._speed_of = ""
        self._rows: dict[str, Row] = {}
        self._timer: Timer | None = None
        self._note = ""  # why no costs are known
        self._kept_at = 0.0
        self._data_key: tuple[Any, ...] | None = None
        self._weights: set[str] = set()
        self._following = False
        self._costs: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield Rows(id="layers", empty="no preset yet")
        yield NetPicture()
        yield Static("", id="costs")

    def on_focus(self) -> None:
        self.query_one(Rows).focus()

    # -- what it shows --------------------------------------------------------------------------

    def see(self, changed: frozenset[str]) -> None:
        view = self.view
        if view is None:
            return
        if changed & {"view", "preset"} and view.preset is not None:
            self._take(view.preset)
        if "view" in changed:
            view.want("health", "health")
        if changed & {"view", "looks", "size", "preset", "theme"}:
            self._draw()
        if "selection" in changed:
            self._follow_selection()
        if changed & {"looks", "view", "selection", "size"} and self.has_class("-picture"):
            self._draw_picture()
        if changed & {"status", "view", "events"}:
            self._learn_speed()
            self._draw_costs()

    def edit(self, preset: Preset, facts: Facts | None = None, examples: int = 0) -> None:
        """A preset that belongs to no run."""
        self.draft, self.plan, self.current = Draft(preset), None, None
        self.facts, self.examples = facts, examples
        self._changed()

    def summary(self) -> str:
        view, draft = self.view, self.draft
        if self._error() is not None:
            return "net ✖ does not fit"
        preset = view.preset if view is not None else draft.preset if draft is not None else None
        if preset is None:
            return ""
        chosen = view.layer if view is not None else ""
        mark = self._healths.mark((chosen,))[0].strip() if chosen else ""
        words = f"{safe(chosen, 30)} {mark}".strip() or figures.plural(len(preset.stack), "layer")
        return f"{words}, edited" if draft is not None and draft.changed else words

    def command_form(self) -> str:
        if self.view is None or self.view.preset is None:
            return ""
        return f"show {self.view.name}"

    def _take(self, preset: Preset) -> None:
        """The run's preset, at first and after each change of it. Edits that are under way stay."""
        view = self.view
        assert view is not None
        if self.draft is None:
            self.draft = Draft(preset, short=True)
        elif self.draft.origin != preset and not self.draft.changed:
            self.draft.follow(preset)
        elif self.draft.origin != preset:
            self.draft.applied(preset)
        self.current = None
        self.facts = view.facts
        self.examples = _examples(view, preset)
        self._data_key = None
        self._changed()

    def _follow_selection(self) -> None:
        """Another pane has chosen a layer."""
        view = self.view
        key = next((key for key, row in self._rows.items() if view is not None and view.layer in row.paths), None)
        if key is not None and key != self.query_one(Rows).key:
            self._following = True
            self.query_one(Rows).choose(key)

    # -- drawing --------------------------------------------------------------------------------

    def _draw(self, place: Place | None = None) -> None:
        """The list anew; the cursor stays at its layer, or goes to a place."""
        draft = self.draft
        if draft is None or not self.is_mounted:
            return
        rows = draft.rows(self.plan)
        self._rows = {key_of(row.place): row for row in rows}
        widget = self.query_one(Rows)
        self._following |= not widget.key  # the first layer is not chosen for all panes before anybody moves to one
        chosen = widget.key if place is None else key_of(place)
        if chosen not in self._rows and chosen != PLACE_OF_TRAINING:
            chosen = next(iter(self._rows), PLACE_OF_TRAINING)
        width = max(10, widget.scrollable_content_region.width)
        widget.show(layer_lines(draft, rows, chosen, width, self.facts, self._healths), chosen)
        self._draw_costs()

    @property
    def _healths(self) -> Healths:
        return Healths(self.view.looked.get("health") if self.view is not None else None)

    def _draw_costs(self) -> None:
        draft = self.draft
        if draft is None or not self.is_mounted:
            return
        width = max(20, self.size.width - 4)
        lines: list[tuple[str, str]] = []
        for text, kind in self._cost_lines(draft):
            lines += [(line, kind) for line in wrap(text, width)]
        if lines == self._costs:
            return
        pieces = [Content.assemble((text, STYLES[kind])) for text, kind in lines]
        grown, self._costs = len(lines) != len(self._costs), lines
        self.query_one("#costs", Static).update(Content("\n").join(pieces), layout=grown)

    def _cost_lines(self, draft: Draft) -> list[tuple[str, str]]:
        lines = []
        error = self._error()
        row = self._rows.get(self.query_one(Rows).key)
        if error is not None:
            place = draft.place_of(error)
            wrong = self._rows.get(key_of(place))
            named = wrong.path if wrong is not None else str(place[0]) if place else ""
            where = f"{named}: " if named else f"line {error.line}: " if error.line else ""
            lines.append((f"✖ {safe(where + error.message, 400)}", "bad"))
        elif self.plan is not None:
            lines += [(line, "dim") for line in self._figures(self.plan)]
        elif self._note:
            lines.append((self._note, "dim"))
        healths = self._healths
        if row is not None and error is None and (reasons := healths.reasons(row.paths)):
            lines.append((f"{healths.mark(row.paths)[0]} {row.name}: {reasons}", "warn"))
        if draft.changed and error is None:
            lines.append((self._what_next(), "accent"))
        return [line for line in lines if line[0]]

    def _figures(self, plan: Planned) -> list[str]:
        """What it costs, in as few lines as hold it without breaking a figure."""
        said = [
            f"{figures.count(plan.parameters)} params",
            figures.size(plan.memory_bytes),
            f"{short(plan.multiply_adds)} mult-adds",
            self._forecast(plan),
        ]
        lines = [""]
        for part in filter(None, said):
            longer = f"{lines[-1]} · {part}" if lines[-1] else part
            if len(longer) > self.size.width - 4 and lines[-1]:
                lines.append(part)
            else:
                lines[-1] = longer
        return lines

    def _what_next(self) -> str:
        if self.view is not None and self.view.live:
            return f"⏎ apply: {safe(str(self.fate), 200)}" if self.fate is not None else "⏎ apply"
        return "r start a run with it"

    def _forecast(self, plan: Planned) -> str:
        """As the run itself was measured, also after its end and between the steps of slow motion; else a guess."""
        view = self.view
        if view is not None and self._is_here() and self.draft is not None and not self.draft.changed:
            rate = view.status.samples_per_s
            if rate > 0 and self.examples:
                return f"{_about(self.examples / rate)} an epoch here"
        speed = self.speed
        if speed is None or self._speed_of != self._device() or (is_gpu(self._speed_of) and not speed.known):
            return ""
        seconds = forecast.epoch_seconds(plan, speed)
        return f"about {_about(seconds)} an epoch here" if seconds is not None else ""

    def _error(self) -> PresetError | None:
        """Why the draft cannot be, as far as it is known."""
        if self.draft is None:
            return None
        return self.draft.error or (self.plan.error if self.plan is not None else None)

    # -- working out what it costs ----------------------------------------------------------------

    def _changed(self, place: Place | None = None) -> None:
        """The draft is another one: show it, and work out its costs once the keys rest."""
        self._draw(place)
        self._let_go()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST if self.plan is not None else 0.001, self._work_out)

    def _let_go(self) -> None:
        """A chosen layer that is no longer there gives way to what the cursor stands on, which nobody has moved."""
        view, here = self.view, self._rows.get(self.query_one(Rows).key) if self.is_mounted else None
        if view is None or here is None or not view.layer:
            return
        if not any(view.layer in row.paths for row in self._rows.values()):
            view.choose_layer(here.path)

    def _work_out(self) -> None:
        self._timer = None
        self.in_background(self._working_out(), "plan")

    async def _working_out(self) -> None:
        draft = self.draft
        if draft is None or draft.preset is None:
            self._draw()
            return
        version, preset = draft.version, draft.preset
        try:
            await self._find_data(draft, preset)
            if self.facts is None:
                self._draw_costs()
                return
            if self.current is None and self.view is not None and draft.origin is not None:
                self.current = await asyncio.to_thread(planned, draft.origin, self.facts, self.examples)
            plan = await asyncio.to_thread(planned, preset, self.facts, self.examples)
            kept = None
            if self.view is not None and self.view.live and draft.changed and plan.error is None and self.current:
                kept = await asyncio.to_thread(fate, draft.origin, preset, self.facts, self.current.tensors)
            device = self._device()
            if self.speed is None or self._speed_of != device:
                self.speed = await asyncio.to_thread(forecast.kept, None, device)
                self._speed_of = device
        except TuinetError as error:
            self._note, self.plan = safe(str(error), 300), None
            self._draw()
            return
        self._learn_speed()
        if self.draft is draft and draft.version == version:
            self.plan, self.fate, self._note = plan, kept, ""
            self._draw()
            if self.has_class("-picture"):
                self._draw_picture()
            self._tell_sheet()

    async def _find_data(self, draft: Draft, preset: Preset) -> None:
        """What the data are: the run's own, unless the draft has others."""
        key = (preset.data, preset.training.seed, preset.training.loss.targets)
        origin = draft.origin
        own = (origin.data, origin.training.seed, origin.training.loss.targets)
        if key == self._data_key:
            return
        known = self.view.facts if self.view is not None else self.facts
        if key != own or known is None or not self.examples:
            self._note = "reading the data ..."
            self._draw_costs()
            try:
                known, self.examples = await asyncio.to_thread(data_of, preset)
            except TuinetError:
                if key != own or known is None:
                    raise
        self.facts, self._data_key = known, key

    def _device(self) -> str:
        """Where the run trains that is shown; the processor where there is none."""
        return (self.view.status.device if self.view is not None else "") or "cpu"

    def _is_here(self) -> bool:
        """Whether the run that is shown was trained on this machine."""
        return self.view is not None and self.view.info.get("host") in (None, socket.gethostname())

    def _learn_speed(self) -> None:
        """A training tells how fast this machine is."""
        view, current = self.view, self.current
        if view is None or current is None or not current.batch or view.status.slow or self.speed is None:
            return
        if self._speed_of != self._device():
            return
        rate = view.status.samples_per_s
        if not rate > 0 or not self._is_here():
            return
        self.speed = self.speed.told(current.work, current.batch / rate)
        if view.live and time.monotonic() - self._kept_at > KEEP_EVERY:
            self._kept_at = time.monotonic()
            kept = asyncio.to_thread(forecast.keep, self.speed, None, self._speed_of)
            self.in_background(kept, "speed", exclusive=False)

    # -- the cursor -----------------------------------------------------------------------------

    @property
    def place(self) -> Place | None:
        """What the cursor stands on."""
        key = self.query_one(Rows).key
        if key == PLACE_OF_TRAINING:
            return TRAINING
        return self._rows[key].place if key in self._rows else None

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        row = self._rows.get(event.key)
        if row is not None and self.view is not None and not self._following:
            self.view.choose_layer(row.path)
            tensors = self.current.tensors if self.current is not None else {}
            first = next((name for path in row.paths for name in tensors if name.startswith(f"{path}.")), None)
            if first is not None and not self.view.parameter.startswith(f"{row.path}."):
                self.view.choose_parameter(first)
        self._following = False
        self._draw()

    def on_rows_opened(self, event: Rows.Opened) -> None:
        event.stop()
        self.action_edit()

    # -- edits ----------------------------------------------------------------------------------

    def action_add(self) -> None:
        self._pick(inside=False)

    def action_add_inside(self) -> None:
        row = self._rows.get(self.query_one(Rows).key)
        if row is None or not row.holds:
            self.tell("this layer holds no others; a residual, a branch or an encoder does", bad=True)
            return
        self._pick(inside=True)

    def _pick(self, *, inside: bool) -> None:
        from tuinet.tui.sheets import Picker

        draft = self.draft
        if draft is None:
            return
        after = self._layer_or_last()
        row = self._rows.get(key_of(after)) if after is not None else None
        where = f"{'inside' if inside else 'below'} {row.name}" if row is not None else "the first layer"

        def picked(word: str | None) -> None:
            if word:
                self._do(lambda: draft.add(word, after, inside))

        self.app.push_screen(Picker(f"Add {where}", draft.known(after, inside)), picked)

    def _layer_or_last(self) -> Place | None:
        """The layer under the cursor, else the last one."""
        place = self.place
        if place is not None and place != TRAINING:
            return place
        tables = self.draft.now.document["layers"] if self.draft is not None else []
        return ("layers", len(tables) - 1) if tables else None

    def action_remove(self) -> None:
        self._with_layer(lambda draft, place: draft.remove(place))

    def action_duplicate(self) -> None:
        self._with_layer(lambda draft, place: draft.duplicate(place))

    def action_move_up(self) -> None:
        self._with_layer(lambda draft, place: draft.move(place, -1))

    def action_move_down(self) -> None:
        self._with_layer(lambda draft, place: draft.move(place, 1))

    def action_move_in(self) -> None:
        self._with_layer(lambda draft, place: draft.move_in(place))

    def _with_layer(self, edit: Callable[[Draft, Place], Place | None]) -> None:
        draft, place = self.draft, self.place
        if draft is None or place is None or place == TRAINING:
            self.tell("choose a layer first", bad=True)
            return
        self._do(lambda: edit(draft, place))

    def _do(self, edit: Callable[[], Place | None]) -> None:
        try:
            place = edit()
        except PresetError as error:
            self.tell(error.message, bad=True)
            return
        self._changed(place)

    def action_undo(self) -> None:
        self._step_back("undo")

    def action_redo(self) -> None:
        self._step_back("redo")

    def _step_back(self, how: str) -> None:
        draft = self.draft
        if draft is None:
            return
        done = draft.undo() if how == "undo" else draft.redo()
        if done:
            self.tell(f"{how}: {done}")
            self._changed()
        else:
            self.tell(f"nothing to {how}")

    def action_edit(self) -> None:
        from tuinet.tui.sheets import Settings
        from tuinet.tui.sheets.picker import sentence

        draft, place = self.draft, self.place
        if draft is None or place is None:
            return
        row = self._rows.get(key_of(place))
        if row is None and place != TRAINING:
            return
        try:
            kind = draft.kind(place)
        except KeyError:
            self.tell("this layer has no type that is known; put it right in the text", bad=True)
            return
        title = f"{row.path} · {row.type}" if row is not None else "training"

        def enter(key: str, text: str) -> str:
            try:
                draft.set(place, key, text)
            except PresetError as error:
                return error.message
            self._changed(place)
            return ""

        def closed(_: None) -> None:
            draft.end()

        self.app.push_screen(Settings(title, sentence(kind), lambda: draft.entries(place), enter), closed)
        self.call_after_refresh(self._tell_sheet)

    def action_text(self) -> None:
        from tuinet.tui.sheets import Text

        draft, place = self.draft, self.place
        if draft is None:
            return

        def enter(text: str) -> str:
            try:
                draft.replace(text)
            except PresetError as error:
                return _with_line(error)
            self._changed()
            return "" if draft.error is None else _with_line(draft.error)

        def closed(_: None) -> None:
            draft.end()

        line = _line_of(draft, place)
        self.app.push_screen(Text(f"{_file_name(draft)}.toml", "", lambda: draft.text, enter, line), closed)

    def _tell_sheet(self) -> None:
        """What is wrong with the network, on the sheet that is open over it."""
        from tuinet.tui.sheets import Settings, Text

        sheet = self.app.screen
        if isinstance(sheet, Text) and sheet.wrong:
            return  # what it says is of a newer text
        if isinstance(sheet, Settings | Text) and sheet.is_mounted:
            error = self._error()
            if isinstance(sheet, Settings) or error is not None or (self.draft and self.draft.error is None):
                sheet.error("" if error is None else (f"{error.key}: " if error.key else "") + error.message)

    # -- what can be done with it ---------------------------------------------------------------

    def action_apply(self) -> None:
        draft, view = self.draft, self.view
        if draft is None:
            return
        if not draft.changed:
            self.action_edit()
        elif self._error() is not None:
            self.tell(f"it cannot be applied as it stands: {self._error()}", bad=True)
        elif view is not None and view.live:
            self.in_background(self._applying(draft), "apply")
        else:
            self.action_start()

    async def _applying(self, draft: Draft) -> None:
        assert self.view is not None and draft.preset is not None
        preset = draft.preset
        answer = await self.view.command("apply", preset=draft.resolved())
        draft.applied(preset)
        self.current = self.plan
        self._changed()
        self.tell(f"applied: {Fate.of(answer)}")

    def action_start(self) -> None:
        draft = self.draft
        if draft is None:
            return
        if draft.preset is None or self._error() is not None:
            self.tell(f"it cannot be trained as it stands: {self._error()}", bad=True)
            return
        try:
            self.post_message(self.StartAsked(draft.whole()))
        except PresetError as error:
            self.tell(str(error), bad=True)

    def action_save(self) -> None:
        from tuinet.tui.sheets import Saving

        draft = self.draft
        if draft is None:
            return

        def written(path: str | None) -> None:
            if path:
                self.tell(f"saved; train it by `tuinet run {shlex.quote(path)}`")

        name = f"{_file_name(draft)}-edited.toml" if draft.changed else f"{_file_name(draft)}.toml"
        self.app.push_screen(Saving(name, lambda where, over: safe(str(draft.save(where, over=over)), 300)), written)

    def action_difference(self) -> None:
        from tuinet.tui.sheets import Reading

        draft = self.draft
        if draft is not None:
            of = safe(draft.origin.name, 60)
            lines = draft.difference()
            if lines and self.fate is not None:
                lines += ["", f"⏎ apply {self.fate}", *self.fate.lines()]
            self.app.push_screen(Reading("Difference", f"from {of}", lines, "nothing is edited"))

    # -- the picture ----------------------------------------------------------------------------

    def action_picture(self) -> None:
        self.toggle_class("-picture")
        if self.has_class("-picture"):
            self._draw_picture()
        else:
            self._want_weights(())
        self.call_after_refresh(self._draw)

    def _draw_picture(self) -> None:
        net = self._net()
        names = net.weights if isinstance(net, Net) else ()
        self._want_weights(names)
        chosen = self.view.layer if self.view is not None else ""
        self.query_one(NetPicture).show(net, self._matrices(net), chosen)

    def _net(self) -> Net | str:
        plan = self.current or self.plan
        if plan is None or self.facts is None:
            return "the network is not known yet"
        if plan.error is not None:
            return "the network does not fit together"
        facts = self.facts
        names = [safe(name, 20) for name in facts.columns]
        classes = [safe(name, 20) for name in facts.class_names]
        return net_of(plan.layers, facts.inputs, names, classes)

    def _want_weights(self, names: tuple[str, ...]) -> None:
        view = self.view
        if view is None:
            return
        for name in self._weights - set(names):
            view.want(f"net:{name}", None)
        net = self._net()
        if isinstance(net, Net):
            for place, name in enumerate(names):
                rows, columns = net.columns[place].units, net.columns[place + 1].units
                view.want(f"net:{name}", "heatmap", slot=name, mode="value", rows=rows, columns=columns)
        self._weights = set(names)

    def _matrices(self, net: Net | str) -> dict[str, NDArray[np.float64]]:
        found: dict[str, NDArray[np.float64]] = {}
        if self.view is None or isinstance(net, str):
            return found
        for place, name in enumerate(net.weights):
            looked = self.view.looked.get(f"net:{name}")
            if looked is None or looked.error:
                continue
            limit = looked.fields.get("limit")
            rows, columns = net.columns[place].units, net.columns[place + 1].units
            weights = matrix(looked.body, rows, columns, float(limit)) if isinstance(limit, int | float) else None
            if weights is not None:
                found[name] = weights
        return found

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._draw)


def _examples(view: RunView, preset: Preset) -> int:
    """Examples of the training part, from what the run says of itself; 0 where it says nothing of them."""
    said = view.start.get("examples") if isinstance(view.start, dict) else None
    train = said.get("train") if isinstance(said, Mapping) else None
    if isinstance(train, int) and train > 0:
        return train
    facts, status, batch = view.facts, view.status, preset.training.batch_size
    if facts is not None and facts.task in ("classes", "binary") and not facts.steps:
        return sum(facts.class_counts)
    if status.steps and status.epochs and isinstance(batch, int):
        return round(status.steps / status.epochs * batch * preset.training.accumulate)
    return 0


def _with_line(error: PresetError) -> str:
    return f"line {error.line}: {error.message}" if error.line is not None else error.message


def _line_of(draft: Draft, place: Place | None) -> int:
    """The line of the text in which a layer begins."""
    from tuinet.presets.lines import find_lines, line_of

    if place is None:
        return 1
    lines = find_lines(draft.text)
    return line_of(tuple(place), lines) or 1


def _about(seconds: float) -> str:
    """A time that is not exact: two digits and no more."""
    if seconds < 0.1:
        return f"{float(f'{1000 * seconds:.2g}'):g} ms"
    if seconds >= 60:
        return figures.duration(round(seconds, -1) if seconds < 600 else round(seconds / 60) * 60)
    return f"{float(f'{seconds:.2g}'):g} s"


def _file_name(draft: Draft) -> str:
    """What its file would be called. A preset's name may be anything."""
    return safe(draft.origin.name, 60).replace("/", "-")
