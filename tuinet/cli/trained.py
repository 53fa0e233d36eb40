"""What a run knows of the data that it was trained on: from its own folder, or from the data where it is an older run.

With it, new examples are scaled as those of the training were, and answers get the names of their classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuinet.data import Facts, Scaler
    from tuinet.presets import Preset
    from tuinet.runs import RunFolder


def data_of(run: RunFolder, preset: Preset, warn: Callable[[str], None] = lambda text: None) -> tuple[Facts, Scaler]:
    """The facts about the run's data, and what was done to its inputs.

    Where data.json is missing (older runs have none) or damaged (warn is told), the data are read again. DataError
    where those are not what the run was trained on.
    """
    from tuinet.data import bind_for
    from tuinet.errors import DataError, RunDamaged
    from tuinet.safe_text import safe

    fingerprint = (run.info()["data"] or {}).get("fingerprint")
    try:
        kept = run.data()
        if kept is not None:
            if fingerprint in (None, kept[0].fingerprint):
                return kept
            raise RunDamaged(f"run {safe(run.id)}: data.json is of other data than run.json says")
    except RunDamaged as error:
        warn(f"{error}; the data are read again instead")
    bound = bind_for(preset)
    if fingerprint not in (None, bound.facts.fingerprint):
        raise DataError(
            f"{bound.facts.name} is not the data that {run.id} was trained on any more, so new examples cannot be "
            "scaled as those were; put the old data back"
        )
    return bound.facts, bound.scaler
