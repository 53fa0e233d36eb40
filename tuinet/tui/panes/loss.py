"""The curves of the run: loss, accuracy or error, learning rate, gradient norm, with a step cursor for all panes.

What the picture looks like is chart.py's business. Here are the keys, the mouse, and what is painted when: rows that
have not changed are not sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.content import Content
from textual.strip import Strip

from tuinet.tui import chart
from tuinet.tui.actions import bindings
from tuinet.tui.chart import Choices, Picture, Scene
from tuinet.tui.curves import AXES, SMOOTHING, Curves
from tuinet.tui.curves import Axis as Scale
from tuinet.tui.panes.base import Pane
from tuinet.tui.terminal.abilities import Abilities
from tuinet.tui.view import ENDED
from tuinet.tui.widgets.plot import Runs, to_plain

SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
CLOSER = 0.5
BESIDE_FROM = 60  # cells: narrower, a second chart takes the place of the first one
GAP = 2
CONCERNS = frozenset({"view", "status", "curves", "epochs", "events", "selection", "theme", "size"})
WORDS: dict[Scale, str] = {"steps": "step", "epochs": "epoch", "seconds": "time"}


class LossPane(Pane):
    """Curves over steps, epochs or time."""

    NAME = "loss"
    BINDINGS = bindings("loss")
    HELP = (
        "The raw losses of the batches lie behind their smoothed line. "
        "▾ marks the best epoch and live changes, ▴ on the axis checkpoints, ▴ at the top a spike above it."
    )
    DEFAULT_CSS = """
    LossPane { padding: 0; }
    """
    INKS: ClassVar[dict[str, tuple[str, float]]] = {
        "train": ("$train", 1.0), "val": ("$val", 1.0), "batch": ("$train", 0.62), "band": ("$train", 0.3),
        "frame": ("$foreground", 0.35), "axis": ("$foreground", 0.6), "text": ("$foreground", 0.85),
        "faint": ("$foreground", 0.5), "best": ("$good", 1.0), "event": ("$series-4", 1.0), "bad": ("$bad", 1.0),
        "spike": ("$train", 0.8), "cursor": ("$foreground", 1.0),
        **{f"other-{place}": (f"$series-{number}", 1.0) for place, number in enumerate((5, 6, 7, 8, 3))},
    }  # fmt: skip
    """Ink, the theme's colour, and how much of it is left on the background."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choices = Choices(smooth=SMOOTHING)
        self.beside = ""
        """The metric of the second chart; empty: there is only one."""

        self.beside_log = False
        """Whether the second chart's y axis is logarithmic."""

        self.follows = True
        self._strips: list[Strip] = []
        self._pictures: list[tuple[int, Picture]] = []  # each with the column of the pane in which it begins
        self._styles: dict[str, Style] = {}

    # -- painting ----------------------------------------------------------------------------------------------

    def see(self, changed: frozenset[str]) -> None:
        if changed & CONCERNS:
            if changed & {"theme", "view"}:
                self._styles.clear()
            self._paint()

    def on_resize(self) -> None:
        self._paint()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self._style(""))

    def _paint(self) -> None:
        """Makes all rows anew, and asks for those to be sent that have changed."""
        if self.view is None or not self.size.area:
            return
        rows = self._rows(self.size.width, self.size.height)
        strips = [Strip([Segment(text, self._style(ink)) for text, ink in row], self.size.width) for row in rows]
        before, self._strips = self._strips, strips
        self.refresh_lines(before, strips)
        self._say()

    def _rows(self, width: int, height: int) -> list[Runs]:
        scene = self.scene()
        self._follow(scene)
        told = 1 if height > 4 else 0
        shown = self._shown(width)
        each = (width - GAP * (len(shown) - 1)) // len(shown)
        widths = [*[each] * (len(shown) - 1), width - (each + GAP) * (len(shown) - 1)]
        lefts = [sum(widths[:place]) + GAP * place for place in range(len(shown))]
        pictures = [
            chart.picture(scene, choices, cells, height - told, braille=self._braille)
            for choices, cells in zip(shown, widths, strict=True)
        ]
        self._pictures = list(zip(lefts, pictures, strict=True))
        words = [
            chart.read_out(scene, choices, cells, where=choices is shown[0])
            for choices, cells in zip(shown, widths, strict=True)
        ]
        rows = [_side_by_side(words)] if told else []
        rows += [_side_by_side(parts) for parts in zip(*(picture.rows for picture in pictures), strict=True)]
        return [row if self._braille else to_plain(row) for row in rows]

    def _shown(self, width: int) -> list[Choices]:
        """The charts from left to right."""
        if not self.beside:
            return [self.choices]
        second = replace(self.choices, metric=self.beside, log_y=self.beside_log)
        return [self.choices, second] if width >= BESIDE_FROM else [second]

    def _say(self) -> None:
        """Titles in the border, where they have changed: each change paints the whole border."""
        shown = self._shown(self.size.width)
        named = " and ".join(chart.title(one.metric) for one in shown)
        named = self.title if named == "loss" else named[:1].upper() + named[1:]  # RMSE stays RMSE
        x = WORDS[self.choices.x] + (" log" if self.choices.log_x else "")
        y = ", ".join(dict.fromkeys("log" if one.log_y else "linear" for one in shown))
        window = "whole run" if self.choices.window is None else "following" if self.follows else "part of the run"
        hints = f"x {x}  y {y}  {window}"
        if self.border_title != named:
            self.border_title = Content(named)  # a metric may be called anything, and a title would be markup
        if self.border_subtitle != hints:
            self.border_subtitle = hints

    @property
    def _braille(self) -> bool:
        abilities: Abilities | None = getattr(self.app, "abilities", None)
        return abilities is None or abilities.unicode

    def _style(self, ink: str) -> Style:
        if ink not in self._styles:
            background = self.background_colors[1]
            name, share = self.INKS.get(ink, ("$foreground", 1.0))
            said = self.app.theme_variables.get(name.removeprefix("$"), "ansi_default")
            colour = Color.parse(said)
            if colour.ansi is not None or background.ansi is not None:  # the terminal's own: nothing to mix
                dim = share < 0.6
                self._styles[ink] = Style(color=colour.rich_color, bgcolor=background.rich_color, dim=dim or None)
            else:
                mixed = background.blend(colour, share)
                self._styles[ink] = Style(color=mixed.rich_color, bgcolor=background.rich_color)
        return self._styles[ink]

    # -- what is shown -----------------------------------------------------------------------------------------

    @property
    def curves(self) -> Curves:
        return self.view.curves if self.view is not None else Curves()

    def scene(self) -> Scene:
        view = self.view
        if view is None:
            return Scene(Curves())
        planned: dict[Scale, float] = {}
        if view.status.steps:
            planned["steps"] = float(view.status.steps)
        if view.status.epochs:
            planned["epochs"] = float(view.status.epochs)
        others = [(other.name, other.curves) for other in view.others]
        ended = view.status.state in ENDED and not view.live
        return Scene(view.curves, others, view.events, planned, ended, view.at, view.monitor)

    def summary(self) -> str:
        return "" if self.view is None else chart.summary(self.view.curves)

    def _follow(self, scene: Scene) -> None:
        if self.choices.window is not None and self.follows and scene.at is None:
            window = chart.following(self.choices.window, scene.curves.extent(self.choices.x))
            self.choices = replace(self.choices, window=window)

    def _whole(self) -> tuple[float, float]:
        return chart.whole(self.scene(), self.choices.x)

    def _choose(self, **chosen: object) -> None:
        self.choices = replace(self.choices, **chosen)  # type: ignore[arg-type]
        self._paint()

    # -- keys --------------------------------------------------------------------------------------------------

    def action_smooth(self) -> None:
        place = next((place for place, value in enumerate(SMOOTHINGS) if value > self.choices.smooth), 0)
        self._choose(smooth=SMOOTHINGS[place])

    def action_x_axis(self) -> None:
        before = self.choices.x
        after: Scale = AXES[(AXES.index(before) + 1) % len(AXES)]
        window = self.choices.window
        if window is not None:
            lo, hi = (self.curves.convert(place, before, after) for place in window)
            window = (lo, hi) if hi > lo else None
        self._choose(x=after, window=window)

    def action_y_scale(self) -> None:
        """Of the first chart that is shown."""
        if self._shown(self.size.width)[0].metric == self.choices.metric:
            self._choose(log_y=not self.choices.log_y)
        else:
            self.beside_log = not self.beside_log
            self._paint()

    def action_x_scale(self) -> None:
        self._choose(log_x=not self.choices.log_x)

    def action_metric(self) -> None:
        self._turn(1)

    def action_metric_back(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        """The next metric: of the second chart, where there is one."""
        known = chart.metrics(self.curves)
        if self.beside:
            known = [metric for metric in known if metric != self.choices.metric] or known
            self.beside = known[(_place(known, self.beside) + by) % len(known)]
            self._paint()
        else:
            self._choose(metric=known[(_place(known, self.choices.metric) + by) % len(known)])

    def action_beside(self) -> None:
        others = [metric for metric in chart.metrics(self.curves) if metric != self.choices.metric]
        self.beside = "" if self.beside or not others else others[0]
        self._paint()

    def action_follow(self) -> None:
        """Back to the newest step, whatever part of the run is in view."""
        self.follows = not self.follows or self.choices.window is None or self.view is None or self.view.at is not None
        if self.view is not None and self.follows:
            self.view.choose_step(None)
        self._paint()

    def action_whole(self) -> None:
        self._choose(window=None)

    def action_zoom_in(self) -> None:
        self._zoom(CLOSER, self._here())

    def action_zoom_out(self) -> None:
        self._zoom(1 / CLOSER, self._here())

    def _zoom(self, factor: float, about: float) -> None:
        all_of_it = self._whole()
        self._choose(window=chart.zoomed(self.choices.window or all_of_it, about, factor, all_of_it))

    def action_pan_left(self) -> None:
        self._pan(-0.25)

    def action_pan_right(self) -> None:
        self._pan(0.25)

    def _pan(self, share: float) -> None:
        if self.choices.window is not None:
            lo, hi = self.choices.window
            shift = (hi - lo) * share
            self.follows = False
            self._choose(window=chart.kept_inside((lo + shift, hi + shift), self._whole()))

    def action_earlier(self) -> None:
        self._step_by(-1)

    def action_later(self) -> None:
        self._step_by(1)

    def action_first(self) -> None:
        if self._pictures:
            self._go_to(self._pictures[0][1].x.lo)

    def action_last(self) -> None:
        if self._pictures:
            self._go_to(self._pictures[0][1].x.hi)

    def _here(self) -> float:
        """Where the cursor stands on the axis, or the newest step."""
        curves = self.curves
        if self.view is not None and self.view.at is not None:
            return curves.convert(self.view.at, "steps", self.choices.x)
        return curves.extent(self.choices.x)

    def _step_by(self, columns: int) -> None:
        """The cursor a column further, a step at least; on from the newest step it is gone."""
        if self.view is None or not self._pictures:
            return
        picture, curves = self._pictures[0][1], self.curves
        now = self.view.at if self.view.at is not None else int(curves.extent("steps"))
        column = picture.column(curves.convert(now, "steps", self.choices.x))
        step = round(curves.convert(picture.place(column + columns), self.choices.x, "steps"))
        step = max(step, now + 1) if columns > 0 else min(step, now - 1)
        if step > curves.extent("steps"):
            self.view.choose_step(None)
        else:
            self._to_step(max(0, step))

    def _go_to(self, place: float) -> None:
        curves = self.curves
        reached = curves.extent(self.choices.x)
        if reached > 0:
            self._to_step(round(curves.convert(min(max(place, 0.0), reached), self.choices.x, "steps")))

    def _to_step(self, step: int) -> None:
        """The cursor at a step, and the window there too."""
        if self.view is None:
            return
        window = self.choices.window
        if window is not None:
            place, span = self.curves.convert(step, "steps", self.choices.x), window[1] - window[0]
            if not window[0] <= place <= window[1]:
                middle = (place - span / 2, place + span / 2)
                self.choices = replace(self.choices, window=chart.kept_inside(middle, self._whole()))
        self.view.choose_step(step)
        self._paint()

    # -- the mouse ---------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        place = self._under(event)
        if place is not None:
            event.stop()
            self._go_to(place)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, CLOSER)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1 / CLOSER)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        place = self._under(event)
        if place is not None:
            event.stop()
            self._zoom(factor, place)

    def _under(self, event: events.MouseEvent) -> float | None:
        """The place on the axis under the pointer; None beside the canvas."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        for left, picture in reversed(self._pictures):
            column = offset.x - left - picture.left
            if 0 <= column < picture.width:
                return picture.place(column)
        return None


def _place(known: Sequence[str], name: str) -> int:
    return known.index(name) if name in known else 0


def _side_by_side(parts: Sequence[Runs]) -> Runs:
    row: Runs = []
    for part in parts:
        row += [(" " * GAP, ""), *part] if row else part
    return row
