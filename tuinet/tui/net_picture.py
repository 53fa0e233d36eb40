"""A small network as nodes and links: numbers to characters, without any widget.

A link is a line of braille dots: solid where the weight is positive and broken where it is negative, thicker the larger
it is, so that the sign is seen without colour too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tuinet.cells import cut, pad
from tuinet.diagnostics.pictures import values_of

if TYPE_CHECKING:
    from tuinet.training.planning import PlannedLayer

MOST = 8  # units of a layer that can still be told apart
LABEL = 10  # cells of a name at the edges
PASSING = ("activation", "dropout", "flatten", "layer_norm", "batch_norm", "rms_norm", "reshape")  # keep their units
FAINT = 0.04  # of the largest weight: what is smaller is not drawn
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)

Cell = tuple[str, str]
"""A character and its kind: "plus", "minus", "node", "dim" or ""."""


@dataclass(frozen=True)
class Column:
    """A layer in the picture: its name, its full name, and what its units are called where they have names."""

    name: str
    path: str
    units: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Net:
    """columns: the inputs, then every dense layer. weights: names of the matrices (I, O) between them."""

    columns: tuple[Column, ...]
    weights: tuple[str, ...]


def net_of(
    layers: Mapping[str, PlannedLayer], inputs: Sequence[int], names: Sequence[str] = (), classes: Sequence[str] = ()
) -> Net | str:
    """The picture's columns, or a sentence why there is none. names: of the inputs; classes: of the outputs."""
    units = prod(inputs)
    if units > MOST:
        return f"there are {units:,} inputs; the picture shows up to {MOST} units a layer"
    columns, weights = [Column("input", "", units, tuple(names) if len(names) == units else ())], []
    for path, layer in layers.items():
        if "." in path:
            continue
        if layer.type in PASSING and prod(layer.output_shape) == units:
            continue
        if layer.type != "dense" or len(layer.output_shape) != 1:
            return f"{path} is a {layer.type}; the picture is for networks of dense layers"
        units = layer.output_shape[0]
        if units > MOST:
            return f"{path} has {units:,} units; the picture shows up to {MOST} a layer"
        columns.append(Column(path, path, units))
        weights.append(f"{path}.W")
    if not weights:
        return "there is no dense layer to draw"
    last = columns[-1]
    columns[-1] = Column(last.name, last.path, last.units, tuple(classes) if len(classes) == last.units else ())
    return Net(tuple(columns), tuple(weights))


def matrix(body: bytes, rows: int, columns: int, limit: float) -> NDArray[np.float64] | None:
    """The weights of a look at a heatmap: levels from 0 to 255, 128 for zero."""
    if len(body) != rows * columns:
        return None
    values = values_of(np.frombuffer(body, np.uint8).reshape(rows, columns), limit)
    return np.where(np.isfinite(values), values, 0.0).astype(np.float64)


def picture(
    net: Net, weights: Mapping[str, NDArray[np.float64]], width: int, height: int, chosen: str = ""
) -> list[list[Cell]]:
    """Rows of cells, `height` of `width` each: titles, then nodes and links. chosen: path of the marked layer."""
    rows: list[list[Cell]] = [[(" ", "")] * width for _ in range(height)]
    if width < 12 or height < 4:
        return rows
    left, right = (max((len(cut(text, LABEL)) for text in net.columns[end].labels), default=0) for end in (0, -1))
    xs = np.linspace(left + 1, width - 2 - right, len(net.columns)).round().astype(int)
    ys = [_spread(column.units, height - 1) + 1 for column in net.columns]
    _draw_links(rows, net, weights, xs, ys)
    for place, column in enumerate(net.columns):
        for y in ys[place]:
            rows[y][xs[place]] = ("◉" if column.path and column.path == chosen else "●", "node")
        _title(rows[0], column.name, int(xs[place]), (width // len(net.columns)) - 1, column.path == chosen)
    for text, y in zip(net.columns[0].labels, ys[0], strict=False):
        _write(rows[y], pad(text, left, right=True), 0)
    for text, y in zip(net.columns[-1].labels, ys[-1], strict=False):
        _write(rows[y], cut(text, right), width - right)
    return rows


def _spread(units: int, height: int) -> NDArray[np.int64]:
    """The rows in which so many nodes stand, evenly and in the middle."""
    step = height / units
    return np.array([int(step * (unit + 0.5)) for unit in range(units)])


def _draw_links(
    rows: list[list[Cell]], net: Net, weights: Mapping[str, NDArray[np.float64]], xs: NDArray[np.int64],
    ys: Sequence[NDArray[np.int64]],
) -> None:  # fmt: skip
    height, width = len(rows), len(rows[0])
    dots = np.zeros((height * 4, width * 2), bool)
    owner = np.zeros((height, width))  # the strongest weight of a cell
    largest = max((float(np.abs(w).max()) for w in weights.values() if w.size), default=0.0) or 1.0
    links = []
    for place, name in enumerate(net.weights):
        w = weights.get(name)
        if w is None or w.shape != (net.columns[place].units, net.columns[place + 1].units):
            continue
        links += [(float(w[i, o]) / largest, place, i, o) for i in range(w.shape[0]) for o in range(w.shape[1])]
    for strength, place, i, o in sorted(links, key=lambda link: abs(link[0])):
        if abs(strength) < FAINT:
            continue
        x = np.arange(2 * xs[place] + 3, 2 * xs[place + 1] - 1)
        start, end = 4 * ys[place][i] + 1.5, 4 * ys[place + 1][o] + 1.5
        if len(x) < 2:
            continue
        y = np.rint(start + (end - start) * (x - x[0]) / (x[-1] - x[0])).astype(int)
        if strength < 0:
            shown = x // 3 % 2 == 0
            x, y = x[shown], y[shown]
        for offset in ((0,), (0, 1), (-1, 0, 1))[min(2, int(abs(strength) * 3))]:
            inside = np.clip(y + offset, 4, height * 4 - 1)
            dots[inside, x] = True
            owner[inside // 4, x // 2] = strength
    codes = (dots.reshape(height, 4, width, 2) * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    for y, x in zip(*np.nonzero(codes), strict=True):
        rows[y][x] = (chr(0x2800 + int(codes[y, x])), "plus" if owner[y, x] > 0 else "minus")


def _title(row: list[Cell], text: str, middle: int, room: int, chosen: bool) -> None:
    shown = cut(text, max(1, room))
    start = min(max(0, middle - len(shown) // 2), len(row) - len(shown))
    _write(row, shown, start, "node" if chosen else "dim")


def _write(row: list[Cell], text: str, start: int, kind: str = "dim") -> None:
    for place, character in enumerate(text):
        if 0 <= start + place < len(row):
            row[start + place] = (character, kind)
