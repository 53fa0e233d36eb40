"""`tuinet run`: train a preset, or one made from your own table, in a worker process, and print what it reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option, set_option, training_options

if TYPE_CHECKING:
    from tuinet.presets import Preset


@click.command()
@click.argument("preset", metavar="[PRESET]", required=False)
@set_option
@training_options
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Short for --set training.seed=N.")
@click.option("--variant", metavar="NAME", help="Of a preset that compares, train only this variant.")
@click.option("--init", "init", metavar="RUN", help="Start from this run's weights, where name and shape fit.")
@click.option(
    "--data",
    "data_file",
    metavar="FILE",
    help="Your own table or text, or a folder of pictures: a preset is made for it.",
)
@click.option("--label", metavar="COLUMN", help="With --data: the column to predict (default: the last one).")
@click.option("--pairs", is_flag=True, help="With --data: each line is a text, a tab, and what to write from it.")
@click.option("--series", is_flag=True, help="With --data: its rows follow one another in time; predict the next.")
@runs_option
@json_option
def run(
    preset: str | None,
    overrides: tuple[str, ...],
    epochs: int | None,
    seed: int | None,
    threads: int | None,
    device: str | None,
    until: str | None,
    max_seconds: float | None,
    max_steps: int | None,
    variant: str | None,
    init: str | None,
    data_file: str | None,
    label: str | None,
    pairs: bool,
    series: bool,
    runs_folder: str | None,
    as_json: bool,
) -> int:
    """Train a preset: a name, a .toml file, or - for standard input.

    A preset that compares has its variants trained in turn and set side by side; --set and the limits are for each.
    Ctrl-C saves and stops, and `tuinet resume last` goes on. The exit code is 3 where --until was not met, 4 where the
    training diverged.
    """
    from functools import partial

    from tuinet.cli.comparison import train_variants
    from tuinet.cli.follow import follow
    from tuinet.cli.output import Output
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.training.devices import require
    from tuinet.training.session import start

    output = Output(as_json=as_json)
    words = [f"training.{key}={value}" for key, value in (("epochs", epochs), ("seed", seed)) if value is not None]
    loaded, origin = _preset(preset, data_file, label, pairs, series, overrides)
    require(device or "auto")
    folder = chosen(runs_folder)
    begin = partial(
        start,
        runs=folder,
        device=device or "auto",
        threads=threads,
        until=until,
        max_seconds=max_seconds,
        max_steps=max_steps,
        init=find(init, folder) if init else None,
    )
    if variant is not None:
        loaded, origin = loaded.with_variant(variant), {"variant": variant}
    if not loaded.variants:
        return follow(partial(begin, loaded.with_overrides([*overrides, *words]), origin=origin), output, variant or "")
    return train_variants(
        loaded.each_variant([*overrides, *words]),
        lambda each, source: begin(each, origin=source),
        output,
        preset or "",
    )


def _preset(
    name: str | None, data_file: str | None, label: str | None, pairs: bool, series: bool, overrides: Sequence[str]
) -> tuple[Preset, dict[str, Any] | None]:
    """The preset that is meant, and where it came from if it was made for a table."""
    from tuinet import presets
    from tuinet.errors import UsageError

    if data_file is not None:
        if name is not None:
            raise UsageError(f"run wants either a preset ({name}) or --data ({data_file}), and was given both")
        if pairs and (series or label is not None):
            raise UsageError(
                f"--pairs says what stands in a line, and goes with neither --label nor --series; leave "
                f"{'--series' if series else '--label'} out"
            )
        return made_for(data_file, label, pairs=pairs, series=series, overrides=overrides)
    if pairs:
        raise UsageError("--pairs says what stands in the lines of a file, and goes with --data FILE")
    if label is not None:
        raise UsageError("--label says which column of a table to predict, and goes with --data FILE")
    if series:
        raise UsageError("--series says that the rows of a table follow one another, and goes with --data FILE")
    if name is None:
        raise UsageError("run wants a preset, as in `tuinet run spam-neuron`; `tuinet presets` lists them")
    return presets.load(name), None


def made_for(
    data_file: str, label: str | None, *, pairs: bool = False, series: bool = False, overrides: Sequence[str] = ()
) -> tuple[Preset, dict[str, Any]]:
    """A preset for one's own table, text or pairs of texts, and its origin with the reasons, as run.json keeps it.

    overrides: as --set takes them; those of [data] say how the file is to be read.
    """
    from dataclasses import replace
    from pathlib import Path

    from tuinet import presets
    from tuinet.data.adviser import preset_from_series, preset_from_table
    from tuinet.data.pair_adviser import preset_from_pairs
    from tuinet.errors import UsageError
    from tuinet.presets.overrides import apply
    from tuinet.safe_text import safe

    if not data_file:
        raise UsageError("--data wants the name of a file, such as table.csv")
    path = Path(data_file).expanduser()
    if pairs:
        text, reasons = preset_from_pairs(path)
    else:
        document: dict[str, Any] = {}
        for word in overrides:
            if word.startswith("data."):
                apply(document, word)
        propose = preset_from_series if series else preset_from_table
        text, reasons = propose(path, label, document.get("data", {}))
    made = presets.load(Path.cwd() / f"{path.stem}.toml", text=text)
    # There is no such file: an error names what the preset was made for, and no line that nobody can look up.
    made = replace(made, file=f"the preset made for {safe(data_file, 200)}", lines={})
    said: Sequence[str] = list(reasons)
    return made, {"data": str(path), "reasons": said}
