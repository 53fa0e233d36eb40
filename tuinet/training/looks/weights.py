"""Looks at parameters: which there are, one as a heatmap, as a gallery, as a histogram, and one number of it.

`mode` says what of a parameter is looked at: its value, the gradient of the last step, what that step added (update),
or the difference to the first weights (change). `at` goes back to the newest probe that is not after that step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tuinet.diagnostics.pictures import (
    Crop,
    Numbers,
    cells_of,
    counts,
    levels_of,
    limit_of,
    matrix_shape,
    means,
    picture,
    small,
    statistics,
)
from tuinet.errors import PresetError
from tuinet.fields import choice, optional, text, whole, whole_list
from tuinet.training.looks.base import MOST_CELLS, Array, Look, NotThere, Slot, Source, slot_of

MODES = ("value", "gradient", "update", "change")


def _slot() -> Any:
    return text(help="the name of a parameter, such as hidden.W")


def _mode() -> Any:
    return choice("value", MODES, noun="a mode", help="what of it: value, gradient, update or change")


def _at() -> Any:
    return optional(whole(at_least=0, help="the step to go back to; left out: now"))


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """All that can be looked at, in slot order: `parameters` is a list of name, layer, of, shape, size, kind."""

    at: int | None = _at()

    def take(self, source: Source) -> Look:
        rows = [
            {"name": slot.name, "layer": slot.layer, "of": slot.of, "shape": list(slot.shape), "size": slot.size,
             "trainable": slot.kind == "parameter", "kind": slot.kind}
            for slot in source.slots
        ]  # fmt: skip
        return Look({"parameters": rows, "step": source.step, "live": source.live})


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """A parameter, or a part of its matrix, in at most rows x columns cells: means of blocks where it is larger.

    body: uint8 (rows, columns), levels as in tuinet/diagnostics/pictures.py; the number of level 255 is `limit`.
    lowest ... strange: of the numbers themselves, so that no extreme is lost in a mean; from the history, of the cells.
    counts: how many of them lie in each of so many bins of equal width, from lowest to highest.
    """

    slot: str = _slot()
    mode: str = _mode()
    rows: int = whole(28, at_least=1, at_most=512, help="cells down, at most")
    columns: int = whole(40, at_least=1, at_most=512, help="cells across, at most")
    crop: tuple[int, ...] | None = optional(
        whole_list(at_least=0, help="first row, row after the last, first column, column after the last of the matrix")
    )
    bins: int = whole(0, at_least=0, at_most=512, help="bins of a histogram beside it; 0: none")
    at: int | None = _at()

    def take(self, source: Source) -> Look:
        slot = slot_of(source, self.slot, "heatmap.slot")
        crop = _crop(self.crop, slot, "heatmap.crop")
        numbers, step = _numbers(source, slot, self.mode, self.at)
        own = matrix_shape(slot.shape)
        part = _scaled(crop, own, matrix_shape(numbers.shape))
        found = picture(numbers, self.rows, self.columns, part)
        inside = numbers.reshape(matrix_shape(numbers.shape))[part[0] : part[1], part[2] : part[3]]
        fields = {
            "slot": slot.name, "layer": slot.layer, "of": slot.of, "mode": self.mode, "shape": list(slot.shape),
            "matrix": list(own), "crop": list(crop), "rows": found.levels.shape[0], "columns": found.levels.shape[1],
            "folded": found.folded, "limit": found.limit, "step": step, "past": self.at is not None,
            "exact": found.exact and numbers.size == slot.size,
            **statistics(inside), "counts": counts(inside, self.bins) if self.bins else [],
        }  # fmt: skip
        return Look(fields, found.levels.tobytes())


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """A gallery: what each neuron looks for in a picture, what an autoencoder's paint, filters of a convolution.

    body: uint8 (count, height, width), levels with one limit for all. `total`: how many there are. `each`: neuron or
    filter; `channels`: tile k is channel k mod channels of neuron k // channels.
    """

    slot: str = _slot()
    mode: str = _mode()
    first: int = whole(0, at_least=0, help="the first tile")
    count: int = whole(64, at_least=1, at_most=1024, help="tiles, at most")
    height: int = whole(28, at_least=1, at_most=256, help="cells of a tile down, at most")
    width: int = whole(28, at_least=1, at_most=256, help="cells of a tile across, at most")
    at: int | None = _at()

    def take(self, source: Source) -> Look:
        slot = slot_of(source, self.slot, "tiles.slot")
        numbers, step = _numbers(source, slot, self.mode, self.at)
        if numbers.size != slot.size:
            raise NotThere(f"the history keeps means of {slot.name}, and a gallery is of single numbers")
        tiles, channels, each = _tiles(source, slot, numbers.reshape(slot.shape))
        if self.first >= len(tiles):
            raise PresetError(f"{slot.name} has {len(tiles):,} tiles, numbered from 0", key="tiles.first")
        height, width = min(self.height, tiles.shape[1]), min(self.width, tiles.shape[2])
        count = min(self.count, len(tiles) - self.first)
        if count * height * width > MOST_CELLS:
            what = f"{count} tiles of {height} x {width} are too many cells; at most {MOST_CELLS:,} are sent"
            raise PresetError(what, key="tiles.count")
        cells = np.stack([means(tile, height, width) for tile in tiles[self.first : self.first + count]])
        limit = limit_of(cells)
        fields = {
            "slot": slot.name, "layer": slot.layer, "mode": self.mode, "total": len(tiles), "first": self.first,
            "count": count, "height": height, "width": width, "channels": channels, "each": each, "limit": limit,
            "exact": cells.shape[1:] == tiles.shape[1:], "step": step, "past": self.at is not None,
        }  # fmt: skip
        return Look(fields, levels_of(cells, limit).tobytes())


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How often which numbers come: `counts` of bins of equal width between `lowest` and `highest`."""

    slot: str = _slot()
    mode: str = _mode()
    bins: int = whole(32, at_least=1, at_most=512, help="number of bins")
    at: int | None = _at()

    def take(self, source: Source) -> Look:
        slot = slot_of(source, self.slot, "histogram.slot")
        numbers, step = _numbers(source, slot, self.mode, self.at)
        exact = numbers.size == slot.size
        fields = {"slot": slot.name, "mode": self.mode, "step": step, "exact": exact, "past": self.at is not None}
        return Look({**fields, "counts": counts(numbers, self.bins), **statistics(numbers)})


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number: value, gradient, update and change, null where it cannot be had, and `why` it cannot.

    history: [step, value] from the probes; where those are means, `block` says of how many numbers. With `at`, the
    value is that of the history.
    """

    slot: str = _slot()
    index: tuple[int, ...] = whole_list(at_least=0, help="a whole number for each axis")
    at: int | None = _at()

    def take(self, source: Source) -> Look:
        slot = slot_of(source, self.slot, "cell.slot")
        index = self.index
        if len(index) != len(slot.shape) or any(i >= size for i, size in zip(index, slot.shape, strict=True)):
            raise PresetError(f"{slot.name} is {words(slot.shape)}; [{', '.join(map(str, index))}] is not in it",
                              key="cell.index")  # fmt: skip
        found: dict[str, float | None] = {}
        why = {}
        place = np.ravel_multi_index(index, slot.shape) if slot.shape else 0
        for mode in MODES:
            try:
                numbers, _ = _numbers(source, slot, mode, self.at)
                number = numbers.ravel()[_cell(place, slot, numbers.shape)]
                found[mode] = float(number) if np.isfinite(number) else None
                if found[mode] is None:
                    why[mode] = f"it is {number}"
            except NotThere as reason:
                found[mode], why[mode] = None, str(reason)
        history, block = _history(source, slot, index)
        return Look({"slot": slot.name, "index": list(index), **found, "why": why, "history": history, "block": block,
                     "step": source.step})  # fmt: skip


# -- what is looked at ----------------------------------------------------------------------------------------------


def _current(source: Source, slot: Slot, mode: str) -> Array:
    """The numbers as they are now, in the slot's shape."""
    if mode == "value":
        return source.value(slot.name)
    if mode == "change":
        return np.subtract(source.value(slot.name), source.initial(slot.name))
    if slot.kind != "parameter":
        raise NotThere(f"{slot.name} is not trained, so it has no {mode}")
    return source.gradient(slot.name) if mode == "gradient" else source.update(slot.name)


