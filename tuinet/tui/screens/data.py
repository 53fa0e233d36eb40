"""The data sets: their parts and classes, some examples drawn, and what augmentation makes of them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from tuinet import figures
from tuinet.columns import Column
from tuinet.data.sets import SetInfo, catalog
from tuinet.errors import TuinetError
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Tuinet
from tuinet.tui.asked import all_of, asked
from tuinet.tui.screens.asking import Ask
from tuinet.tui.screens.base import Page, Told, content, lines, read
from tuinet.tui.telling import Line, bar, dots, paragraph, sparkline, table
from tuinet.tui.widgets.pictures import Picture, Pictures
from tuinet.tui.widgets.rows import Row, Rows

KINDS = {
    "embedded": "Come along",
    "generated": "Made by a formula",
    "installed": "On this machine",
    "on_demand": "To be fetched",
}
REST = 0.15  # seconds that the cursor rests on a line before its set is read
EXAMPLES, POINTS = 8, 300
MOST_CLASSES, MOST_COLUMNS = 24, 8


class Data(Page):
    """A list of the sets, and beside it what is in the chosen one."""

    TITLE = "Data"
    PLACE = "data"
    FILTER = "words of a name, a title, a task"
    BINDINGS = bindings("data")
    DEFAULT_CSS = """
    Data #list { width: 36; height: 1fr; }
    Data.-wide #list, Data.-huge #list { width: 44; }
    Data.-narrow Horizontal { layout: vertical; }
    Data.-narrow #list { width: 1fr; height: 2fr; }
    Data.-narrow #told { height: 3fr; }
    Data #text { margin-bottom: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sets: list[tuple[SetInfo, str]] = []  # and their states
        self._words, self._first = "", ""
        self._rows: dict[tuple[str, ...], list[dict[str, Any]] | str] = {}  # by the words of the command
        self._skip, self._augment = 0, ""
        self._fetching: dict[str, str] = {}  # how far each fetch is
        self._failed: dict[str, str] = {}  # why it came to nothing

    def body(self) -> ComposeResult:
        with Horizontal():
            rows = Rows(id="list", empty="No set has these words.")
            rows.add_class("panel")
            yield rows
            with VerticalScroll(id="told", classes="panel told", can_focus=False):
                yield Told(id="text")
                yield Pictures(id="pictures")

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)

    def main(self) -> Widget:
        return self.rows

    def command(self) -> str:
        if not self.is_mounted or not self.rows.key:
            return "tuinet data"
        return " ".join(["tuinet", *self._asked_for()])

    def names(self) -> dict[str, str]:
        return {"SET": self.rows.key}

    def on_mount(self) -> None:
        super().on_mount()
        self.in_background(self._load(), "load")

    async def _load(self) -> None:
        self._sets = await read(lambda: [(info, info.state) for info in catalog()])
        self._list(self._first)

    def choose(self, key: str) -> None:
        self._first = key
        if self._sets:
            self.rows.choose(key)

    # -- the list -----------------------------------------------------------------------------------------------

    def filtered(self, text: str) -> None:
        self._words = text
        self._list()

    def _list(self, chosen: str = "") -> None:
        found = [(info, state) for info, state in self._sets if _has_words(info, self._words)]
        rows: list[Row] = []
        longest = max((len(info.name) for info, _ in found), default=0)
        for kind, title in KINDS.items():
            members = [(info, state) for info, state in found if info.kind == kind]
            if not members:
                continue
            rows += [Row("", ((" ", ""),))] if rows else []
            rows.append(Row("", ((title, "heading"),)))
            for info, state in members:
                mark = {"cached": " ✓", "not fetched": " ↓"}.get(state, "")
                count = figures.count(info.examples) if info.examples else ""
                pieces = ((f"  {info.name:{longest}}", ""), (f"{count:>9}", "dim"), (mark, "dim"))
                rows.append(Row(info.name, pieces))
        self.rows.show(rows, chosen or None)
        some = f"{len(found)} of {len(self._sets)}" if self._words else f"{len(found)}"
        self.head((f"{some} sets", ""), *([(f"/{self._words}", "accent")] if self._words else []))

    def _info(self) -> tuple[SetInfo, str] | None:
        return next(((info, state) for info, state in self._sets if info.name == self.rows.key), None)

    # -- what is told -------------------------------------------------------------------------------------------

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.query_one("#told", VerticalScroll).scroll_home(animate=False)
        self._skip, self._augment = 0, ""
        self._look()

    def on_told_resized(self) -> None:
        self._tell()

    def _asked_for(self) -> tuple[str, ...]:
        """The words of the command whose rows are shown."""
        words = ["data", "show", self.rows.key]
        words += ["--augment", self._augment] if self._augment else []
        words += ["--skip", str(self._skip)] if self._skip else []
        return tuple(words)

    def _look(self) -> None:
        self.say_command()
        self._tell()
        found = self._info()
        if found is not None and found[1] != "not fetched":
            self.in_background(self._ask(self._asked_for(), self._count(found[0])), "ask")

    def _count(self, info: SetInfo) -> int:
        if info.form == "points":
            return POINTS
        return 4 if self._augment else EXAMPLES

    async def _ask(self, words: tuple[str, ...], count: int) -> None:
        if words not in self._rows:
            await asyncio.sleep(REST)
            try:
                self._rows[words] = await all_of(*words, "--examples", str(count))
            except TuinetError as error:
                self._rows[words] = str(error)
        self._tell()

    def _tell(self) -> None:
        found, panel = self._info(), self.query_one("#told")
        text, pictures = self.query_one("#text", Told), self.query_one(Pictures)
        panel.border_title = content(found[0].name if found else "")
        panel.border_subtitle = content(safe(f"as training draws them: {self._augment}", 80) if self._augment else "")
        if found is None:
            text.update(lines([]))
            pictures.show([])
            return
        width = max(20, text.size.width or 60)
        asked_for = self._rows.get(self._asked_for())
        rows = told(found[0], asked_for, width, self._fetching.get(found[0].name, found[1]))
        if why := self._failed.get(found[0].name):
            rows += [[], *paragraph(f"✖ {why}", width, "bad")]
        text.update(lines(rows))
        pictures.show(pictures_of(asked_for) if isinstance(asked_for, list) else [])

    def action_scroll_down(self) -> None:
        self.query_one("#told", VerticalScroll).scroll_relative(y=5, animate=False)

    def action_scroll_up(self) -> None:
        self.query_one("#told", VerticalScroll).scroll_relative(y=-5, animate=False)

    # -- what can be done ---------------------------------------------------------------------------------------

    def on_rows_opened(self, event: Rows.Opened) -> None:
        found = self._info()
        if found is not None and found[1] == "not fetched":
            self.action_get()
        else:
            self.action_more()

    def action_more(self) -> None:
        """The next examples; behind the last ones the first again."""
        found, asked_for = self._info(), self._rows.get(self._asked_for())
        if found is not None:
            self._skip += self._count(found[0])
            if isinstance(asked_for, list) and self._skip >= asked_for[0]["train"]:
                self._skip = 0
            self._look()

    def action_augment(self) -> None:
        """On with a question for the settings, off again at once."""
        found = self._info()
        if found is None:
            return
        if self._augment:
            self._augment = ""
            self._look()
            return
        if found[0].form in ("corpus", "labelled", "packages", "pairs"):
            self.tell("Texts are not augmented: augmentation is for pictures and numbers.")
            return
        name = found[0].name

        def given(answer: str | None) -> None:
            if answer:
                self._augment = answer
                self._look()

        self.app.push_screen(
            Ask(
                "Augmentation", "SETTING=VALUE with commas between, or a preset:", _usual(found[0]),
                check=lambda answer: answer, command=lambda answer: f"tuinet data show {name} --augment {answer}",
            ),
            given,
        )  # fmt: skip

    def action_get(self) -> None:
        found = self._info()
        if found is None:
            return
        if found[1] != "not fetched":
            self.tell(f"{found[0].name} is here already.")
        elif found[0].name not in self._fetching:
            self._fetching[found[0].name] = "fetching ..."
            self._failed.pop(found[0].name, None)
            self.in_background(self._get(found[0].name), f"get {found[0].name}")

    async def _get(self, name: str) -> None:
        try:
            async for row in asked("data", "get", name):
                if row.get("row") == "progress":
                    self._fetching[name] = f"{figures.size(row.get('done'))} of {figures.size(row.get('total'))}"
                    self._tell()
            self.tell(f"{name} is fetched.")
        except TuinetError as error:
            self._failed[name] = str(error)  # stays to be read: it is long, and says what can be done
            self.tell(f"{name} could not be fetched", bad=True)
        del self._fetching[name]
        await self._load()
        self._look()


