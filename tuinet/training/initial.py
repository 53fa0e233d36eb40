"""`--init RUN`: a training that starts from another run's weights, as far as they fit by name and shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import RunDamaged, RunError
from tuinet.runs import RunFolder
from tuinet.safe_text import safe

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Initial:
    """What was taken from a run, and what was not: a reason by name."""

    run: str
    taken: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)

    def as_table(self) -> dict[str, object]:
        """The form of `init` in the event `start` (docs/formats.md); `why` says the reasons."""
        return {"run": self.run, "taken": list(self.taken), "left": list(self.left), "why": dict(self.left)}


def weights_of(run: RunFolder, *, best: bool, warn: Callable[[str], None] = lambda text: None) -> dict[str, Array]:
    """The weights that a run stands for: of its best epoch where `best` says so and they are there, else the last.

    RunError where it has no weights yet.
    """
    loaded = run.load_newest(resumable=False, warn=warn)
    if loaded is None:
        raise RunError(f"run {safe(run.id)} has no weights yet: there is no checkpoint of it")
    chosen = loaded.manifest.get("best")
    step = chosen.get("step") if best and isinstance(chosen, dict) else None
    if step is not None and step != loaded.step:
        model = model_of(run, int(step))
        if model is not None:
            return model
        warn(
            f"run {safe(run.id)}: the checkpoint of its best epoch (step {step}) is damaged or gone; "
            "the last weights are used"
        )
    return loaded.model


def model_of(run: RunFolder, step: int) -> dict[str, Array] | None:
    """The weights of the checkpoint of that step, None where it is not there or damaged."""
    for checkpoint in run.checkpoints():
        if checkpoint.step == step:
            try:
                return checkpoint.load()[0]
            except RunDamaged:
                return None
    return None


def fit(own: Mapping[str, tuple[int, ...]], given: Mapping[str, Array], run: str) -> tuple[dict[str, Array], Initial]:
    """The tensors of `given` that have the name and the shape of one in `own`, and what became of each name."""
    taken: dict[str, Array] = {}
    left: dict[str, str] = {}
    for name, shape in own.items():
        other = given.get(name)
        if other is None:
            left[name] = "not there"
        elif other.shape != tuple(shape):
            left[name] = f"{_words(other.shape)} there, {_words(shape)} here"
        else:
            taken[name] = other
    return taken, Initial(run, tuple(taken), left)


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
