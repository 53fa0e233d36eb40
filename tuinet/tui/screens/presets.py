"""The presets: what each teaches, of which layers it is made, what can be tried with it. Start one, or copy it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from tuinet import figures
from tuinet import presets as library
from tuinet.atomic import write_named
from tuinet.cells import cut
from tuinet.columns import Column
from tuinet.data.sets import catalog
from tuinet.errors import TuinetError, UsageError
from tuinet.presets import Headline, Preset
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.application import Tuinet
from tuinet.tui.asked import all_of
from tuinet.tui.screens.asking import Ask
from tuinet.tui.screens.base import Page, Told, content, lines, read
from tuinet.tui.telling import Line, paragraph, table
from tuinet.tui.widgets.rows import Row, Rows

GROUPS = {
    "points": "Points in the plane",
    "table": "Tables",
    "tables": "Tables",
    "images": "Pictures",
    "idx": "Pictures",
    "series": "Series in time",
    "corpus": "Texts",
    "labelled": "Texts",
    "packages": "Texts",
    "pairs": "Pairs of texts",
}
"""What a preset's data are, by the form of its set; in the order in which the groups stand."""

OTHER = "Your own data"
LIST = 34  # cells of the list where two panels lie side by side
REST = 0.15  # seconds that the cursor rests on a line before its layers are asked for


