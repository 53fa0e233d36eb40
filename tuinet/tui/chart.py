"""What a run's curves look like: which series belong together, how far the axes go, what is marked, as rows of text.

Pure: from curves and a few choices to a picture. The pane (panes/loss.py) keeps the choices and hears the keys.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tuinet import figures
from tuinet.cells import cell_width, cut
from tuinet.diagnostics.metrics import rises
from tuinet.diagnostics.order_statistics import median, percentile
from tuinet.safe_text import safe
from tuinet.tui.batches import STEPS
from tuinet.tui.curves import SMOOTHING, Columns, Curves, Line
from tuinet.tui.curves import Axis as Scale
from tuinet.tui.pyramid import Floats
from tuinet.tui.tracks import Point
from tuinet.tui.widgets.plot import (
    ACROSS,
    LEFT,
    Axis,
    Canvas,
    Entry,
    Frame,
    Pattern,
    Runs,
    frame,
    nice_end,
    nice_limits,
    to_plain,
    together,
)

METRICS = ("loss", "accuracy", "rmse", "mae", "perplexity", "bits_per_char", "top5", "exact_match", "cer")
"""In this order, where they were measured; what else there is comes after them, and these last:"""
LAST = ("penalty", "learning_rate", "gradient_norm", "samples_per_s")
TITLES = {
    "rmse": "RMSE", "mae": "MAE", "cer": "character error rate", "top5": "top 5", "exact_match": "exact match",
    "bits_per_char": "bits per character", "learning_rate": "learning rate", "gradient_norm": "gradient norm",
    "samples_per_s": "samples per second",
}  # fmt: skip
UNITS: dict[Scale, str] = {"steps": "step", "epochs": "epoch", "seconds": "time"}
SPIKES = 98.0
"""Per cent of a band that a straight axis shows whole at the least: what stands out above is marked at its edge."""
AROUND = 5  # columns: what is higher than half of those around it stands out
PLANNED_FROM = 1.5  # the axis goes to the planned end where that is at most so many times as far as needed
NEAR_ZERO = 0.4  # an axis begins at 0 where the lowest value is below this share of the highest
LETTERS = "abcde"  # at the ends of runs laid over, for whom colours do not tell them apart
OTHERS = len(LETTERS)  # runs laid over that have a colour of their own
LONGEST_LABEL = 18
NOTES = ("data", "machine")
"""Codes of what is told of the data and the computer: the log has it, and nothing happened to the training."""

LEAST_SPAN = 1e-6


class Series(NamedTuple):
    """A curve as it is drawn: name in Curves, word in the legend, ink; band: lowest to highest lie behind it."""

    name: str
    word: str
    ink: str
    pattern: Pattern = "solid"
    band: bool = False
    smooth: bool = False
    blobs: bool = False
    mark: str = "*"


class Scene(NamedTuple):
    """The run, and what is laid over it. planned: the steps and epochs that it is to have, where known."""

    curves: Curves
    others: Sequence[tuple[str, Curves]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    planned: Mapping[Scale, float] = MappingProxyType({})
    ended: bool = False
    at: int | None = None
    """The step under the cursor; None: now."""

    monitor: str = "val_loss"
    """The metric by which an epoch is the run's best."""


@dataclass(frozen=True)
class Choices:
    """How it is shown. window: from where to where on the axis; None: the whole run."""

    metric: str = "loss"
    x: Scale = "epochs"
    smooth: float = SMOOTHING
    log_x: bool = False
    log_y: bool = False
    window: tuple[float, float] | None = None


class Picture(NamedTuple):
    """Rows of text with inks, and where the canvas lies in them: first row and column, width and height in cells."""

    rows: list[Runs]
    top: int
    left: int
    width: int
    height: int
    x: Axis

    def column(self, value: float) -> int:
        """The column of the canvas in which a place on the axis lies; it may lie outside."""
        share = float(self.x.share(np.array(value)))
        return -1 if math.isnan(share) else math.floor(min(max(share, -9.0), 9.0) * self.width)

    def place(self, column: float) -> float:
        """The place on the axis in the middle of a column of the canvas."""
        return self.x.value((column + 0.5) / max(1, self.width))


# -- what can be shown --------------------------------------------------------------------------------------------


def metrics(curves: Curves) -> list[str]:
    """What there is to look at, in the order in which it is gone through; `loss` always."""
    found = dict.fromkeys(_metric(name) for name in curves.names)
    usual = [name for name in METRICS if name in found or name == "loss"]
    rest = [name for name in found if name not in METRICS and name not in LAST]
    return [*usual, *rest, *(name for name in LAST if name in found)]


