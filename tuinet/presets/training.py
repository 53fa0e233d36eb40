"""The [training] table of a preset: loss, steps, optimizer, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass

from tuinet.data.augment import Augment
from tuinet.fields import REQUIRED, choice, flag, optional, part, real, table, text, whole
from tuinet.losses import LOSSES, Loss
from tuinet.optimizers import MONITORS, OPTIMIZERS, SCHEDULES, Optimizer, Schedule

GOAL = r"\s*|\s*[A-Za-z_0-9]{1,40}\s*(>=|<=|>|<)\s*[-+]?[0-9.]{1,30}([eE][-+]?[0-9]{1,3})?\s*"


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """Stop when a measured value has not improved for a while."""

    monitor: str = choice("val_loss", MONITORS, noun="a measured value", live=True, help="what must improve")
    min_delta: float = real(0.0, at_least=0.0, live=True, help="a smaller change is no improvement")
    patience: int = whole(5, at_least=1, live=True, help="epochs without improvement that are waited for")
    restore_best: bool = flag(True, live=True, help="end with the weights of the best epoch instead of the last ones")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How the network is trained, and for how long."""

    loss: Loss = part(REQUIRED, LOSSES, noun="a loss", help="what training makes small")  # noqa: RUF009
    epochs: int = whole(10, at_least=1, at_most=10_000_000, live=True, help="how often every training example is used")
    batch_size: int | str = whole(
        32, at_least=1, symbols=("all",), live=True, help='examples in a step; "all": the whole training part'
    )
    seed: int = whole(1, at_least=0, help="decides first weights, order, split and dropout")
    optimizer: Optimizer = part("adam", OPTIMIZERS, noun="an optimizer", help="how a step is made")  # noqa: RUF009
    schedule: Schedule = part(  # noqa: RUF009
        "constant", SCHEDULES, noun="a schedule", help="what the learning rate is multiplied by as training goes on"
    )
    early_stopping: EarlyStopping | None = optional(  # noqa: RUF009
        table(REQUIRED, EarlyStopping, help="stop when nothing improves; left out: train to the end")
    )
    augment: Augment | None = optional(  # noqa: RUF009
        table(REQUIRED, Augment, help="change the examples a little each time they are drawn; left out: as they are")
    )
    accumulate: int = whole(
        1, at_least=1, at_most=1_000, live=True, help="batches whose gradients are averaged for a step"
    )
    clip_value: float | None = optional(
        real(at_least=1e-30, live=True, help="cut every entry of the gradient at plus and minus this")
    )
    clip_norm: float | None = optional(
        real(at_least=1e-30, live=True, help="scale the gradient down to this length where it is longer")
    )
    precision: str = choice(
        "float32", ("float32", "tf32"), help="tf32: cuBLAS on a GPU rounds what it multiplies to 10 bits, and is faster"
    )
    max_steps: int | None = optional(whole(at_least=1, live=True, help="stop after so many steps"))
    max_seconds: float | None = optional(
        real(above=0.0, live=True, help="stop after so many seconds of training and measuring")
    )
    until: str = text(
        "", pattern=GOAL, noun='a comparison such as "val_accuracy>=0.9"', live=True, help="stop when this is reached"
    )
