"""Data with two inputs: what the network, and each neuron of a layer, makes of every point of the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tuinet.diagnostics.pictures import levels_of, limit_of
from tuinet.errors import PresetError
from tuinet.fields import text, whole
from tuinet.training.looks.base import MOST_CELLS, Array, Look, NotThere, Now, Source

MOST_POINTS = 400  # of the training part that are sent along
PLAYGROUND = (-6.0, 6.0)  # where the generated sets lie, where no point is at hand


@dataclass(frozen=True, kw_only=True)
class Plane(Now):
    """The network's output over a grid, or the values of each unit of a layer.

    body: uint8 (count, size, size), the top row the largest y. `signed`: levels around `middle`, 255 `limit` above it:
    of yes or no and of two classes twice the probability less one. Else the most probable class, numbered from 1.
    box: smallest and largest x, then y, of the grid. points: [x, y, label] of examples of the training part.
    """

    size: int = whole(32, at_least=2, at_most=256, help="points of the grid across, and down")
    layer: str = text("", help="path of the layer whose units are wanted; empty: the output")
    first: int = whole(0, at_least=0, help="the first unit")
    count: int = whole(1, at_least=1, at_most=256, help="units, at most")

    def take(self, source: Source) -> Look:
        self.check_now()
        try:
            points, labels = source.raw_points(MOST_POINTS)
        except NotThere:
            points, labels = np.zeros((0, 2)), np.zeros(0)
        box = _box(points)
        xs, ys = np.linspace(*box[:2], self.size), np.linspace(*box[2:], self.size)[::-1]
        grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
        values: Array = np.asarray(source.on_plane(grid, self.layer), np.float64).reshape(len(grid), -1)
        if self.first >= values.shape[1]:
            raise PresetError(f"{self.layer or 'the output'} has {values.shape[1]} units, numbered from 0",
                              key="plane.first")  # fmt: skip
        signed, middle = True, 0.0
        if not self.layer:
            values, signed, middle = _said(values, source)
        total = values.shape[1]
        shown = values[:, self.first : self.first + self.count]
        if shown.size > MOST_CELLS:
            raise PresetError(f"{shown.shape[1]} units of {self.size} x {self.size} points are too many cells; at most "
                              f"{MOST_CELLS:,} are sent", key="plane.count")  # fmt: skip
        probable = signed and not self.layer and source.facts is not None and source.facts.task != "reals"
        limit = 1.0 if probable else limit_of(shown - middle)
        levels = levels_of(shown - middle, limit) if signed else shown.astype(np.uint8)
        fields = {
            "layer": self.layer, "size": self.size, "first": self.first, "count": shown.shape[1], "total": total,
            "signed": signed, "middle": middle, "limit": limit, "box": [float(edge) for edge in box],
            "step": source.step,
            "points": [[*point, label] for point, label in zip(points.tolist(), labels.tolist(), strict=True)],
        }  # fmt: skip
        return Look(fields, levels.T.tobytes())


def _box(points: Array) -> tuple[float, float, float, float]:
    """What holds the points, with a little room; without any, the playground."""
    if not len(points):
        return *PLAYGROUND, *PLAYGROUND
    low, high = points.min(0), points.max(0)
    room = np.where(high > low, (high - low) * 0.04, 1.0)
    (left, bottom), (right, top) = low - room, high + room
    return left, right, bottom, top


def _said(outputs: Array, source: Source) -> tuple[Array, bool, float]:
    """What the outputs say: one signed number, or the most probable class; whether signed; and the middle."""
    facts = source.facts
    if facts is not None and facts.task == "reals":
        middle = float(facts.target_scale[0][0]) if facts.target_scale is not None and not facts.target_curve else 0.0
        return facts.in_own_units(outputs), True, middle
    if facts is not None and facts.task == "classes" and facts.classes > 2:
        return outputs.argmax(1, keepdims=True) % 255 + 1, False, 0.0
    logits = outputs[:, 1:] - outputs[:, :1] if outputs.shape[1] == 2 else outputs[:, :1]
    return np.tanh(logits / 2), True, 0.0  # 2 sigmoid(z) - 1
