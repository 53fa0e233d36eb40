"""A preset being edited: its layers as rows, the edits that can be made to it, undo and redo, and what they cost.

    draft = Draft(presets.load("fashion-mlp"))
    place = draft.add("dropout", after=("layers", 1))       # an edit gives the place to go on at
    draft.set(place, "rate", "0.3")                         # as typed into a form
    draft.error                                             # why the preset cannot be as it stands, or None
    draft.undo()

A draft may be wrong between two edits: its error then says what and where, and the next edit may put it right. What an
edit itself cannot be (a word for a number) is refused with PresetError, and the draft stays as it was. A place is the
path of a table in the preset: ("layers", 4, "layers", 0), or ("training",). No Textual is needed here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuinet.atomic import write_file
from tuinet.errors import PresetError, UsageError
from tuinet.fields import Field, as_typed, describe
from tuinet.layers import LAYERS, Layer
from tuinet.presets.finding import parse
from tuinet.presets.places import path_of, words_of
from tuinet.presets.preset import Preset, assemble
from tuinet.presets.rewriting import rewritten
from tuinet.presets.stack import HALVES, LARGEST_REPEAT, TOP, addresses, as_layers, held
from tuinet.presets.training import TrainingSettings
from tuinet.presets.writing import to_toml
from tuinet.safe_text import safe
from tuinet.tui.entries import Entry, entered, entries, is_usual

if TYPE_CHECKING:
    from tuinet.training.planning import Planned

Place = tuple[str | int, ...]
Shape = tuple[int, ...]

TRAINING: Place = ("training",)
REPEAT = Field("whole", 1, "so many layers of this kind, one after the other", "repeat", 1, LARGEST_REPEAT)
FIRST = {"units": 32, "filters": 8, "activation": "relu", "shape": [-1]}  # what a new layer starts with
SHOWN = ("name", "units", "filters")  # not among a row's settings: the row shows them elsewhere
PLAIN = ("activation", "function", "kernel", "size", "factor", "rate", "kind", "join", "shape")  # shown without name


@dataclass(frozen=True)
class Row:
    """A layer's table in a list of them; figures are None where they are not known (yet).

    path: the layer's full name; paths: of each layer it stands for, where it is repeated or inside one that is.
    depth: of nesting. settings: what is said of it, short. holds: whether layers may be put inside.
    error: why it cannot be, without its place.
    """

    place: Place
    path: str
    paths: tuple[str, ...]
    depth: int
    name: str
    type: str
    named: bool
    settings: str
    repeat: int
    holds: bool
    input: Shape | None = None
    output: Shape | None = None
    parameters: int | None = None
    share: float | None = None
    multiply_adds: int | None = None
    memory: int | None = None
    frozen: bool = False
    error: str = ""


@dataclass(eq=False)
class Edition:
    """The preset between two edits. done: the edit that made it, in words; again: what such edits have in common.

    The text is laid out when it is asked for, from that of the edition before: a list is edited more often than read.
    """

    document: dict[str, Any]
    preset: Preset | None
    error: PresetError | None
    laid_out: str | None = None
    before: Edition | None = None
    done: str = ""
    again: tuple[Any, ...] = ()

    @property
    def text(self) -> str:
        if self.laid_out is None:
            before = self.before
            while before is not None and before.laid_out is None:
                before = before.before
            old = before.laid_out if before is not None else None
            self.laid_out = rewritten(old or "", _as_written(self.document))
        return self.laid_out


class Taken(UsageError):
    """There is a file of that name already."""


class Draft:
    """A preset and every edit of it. `version` grows with each change, so that whoever shows it knows when to look."""

    def __init__(self, preset: Preset, *, short: bool = False) -> None:
        """short: leave out what holds anyway, as for the preset of a run, in which every default is written out."""
        self.origin = preset
        self.version = 0
        document = shortened(preset.document) if short else deepcopy(preset.document)
        text = preset.text
        if _document(text) != document:
            text = to_toml(_as_written(document)) if short else rewritten(text, _as_written(document))
        self.now = self._read(text, document)
        self._past: list[Edition] = []
        self._future: list[Edition] = []

    @property
    def text(self) -> str:
        return self.now.text

    @property
    def preset(self) -> Preset | None:
        """The preset as edited, None where it cannot be."""
        return self.now.preset

    @property
    def error(self) -> PresetError | None:
        return self.now.error

    @property
    def changed(self) -> bool:
        """Whether it says another training than the preset it came from."""
        return self.preset is None or self.preset != self.origin

    def resolved(self) -> str:
        """The preset as TOML with every default written out. PresetError where it cannot be."""
        if self.now.error is not None:
            raise self.now.error
        assert self.now.preset is not None
        return self.now.preset.resolved()

    def whole(self) -> Preset:
        """The preset as it would be read from a file, to be trained. PresetError where it cannot be."""
        return self._parsed(self.text)

    # -- looking --------------------------------------------------------------------------------

    def rows(self, planned: Planned | None = None) -> list[Row]:
        """Every layer's table, outer ones first; with figures, as far as they are planned."""
        rows = list(self._rows(self.now.document["layers"], ("layers",), ("",), 0, TOP))
        if planned is not None:
            rows = [_with_figures(row, planned) for row in rows]
        error = self.error or (planned.error if planned is not None else None)
        if error is not None:
            place = self.place_of(error)
            rows = [replace(row, error=error.message) if row.place == place else row for row in rows]
        return rows

    def place_of(self, error: PresetError) -> Place:
        """The innermost layer that an error is about, ("training",) or another part; () where it names none."""
        path = path_of(words_of(error.key or ""), self.now.document)
        while path and not (path[:1] != ("layers",) or isinstance(path[-1], int)):
            path = path[:-1]
        return path if path[:1] == ("layers",) else path[:1]

    def table(self, place: Place) -> dict[str, Any]:
        """The table at a place, as the preset says it."""
        found: Any = self.now.document
        for part in place:
            found = found[part]
        return dict(found)

    def kind(self, place: Place) -> type:
        """The class of its settings."""
        if place == TRAINING:
            return TrainingSettings
        return LAYERS[_type(self.table(place), self._holder(place))]

    def entries(self, place: Place) -> list[Entry]:
        """The lines of its form."""
        return entries(self.kind(place), _settings(self.table(place)), self._more(place))

    def known(self, place: Place | None, inside: bool = False) -> Mapping[str, type[Layer]]:
        """The types of layers that may stand beside this one, or inside it."""
        holder = TOP if place is None else self._inside(place) if inside else self._holder(place)
        return holder.family() if holder is not None and holder.family is not None else {}

    def difference(self) -> list[str]:
        """What it says otherwise than the preset it came from, a line each."""
        from tuinet.tui.difference import difference

        return difference(self.origin.table(), self.preset.table() if self.preset else self.now.document)

    # -- edits ----------------------------------------------------------------------------------

    def add(self, word: str, after: Place | None = None, inside: bool = False) -> Place:
        """A new layer of a type: below a layer, inside it, or (with None) at the beginning. Returns its place."""
        if word not in self.known(after, inside):
            raise PresetError(f"a {safe(word, 60)} cannot stand here; what can: {', '.join(self.known(after, inside))}")
        if after is None:
            at: Place = ("layers", 0)
        elif inside:
            holder = self._inside(after)
            assert holder is not None
            at = (*after, holder.name, 0)
        else:
            at = (*after[:-1], int(after[-1]) + 1)
        document = deepcopy(self.now.document)
        tables = _stack(document, at[:-1], make=True)
        with _names_kept(tables):
            tables.insert(int(at[-1]), {"type": word, "name": free_name(tables, word), **first_table(word)})
        self._edit(document, f"added {word}")
        return at

    def remove(self, place: Place) -> Place | None:
        """Take a layer out. Returns the place to go on at, None where no layer is left."""
        document = deepcopy(self.now.document)
        tables = _stack(document, place[:-1])
        name = self._name(place)
        with _names_kept(tables):
            del tables[int(place[-1])]
        self._edit(document, f"removed {name}")
        if tables:
            return (*place[:-1], min(int(place[-1]), len(tables) - 1))
        return place[:-2] or None

    def duplicate(self, place: Place) -> Place:
        """The same layer once more below it, under a name of its own."""
        document = deepcopy(self.now.document)
        tables = _stack(document, place[:-1])
        table = deepcopy(tables[int(place[-1])])
        word = _type(table, self._holder(place))
        table["name"] = free_name(tables, word)
        with _names_kept(tables):
            tables.insert(int(place[-1]) + 1, table)
        self._edit(document, f"duplicated {self._name(place)}")
        return (*place[:-1], int(place[-1]) + 1)

    def move(self, place: Place, by: int) -> Place:
        """Up (-1) or down (1) in its stack; from the end of an inner stack, out of the layer that holds it."""
        at = int(place[-1]) + by
        if 0 <= at < len(_stack(self.now.document, place[:-1])):
            return self._moved(place, (*place[:-1], at))
        if len(place) < 4:
            return place
        outer = place[:-2]
        return self._moved(place, (*outer[:-1], int(outer[-1]) + (1 if by > 0 else 0)))

    def move_in(self, place: Place) -> Place:
        """Into the layer above it, at its end, where that one holds layers."""
        above = (*place[:-1], int(place[-1]) - 1)
        if int(place[-1]) == 0 or (holder := self._inside(above)) is None:
            raise PresetError("the layer above it holds no layers; put a residual or a branch there first")
        count = len(self.table(above).get(holder.name, ()))
        return self._moved(place, (*above, holder.name, count))

    def set(self, place: Place, key: str, text: str) -> None:
        """A setting as it was typed; an empty text takes it out. Typing on in the same field is one edit."""
        document = deepcopy(self.now.document)
        outer: Any = document
        for part in place[:-1]:
            outer = outer[part]
        table = outer[place[-1]]
        changed = entered(self.kind(place), _settings(table), key, text, self._more(place))
        kept = {"type": table["type"]} if "type" in table else {}
        outer[place[-1]] = {**kept, **changed}
        self._edit(document, f"set {self._name(place)}.{key}", again=("set", place, key))

    def replace(self, text: str) -> None:
        """The whole preset, as typed. PresetError, and nothing is changed, where it is not the TOML of a preset."""
        if text == self.text:
            return
        document = _document(text)
        if document is None or not _listable(document.get("layers"), TOP):
            self._parsed(text)
            raise PresetError("the preset has no [[layers]] table", key="layers")
        edition = self._read(text, document)
        edition.done, edition.again = "edited the text", ("text",)
        self._push(edition)

    def end(self) -> None:
        """Typing has come to an end: what follows is an edit of its own."""
        self.now.again = ()

    def undo(self) -> str:
        """Take back the last edit. Returns what it was, in words; empty where there is none."""
        if not self._past:
            return ""
        done = self.now.done
        self._future.append(self.now)
        self.now = self._past.pop()
        self.version += 1
        return done

    def redo(self) -> str:
        """Make the edit again that was taken back last. Returns what it is; empty where there is none."""
        if not self._future:
            return ""
        self._past.append(self.now)
        self.now = self._future.pop()
        self.version += 1
        return self.now.done

    def applied(self, preset: Preset) -> None:
        """From here on differences are told from this preset: what the run is now. Edits can be undone as before."""
        self.origin = preset
        self.version += 1

    def follow(self, preset: Preset) -> None:
        """The run says something else now, and no edit was under way: so does the draft. That can be undone too."""
        document = shortened(preset.document)
        self.origin = preset
        edition = self._read(to_toml(_as_written(document)), document)
        edition.done = "the run was changed"
        self._push(edition)

    # -- saving ---------------------------------------------------------------------------------

    def save(self, where: str, *, over: bool = False) -> Path:
        """Write it as a preset file. Taken where there is one already and `over` does not say to replace it."""
        if not where.strip():
            raise UsageError("give the file a name, such as mine.toml")
        path = Path(where.strip()).expanduser()
        if path.suffix != ".toml":
            path = path.with_name(f"{path.name}.toml")
        try:
            self.whole()
        except PresetError as error:
            raise UsageError(f"it cannot be saved as it stands: {error}") from None
        if path.is_dir():
            raise UsageError(f"{safe(str(path), 200)} is a folder; give the file a name")
        if path.exists() and not over:
            raise Taken(f"{safe(str(path), 200)} is there already")
        if not path.parent.is_dir():
            raise UsageError(f"there is no folder {safe(str(path.parent), 200)}")
        write_file(path, self._text_for(path.absolute().parent).encode("utf-8"))
        return path

    def _text_for(self, folder: Path) -> str:
        """The text for a file in that folder: data beside the old preset is named by its whole path there."""
        assert self.preset is not None
        said, file = self.now.document["data"].get("file"), self.preset.data.file
        if said is None or folder == self.origin.folder or said == file:
            return self.text
        document = deepcopy(self.now.document)
        document["data"]["file"] = file
        return rewritten(self.text, _as_written(document))

    # -- inside ---------------------------------------------------------------------------------

    def _edit(self, document: dict[str, Any], done: str, again: tuple[Any, ...] = ()) -> None:
        if document == self.now.document:
            return
        origin = self.origin
        made = Edition(document, None, None, before=self.now, done=done, again=again)
        try:
            made.preset = assemble(document, origin.name, origin.file, origin.folder, "", {})
        except PresetError as error:
            made.error = error
        self._push(made)

    def _push(self, edition: Edition) -> None:
        if not (edition.again and edition.again == self.now.again):
            self._past.append(self.now)
        self._future.clear()
        self.now = edition
        self.version += 1

    def _read(self, text: str, document: dict[str, Any]) -> Edition:
        try:
            return Edition(document, self._parsed(text), None, text)
        except PresetError as error:
            return Edition(document, None, error, text)

    def _parsed(self, text: str) -> Preset:
        return parse(text, self.origin.name, self.origin.file or "", self.origin.folder)

    def _rows(
        self, tables: list[dict[str, Any]], stack: Place, above: tuple[str, ...], depth: int, holder: Field
    ) -> Iterator[Row]:
        for number, (table, address) in enumerate(zip(tables, addresses(tables, holder.usual), strict=True)):
            place, word = (*stack, number), _type(table, holder)
            paths = tuple(f"{outer}{own}" for outer in above for own in address.layers)
            inside = held(table, holder.usual)
            yield Row(
                place, paths[0], paths, depth, safe(address.name or word, 64), safe(word, 40),
                bool(table.get("name")), in_short(table, holder), len(address.layers), inside is not None,
            )  # fmt: skip
            if inside is not None and inside.name in table:
                outer = tuple(f"{path}." for path in paths)
                yield from self._rows(table[inside.name], (*place, inside.name), outer, depth + 1, inside)

    def _name(self, place: Place) -> str:
        if place == TRAINING:
            return "training"
        tables = _stack(self.now.document, place[:-1])
        return safe(addresses(tables, self._holder(place).usual)[int(place[-1])].name or "a layer", 64)

    def _holder(self, place: Place) -> Field:
        """The setting under which the stack of a layer stands."""
        return (self._inside(place[:-2]) or TOP) if len(place) > 2 else TOP

    def _inside(self, place: Place) -> Field | None:
        """The setting under which a layer holds others."""
        return held(self.table(place), self._holder(place).usual)

    def _more(self, place: Place) -> tuple[Field, ...]:
        return () if place == TRAINING else (REPEAT,)

    def _moved(self, place: Place, to: Place) -> Place:
        """Take a layer out and put it where `to` is now; both as the document stands."""
        word, holder = _type(self.table(place), self._holder(place)), self._holder(to)
        if holder.family is not None and word not in holder.family():
            raise PresetError(f"a {safe(word, 60)} cannot stand there; what can: {', '.join(holder.family())}")
        document, name = deepcopy(self.now.document), self._name(place)
        source, target = _stack(document, place[:-1]), _stack(document, to[:-1], make=True)
        with _names_kept(source, target):
            table = source.pop(int(place[-1]))
            if target is not source and table.get("name") in _taken(target):
                table["name"] = free_name(target, word)
            target.insert(int(to[-1]), table)
        self._edit(document, f"moved {name}")
        return to