def _numbers(source: Source, slot: Slot, mode: str, at: int | None) -> tuple[Array, int]:
    """The numbers and their step: in the slot's shape, or from the history the cells of its picture."""
    if at is None:
        try:
            return _current(source, slot, mode), source.step
        except NotThere:
            if mode != "change":
                raise
        first = _probed(source, slot, 0)[0]  # the first weights, as far as a picture shows them
        return small(source.value(slot.name), first) - first, source.step
    if mode not in ("value", "change"):
        raise NotThere(f"the history keeps values; the {mode} of step {at:,} is gone (`esc` goes back to now)")
    cells, step = _probed(source, slot, at)
    if mode == "change":
        first, _ = _probed(source, slot, 0)
        cells = small(cells, first) - first
    return cells, step


def _probed(source: Source, slot: Slot, step: int) -> tuple[Numbers, int]:
    probe = source.probes.at(step) if source.probes is not None else None
    if probe is None or slot.name not in probe.parameters:
        raise NotThere(f"there is no probe of {slot.name} at or before step {step:,}")
    probed = probe.parameters[slot.name]
    if probed.shape != slot.shape:
        raise NotThere(
            f"{slot.name} was {words(probed.shape)} after step {probe.step:,}; it is {words(slot.shape)} now"
        )
    return cells_of(probed.picture, probed.shape), probe.step


