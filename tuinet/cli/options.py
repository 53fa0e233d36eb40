"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")

runs_option = click.option(
    "--runs",
    "runs_folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Folder of the runs (default: runs in $TUINET_HOME).",
)

set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Another value for a setting, as in training.optimizer.learning_rate=0.01; may be given several times.",
)

colour_option = click.option(
    "--color",
    "colour",
    type=click.Choice(["auto", "truecolor", "256", "16", "none"]),
    default="auto",
    help="Colours of the screens (default: auto).",
)

mouse_option = click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")


def device_of(context: click.Context, parameter: click.Parameter, word: str | None) -> str | None:
    """The value of --device, if it is a device's word. Raises UsageError."""
    from tuinet.training.devices import device_word

    return None if word is None else device_word(word)


def training_options(command: F) -> F:
    """What a run and a resume both can be told: where it runs, and when it ends."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command


class RealRange(click.FloatRange):
    """click's own lets nan through, which is in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


_TRAINING = (
    click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Short for --set training.epochs=N."),
    click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Threads that share a batch."),
    click.option(
        "--device", metavar="auto|cpu|cuda[:N]|reference", callback=device_of, help="Where to train (default: auto)."
    ),
    click.option("--until", metavar="GOAL", help="Stop when this is reached, as in 'val_accuracy>=0.9'."),
    click.option("--max-seconds", type=RealRange(min=0, min_open=True), metavar="S", help="Stop after S seconds."),
    click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="Stop after N steps."),
)