def shortened(document: Mapping[str, Any]) -> dict[str, Any]:
    """A preset's document without the settings that hold anyway; it says the same training."""
    from tuinet.data.settings import DataSettings

    short = dict(deepcopy(document))
    short["layers"] = [_short_layer(table, TOP) for table in short["layers"]]
    for key, cls in (("data", DataSettings), ("training", TrainingSettings)):
        short[key] = _short_table(short[key], cls)
    return {key: value for key, value in short.items() if key == "title" or value not in ("", [])}


def _short_layer(table: dict[str, Any], holder: Field) -> dict[str, Any]:
    inside = held(table, holder.usual)
    short = {"type": table["type"]} if table.get("type", holder.usual) != holder.usual else {}
    short |= _short_table(_settings(table), LAYERS[_type(table, holder)])
    if inside is not None and inside.name in table:
        short[inside.name] = [_short_layer(inner, inside) for inner in table[inside.name]]
    return short


def _short_table(table: dict[str, Any], cls: type) -> dict[str, Any]:
    fields = {field.name: field for field in describe(cls)}
    short = {}
    for name, value in table.items():
        field = fields.get(name)
        if field is None or field.kind == "stack":
            short[name] = value
        elif not is_usual(field, value):
            inner = _class_in(field, value)
            short[name] = _short_part(value, inner) if inner else value
    return short