def page(app: Tuinet) -> Data:
    return Data()


def _has_words(info: SetInfo, words: str) -> bool:
    text = f"{info.name} {info.title} {info.task} {info.form} {KINDS.get(info.kind, '')}".lower()
    return all(word in text for word in words.lower().split())


def _usual(info: SetInfo) -> str:
    if len(info.inputs) == 3:
        return f"shift={max(1, info.inputs[0] // 14)},rotate=12,zoom=0.1"
    return "noise=0.1"


# -- text ------------------------------------------------------------------------------------


def told(info: SetInfo, asked_for: list[dict[str, Any]] | str | None, width: int, state: str) -> list[Line]:
    """What is told of a set in lines of this width. asked_for: rows of `tuinet data show`, or why there are none."""
    words = [KINDS.get(info.kind, info.kind).lower(), info.task, f"licence {info.licence}"]
    words += [figures.size(info.bytes)] if info.bytes else []
    rows: list[Line] = [[(safe(info.title, 200), "bold")], *paragraph(" · ".join(words), width, "dim"), []]
    if state == "not fetched" and not asked_for:
        where = f"{figures.count(info.examples)} examples. It is not on this machine; g fetches it and checks it."
        return rows + paragraph(where, width)
    if isinstance(asked_for, str):
        return rows + paragraph(asked_for, width, "bad")
    if asked_for is None:
        return [*rows, [("reading ..." if state in ("embedded", "cached", "generated", "installed") else state, "dim")]]
    about = asked_for[0]
    rows += _parts(about, width)
    for note in about.get("notes") or ():
        rows += paragraph(f"▲ {note}", width, "warn", indent="  ")
    rows += _columns(about, width)
    rows += _classes(about.get("classes") or {}, width)
    rows += _examples(about, [row for row in asked_for if row.get("row") == "example"], width)
    return rows


