"""What is told of overfitting, as lines of text: the verdict, losses and gap, confusion, worst examples, weights.

A line is a list of pieces, (text, kind); a kind is a word (dim, bold, good, warn, bad, accent) or a style of its own.
Everything here is a pure function of what a view knows; texts from outside come in safe already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.style import Style

from tuinet.cells import cell_width, cut, pad, wrap
from tuinet.diagnostics.metrics import rises
from tuinet.figures import number
from tuinet.safe_text import safe
from tuinet.tui.colours import Colour, Palette, Ramp, readable
from tuinet.tui.curves import Curves
from tuinet.tui.telling import bar, sparkline
from tuinet.tui.widgets.heatmap import colour_of, halves, heat_strips
from tuinet.tui.widgets.plot import Axis, Canvas, Frame, frame, nice_end, nice_limits

Piece = tuple[str, str | Style]
Line = list[Piece]
Row = Mapping[str, Any]
Floats = NDArray[np.floating[Any]]

MARKS = {
    "good": ("●", "good"),
    "overfitting": ("▲", "warn"),
    "underfitting": ("▼", "warn"),
    "noisy": ("≈", "warn"),
    "diverged": ("✖", "bad"),
    "too early": ("…", "dim"),
}
STATES = {"ok": ("●", "good"), "warn": ("▲", "warn"), "bad": ("✖", "bad")}
STEADY = 0.02  # of the validation loss: a gap that moved less than this over three epochs stands still
CAPTION = 12  # columns of what stands below a picture
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def length(line: Line) -> int:
    return sum(cell_width(text) for text, _ in line)


def lines_of(texts: Iterable[str], kind: str, indent: str = "") -> list[Line]:
    return [[(f"{indent}{text}", kind)] for text in texts]


def paragraph(text: str, width: int, kind: str, indent: str = "") -> list[Line]:
    """A sentence in lines; none where there is no sentence."""
    return lines_of(wrap(safe(text, 400), max(8, width - len(indent))), kind, indent) if text else []


def cropped(line: Line, width: int) -> Line:
    """The line in at most so many cells."""
    kept: Line = []
    for text, kind in line:
        room = width - length(kept)
        if cell_width(text) > room:
            return [*kept, (cut(text, room), kind)]
        kept.append((text, kind))
    return kept


def beside(left: Sequence[Line], width: int, right: Sequence[Line], gap: int = 2) -> list[Line]:
    """Two columns, the left one `width` cells wide."""
    lines = []
    for place in range(max(len(left), len(right))):
        one = cropped(left[place], width) if place < len(left) else []
        other = right[place] if place < len(right) else []
        lines.append([*one, (" " * max(0, width + gap - length(one)), ""), *other] if other else one)
    return lines


def title(words: str, *notes: str, width: int = 10_000) -> Line:
    """A heading, and behind it the first of the notes for which there is room."""
    note = next((note for note in notes if cell_width(f"{words}  {note}") <= width), "")
    return [(words, "heading"), (f"  {note}" if note else "", "dim")]


# -- the verdict -------------------------------------------------------------------------------------------------------


def verdict(found: Row, width: int, room: int) -> list[Line]:
    """The word with since when, and its sentences in as many more lines as there is room for: the last one, which says
    what to do, is kept whole where that can be.
    """
    word = str(found.get("word") or "")
    if word not in MARKS:
        return [[("… nothing is measured yet", "dim")]]
    mark, kind = MARKS[word]
    since = (found.get("numbers") or {}).get("best_epoch")
    tail = f" since epoch {since:.0f}" if word == "overfitting" and isinstance(since, (int, float)) else ""
    lines: list[Line] = [[(f"{mark} {word}{tail}", f"{kind}-bold")]]
    sentence = safe(str(found.get("sentence") or ""), 400)
    told = wrap(sentence, width)
    if len(told) > room - 1:
        before, _, remedy = sentence.rpartition(". ")
        last = wrap(remedy, width)
        if not before or len(last) + 2 > room - 1:
            before, last = sentence.removesuffix("."), []
        told = [*_first(wrap(f"{before}.", width), room - 1 - len(last), width), *last]
    return [*lines, *lines_of(told, "dim")]


def _first(lines: list[str], room: int, width: int) -> list[str]:
    """As many of the lines as there is room for; the last one is cut off."""
    if room < 1 or len(lines) <= room:
        return lines[: max(0, room)]
    return [*lines[: room - 1], cut(" ".join(lines[room - 1 :]), width)]


def losses(rows: Sequence[Row], width: int) -> Line:
    """train, val and gap of the last of these epochs, and whether the gap grows."""
    last = rows[-1] if rows else {}
    train, val = _real(last, "train_loss"), _real(last, "val_loss")
    line: Line = [("train ", "dim"), (figure(train), "train")]
    if val is None:
        return [*line, ("  no validation part", "dim")] if rows else [("no epoch is measured yet", "dim")]
    gap = None if train is None else val - train
    word, mark = growth(rows)
    kind = {"▲": "warn", "▼": "good"}.get(mark, "dim")
    sign = "" if gap is None or gap < 0 else "+"
    shown = f"{sign}{figure(gap).strip()}".rjust(7)
    apart = "  " if width >= 40 else " "
    line += [(f"{apart}val ", "dim"), (figure(val), "val"), (f"{apart}gap ", "dim"), (shown, "bold")]
    told = next((text for text in (f" {mark} {word}", f" {mark}") if length(line) + len(text) <= width), "")
    return [*line, (told if word else "", kind)]


def growth(rows: Sequence[Row]) -> tuple[str, str]:
    """A word and a mark for what the gap did over the last three epochs."""
    losses = [(_real(row, "train_loss"), _real(row, "val_loss")) for row in rows[-4:]]
    known = [val - train for train, val in losses if train is not None and val is not None]
    if len(known) < 4 or not all(map(math.isfinite, known)):
        return "", ""
    moved, scale = known[-1] - known[0], abs(_real(rows[-1], "val_loss") or 0.0)
    if abs(moved) <= STEADY * max(scale, 1e-12):
        return "steady", "─"
    return ("grows", "▲") if moved > 0 else ("shrinks", "▼")


def gaps(curves: Curves) -> tuple[Floats, Floats]:
    """Epochs, and val_loss - train_loss at their ends, both measured without dropout and augmentation."""
    epochs, val = curves.points("val_loss", "epochs")
    _, train = curves.points("train_loss", "epochs")
    if len(val.mean) != len(train.mean):  # one of them was not measured
        return np.empty(0), np.empty(0)
    found = val.mean - train.mean
    known = np.isfinite(found)
    return epochs[known], found[known]


def gap_curve(
    epochs: Floats, found: Floats, planned: int | None, at: float | None, width: int, room: int
) -> list[Line]:
    """The gap over the epochs, with the line at 0 where there is none; planned: epochs. at: the epoch looked at."""
    if not len(found) or width < 16 or room < 3:
        return []
    far = nice_end(max(10.0, float(epochs[-1])))  # of a long run no more than what is near
    x = Axis(0.0, min(far, float(planned)) if planned and planned >= epochs[-1] else far)
    y = nice_limits(min(0.0, float(found.min())), max(0.0, float(found.max())), ticks=max(2, room // 3))
    around = frame(width, room, x, y)
    canvas = Canvas(around.width, around.height, y)
    place = np.asarray(x.share(epochs)) * (canvas.columns - 1)
    canvas.line(np.array([0.0, canvas.columns]), np.zeros(2), "dim", pattern="dashed", mark="-")
    if at is not None:
        canvas.vertical(int(float(x.share(np.array(at))) * (canvas.width - 1)), "accent")
    if len(found) == 1:
        canvas.points(place, found, "warn")
    canvas.line(place, found, "warn")
    return _framed(around, canvas)


def _framed(around: Frame, canvas: Canvas) -> list[Line]:
    lines: list[Line] = []
    drawn_rows = list(canvas.rows())
    for place, row in enumerate(around.rows):
        if place >= around.height:
            lines.append([(row, "dim")])
            continue
        drawn: Line = [(text, ink) for text, ink in drawn_rows[place]]
        lines.append([(row[: around.left], "dim"), *drawn])
    return lines


def best(curves: Curves, monitor: str, kept: frozenset[int], width: int) -> Line:
    """The best epoch by what is monitored, its value, and whether its weights are among the checkpoints."""
    found = curves.best(monitor, largest=rises(monitor))
    if found is None:
        return [("no best epoch yet", "dim")]
    saved = found.step in kept
    forms: list[Line] = [
        [(words, "dim"), (f"{found.epoch:.0f}", "bold"), (f"  {monitor} ", "dim"), (number(found.mean), "val"),
         ("  ✓ kept" if saved else f"  … {later}", "good" if saved else "dim")]
        for words, later in (("best epoch ", "not saved yet"), ("best ", "not saved"))
    ]  # fmt: skip
    return next((line for line in forms if length(line) <= width), forms[-1])


def penalty(row: Row, found: Row, width: int) -> Line:
    """Data loss and penalty apart. found: the norms look, whose penalty is newer than the epoch's."""
    loss = _real(row, "train_loss")
    added = _real(found, "penalty") if _real(found, "penalty") is not None else _real(row, "penalty")
    if loss is None or added is None:
        return [("data loss and penalty: after the first epoch", "dim")]
    line: Line = [("data loss ", "dim"), (number(loss), "train"), (" + penalty ", "dim"), (number(added), "bold")]
    share = added / (loss + added) if loss + added > 0 else 0.0
    tail = f"  {share:.0%} of both" if added else ""
    return [*line, (tail if length(line) + len(tail) <= width else "", "dim")]


