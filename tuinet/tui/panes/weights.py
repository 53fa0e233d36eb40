"""The weights pane: one parameter as a heatmap, a gallery or a surface over the plane, as it is or was.

What is drawn was reduced where the numbers are (tuinet/training/looks); how it is drawn stands in weights_lines.py.
Here is what the keys do, what is asked for, and what the other panes are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import BindingType
from textual.content import Content
from textual.strip import Strip

from tuinet.cells import cell_width
from tuinet.diagnostics.pictures import index_of, matrix_shape
from tuinet.safe_text import safe
from tuinet.tui.actions import bindings
from tuinet.tui.colours import Palette, palette_of
from tuinet.tui.panes import weights_lines as draw
from tuinet.tui.panes.base import Pane
from tuinet.tui.screens.number import Number
from tuinet.tui.widgets.heatmap import Grid, Places, grid_for

MODES = ("value", "gradient", "update", "change")
FEATURES = {"x", "y", "x2", "y2", "xy", "sin_x", "sin_y"}  # inputs that are made of two numbers
GATES = {"lstm": "ifog", "gru": "run"}  # in the order of their columns, as the layers' own pages say
LEAST_SHOWN = 4  # rows and columns that a part of a matrix has at the least
UNIT = 16  # points of the grid across a unit's picture, at most

Crop = tuple[int, int, int, int]


class WeightsPane(Pane):
    """Heatmap, gallery and surface of one run's parameters."""

    HELP = (
        "Orange is negative, blue positive, as bright as large; the scale is below. `v g u c` show the value, its "
        "gradient, the last update and the change since the start. `enter` goes into the cells: arrows move, `w` sets "
        "a number by hand. `i o` show a part and the whole, `t` what each neuron or filter looks for, `d` the plane "
        "of data with two inputs. `[ ]` go through the parameters; the cursor of the loss goes back in time."
    )

    NAME = "weights"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("weights")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.mode, self.shows = "value", "matrix"  # shows: matrix, tiles or plane
        self.cursor: draw.Cursor | None = None
        self.crop: Crop | None = None
        self.first = 0  # tile of the gallery
        self.parameters: list[dict[str, Any]] = []
        self.slot: dict[str, Any] | None = None  # the chosen one of them
        self._why = ""  # there are none
        self._seen = ("", "")  # layer and parameter that the view had chosen last
        self._drawn = draw.Drawn([])
        self._before: tuple[tuple[object, ...], Places] | None = None
        self._palette: Palette | None = None
        self._titles = ("", "")
        self._loading = False

    def _take_colours(self) -> None:
        """Those of the theme and the terminal; what was drawn in others is drawn anew."""
        self._palette, self._before = palette_of(self.app), None
        if self.view is not None:
            self._draw()

    # -- what is new ----------------------------------------------------------------------------------------

    def see(self, changed: frozenset[str]) -> None:
        if self.view is None:
            return
        if changed & {"theme", "view"} or self._palette is None:
            self._take_colours()
        if changed & {"view", "preset"} or (not self.parameters and changed & {"status", "events", "looks"}):
            self._load()
        if changed & {"selection", "view"}:
            self._follow()
        self._wish()
        self._draw()

    def _load(self) -> None:
        if not self._loading:
            self._loading = True
            self.in_background(self._ask_parameters(), "parameters", exclusive=False)

    async def _ask_parameters(self) -> None:
        try:
            found = await self.view.ask("parameters") if self.view is not None else None
        finally:
            self._loading = False
        if found is not None:
            self.parameters, self._why = list(found.fields.get("parameters", [])), found.error
            self._keep_or_choose()
            self._seen = ("", "")
            self._follow()
            self._wish()
            self._draw()

    def _keep_or_choose(self) -> None:
        """The parameter that was chosen, where it is still there: where it has another shape, from its beginning."""
        before, self.slot = self.slot, None
        kept = self._by_name(before["name"]) if before is not None else None
        chosen = kept or self._first_of(self.view.layer if self.view is not None else "")
        if chosen is None or before is None or (chosen["name"], chosen["shape"]) != (before["name"], before["shape"]):
            self._choose(chosen)
        else:
            self.slot = chosen

    def _follow(self) -> None:
        """Chooses what the other panes have chosen since."""
        if self.view is None:
            return
        layer, name = self.view.layer, self.view.parameter
        chosen = None
        if name != self._seen[1]:
            chosen = self._by_name(name)
        elif layer != self._seen[0]:
            chosen = self._first_of(layer)
        self._seen = (layer, name)
        if chosen is not None and chosen is not self.slot:
            self._choose(chosen)

    def _by_name(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.parameters if one["name"] == name), None)

    def _first_of(self, layer: str) -> dict[str, Any] | None:
        inside = (one for one in self.parameters if f"{one['layer']}.".startswith(f"{layer}.") or not layer)
        return next(inside, self.parameters[0] if self.parameters and self.slot is None else None)

    def _choose(self, slot: dict[str, Any] | None) -> None:
        self.slot, self.crop, self.cursor, self.first, self._before = slot, None, None, 0, None

    # -- what is asked for -----------------------------------------------------------------------------------

    def _pen(self) -> draw.Pen:
        palette = self._palette or palette_of(self.app)
        return draw.Pen(palette, self.rich_style, self.size.width, self.size.height)

    def _wish(self) -> None:
        view, slot, pen = self.view, self.slot, self._pen()
        if view is None or slot is None or pen.width < 8 or pen.height < 2:
            return
        key, units, cell = "weights", "weights.units", "weights.cell"
        name = slot["name"]
        if self.shows == "matrix":
            rows = max(1, pen.height - pen.feet) * (2 if pen.two else 1)
            crop = list(self.crop) if self.crop is not None else None
            view.want(key, "heatmap", slot=name, mode=self.mode, rows=min(rows, 512), columns=min(pen.width, 512),
                      crop=crop, bins=pen.bins)  # fmt: skip
        elif self.shows == "tiles":
            grid = self._grid(pen)
            view.want(key, "tiles", slot=name, mode=self.mode, first=self.first, count=min(grid.room, 1024),
                      height=min(grid.height, 256), width=min(grid.width, 256))  # fmt: skip
        else:
            view.want(key, "plane", size=draw.surface_size(pen))
        beside = self._units_grid(pen) if self.shows == "plane" else None
        if beside is not None:
            view.want(units, "plane", layer=slot["layer"], size=max(2, min(UNIT, beside.height)),
                      count=min(beside.room, 256))  # fmt: skip
        else:
            view.want(units, None)
        if self.shows == "matrix" and self.cursor is not None:
            index = index_of(tuple(slot["shape"]), self.cursor.row, self.cursor.column)
            view.want(cell, "cell", slot=name, index=list(index))
        else:
            view.want(cell, None)

    def _grid(self, pen: draw.Pen) -> Grid:
        """How a gallery of the chosen parameter is laid out."""
        shape = self.slot["shape"] if self.slot is not None else [1]
        inputs = self.view.facts.inputs if self.view is not None and self.view.facts is not None else ()
        if len(shape) == 4:
            height, width, total = shape[0], shape[1], shape[2] * shape[3]
        else:
            height, width = (inputs[0], inputs[1]) if len(inputs) == 3 else (8, 8)
            total = shape[-1]
        return grid_for(height, width, total, pen.width, max(1, pen.height - 1), two=pen.two)

    def _units_grid(self, pen: draw.Pen) -> Grid | None:
        """How the units of the chosen parameter's layer are laid out beside the surface; None: there is no room."""
        room = draw.units_room(pen, draw.surface_size(pen))
        if self.slot is None or room < 8:
            return None
        return grid_for(UNIT, UNIT, self.slot["shape"][-1], room, max(1, pen.height - 1), two=pen.two)

    # -- drawing ---------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        pen = self._pen()
        if pen.width < 8 or pen.height < 2:
            return
        drawn = self._drawing(pen)
        self._say_title()
        before, self._drawn = self._drawn, drawn
        self.refresh_lines(before.lines, drawn.lines)

    def _drawing(self, pen: draw.Pen) -> draw.Drawn:
        view = self.view
        if view is None or self.slot is None:
            return draw.Drawn(draw.message(pen, self._why or "the weights are not there yet"))
        found = view.looked.get("weights")
        if found is None:
            return self._drawn if len(self._drawn.lines) == pen.height else draw.Drawn(pen.filled([]))
        if found.error:
            return draw.Drawn(draw.message(pen, found.error))
        fields = found.fields
        if self.shows == "matrix" and "matrix" in fields:
            return self._matrix(pen, fields, found.body)
        if self.shows == "tiles" and "channels" in fields:
            return draw.Drawn(draw.gallery(pen, fields, found.body, self._grid(pen)))
        if self.shows == "plane" and "box" in fields:
            units, grid = view.looked.get("weights.units"), self._units_grid(pen)
            beside = (units.fields, units.body, grid) if units and not units.error and units.body and grid else None
            return draw.Drawn(draw.surface(pen, fields, found.body, beside))
        return self._drawn if len(self._drawn.lines) == pen.height else draw.Drawn(pen.filled([]))

    def _matrix(self, pen: draw.Pen, fields: Mapping[str, Any], body: bytes) -> draw.Drawn:
        key = tuple(map(str, (fields[word] for word in ("slot", "mode", "limit", "crop", "rows", "columns"))))
        before = self._before[1] if self._before is not None and self._before[0] == key else None
        cursor = self.cursor
        if cursor is not None and self.view is not None:
            said = self.view.looked.get("weights.cell")
            index = list(index_of(tuple(fields["shape"]), cursor.row, cursor.column))
            cursor.name = self._place(index)
            cursor.fields, cursor.error = {}, ""
            if said is not None and (said.error or said.fields.get("index") == index):
                cursor.fields, cursor.error = said.fields, said.error
        drawn = draw.matrix(pen, fields, body, before, cursor)
        if drawn.places is not None:
            self._before = key, drawn.places
        return drawn

    def _place(self, index: list[int]) -> str:
        """A place of the parameter by its index: its input by name where it has one, its gate by letter."""
        slot, facts = self.slot, self.view.facts if self.view is not None else None
        if slot is None:
            return ""
        words = [str(place) for place in index]
        if (
            facts is not None
            and len(index) == 2
            and len(facts.columns) == slot["shape"][0]
            and slot is next(iter(self.parameters), None)
        ):
            words[0] = safe(facts.columns[index[0]], 24)
        gates = GATES.get(slot["of"], "")
        units = slot["shape"][-1] // len(gates) if gates and slot["shape"][-1] % len(gates) == 0 else 0
        if units and not slot["name"].endswith(".bh"):  # bh is of the gate n alone
            words[-1] = f"{gates[index[-1] // units]}{index[-1] % units}"
        return f"[{', '.join(words)}]"

    def render_line(self, y: int) -> Strip:
        lines = self._drawn.lines
        if y < len(lines):
            return lines[y].crop_extend(0, self.size.width, self.base_style)
        return Strip.blank(self.size.width, self.base_style)

    def _say_title(self) -> None:
        """The title says what is shown, the subtitle what the keys do."""
        title, keys = self._title(), self._keys()
        if (title, keys.plain) != self._titles:
            self._titles = title, keys.plain
            self.border_title, self.border_subtitle = Content(title), keys

    def _title(self) -> str:
        if self.slot is None or self.view is None:
            return self.title
        found = self.view.looked.get("weights")
        shape = "×".join(map(str, self.slot["shape"]))
        what = {"matrix": self.mode, "tiles": f"gallery, {self.mode}", "plane": "plane"}[self.shows]
        name = safe(self.slot["name"], 60)
        then = ""
        if self.view.at is not None:
            step = found.fields.get("step") if found is not None and not found.error else None
            then = f" · step {step:,}, not live" if isinstance(step, int) else " · not live"
        longest = f"{self.title}: {name} · {shape} · {what}{then}"
        shorter = (longest, f"{name} · {shape} · {what}{then}", f"{name} · {what}{then}", f"{name}{then}")
        return next((words for words in shorter if cell_width(words) <= self.size.width - 2), shorter[-1])

    def _keys(self) -> Content:
        named = [("v", "value"), ("g", "gradient"), ("u", "update"), ("c", "change"), ("t", "templates")]
        if self._in_plane():
            named.append(("d", "plane"))
        chosen = {"matrix": self.mode, "tiles": "templates", "plane": "plane"}[self.shows]
        if self.size.width < 66:
            named = [(key, word if word == chosen else "") for key, word in named]
        pieces: list[str | tuple[str, str]] = []
        for key, word in [*named, ("[ ]", "")]:
            style = "bold reverse" if word == chosen else "bold"
            pieces += [(f" {key} ".replace("  ", " "), "bold"), (word, style if word == chosen else "")]
        return Content.assemble(*pieces, " ")

    def _in_plane(self) -> bool:
        facts = self.view.facts if self.view is not None else None
        return facts is not None and (facts.inputs == (2,) or (bool(facts.columns) and set(facts.columns) <= FEATURES))

    def summary(self) -> str:
        found = self.view.looked.get("weights") if self.view is not None else None
        if self.slot is None or found is None or "deviation" not in found.fields:
            return ""
        return f"{safe(self.slot['name'], 30)} sd {found.fields['deviation']:.3g}"

    # -- keys --------------------------------------------------------------------------------------------------

    def _again(self) -> None:
        self._wish()
        self._draw()

    def action_mode(self, mode: str) -> None:
        self.mode = mode
        if self.shows == "plane":
            self.shows = "matrix"
        self._again()

    def action_templates(self) -> None:
        self.shows = "matrix" if self.shows == "tiles" else "tiles"
        self.cursor = None
        self._again()

    def action_plane(self) -> None:
        if not self._in_plane():
            self.tell("a surface can be drawn where the data have two inputs, as `xor` and `spiral`")
            return
        self.shows = "matrix" if self.shows == "plane" else "plane"
        self.cursor = None
        self._again()

    def action_next(self) -> None:
        self._move_on(1)

    def action_previous(self) -> None:
        self._move_on(-1)

    def _move_on(self, by: int) -> None:
        if not self.parameters or self.view is None:
            return
        place = self.parameters.index(self.slot) if self.slot in self.parameters else 0
        slot = self.parameters[(place + by) % len(self.parameters)]
        self._choose(slot)
        self._seen = (slot["layer"], slot["name"])
        self.view.choose_layer(slot["layer"])
        self.view.choose_parameter(slot["name"])
        self._again()

    def action_cursor(self) -> None:
        """Into the cells, and out of them."""
        if self.shows != "matrix" or self.slot is None:
            self.shows = "matrix"
        if self.cursor is not None:
            self.cursor = None
        elif self.slot is not None:
            top, bottom, left, right = self._part()
            self.cursor = draw.Cursor((top + bottom - 1) // 2, (left + right - 1) // 2)
        self._again()

    def action_back(self) -> None:
        """One step out: of the cells, of a part, of a gallery; else it is the workbench's key."""
        if self.cursor is not None:
            self.cursor = None
        elif self.crop is not None:
            self.crop = None
        elif self.shows != "matrix":
            self.shows = "matrix"
        else:
            raise SkipAction
        self._again()

    def action_move(self, down: int, right: int) -> None:
        """By a cell, or in a vector to the next one; without a cursor the key is not ours."""
        fields = self._heatmap()
        if self.cursor is None or fields is None:
            raise SkipAction
        at = draw.cell_of(fields, self.cursor.row, self.cursor.column)
        if at is None:
            return
        row, column = at[0] + down, at[1] + right
        if not (0 <= row < fields["rows"] and 0 <= column < fields["columns"]):
            return
        place = draw.place_of(fields, row, column)
        if place is not None:
            self.cursor = draw.Cursor(*place)
            self._again()

    def action_zoom(self, way: int) -> None:
        """In: half of what is shown, around the cursor where there is one; out: twice as much.

        Rows or columns of which a cell shows many more go first, so that cells become single numbers soon.
        """
        if self.slot is None or self.shows != "matrix":
            return
        rows, columns = matrix_shape(tuple(self.slot["shape"]))
        top, bottom, left, right = self._part()
        middle = (self.cursor.row, self.cursor.column) if self.cursor else ((top + bottom) // 2, (left + right) // 2)
        pen = self._pen()
        crowd = (bottom - top) / ((2 if pen.two else 1) * max(1, pen.height - pen.feet)), (right - left) / pen.width
        share = 0.5 if way > 0 else 2.0
        (top, bottom), (left, right) = (
            _stretch(at, round((high - low) * (share if here * 2 >= max(crowd) or way < 0 else 1)), size)
            for at, low, high, size, here in (
                (middle[0], top, bottom, rows, crowd[0]),
                (middle[1], left, right, columns, crowd[1]),
            )
        )
        whole = (top, bottom, left, right) == (0, rows, 0, columns)
        self.crop = None if whole else (top, bottom, left, right)
        self._again()

    def action_page(self, way: int) -> None:
        if self.shows != "tiles" or self.view is None:
            raise SkipAction
        found, room = self.view.looked.get("weights"), self._grid(self._pen()).room
        total = found.fields.get("total", 0) if found is not None else 0
        self.first = max(0, min(self.first + way * room, (max(1, total) - 1) // room * room))
        self._again()

    def action_write(self) -> None:
        """The number under the cursor by hand."""
        view = self.view
        if self.cursor is None or self.slot is None or view is None:
            self.tell("choose a number first: enter goes into the cells, arrows move")
            return
        if not view.live:
            self.tell(f"{view.name} is not training, so its weights cannot be changed")
            return
        slot, index = self.slot["name"], list(index_of(tuple(self.slot["shape"]), self.cursor.row, self.cursor.column))

        def given(value: float | None) -> None:
            if value is not None:
                work = view.command("write", slot=slot, index=index, value=value)
                self.in_background(work, "write", exclusive=False)

        command = f"tuinet ctl {view.name} write {slot} {','.join(map(str, index))} VALUE"
        now = self.cursor.fields.get("value")
        self.app.push_screen(Number(f"{slot} {self._place(index)}", now, command=command), given)

    def _part(self) -> Crop:
        """The part of the matrix that is shown."""
        rows, columns = matrix_shape(tuple(self.slot["shape"])) if self.slot is not None else (1, 1)
        return self.crop or (0, rows, 0, columns)

    def _heatmap(self) -> Mapping[str, Any] | None:
        """The fields of the heatmap that is drawn."""
        found = self.view.looked.get("weights") if self.view is not None else None
        return found.fields if found is not None and "matrix" in found.fields else None

    # -- the mouse ---------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a cell."""
        offset = event.get_content_offset(self)
        fields = self._heatmap()
        if offset is None or fields is None or self.shows != "matrix":
            return
        cell = self._drawn.cell_at(offset.x, offset.y)
        place = draw.place_of(fields, *cell) if cell is not None else None
        if place is not None:
            self.cursor = draw.Cursor(*place)
            self._again()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_zoom(-1)


def _stretch(middle: int, length: int, size: int) -> tuple[int, int]:
    """A stretch of an axis around a place, inside it and not shorter than can be seen."""
    length = max(min(LEAST_SHOWN, size), min(length, size))
    first = max(0, min(middle - length // 2, size - length))
    return first, first + length
