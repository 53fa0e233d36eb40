"""Records of a training that never was: losses that fall, turn and jump, the same every time."""

from __future__ import annotations

import math
import random

from tuinet.runs.checked import Json
from tuinet.tui.curves import Curves


def made_records(
    epochs: int = 6, *, steps_per_epoch: int = 235, every: int = 1, seed: int = 1, turns: float = 0.5, spike: int = 0
) -> list[Json]:
    """turns: the share of the run after which validation rises. spike: a step whose loss is 30."""
    rng = random.Random(seed)
    records: list[Json] = []
    total = epochs * steps_per_epoch
    for step in range(every, total + 1, every):
        through = step / total
        mean = 0.2 + 2.1 * math.exp(-through * epochs * 1.2) + rng.gauss(0, 0.035)
        head = {"s": step, "e": round(step / steps_per_epoch, 6), "g": 1, "m": step * 0.02, "t": 0.0}
        wide = abs(rng.gauss(0.05, 0.02))
        loss = [mean - wide, mean, mean + wide]
        if step == spike:
            loss = [mean, 30.0, 30.0]
        rate = 0.001 if through < 0.6 else 0.0001
        records.append(
            {"k": "steps", **head, "n": every, "loss": loss, "gradient_norm": [mean / 3, mean / 2, mean],
             "learning_rate": rate, "samples_per_s": 41_000 + rng.gauss(0, 600)}
        )  # fmt: skip
        if step % steps_per_epoch == 0:
            train = 0.19 + 1.1 * math.exp(-through * epochs * 0.9)
            over = max(0.0, through - turns) * 0.4
            records.append(
                {"k": "epoch", **head, "e": step // steps_per_epoch, "train_loss": train,
                 "val_loss": train * 1.04 + over, "train_accuracy": 1 - train / 4,
                 "val_accuracy": 1 - train / 4 - over / 3, "penalty": 0.0,
                 "learning_rate": rate, "gradient_norm": mean / 2, "samples_per_s": 41_000.0}
            )  # fmt: skip
    return records


def made_curves(epochs: int = 6, **said: float) -> Curves:
    made = Curves()
    made.add(made_records(epochs, **said))  # type: ignore[arg-type]
    return made
