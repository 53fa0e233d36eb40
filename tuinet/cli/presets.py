"""`tuinet presets`: what can be trained, with one line on what each preset teaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tuinet.cli.options import json_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.presets import Headline


@click.command()
@click.argument("words", metavar="[WORD]...", nargs=-1)
@json_option
def presets(words: tuple[str, ...], as_json: bool) -> None:
    """List the presets and what each one teaches.

    With WORDs, only the presets whose name, title or sentence has all of them.
    """
    from tuinet import presets as library
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError, nearest
    from tuinet.safe_text import safe

    output = Output(as_json=as_json)
    everything = library.headlines()
    found = [preset for preset in everything if _has(preset, words)]
    if not found:
        close = nearest(words[0], [preset.name for preset in everything]) if words else ""
        raise UsageError(f"no preset speaks of {safe(' '.join(words), 60)!r}{close}")
    for preset in found:
        output.record(_record(preset))
    _print(output, found)


def _has(preset: Headline, words: tuple[str, ...]) -> bool:
    text = f"{preset.name} {preset.title} {preset.teaches}".lower()
    return all(word.lower() in text for word in words)


def _record(preset: Headline) -> dict[str, object]:
    return {
        "preset": preset.name,
        "title": preset.title,
        "teaches": preset.teaches,
        "tries": list(preset.tries),
        "data": preset.data,
        "variants": list(preset.variants),
        "parameters": None,  # known once data is bound: `tuinet show PRESET` has it
        "file": preset.file,
    }


def _print(output: Output, found: list[Headline]) -> None:
    from tuinet.cells import pad, wrap
    from tuinet.safe_text import safe

    paint, width = output.terminal.paint, output.terminal.prose_width
    longest = max(len(preset.name) for preset in found)
    side_by_side = width >= longest + 40
    for preset in found:
        sentence = safe(preset.teaches or preset.title)
        compares = safe(f"compares {', '.join(preset.variants)}") if preset.variants else ""
        room = width - longest - 2 if side_by_side else width - 2
        lines = [*wrap(sentence, room), *(paint(line, "dim") for line in wrap(compares, room) if compares)]
        if side_by_side:
            output.say(f"{paint(pad(preset.name, longest), 'bold')}  {lines.pop(0)}")
        else:
            output.say(paint(preset.name, "bold"))
        for line in lines:
            output.say(" " * (longest + 2 if side_by_side else 2) + line)
    output.say()
    output.commands(["tuinet show PRESET", "tuinet run PRESET"])
