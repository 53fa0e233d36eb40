"""What happened in a run, and what its worker said: read as it comes, filtered by words."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tuinet.cells import cell_width, pad, wrap
from tuinet.runs import RunFolder, find
from tuinet.tui.actions import bindings
from tuinet.tui.application import Tuinet
from tuinet.tui.screens.base import Page, read
from tuinet.tui.told import Said, WorkerLog, of_event
from tuinet.tui.widgets.rows import Piece, Row, Rows

KINDS = {"all": "events and worker", "events": "events only", "worker": "worker only"}
MOST = 2_000  # entries that are kept
EVERY = 0.5  # seconds between two readings


class Log(Page):
    """A list that grows at its end."""

    TITLE = "Log"
    PLACE = "log"
    FILTER = "words of a line"
    BINDINGS = bindings("log")

    def __init__(self, run: RunFolder | None, runs: Path, every: float = EVERY) -> None:
        """run: None for the last one in the folder `runs`."""
        super().__init__()
        self._run, self._runs, self._every = run, runs, every
        self._said: list[tuple[int, Said]] = []  # numbered, so that the cursor stays where it is as the oldest go
        self._count = 0
        self._drawn: tuple[object, ...] = ()  # under what the rows were laid out
        self._rows: list[Row] = []
        self._kind, self._words = "all", ""
        self._follow = True
        self._damaged = 0

    def body(self) -> ComposeResult:
        with Vertical(classes="panel", id="panel"):
            yield Rows(empty="Nothing is there that fits.")

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)

    def main(self) -> Widget:
        return self.rows

    def command(self) -> str:
        return f"tuinet show {self._run.id if self._run is not None else 'last'}"

    def on_mount(self) -> None:
        super().on_mount()
        self._say_head()
        self.in_background(self._keep_reading(), "read")

    async def _keep_reading(self) -> None:
        run = self._run
        if run is None:
            self._run = run = await read(find, "last", self._runs)
        self.say_command()
        self._say_head()
        offset, worker = 0, WorkerLog(run.log_path)

        async def more() -> None:
            nonlocal offset
            tail = await read(run.events().follow, offset)
            offset = tail.offset
            self._damaged += tail.damaged
            self._take([of_event(record) for record in tail.records] + await read(worker.read))

        await self.keep(more, self._every)

    def _take(self, new: list[Said]) -> None:
        if new:
            numbered = list(enumerate(new, self._count))
            self._count += len(new)
            self._said = [*self._said, *numbered][-MOST:]
            self._draw(numbered)

    # -- drawing ------------------------------------------------------------------------------------------------

    def _draw(self, new: list[tuple[int, Said]] | None = None) -> None:
        """new: what has come; the rest is laid out anew only where the width or what is wanted has changed."""
        if not self.is_mounted:
            return
        under = self.rows.size.width, self._kind, self._words
        if new is None or under != self._drawn or len(self._said) == MOST:
            self._rows, new = [], self._said
        width = max(20, self.rows.size.width - 1)
        self._rows += [row for number, one in new if self._fits(one) for row in lines_of(one, width, str(number))]
        self._drawn = under
        self.rows.show(self._rows)
        if self._follow:
            self.rows.action_last()
        self._say_head()

    def _fits(self, one: Said) -> bool:
        if self._kind != "all" and (one.kind == "worker") != (self._kind == "worker"):
            return False
        text = f"{one.kind} {one.text}".lower()
        return all(word in text for word in self._words.lower().split())

    def _say_head(self) -> None:
        pieces: list[Piece] = [(self._run.id, "")] if self._run is not None else []
        pieces += [(KINDS[self._kind], "")]
        pieces += [("▾ follows", "accent")] if self._follow else [("does not follow: f", "warn")]
        pieces += [(f"/{self._words}", "accent")] if self._words else []
        pieces += [(f"{self._damaged} damaged lines passed over", "warn")] if self._damaged else []
        self.head(*pieces, right=str(self._run.path) if self._run is not None else "")

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        """Who goes up wants to read; who comes to the end wants to follow."""
        follow = not self.rows.lines or self.rows.cursor >= len(self.rows.lines) - 1 or not event.key
        if follow != self._follow:
            self._follow = follow
            self._say_head()

    # -- what can be done ---------------------------------------------------------------------------------------

    def filtered(self, text: str) -> None:
        self._words = text
        self._draw()

    def action_follow(self) -> None:
        self._follow = not self._follow
        self._draw()

    def action_kind(self) -> None:
        names = list(KINDS)
        self._kind = names[(names.index(self._kind) + 1) % len(names)]
        self._draw()


def page(app: Tuinet) -> Log:
    """The log of the run that is open, or else of the last one."""
    return Log(app.view.folder if app.view is not None else None, app.runs)


def lines_of(one: Said, width: int, key: str) -> list[Row]:
    """An entry in as many lines as it needs; each line is one that the cursor can stand on."""
    if one.kind == "worker":
        head: list[Piece] = [(pad("worker", 10), "dim"), ("  ", "")]
    else:
        head = [(pad(one.at, 8), "dim"), ("  ", ""), (pad(one.place, 9, right=True), "dim"), ("  ", ""),
                (pad(one.kind, 10), one.tone or "bold"), ("  ", "")]  # fmt: skip
    taken = sum(cell_width(text) for text, _ in head)
    first, *more = wrap(one.text, max(10, width - taken))
    rows = [Row(f"{key}.0", (*head, (first, one.tone)))]
    rows += [Row(f"{key}.{n}", ((" " * taken, ""), (line, one.tone))) for n, line in enumerate(more, 1)]
    return rows
