"""Overfitting: whether the network learns by heart, by how much and since when, and what can be done about it.

Above stand the verdict, the losses with their gap, and the cures, which act on the training as it goes on. Below, or
behind a key where there is no room, what is confused, the worst examples, and how large the weights are.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.strip import Strip

from tuinet.cells import cell_width, cut
from tuinet.errors import TuinetError
from tuinet.safe_text import safe
from tuinet.tui import diagnosis
from tuinet.tui.actions import bindings
from tuinet.tui.colours import Palette, palette_of
from tuinet.tui.cures import Change, Cure, command, cures
from tuinet.tui.diagnosis import Line, beside, paragraph, title
from tuinet.tui.panes.base import Pane

Page = Literal["fit", "matrix", "worst", "weights"]
TITLES: dict[Page, str] = {"fit": "fit", "matrix": "confusion", "worst": "worst", "weights": "weights"}
DETAILS: tuple[Page, ...] = ("matrix", "worst", "weights")
LEAST: dict[Page, int] = {"matrix": 6, "worst": 8, "weights": 4}  # lines of a detail, its title among them ...
MOST: dict[Page, int] = {"matrix": 22, "worst": 19, "weights": 10}  # ... and at the most, where others stand below
TALL = 30  # lines from which a detail stands below
BROAD = 110  # columns from which, in a tall pane, details stand beside the rest
WIDE = 64  # columns from which things stand side by side
HEALTH = "health of overfitting"  # a key of its own: another pane wants the same look, and may end its wish
KINDS = ("dim", "bold", "heading", "good", "warn", "bad", "accent", "train", "val", "chosen")
BOLD = "-bold"
NAME, CURES = 10, 26  # columns of a cure's name, and of all that stands beside it


class OverfittingPane(Pane):
    """Wants the looks `confusion`, `worst`, `norms` and `health` while it shows them."""

    DEFAULT_CSS = """
    OverfittingPane > .overfitting--dim { color: $secondary; }
    OverfittingPane > .overfitting--bold { text-style: bold; }
    OverfittingPane > .overfitting--heading { color: $foreground; text-style: bold; }
    OverfittingPane > .overfitting--good { color: $good; }
    OverfittingPane > .overfitting--warn { color: $warn; }
    OverfittingPane > .overfitting--bad { color: $bad; }
    OverfittingPane > .overfitting--accent { color: $primary; }
    OverfittingPane > .overfitting--train { color: $train; }
    OverfittingPane > .overfitting--val { color: $val; }
    OverfittingPane > .overfitting--chosen {
        background: $block-cursor-blurred-background; color: $block-cursor-blurred-foreground;
        text-style: $block-cursor-blurred-text-style;
    }
    OverfittingPane:focus > .overfitting--chosen {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"overfitting--{kind}" for kind in KINDS}
    BINDINGS = bindings("overfitting")
    NAME = "overfitting"
    HELP = "Cures act on the training as it goes on. Losses are measured without dropout and augmentation."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.page: Page = "fit"
        self.cursor = 0
        self.chosen: dict[str, float] = {}  # the values that cures would have, by name
        self._before: dict[str, tuple[str, ...]] = {}  # and the keys that they had when they were on
        self.said: tuple[str, str] = ("", "dim")  # what was sent or refused, and its kind
        self._cures: list[Cure] = []
        self._lines: list[Line] = []
        self._cure_rows: dict[int, int] = {}  # a cure's place by the line on which it stands
        self._wanted: dict[str, tuple[str, dict[str, Any]]] = {}  # looks and requests, by key ...
        self._asked: dict[str, tuple[str, dict[str, Any]]] = {}  # ... and those of what is laid out now
        self._styles: dict[str, Style] = {}

    # -- what is there -------------------------------------------------------------------------------------

    def see(self, changed: frozenset[str]) -> None:
        if self.view is None:
            return
        if "view" in changed:
            self._wanted = {}
        if changed & {"view", "preset"} or not self._cures:
            preset = self.view.preset
            first = not self._cures
            self._cures = [] if preset is None else cures(preset, self.view.facts, self.chosen, self._before)
            self._before |= {cure.name: cure.keys for cure in self._cures if cure.on}
            if first and self._cures:
                self.cursor = next((place for place, cure in enumerate(self._cures) if not cure.why_not), 0)
        if changed & {"theme", "size", "view"}:
            self._styles = {}
        if changed & {"view", "epochs", "events", "preset", "selection", "looks", "theme", "size"}:
            self._lay_out()

    def summary(self) -> str:
        found = {} if self.view is None else self.view.verdict
        word = str(found.get("word") or "")
        if word not in diagnosis.MARKS:
            return ""
        since = (found.get("numbers") or {}).get("best_epoch")
        tail = f" since {since:.0f}" if word == "overfitting" and isinstance(since, (int, float)) else ""
        return f"{diagnosis.MARKS[word][0]} {word}{tail}"

    def command_form(self) -> str:
        cure = self._cure
        if self.view is None or cure is None or cure.why_not:
            return ""
        return command(self.view.name, cure.settings(None if cure.on else cure.value))

    @property
    def _cure(self) -> Cure | None:
        return self._cures[self.cursor] if self.cursor < len(self._cures) else None

    @property
    def _rows(self) -> list[dict[str, Any]]:
        """The last epochs up to the step that is looked at."""
        view = self.view
        if view is None:
            return []
        return view.curves.epochs(4, until=math.inf if view.at is None else view.at)

    @property
    def _pages(self) -> tuple[Page, ...]:
        """What can be gone through: of a tall pane the details."""
        pages: tuple[Page, ...] = DETAILS if self.size.height >= TALL else ("fit", *DETAILS)
        return tuple(page for page in pages if page != "matrix") if self._classless() else pages

    # -- how it stands -------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        width, height = self.size
        if self.view is None or width < 1 or height < 1:
            return
        self._asked = {}
        tall = height >= TALL
        self.border_subtitle = (
            None
            if tall
            else " ".join(
                words.upper() if page == self.page else words for page, words in TITLES.items() if page in self._pages
            )
        )
        if tall and width >= BROAD:
            left = max(width * 2 // 5, BROAD // 2)
            lines = beside(self._top(left, height, gap=16), left, self._below(width - left - 3, height), 3)
        elif tall:
            lines = self._top(width, height, gap=9 if height >= 52 else 6)
            below = self._below(width, height - len(lines) - 1)
            lines += [[], *below] if below else []
        elif self.page == "fit":
            lines = self._top(width, height)
        else:
            lines = self._detail(self.page, width, height)
        self._want(self._asked)
        before, self._lines = self._lines, lines
        self.refresh_lines(before, lines)

    def _top(self, width: int, height: int, gap: int = 6) -> list[Line]:
        """Verdict, losses, gap and cures. gap: lines of its curve, at the most, where all stand below each other."""
        view = self.view
        assert view is not None
        if width >= WIDE and height < TALL:
            right = max(CURES, min(width * 4 // 9, width - 46))
            left = width - right - 3
            told = self._told(left, height - 7 if height > 14 else height)
            if height - len(told) >= 4:
                told += [title("gap"), *self._gap(left, height - len(told) - 1)]
            switches = self._switches(right, height)
            switches += self._most_confused(right, height - len(switches) - 1)
            self._cure_rows = {line: place for line, place in self._cure_rows.items() if line < height}
            return beside(told, left, switches, 3)[:height]
        short = height < 12
        lines = self._told(width, 4 if short else 6)
        room = height - len(lines) - self._switches_height(width) - 2
        curve = self._gap(width, min(gap, room - 1)) if room > 4 else []
        if curve:
            lines += [[], title("gap", "val − train, both without dropout"), *curve]
        if not short:
            lines.append([])
        at = len(lines)
        lines += self._switches(width, height - at)
        self._cure_rows = {line + at: place for line, place in self._cure_rows.items() if line + at < height}
        return lines[:height]

    def _told(self, width: int, room: int) -> list[Line]:
        view = self.view
        assert view is not None
        rows = self._rows
        found = view.verdict if view.at is None else {}
        lines = diagnosis.verdict(found, width, max(1, room - 3)) if view.at is None else [
            [(f"as it stood at step {view.at:,}", "accent")]]  # fmt: skip
        kept = frozenset(int(event["s"]) for event in view.events if event["k"] == "checkpoint")
        norms = view.looked.get("norms")
        newest = norms.fields if norms is not None and view.at is None else {}
        return [
            *lines,
            diagnosis.losses(rows, width),
            diagnosis.best(view.curves, view.monitor, kept, width),
            diagnosis.penalty(rows[-1] if rows else {}, newest, width),
        ]

    def _gap(self, width: int, room: int) -> list[Line]:
        view = self.view
        assert view is not None
        at = None if view.at is None or not self._rows else float(self._rows[-1]["epoch"])
        return diagnosis.gap_curve(*diagnosis.gaps(view.curves), view.status.epochs, at, width, room)

    def _switches_height(self, width: int) -> int:
        return 3 + sum(1 for cure in self._cures if cure.why_not) + len(self._cures)

    def _switches(self, width: int, room: int) -> list[Line]:
        view = self.view
        assert view is not None
        lines: list[Line] = [
            title("cures", "while it trains" if view.live else f"not now: {safe(view.status.state, 20)}")
        ]
        self._cure_rows = {}
        for place, cure in enumerate(self._cures):
            self._cure_rows[len(lines)] = place
            lines.append(self._switch(place, cure, width))
        said = paragraph(self.said[0], width, self.said[1])
        chosen = self._cure
        if chosen is not None:
            told = paragraph(chosen.why_not or chosen.help, width, "dim", "  ")
            lines += told[: max(0, room - len(lines) - len(said))]
        return [*lines, *said[: max(0, room - len(lines))]]

    def _switch(self, place: int, cure: Cure, width: int) -> Line:
        kind = "chosen" if place == self.cursor else ""
        mark = "▸" if place == self.cursor else " "
        if cure.why_not:
            return [(f"{mark}[–] {cure.name}".ljust(width) if kind else f"{mark}[–] {cure.name}", kind or "dim")]
        box = "[x]" if cure.on else "[ ]"
        value = cure.shown(cure.value).ljust(min(12, width - NAME - 9))
        text = f"{mark}{box} {cure.name.ljust(NAME)} {value}"
        text = f"{text} ◂▸" if cell_width(text) + 3 <= width else cut(text.rstrip(), width)
        return [(text.ljust(width) if kind else text, kind)]

    def _below(self, width: int, room: int) -> list[Line]:
        """As many details as there is room for, the chosen one first."""
        pages = self._pages
        at = pages.index(self.page) if self.page in pages else 0
        lines: list[Line] = []
        for page in (*pages[at:], *pages[:at]):
            left = room - len(lines) - bool(lines)
            if left < LEAST[page]:
                break
            lines += [[]] * bool(lines)
            lines += self._detail(page, width, min(left, MOST[page]))
        return lines

    def _most_confused(self, width: int, room: int) -> list[Line]:
        """The pairs alone, where there is no room for the matrix."""
        view = self.view
        assert view is not None
        if room < 4 or self._classless():
            return []
        self._asked["confusion"] = self._look_for("matrix", width, room)
        found = view.looked.get("confusion")
        if found is None or found.error:
            return []
        return [[], title("taken for another"), *diagnosis.pairs(found.fields, width, min(room - 1, 8))]

    def _classless(self) -> bool:
        return self.view is not None and self.view.facts is not None and self.view.facts.task == "reals"

    def _detail(self, page: Page, width: int, room: int) -> list[Line]:
        """One of the details in so many lines, its title among them."""
        view = self.view
        assert view is not None
        palette = palette_of(self.app)
        key, request = self._look_for(page, width, room)
        self._asked[key] = key, request
        if page == "weights":
            self._asked[HEALTH] = "health", {}
        found = view.looked.get(key)
        heading = {"matrix": "confusion", "worst": "worst examples", "weights": "weights"}[page]
        if found is None:
            return [title(heading), [("… is worked out", "dim")]]
        if found.error and view.status.compiling:
            return [title(heading), [("… after the start", "dim")]]
        if found.error:
            return [title(heading), *paragraph(found.error, width, "dim")][:room]
        fields = found.fields
        if page == "weights":
            health = view.looked.get(HEALTH)
            of_layers = {} if health is None or health.error else health.fields
            notes = "norm of each layer, × since the start", "norms, × since the start", "norms"
            return [title(heading, *notes, width=width), *diagnosis.weights(fields, of_layers, width, room - 1)]
        if page == "worst":
            note = f"of {fields.get('part', '')}, step {int(fields.get('step') or 0):,}"
            return [title(heading, note, width=width), *diagnosis.worst(fields, found.body, palette, width, room - 1)]
        heads = title(heading, *diagnosis.judged(fields), width=width)
        return [heads, *self._matrix(fields, found.body, palette, width, room - 1)]

    @staticmethod
    def _look_for(page: Page, width: int, room: int) -> tuple[str, dict[str, Any]]:
        """The look that a detail shows, and what is asked for in so much room."""
        if page == "matrix":
            return "confusion", {"most": max(10, min(64, room - 3))}
        if page == "worst":
            count, tall, wide = diagnosis.picture_room(width, room - 1)
            return "worst", {"count": max(count, min(32, room // 2)), "height": tall, "width": wide}
        return "norms", {}

    @staticmethod
    def _matrix(fields: dict[str, Any], body: bytes, palette: Palette, width: int, room: int) -> list[Line]:
        counts = diagnosis.matrix_of(fields, body)
        if width < 40:
            drawn = diagnosis.matrix(fields, counts, palette, width, max(3, room * 2 // 3))
            return [*drawn, *diagnosis.pairs(fields, width, room - len(drawn))]
        left = min(width * 3 // 5, 16 + 5 * len(counts))
        drawn = diagnosis.matrix(fields, counts, palette, left, room)
        taken = max((diagnosis.length(line) for line in drawn), default=0)
        return beside(drawn, taken, diagnosis.pairs(fields, width - taken - 3, min(room, len(drawn))), 3)

    def _want(self, wanted: dict[str, tuple[str, dict[str, Any]]]) -> None:
        """Tells the view which looks are shown."""
        view = self.view
        assert view is not None
        for key in self._wanted:
            if key not in wanted:
                view.want(key, None)
        for key, (look, request) in wanted.items():
            if self._wanted.get(key) != (look, request):
                view.want(key, look, **request)
        self._wanted = wanted

    # -- painting ------------------------------------------------------------------------------------------

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        base = self.base_style
        line = self._lines[y] if y < len(self._lines) else []
        segments = [Segment(text, self._style(kind, base)) for text, kind in line if text]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _style(self, kind: str | Style, base: Style) -> Style:
        if isinstance(kind, Style):
            return base + kind
        if kind not in self._styles:
            word = kind.removesuffix(BOLD)
            style = self.get_component_rich_style(f"overfitting--{word}", partial=True) if word in KINDS else Style()
            self._styles[kind] = base + style + (Style(bold=True) if kind.endswith(BOLD) else Style())
        return self._styles[kind]

    # -- what keys do --------------------------------------------------------------------------------------

    def action_matrix(self) -> None:
        """The next page, or of a tall pane the next detail."""
        pages = self._pages
        here = self.page if self.page in pages else pages[0]
        self.page = pages[(pages.index(here) + 1) % len(pages)]
        self._lay_out()

    def action_above(self) -> None:
        self._move(-1)

    def action_below(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if self._cures:
            self.cursor = (self.cursor + by) % len(self._cures)
            self._lay_out()

    def action_switch(self) -> None:
        cure = self._cure
        if cure is not None:
            self._change(cure, None if cure.on else cure.value)

    def action_less(self) -> None:
        self._turn(up=False)

    def action_more(self) -> None:
        self._turn(up=True)

    def _turn(self, *, up: bool) -> None:
        """Another value: sent where the cure is on, else remembered for when it is."""
        cure = self._cure
        if cure is None or cure.why_not:
            self.action_switch()
            return
        value = cure.next(cure.value, up)
        self.chosen[cure.name] = value
        if cure.on and value != cure.value:
            self._change(cure, value)
        else:
            self.see(frozenset({"preset"}))

    def _change(self, cure: Cure, value: float | None) -> None:
        if cure.why_not:
            self._say(cure.why_not, "warn")
            return
        self.chosen[cure.name] = cure.value if value is None else value
        self.in_background(self._send(cure.settings(value)), "cures", exclusive=False)

    async def _send(self, changes: list[Change]) -> None:
        view = self.view
        assert view is not None
        self._say(f"… tuinet {command(view.name, changes)}", "dim")
        try:
            for key, value in changes:
                await view.command("set", key=key, value=value)
        except TuinetError as error:
            self._say(str(error), "warn")
            return
        self._say(f"sent: tuinet {command(view.name, changes)}", "good")

    def _say(self, sentence: str, kind: str) -> None:
        self.said = (safe(sentence, 300), kind)
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        """On a cure: chooses it; on its box or a second time, switches it; on its arrows, turns it."""
        offset = event.get_content_offset(self)
        place = None if offset is None else self._cure_rows.get(offset.y)
        if offset is None or place is None:
            return
        line = "".join(text for text, _ in self._lines[offset.y])
        again, self.cursor = place == self.cursor, place
        start = line.find("▸[") if "▸[" in line else line.find("[") - 1
        arrows = line.find("◂▸")
        if arrows >= 0 and offset.x in (arrows, arrows + 1):
            self._turn(up=offset.x > arrows)
        elif again or start < offset.x <= start + 3:
            self.action_switch()
        else:
            self._lay_out()
