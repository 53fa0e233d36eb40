"""`tuinet new`: a commented preset of one's own to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from tuinet.cli.options import json_option


@click.command()
@click.argument("file", metavar="[FILE]", default="my.toml", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--from", "origin", metavar="PRESET", help="Start from this preset instead of the commented one.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def new(file: str, origin: str | None, force: bool, as_json: bool) -> None:
    """Write a commented preset to start from (my.toml; - for standard output)."""
    from tuinet import presets
    from tuinet.atomic import write_named
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    text = presets.load(origin).text if origin else presets.template()
    output = Output(as_json=as_json)
    if file == "-":
        if as_json:
            output.record({"file": None, "preset": "my", "text": text})
        else:
            click.echo(text, nl=False)
        return
    if not file:
        raise UsageError("new wants the name of a file, such as my.toml")
    path = Path(file)
    if path.exists() and not force:
        raise UsageError(f"{file} is there already; give another name, or --force to write over it")
    if path.suffix != ".toml":
        raise UsageError(
            f"{file} does not end in .toml, by which `tuinet run` knows a preset file; try {path.with_suffix('.toml')}"
        )
    write_named(path, text.encode())
    output.record({"file": str(path.absolute()), "preset": path.stem})
    name = safe(shlex.quote(file))
    output.prose(f"Wrote {name}. Change what you like, then:")
    output.say(f"  tuinet show {name}")
    output.say(f"  tuinet run {name}")
