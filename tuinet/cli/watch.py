"""`tuinet watch`: a training told line by line, for screen readers, logs and slow lines; read from the run's files."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, runs_option

if TYPE_CHECKING:
    from tuinet.runs import RunFolder

EVERY = 0.3  # seconds between two looks into the files


@click.command()
@click.argument("name", metavar="[RUN]", default="last")
@click.option("--plain", is_flag=True, help="A sentence an epoch, without a table: for screen readers and logs.")
@runs_option
@json_option
def watch(name: str, plain: bool, runs_folder: str | None, as_json: bool) -> None:
    """Follow a training, line by line, to its end.

    What it has done so far comes first. Ctrl-C ends the watching; the run trains on. RUN is an id, a unique beginning
    of one, a folder, or last (the default).
    """
    from tuinet.cli.follow import record
    from tuinet.cli.output import Output
    from tuinet.cli.printer import Printer
    from tuinet.runs import find
    from tuinet.runs import runs_folder as chosen

    output = Output(as_json=as_json)
    run = find(name, chosen(runs_folder))
    printer = Printer(output)
    try:
        for event in told(run):
            record(output, event)
            if plain:
                for line in sentences(event):
                    output.prose(line)
            else:
                printer.show(event)
            output.terminal.stream.flush()
    except KeyboardInterrupt:
        printer.hide_bar()
        output.note(f"watching ends; {run.id} trains on" if run.is_live() else "watching ends")


def told(run: RunFolder) -> Iterator[dict[str, Any]]:
    """The events of the run so far, and then what comes, until no worker has the run any more."""
    info = run.info()
    yield start_of(run, info)
    metrics, events, offsets = run.metrics(), run.events(), [0, 0]
    first, done = True, False
    while not done:
        done = not run.is_live()  # asked before reading: what came until then is read below
        found = []
        for place, records in enumerate((metrics, events)):
            tail = records.follow(offsets[place])
            offsets[place] = tail.offset
            found += tail.records
        if first:
            found, first = _overtaken(found), False
        for record in sorted(found, key=lambda record: (record["g"], record["t"])):
            if (event := event_of(record, run.id)) is not None:
                yield event | _known_at_the_end(run) if event["event"] == "end" else event
        if not done:
            time.sleep(EVERY)
    state = run.state()
    if state not in ("finished", "stopped", "diverged"):
        yield {"event": "warning", "step": None, "code": "machine", "message": f"{run.id} is {state}"}


def _known_at_the_end(run: RunFolder) -> dict[str, Any]:
    """What run.json says of an end, and its record does not."""
    info = run.info()
    return {key: info[key] for key in ("monitor", "baselines")}


def start_of(run: RunFolder, info: dict[str, Any]) -> dict[str, Any]:
    """What can be said at the start of a run from its files, under the keys of the event `start`."""
    from tuinet import presets

    preset = presets.load(run.path / "preset.toml").table()
    keys = ("device", "gpu", "threads", "seed", "parameters", "epochs", "monitor", "generation", "versions")
    return {"event": "start", "run": run.id, "folder": str(run.path), "name": info["preset"], "preset": preset,
            **{key: info[key] for key in keys}}  # fmt: skip


def event_of(record: dict[str, Any], run: str) -> dict[str, Any] | None:
    """A record as the event that it was; None for those that nobody is told of line by line."""
    kind = {"alert": "warning", "stopped": "end"}.get(record["k"], record["k"])
    if kind not in ("epoch", "evaluation", "changed", "warning", "verdict", "end"):
        return None
    fields = {key: value for key, value in record.items() if key not in ("k", "s", "e", "g", "m", "t")}
    # Epochs are counted by those that are done, as `run` tells them; what is measured inside one stands where it is.
    whole = record["e"] if kind == "evaluation" else math.floor(record["e"] + 1e-6)
    place = {"step": record["s"], "epoch": whole, "seconds": record["m"]}
    return {"event": kind, **({"run": run} if kind == "end" else {}), **place, **fields}


def _overtaken(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a later generation has trained again, and without the ends from which it went on."""
    from tuinet.runs.records import latest

    measured = {"steps", "epoch", "evaluation", "test"}
    newest = max((record["g"] for record in records), default=0)
    kept = [r for r in records if r["k"] not in measured and (r["g"] == newest or r["k"] not in ("verdict", "stopped"))]
    return latest([r for r in records if r["k"] in measured]) + kept


def sentences(event: dict[str, Any]) -> list[str]:
    """One event in whole sentences, without columns, colours or signs that a voice stumbles over."""
    from tuinet import figures
    from tuinet.safe_text import safe

    kind = event["event"]
    if kind == "start":
        epochs = f", {event['epochs']} epochs planned" if event.get("epochs") else ""
        return [safe(f"Run {event['run']}, preset {event['name']}{epochs}.", 300)]
    if kind in ("epoch", "evaluation"):
        order = [name for name in event if name.startswith(("train_", "val_"))]
        values = ", ".join(f"{name.replace('_', ' ')} {figures.metric(name, event[name])}" for name in order)
        return [safe(f"Epoch {event['epoch']:g}, step {event['step']}: {values}.", 1_000)]
    if kind == "changed":
        old, new = figures.setting(event.get("old")), figures.setting(event.get("new"))
        return [safe(f"Changed at step {event['step']}: {event.get('key')} from {old} to {new}.", 1_000)]
    if kind == "warning":
        return [safe(f"Warning: {event.get('message')}", 1_000)]
    if kind == "verdict":
        return [safe(f"Verdict: {event.get('word')}. {event.get('sentence') or ''}", 1_000)]
    best = "" if event.get("best_epoch") is None else f" Best epoch: {event['best_epoch']}."
    until = event.get("until")
    met = "" if until is None else f" The goal was {'' if until else 'not '}met."
    error = f" {event['error']}" if event.get("error") else ""
    return [safe(f"The run is {event.get('state')} ({event.get('reason')}).{best}{met}{error}", 1_000)]
