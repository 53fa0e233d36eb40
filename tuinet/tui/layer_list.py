"""The layers of a draft as lines of a list: names, shapes, parameters, shares, and how well each learns.

    layer_lines(draft, rows, chosen, width, facts, health)  →  lines for widgets.rows.Rows, a title first

Pure functions; what is chosen, drawn and edited is panes/architecture.py's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuinet import figures
from tuinet.columns import Column
from tuinet.safe_text import safe
from tuinet.tui.draft import Draft, Place, Row
from tuinet.tui.widgets.rows import Piece, laid_out
from tuinet.tui.widgets.rows import Row as Line

if TYPE_CHECKING:
    from tuinet.data import Facts
    from tuinet.tui.view import Looked

MARKS = {"ok": ("●", "good"), "warn": ("▲", "warn"), "bad": ("✖", "bad")}
WORST = ("bad", "warn", "ok")
PLACE_OF_TRAINING = "training"
"""The key of the line below the layers."""

COLUMNS = (
    Column("  layer", need=9, least=11, cut_after=5),
    Column("in", right=True, need=1),
    Column("out", right=True, need=8),
    Column("params", right=True, need=7),
    Column("share", right=True, need=3),
    Column("mult-adds", right=True, need=2),
    Column("♥", need=9),
)


class Healths:
    """What the look `health` says of the layers, where it was answered."""

    def __init__(self, found: Looked | None) -> None:
        layers = found.fields.get("layers", found.fields) if found is not None and not found.error else {}
        self._layers: Mapping[str, Any] = layers if isinstance(layers, Mapping) else {}

    def mark(self, paths: Sequence[str]) -> Piece:
        """That of the worst of these layers; nothing where none is known."""
        states = {layer.get("state") for layer in self._of(paths)}
        worst = next((state for state in WORST if state in states), "")
        return MARKS.get(worst, (" ", ""))

    def reasons(self, paths: Sequence[str]) -> str:
        """What ails the first of these layers that is not well."""
        for layer in self._of(paths):
            reasons = layer.get("reasons")
            if isinstance(reasons, list) and reasons and layer.get("state") != "ok":
                return safe("; ".join(str(reason) for reason in reasons), 300)
        return ""

    def _of(self, paths: Sequence[str]) -> list[Mapping[str, Any]]:
        said = (self._layers.get(path) for path in paths)
        return [layer for layer in said if isinstance(layer, Mapping)]


def layer_lines(
    draft: Draft, rows: Sequence[Row], chosen: str, width: int, facts: Facts | None, health: Healths
) -> list[Line]:
    """A title, the inputs, the layers of the draft and its training. chosen: a line's key."""
    cells = [_inputs(facts), *(_cells(row, key_of(row.place) == chosen, health) for row in rows)]
    title, lines = laid_out(COLUMNS, cells, width)
    keys = ["", *(key_of(row.place) for row in rows)]
    names = [0, *(len(_named(row)) + 2 for row in rows)]
    shown = [Line("", title)]
    shown += [Line(key, _parted(pieces, name)) for key, pieces, name in zip(keys, lines, names, strict=True)]
    return [*shown, _training(draft, chosen == PLACE_OF_TRAINING)]


def key_of(place: Place) -> str:
    """The key of the line of what stands at that place."""
    return "/".join(map(str, place))


def short(number: int) -> str:
    """A large count in three digits: 204 k, 13.1 M, 2.62 G."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.3g} {unit}"
    return str(number)


def _inputs(facts: Facts | None) -> list[Piece]:
    shape = figures.shape(facts.inputs) if facts is not None else ""
    return [("  input", "dim"), ("", ""), (shape, "dim"), *[("", "")] * 4]


def _cells(row: Row, chosen: bool, health: Healths) -> list[Piece]:
    words = row.settings if row.name.startswith(row.type) else f"{row.type} {row.settings}"
    frozen = "frozen" if row.frozen else ""
    label = " ".join(word for word in (_named(row), words.strip(), frozen) if word)
    return [
        (f"{'▸' if chosen else ' '} {label}", "bad" if row.error else "bold"),
        (figures.shape(row.input) if row.input is not None else "", "dim"),
        (figures.shape(row.output) if row.output is not None else "", ""),
        (figures.count(row.parameters) if row.parameters else "", ""),
        (figures.share(row.share) if row.share else "", "dim"),
        (short(row.multiply_adds) if row.multiply_adds else "", "dim"),
        MARKS["bad"] if row.error else health.mark(row.paths),
    ]


def _named(row: Row) -> str:
    """Its name, as deep as it lies, and how often it stands there."""
    return "  " * row.depth + row.name + (f" ×{row.repeat}" if row.repeat > 1 else "")


def _parted(pieces: tuple[Piece, ...], length: int) -> tuple[Piece, ...]:
    """The first piece as a name of so many letters and what is said of it."""
    (text, kind), *rest = pieces
    return ((text[:length], kind), (text[length:], "dim"), *rest)


def _training(draft: Draft, chosen: bool) -> Line:
    said = _training_words(draft.now.document.get("training"))
    return Line(PLACE_OF_TRAINING, (("▸ " if chosen else "  ", "bold"), ("training", "bold"), (f" {said}", "dim")))


def _training_words(training: Any) -> str:
    """The training in a few words: "adam 0.001 · batch 32 · 20 epochs"."""
    if not isinstance(training, Mapping):
        return ""
    optimizer = training.get("optimizer", "adam")
    word = optimizer.get("type", "adam") if isinstance(optimizer, Mapping) else optimizer
    rate = optimizer.get("learning_rate") if isinstance(optimizer, Mapping) else None
    parts = [
        f"{word}" + (f" {figures.setting(rate)}" if rate is not None else ""),
        f"batch {training.get('batch_size', 32)}",
        f"{training.get('epochs', 10)} epochs",
    ]
    return safe(" · ".join(parts), 100)
