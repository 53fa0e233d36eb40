"""Every preset, shrunk by one rule: batch 4, width at most 16, depth at most 2, 8 steps, images of 8 x 8.

So small that a step of it can be emulated, and with every op that the preset has.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tomlkit

from tuinet import data
from tuinet.engine.trainer import Trainer
from tuinet.presets.catalog import folder
from tuinet.presets.finding import parse

MOST = {"units": 16, "filters": 16, "repeat": 2, "heads": 2, "groups": 2, "batch_size": 4, "accumulate": 2}
SIDE, STEPS, EXAMPLES, COLUMNS = 8, 8, 12, 20
COARSE = {28: 2, 14: 4, 7: 2}  # sides of the images on a network's way, as they are shrunk


def shrunk_table(table: Any) -> Any:
    """The same tables with smaller numbers."""
    if isinstance(table, list):
        return [shrunk_table(item) for item in table]
    if not isinstance(table, dict):
        return table
    small = {key: shrunk_table(value) for key, value in table.items()}
    for key, most in MOST.items():
        if isinstance(small.get(key), int):
            small[key] = min(small[key], most)
    if small.get("type") in ("conv2d", "max_pool"):
        small["padding"] = "same"  # else there is nothing left of so small an image
    if small.get("type") == "reshape":
        small["shape"] = [COARSE.get(side, side) for side in small["shape"][:2]] + [16] * (len(small["shape"]) == 3)
    return small


def with_reshapes(layers: list[Any]) -> list[Any]:
    """The units in front of a reshape are what it needs."""
    for before, after in pairwise(layers):
        if after.get("type") == "reshape" and before.get("type", "dense") == "dense":
            before["units"] = int(np.prod(after["shape"]))
    return layers


@cache
def text_of(name: str) -> str:
    document = shrunk_table(tomllib.loads((folder() / f"{name}.toml").read_text()))
    if "layers" in document:
        document["layers"] = with_reshapes(document["layers"])
    document["training"]["batch_size"] = 4
    document.pop("compare", None)
    return tomlkit.dumps(document)


@cache
def bound_of(name: str) -> Any:
    """The preset's own data, of which a few examples are left, and of those what fits."""
    preset = parse(text_of(name), name, f"{name}.toml", Path())
    bound = data.bind_for(preset)
    facts, inputs, targets = bound.facts, bound.train.inputs[:EXAMPLES], bound.train.targets[:EXAMPLES]
    if len(facts.inputs) == 3 and facts.inputs[0] > SIDE:
        step, start = facts.inputs[0] // SIDE, facts.inputs[0] % SIDE // 2
        cut = slice(start, start + SIDE * step, step)
        inputs = inputs.reshape(len(inputs), *facts.inputs)[:, cut, cut]
        if facts.outputs == np.prod(facts.inputs):
            targets = targets.reshape(len(targets), *facts.inputs)[:, cut, cut].reshape(len(targets), -1)
            facts = replace(facts, outputs=int(np.prod(inputs.shape[1:])))
        facts = replace(facts, inputs=inputs.shape[1:])
    elif facts.tokens:
        source, steps = min(facts.source_steps, STEPS), min(facts.steps, STEPS)
        kept = [*range(source), *range(facts.source_steps, facts.source_steps + steps)]
        if not facts.steps:
            kept = [*range(min(len(inputs[0]), STEPS))]
        inputs = inputs[:, kept]
        targets = targets[:, :steps] if facts.steps else targets
        facts = replace(facts, inputs=(len(kept),), steps=steps, source_steps=source)
    part = SimpleNamespace(inputs=np.ascontiguousarray(inputs), targets=np.ascontiguousarray(targets))
    return SimpleNamespace(train=part, facts=facts)


def trainer_of(name: str, device: str) -> Trainer:
    """The shrunk preset, ready to train."""
    preset, bound = parse(text_of(name), name, f"{name}.toml", Path()), bound_of(name)
    training = preset.training
    return Trainer(
        preset.network(bound.facts),
        training.loss,
        training.optimizer,
        bound,
        batch_size=4,
        seed=training.seed,
        threads=1,
        device=device,
        schedule=training.schedule,
        epochs=training.epochs,
        accumulate=training.accumulate,
        clip_value=training.clip_value,
        clip_norm=training.clip_norm,
        augment=training.augment,
    )
