"""The settings of a run, laid flat, from the preset in its folder."""

from __future__ import annotations

import tomllib
from typing import Any

from tuinet.errors import RunDamaged
from tuinet.presets.flat import differences, flat

__all__ = ["differences", "flat_settings"]


def flat_settings(text: str) -> dict[str, Any]:
    """`training.optimizer.learning_rate` and the like of a resolved preset, layers by their names.

    Raises RunDamaged for a text that is no TOML: the preset of a run was written by tuinet itself.
    """
    try:
        return flat(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RunDamaged(f"preset.toml of the run cannot be read: {error}") from None
