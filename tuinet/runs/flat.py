"""The settings of a run, laid flat, from the preset in its folder."""

from __future__ import annotations

import tomllib
from typing import Any

from tuinet.errors import RunDamaged
from tuinet.presets.flat import differences, flat
from tuinet.runs.folder import RunFolder
from tuinet.safe_text import safe

__all__ = ["differences", "flat_settings"]


def flat_settings(run: RunFolder) -> dict[str, Any]:
    """`training.optimizer.learning_rate` and the like of a resolved preset, layers by their names.

    Raises RunDamaged for a text that is no TOML: the preset of a run was written by tuinet itself.
    """
    try:
        return flat(tomllib.loads(run.preset_text()))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RunDamaged(f"run {safe(run.id)}: preset.toml cannot be read: {error}") from None
