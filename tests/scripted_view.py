"""A view of a run without a run: made records and made looks, so that a pane is tested for itself and in no time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tuinet import presets
from tuinet.data import Facts
from tuinet.runs import RunFolder
from tuinet.training.protocol import Refused
from tuinet.tui.view import Looked, RunView, Status

STEPS_PER_EPOCH = 235
Looks = dict[str, Callable[[dict[str, Any]], Looked]]

FACTS = Facts(
    name="fashion", source="made", task="classes", inputs=(28, 28, 1), outputs=10, classes=10, white=255,
    class_names=["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"],
    class_counts=[800] * 10,
)  # fmt: skip


def metrics(epochs: int, generation: int = 1) -> list[dict[str, Any]]:
    """Records as a training writes them: the loss falls, the validation loss turns after the fourth epoch."""
    draws, found = np.random.default_rng(5), []
    for step in range(5, epochs * STEPS_PER_EPOCH + 1, 5):
        loss = 0.25 + 0.9 * math.exp(-step / 300)
        low, high = loss * 0.8, loss * (1.3 + 0.2 * draws.random())
        epoch = step / STEPS_PER_EPOCH
        place = {"s": step, "e": epoch, "g": generation, "m": step / 800, "t": 1_790_000_000.0}
        found.append({"k": "steps", **place, "n": 5, "loss": [low, loss, high], "gradient_norm": [0.5, 0.8, 1.2],
                      "learning_rate": 0.001, "samples_per_s": 41_200.0})  # fmt: skip
        if step % STEPS_PER_EPOCH == 0:
            done = step // STEPS_PER_EPOCH
            train, val = 0.2 + 0.6 * 0.6**done, 0.33 + 0.5 * 0.5**done + 0.012 * max(0, done - 4) ** 1.5
            found.append({"k": "epoch", **place, "e": float(done), "train_loss": train, "val_loss": val,
                          "train_accuracy": 1 - train / 3, "val_accuracy": 1 - val / 3, "penalty": 0.0,
                          "learning_rate": 0.001, "samples_per_s": 41_200.0, "gradient_norm": 0.8})  # fmt: skip
    return found


class ScriptedView(RunView):
    """looks: by name, what answers a look. `commands` holds what was told, `refuse` makes the next one fail."""

    def __init__(self, preset: str = "fashion-mlp", epochs: int = 7, looks: Looks | None = None) -> None:
        super().__init__(RunFolder(Path("/nowhere") / f"{preset}-7f3a"))
        self.looks: Looks = looks or {}
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.refuse = ""
        self.preset, self.facts = presets.load(preset), FACTS
        self.info = {"preset": preset, "state": "running", "epochs": 20}
        self.start = {"guess": 0.1, "epochs": 20, "monitor": "val_loss"}
        self.status = Status(state="running", steps=20 * STEPS_PER_EPOCH, epochs=20, device="cpu", threads=2)
        self.alive = True
        self._take_metrics(metrics(epochs))
        self.events = [{"k": "changed", "s": 700, "e": 3.0, "g": 1, "m": 1.0, "t": 0.0, "old": 0.001, "new": 0.0001,
                        "key": "training.optimizer.learning_rate", "why": "set while it trains"}]  # fmt: skip
        self._judge()
        self._changed = {"view", "status", "curves", "epochs", "events", "preset", "selection", "looks"}

    @property
    def live(self) -> bool:
        return self.alive

    async def open(self) -> None:
        """There is nothing to read."""

    async def poll(self) -> frozenset[str]:
        self._grant()
        changed, self._changed = self._changed, set()
        return frozenset(changed)

    async def ask(self, look: str, **request: Any) -> Looked:
        if look not in self.looks:
            return Looked(error=f"no {look} here")
        return self.looks[look](request)

    async def command(self, name: str, **fields: Any) -> dict[str, Any]:
        if self.refuse:
            why, self.refuse = self.refuse, ""
            raise Refused(why)
        self.commands.append((name, fields))
        if name in ("pause", "resume"):
            self._show(replace(self.status, state="paused" if name == "pause" else "running"))
        answer = {"re": 1, "ok": True, "step": self.status.step}
        changes = [{"key": fields["key"], "old": None, "new": fields["value"]}] if name == "set" else []
        return answer | {"epoch": self.status.epoch, "changes": changes} if name in ("set", "apply") else answer


def scripted_view(preset: str = "fashion-mlp", epochs: int = 7, looks: Looks | None = None) -> ScriptedView:
    """A view of a run of that preset in its so manyth epoch."""
    return ScriptedView(preset, epochs, looks)
