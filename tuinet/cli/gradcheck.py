"""`tuinet gradcheck`: a network's gradients against finite differences, and the fast device against the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import json_option, set_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output
    from tuinet.presets import TrainingSettings


DIFFERENCES, REFERENCE = 1e-6, 1e-4
"""How far a slot may be off, as a share of its largest gradient."""


@click.command()
@click.argument("preset")
@set_option
@json_option
def gradcheck(preset: str, overrides: tuple[str, ...], as_json: bool) -> int:
    """Check the gradients of a preset's network.

    The chain rule's gradients against finite differences in float64, then the CPU's against the reference. The exit
    code is 1 where a slot is further off than its tolerance.
    """
    from tuinet import presets
    from tuinet.cli.output import Output
    from tuinet.data import bind_for

    output = Output(as_json=as_json)
    chosen = presets.load(preset).with_overrides(overrides)
    bound = bind_for(chosen)
    training = chosen.training
    parts = (chosen.network(bound.facts), training.loss, training.optimizer, bound)
    rows: list[dict[str, Any]] = []
    for title, check in (("finite differences", _against_differences), ("reference", _against_reference)):
        found = check(parts, training, output)
        for row in found:
            output.record(row)
        _print(output, title, found)
        rows += found
    worst = max(rows, key=lambda row: float(row["worst"]) / float(row["tolerance"]))
    ok = all(row["ok"] for row in rows)
    output.record({"row": "end", "ok": ok, "worst_slot": worst["slot"], "worst": worst["worst"]})
    _print_end(output, ok, worst)
    return 0 if ok else 1


def _against_differences(parts: tuple[Any, ...], training: TrainingSettings, output: Output) -> list[dict[str, Any]]:
    """The chain rule's gradients in float64 against difference quotients of the loss."""
    from tuinet.cli.bar import Bar
    from tuinet.engine.gradient_check import check_gradients
    from tuinet.safe_text import safe

    bar = Bar(output.side)

    def checking(done: int, total: int, name: str) -> None:
        bar.draw(done / max(1, total), "finite differences", (safe(name, 40), f"{done}/{total}"))

    try:
        found = check_gradients(
            *parts, seed=training.seed, augment=training.augment, rtol=DIFFERENCES, on_slot=checking
        )
    finally:
        bar.hide()
    return [_row(row, "finite differences", DIFFERENCES) for row in found]


def _against_reference(parts: tuple[Any, ...], training: TrainingSettings, output: Output) -> list[dict[str, Any]]:
    """The compiled CPU's gradients in float32 against the reference's in float64."""
    from tuinet.cli.bar import Bar
    from tuinet.engine.gradient_check import compare_devices

    bar = Bar(output.side)

    def compiling(done: int, total: int, name: str) -> None:
        bar.draw(done / max(1, total), "compiling, once on this machine", (f"{done}/{total}",))

    try:
        found = compare_devices(
            *parts, seed=training.seed, augment=training.augment, rtol=REFERENCE, on_compile=compiling
        )
    finally:
        bar.hide()
    return [_row(row, "reference", REFERENCE) for row in found]


def _row(row: Any, against: str, tolerance: float) -> dict[str, Any]:
    return {
        "row": "slot",
        "slot": row.slot,
        "against": against,
        "worst": row.worst,
        "index": list(row.index),
        "tolerance": tolerance,
        "ok": row.passed,
    }


def _print(output: Output, title: str, rows: list[dict[str, Any]]) -> None:
    from tuinet.cli.table import Cell, Column, table

    output.say()
    output.say(output.terminal.paint(f"against {title}", "bold"))
    columns = (
        Column("slot", least=10, need=9),
        Column("worst error", right=True, need=8),
        Column("at", right=True, need=3, least=4),
        Column("tolerance", right=True, need=4),
        Column("", need=7),
    )
    cells: list[list[str | Cell]] = [
        [
            row["slot"],
            f"{row['worst']:.1e}",
            _place(row["index"]),
            f"{row['tolerance']:.0e}",
            Cell("ok", ("good",)) if row["ok"] else Cell("WRONG", ("bad",)),
        ]
        for row in rows
    ]
    for line in table(columns, cells, output.terminal):
        output.say(line)


def _place(index: Any) -> str:
    return ", ".join(str(place) for place in index) if isinstance(index, (list, tuple)) else str(index)


def _print_end(output: Output, ok: bool, worst: dict[str, Any]) -> None:
    from tuinet.safe_text import safe

    slot = safe(str(worst["slot"]), 100)
    output.say()
    if ok:
        output.prose(f"Every gradient agrees; the largest error is {worst['worst']:.1e}, in {slot}.", "good")
    else:
        output.prose(
            f"The gradient of {slot} is wrong: off by {worst['worst']:.1e} at {_place(worst['index'])}, "
            f"where {worst['tolerance']:.0e} is allowed.",
            "bad",
        )
