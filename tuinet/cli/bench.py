"""`tuinet bench`: microseconds a training step takes, in the tasks and the line format of the project's peers.

A step is forward, loss, backward and update on a batch that is in memory already. Beside another program both are
timed in turn, so that whatever slows the machine down slows down both.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from tuinet.cli.options import device_of, json_option

if TYPE_CHECKING:
    from tuinet.cli.output import Output

REPEATS_A_TURN = 7
"""As many as the peers' own script takes the best of."""
LONGEST_TURN = 600.0
WIDEST = 1 << 15
LONGEST_OUTPUT = 1 << 20


@dataclass
class Times:
    """What one peer needed for a task: microseconds a step, one number a repeat or a turn.

    skips: work that tuinet leaves out by exact algebra, and that whoever computes everything does.
    sgemm_share: what the multiply-adds of tuinet's matrix products would take at the rate of NumPy's sgemm, as a share
    of its best time; None for others.
    """

    task: str
    peer: str
    threads: int
    samples: float  # examples in a step
    microseconds: list[float] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    products: int = 0  # multiply-adds of a step
    sgemm: float = 0.0  # multiply-adds a second on one core

    @property
    def sgemm_share(self) -> float | None:
        seconds = self.sgemm * self.threads * min(self.microseconds) / 1e6
        return round(self.products / seconds, 3) if self.products and seconds else None

    def row(self) -> dict[str, Any]:
        """The line of the peers' script, and what a comparison needs beside it."""
        least, middle = min(self.microseconds), median(self.microseconds)
        return {
            "task": self.task,
            "peer": self.peer,
            "threads": self.threads,
            "us_per_step": round(least, 2),
            "samples_per_s": round(self.samples / least * 1e6),
            "us_per_step_median": round(middle, 3),
            "us_per_step_minimum": round(least, 3),
            "repeats": len(self.microseconds),
            "skips": self.skips,
            "sgemm_share": self.sgemm_share,
        }


def _widths(context: click.Context, parameter: click.Parameter, words: str | None) -> list[int] | None:
    """The numbers between the commas."""
    if words is None:
        return None
    found = [int(word) if word.strip().isdecimal() and len(word) < 8 else 0 for word in words.split(",")]
    if not all(1 <= width <= WIDEST for width in found):
        raise click.BadParameter(f"{words!r:.60} must be whole numbers from 1 to {WIDEST:,}, with commas between")
    return found


@click.command()
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@click.option("--threads", type=click.IntRange(1, 256), metavar="N", help="Threads (default: as a run would choose).")
@click.option("--repeats", type=click.IntRange(1, 1000), default=20, show_default=True, help="Timings of each task.")
@click.option(
    "--beside",
    metavar="COMMAND",
    help="Time this program in turn with tuinet. It is called with the task as its last word (or in place of {task}; "
    "{threads} is known too) and prints the same JSON lines.",
)
@click.option("--hardware", "lesson", is_flag=True, help="Time one network in many widths on processor and GPU.")
@click.option(
    "--device", metavar="auto|cpu|cuda[:N]", callback=device_of, help="With --hardware: the GPU (default: auto)."
)
@click.option("--widths", metavar="N,N,...", callback=_widths, help="With --hardware: 32,64 ... (default: 32 to 4096).")
@click.option("--batch", type=click.IntRange(1, 1 << 20), metavar="N", help="With --hardware: examples (default: 256).")
@json_option
def bench(
    tasks: tuple[str, ...],
    threads: int | None,
    repeats: int,
    beside: str | None,
    lesson: bool,
    device: str | None,
    widths: list[int] | None,
    batch: int | None,
    as_json: bool,
) -> int:
    """Time training steps of small networks.

    Without TASKs: playground, fashion-mlp, wide-mlp, cnn, lstm, gru and gpt. With -odd behind it, a task has odd sizes.
    With --hardware: from which width on a GPU wins; the exit code is 1 where --device names one that cannot be used.
    """
    from tuinet.cli.output import Output
    from tuinet.engine.bench import DEFAULT, TASKS
    from tuinet.errors import UsageError, nearest
    from tuinet.safe_text import safe

    if lesson:
        if tasks or beside:
            raise UsageError("--hardware times a network of its own: leave TASKs and --beside out")
        if device == "reference":
            raise UsageError("--hardware times fast devices: --device auto, cpu, cuda or cuda:N")
        from tuinet.cli.hardware import hardware
        from tuinet.engine.hardware import BATCH, WIDTHS

        return hardware(Output(as_json=as_json), device or "auto", widths or WIDTHS, batch or BATCH, threads)
    for name, given in (("--device", device), ("--widths", widths), ("--batch", batch)):
        if given is not None:
            raise UsageError(f"{name} goes with --hardware; the TASKs are timed on the processor as they are")
    for task in tasks:
        if task not in TASKS:
            close = nearest(task, TASKS) or ": there are " + ", ".join(TASKS)
            raise UsageError(f"there is no task {safe(task, 60)!r}{close}")
    output = Output(as_json=as_json)
    rows: list[dict[str, Any]] = []
    for task in tasks or DEFAULT:
        times = _in_turn(task, threads, repeats, beside, output) if beside else [_alone(task, threads, repeats)]
        found = [peer.row() for peer in times]
        for row in found:
            output.record(row)
        rows += found
    _print(output, rows)
    return 0


