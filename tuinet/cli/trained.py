"""A trained network again: its weights, and what its run knows of the data that it was trained on.

The data's facts are in the run's own folder, or from the data where it is an older run. With them, new examples are
scaled as those of the training were, and answers get the names of their classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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


def network_of(
    run: RunFolder,
    preset: Preset,
    facts: Facts,
    *,
    rows: int,
    device: str,
    warn: Callable[[str], None] = lambda text: None,
    on_compile: Callable[[int, int, str], None] | None = None,
) -> Any:
    """A trainer with the run's weights: those of its best epoch where the preset restores them, else the last.

    rows: how many examples its forward pass takes at a time.
    """
    from tuinet.engine.trainer import Trainer
    from tuinet.training.initial import weights_of

    training = preset.training
    stopping = training.early_stopping
    weights = weights_of(run, best=stopping is not None and stopping.restore_best, warn=warn)
    stand_in = _stand_in(facts, rows)
    trainer = Trainer(
        preset.network(facts),
        training.loss,
        training.optimizer,
        stand_in,
        batch_size=rows,
        seed=training.seed,
        threads=1,
        device=device,
        on_compile=on_compile,
    )
    trainer.load(weights, None, 0)
    return trainer


def _stand_in(facts: Facts, rows: int) -> Any:
    """Zeros in the place of the examples: the trainer wants some, and what it predicts does not depend on them."""
    from types import SimpleNamespace

    import numpy as np

    from tuinet.data import Part

    places = (rows, facts.steps) if facts.steps else (rows,)
    targets = np.zeros(places, np.int32) if facts.task == "classes" else np.zeros((*places, facts.outputs), np.float32)
    inputs = np.broadcast_to(np.int32(0) if facts.tokens else np.float32(0), (rows, *facts.inputs))
    return SimpleNamespace(train=Part(inputs, targets), validation=None, test=None, facts=facts)