class Presets(Page):
    """A list with groups, and beside it what is told of the chosen preset."""

    TITLE = "Presets"
    PLACE = "presets"
    FILTER = "words of a name, a title, or what it teaches"
    BINDINGS = bindings("presets")
    DEFAULT_CSS = """
    Presets #list { width: 36; height: 1fr; }
    Presets.-wide #list, Presets.-huge #list { width: 44; }
    Presets.-narrow Horizontal { layout: vertical; }
    Presets.-narrow #list { width: 1fr; height: 2fr; }
    Presets.-narrow #told { height: 3fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._first = ""
        self._headlines: list[Headline] = []
        self._words = ""
        self._presets: dict[str, Preset | str] = {}  # a sentence where one cannot be loaded
        self._layers: dict[str, list[dict[str, Any]] | str] = {}

    def body(self) -> ComposeResult:
        with Horizontal():
            rows = Rows(id="list", empty="No preset has these words.")
            rows.add_class("panel")
            yield rows
            with VerticalScroll(id="told", classes="panel told", can_focus=False):
                yield Told(id="text")

    def main(self) -> Widget:
        return self.rows

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)

    def command(self) -> str:
        key = self.rows.key if self._headlines else ""
        return f"tuinet run {key}" if key else "tuinet presets"

    def names(self) -> dict[str, str]:
        return {"PRESET": self.rows.key}

    def on_mount(self) -> None:
        super().on_mount()
        self.in_background(self._load(), "load")

    async def _load(self) -> None:
        self._headlines = await read(library.headlines)
        self._list(self._first)

    def choose(self, key: str) -> None:
        self._first = key
        if self._headlines:
            self.rows.choose(key)

    # -- the list -----------------------------------------------------------------------------------------------

    def filtered(self, text: str) -> None:
        self._words = text
        self._list(self._likeliest(text.strip().lower()))

    def _likeliest(self, words: str) -> str:
        """Of those that fit, the one that is called so, begins so, or has the words in its name; else none."""
        names = [one.name for one in self._headlines if words and has_words(one, words)]
        ranks = (lambda name: name == words, lambda name: name.startswith(words), lambda name: words in name)
        return next((name for rank in ranks for name in names if rank(name)), "")

    def _list(self, chosen: str = "") -> None:
        forms = {info.name: info.form for info in catalog()}
        groups: dict[str, list[Headline]] = {title: [] for title in [*GROUPS.values(), OTHER]}
        found = [one for one in self._headlines if has_words(one, self._words)]
        for one in found:
            groups[GROUPS.get(forms.get(one.data, ""), OTHER)].append(one)
        rows: list[Row] = []
        for title, members in groups.items():
            if not members:
                continue
            rows += [Row("", ((" ", ""),))] if rows else []
            rows.append(Row("", ((title, "heading"),)))
            rows += [Row(one.name, ((f"  {safe(one.name, 40)}", ""), (_mark(one), "dim"))) for one in members]
        self.rows.show(rows, chosen or None)
        some = f"{len(found)} of {len(self._headlines)}" if self._words else f"{len(found)}"
        self.head((some, ""), *([(f"/{self._words}", "accent")] if self._words else []))

    # -- what is told -------------------------------------------------------------------------------------------

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        self.query_one("#told", VerticalScroll).scroll_home(animate=False)
        self._tell()
        self.say_command()
        if event.key:
            self.in_background(self._ask(event.key), "ask")

    def on_told_resized(self) -> None:
        self._tell()

    async def _ask(self, name: str) -> None:
        """The preset itself at once, its shapes when the cursor rests."""
        if name not in self._presets:
            self._presets[name] = await read(_loaded, name)
            self._tell()
        if name not in self._layers:
            await asyncio.sleep(REST)
            try:
                self._layers[name] = await all_of("show", name)
            except TuinetError as error:
                self._layers[name] = str(error)
            self._tell()

    def _tell(self) -> None:
        name, panel = self.rows.key, self.query_one("#told")
        headline = next((one for one in self._headlines if one.name == name), None)
        panel.border_title = content(safe(name, 60) if headline else "")
        text = self.query_one("#text", Told)
        if headline is None:
            text.update(content(""))
            return
        width = max(20, text.size.width or 60)
        preset = self._presets.get(name)
        rows = told(headline, preset if isinstance(preset, Preset) else None, self._layers.get(name), width)
        if isinstance(preset, str):
            rows += [[], *paragraph(preset, width, "bad")]
        text.update(lines(rows))

    def action_scroll_down(self) -> None:
        self.query_one("#told", VerticalScroll).scroll_relative(y=5, animate=False)

    def action_scroll_up(self) -> None:
        self.query_one("#told", VerticalScroll).scroll_relative(y=-5, animate=False)

    # -- what can be done ---------------------------------------------------------------------------------------

    def on_rows_opened(self, event: Rows.Opened) -> None:
        self.action_start()

    def action_start(self) -> None:
        name = self.rows.key
        if name:
            self.in_background(self._start(name), "start")

    async def _start(self, name: str) -> None:
        preset = await read(_loaded, name)
        if isinstance(preset, str):
            self.tell(preset, bad=True)
        else:
            self.tuinet.start_run(preset)

    def action_copy(self) -> None:
        name = self.rows.key
        if name:
            asking = Ask(
                f"Copy {name}",
                "A file of your own, whose name ends in .toml:",
                f"{name}-mine.toml",
                check=partial(copied, name),
                command=lambda file: f"tuinet new {file} --from {name}",
            )
            self.app.push_screen(asking, self._copied)

    def _copied(self, path: str | None) -> None:
        if path:
            self.tell(f"Copied to {path}. Edit it, then: tuinet run {path}")


def page(app: Tuinet) -> Presets:
    return Presets()


def copied(name: str, file: str) -> str:
    """Writes the preset to a file that is not there yet, as `tuinet new FILE --from PRESET` does; the path."""
    path = Path(file.strip()).expanduser()
    if path.suffix != ".toml":
        raise UsageError("a preset file's name ends in .toml, by which `tuinet run` knows it")
    if path.exists():
        raise UsageError(f"{safe(str(path), 200)} is there already; give another name")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {safe(str(path.parent), 200)}")
    write_named(path, library.load(name).text.encode())
    return str(path)


def has_words(one: Headline, words: str) -> bool:
    """Whether name, title, sentence or data of the preset have all the words."""
    text = f"{one.name} {one.title} {one.teaches} {one.data}".lower()
    return all(word in text for word in words.lower().split())


def _mark(one: Headline) -> str:
    return f" ×{len(one.variants)}" if one.variants else ""


def _loaded(name: str) -> Preset | str:
    try:
        return library.load(name)
    except TuinetError as error:
        return str(error)


# -- text ------------------------------------------------------------------------------------


def told(
    headline: Headline, preset: Preset | None, layers: list[dict[str, Any]] | str | None, width: int
) -> list[Line]:
    """What is told of a preset, in lines of this width. layers: rows of `tuinet show`, or why there are none."""
    rows: list[Line] = [[(cut(safe(headline.title, 200), width), "bold")], []]
    rows += paragraph(headline.teaches, width)
    if preset is not None:
        rows += [[], *(line for words in _training(preset) for line in paragraph(words, width, "dim"))]
    rows += [[], *_layers(layers, preset, width)]
    if headline.variants:
        rows += [[], [("compares", "heading")]]
        rows += paragraph(", ".join(headline.variants), width - 2, indent="  ")
    if headline.tries:
        rows += [[], [("try", "heading")]]
        for words in headline.tries:
            command = words if words.startswith("tuinet ") else f"tuinet run {headline.name} {words}"
            rows += paragraph(command, width, indent="    ")
    return rows


def _training(preset: Preset) -> list[str]:
    from tuinet.fields import type_word
    from tuinet.losses import LOSSES
    from tuinet.optimizers import OPTIMIZERS, SCHEDULES

    training = preset.training
    rate = figures.setting(training.optimizer.learning_rate)
    schedule = type_word(training.schedule, SCHEDULES)
    words = [
        f"data {preset.data.set or preset.data.file}",
        type_word(training.loss, LOSSES).replace("_", " "),
        f"{type_word(training.optimizer, OPTIMIZERS)} {rate}" + ("" if schedule == "constant" else f", {schedule}"),
        f"batch {training.batch_size}",
        figures.plural(training.epochs, "epoch"),
        f"seed {training.seed}",
    ]
    return [" · ".join(words)]


def _layers(asked: list[dict[str, Any]] | str | None, preset: Preset | None, width: int) -> list[Line]:
    columns = (
        Column("layer", need=9, least=8),
        Column("type", need=7, least=6),
        Column("out", right=True, need=8),
        Column("parameters", right=True, need=8),
        Column("mult-adds", right=True, need=4),
        Column("memory", right=True, need=3),
    )
    rows: list[list[tuple[str, str]]] = []
    if isinstance(asked, list):
        total = next((row for row in asked if row.get("row") == "network"), {})
        for row in asked:
            if row.get("row") == "layer":
                rows.append(
                    [
                        (_indented(str(row["path"])), ""),
                        (str(row["type"]), "dim"),
                        (figures.shape(row["output_shape"]), ""),
                        (figures.count(row["parameters"]), ""),
                        (figures.count(row["multiply_adds"]), "dim"),
                        (figures.size(row["memory_bytes"]), "dim"),
                    ]
                )
        rows.append(
            [
                ("together", "dim"), ("", ""), ("", ""),
                (figures.count(total.get("parameters")), "bold"), (figures.count(total.get("multiply_adds")), "dim"),
                (figures.size(total.get("memory_bytes")), "dim"),
            ]
        )  # fmt: skip
        return table(columns, rows, width)
    if preset is None:
        return []
    for layer in preset.stack:
        rows.append(
            [(str(layer.name or ""), ""), (_type(layer), "dim"), ("…", "dim"), ("…", "dim"), ("", ""), ("", "")]
        )
    found = table(columns, rows, width)
    return found + (paragraph(asked, width, "warn") if isinstance(asked, str) else [])


def _indented(path: str) -> str:
    """A layer inside another stands below it."""
    above, _, name = path.rpartition(".")
    return "  " * (above.count(".") + 1) + name if above else path


def _type(layer: Any) -> str:
    from tuinet.fields import type_word
    from tuinet.layers import LAYERS

    return type_word(layer, LAYERS)
