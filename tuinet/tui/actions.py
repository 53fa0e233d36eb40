"""Everything that a key does, in one table: bindings, hints, help, the command palette and keys.toml read it.

A widget or screen takes its bindings with `BINDINGS = bindings("loss")` and has a method `action_smooth` for
"loss.smooth" (dashes become underscores), unless the table says what else is to be done.

    ACTIONS["loss.smooth"].help     a sentence
    bindings("loss")                Textual bindings of all actions of that place, in their order
    key_label("question_mark")      "?"

Importing this loads no Textual: `tuinet doctor` reads the table too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.binding import BindingType


class Action(NamedTuple):
    """One thing that a key does."""

    id: str  # PLACE.NAME, the name in keys.toml
    keys: str  # Textual's names, commas between
    words: str  # for the line of hints: one to three words
    help: str  # a sentence, or half of one
    command: str = ""  # the same from the command line; RUN, PRESET and SET stand for what is chosen
    hint: bool = False  # whether it stands in the line of hints
    does: str = ""  # Textual's action, where it is not that of the name
    priority: bool = False  # before the focused widget sees the key

    @property
    def place(self) -> str:
        return self.id.partition(".")[0]

    @property
    def method(self) -> str:
        """What Textual runs: "smooth" for a method `action_smooth`."""
        return self.does or self.id.partition(".")[2].replace("-", "_")


PLACES = {
    "app": "Everywhere",
    "workbench": "Workbench",
    "architecture": "Architecture",
    "loss": "Loss",
    "weights": "Weights",
    "overfitting": "Overfitting",
    "welcome": "Welcome",
    "presets": "Presets",
    "runs": "Runs",
    "compare": "Compare",
    "data": "Data",
    "log": "Log",
    "rows": "In the list",
    "filter": "Filter",
    "leaving": "Leaving",
    "asking": "Asking",
    "picker": "Choosing a layer",
    "form": "In a form",
    "choice": "One of several",
    "sheet": "Over the screen",
    "reading": "Reading a long run",
    "small": "Too small",
    "help": "Help",
}
"""The places of actions, by the first part of their ids, with their titles."""

_TABLE = (
    # -- everywhere ---------------------------------------------------------------------------------------------
    Action("app.help", "question_mark,f1", "help", "show the keys of this screen", hint=True),
    Action("app.palette", "colon", "command", "search everything: actions, presets, runs, layers",
           hint=True, does="command_palette"),
    Action("app.welcome", "W", "welcome", "go to the welcome screen", "tuinet"),
    Action("app.presets", "P", "presets", "go to the presets", "tuinet presets"),
    Action("app.runs", "R", "runs", "go to the runs", "tuinet runs"),
    Action("app.data", "D", "data", "go to the data sets", "tuinet data"),
    Action("app.log", "L", "log", "go to the log of the run", "tuinet show RUN"),
    Action("app.hardware", "G", "GPU", "time one network on processor and GPU",
           "tuinet bench --hardware"),
    Action("app.theme", "T", "theme", "next theme: dark, light, high contrast, the terminal's own"),
    Action("app.redraw", "ctrl+l", "redraw", "draw the whole screen again"),
    Action("app.suspend", "ctrl+z", "suspend", "go to the shell; `fg` comes back", does="suspend_process"),
    Action("app.leave", "q", "leave", "close the application; training goes on", hint=True),
    # -- the workbench ------------------------------------------------------------------------------------------
    Action("workbench.pause", "space", "pause", "pause the training, or go on", "tuinet ctl RUN pause", hint=True),
    Action("workbench.step", "full_stop", "step", "train one batch, then pause", "tuinet ctl RUN step", hint=True),
    Action("workbench.step-epoch", "greater_than_sign", "epoch", "train one epoch, then pause",
           "tuinet ctl RUN step --epochs 1"),
    Action("workbench.slow", "S", "slow", "slow motion: a pause after each step, longer each time, then none",
           "tuinet ctl RUN slow 0.5"),
    Action("workbench.full-speed", "0", "full speed", "end slow motion", "tuinet ctl RUN slow 0"),
    Action("workbench.new-seed", "n", "new seed", "start again from the beginning with a new seed",
           "tuinet run PRESET --seed N", hint=True),
    Action("workbench.same-seed", "N", "start again", "start again from the beginning with the same seed",
           "tuinet run PRESET"),
    Action("workbench.checkpoint", "C", "checkpoint", "save a checkpoint now", "tuinet ctl RUN checkpoint"),
    Action("workbench.stop", "X", "stop", "end the training and save it", "tuinet ctl RUN stop"),
    Action("workbench.set", "equals_sign", "set", "change a setting while it trains: learning rate, dropout ...",
           "tuinet ctl RUN set KEY=VALUE"),
    Action("workbench.pane-1", "1", "net", "go to the architecture", does="pane(1)"),
    Action("workbench.pane-2", "2", "loss", "go to the loss", does="pane(2)"),
    Action("workbench.pane-3", "3", "weights", "go to the weights", does="pane(3)"),
    Action("workbench.pane-4", "4", "fit", "go to the overfitting", does="pane(4)"),
    Action("workbench.next", "tab", "next pane", "go to the next pane"),
    Action("workbench.previous", "shift+tab", "previous pane", "go to the pane before"),
    Action("workbench.zoom", "z", "zoom", "give this pane the whole screen, and back"),
    Action("workbench.faster", "plus", "more often", "paint the screen more often"),
    Action("workbench.slower", "minus", "less often", "paint the screen less often"),
    Action("workbench.now", "escape", "now", "back to now, and out of what is open"),
    # -- its panes ----------------------------------------------------------------------------------------------
    Action("architecture.add", "a", "add", "add a layer below this one", hint=True),
    Action("architecture.add-inside", "A", "add inside", "add a layer inside this one"),
    Action("architecture.remove", "d,delete", "remove", "remove this layer", hint=True),
    Action("architecture.duplicate", "c", "duplicate", "the same layer once more below it"),
    Action("architecture.move-up", "K,shift+up", "move up", "move this layer up, at the top out of what holds it"),
    Action("architecture.move-down", "J,shift+down", "move down",
           "move this layer down, at the end out of what holds it"),
    Action("architecture.move-in", "H,shift+right", "move in", "move this layer into the one above it"),
    Action("architecture.edit", "e", "edit", "change the settings of this layer, or of the training", hint=True),
    Action("architecture.text", "t", "text", "the preset as TOML text, in step with the list", hint=True),
    Action("architecture.undo", "u", "undo", "take back the last edit", hint=True),
    Action("architecture.redo", "ctrl+r", "redo", "make it again"),
    Action("architecture.apply", "enter", "apply", "train on with the edited network; edit, where nothing is edited",
           "tuinet ctl RUN apply FILE", hint=True),
    Action("architecture.start", "r", "new run", "start a run of the edited preset", "tuinet run FILE"),
    Action("architecture.picture", "p", "picture", "a small network as nodes and links"),
    Action("architecture.save", "w", "write", "write it to a preset file", "tuinet new FILE --from PRESET"),
    Action("architecture.difference", "v", "versus", "what it says otherwise than the preset it came from",
           "tuinet compare A B"),
    Action("loss.smooth", "s", "smooth", "how much the training loss is smoothed", hint=True),
    Action("loss.x-axis", "x", "x axis", "steps, epochs or time", hint=True),
    Action("loss.y-scale", "y", "y scale", "linear or logarithmic", hint=True),
    Action("loss.follow", "f", "follow", "the newest steps stay in view", hint=True),
    Action("loss.metric", "m", "metric", "loss, accuracy or error, learning rate, gradient norm ...", hint=True),
    Action("loss.metric-back", "M", "metric before", "the metric before"),
    Action("loss.beside", "b", "beside", "another metric beside the loss"),
    Action("loss.x-scale", "g", "x scale", "steps on a linear or a logarithmic axis"),
    Action("loss.earlier", "left,h", "earlier", "move the step cursor back; all panes follow"),
    Action("loss.later", "right,l", "later", "move the step cursor on; behind the newest step it is now"),
    Action("loss.first", "home", "first", "the step cursor to the first step in view"),
    Action("loss.last", "end", "last", "the step cursor to the last step in view"),
    Action("loss.zoom-in", "i,up,k", "zoom in", "show half as much, around the cursor"),
    Action("loss.zoom-out", "o,down,j", "zoom out", "show twice as much"),
    Action("loss.pan-left", "left_square_bracket,shift+left", "pan left", "show what came before"),
    Action("loss.pan-right", "right_square_bracket,shift+right", "pan right", "show what came after"),
    Action("loss.whole", "w", "whole run", "show the whole run"),
    Action("weights.value", "v", "value", "show the values", hint=True, does="mode('value')"),
    Action("weights.gradient", "g", "gradient", "show the gradients", hint=True, does="mode('gradient')"),
    Action("weights.update", "u", "update", "show the last update", hint=True, does="mode('update')"),
    Action("weights.change", "c", "change", "show the change since the start", hint=True, does="mode('change')"),
    Action("weights.templates", "t", "templates", "each neuron as the picture that it looks for", hint=True),
    Action("weights.plane", "d", "plane", "decision surface and neurons, where data have two inputs", hint=True),
    Action("weights.previous", "left_square_bracket", "previous", "the parameter before"),
    Action("weights.next", "right_square_bracket", "next", "the next parameter", hint=True),
    Action("weights.cursor", "enter", "cells", "go into the cells: arrows move, enter leaves", hint=True),
    Action("weights.write", "w", "write", "set the number under the cursor by hand"),
    Action("weights.zoom-in", "i", "closer", "show a part, around the cursor", does="zoom(1)"),
    Action("weights.zoom-out", "o", "farther", "show more", does="zoom(-1)"),
    Action("weights.up", "up", "up", "the cell above", does="move(-1, 0)"),
    Action("weights.down", "down", "down", "the cell below", does="move(1, 0)"),
    Action("weights.left", "left", "left", "the cell to the left", does="move(0, -1)"),
    Action("weights.right", "right", "right", "the cell to the right", does="move(0, 1)"),
    Action("weights.page-down", "pagedown", "on", "more of the gallery", does="page(1)"),
    Action("weights.page-up", "pageup", "back", "the gallery before", does="page(-1)"),
    Action("weights.back", "escape", "back", "out of the cells, the part or the gallery"),
    Action("overfitting.toggle", "enter", "on/off", "switch the chosen cure on or off",
           "tuinet ctl RUN set KEY=VALUE", hint=True, does="switch"),
    Action("overfitting.less", "left,h", "less", "less of the chosen cure"),
    Action("overfitting.more", "right,l", "more", "more of the chosen cure"),
    Action("overfitting.above", "up,k", "up", "the cure above"),
    Action("overfitting.below", "down,j", "down", "the cure below"),
    Action("overfitting.matrix", "m", "matrix", "confusion matrix, worst examples, weights in turn", hint=True),
    # -- welcome ------------------------------------------------------------------------------------------------
    Action("welcome.first", "1", "try it", "start the first suggestion", does="try(0)"),
    Action("welcome.second", "2", "try it", "start the second suggestion", does="try(1)"),
    Action("welcome.third", "3", "try it", "start the third suggestion", does="try(2)"),
    Action("welcome.open", "enter", "open", "open the chosen one", hint=True),
    Action("welcome.presets", "p", "presets", "all presets", "tuinet presets", hint=True, does="app.presets"),
    Action("welcome.runs", "r", "runs", "all runs", "tuinet runs", hint=True, does="app.runs"),
    Action("welcome.data", "d", "data", "all data sets", "tuinet data", hint=True, does="app.data"),
    # -- presets ------------------------------------------------------------------------------------------------
    Action("presets.start", "enter", "start", "train this preset", "tuinet run PRESET", hint=True),
    Action("presets.copy", "c", "copy", "copy it to a file of your own, to change it",
           "tuinet new FILE --from PRESET", hint=True),
    Action("presets.filter", "slash", "filter", "show only presets with these words", hint=True),
    Action("presets.scroll-down", "J,ctrl+down", "read on", "move what is told about it down"),
    Action("presets.scroll-up", "K,ctrl+up", "read back", "move what is told about it up"),
    Action("presets.back", "escape", "back", "back to where you came from"),
    # -- runs ---------------------------------------------------------------------------------------------------
    Action("runs.open", "enter", "open", "open the run in the workbench", "tuinet attach RUN", hint=True),
    Action("runs.mark", "space", "mark", "mark it, to lay its curves over or to compare", hint=True),
    Action("runs.compare", "c", "compare", "compare the two marked runs, or this one with the marked one",
           "tuinet compare A B", hint=True),
    Action("runs.filter", "slash", "filter", "show only runs with these words, or KEY=VALUE",
           "tuinet runs --filter TEXT", hint=True),
    Action("runs.sort", "s", "sort", "sort by the next column", "tuinet runs --sort best", hint=True),
    Action("runs.reverse", "S", "reverse", "sort the other way round", "tuinet runs --reverse"),
    Action("runs.delete", "d,delete", "delete", "delete it; there is time to undo", "tuinet rm RUN", hint=True),
    Action("runs.undo", "u", "undo", "bring back what was deleted last", hint=True),
    Action("runs.back", "escape", "back", "back to where you came from"),
    # -- two runs compared --------------------------------------------------------------------------------------
    Action("compare.swap", "x", "swap", "the other way round", hint=True),
    Action("compare.back", "escape", "back", "back to the runs", hint=True),
    # -- data ---------------------------------------------------------------------------------------------------
    Action("data.augment", "a", "augment", "examples as training draws them",
           "tuinet data show SET --augment SETTINGS", hint=True),
    Action("data.more", "n", "others", "see other examples", "tuinet data show SET --skip N", hint=True),
    Action("data.get", "g", "get", "download the set", "tuinet data get SET", hint=True),
    Action("data.filter", "slash", "filter", "show only sets with these words", hint=True),
    Action("data.scroll-down", "J,ctrl+down", "read on", "move what is told about it down"),
    Action("data.scroll-up", "K,ctrl+up", "read back", "move what is told about it up"),
    Action("data.back", "escape", "back", "back to where you came from"),
    # -- log ----------------------------------------------------------------------------------------------------
    Action("log.follow", "f", "follow", "stay at the end as lines come in", hint=True),
    Action("log.filter", "slash", "filter", "show only lines with these words", hint=True),
    Action("log.kind", "w", "what", "all, the run's events, or what its worker said", hint=True),
    Action("log.back", "escape", "back", "back to where you came from"),
    # -- in every list ------------------------------------------------------------------------------------------
    Action("rows.up", "up,k", "up", "one line up"),
    Action("rows.down", "down,j", "down", "one line down"),
    Action("rows.page-up", "pageup", "page up", "a page up"),
    Action("rows.page-down", "pagedown", "page down", "a page down"),
    Action("rows.first", "home", "first", "to the first line"),
    Action("rows.last", "end", "last", "to the last line"),
    # -- over the screen ----------------------------------------------------------------------------------------
    Action("picker.pick", "enter", "add", "take this one", hint=True),
    Action("picker.above", "up", "up", "the one above"),
    Action("picker.below", "down", "down", "the one below", hint=True),
    Action("form.next", "down,enter", "next", "the next setting", hint=True),
    Action("form.previous", "up", "previous", "the setting before"),
    Action("choice.next", "right,space,plus", "other", "the next word; a letter goes to one that begins with it",
           hint=True),
    Action("choice.previous", "left,minus", "before", "the word before"),
    Action("choice.leave-out", "delete,backspace", "default", "leave it out, so that the usual one holds", hint=True),
    Action("sheet.close", "escape", "done", "close what lies over the screen", hint=True),
    # -- small ones ---------------------------------------------------------------------------------------------
    Action("filter.keep", "enter", "keep", "keep the filter and go back to the list", hint=True),
    Action("filter.clear", "escape", "clear", "take the filter away", hint=True),
    Action("asking.answer", "enter", "go on", "take what is written", hint=True, does="submit"),
    Action("asking.cancel", "escape", "cancel", "back, and nothing is done", hint=True),
    Action("leaving.leave", "enter,q,y", "leave", "close the screens; the training goes on", "tuinet attach RUN",
           hint=True),
    Action("leaving.stop", "x", "stop", "stop the training after its step, save it, and leave", "tuinet ctl RUN stop",
           hint=True),
    Action("leaving.stay", "escape,n", "stay", "stay here", hint=True),
    # -- no screen of a run yet ---------------------------------------------------------------------------------
    Action("reading.close", "escape", "give up", "go back without opening the run", hint=True),
    Action("reading.leave", "q", "leave", "close the application; training goes on", does="app.leave", hint=True),
    # -- help ---------------------------------------------------------------------------------------------------
    Action("small.leave", "q", "leave", "close the application; training goes on", does="app.leave"),
    Action("help.close", "escape,question_mark,q", "close", "close the help", hint=True),
)  # fmt: skip

ACTIONS: dict[str, Action] = {action.id: action for action in _TABLE}
"""All actions by id, in the order in which they are shown."""


def of(place: str) -> list[Action]:
    """The actions of one place, in their order."""
    return [action for action in _TABLE if action.place == place]


def bindings(place: str) -> list[BindingType]:
    """Textual's bindings of a place: each has its action's id, so that keys.toml can give it other keys."""
    from textual.binding import Binding

    return [
        Binding(action.keys, action.method, action.words, id=action.id, show=action.hint, tooltip=action.help,
                priority=action.priority)
        for action in of(place)
    ]  # fmt: skip


def spoken(command: str, names: Mapping[str, str]) -> str:
    """A command with what is chosen in the place of RUN, PRESET and SET."""
    return re.sub(r"\b[A-Z]+\b", lambda match: names.get(match[0]) or match[0], command)


LABELS = {
    "enter": "⏎", "escape": "esc", "tab": "tab", "space": "space", "question_mark": "?", "colon": ":", "slash": "/",
    "full_stop": ".", "greater_than_sign": ">", "less_than_sign": "<", "equals_sign": "=", "plus": "+", "minus": "-",
    "up": "↑", "down": "↓", "left": "←", "right": "→", "delete": "del", "backspace": "⌫", "comma": ",",
    "left_square_bracket": "[", "right_square_bracket": "]", "underscore": "_", "pageup": "pgup", "pagedown": "pgdn",
}  # fmt: skip


def key_label(key: str) -> str:
    """A key as it is shown: "?" for question_mark, "shift+tab" as it stands."""
    *held, last = key.split("+") if key != "+" else [key]
    return "+".join([*held, LABELS.get(last, last)])
