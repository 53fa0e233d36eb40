"""`tuinet resume`: a run that was stopped or killed goes on from its last good checkpoint, to the same weights."""

from __future__ import annotations

import click

from tuinet.cli.options import json_option, runs_option, set_option, training_options


@click.command()
@click.argument("name", metavar="RUN")
@set_option
@training_options
@runs_option
@json_option
def resume(
    name: str,
    overrides: tuple[str, ...],
    epochs: int | None,
    threads: int | None,
    device: str | None,
    until: str | None,
    max_seconds: float | None,
    max_steps: int | None,
    runs_folder: str | None,
    as_json: bool,
) -> int:
    """Go on with a run from its last checkpoint.

    It goes on as it began. What may change while it trains can be set here too: its limits, the learning rate, the
    batch size, penalties, dropout, augmentation. RUN is an id, a unique beginning of one, a folder, or last.
    """
    from functools import partial

    from tuinet.cli.follow import follow
    from tuinet.cli.output import Output
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.training.session import resume as go_on

    output = Output(as_json=as_json)
    limits = {"epochs": epochs, "until": until, "max_seconds": max_seconds, "max_steps": max_steps}
    words = [f"training.{key}={value}" for key, value in limits.items() if value is not None]
    folder = find(name, chosen(runs_folder))
    begin = partial(go_on, folder, overrides=[*overrides, *words], device=device, threads=threads)
    return follow(begin, output)
