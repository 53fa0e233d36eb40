"""`tuinet show`: a preset's network layer by layer, a run as a whole, or the settings that a word of a preset has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuinet.cli.options import json_option, runs_option, set_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output


@click.command()
@click.argument("name", metavar="PRESET|RUN|WORD")
@click.option("--program", is_flag=True, help="List the program: forward, loss, backward, update.")
@click.option("--attention", metavar="TEXT", help="Of a run: where its attentions look while it reads TEXT.")
@click.option("--variant", metavar="NAME", help="Of a preset that compares, show this variant.")
@click.option("--classes", is_flag=True, help="Of a run: precision, recall and F1 of every class.")
@set_option
@runs_option
@json_option
def show(
    name: str,
    program: bool,
    attention: str | None,
    variant: str | None,
    classes: bool,
    overrides: tuple[str, ...],
    runs_folder: str | None,
    as_json: bool,
) -> None:
    """Show a preset's layers, a run, or what can be set.

    PRESET is a name, a .toml file or -; RUN an id, a unique beginning of one, a folder, or last; WORD a table or type
    of a preset (training, data, dense, adam, cosine ...), whose settings are listed.
    """
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    if classes and is_preset(name):
        raise UsageError("--classes is for a run: a preset has not been trained yet")
    if attention is not None:
        _show_attention(output, name, runs_folder, attention, overrides or program or classes or variant)
    elif is_preset(name):
        from tuinet.cli.show_preset import show_preset

        show_preset(output, name, overrides, program, variant)
    elif variant is not None:
        raise UsageError(f"--variant chooses one of a preset's variants, and {safe(name, 80)} is no preset")
    elif settings := _settings_of(name, runs_folder):
        from tuinet.cli.show_settings import show_settings

        show_settings(output, name, settings)
    elif overrides:
        raise UsageError("--set changes a preset before it is shown; a run is shown as it was trained")
    else:
        _show_run(output, name, runs_folder, program, classes)


def _show_attention(output: Output, name: str, runs_folder: str | None, text: str, more: object) -> None:
    from tuinet import runs
    from tuinet.cli.attention import show_attention
    from tuinet.errors import UsageError

    if more:
        raise UsageError("--attention stands alone: it goes with none of --set, --program, --classes, --variant")
    show_attention(output, runs.find(name, runs.runs_folder(runs_folder)), text)


def is_preset(name: str) -> bool:
    """Whether the word names a preset: one of tuinet's own by its exact name, a .toml file, or standard input."""
    from tuinet import presets

    return name == "-" or name.endswith(".toml") or name in presets.names()


def _settings_of(name: str, runs_folder: str | None) -> list[type]:
    """The classes whose settings the word stands for; none where a run has that very id."""
    from tuinet.runs import runs_folder as chosen

    if Path(name).is_dir() or (chosen(runs_folder) / name).is_dir() or name == "last":
        return []
    from tuinet.cli.show_settings import classes_called

    return classes_called(name)


def _show_run(output: Output, name: str, runs_folder: str | None, program: bool, classes: bool) -> None:
    from tuinet import presets, runs
    from tuinet.cli.show_settings import words
    from tuinet.errors import RunNotFound, nearest
    from tuinet.safe_text import safe

    try:
        run = runs.find(name, runs.runs_folder(runs_folder))
    except RunNotFound as error:
        if Path(name).exists() or name == "last" or "beginning" in str(error):
            raise
        close = nearest(name, [*presets.names(), *words()]) or "; `tuinet presets` and `tuinet runs` list them"
        raise RunNotFound(f'there is no preset and no run called "{safe(name, 80)}"{close}') from None
    if program:
        from tuinet.cli.show_preset import show_preset

        show_preset(output, str(run.path / "preset.toml"), (), program)
        return
    from tuinet.cli.show_run import show_run

    show_run(output, run, classes=classes)
