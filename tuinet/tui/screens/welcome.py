"""Where the application begins: what this is, three things to try first, and the last runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tuinet import __version__, figures
from tuinet.cells import cut, pad
from tuinet.columns import Column
from tuinet.runs import RunFolder, RunSummary
from tuinet.runs.wall_clock import seconds_since
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Tuinet
from tuinet.tui.run_list import RunList
from tuinet.tui.screens.base import Page, content, read
from tuinet.tui.screens.runs import SIGNS, VERDICTS
from tuinet.tui.telling import paragraph, sparkline
from tuinet.tui.widgets.rows import Piece, Row, Rows, laid_out

if TYPE_CHECKING:
    from tuinet.presets import Preset

FIRST = (
    ("fashion-mlp", "784 pixels in, ten clothes out: see weights as pictures"),
    ("spiral", "two arms wound together: watch the plane being parted"),
    ("overfit", "learns its examples by heart: see when, and what helps"),
)
"""Three presets to begin with, and why."""

HOW = (
    "Each is trained on data that come along, in a process of its own: leave, and it goes on.",
    "p shows all presets, d the data, ? the keys of every screen, : finds everything.",
)
LAST = 50  # runs


class Welcome(Page):
    """One list: enter starts a suggestion or opens a run."""

    TITLE = ""
    PLACE = "welcome"
    BINDINGS = bindings("welcome")
    DEFAULT_CSS = """
    Welcome { align: center top; }
    Welcome #middle { width: 92; max-width: 100%; height: 1fr; padding: 1 2; }
    Welcome.-tall #middle { padding: 3 2 1 2; }
    Welcome #name { height: 4; width: 1fr; }
    """

    def __init__(self, runs: RunList, every: float = 1.0) -> None:
        super().__init__()
        self._list, self._every = runs, every
        self._fresh = True  # nothing has been read yet
        self._runs: list[RunSummary] = []
        self._curves: dict[str, tuple[float, ...]] = {}

    def body(self) -> ComposeResult:
        with Container(id="middle"):
            yield Static(name(), id="name", markup=False)
            yield Rows()

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)

    def main(self) -> Widget:
        return self.rows

    def command(self) -> str:
        kind, _, word = self.rows.key.partition(":") if self.is_mounted else ("", "", "")
        return {"try": f"tuinet run {word}", "run": f"tuinet attach {word}"}.get(kind, "tuinet")

    def on_mount(self) -> None:
        super().on_mount()
        self.head(right=f"tuinet {__version__}")
        self._draw()
        self.in_background(self.keep(self._read, self._every), "read")

    async def _read(self) -> None:
        self._runs = (await read(self._list.read))[:LAST]
        live = next((run for run in self._runs if run.state in ("running", "paused")), None)
        first, self._fresh = self._fresh, False
        self._draw(f"run:{live.run}" if first and live else None)
        self.in_background(self._read_curves(), "curves")

    async def _read_curves(self) -> None:
        async for curves in self._list.curves_as_read(lambda: self._runs):
            self._curves = curves
            self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self, chosen: str | None = None) -> None:
        if self.is_mounted:
            self.rows.show(told(self._runs, self._curves, max(40, self.rows.size.width - 1)), chosen)

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.say_command()

    # -- what can be done ---------------------------------------------------------------------------------------

    def on_rows_opened(self, event: Rows.Opened) -> None:
        self.action_open()

    def action_open(self) -> None:
        kind, _, word = self.rows.key.partition(":")
        if kind == "try":
            self.in_background(self._start(word), "start")
        elif kind == "run":
            run = next((run for run in self._runs if run.run == word), None)
            if run is not None and run.state == "damaged":
                self.tell(run.note, bad=True)
            elif run is not None:
                self.tuinet.open_run(RunFolder(run.path))

    def action_try(self, number: int) -> None:
        self.in_background(self._start(FIRST[number][0]), "start")

    async def _start(self, preset: str) -> None:
        found = await read(_loaded, preset)
        self.tuinet.start_run(found)


def page(app: Tuinet) -> Welcome:
    return Welcome(app.run_list)


def _loaded(name: str) -> Preset:
    from tuinet import presets  # not before it is wanted: the first picture waits for nothing

    return presets.load(name)


# -- text ------------------------------------------------------------------------------------


def name() -> Content:
    """A small network, what this is called, and what it does."""
    return content(
        ("●─╮ ╭─●\n", "accent"),
        ("●─┼─┤    ", "accent"), ("tuinet\n", "bold"),
        ("●─╯ ╰─●  ", "accent"), ("trains neural networks, and shows what happens inside them", "dim"),
    )  # fmt: skip


def told(runs: list[RunSummary], curves: dict[str, tuple[float, ...]], width: int) -> list[Row]:
    """The lines of the list."""
    again = bool(runs)
    rows = [Row("", (("Try first" if not again else "Try", "heading"),))]
    longest = max(len(preset) for preset, _ in FIRST)
    for number, (preset, why) in enumerate(FIRST, 1):
        words = cut(why, max(0, width - longest - 8))
        rows.append(
            Row(f"try:{preset}", ((f"  {number}  ", "accent"), (pad(preset, longest), "bold"), (f"   {words}", "dim")))
        )
    if not again:
        return [
            *rows, Row("", ((" ", ""),)),
            *(Row("", tuple(line)) for words in HOW for line in paragraph(words, width, "dim")),
        ]  # fmt: skip
    rows += [Row("", ((" ", ""),)), Row("", (("Last runs", "heading"),))]
    columns = (
        Column("", need=9), Column("", need=9, least=12), Column("", need=8), Column("", right=True, need=7),
        Column("", need=5), Column("", need=6), Column("", right=True, need=4),
    )  # fmt: skip
    room = 12 if width >= 90 else 8
    _, lines = laid_out(columns, [_cells(run, curves.get(run.run, ()), room) for run in runs], width - 2)
    rows += [Row(f"run:{run.run}", (("  ", ""), *line)) for run, line in zip(runs, lines, strict=True)]
    return rows


def _cells(run: RunSummary, curve: tuple[float, ...], room: int) -> list[Piece]:
    sign, kind = SIGNS.get(run.state, ("  ", ""))
    ago = seconds_since(run.created)
    return [
        (sign.strip() or "·", kind or "dim"),
        (safe(run.run, 80), "bold"),
        (run.state, kind or "dim"),
        (figures.epochs(run.epoch, run.epochs), ""),
        (sparkline(curve, room), "series-1"),
        (run.verdict or "", VERDICTS.get(run.verdict or "", "dim")),
        (figures.NOTHING if ago is None else figures.age(ago), "dim"),
    ]