def _real(row: Row, name: str) -> float | None:
    """A measured value; files write "nan" and "inf" as words."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def figure(value: float | None) -> str:
    """A loss in six characters, so that nothing moves when it gets shorter: "0.2140", "12.345", "2.2e-4"."""
    if value is None or not math.isfinite(value):
        return number(value).rjust(6)
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").rjust(6)
    whole = len(str(int(abs(value))))
    return f"{value:.{max(0, 5 - whole)}f}"[: 7 if value < 0 else 6].rstrip(".").rjust(6)


# -- weights -----------------------------------------------------------------------------------------------------------


def weights(norms: Row, health: Row, width: int, room: int) -> list[Line]:
    """A line a layer: its health, norm, how many times its start that is, and how far an update moves it (log10).

    Then what is wrong, in words. Layers without weights are told of where something is wrong with them.
    """
    of_health = {str(path): layer for path, layer in (health.get("layers") or {}).items() if isinstance(layer, Mapping)}
    of_norms = {str(layer["path"]): layer for layer in norms.get("layers") or [] if isinstance(layer, Mapping)}
    paths = [*of_norms, *(path for path, layer in of_health.items() if path not in of_norms and layer["state"] != "ok")]
    told = _reasons(of_health, width)
    shown = paths[: max(1, room - min(len(told), max(2, room // 2)))]
    largest = max((float(layer.get("norm") or 0.0) for layer in of_norms.values()), default=0.0)
    names = min(18, max((cell_width(path) for path in shown), default=0))
    lines = [_layer(path, of_norms.get(path, {}), of_health.get(path, {}), largest, names, width) for path in shown]
    if len(shown) < len(paths):
        lines[-1] = [(f"  and {len(paths) - len(shown) + 1} more layers", "dim")]
    return [*lines, *told[: room - len(lines)]]


def _layer(path: str, norms: Row, health: Row, largest: float, names: int, width: int) -> Line:
    norm, start, ratio = norms.get("norm"), norms.get("start"), health.get("update_ratio")
    mark, kind = STATES.get(str(health.get("state")), ("·", "dim"))
    line: Line = [
        (f"{mark} ", kind), (pad(safe(path), names), ""), (pad(number(norm), 9, right=True), "bold"),
        (pad(f"×{norm / start:.2f}" if norm is not None and start else "", 8, right=True), "dim"),
        (pad("" if ratio is None else f"  update 10^{ratio:.1f}", 16), "dim"),
    ]  # fmt: skip
    free = width - length(line) - 1
    drawn = bar(norm / largest, free) if norm is not None and largest > 0 and free > 3 else ""
    return [*line, (f" {drawn}", "accent")] if length(line) <= width else line[:3]


def _reasons(health: Mapping[str, Row], width: int) -> list[Line]:
    """What is wrong with layers, the worst first: of several with the same illness the first speaks for all.

    A layer that holds others says nothing that they say.
    """
    found: dict[str, list[tuple[str, str, Row]]] = {}
    for path, layer in sorted(health.items(), key=lambda item: item[1].get("state") != "bad"):
        if not any(other.startswith(f"{path}.") for other in health):
            for mark, reason in zip(layer.get("marks") or [], layer.get("reasons") or [], strict=False):
                found.setdefault(str(mark), []).append((path, str(reason), layer))
    lines: list[Line] = []
    for those in found.values():
        path, reason, layer = those[0]
        mark, kind = STATES.get(str(layer.get("state")), ("", ""))
        others = f" and {len(those) - 1} more" if len(those) > 1 else ""
        first, *rest = wrap(safe(f"{path}{others}: {reason}", 300), max(10, width - 2))
        lines += [[(f"{mark} ", kind), (first, "")], *lines_of(rest, "", "  ")]
    return lines


# -- confusion ---------------------------------------------------------------------------------------------------------


def matrix_of(fields: Row, body: bytes) -> NDArray[np.int64]:
    """The body of a confusion look as a matrix."""
    size = len(fields["names"])
    return np.frombuffer(body, "<i4", count=size * size).reshape(size, size).astype(np.int64)


def matrix(fields: Row, counts: NDArray[np.int64], palette: Palette, width: int, room: int) -> list[Line]:
    """Rows are what examples are, columns what they were taken for. What is right is blue, what is wrong orange.

    A row's shade is its share; the errors are shaded against the largest one. Counts stand in it where there is room.
    """
    size = min(len(counts), room - 1, width // 1)
    if size < 1:
        return []
    counts = counts[:size, :size]
    names = [safe(str(name)) for name in fields["names"][:size]]
    longest = min(14, max(cell_width(name) for name in names))
    label = max(3, min(longest, width - size * 2 - 4)) + 3
    wide = max(1, min(5, (width - label) // size))
    digits = len(str(counts.max())) if counts.size else 1
    if wide <= digits:
        wide = min(wide, 2 if wide > 1 else 1)
    size = min(size, (width - label) // wide)
    counts = counts[:size, :size]
    levels = shades(counts, len(palette.diverging))
    head: Line = [(" " * label, ""), *((pad(_index(k), wide, right=True), "dim") for k in range(size))]
    lines = [head]
    for row in range(size):
        line: Line = [(_index(row) + " ", "dim"), (pad(names[row], label - 3) + " ", "")]
        for column in range(size):
            line.append(_cell(int(counts[row, column]), int(levels[row, column]), wide, digits, palette))
        lines.append(line)
    return lines


def shades(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Levels of a diverging ramp of so many: right ones above the middle, wrong ones below, none at all on it."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    largest = share[~right].max(initial=0.0)
    signed = np.where(right, share, -share / largest if largest > 0 else 0.0)
    middle = size // 2
    # The root lifts small shares, so that one mistake can still be seen beside hundreds.
    levels: NDArray[np.int64] = middle + np.rint(np.sign(signed) * np.sqrt(np.abs(signed)) * middle).astype(np.int64)
    return levels


def _index(place: int) -> str:
    return DIGITS[place] if place < len(DIGITS) else "·"


def _cell(count: int, level: int, wide: int, digits: int, palette: Palette) -> Piece:
    ramp, text = palette.diverging, str(count) if wide > digits and count else ""
    if ramp.glyphs:
        glyph = ramp.glyphs[level]
        style = _style(ramp.colours[level], None) if ramp.colours else Style()
        return (pad(text, wide, right=True) if text else pad(glyph * min(wide, 2), wide, right=True)), style
    colour = ramp.colours[level]
    if level == len(ramp) // 2:
        return " " * (wide - 1) + "·", "dim"
    return pad(text, wide, right=True), _style(readable(colour), colour)


def pairs(fields: Row, width: int, room: int) -> list[Line]:
    """Which class is taken for which, the most frequent first, with how often."""
    names = [safe(str(name)) for name in fields["names"]]
    found = [pair for pair in fields.get("pairs") or [] if max(pair[0], pair[1]) < len(names)][:room]
    if not found:
        return [[("nothing is confused", "good")]]
    digits = len(str(found[0][2]))
    wide = max(3, min(14, (width - digits - 5) // 2))
    return [
        [(pad(names[a], wide, right=True), ""), (" → ", "dim"), (pad(names[b], wide), "warn"),
         (f" {often:>{digits}}", "bold")]
        for a, b, often in found
    ]  # fmt: skip


def judged(fields: Row) -> tuple[str, ...]:
    """Of how many examples, and how many of them are right; then the same in fewer words."""
    examples, right = int(fields.get("examples") or 0), int(fields.get("right") or 0)
    share, part = f"{right / examples:.1%} right" if examples else "", fields.get("part", "")
    long = f"{examples:,} {part} examples, {share}".removesuffix(", ")
    return long, f"{examples:,} {part}, {share}".removesuffix(", "), share


# -- the worst examples ------------------------------------------------------------------------------------------------


def worst(fields: Row, body: bytes, palette: Palette, width: int, room: int) -> list[Line]:
    """The examples drawn, or told, with what they are and what was said."""
    rows = [row for row in fields.get("examples") or [] if isinstance(row, Mapping)]
    if not rows:
        return [[("no example is judged yet", "dim")]]
    if fields.get("kind") == "picture":
        return _pictures(fields, rows, body, palette, width, room)
    lines: list[Line] = []
    for row in rows:
        told = str(row.get("words") or "")
        if isinstance(row.get("points"), list):
            told = sparkline(row["points"], max(4, width - 4))
        if len(lines) + 1 + bool(told) > room:
            break
        loss = f"{number(row.get('loss'))} ".ljust(8)
        lines.append([(loss, "bold"), *_outcome(row, width - len(loss))])
        if told:
            lines.append([("  ", ""), (cut(told, width - 2), "dim")])
    return lines


def _outcome(row: Row, width: int) -> Line:
    """What it is → what was said, and with what probability."""
    probability = row.get("probability")
    tail = f" {probability:.2f}".replace("0.", ".", 1) if isinstance(probability, float) else ""
    each = max(3, (width - 3 - len(tail)) // 2)
    return [(cut(str(row.get("label")), each), ""), (" → ", "dim"), (cut(str(row.get("said")), each), "warn"),
            (tail, "dim")]  # fmt: skip


def picture_room(width: int, room: int) -> tuple[int, int, int]:
    """How many pictures of how many rows and columns are worth asking for: (count, height, width).

    Those of fewer pixels, where then more of them can be seen; below 10 nobody would know what they are.
    """

    def fitting(side: int) -> int:
        return (width + 2) // (max(side, CAPTION) + 2) * (room // (side // 2 + 2))

    large = max((14, 12, 10), key=lambda side: (min(fitting(side), 8), side))
    side = large if fitting(large) else max(4, 2 * (room - 2))
    return max(1, min(32, fitting(side))), side, side


def _pictures(fields: Row, rows: Sequence[Row], body: bytes, palette: Palette, width: int, room: int) -> list[Line]:
    tall, wide = int(fields["height"]), int(fields["width"])
    count = min(len(rows), len(body) // (tall * wide))
    drawn = np.frombuffer(body, np.uint8, count=count * tall * wide).reshape(count, tall, wide)
    each = max(wide, CAPTION)
    across = max(1, (width + 2) // (each + 2))
    lines: list[Line] = []
    for first in range(0, count, across):
        some = range(first, min(first + across, count))
        block = [_picture(drawn[k], palette) + _caption(rows[k], each) for k in some]
        if lines and len(lines) + len(block[0]) > room:
            break
        joined = block[0]
        at = each
        for other in block[1:]:
            joined = beside(joined, at, other)
            at += each + 2
        lines += joined
    return lines[:room]


def _caption(row: Row, width: int) -> list[Line]:
    probability = row.get("probability")
    said = f"{probability:.2f}".replace("0.", ".", 1) if isinstance(probability, float) else ""
    return [
        [(cut(str(row.get("label")), width), "")],
        [("→ ", "dim"), (cut(str(row.get("said")), width - 3 - len(said)), "warn"), (f" {said}", "dim")],
    ]


def _picture(levels: NDArray[np.uint8], palette: Palette) -> list[Line]:
    """Two rows of pixels to a line of half blocks; where colours are few, a shade to every second row."""
    ramp = palette.grey
    places = np.rint(levels * ((len(ramp) - 1) / 255)).astype(np.int16)
    if not halves(palette, ramp):
        places = places[::2]
    return [[(text, style or "") for text, style, _ in strip] for strip in heat_strips(places, ramp, palette)]


# -- colours -----------------------------------------------------------------------------------------------------------


@lru_cache(4096)
def _style(colour: Colour | None, ground: Colour | None) -> Style:
    return Style(color=colour_of(colour), bgcolor=colour_of(ground))


def legend(ramp: Ramp) -> Line:
    """What the two arms of the matrix's colours mean."""
    if not ramp.colours or ramp.glyphs:
        return [("right on the diagonal", "dim")]
    return [
        ("██", _style(ramp.colours[-1 - len(ramp) // 6], None)), (" right  ", "dim"),
        ("██", _style(ramp.colours[len(ramp) // 6], None)), (" taken for another", "dim"),
    ]  # fmt: skip
