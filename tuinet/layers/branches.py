"""Branches: several stacks of layers look at the same inputs, or each at some of them, and what they say is joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

from tuinet.errors import PresetError, ShapeError, nearest
from tuinet.fields import choice, shown, text_list
from tuinet.fields import stack as stack_field
from tuinet.layers.base import Facts, Layer, Ops, apply, bound, each, every_layer, stack
from tuinet.safe_text import safe

PLACES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


@dataclass(frozen=True, kw_only=True)
class Branch(Layer):
    """Layers one after the other, under one name; of the inputs they may see only some columns.

    y = layers(x), or layers(x[columns])        x (N, ..., I)   y (N, ...)

    Without layers it gives its inputs on, as they are. It stands inside branches, or by itself in any stack.
    """

    takes_tokens = None

    columns: tuple[str, ...] = text_list(
        (),
        help="what it sees of the inputs: names of a table's columns, numbers from 1, or ranges such as "
        '"1-4"; empty: everything',
    )
    layers: tuple[Layer, ...] = stack_field(
        every_layer, noun="a layer type", help="the stack inside: [[layers.branches.layers]]; empty: nothing is done"
    )

    def bound(self, facts: Facts, on_data: bool) -> Layer:
        layer = replace(self, columns=self._placed(facts, on_data)) if self.columns else self
        return layer.around(bound(self.layers, facts, on_data and not self.columns))

    def _placed(self, facts: Facts, on_data: bool) -> tuple[str, ...]:
        """The columns with names as places. A category has a column for each of its words, and all of them are meant.

        ShapeError for a name that no input has, or that stands where what comes in has no names.
        """
        names = list(facts.columns) if on_data else []
        titles: dict[str, list[int]] = {}
        for place, name in enumerate(names, 1):
            titles.setdefault(name, []).append(place)
            if "=" in name:
                titles.setdefault(name.partition("=")[0], []).append(place)
        found: list[str] = []
        for word in self.columns:
            if word in titles:
                found += map(str, titles[word])
            elif PLACES.fullmatch(word):
                found.append(word)
            else:
                raise self._wrong(_unknown(word, list(titles), on_data))
        return tuple(found)

    def forward(self, ops: Ops, x: Any) -> Any:
        if getattr(x, "whole", False) and (self.columns or not self.layers):
            raise ShapeError("tokens can be embedded, and not be chosen from or given on; put an embedding first")
        return stack(ops, self.layers, self._seen(ops, x) if self.columns else x)

    def _seen(self, ops: Ops, x: Any) -> Any:
        """The columns, the last axis of x."""
        width = x.shape[-1]
        chosen = self.places(width)
        rows = ops.view(x, (prod(x.shape[:-1]), width))
        if chosen == list(range(chosen[0], chosen[0] + len(chosen))):
            y = ops.slice_columns(rows, begin=chosen[0], width=len(chosen))
        else:
            y = ops.choose_columns(rows, ops.constant("columns", chosen))
        return ops.view(y, (*x.shape[:-1], len(chosen)))

    def places(self, width: int) -> list[int]:
        """Places from 0. ShapeError for one that is not there, or comes twice."""
        found: dict[int, None] = {}
        for word in self.columns:
            match = PLACES.fullmatch(word)
            if match is None:
                raise self._wrong(f"{shown(word)} is known only once data is bound; give a number here")
            low, high = int(match[1]), int(match[2] or match[1])
            if low > high:
                raise self._wrong(f'{word} runs backwards; write "{high}-{low}"')
            if not 1 <= low <= high <= width:
                raise self._wrong(f"there is no column {word}; {width} come in, so give numbers from 1 to {width}")
            for place in range(low - 1, high):
                if place in found:
                    raise self._wrong(f"column {place + 1} is named twice; name each column once")
                found[place] = None
        return list(found)

    def _wrong(self, message: str) -> ShapeError:
        return ShapeError(message, key=f"layers.{self.path}.columns")


def _unknown(word: str, names: Sequence[str], on_data: bool) -> str:
    if not on_data:
        return (
            f"{shown(word)} is a name, and what comes in here has none: only the data's inputs have them. "
            'Put the layer first, or give numbers from 1 and ranges such as "1-4"'
        )
    if not names:
        return (
            f'{shown(word)} is a name, and this data\'s inputs have none; give numbers from 1 and ranges such as "1-4"'
        )
    known = ", ".join(safe(name, 40) for name in names[:20]) + (" ..." if len(names) > 20 else "")
    return f"there is no column {shown(word)}{nearest(word, names) or '.'} Columns: {known}"


def _branch() -> dict[str, type[Layer]]:
    return {"branch": Branch}


@dataclass(frozen=True, kw_only=True)
class Branches(Layer):
    """Several branches on the same x, joined to one y: added, or side by side along the last axis.

    y = a(x) + b(x) + ...        x (N, ...)   a(x), b(x), y all of one shape (N, ...)
    y = [a(x), b(x), ...]        a(x) (N, ..., A)   b(x) (N, ..., B)   y (N, ..., A + B + ...)

    A branch without layers is a way around the others, as in a residual; with a convolution of 1 x 1 on that way the
    shape may change between them (He et al. 2015).
    """

    takes_tokens = None

    join: str = choice(
        "add", ("add", "concatenate"), noun="a way to join", help="add: their sum; concatenate: side by side"
    )
    branches: tuple[Branch, ...] = stack_field(
        _branch, noun="a branch", help="the branches: [[layers.branches]], each with a name", usual="branch"
    )

    def __post_init__(self) -> None:
        if not self.branches:
            raise PresetError("is empty; put at least one branch inside: [[layers.branches]]", key="branches")

    def bound(self, facts: Facts, on_data: bool) -> Layer:
        return self.around([branch.bound(facts, on_data) for branch in self.branches])

    def forward(self, ops: Ops, x: Any) -> Any:
        found = [apply(ops, branch, x) for branch in self.branches]
        shapes = [y.shape if self.join == "add" else y.shape[:-1] for y in found]
        for branch, y, shape in zip(self.branches, found, shapes, strict=True):
            if shape != shapes[0]:
                alike = "be of one shape" if self.join == "add" else "agree in all axes but the last"
                raise ShapeError(
                    f"{self.branches[0].name} gives {each(found[0])} and {branch.name} gives {each(y)}; to "
                    f"{self.join} them, they must {alike}"
                )
        if self.join == "add":
            return reduce(lambda a, b: a + b, found)
        return reduce(lambda a, b: _beside(ops, a, b), found)


def _beside(ops: Ops, a: Any, b: Any) -> Any:
    """Two values side by side along their last axis."""
    places = prod(a.shape[:-1])
    y = ops.concatenate(*(ops.view(part, (places, part.shape[-1])) for part in (a, b)))
    return ops.view(y, (*a.shape[:-1], a.shape[-1] + b.shape[-1]))
