"""The runs: which are being trained, how far they came, how well, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from tuinet import figures
from tuinet.columns import Column
from tuinet.errors import UsageError
from tuinet.runs import RunFolder, RunSummary, remove_forgotten
from tuinet.runs.choosing import SORTS
from tuinet.runs.wall_clock import seconds_since
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Tuinet
from tuinet.tui.run_list import RunList, chosen
from tuinet.tui.screens.base import Page, content, read
from tuinet.tui.telling import sparkline
from tuinet.tui.widgets.rows import Piece, Row, Rows, laid_out

MOST = 1_000  # rows; a filter finds the others
CURVES = ((180, 36), (140, 24), (90, 12), (0, 8))  # cells of a curve, by the columns that there are
SIGNS = {
    "running": ("● ", "accent"), "paused": ("◦ ", "accent"), "failed": ("✖ ", "bad"), "diverged": ("✖ ", "bad"),
    "damaged": ("✖ ", "bad"), "interrupted": ("▲ ", "warn"),
}  # fmt: skip
VERDICTS = {"good": "good", "overfitting": "warn", "underfitting": "warn", "noisy": "warn", "diverged": "bad"}
SORTED_COLUMN = {"created": "when", "best": "best loss", "epoch": "epochs", "preset": "run", "run": "run",
                 "seconds": "time", "size": "size", "state": "  state"}  # fmt: skip
OPEN_TO_FILTER = "a word, or KEY=VALUE: state=failed  best<0.4  training.batch_size=32"


class Runs(Page):
    """A table that reads itself anew every second."""

    TITLE = "Runs"
    PLACE = "runs"
    FILTER = OPEN_TO_FILTER
    BINDINGS = bindings("runs")
    DEFAULT_CSS = """
    Runs #titles { height: 1; width: 1fr; }
    """

    def __init__(self, runs: RunList, every: float = 1.0) -> None:
        """every: seconds between two readings."""
        super().__init__()
        self._every = every
        self._list = runs
        self._all: list[RunSummary] | None = None
        self._shown: list[RunSummary] = []
        self._curves: dict[str, tuple[float, ...]] = {}
        self._reading = False  # curves
        self._marked: list[str] = []
        self._sort, self._reverse, self._words = "created", False, ""

    def body(self) -> ComposeResult:
        with Vertical(classes="panel", id="panel"):
            yield Static("", id="titles", markup=False)
            yield Rows(empty="Reading the runs ...")

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)

    def main(self) -> Widget:
        return self.rows

    def command(self) -> str:
        words = [f"--filter '{word}'" for word in self._words.split()]
        words += [f"--sort {self._sort}"] if self._sort != "created" else []
        words += ["--reverse"] if self._reverse else []
        return " ".join(["tuinet runs", *words])

    def names(self) -> dict[str, str]:
        return {"RUN": self.rows.key}

    def on_mount(self) -> None:
        super().on_mount()
        self._marked = [run.id for run in self.tuinet.laid_over]
        self.in_background(self._keep_reading(), "read")

    # -- reading ------------------------------------------------------------------------------------------------

    async def _keep_reading(self) -> None:
        await read(remove_forgotten, self._list.folder)
        await self.keep(self._read, self._every)

    async def _read(self) -> None:
        self._all = await read(self._list.read)
        await self._choose()

    async def _choose(self) -> None:
        """The rows anew from what was read: first without the curves that are not known yet."""
        if self._all is None:
            return
        try:
            self._shown = await read(chosen, self._all, self._words, self._sort, self._reverse)
        except UsageError as error:
            self.query_one("#panel").border_subtitle = content(safe(str(error), 200))
            return
        self._draw()
        self._want_curves()

    def _in_view(self) -> list[RunSummary]:
        top = self.rows.scroll_offset.y
        return self._shown[top : top + self.rows.size.height + 10]

    # -- drawing ------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.is_mounted or self._all is None:
            return
        shown = self._shown[:MOST]
        titles, lines = table(shown, self._curves, self._marked, self.rows.size.width - 1, self._sort, self._reverse)
        self.query_one("#titles", Static).update(content(*titles))
        self.rows.empty = (
            "No run fits the filter; esc in the filter takes it away." if self._all
            else "There are no runs yet. P shows the presets, and enter there trains one."
        )  # fmt: skip
        self.rows.show(Row(run.run, pieces) for run, pieces in zip(shown, lines, strict=True))
        self._say_head()
        self._say_chosen()

    def _say_head(self) -> None:
        everything = self._all or []
        live = sum(run.state in ("running", "paused") for run in everything)
        count = figures.plural(len(everything), "run")
        if self._words:
            count = f"{len(self._shown):,} of {count}"
        pieces: list[Piece] = [(count, "")]
        pieces += [(f"● {live} being trained", "accent")] if live else []
        pieces += [(f"{len(self._marked)} marked", "accent")] if self._marked else []
        pieces += [(f"/{self._words}", "accent")] if self._words else []
        if len(self._shown) > MOST:
            pieces.append((f"the first {MOST:,} are shown; a filter finds the others", "warn"))
        self.head(*pieces, right=str(self._list.folder))

    def _say_chosen(self) -> None:
        run = self._run()
        words = [run.note or run.title] if run is not None else []
        self.query_one("#panel").border_subtitle = content(safe(" · ".join(word for word in words if word), 100))

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self._say_chosen()
        self._want_curves()

    def _want_curves(self) -> None:
        if not self._reading:
            self._reading = True
            self.in_background(self._read_curves(), "curves")

    async def _read_curves(self) -> None:
        try:
            async for curves in self._list.curves_as_read(self._in_view):
                self._curves |= curves
                self._draw()
        finally:
            self._reading = False

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # -- choosing -----------------------------------------------------------------------------------------------

    def filtered(self, text: str) -> None:
        self._words = text
        self._anew()

    def _anew(self) -> None:
        self.say_command()
        self.in_background(self._choose(), "choose")

    def action_sort(self) -> None:
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._anew()

    def action_reverse(self) -> None:
        self._reverse = not self._reverse
        self._anew()

    def _run(self, name: str = "") -> RunSummary | None:
        key = name or self.rows.key
        return next((run for run in self._all or () if run.run == key), None)

    # -- what can be done with one ------------------------------------------------------------------------------

    def on_rows_opened(self, event: Rows.Opened) -> None:
        self.action_open()

    def action_open(self) -> None:
        run = self._run()
        if run is None:
            return
        if run.state == "damaged":
            self.tell(run.note, bad=True)
            return
        self._lay_over([name for name in self._marked if name != run.run])
        self.tuinet.open_run(RunFolder(run.path))

    def action_mark(self) -> None:
        run = self._run()
        if run is None:
            return
        if run.run in self._marked:
            self._marked.remove(run.run)
        elif run.state == "damaged":
            self.tell(run.note, bad=True)
        else:
            self._marked.append(run.run)
        self._lay_over(self._marked)
        self._draw()
        self.rows.action_down()

    def _lay_over(self, names: Sequence[str]) -> None:
        """The curves of these runs over those of the one that is open."""
        self.tuinet.laid_over = tuple(RunFolder(one.path) for one in map(self._run, names) if one is not None)

    def action_compare(self) -> None:
        from tuinet.tui.screens.compare import Compare

        names = self._marked[-2:] if len(self._marked) > 1 else [*self._marked, self.rows.key]
        runs = [run for run in map(self._run, dict.fromkeys(names)) if run is not None]
        if len(runs) < 2:
            self.tell("Mark one run with space, go to another, and press c again.")
            return
        self.app.push_screen(Compare(RunFolder(runs[0].path), RunFolder(runs[1].path)))

    def action_delete(self) -> None:
        run = self._run()
        if run is not None:
            self.in_background(self._delete(run), "delete")

    async def _delete(self, run: RunSummary) -> None:
        await read(self.tuinet.bin.throw, RunFolder(run.path))
        self._marked = [name for name in self._marked if name != run.run]
        self.tell(f"{run.run} is deleted. u brings it back.")
        await self._read()

    def action_undo(self) -> None:
        self.in_background(self._undo(), "delete")

    async def _undo(self) -> None:
        run = await read(self.tuinet.bin.undo)
        if run is None:
            self.tell("There is nothing to bring back.")
            return
        await self._read()
        self.rows.choose(run.id)
        self.tell(f"{run.id} is back.")


def page(app: Tuinet) -> Runs:
    return Runs(app.run_list)


# -- text ------------------------------------------------------------------------------------


def table(
    runs: Sequence[RunSummary], curves: dict[str, tuple[float, ...]], marked: Sequence[str], width: int, sort: str,
    reverse: bool,
) -> tuple[tuple[Piece, ...], list[tuple[Piece, ...]]]:  # fmt: skip
    """Titles and lines of the table of runs."""
    columns = [
        Column("", need=9),
        Column("run", need=9, least=12, cut_after=6, inside=True),
        Column("  state", need=8),
        Column("epochs", right=True, need=7),
        Column("best loss", right=True, need=6, least=8),
        Column("curve", need=6),
        Column("verdict", need=6),
        Column("time", right=True, need=2),
        Column("size", right=True, need=3),
        Column("when", right=True, need=5),
        Column("device", need=1, least=6),
        Column("", need=1, least=8),
        Column("title", need=2, least=12),
    ]
    curve = next(cells for least, cells in CURVES if width >= least)
    arrow = "▴" if reverse else "▾"
    titles = [
        Column(f"{one.title}{arrow}", one.right, one.need, one.least, one.cut_after)
        if one.title == SORTED_COLUMN[sort] else one
        for one in columns
    ]  # fmt: skip
    return laid_out(titles, [cells(run, curves.get(run.run, ()), curve, marked) for run in runs], width)


def cells(run: RunSummary, curve: Sequence[float], room: int, marked: Sequence[str]) -> list[Piece]:
    """A run as cells. The best value is that of val_loss, unless another metric is named."""
    ago = seconds_since(run.created)
    usual = run.monitor == "val_loss"
    metric = "" if run.best is None else figures.metric(str(run.monitor), run.best)
    best = metric if usual or not metric else f"{run.monitor} {metric}"
    epochs = figures.epochs(run.epoch, run.epochs)
    sign, kind = SIGNS.get(run.state, ("  ", ""))
    place = marked.index(run.run) if run.run in marked else None
    return [
        ("◆", f"series-{place % 7 + 2}") if place is not None else (" ", ""),
        (run.run, "bold"),
        (sign + run.state, kind),
        (epochs, ""),
        (best, ""),
        (sparkline(curve, room), "series-1" if place is None else f"series-{place % 7 + 2}"),
        (run.verdict or "", VERDICTS.get(run.verdict or "", "")),
        ("" if run.seconds is None else figures.duration(run.seconds), "dim"),
        (figures.size(run.bytes), "dim"),
        (figures.NOTHING if ago is None else figures.age(ago), "dim"),
        (figures.gpu_name(run.device or "", run.gpu or ""), "dim"),
        (run.note, "warn"),
        (run.title, "dim"),
    ]