def _parts(about: dict[str, Any], width: int) -> list[Line]:
    """How many examples train, validate and test, and that as a bar."""
    parts = [("training", "train", "series-1"), ("validation", "validation", "series-2"), ("test", "test", "series-8")]
    counts = [(word, int(about.get(key) or 0), kind) for word, key, kind in parts]
    total = sum(count for _, count, _ in counts) or 1
    room = min(width, 60)
    line: Line = []
    for word, count, kind in counts:
        if count:
            line += [(f"{figures.count(count)} ", kind), (f"{word}  ", "dim")]
    drawn: Line = [("━" * max(1, round(room * count / total)), kind) for _, count, kind in counts if count]
    shape = figures.shape(about.get("inputs"))
    return [[(f"examples of {shape}", "dim")], line, drawn]


def _columns(about: dict[str, Any], width: int) -> list[Line]:
    names = [safe(str(name), 30) for name in about.get("columns") or ()]
    if not names:
        return []
    more = f" and {len(names) - 40} more" if len(names) > 40 else ""
    text = f"{figures.plural(len(names), 'column')}: {', '.join(names[:40])}{more}"
    return [[], *paragraph(text, width, "dim")]


def _classes(counts: dict[str, int], width: int) -> list[Line]:
    if not counts:
        return []
    largest, total = max(counts.values()) or 1, sum(counts.values()) or 1
    room = max(8, min(32, width - 40))
    columns = (
        Column("class", least=8, need=9), Column("training", right=True, need=8), Column("share", right=True, need=7),
        Column("", need=2, least=4),
    )  # fmt: skip
    cells = [
        [("␠" if name == " " else name, ""), (figures.count(count), ""), (figures.share(count / total), "dim"),
         (bar(count / largest, room), "series-1")]
        for name, count in list(counts.items())[:MOST_CLASSES]
    ]  # fmt: skip
    more = len(counts) - MOST_CLASSES
    return [[], *table(columns, cells, width), *([[(f"and {more} more", "dim")]] if more > 0 else [])]


