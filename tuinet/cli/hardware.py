"""`tuinet bench --hardware`: the same network on processor and GPU, and from which width on the GPU wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuinet.cli.output import Output, Terminal
    from tuinet.diagnostics.hardware import Timed
    from tuinet.engine.cuda.devices import Device

BAR = 10  # cells


def hardware(output: Output, device: str, widths: Sequence[int], batch: int, threads: int | None) -> int:
    """The exit code: 1 where a GPU was asked for by name and cannot be used."""
    from tuinet.diagnostics.hardware import sentence, wins_from

    gpu, no_gpu = _gpu(device)
    found = _timed(output, gpu, sorted(set(widths)), batch, threads)
    output.record({"row": "end", "wins_from": wins_from(found), "sentence": sentence(found), "no_gpu": no_gpu or None})
    _print(output, found, gpu, batch)
    output.say()
    if no_gpu:
        output.prose(f"Only the processor was timed: {no_gpu}.", "warn")
    elif gpu is not None:
        output.prose(sentence(found))
    return 1 if no_gpu and device != "auto" else 0


def _gpu(word: str) -> tuple[Device | None, str]:
    """The GPU to be timed, or why there is none; neither where none is wanted."""
    from tuinet.errors import NoDevice
    from tuinet.training.devices import gpu_of

    if word == "cpu":
        return None, ""
    try:
        return gpu_of(word), ""
    except NoDevice as error:
        return None, str(error)


def _timed(output: Output, gpu: Device | None, widths: Sequence[int], batch: int, threads: int | None) -> list[Timed]:
    from tuinet.cli.bar import Bar
    from tuinet.engine.hardware import timed

    bar, found = Bar(output.side), []
    places = ["cpu", *([gpu.word] if gpu is not None else [])]
    work = [(width, place) for width in widths for place in places]
    for number, (width, place) in enumerate(work):
        bar.draw(number / len(work), f"width {width:,}", (place,), at_once=True)
        one = timed(width, place, batch=batch, threads=threads)
        found.append(one)
        bar.hide()
        output.record(_row(one, batch, gpu))
    return found


def _row(one: Timed, batch: int, gpu: Device | None) -> dict[str, Any]:
    return {
        "row": "width",
        "width": one.width,
        "batch": batch,
        "device": one.device,
        "gpu": gpu.name if one.on_gpu and gpu is not None else None,
        "threads": one.threads,
        "us_per_step": round(one.microseconds, 2),
        "multiply_adds": one.multiply_adds,
        "kernels": one.kernels,
    }


def _print(output: Output, found: Sequence[Timed], gpu: Device | None, batch: int) -> None:
    from tuinet import figures
    from tuinet.cli.table import Cell, Column, table

    by_width: dict[int, list[Timed]] = {}
    for one in found:
        by_width.setdefault(one.width, []).append(one)
    columns = [Column("width", right=True, need=9), Column("mult-adds", right=True, need=3)]
    columns += [Column("cpu µs/step", right=True, need=8), Column("", need=5, least=BAR)]
    if gpu is not None:
        columns += [Column(f"{gpu.word} µs/step", right=True, need=8), Column("", need=5, least=BAR)]
        columns += [Column("the GPU is", right=True, need=6)]
    rows: list[list[str | Cell]] = []
    for width, both in by_width.items():
        cells: list[str | Cell] = [f"{width:,}", figures.count(both[0].multiply_adds)]
        for one, colour in zip(both, ("accent", "good"), strict=False):
            cells += [f"{one.microseconds:,.1f}", Cell(bar_of(one, found, output.terminal), (colour,))]
        if len(both) == 2:
            factor = both[0].microseconds / both[1].microseconds
            cells.append(Cell(f"{factor:.2f}× as fast", ("good" if factor > 1 else "warn",)))
        rows.append(cells)
    threads = figures.plural(found[0].threads, "thread")
    places = [f"cpu ({threads} at width {found[0].width:,})"]
    places += [figures.device(gpu.word, gpu.name, None)] if gpu is not None else []
    output.say()
    output.heading("hardware", f"two hidden layers, batch {batch}: {' and '.join(places)}; bars are logarithmic")
    for line in table(columns, rows, output.terminal):
        output.say(line)


def bar_of(one: Timed, found: Sequence[Timed], terminal: Terminal) -> str:
    """As long as the logarithm of its time among all that were timed; the shortest is one cell."""
    times = [math.log(each.microseconds) for each in found]
    share = (math.log(one.microseconds) - min(times)) / ((max(times) - min(times)) or 1.0)
    return ("█" if terminal.unicode else "#") * (1 + round(share * (BAR - 1)))
