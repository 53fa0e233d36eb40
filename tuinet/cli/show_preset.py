"""A preset's network with every shape worked out: layers, parameters, work and memory, or its program call by call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.data import Bound, Facts
    from tuinet.engine.plan import Plan
    from tuinet.presets import Preset


def show_preset(output: Output, name: str, overrides: Sequence[str], program: bool, variant: str | None = None) -> None:
    """Print the layer table of a preset, or of one of its variants, or with `program` the calls of its program.

    Of a preset that compares, its variants are listed below the network that it is as it stands.
    """
    from tuinet import presets
    from tuinet.data import bind_for

    preset = presets.load(name)
    variants = preset.each_variant(overrides) if variant is None and not program else []
    preset = (preset if variant is None else preset.with_variant(variant)).with_overrides(overrides)
    bound = bind_for(preset)
    planned = _planned(preset, bound)
    if program:
        _show_program(output, planned)
        return
    facts = bound.facts
    output.record(_network_row(preset, facts, planned))
    for row in planned.rows:
        output.record(layer_row(row, planned.parameters))
    _print(output, preset, facts, planned)
    if variants:
        _show_variants(output, preset, bound, variants)
    _print_tries(output, preset)


def _planned(preset: Preset, bound: Bound) -> Plan:
    from tuinet.training.planning import plan_of

    return plan_of(preset, bound.facts, len(bound.train.inputs))


# -- rows ------------------------------------------------------------------------------------


def _network_row(preset: Preset, facts: Facts, planned: Plan) -> dict[str, Any]:
    return {
        "row": "network",
        "preset": preset.name,
        "variant": preset.variant or None,
        "title": preset.title,
        "inputs": list(facts.inputs),
        "outputs": facts.outputs,
        "parameters": planned.parameters,
        "trainable": planned.trainable_parameters,
        "multiply_adds": planned.multiply_adds,
        "memory_bytes": planned.arena_bytes,
        "batch_size": preset.training.batch_size,
    }


def layer_row(row: Any, parameters: int) -> dict[str, Any]:
    """The row of one layer, as docs/formats.md says."""
    return {
        "row": "layer",
        "path": row.path,
        "type": row.type,
        "input_shape": list(row.input_shape),
        "output_shape": list(row.output_shape),
        "parameters": row.parameters,
        "trainable": row.parameters if row.trainable else 0,
        "share": row.parameters / parameters if parameters else 0.0,
        "multiply_adds": row.multiply_adds,
        "memory_bytes": row.memory_bytes,
    }


# -- people's text ---------------------------------------------------------------------------


def _print(output: Output, preset: Preset, facts: Facts, planned: Plan) -> None:
    from tuinet.cli.table import Column, table
    from tuinet.safe_text import safe

    output.say()
    output.heading(safe(preset.name, 60), safe(preset.title, 200))
    if preset.variant:
        output.prose(f"variant {preset.variant}", "accent")
    if preset.teaches:
        output.prose(safe(preset.teaches, 500))
    output.prose(_data_line(facts), "dim")
    output.say()
    columns = (
        Column("layer", need=9, least=10),
        Column("type", need=7, least=8),
        Column("in", right=True, need=3),
        Column("out", right=True, need=8),
        Column("parameters", right=True, need=8),
        Column("share", right=True, need=4),
        Column("mult-adds", right=True, need=5),
        Column("memory", right=True, need=6),
    )
    rows = _rows(planned)
    for line in table(columns, [*rows, _total(planned)], output.terminal):
        output.say(line)
    output.prose("memory: weights and values of a batch; in total also gradients and optimizer", "dim")
    output.say()
    for line in _training_lines(preset, planned):
        output.prose(line)


def _print_tries(output: Output, preset: Preset) -> None:
    from tuinet.safe_text import safe

    if preset.tries:
        output.say()
        output.say(output.terminal.paint("try", "dim"))
        for words in preset.tries:
            command = words if words.startswith("tuinet ") else f"tuinet run {preset.name} {words}"
            output.prose(safe(command, 300), indent="    ")


def _show_variants(output: Output, preset: Preset, bound: Bound, variants: Sequence[Preset]) -> None:
    from tuinet import figures
    from tuinet.cli.table import Cell, Column, table
    from tuinet.data import bind_for

    rows: list[list[str | Cell]] = []
    for each in variants:
        same = (each.data, each.training.seed) == (preset.data, preset.training.seed)
        planned = _planned(each, bound if same else bind_for(each))
        said = _said_otherwise(each)
        sizes = {
            "parameters": planned.parameters,
            "trainable": planned.trainable_parameters,
            "multiply_adds": planned.multiply_adds,
        }
        output.record({"row": "variant", "variant": each.variant, **sizes, "differs": said})
        words = ", ".join(_brief(key, value) for key, value in said.items()) or "nothing"
        rows.append(
            [
                Cell(each.variant, ("bold",)),
                figures.count(planned.parameters),
                figures.count(planned.multiply_adds),
                words,
            ]
        )
    columns = (
        Column("variant", need=9, least=8),
        Column("parameters", right=True, need=8),
        Column("mult-adds", right=True, need=4),
        Column("what differs", need=7, least=12),
    )
    output.say()
    for line in table(columns, rows, output.terminal):
        output.say(line)
    output.prose("compared in turn by `tuinet run`; --variant NAME shows or trains one of them", "dim")


def _said_otherwise(variant: Preset) -> dict[str, Any]:
    """What a variant says otherwise than the preset that it is of: value by key, "" where something is taken out."""
    from tuinet.presets.variants import settings

    assert variant.whole is not None
    tables = {table["name"]: table for table in variant.whole.variants}
    return {".".join(words): value for words, value in settings(tables[variant.variant])}


def _brief(key: str, value: Any) -> str:
    """A setting and its value, of a list of layers their types."""
    from tuinet import figures

    if value == "":
        return f"without {key}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        times = [f" × {table['repeat']}" if "repeat" in table else "" for table in value]
        types = [figures.setting(table.get("type")) for table in value]
        return f"{key} = {', '.join(word + count for word, count in zip(types, times, strict=True))}"
    return f"{key} = {figures.setting(value)}"


def _rows(planned: Plan) -> list[list[Any]]:
    """A row a layer; of layers that repeat one after the other, the first and one row for the rest."""
    from tuinet import figures
    from tuinet.cli.table import Cell

    cells: list[list[Any]] = []
    for first, *more in _alike(planned):
        cells += [_cells(row, planned.parameters) for row in first]
        if len(more) == 1:
            cells += [_cells(row, planned.parameters) for row in more[0]]
        elif more:
            count, outer = len(more), first[0]
            texts = [
                f"… {more[-1][0].path}",
                f"{count} more alike",
                "",
                "",
                figures.count(outer.parameters * count),
                figures.share(outer.parameters * count / planned.parameters) if planned.parameters else "",
                figures.count(outer.multiply_adds * count),
                figures.size(outer.memory_bytes * count),
            ]
            cells.append([Cell(text, ("dim",)) for text in texts])
    return cells


def _alike(planned: Plan) -> list[list[list[Any]]]:
    """The layers with what they hold, those together that repeat one after the other."""
    groups: list[list[Any]] = []
    for row in planned.rows:
        if "." in row.path and groups:
            groups[-1].append(row)
        else:
            groups.append([row])
    together: list[list[list[Any]]] = []
    for group in groups:
        if together and _form(together[-1][0]) == _form(group):
            together[-1].append(group)
        else:
            together.append([group])
    return together


def _form(group: list[Any]) -> list[tuple[Any, ...]]:
    """Everything about a layer and what it holds, but its name."""
    return [
        (row.path.partition(".")[2], row.type, row.input_shape, row.output_shape, row.parameters, row.trainable)
        for row in group
    ]


def _cells(row: Any, parameters: int) -> list[Any]:
    from tuinet import figures
    from tuinet.cli.table import Cell

    depth = "  " * row.path.count(".")
    frozen = "" if row.trainable or not row.parameters else " (frozen)"
    return [
        Cell(depth + row.path.rpartition(".")[2], ("bold",)),
        row.type + frozen,
        figures.shape(row.input_shape),
        figures.shape(row.output_shape),
        figures.count(row.parameters) if row.parameters else figures.NOTHING,
        figures.share(row.parameters / parameters) if row.parameters else "",
        figures.count(row.multiply_adds) if row.multiply_adds else figures.NOTHING,
        figures.size(row.memory_bytes),
    ]


def _total(planned: Plan) -> list[Any]:
    from tuinet import figures
    from tuinet.cli.table import Cell

    texts = [
        "total",
        "",
        "",
        "",
        figures.count(planned.parameters),
        "",
        figures.count(planned.multiply_adds),
        figures.size(planned.arena_bytes),
    ]
    return [Cell(text, ("dim",)) for text in texts]


def _data_line(facts: Facts) -> str:
    from tuinet import figures
    from tuinet.safe_text import safe

    output = figures.plural(facts.outputs, "output")
    what = {"classes": figures.plural(facts.classes, "class", "classes"), "binary": "yes or no"}.get(facts.task, output)
    return f"{safe(facts.name, 60)}: inputs {figures.shape(facts.inputs)}, {what}"


def _training_lines(preset: Preset, planned: Plan) -> list[str]:
    from tuinet import figures
    from tuinet.fields import type_word
    from tuinet.losses import LOSSES
    from tuinet.optimizers import OPTIMIZERS, SCHEDULES

    training = preset.training
    schedule = type_word(training.schedule, SCHEDULES)
    rate = figures.setting(training.optimizer.learning_rate)
    words = [
        type_word(training.loss, LOSSES).replace("_", " "),
        f"{type_word(training.optimizer, OPTIMIZERS)} {rate}" + ("" if schedule == "constant" else f", {schedule}"),
        f"batch {training.batch_size}",
        figures.plural(training.epochs, "epoch"),
        f"seed {training.seed}",
    ]
    frozen = planned.parameters - planned.trainable_parameters
    return [" · ".join(words)] + ([f"{figures.plural(frozen, 'parameter')} frozen"] if frozen else [])


def _show_program(output: Output, planned: Plan) -> None:
    from tuinet.safe_text import safe

    for part, calls in planned.listing().items():
        output.say(output.terminal.paint(part, "bold"))
        for number, call in enumerate(calls, 1):
            output.record({"row": "call", "part": part, "number": number, "text": str(call)})
            output.say(f"{number:5}  {safe(str(call), 400)}")
        output.say()
