"""Trials of every op: operands of several kinds of sizes, and what it takes to judge a kernel by the op's definition.

Tests try the kernels of the processor with them, and `tuinet doctor --cuda` those of a GPU that no test has seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import OPS, attention
from ..kernels.pooled_convolution import aligned, in_pieces, room
from ..shapes import ATTENTION_BLOCK, slide
from .program import Call, Slot

SIZES = {
    "odd": dict(N=7, K=19, M=37, I=21, R=9, C=5, P=33, S=8, A=5, B=9, J=21),
    "tiles": dict(N=25, K=33, M=70, I=64, R=12, C=70, P=64, S=16, A=16, B=8, J=40),
    "wide": dict(N=50, K=40, M=131, I=139, R=60, C=10, P=131, S=32, A=50, B=17, J=139),
    "one": dict(N=1, K=1, M=1, I=1, R=3, C=2, P=1, S=1, A=1, B=2, J=1),
}
LONG: dict[str, dict[str, int]] = {  # of the ops that add up more than one block of a GPU can
    "sum_rows": dict(N=1031, I=35),
    "sum_products": dict(N=769, I=33),
    "column_squares": dict(R=513, C=3),
    "batch_norm": dict(N=1025, I=34),
    "mean": dict(N=9001),
    "norm": dict(P=4097),
    "sum_shared": dict(N=8193),
    "share_of_known": dict(N=5003),
    "add_rows": dict(N=1200, I=131),
}
SETTINGS = {
    "examples": 40,
    "stride": 6,
    "begin": 3,
    "seed": 5,
    "tag": 2,
    "rate": 0.25,
    "eps": 1e-3,
    "beta1": 0.9,
    "beta2": 0.99,
    "weight_decay": 0.1,
    "slope": 0.2,
    "alpha": 1.3,
    "smoothing": 0.1,
    "delta": 0.8,
    "momentum": 0.9,
    "nesterov": 1,
    "decay": 0.9,
    "l1": 0.1,
    "l2": 0.2,
    "limit": 0.5,
    "first": 0,
    "share": 0.25,
    "count": 7,
    "shift": 2,
    "across": 1,
    "down": 1,
    "rotate": 20.0,
    "zoom": 0.2,
    "by": 0.3,
    "deviation": 0.5,
    "side": 3,
    "rest": 1,
}
COLUMNS = {"odd": (3, 5), "tiles": (16, 16), "wide": (31, 50), "one": (0, 1)}  # a stretch of J columns: begin, width
GROUPS = {"odd": (3, 6, 5), "tiles": (4, 16, 9), "wide": (1, 7, 40), "one": (1, 1, 1)}  # groups, channels, places
GEOMETRIES = {  # of the ops with windows, and how many outputs they have
    "odd": (slide((5, 6, 4), (3, 2), (2, 1), (1, 0), (1, 2), groups=2), 6),
    "tiles": (slide((9, 8, 16), (3, 3), (1, 1), "same"), 64),
    "wide": (slide((14, 13, 3), (5, 4), (2, 3), "valid"), 37),
    "one": (slide((1, 1, 1), (1, 1), (1, 1), "valid"), 1),
}
POOLED = {  # of a convolution and the pool behind it
    "odd": (slide((7, 6, 17), (3, 2), (2, 1), (1, 0), (1, 2)), (2, 2), (1, 2), (1, 0), 6),  # windows of both overlap
    "tiles": (slide((9, 8, 16), (3, 3), (1, 1), "same"), (2, 2), (2, 2), "valid", 64),
    "wide": (slide((14, 13, 3), (5, 4), (2, 1), (2, 1)), (3, 3), (2, 2), (1, 1), 37),  # narrow windows
    "one": (slide((1, 1, 1), (1, 1), (1, 1), "valid"), (1, 1), (1, 1), "valid", 1),
}
IMAGES = {"odd": (5, 6, 3), "tiles": (8, 8, 1), "wide": (9, 11, 2), "one": (1, 1, 1)}  # of the ops that change images
RECURRENT = {  # of the ops with a state: steps, units, which come first, how far gradients go back, tanh or relu
    "odd": (5, 7, dict(backwards=0, truncate=0, relu=0)),
    "tiles": (6, 32, dict(backwards=1, truncate=0, relu=1)),
    "wide": (7, 70, dict(backwards=1, truncate=3, relu=0)),
    "one": (1, 1, dict(backwards=0, truncate=1, relu=1)),
}
ATTENDED = {  # of the ops on sequences: steps, others that are looked at, heads, numbers of a head, causal
    "odd": (7, 5, 3, 2, 0),
    "tiles": (32, 32, 2, 16, 1),
    "wide": (67, 67, 2, 70, 1),
    "one": (1, 1, 1, 2, 1),
}


def operands_for(name: str, kind: str, real: Any = np.float32) -> tuple[Call, dict[Slot, np.ndarray]]:
    """Random operands, results and settings for an op, of sizes of this kind, or of "long" ones where LONG has it."""
    chance, each, settings = np.random.default_rng(7), OPS[name], SETTINGS
    sizes = LONG[name] if kind == "long" else SIZES[kind]
    if "geometry" in each.settings:
        geometry, outputs = GEOMETRIES[kind]
        if "pool" in name or name in ("upsample", "sum_windows", "turned_in_pieces"):
            geometry, outputs = geometry._replace(groups=1), geometry.channels
        places = geometry.rows * geometry.columns
        sizes = {"N": sizes["N"], "O": outputs, "K": geometry.inside, "S": geometry.scratch}
        sizes |= {"X": geometry.height * geometry.width * geometry.channels, "Y": places * outputs}
        sizes["R"] = sizes["N"] * places
        settings = {"geometry": geometry}
    if "pool" in each.settings:
        geometry, *window, outputs = POOLED[kind]
        pool = slide((geometry.rows, geometry.columns, outputs), *window)
        places = pool.rows * pool.columns
        settings, (reals, wholes) = {"geometry": geometry, "pool": pool}, room(geometry, pool)
        pieces, length = in_pieces(geometry)
        wide = pieces * aligned(length) if name == "conv2d_inputs_of_pooled" else wholes
        sizes = {"N": SIZES[kind]["N"], "O": outputs, "K": geometry.inside, "S": reals, "L": wide, "M": wholes}
        sizes |= {"X": geometry.height * geometry.width * geometry.channels, "Y": places * outputs}
        sizes["R"] = sizes["N"] * places
    if "height" in each.settings:
        image = dict(zip(("height", "width", "channels"), IMAGES[kind], strict=True))
        sizes, settings = {"N": sizes["N"], "X": np.prod(IMAGES[kind])}, settings | image
    if "backwards" in each.settings:
        steps, units, more = RECURRENT[kind]
        others = steps
        gates = units * {"lstm": 4, "gru": 3}.get(name.partition("_")[0], 1)
        sizes = {"N": sizes["N"], "H": units, "G": gates, "A": steps * gates, "Y": steps * units, "D": units}
        sizes |= {"R": sizes["N"] * steps, "S": sizes["N"] * (gates + 2 * units)}
        settings = {"steps": steps, **more}
    if "heads" in each.settings:
        steps, others, heads, width, causal = ATTENDED[kind]
        sizes = {"N": sizes["N"], "A": steps * heads * width, "B": others * heads * width, "P": heads * steps * others}
        sizes |= {"S": others * (width + ATTENTION_BLOCK + 1), "C": steps * width // 2}
        settings = {"steps": steps, "heads": heads, "causal": causal}
    if name == "add_rows":
        sizes = sizes | {"R": settings["count"]}
    if ("begin" in each.settings and "stride" not in each.settings) or name == "choose_columns_back":
        begin, width = COLUMNS[kind]
        sizes = sizes | {"A": width}
        settings = {"begin": begin, "width": width if name.startswith("slice_") else sizes["J"]}
    if name.startswith("group_norm"):
        groups, channels, places = GROUPS[kind]
        sizes = {"N": sizes["N"], "G": groups, "C": channels, "X": channels * places}
        settings = SETTINGS | {"groups": groups}
    sizes = sizes | each.more_sizes(sizes, **{s: settings[s] for s in each.settings})
    slots, views = [], {}
    for operand in each.operands:
        dims = each.dims[operand]
        shape = (sizes["R"], sizes["I"]) if dims == ("*",) else tuple(int(d) if d.isdigit() else sizes[d] for d in dims)
        whole = operand in each.whole
        slot = Slot(operand, shape, "value", whole)
        values = chance.integers(0, 2, shape) if whole else chance.standard_normal(shape)
        if operand == "numbers":
            values = np.arange(sizes["O"])
        if operand == "lengths" and "steps" in each.settings:
            values = chance.integers(1 if "heads" in each.settings else 0, others + 1, shape)
        if operand in ("W", "V") and "backwards" in each.settings:  # else differences would grow from step to step
            values = values / np.sqrt(units)
        if operand == "labels" and name.startswith(("cross_entropy", "share_of_known")):
            values = chance.integers(-1, 2, shape)
        if operand == "chosen":
            values = chance.permutation(sizes["I"] if name == "choose_columns" else sizes["J"])[: sizes["A"]]
        if operand == "place" and "geometry" in each.settings and operand in each.inputs:
            pool = settings.get("pool", settings["geometry"])
            images = chance.standard_normal((sizes["N"], pool.height * pool.width * pool.channels))
            values = OPS["max_pool"].define(images, geometry=pool)[1].reshape(shape)
        if operand == "dy" and "pool" in each.settings:
            values *= chance.integers(0, 2, shape)  # what relu let through
        if operand in ("p", "v", "u", "r", "variance", "weights", "squares", "norm") or name == "binary_cross_entropy":
            values = np.abs(values)
        if operand == "p" and name == "attention_back":  # what may not be seen has no share
            seen = attention.mask(views[slots[-1]], steps, others, causal)
            values = (values.reshape(len(values), heads, steps, others) * seen).reshape(shape)
        views[slot] = np.asarray(values, np.int32 if whole else real)
        slots.append(slot)
    count = len(each.inputs)
    return Call(each, slots[:count], slots[count:], {s: settings[s] for s in each.settings}), views


class Places:
    """The arrays of some slots, as the reference reads and writes them."""

    def __init__(self, arrays: dict[Slot, np.ndarray]) -> None:
        self.arrays = arrays

    def view(self, slot: Slot) -> np.ndarray:
        return self.arrays[slot]

    def write(self, slot: Slot, values: Any) -> None:
        self.arrays[slot][...] = values


def agree(got: np.ndarray, exact: np.ndarray, rtol: float = 3e-6) -> bool:
    return bool(np.abs(got - exact).max() <= rtol * np.abs(exact).max() + 1e-6)
