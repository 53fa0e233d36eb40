"""The settings that a word of a preset has, with defaults, limits and sentences, read off the class that uses them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.fields import Field


def classes_called(word: str) -> list[type]:
    """The tables and types that a preset knows by this word; more than one where families share a word."""
    return list(dict.fromkeys(family[word] for family in _families() if word in family))


def words() -> list[str]:
    """Every word whose settings can be shown."""
    return sorted({word for family in _families() for word in family})


def _families() -> tuple[Mapping[str, type], ...]:
    from tuinet.data.augment import Augment
    from tuinet.data.settings import DataSettings
    from tuinet.layers import INITIALIZERS, LAYERS
    from tuinet.losses import LOSSES
    from tuinet.optimizers import OPTIMIZERS, SCHEDULES
    from tuinet.presets import EarlyStopping, TrainingSettings

    tables = {"data": DataSettings, "training": TrainingSettings, "early_stopping": EarlyStopping, "augment": Augment}
    return (tables, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, INITIALIZERS)


def show_settings(output: Output, word: str, classes: list[type]) -> None:
    """Print the settings of the classes, a row each."""
    from tuinet.cells import wrap
    from tuinet.fields import describe

    for cls in classes:
        fields = describe(cls)
        for field in fields:
            output.record(_row(word, field))
        output.say()
        output.say(output.terminal.paint(word, "bold"))
        about = (cls.__doc__ or "").strip().split("\n\n")[0]
        output.prose(" ".join(about.split()), indent="")
        for field in fields:
            output.say()
            output.say(f"  {output.terminal.paint(field.name, 'accent')} = {_default(field)}")
            for line in wrap(f"{field.help} ({_wants(field)})", output.terminal.prose_width - 4):
                output.say(f"    {line}")


def _row(word: str, field: Field) -> dict[str, Any]:
    default = None if field.required else field.default
    if dataclasses.is_dataclass(default):
        default = repr(default)
    return {
        "row": "setting",
        "of": word,
        "key": field.name,
        "kind": field.kind,
        "default": default,
        "required": field.required,
        "wants": field.wants(),
        "help": field.help,
    }


def _default(field: Field) -> str:
    from tuinet import figures

    if field.required:
        return "(required)"
    return "(left out)" if field.default is None else figures.setting(field.default)


def _wants(field: Field) -> str:
    return field.wants() + (", live" if field.live else "")