def _class_in(field: Field, value: Any) -> type | None:
    if not isinstance(value, Mapping):
        return None
    return field.cls if field.kind == "table" else field.family().get(value.get("type", "")) if field.family else None


def _short_part(value: dict[str, Any], cls: type) -> Any:
    short = _short_table(_settings(value), cls)
    if "type" not in value:
        return short
    return {"type": value["type"], **short} if short else value["type"]


def first_table(word: str) -> dict[str, Any]:
    """The settings with which a new layer of a type begins: what it cannot do without, and a usual activation."""
    table: dict[str, Any] = {}
    for field in describe(LAYERS[word]):
        if field.required or (field.name == "activation" and field.default == "linear"):
            table[field.name] = FIRST[field.name]
        elif field.kind == "stack" and word == "branches":
            table[field.name] = [
                {"name": "main", "layers": [{"type": "activation"}]},
                {"name": "shortcut"},
            ]
        elif field.kind == "stack" and word != "branch":
            inner = "embedding" if LAYERS[word].takes_tokens else "activation"
            table[field.name] = [{"type": inner, **first_table(inner)}]
    return table


def free_name(tables: list[Any], word: str) -> str:
    """word_1, word_2 ...: the first by which no layer of the stack is called."""
    taken, number = _taken(tables), 1
    while f"{word}_{number}" in taken:
        number += 1
    return f"{word}_{number}"