def _examples(about: dict[str, Any], examples: list[dict[str, Any]], width: int) -> list[Line]:
    """Examples that are no pictures: texts, points, series, rows of numbers."""
    shape = about.get("inputs") or []
    if not examples or len(shape) == 3:
        return []
    if "text" in examples[0]:
        columns = (Column("label", need=8, least=8), Column("text", need=9, least=20))
        cells = [[(str(one["label"]), "accent"), (str(one["text"]), "")] for one in examples]
        return [[], *table(columns if any(one["label"] for one in examples) else columns[1:], [
            row if any(one["label"] for one in examples) else row[1:] for row in cells], width)]  # fmt: skip
    numbers = [one.get("numbers") or [] for one in examples]
    if shape == [2] and about.get("source") == "generated":
        return [[], *_points(examples, numbers, width)]
    if len(shape) == 2:
        columns = (Column("what comes", need=9), Column("next", right=True, need=8))
        cells = [[(sparkline(row, min(48, width - 14)), "series-1"), (str(one["label"]), "bold")]
                 for one, row in zip(examples, numbers, strict=True)]  # fmt: skip
        return [[], *table(columns, cells, width)]
    return [[], *_numbers(about, examples, numbers, width)]


def _points(examples: list[dict[str, Any]], numbers: list[list[float]], width: int) -> list[Line]:
    """Points in the plane, a hue a class; real labels are parted at their middle."""
    labels = [str(one["label"]) for one in examples]
    names = sorted(set(labels))
    if len(names) > 8:
        values = [float(label) for label in labels]
        middle = sorted(values)[len(values) // 2]
        labels = ["low" if value < middle else "high" for value in values]
        names = ["low", "high"]
    across = min(width, 60)
    groups = [[(row[0], row[1]) for row, label in zip(numbers, labels, strict=True) if label == name] for name in names]
    drawn = dots(groups, across, across // 2 - 2)
    legend: Line = [piece for place, name in enumerate(names, 1)
                    for piece in (("⣿ ", f"series-{place}"), (safe(name, 20) + "   ", "dim"))]  # fmt: skip
    return [*drawn, legend]


def _numbers(
    about: dict[str, Any], examples: list[dict[str, Any]], numbers: list[list[float]], width: int
) -> list[Line]:
    names = [safe(str(name), 20) for name in about.get("columns") or ()]
    names = names or [str(place) for place in range(1, len(numbers[0]) + 1)]
    versions = any(one.get("version") for one in examples)
    columns = [Column("seen", need=9)] if versions else []
    columns += [Column("label", need=9, right=True)]
    columns += [Column(name, right=True, need=8 - min(7, place), least=6) for place, name in enumerate(names)]
    cells = [
        [*([(f"step {one['version']}" if one["version"] else "as it is", "dim")] if versions else []),
         (str(one["label"]), "accent"), *((figures.number(value), "") for value in row)]
        for one, row in zip(examples, numbers, strict=True)
    ]  # fmt: skip
    keep = MOST_COLUMNS + len(columns) - len(names)
    return table(columns[:keep], [row[:keep] for row in cells], width)


def pictures_of(rows: list[dict[str, Any]]) -> list[list[Picture]]:
    """The examples that are pictures; with augmentation a group for each, else all in one."""
    examples = [row for row in rows if row.get("row") == "example"]
    if not examples or len(rows[0].get("inputs") or ()) != 3:
        return []
    values = np.array([one["values"] for one in examples if one["version"] == 0], np.float64)
    low, span = values.min(), float(np.ptp(values)) or 1.0
    groups: dict[int, list[Picture]] = {}
    versions = any(one["version"] for one in examples)
    for one in examples:
        shares = (np.asarray(one["values"], np.float64).mean(-1) - low) / span
        title = f"step {one['version']}" if one["version"] else str(one["label"])
        groups.setdefault(one["number"] if versions else 0, []).append(Picture(title, shares))
    return list(groups.values())