def _alone(task: str, threads: int | None, repeats: int) -> Times:
    from tuinet.engine.bench import TASKS, Timer, sgemm_rate

    timer = Timer(task, threads)
    found = [timer.repeat() * 1e6 for _ in range(repeats)]
    batch = TASKS[task].batch
    return Times(task, "tuinet", timer.threads, batch, found, timer.skips, timer.products, sgemm_rate())


def _in_turn(task: str, threads: int | None, repeats: int, command: str, output: Output) -> list[Times]:
    """tuinet, the other, tuinet, the other ...: one number of each a turn, the best of as many as the peers take."""
    from tuinet.cli.bar import Bar
    from tuinet.engine.bench import TASKS, Timer, sgemm_rate

    timer = Timer(task, threads)
    batch = TASKS[task].batch
    ours = Times(task, "tuinet", timer.threads, batch, [], timer.skips, timer.products, sgemm_rate())
    others: dict[str, Times] = {}
    words = command_words(command, task, timer.threads)
    bar = Bar(output.side)
    for turn in range(repeats):
        bar.draw(turn / repeats, task, (f"turn {turn + 1}/{repeats}",), at_once=True)
        ours.microseconds.append(min(timer.repeat() for _ in range(REPEATS_A_TURN)) * 1e6)
        for line in peer_lines(words, task):
            samples = float(line["samples_per_s"]) * float(line["us_per_step"]) / 1e6
            peer = others.setdefault(line["peer"], Times(task, line["peer"], line["threads"], samples))
            peer.microseconds.append(float(line["us_per_step"]))
    bar.hide()
    return [ours, *others.values()]


def command_words(command: str, task: str, threads: int) -> list[str]:
    """The command as words, with the task and the threads filled in. No shell reads it."""
    from tuinet.errors import UsageError

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--beside {command!r} cannot be split into words: {error}") from None
    if not words:
        raise UsageError("--beside wants a command, as in --beside 'python peers.py --peers jax'")
    if not any("{task}" in word for word in words):
        words.append("{task}")
    return [word.replace("{task}", task).replace("{threads}", str(threads)) for word in words]


def peer_lines(words: Sequence[str], task: str) -> Iterator[dict[str, Any]]:
    """The lines about the task that the command prints. Raises TuinetError where it fails or prints none."""
    from tuinet.errors import TuinetError
    from tuinet.safe_text import safe

    name = safe(shlex.join(words), 200)
    try:
        done = subprocess.run(words, capture_output=True, timeout=LONGEST_TURN, check=False)
    except subprocess.TimeoutExpired:
        raise TuinetError(f"--beside: {name} took longer than {LONGEST_TURN:.0f} s") from None
    except OSError as error:
        raise TuinetError(
            f"--beside: {name} cannot be started: {(error.strerror or 'no reason given').lower()}"
        ) from None
    if done.returncode != 0:
        last = safe(done.stderr.decode(errors="replace").strip().rpartition("\n")[2], 300)
        raise TuinetError(f"--beside: {name} failed with exit code {done.returncode}: {last}")
    found = [line for line in map(_line, done.stdout[:LONGEST_OUTPUT].splitlines()) if line and line["task"] == task]
    if not found:
        raise TuinetError(f'--beside: {name} printed no line {{"task": "{task}", "peer": ..., "us_per_step": ...}}')
    yield from found


def _line(text: bytes) -> dict[str, Any] | None:
    """A line in the peers' format, None for any other."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kinds: dict[str, Any] = {
        "task": str,
        "peer": str,
        "threads": int,
        "us_per_step": (int, float),
        "samples_per_s": (int, float),
    }
    fits = isinstance(line, dict) and all(isinstance(line.get(key), kind) for key, kind in kinds.items())
    return line if fits and line["us_per_step"] > 0 else None


def _print(output: Output, rows: list[dict[str, Any]]) -> None:
    from tuinet.cli.table import Cell, Column, table
    from tuinet.figures import count

    columns = [
        Column("task", need=9, least=10),
        Column("peer", need=7, least=6),
        Column("threads", right=True, need=2),
        Column("µs/step", right=True, need=8),
        Column("median", right=True, need=6),
        Column("samples/s", right=True, need=4),
        Column("of sgemm", right=True, need=3),
        Column("tuinet is", right=True, need=5),
    ]
    ours = {row["task"]: row for row in rows if row["peer"] == "tuinet"}
    cells: list[list[str | Cell]] = []
    for row in rows:
        mine = ours[row["task"]]
        factor = row["us_per_step_median"] / mine["us_per_step_median"]
        faster = "" if row is mine else f"{factor:.2f}× as fast"
        cells.append(
            [
                Cell(row["task"], ("bold",)),
                row["peer"],
                str(row["threads"]),
                f"{row['us_per_step']:,.2f}",
                f"{row['us_per_step_median']:,.2f}",
                count(row["samples_per_s"]),
                "" if row["sgemm_share"] is None else f"{row['sgemm_share']:.0%}",
                Cell(faster, ("good" if factor >= 1 else "warn",)),
            ]
        )
    for line in table(columns, cells, output.terminal):
        output.say(line)
    for task, row in ours.items():
        if row["skips"]:
            output.say()
            output.prose(f"{task}: tuinet leaves out work whose result is known (exact algebra, the same numbers):")
            for skip in row["skips"]:
                output.prose(f"- {skip}", indent="  ")
