"""`tuinet ctl`: what the screens can do to a running training, from a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    from tuinet.training.protocol import Message

TENSORS = ("widened", "narrowed", "inserted", "made")
COMMANDS = ("pause", "resume", "step", "slow", "stop", "checkpoint", "set", "apply", "write", "look")


@click.command(context_settings={"ignore_unknown_options": True})  # a negative number is no option
@click.argument("name", metavar="RUN")
@click.argument("command", metavar="COMMAND")
@click.argument("words", metavar="[WORDS]...", nargs=-1)
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="With step: whole epochs instead of batches.")
@runs_option
@json_option
def ctl(
    name: str, command: str, words: tuple[str, ...], epochs: int | None, runs_folder: str | None, as_json: bool
) -> None:
    """Control a training that runs: pause it, change it, stop it.

    \b
    pause, resume           hold it after its step, and go on
    step [N]                train N batches (or --epochs N), then hold
    slow SECONDS            stretch every step to so long; 0 ends it
    set KEY=VALUE           change a setting that may change while it trains
    apply FILE.toml         train on with an edited network; what fits keeps its weights
    write SLOT I,J VALUE    put a number into a parameter
    checkpoint              save now
    stop                    end it after its step, and save
    look NAME [KEY=VALUE]   ask for a heatmap, a histogram, a cell ... as the screens do

    RUN is an id, a unique beginning of one, a folder, or last.
    """
    from tuinet.cli.output import Output
    from tuinet.errors import UsageError, nearest
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen
    from tuinet.safe_text import safe
    from tuinet.training.client import Connection

    output = Output(as_json=as_json)
    if command not in COMMANDS:
        hint = nearest(command, COMMANDS) or "."
        raise UsageError(f"ctl: {safe(command, 40)} is no command{hint} Known: {', '.join(COMMANDS)}")
    if epochs is not None and command != "step":
        raise UsageError(f"--epochs goes with step, not with {command}")
    if unknown := next((word for word in words if word.startswith("--")), None):
        hint = nearest(unknown, ("--epochs", "--runs", "--json")) or "."
        raise UsageError(f"ctl: there is no option {safe(unknown, 40)}{hint}")
    run = find(name, chosen(runs_folder))
    wanted = asked(command, words, epochs)
    with Connection(run) as connection:
        for fields in wanted:
            answer = connection.request(command, **fields)
            output.record({"command": command, "run": run.id, **fields, "answer": _shown(answer)})
            for line in _told(command, fields, answer):
                output.say(safe(line, 1_000))


def asked(command: str, words: Sequence[str], epochs: int | None) -> list[dict[str, Any]]:
    """What is asked of the worker, in the order of the words. UsageError where they are not right."""
    from tuinet.errors import UsageError

    if command == "set":
        if not words:
            raise UsageError("set wants KEY=VALUE, as in training.optimizer.learning_rate=0.01")
        return [_setting(word) for word in words]
    if command == "step":
        many = {"epochs": epochs} if epochs is not None else {"batches": _whole("step", words[0])} if words else {}
        return _only(command, words, 0 if epochs is not None else 1, [many])
    if command == "slow":
        if not words:
            raise UsageError("slow wants the seconds that a step is to take, as in slow 0.5")
        return _only(command, words, 1, [{"seconds": _number("slow", words[0])}])
    if command == "apply":
        if not words:
            raise UsageError("apply wants the file of the edited preset, as in apply mine.toml")
        return _only(command, words, 1, [{"preset": _text_of(words[0])}])
    if command == "write":
        if len(words) < 3:
            raise UsageError("write wants a parameter, a place in it and a number, as in write hidden.W 3,5 0.25")
        index = [_whole("write", word) for word in words[1].split(",") if word.strip()]
        return _only(command, words, 3, [{"slot": words[0], "index": index, "value": _number("write", words[2])}])
    if command == "look":
        if not words:
            raise UsageError("look wants a name, as in look parameters")
        request = {key: value for word in words[1:] for key, value in [_pair(word)]}
        return [{"look": words[0], "request": request}]
    return _only(command, words, 0, [{}])


def _only(command: str, words: Sequence[str], most: int, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    if len(words) > most:
        raise UsageError(f"{command} takes {most or 'no'} word{'s' * (most != 1)}; {safe(words[most], 60)} is too much")
    return asked


def _setting(word: str) -> dict[str, Any]:
    """An empty value takes the setting out, as with --set."""
    key, value = _pair(word)
    return {"key": key, "value": "" if value is None else value}


def _pair(word: str) -> tuple[str, Any]:
    from tuinet.errors import UsageError
    from tuinet.presets.overrides import parsed
    from tuinet.safe_text import safe

    key, sign, value = word.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"{safe(word, 80)} must have the form KEY=VALUE, as in training.optimizer.learning_rate=0.01")
    return key.strip(), parsed(value.strip())


def _whole(command: str, word: str) -> int:
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    try:
        return int(word)
    except ValueError:
        raise UsageError(f"{command}: {safe(word, 40)} is not a whole number") from None


def _number(command: str, word: str) -> float:
    from tuinet.errors import UsageError
    from tuinet.safe_text import safe

    try:
        return float(word)
    except ValueError:
        raise UsageError(f"{command}: {safe(word, 40)} is not a number") from None


def _text_of(file: str) -> str:
    """The preset as it stands, checked here first, so that an error has the user's file and line."""
    from tuinet import presets

    return presets.load(file).resolved()


def _shown(answer: Message) -> dict[str, Any]:
    """The answer's fields for --json, with what followed them as numbers."""
    fields = {key: value for key, value in answer.fields.items() if key not in ("re", "ok")}
    return {**fields, "body": list(answer.body)} if answer.body else fields


def _told(command: str, fields: dict[str, Any], answer: Message) -> list[str]:
    """The answer in words."""
    from tuinet import figures

    said = _shown(answer)
    if command in ("pause", "resume", "checkpoint", "stop"):
        words = {"pause": "paused", "resume": "goes on", "checkpoint": "saved", "stop": "stops, and saves"}[command]
        return [f"{words} at step {figures.count(said.get('step'))}"]
    if command == "step":
        return [f"trains to step {figures.count(said.get('until'))}, then holds"]
    if command == "slow":
        return [f"{said['seconds']:g} seconds a step" if said.get("seconds") else "full speed"]
    if command == "set":
        return _changed(said) or [f"{fields['key']} is so already"]
    if command == "write":
        return [f"{fields['slot']}: {said.get('old')} to {said.get('new')}"]
    if command == "apply":
        return _changed(said) + _tensors(said) if said.get("changes") else ["the training is of this preset already"]
    return [f"{key}: {value}" for key, value in said.items()]


def _changed(answer: dict[str, Any]) -> list[str]:
    """A line for each setting that is another one now."""
    from tuinet import figures

    at = f" from step {figures.count(answer.get('step'))} on"
    return [
        f"{change['key']}: {figures.setting(change['old'])} to {figures.setting(change['new'])}{at}"
        for change in answer.get("changes") or []
    ]


def _tensors(answer: dict[str, Any]) -> list[str]:
    """What became of them, and whether the network says what it said."""
    kept, differs = answer.get("kept"), answer.get("differs")
    lines = [f"kept: {', '.join(kept)}"] if kept else []
    lines += [f"{word}: {text}" for word in TENSORS for text in answer.get(word) or []]
    return [*lines, f"the outputs change: {'; '.join(differs)}" if differs else "the network says what it said before"]