def _taken(tables: list[Any]) -> set[str | None]:
    return {name for address in addresses(tables) for name in (address.name, *address.layers)}


@contextmanager
def _names_kept(*stacks: list[Any]) -> Iterator[None]:
    """Layers without a name are called by their place: where another one comes or goes, they get the names they had.

    What a network has learnt is found again by these names.
    """
    called = {
        id(table): address.name
        for tables in stacks
        for table, address in zip(tables, addresses(tables), strict=True)
        if not table.get("name") and len(address.layers) == 1
    }
    yield
    for tables in stacks:
        for place, table in enumerate(tables):
            old = called.get(id(table))
            if old is not None and old != addresses(tables)[place].name and old not in _taken(tables[:place]):
                tables[place] = _with_name(table, old)


def _with_name(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The same table with a name, behind its type."""
    first = {"type": table["type"]} if "type" in table else {}
    return {**first, "name": name, **_settings(table)}


def in_short(table: Mapping[str, Any], holder: Field = TOP) -> str:
    """What a layer's table says of it, in a few words: "5×5 relu no bias"."""
    cls = LAYERS.get(_type(table, holder))
    words = []
    for field in describe(cls) if cls else ():
        value = table.get(field.name)
        if value is not None and field.name not in SHOWN and field.kind != "stack" and not is_usual(field, value):
            words.append(_brief(field, value))
    return safe(" ".join(words), 80)


def _brief(field: Field, value: Any) -> str:
    if field.kind == "flag":
        return ("" if value else "no ") + field.name
    if isinstance(value, Mapping):
        value = value.get("type", "")
    said = as_typed(field, value)
    if field.kind in ("pair", "wholes"):
        both = [value, value] if isinstance(value, int) and field.kind == "pair" else value
        said = "×".join(map(str, both)) if isinstance(both, list | tuple) else said
    return said if field.name in PLAIN else f"{field.name} {said}"


def _with_figures(row: Row, planned: Planned) -> Row:
    """Of the layers that a table stands for: what comes into the first, out of the last, and the sums."""
    layers = [planned.layers.get(path) for path in row.paths]
    known = [layer for layer in layers if layer is not None]
    if len(known) < len(layers):
        return replace(row, input=layers[0].input_shape if layers and layers[0] is not None else None)
    parameters = sum(layer.parameters for layer in known)
    return replace(
        row,
        input=known[0].input_shape,
        output=known[-1].output_shape,
        parameters=parameters,
        share=parameters / planned.parameters if planned.parameters else None,
        multiply_adds=None if planned.error else sum(layer.multiply_adds for layer in known),
        memory=None if planned.error else sum(layer.memory_bytes for layer in known),
        frozen=bool(parameters) and not any(layer.trainable for layer in known),
    )


# -- documents ------------------------------------------------------------------------------


def _document(text: str) -> dict[str, Any] | None:
    """The parsed text, encoder and decoder as two layers; None where it is not the TOML of a preset."""
    from tuinet.presets.limits import guard

    try:
        guard(text)
        return as_layers(tomllib.loads(text), {})[0]
    except (PresetError, ValueError, RecursionError):
        return None


def _as_written(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a file says it: an encoder and a decoder that say no more than their layers stand by themselves.

    [[encoder]] and [[decoder]] take the place of [[layers]].
    """
    tables = document["layers"]
    plain = [set(table) <= {"type", "name", "layers"} and table.get("name") == table.get("type") for table in tables]
    if [table.get("type") for table in tables] != list(HALVES) or not all(plain):
        return document
    halves = {table["type"]: table.get("layers", []) for table in tables}
    if not all(halves.values()):
        return document
    found: dict[str, Any] = {}
    for key, value in document.items():
        found |= halves if key == "layers" else {key: value}
    return found


def _listable(tables: Any, holder: Field) -> bool:
    """Whether it is a list of tables all the way down, so that rows can be made of it."""
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        return False
    insides = ((table, held(table, holder.usual)) for table in tables)
    return all(inside is None or _listable(table.get(inside.name, []), inside) for table, inside in insides)


def _settings(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != "type"}


def _type(table: Mapping[str, Any], holder: Field) -> str:
    word = table.get("type", holder.usual)
    return word if isinstance(word, str) else ""


def _stack(document: Any, path: Place, make: bool = False) -> list[Any]:
    """The list of tables at a path; with make, one is put there where there is none."""
    for part in path[:-1]:
        document = document[part]
    if make and isinstance(document, dict):
        document.setdefault(str(path[-1]), [])
    found: list[Any] = document[path[-1]]
    return found