def title(metric: str) -> str:
    """A metric's name for people."""
    return TITLES.get(metric, safe(metric, 40).replace("_", " "))


def series(curves: Curves, metric: str) -> list[Series]:
    """The curves of a metric: of the batches, of the training part, of the validation part."""
    names = set(curves.names)
    found = []
    if metric in STEPS:
        banded, smooth = STEPS[metric] == 3, metric != "learning_rate"
        of_batches = Series(metric, "batches", "batch", band=banded, smooth=smooth, mark=".")
        found.append(
            of_batches if metric == "loss" else Series(metric, title(metric), "train", "solid", banded, smooth)
        )
    elif metric in names:
        found.append(Series(metric, title(metric), "train"))
    found.append(Series(f"train_{metric}", "train", "train"))
    found.append(Series(f"val_{metric}", "val", "val", "dashed", blobs=True, mark="o"))
    return [one for one in found if one.name in names]


def _metric(name: str) -> str:
    return name.removeprefix("train_").removeprefix("val_")


# -- how far the axes go ------------------------------------------------------------------------------------------


def whole(scene: Scene, x: Scale) -> tuple[float, float]:
    """From the first step to the planned end, or to a round number a little beyond where the run has come.

    The end moves seldom: then most of the picture stays as it is from one step to the next.
    """
    reached = max([scene.curves.extent(x), *(curves.extent(x) for _, curves in scene.others)])
    if scene.ended and reached > 0:
        return 0.0, reached
    planned = scene.planned.get(x, 0.0)
    end = nice_end(reached)
    return 0.0, max(planned, reached) if 0 < planned <= PLANNED_FROM * end else end


def x_axis(scene: Scene, choices: Choices) -> Axis:
    lo, hi = choices.window or whole(scene, choices.x)
    if choices.log_x:
        least = 1.0 if choices.x == "steps" else max(hi * 1e-4, LEAST_SPAN)
        lo = max(lo, min(least, hi / 10))
    return Axis(lo, max(hi, lo + LEAST_SPAN), choices.log_x)


def zoomed(
    window: tuple[float, float], about: float, factor: float, all_of_it: tuple[float, float]
) -> tuple[float, float] | None:
    """A window that shows `factor` times as much, with `about` in its place; None where that is the whole run."""
    lo, hi = window
    about = min(max(about, lo), hi)
    lo, hi = about - (about - lo) * factor, about + (hi - about) * factor
    if hi - lo >= all_of_it[1] - all_of_it[0]:
        return None
    if hi - lo < (all_of_it[1] - all_of_it[0]) * 1e-6:
        return window
    return kept_inside((lo, hi), all_of_it)


def kept_inside(window: tuple[float, float], all_of_it: tuple[float, float]) -> tuple[float, float]:
    """The window moved so that it shows no more than there is."""
    lo, hi = window
    shift = max(all_of_it[0] - lo, 0.0) or min(all_of_it[1] - hi, 0.0)
    return lo + shift, hi + shift


def following(window: tuple[float, float], reached: float) -> tuple[float, float]:
    """The window moved on by quarters until it shows what has been reached."""
    lo, hi = window
    quarter = (hi - lo) / 4
    if lo <= reached <= hi or quarter <= 0:
        return window
    shift = math.ceil((reached - hi) / quarter + 1e-9) * quarter
    return lo + shift, hi + shift


# -- the picture --------------------------------------------------------------------------------------------------


class _Drawn(NamedTuple):
    series: Series
    line: Line
    columns: Columns | None


