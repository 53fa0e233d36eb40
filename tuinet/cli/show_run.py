"""A run as a whole: what it is, how far it came, its curve, and what happened on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuinet import figures
from tuinet.cells import wrap
from tuinet.cli.baselines import baseline_lines
from tuinet.runs.history import epochs
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.diagnostics.by_class import ByClass
    from tuinet.runs import RunFolder

MORE = (
    "title", "device", "gpu", "threads", "seed", "parameters", "final", "test", "baselines", "error", "weights_sha256",
)  # fmt: skip
TOLD = ("changed", "alert")
LAST_ROWS = 10
MOST_CLASSES = 12
MOST_PAIRS = 3
SENTENCE = 1_000


def show_run(output: Output, run: RunFolder, *, classes: bool = False) -> None:
    """Print a run. Reading needs no lock: a run that is being trained is shown as far as it is.

    classes: each class has its line, however many there are.
    """
    from tuinet.runs.listing import summarised

    info = run.info()
    summary = summarised(run)
    rows, damaged = epochs(run)
    events, damaged_events = run.events().read()
    more = {key: info.get(key) for key in (*MORE, "versions", "generation")}
    output.record({"row": "run", **(summary.row() if summary else {}), **more})
    for row in rows:
        output.record({"row": "epoch", **row})
    for event in events:
        output.record({"row": "event", **event})
    by_class = _by_class(output, run)
    for row in by_class.rows() if by_class is not None else ():
        output.record({"row": "class", **row})
    if rows:  # run.json may be a second behind
        last = rows[-1]
        info |= {
            "epoch": max(info["epoch"] or 0, last["epoch"]),
            "seconds": max(info["seconds"] or 0.0, last["seconds"]),
        }
    _print_head(output, run, info)
    _print_epochs(output, rows, info)
    if by_class is not None:
        print_classes(output, by_class, every=classes)
    elif classes:
        output.prose("Nothing is kept of its classes: that is measured when a training of classes is finished.", "warn")
    _print_events(output, events)
    _print_end(output, run, info, events)
    if damaged + damaged_events:
        output.prose(f"{figures.plural(damaged + damaged_events, 'damaged record')} passed over.", "warn")


def _print_head(output: Output, run: RunFolder, info: dict[str, Any]) -> None:
    from tuinet.cli.runs import STATE_PAINT
    from tuinet.runs.wall_clock import seconds_since

    state = run.state_of(info)
    ago = seconds_since(info["created"])
    output.say()
    output.heading(safe(run.id, 80), safe(info["title"], 200))
    words = [
        state,
        f"{info['epoch'] or 0:.4g}" + (f" of {info['epochs']:.6g} epochs" if info["epochs"] else " epochs"),
        figures.duration(info["seconds"]),
        "" if ago is None else ("just now" if ago < 60 else f"{figures.age(ago)} ago"),
    ]
    first, *rest = wrap(" · ".join(word for word in words if word), output.terminal.prose_width)
    kinds = STATE_PAINT.get(state, ("bold",))
    for line in (output.terminal.paint(state, *kinds) + first.removeprefix(state), *rest):
        output.say(line)
    parameters = info["parameters"]
    words = [
        "" if parameters is None else figures.plural(parameters, "parameter"),
        figures.device(info["device"], info["gpu"], info["threads"]),
        "" if info["seed"] is None else f"seed {info['seed']}",
        f"on {info['host']}",
    ]
    output.prose(safe(" · ".join(word for word in words if word), SENTENCE), "dim")


def _print_epochs(output: Output, rows: list[dict[str, Any]], info: dict[str, Any]) -> None:
    from tuinet.cli.chart import Curve, chart
    from tuinet.cli.epoch_table import EpochTable

    if not rows:
        return
    output.say()
    names = [name for name in ("train_loss", "val_loss") if name in rows[0]]
    if len(rows) > 1:
        curves = [
            Curve(name.replace("_", " "), [(float(row["epoch"]), float(row[name])) for row in rows if name in row])
            for name in names
        ]
        for line in chart(curves, output.terminal):
            output.say(line)
        output.say()
    table = EpochTable(rows[0], {"epochs": info["epochs"], "monitor": info["monitor"]}, output.terminal)
    better = [table.see(row) for row in rows]
    first = max(0, len(rows) - LAST_ROWS)
    for line in table.title_lines():
        output.say(line)
    if first:
        output.say(output.terminal.paint(f"({figures.plural(first, 'epoch')} before; --json has all)", "dim"))
    for row, mark in list(zip(rows, better, strict=True))[first:]:
        output.say(table.row(row, mark))
    for line in table.best_lines():
        output.say(line)


def _by_class(output: Output, run: RunFolder) -> ByClass | None:
    from tuinet.errors import RunDamaged

    try:
        return run.by_class()
    except RunDamaged as error:
        output.note(str(error))
        return None


def print_classes(output: Output, by_class: ByClass, *, every: bool) -> None:
    """Precision, recall and F1 of each class, or of those that are known worst where there are many."""
    from tuinet.cli.table import Column, table

    rows = list(by_class.rows())
    left = 0 if every else max(0, len(rows) - MOST_CLASSES)
    if left:
        rows = sorted(rows, key=lambda row: row["f1"] if row["f1"] is not None else -1.0)[:MOST_CLASSES]
    columns = (
        Column("class", least=8, need=9),
        Column("precision", right=True, need=7),
        Column("recall", right=True, need=8),
        Column("F1", right=True, need=6),
        Column("examples", right=True, need=5),
    )
    shares = ("precision", "recall", "f1")
    cells = [
        [row["class"], *(figures.share(row[key]) for key in shares), figures.count(row["support"])] for row in rows
    ]
    output.say()
    for line in table(columns, cells, output.terminal):
        output.say(line)
    if left:
        output.say(output.terminal.paint(f"({left:,} classes that are known better; --classes shows all)", "dim"))
    names = [safe(name, 40) for name in by_class.names]
    pairs = [f"{names[true]} as {names[taken]} ({often})" for true, taken, often in by_class.confused[:MOST_PAIRS]]
    if pairs:
        output.prose(f"Most often taken for one another: {', '.join(pairs)}.", "dim")


def _print_events(output: Output, events: list[dict[str, Any]]) -> None:
    told = [event for event in events if event.get("k") in TOLD]
    if told:
        output.say()
    for event in told[-LAST_ROWS:]:
        place = f"step {figures.count(event['s'])}: " if event["s"] else ""
        if event["k"] == "changed":
            text = f"{event.get('key')}: {figures.setting(event.get('old'))} to {figures.setting(event.get('new'))}"
            output.prose(safe(f"{place}{text} ({event.get('why')})", SENTENCE), "accent", indent="  ")
        else:
            output.prose(safe(f"{place}{event.get('message')}", SENTENCE), "warn", indent="  ")


def _print_end(output: Output, run: RunFolder, info: dict[str, Any], events: list[dict[str, Any]]) -> None:
    from tuinet.cli.neuron import neuron_lines
    from tuinet.cli.printer import verdict_lines

    verdicts = [event for event in events if event.get("k") == "verdict"]
    output.say()
    if verdicts:
        for line in verdict_lines(verdicts[-1], output):
            output.say(line)
    if info["error"]:
        output.prose(safe(info["error"], SENTENCE), "bad")
    if info["test"]:
        output.prose(safe(f"test part: {figures.metrics(info['test'])}", SENTENCE))
    for line in baseline_lines(info["baselines"], output.terminal):
        output.say(line)
    for line in neuron_lines(run, output):
        output.say(line)
    output.say()
    kept = ", ".join(f"step {figures.count(one.step)} ({figures.size(one.size)})" for one in run.checkpoints())
    output.prose(f"checkpoints: {kept or 'none'}", "dim", indent="  ")
    output.prose(safe(str(run.path)), "dim")
