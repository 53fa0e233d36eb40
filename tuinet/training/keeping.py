"""Which checkpoints a run keeps: the last state to go on from, and the weights of the best epoch.

The best weights wait in memory, since epochs can be shorter than a write; they are written before any last
checkpoint that speaks of them, so that what is on disk is always enough to go on from. Nothing that is not finite is
ever written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.training.early_stopping import Best
from tuinet.training.progress import Progress

EVERY = 10.0  # seconds between two last checkpoints, at the least
Array = NDArray[np.generic]
_STATE = tuple(Progress(Best("")).as_table())


class NotFinite(Exception):
    """A tensor that was to be saved holds NaN or infinity; the text names it."""


class HoldsWeights(Protocol):
    """The part of a trainer that is saved."""

    @property
    def step(self) -> int: ...
    def model(self) -> dict[str, Array]: ...
    def optimizer_state(self) -> dict[str, Array]: ...


class Store(Protocol):
    """Where checkpoints are put; `work._Store` for a run's folder."""

    def save(
        self, step: int, model: dict[str, Array], optimizer: dict[str, Array] | None, manifest: dict[str, Any]
    ) -> dict[str, Any]:
        """Gives `folder`, `bytes` and `weights_sha256`."""

    def load_model(self, step: int) -> dict[str, Array] | None: ...


@dataclass
class _Held:
    step: int
    model: dict[str, Array]
    manifest: dict[str, Any]


class Keeper:
    """Saves when it is time. Decides nothing that training depends on."""

    def __init__(
        self, store: Store, *, preset: str = "", every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """preset: the resolved text. Each checkpoint has the one that it goes on with: what is trained may change."""
        self.store, self.preset, self.every, self.clock = store, preset, every, clock
        self.weights_sha256: str | None = None
        self._held: _Held | None = None
        self._best: tuple[int, dict[str, Array]] | None = None
        self._last: tuple[int, dict[str, Any]] | None = None
        self._due = clock() + every

    def due(self) -> bool:
        return self.clock() >= self._due

    def goes_on(self, step: int, manifest: Mapping[str, Any], best: dict[str, Array] | None) -> None:
        """From a checkpoint that is on disk: the same state is not written again. best: the best epoch's weights."""
        keys = ("kind", "epoch", "preset", *_STATE)
        self._last = step, _without_times({key: manifest.get(key) for key in keys})
        self.weights_sha256 = manifest.get("weights_sha256")
        kept = manifest.get("best")
        if best is not None and isinstance(kept, dict):
            self._best = kept["step"], best

    def hold_best(self, trainer: HoldsWeights, progress: Progress) -> None:
        """Copies the weights of the epoch that has just become the best."""
        model = trainer.model()
        self._best = trainer.step, model
        self._held = _Held(trainer.step, model, self._manifest("best", progress))

    def save(self, trainer: HoldsWeights, progress: Progress) -> list[dict[str, Any]]:
        """The best weights where they are not on disk yet, then the state now. Raises NotFinite before any write.

        Gives the fields of the `checkpoint` events. Where nothing has changed since the last one, none.
        """
        manifest = self._manifest("last", progress)
        if self._last is not None and self._last == (trainer.step, _without_times(manifest)):
            return []
        model, optimizer = trainer.model(), trainer.optimizer_state()
        check_finite({**model, **optimizer})
        saved = []
        held, self._held = self._held, None
        if held is not None and held.step != trainer.step:
            check_finite(held.model)
            saved.append(self._write(held.step, held.model, None, held.manifest))
        saved.append(self._write(trainer.step, model, optimizer, manifest))
        self._last = trainer.step, _without_times(manifest)
        self._due = self.clock() + self.every
        return saved

    def change(
        self, trainer: HoldsWeights, progress: Progress, preset: str, *, best_anew: bool
    ) -> list[dict[str, Any]]:
        """`save` under another preset: with this checkpoint the change is made, whatever happens then.

        best_anew: the weights of the best epoch are of another network, and no longer kept. Where it raises, everything
        is as it was.
        """
        before = self.preset, self._held, self._best
        self.preset = preset
        if best_anew:
            self._held = self._best = None
        try:
            return self.save(trainer, progress)
        except BaseException:
            self.preset, self._held, self._best = before
            raise

    def best_model(self, progress: Progress) -> dict[str, Array] | None:
        """The weights of the best epoch, from memory or from disk. None where there are none, or no good ones."""
        if progress.best.epoch is None:
            return None
        if self._best is not None and self._best[0] == progress.best.step:
            return self._best[1]
        return self.store.load_model(progress.best.step)

    def _manifest(self, kind: str, progress: Progress) -> dict[str, Any]:
        return {"kind": kind, "epoch": progress.epoch, "preset": self.preset or None, **progress.as_table()}

    def _write(
        self, step: int, model: dict[str, Array], optimizer: dict[str, Array] | None, manifest: dict[str, Any]
    ) -> dict[str, Any]:
        written = self.store.save(step, model, optimizer, manifest)
        if optimizer is not None:
            self.weights_sha256 = written["weights_sha256"]
        return {
            "step": step,
            "epoch": manifest["epoch"],
            "kind": manifest["kind"],
            "folder": written["folder"],
            "bytes": written["bytes"],
        }


def check_finite(tensors: Mapping[str, Array]) -> None:
    """Raises NotFinite with the first tensor that holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not bool(np.isfinite(tensor).all()):
            count = int(tensor.size - np.isfinite(tensor).sum())
            raise NotFinite(f"{name} holds {count} of {tensor.size} values that are NaN or infinite")


def _without_times(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "spent"}