def _history(source: Source, slot: Slot, index: Sequence[int]) -> tuple[list[list[float]], int]:
    """[step, value] of one number, and how many numbers the value is the mean of."""
    place = np.ravel_multi_index(tuple(index), slot.shape) if slot.shape else 0
    found: list[list[float]] = []
    block = 1
    for step, probed in source.probes.history(slot.name) if source.probes is not None else ():
        if probed.shape != slot.shape:
            continue
        cells = cells_of(probed.picture, slot.shape)
        number = float(cells.ravel()[_cell(place, slot, cells.shape)])
        block = -(-slot.size // cells.size)
        if np.isfinite(number):
            found.append([step, number])
    return found, block


def _cell(place: Any, slot: Slot, cells: tuple[int, ...]) -> int:
    """Where in so many cells, counted row by row, the number at a place of the slot lies."""
    if prod(cells) == slot.size:
        return int(place)
    rows, columns = matrix_shape(slot.shape)
    row, column = divmod(int(place), columns)
    return _block(row, rows, cells[0]) * cells[1] + _block(column, columns, cells[1])


def _block(place: int, length: int, cells: int) -> int:
    """In which of the cells of `edges(0, length, cells)` a place lies."""
    return ((place + 1) * cells - 1) // length


def _crop(said: Sequence[int] | None, slot: Slot, key: str) -> Crop:
    rows, columns = matrix_shape(slot.shape)
    if said is None:
        return 0, rows, 0, columns
    if len(said) != 4 or not (said[0] < said[1] <= rows and said[2] < said[3] <= columns):
        listed = ", ".join(map(str, said))
        raise PresetError(
            f"[{listed}] is no part of {rows:,} rows and {columns:,} columns; it must be first row, row after the "
            "last, first column, column after the last",
            key=key,
        )
    return said[0], said[1], said[2], said[3]


def _scaled(crop: Crop, own: tuple[int, int], cells: tuple[int, int]) -> Crop:
    """The cells in which a part of the matrix lies."""
    (top, bottom), (left, right) = (
        (_block(low, size, count), _block(high - 1, size, count) + 1)
        for low, high, size, count in ((crop[0], crop[1], own[0], cells[0]), (crop[2], crop[3], own[1], cells[1]))
    )
    return top, bottom, left, right


def _tiles(source: Source, slot: Slot, numbers: Array) -> tuple[Array, int, str]:
    """Tiles (n, height, width) of a parameter, how many belong to one neuron or filter, and what they belong to."""
    shape, facts = slot.shape, source.facts
    if len(shape) == 4:
        tall, wide, channels, filters = shape
        return numbers.transpose(3, 2, 0, 1).reshape(filters * channels, tall, wide), channels, "filter"
    inputs = facts.inputs if facts is not None else ()
    if len(shape) == 2 and len(inputs) == 3:
        height, width, colours = inputs
        if shape[0] == prod(inputs) and slot.name == next((s.name for s in source.slots if len(s.shape) > 1), ""):
            each = numbers.T.reshape(-1, height, width, colours)
            return each.transpose(0, 3, 1, 2).reshape(-1, height, width), colours, "neuron"
        if shape[1] == prod(inputs) and facts is not None and facts.reconstructs:
            each = numbers.reshape(-1, height, width, colours)
            return each.transpose(0, 3, 1, 2).reshape(-1, height, width), colours, "neuron"
    raise NotThere(
        f"{slot.name} ({words(shape)}) has no pictures: a gallery is of a convolution's filters, of the first weights "
        "over pictures, and of an autoencoder's last ones"
    )


def words(shape: Sequence[int]) -> str:
    """A shape as it is written for people: 784 x 128."""
    return " × ".join(map(str, shape)) or "one number"