def picture(scene: Scene, choices: Choices, width: int, height: int, *, braille: bool = True) -> Picture:
    """The chart at this size. Too small for axes, it is a bare curve; of no size, it has no rows."""
    x = x_axis(scene, choices)
    if width <= 0 or height <= 0:
        return Picture([], 0, 0, 0, 0, x)
    left, seconds = LEFT, choices.x == "seconds"
    while True:
        drawn = [_reduced(curves, one, choices, x, width - left) for curves, one in _series(scene, choices)]
        y = _limits(drawn, choices, max(3, height // 3))
        entries = tuple(Entry(_mark(one.series, braille), one.series.word, one.series.ink) for one in drawn)
        still = frame(width, height, x, y, entries if height >= 8 else (), left=left, seconds=seconds)
        if still.left == left:
            break
        left = still.left  # longer labels than most, or no axes at all: once more for that width
    canvas = Canvas(still.width, still.height, y, braille=braille)
    for column in sorted({column for one in drawn if one.columns for column in canvas.above(one.columns.highest)}):
        canvas.text(0, column, "▴", "spike")
    axis_marks = _marks(canvas, scene, choices, x)
    _curves(canvas, drawn)
    if not drawn:
        words = "nothing measured yet"
        canvas.text(canvas.height // 2, max(0, (canvas.width - len(words)) // 2), words, "faint")
    if still.legend:
        _legend(canvas, still, entries)
    rows = list(framed(still, canvas, axis_marks))
    return Picture(rows if braille else [to_plain(row) for row in rows], 0, still.left, still.width, still.height, x)


def _series(scene: Scene, choices: Choices) -> Iterator[tuple[Curves, Series]]:
    """The run's own last, so that they lie over the others."""
    colours = colours_of([name for name, _ in scene.others])
    for name, curves in scene.others:
        own = series(curves, choices.metric)
        if own:
            shown, colour = own[-1], colours[name]
            letter = LETTERS[colour]
            word = f"{letter} {cut(safe(name), LONGEST_LABEL)}"
            yield curves, Series(shown.name, word, f"other-{colour}", "dotted", smooth=shown.smooth, mark=letter)
    for one in series(scene.curves, choices.metric):
        yield scene.curves, one


def colours_of(names: Sequence[str]) -> dict[str, int]:
    """A number below OTHERS for each run, by its name: it keeps its colour when others come and go, but for clashes."""
    taken: dict[str, int] = {}
    for name in sorted(names):
        first = zlib.crc32(name.encode()) % OTHERS
        free = [(first + more) % OTHERS for more in range(OTHERS) if (first + more) % OTHERS not in taken.values()]
        taken[name] = free[0] if free else first
    return taken


def _reduced(curves: Curves, one: Series, choices: Choices, x: Axis, cells: int) -> _Drawn:
    width = max(1, cells) * ACROSS
    smooth = choices.smooth if one.smooth else 0.0
    line = curves.line(one.name, choices.x, x.lo, x.hi, width, smooth=smooth, log=x.log)
    columns = curves.columns(one.name, choices.x, x.lo, x.hi, width, log=x.log) if one.band else None
    return _Drawn(one, line, None if columns is None else _without_gaps(columns))


def _without_gaps(columns: Columns) -> Columns:
    """Between points that stand further apart than the columns, a band goes straight from one to the next."""
    known = np.flatnonzero(np.isfinite(columns.lowest) & np.isfinite(columns.highest))
    if len(known) < 2:
        return columns
    empty = np.flatnonzero(np.isnan(columns.highest[known[0] : known[-1]])) + known[0]
    for values in (columns.lowest, columns.highest):
        values[empty] = np.interp(empty, known, values[known])
    return columns


def _limits(drawn: Sequence[_Drawn], choices: Choices, most: int) -> Axis:
    """Round limits that hold every line whole, and of a band all but its highest spikes."""
    low, high = [], []
    for one in drawn:
        values = one.line.values[np.isfinite(one.line.values) & (one.line.values > 0 if choices.log_y else True)]
        if len(values):
            noisy = one.series.smooth and not choices.log_y
            high.append(max(percentile(values, SPIKES), float(values[0])) if noisy else float(values.max()))
            low.append(float(values.min()))
        if one.columns is not None:
            _band_limits(one.columns, choices.log_y, low, high)
    if not high:
        return nice_limits(0.0, 1.0, log=False)
    lo, hi = min(low), max(high)
    if not choices.log_y and 0 <= lo < NEAR_ZERO * hi:
        lo = 0.0
    return nice_limits(lo, hi, log=choices.log_y, ticks=most)


def _band_limits(columns: Columns, log: bool, low: list[float], high: list[float]) -> None:
    tops = columns.highest[np.isfinite(columns.highest) & (columns.highest > 0 if log else True)]
    bottoms = columns.lowest[np.isfinite(columns.lowest) & (columns.lowest > 0 if log else True)]
    if len(tops):
        high.append(float(tops.max() if log else max(percentile(tops, SPIKES), _without_spikes(tops).max())))
    if len(bottoms):
        low.append(float(bottoms.min() if log else percentile(bottoms, 100 - SPIKES)))


def _without_spikes(values: Floats) -> Floats:
    """Each value, or the middle one of those around it where that is lower."""
    if len(values) < AROUND:
        return values
    ends = np.pad(values, AROUND // 2, mode="edge")
    return np.minimum(values, median(np.lib.stride_tricks.sliding_window_view(ends, AROUND)))


def _curves(canvas: Canvas, drawn: Sequence[_Drawn]) -> None:
    for one in drawn:
        if one.columns is not None:
            canvas.band(one.columns.lowest, one.columns.highest, "band")
    for one in drawn:
        shown = one.series
        canvas.line(one.line.at, one.line.values, shown.ink, pattern=shown.pattern, mark=shown.mark)
        few = len(one.line.at) <= canvas.width // 3
        if len(one.line.at) == 1 or (few and shown.blobs):
            canvas.points(one.line.at, one.line.values, shown.ink, mark=shown.mark)
        if shown.ink.startswith("other"):
            canvas.name(one.line.at, one.line.values, shown.mark, shown.ink)


def _mark(one: Series, braille: bool) -> str:
    return one.mark if not braille else {"solid": "━", "dotted": "┅", "dashed": "╌"}[one.pattern]


def _legend(canvas: Canvas, still: Frame, entries: Sequence[Entry]) -> None:
    """In the corner where it hides the least: no words of a mark where that can be, and little of the curves."""
    rows, wide = len(still.legend), len(still.legend[0])
    corners = [
        (top, left)
        for top in (1, canvas.height - rows)
        for left in (canvas.width - wide, 0)
        if top >= 0 and top + rows <= canvas.height and left >= 0
    ]
    if rows * 2 > canvas.height or wide * 2 > canvas.width or not corners:
        return

    def hidden(corner: tuple[int, int]) -> tuple[int, int]:
        cells = [(corner[0] + row, corner[1], wide) for row in range(rows)]
        return sum(canvas.written(*each) for each in cells), sum(canvas.inked(*each) for each in cells)

    top, left = min(corners, key=hidden)
    for row, (text, entry) in enumerate(zip(still.legend, entries, strict=True)):
        canvas.text(top + row, left, text[:3], entry.ink)
        canvas.text(top + row, left + 3, text[3:], "text")


def framed(still: Frame, canvas: Canvas, axis_marks: Mapping[int, tuple[str, str]]) -> Iterator[Runs]:
    """The canvas in its frame, row by row. axis_marks: characters with their inks on the axis below, by column."""
    for index, runs in enumerate(canvas.rows()):
        edge = still.rows[index][: still.left]
        yield [(edge[:-1], "axis"), (edge[-1:], "frame"), *runs] if edge else runs
    for below, row in enumerate(still.rows[canvas.height :]):
        if below:
            yield [(row, "axis")]
        else:
            cells = [(character, "frame") for character in row]
            for column, marked in axis_marks.items():
                cells[still.left + column] = marked
            yield together(cells)


# -- marks --------------------------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    step: int
    glyph: str
    label: str
    ink: str


def best(scene: Scene) -> Point | None:
    """The best epoch by what is monitored: as it was measured, for checkpoints are written later, and not of each."""
    known = scene.monitor if scene.monitor in scene.curves.names else "train_loss"
    return scene.curves.best(known, largest=rises(known))


def change_label(event: Mapping[str, Any]) -> str:
    """A live change in a few characters: lr ×0.1, dropout.rate 0.2→0.5."""
    key = safe(str(event.get("key", "")), 200).rpartition("optimizer.")[2]
    key = {"learning_rate": "lr"}.get(key, key.removeprefix("training.").removeprefix("layers."))
    old, new = event.get("old"), event.get("new")
    if key == "lr" and isinstance(old, int | float) and isinstance(new, int | float) and old:
        return f"lr ×{new / old:.3g}"
    return cut(f"{key} {figures.setting(old)}→{figures.setting(new)}", LONGEST_LABEL)


def _all_marks(scene: Scene, metric: str) -> list[_Mark]:
    marks = []
    found = best(scene)
    if found is not None and len(scene.curves.points(scene.monitor)[0]) > 1:
        of = _metric(scene.monitor)
        label = "best" if metric == of else cut(f"best {title(of)}", LONGEST_LABEL)  # it may be another epoch's
        marks.append(_Mark(found.step, "▾", label, "best"))
    for event in scene.events:
        kind = event.get("k")
        if kind == "changed":
            marks.append(_Mark(event["s"], "▾", change_label(event), "event"))
        elif kind == "alert" and event.get("code") not in NOTES:
            marks.append(_Mark(event["s"], "▲", cut(safe(str(event.get("code", "alert"))), LONGEST_LABEL), "bad"))
    return marks


def _marks(canvas: Canvas, scene: Scene, choices: Choices, x: Axis) -> dict[int, tuple[str, str]]:
    """Vertical lines for the cursor, the best epoch and what happened; gives the marks on the axis below."""
    on_axis: dict[int, tuple[str, str]] = {}

    def column(step: float) -> int:
        share = float(x.share(np.array(scene.curves.convert(step, "steps", choices.x))))
        if math.isnan(share) or not 0 <= share <= 1:
            return -1
        return min(canvas.width - 1, int(share * canvas.width))

    for event in scene.events:
        if event.get("k") == "checkpoint" and (place := column(event["s"])) >= 0:
            on_axis[place] = ("▴", "axis")
    for mark in _all_marks(scene, choices.metric):
        place = column(mark.step)
        if place >= 0:
            canvas.vertical(place, mark.ink)
            _label(canvas, place, mark)
    if scene.at is not None and (place := column(scene.at)) >= 0:
        canvas.vertical(place, "cursor", "│")
        on_axis[place] = ("▲", "cursor")
    return on_axis


def _label(canvas: Canvas, column: int, mark: _Mark) -> None:
    """In one of the upper rows, right of its line or left of it; without its words where they would hide others."""
    for row in range(min(3, max(1, canvas.height // 4))):
        for text, left in ((mark.glyph + mark.label, column), (mark.label + mark.glyph, column - len(mark.label))):
            if canvas.free(row, left - 1 if left else 0, len(text) + 1) or canvas.free(row, left, len(text)):
                canvas.text(row, left, text, mark.ink)
                return
    if canvas.free(0, column, 1):
        canvas.text(0, column, mark.glyph, mark.ink)


# -- words --------------------------------------------------------------------------------------------------------


def read_out(scene: Scene, choices: Choices, width: int, *, where: bool = True) -> Runs:
    """A row of text: the values under the cursor, or the newest ones; what matters least gives way first.

    where: also the step of the cursor, its epoch and time.
    """
    at, own = scene.at, series(scene.curves, choices.metric)
    parts: list[tuple[int, Runs]] = []
    if at is not None and where:
        parts.append((1, [(f"step {at:,}", "cursor")]))
    for one in own:
        parts.append((2 if one.ink == "batch" else 0, _value(one, scene.curves, math.inf if at is None else at)))
    if at is None:
        if best_of := _best_value(scene, choices.metric):
            parts.append((3, [("best ", "axis"), (best_of, "best")]))
        if any(one.smooth for one in own):
            parts.append((4, [(f"smooth {choices.smooth:g}".replace("0.", "."), "axis")]))
    elif where:
        epoch, seconds = (scene.curves.convert(at, "steps", axis) for axis in ("epochs", "seconds"))
        parts += [(3, [(f"epoch {epoch:.2f}", "axis")]), (4, [(figures.duration(seconds), "axis")])]
    return _fitting(parts, width)


def _value(one: Series, curves: Curves, at: float) -> Runs:
    point: Point | None = curves.at(one.name, "steps", at)
    said = figures.metric(one.name, None if point is None else point.mean)
    wide = 6 if "%" in said else 7
    text: Runs = [(f"{one.word} ", "axis"), (f"{said:>{wide}}", one.ink)]
    if at != math.inf and one.band and point is not None and point.lowest < point.highest:
        spread = f" {figures.metric(one.name, point.lowest)}–{figures.metric(one.name, point.highest)}"
        text.append((spread, "axis"))
    return text


def _best_value(scene: Scene, metric: str) -> str | None:
    """The best value of a metric and its epoch; of what has no better and worse, None."""
    name = next((f"{part}_{metric}" for part in ("val", "train") if f"{part}_{metric}" in scene.curves.names), None)
    if name is None:
        return None
    point = scene.curves.best(name, largest=rises(name))
    return None if point is None else f"{figures.metric(name, point.mean)} at epoch {point.epoch:g}"


def _fitting(parts: Sequence[tuple[int, Runs]], width: int) -> Runs:
    """The parts in their order, those of higher numbers left out where there is no room; filled to the width."""
    left = width
    kept: set[int] = set()
    for place in sorted(range(len(parts)), key=lambda place: parts[place][0]):
        size = sum(cell_width(text) for text, _ in parts[place][1]) + (2 if kept else 0)
        if size > left:
            break
        left -= size
        kept.add(place)
    row: Runs = []
    for place in sorted(kept):
        row += [("  ", ""), *parts[place][1]] if row else parts[place][1]
    return [*row, (" " * left, "")]


def summary(curves: Curves) -> str:
    """The newest losses in a few characters: loss 0.214/0.362."""
    values = [curves.last(name) for name in ("train_loss", "val_loss")]
    said = [figures.number(point.mean) for point in values if point is not None]
    if said:
        return f"loss {'/'.join(said)}"
    batch = curves.last("loss")
    return f"loss {figures.number(batch.mean)}" if batch is not None else ""
