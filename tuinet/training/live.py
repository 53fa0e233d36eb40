"""What may be changed while a run trains, and when one is resumed: the settings that are declared `live`.

Each of them leaves the tensors as they are and says only what the next step does, or when to end. Neither NumPy nor the
engine is needed here: screens and the command line ask, too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tuinet.data.augment import Augment
from tuinet.data.settings import DataSettings
from tuinet.errors import PresetError, nearest
from tuinet.fields import as_table, describe, shown
from tuinet.layers import LAYERS
from tuinet.losses import LOSSES
from tuinet.optimizers import OPTIMIZERS, SCHEDULES
from tuinet.presets import Preset, TrainingSettings
from tuinet.presets.finding import parse
from tuinet.presets.stack import addresses, usual_types
from tuinet.safe_text import safe

Setting = tuple[str, Any, bool]  # its key, its value as TOML has it (None: not set), whether it is live
Difference = tuple[str, Any, Any]  # key, old, new
STAYS = ("data", "training.seed")  # what an edited preset must leave as it is: half of each would be no training
BEGUN_WITH = "its data, and their order, are those that it began with; start a new run"
MADE_OF = "the training is made of it; while it trains, `tuinet ctl RUN apply FILE.toml` goes on with an edited preset"


def _patterns() -> tuple[str, ...]:
    """Of every loss, optimizer, schedule and layer that there is."""
    found: dict[str, None] = {}
    tables: list[tuple[type, str]] = [(TrainingSettings, "training")]
    tables += [(cls, "training.loss") for cls in LOSSES.values()]
    tables += [(cls, "training.optimizer") for cls in OPTIMIZERS.values()]
    tables += [(cls, "training.schedule") for cls in SCHEDULES.values()]
    tables += [(cls, "layers.*") for cls in LAYERS.values()]
    for cls, key in tables:
        for field in describe(cls):
            if field.kind == "table" and field.cls is not None:
                found |= {f"{key}.{field.name}.{inner.name}": None for inner in describe(field.cls) if inner.live}
            elif field.live:
                found[f"{key}.{field.name}"] = None
    return tuple(found)


LIVE = _patterns()  # training.optimizer.learning_rate ..., layers.*.l2 ...; * stands for any layer


def live_keys(preset: Preset) -> dict[str, Any]:
    """The keys that this preset has of them with their values (None: not set), layers by their names."""
    return {key: value for key, value, live in settings(preset) if live}


def changed(preset: Preset, key: str, value: Any) -> Preset:
    """The preset with one live setting otherwise; `layers.*.l2` sets it in every layer that has it.

    value: as TOML would have it, or the text of that; None takes the setting out. PresetError where it is not live, or
    will not do.
    """
    keys = [key]
    if "*" in key:
        keys = [each for each in live_keys(preset) if fnmatchcase(each, key)]
        if not keys:
            there = any(fnmatchcase(each, key) for each, _, _ in settings(preset))
            hint = "." if there else nearest(key, live_keys(preset)) or "."  # what is spelt right is not guessed at
            raise PresetError(f"no setting that is live fits this{hint} {_what_can(preset)}", key=safe(key, 100))
    text = _text(value)
    try:
        made = preset.with_overrides([f"{each}={text}" for each in keys])
    except PresetError as error:
        raise type(error)(error.message, key=error.key or safe(key, 100)) from None
    check_live(preset, made)
    return made


def check_live(old: Preset, new: Preset) -> None:
    """PresetError where two presets differ in more than live settings."""
    live = {*live_keys(old), *live_keys(new)}
    for key, _, _ in differing(old, new):
        if key not in live:
            why = BEGUN_WITH if key.startswith(STAYS) else MADE_OF
            raise PresetError(f"cannot be set once a run trains: {why}. {_what_can(old)}", key=key)


def check_epochs(new: Preset, done: float) -> None:
    """PresetError where fewer epochs are planned than are done, or begun."""
    done -= 1e-6  # as exact as records have it
    if new.training.epochs < done:
        raise PresetError(
            f"is {new.training.epochs:,}, and {done:,.4g} are done; at least {math.ceil(done):,} would be right",
            key="training.epochs",
        )


def check_limits(old: Preset, new: Preset, step: int, seconds: float) -> None:
    """PresetError where a limit is set anew and has been reached: nothing would be trained."""
    for name, done, word in (("max_steps", step, "steps"), ("max_seconds", seconds, "seconds")):
        limit = getattr(new.training, name)
        if limit is not None and limit <= done and limit != getattr(old.training, name):
            raise PresetError(
                f"is {limit:,}, and {done:,.6g} {word} are done; more than that would be right", key=f"training.{name}"
            )


def edited(old: Preset, text: str) -> Preset:
    """The preset of a text, to train on with. PresetError where it is of other data, or of another seed."""
    new = parse(text, old.name, "the edited preset", old.folder)
    if new.variants:
        raise PresetError("a run is one training; take [[variants]] out", key="variants")
    for key, was, now in differing(old, new):
        if key.startswith(STAYS):
            raise PresetError(
                f"is {_words(was)}, and cannot become {_words(now)} in a run that trains; start a new run", key=key
            )
    return new


def differing(old: Preset, new: Preset) -> list[Difference]:
    """The settings in which two presets differ, in their order; None where one is not set or not there."""
    a, b = ({key: value for key, value, _ in settings(each)} for each in (old, new))
    keys = [*a, *(key for key in b if key not in a)]
    return [(key, a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)]


def settings(preset: Preset) -> Iterator[Setting]:
    """Every setting of a preset by its key, as --set would have it."""
    yield from _of(DataSettings, as_table(preset.data), "data")
    yield "layers", _listed(preset.layers), False
    yield from _stack(preset.layers, "layers", "")
    yield from _of(TrainingSettings, as_table(preset.training), "training")


def _of(cls: type, table: Mapping[str, Any], key: str) -> Iterator[Setting]:
    for field in describe(cls):
        name, value = f"{key}.{field.name}", table.get(field.name)
        if field.kind == "part" and field.family is not None and isinstance(value, Mapping):
            yield f"{name}.type", value["type"], False
            yield from _of(field.family()[value["type"]], value, name)
        elif field.kind == "table" and field.cls is not None:
            # No augmentation is the same as one that changes nothing: its keys have values all the same.
            nothing = as_table(Augment()) if field.cls is Augment else {}
            yield from _of(field.cls, value or nothing, name)
        elif field.name in usual_types() and isinstance(value, list | tuple):
            yield name, _listed(value, field.usual), False
            yield from _stack(value, key, field.usual)
        else:
            yield name, value, field.live


def _stack(rows: Sequence[Mapping[str, Any]], key: str, usual: str) -> Iterator[Setting]:
    for row, address in zip(rows, addresses(rows, usual), strict=True):
        name = f"{key}.{address.name}"
        yield f"{name}.type", row["type"], False
        yield f"{name}.repeat", len(address.layers), False
        yield from (setting for setting in _of(LAYERS[row["type"]], row, name) if setting[0] != f"{name}.name")


def _listed(rows: Sequence[Mapping[str, Any]], usual: str = "") -> list[str]:
    return [address.name or "" for address in addresses(rows, usual)]


def _text(value: Any) -> str:
    """What stands behind the = of an override."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_inner(item)}" for key, item in value.items()) + " }"
    return _inner(value)


def _inner(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str | bool | list) else str(value)


def _what_can(preset: Preset) -> str:
    """All that may be set, with the layers taken together."""
    every = dict.fromkeys(re.sub(r"^layers\..*\.", "layers.*.", known) for known in live_keys(preset))
    return f"What can: {', '.join(every)}"


def _words(value: Any) -> str:
    return "left out" if value is None else shown(value)
