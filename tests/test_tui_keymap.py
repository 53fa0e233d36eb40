"""The table of actions, and other keys for them: what is wrong in keys.toml is said, and never more than left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.cli_scenes import HOSTILE, PAYLOAD, tuinet
from tests.scripted_view import scripted_view
from tests.stand_in import StandIn, played, text
from tests.test_tui_workbench import Alone
from tests.tui_screens import on_screen, picture, until
from tuinet.tui import themes
from tuinet.tui.actions import ACTIONS, PLACES, Action, bindings, key_label, spoken
from tuinet.tui.config import remember, setting
from tuinet.tui.keymap import is_key, keys_of, long_name, read_keymap
from tuinet.tui.navigation import Navigation
from tuinet.tui.panes import PANES, load
from tuinet.tui.screens.asking import Ask
from tuinet.tui.screens.base import Filter
from tuinet.tui.screens.compare import Compare
from tuinet.tui.screens.data import Data
from tuinet.tui.screens.help import Help
from tuinet.tui.screens.leaving import Leaving
from tuinet.tui.screens.log import Log
from tuinet.tui.screens.presets import Presets
from tuinet.tui.screens.runs import Runs
from tuinet.tui.screens.too_small import TooSmall
from tuinet.tui.screens.welcome import Welcome
from tuinet.tui.screens.workbench import Workbench
from tuinet.tui.sheets.base import Sheet
from tuinet.tui.sheets.picker import Picker
from tuinet.tui.widgets.form import Choice, SettingsForm
from tuinet.tui.widgets.rows import Rows

HEARS: dict[str, type[Any]] = {
    "app": Navigation, "workbench": Workbench, "welcome": Welcome, "presets": Presets, "runs": Runs,
    "compare": Compare, "data": Data, "log": Log, "rows": Rows, "filter": Filter, "leaving": Leaving, "help": Help,
    "small": TooSmall, "asking": Ask, "picker": Picker, "form": SettingsForm, "choice": Choice, "sheet": Sheet,
    **{name: load(name) for name in PANES},
}  # fmt: skip
PAIRS = [("workbench", name) for name in PANES]
PAIRS += [("sheet", "picker"), ("sheet", "form"), ("sheet", "choice"), ("form", "choice")]
"""Places of which one lies in the other."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path))
    return tmp_path


# -- the table -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.id)
def test_every_action_has_words_and_somebody_who_does_it(action: Action) -> None:
    assert action.place in PLACES and action.words and action.help
    assert all(map(is_key, action.keys.split(",")))
    if action.place not in HEARS:
        return
    name, _, _ = action.method.partition("(")
    kinds = (Navigation,) if name.startswith("app.") else (HEARS[action.place], Input)
    assert any(hasattr(kind, f"action_{name.removeprefix('app.')}") for kind in kinds), f"nobody has action_{name}"


def test_no_two_actions_that_are_heard_together_have_the_same_key() -> None:
    for action in ACTIONS.values():
        for other in ACTIONS.values():
            places = {action.place, other.place}
            together = action.place == other.place or any(places <= {one, inner} for one, inner in PAIRS)
            if action.id < other.id and together:
                both = set(keys_of(action, {})) & set(keys_of(other, {}))
                assert both <= {"escape"}, (action.id, other.id)  # which goes back from the innermost first


def test_an_action_of_the_application_is_hidden_by_nothing() -> None:
    free = {key for action in ACTIONS.values() if action.place == "app" for key in keys_of(action, {})}
    for action in ACTIONS.values():
        if action.place not in ("app", "filter", "asking", "leaving", "help", "reading", "small", "sheet"):
            assert not free & set(keys_of(action, {})), action.id


def test_bindings_carry_the_names_by_which_keys_are_given_anew() -> None:
    found = bindings("runs")
    assert [binding.id for binding in found] == [name for name in ACTIONS if name.startswith("runs.")]
    assert all(binding.tooltip for binding in found)


@pytest.mark.parametrize(
    ("key", "label"),
    [("question_mark", "?"), ("enter", "⏎"), ("ctrl+r", "ctrl+r"), ("shift+up", "shift+↑"), ("a", "a"), ("+", "+")],
)
def test_a_key_is_shown_as_it_stands_on_the_keyboard(key: str, label: str) -> None:
    assert key_label(key) == label


def test_a_command_is_shown_with_what_is_chosen() -> None:
    assert spoken("tuinet attach RUN", {"RUN": "spiral-1a2b"}) == "tuinet attach spiral-1a2b"
    assert spoken("tuinet attach RUN", {"RUN": ""}) == "tuinet attach RUN"


# -- keys.toml -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "keymap", "problem"),
    [
        ("", {}, None),
        ('runs.sort = "t"', {"runs.sort": "t"}, None),
        ('"runs.sort" = "t"', {"runs.sort": "t"}, None),
        ('[runs]\nsort = ["t", "f5"]', {"runs.sort": "t,f5"}, None),
        ('runs.sort = "?"\napp.help = "f1"', {"runs.sort": "?", "app.help": "f1"}, None),
        ('runs.mark = "c"\nruns.compare = "space"', {"runs.mark": "c", "runs.compare": "space"}, None),
        ('runs.srot = "t"', {}, 'did you mean "runs.sort"'),
        ('runs.sort = "nokey"', {}, '"nokey" is no key'),
        ('runs.sort = "ctrl+"', {}, "is no key"),
        ('runs.sort = ""', {}, "is no key"),
        ("runs.sort = 3", {}, "wants a key"),
        ("runs.sort = []", {}, "wants a key"),
        ('runs.mark = "c"', {}, "c is the key of runs.compare already"),
        ('runs.mark = "q"', {}, "q is the key of app.leave already"),
        ('runs.sort = "t"\nfoo.bar = "x"', {"runs.sort": "t"}, "there is no action"),
        ("runs.sort = ", {}, "is not TOML"),
        ("a = " + "[" * 5000, {}, "is not TOML"),
    ],
)
def test_keys_toml_is_read_as_far_as_it_is_right(
    said: str, keymap: dict[str, str], problem: str | None, config: Path
) -> None:
    (config / "keys.toml").write_text(said, encoding="utf-8")
    found, problems = read_keymap()
    assert found == keymap
    assert problems == [] if problem is None else problem in problems[0]


@pytest.mark.parametrize("payload", HOSTILE)
def test_what_is_wrong_is_said_without_its_control_characters(payload: str, config: Path) -> None:
    words = payload.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    escaped = "".join(f"\\U{ord(letter):08x}" for letter in words if not 0xD800 <= ord(letter) < 0xE000)
    (config / "keys.toml").write_text(f'"{escaped}" = "x"\nruns.sort = "{escaped}"', encoding="utf-8")
    found, problems = read_keymap()
    assert found == {} and len(problems) == 2
    assert not PAYLOAD & set("".join(problems))


@pytest.mark.parametrize("spoil", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe\x00"),
                                   lambda path: path.write_bytes(b"a" * 70_000)])  # fmt: skip
def test_a_file_that_cannot_be_read_changes_nothing(spoil: Any, config: Path) -> None:
    spoil(config / "keys.toml")
    found, problems = read_keymap()
    assert found == {} and len(problems) == 1


def test_the_doctor_says_what_is_wrong_with_keys_toml(config: Path) -> None:
    assert "keys.toml" not in tuinet("doctor").stdout
    (config / "keys.toml").write_text('runs.sort = "t"\nruns.srot = "t"', encoding="utf-8")
    said = re.sub(r"\s+", " ", tuinet("doctor").stdout)
    assert "1 of your own" in said and 'did you mean "runs.sort"' in said


def test_another_key_does_what_it_is_given_and_is_shown_in_the_help(config: Path, home: Path) -> None:
    (config / "keys.toml").write_text('app.presets = "f9"\napp.nothing = "x"', encoding="utf-8")

    async def play(app: StandIn, pilot: Pilot[Any]) -> None:
        assert 'keys.toml: there is no action "app.nothing"' in app.said[0]
        await pilot.press("P")
        assert isinstance(app.screen, Welcome)
        await pilot.press("question_mark")
        await pilot.pause()
        assert "f9" in text(app)
        await pilot.press("escape", "f9")
        await pilot.pause()
        assert isinstance(app.screen, Presets)

    played("welcome", play, size=(100, 40))


def test_forms_and_lists_that_are_typed_in_take_other_keys_too_and_say_which(config: Path, home: Path) -> None:
    (config / "keys.toml").write_text(
        'picker.below = "ctrl+n"\npicker.pick = "f7"\nform.next = "f8"\nchoice.next = "f9"', encoding="utf-8"
    )
    app = Alone(scripted_view())

    async def steps(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "hidden" in picture(app))
        await pilot.press("1", "a")
        await until(pilot, lambda: isinstance(app.screen, Picker) and "f7 add" in picture(app), "the picker")
        first = app.screen.query_one(Rows).key
        await pilot.press("down", "enter")
        assert isinstance(app.screen, Picker) and app.screen.query_one(Rows).key == first, "keys that were given away"
        await pilot.press("ctrl+n", "f7")
        await until(pilot, lambda: not isinstance(app.screen, Picker), "another layer")
        await pilot.press("e")
        await until(pilot, lambda: "f8 next" in picture(app), "the form")
        form = app.screen.query_one(SettingsForm)
        here = app.focused
        await pilot.press("down")
        assert app.focused is here
        for _ in form.keys:
            if isinstance(app.focused, Choice):
                break
            await pilot.press("f8")
        choice = app.focused
        assert isinstance(choice, Choice)
        await until(pilot, lambda: "f9 other" in picture(app), "the choice")
        before = choice.text
        await pilot.press("right")
        assert choice.text == before
        await pilot.press("f9")
        assert choice.text != before

    on_screen(app, (120, 40), steps)


@pytest.mark.parametrize("key", ["a", "?", "f12", "ctrl+shift+r", "question_mark", "left_square_bracket", "é"])
def test_words_that_are_keys(key: str) -> None:
    assert is_key(key) and long_name(key)


@pytest.mark.parametrize("key", ["", " ", "f99", "shift", "ctrl+", "abc", "\x1b", "no_such_sign", ","])
def test_words_that_are_no_keys(key: str) -> None:
    assert not is_key(key)


# -- what is remembered ----------------------------------------------------------------------


def test_a_theme_is_remembered(config: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")

    async def play(app: StandIn, pilot: Pilot[Any]) -> None:
        assert app.theme == themes.NAMES[0]
        await pilot.press("T")
        await pilot.pause()
        assert app.theme == themes.NAMES[1]

    played("welcome", play)
    assert setting("theme") == themes.NAMES[1]
    assert Navigation().theme == themes.NAMES[1]


def test_what_cannot_be_written_is_said(config: Path) -> None:
    (config / "settings.toml").mkdir()
    assert "not remembered" in remember("theme", "tuinet-dark")


def test_what_the_settings_say_besides_is_kept(config: Path) -> None:
    (config / "settings.toml").write_text('size = 3\ntheme = "x"', encoding="utf-8")
    assert remember("theme", "tuinet-light") == ""
    assert setting("theme") == "tuinet-light" and "size = 3" in (config / "settings.toml").read_text()


@pytest.mark.parametrize(
    ("term", "deep", "theme"),
    [
        ("xterm-256color", "", "tuinet-dark"),
        ("linux", "", "tuinet-terminal"),
        ("xterm", "truecolor", "tuinet-dark"),
        ("vt100", "", "tuinet-terminal"),
    ],
)
def test_a_terminal_of_sixteen_colours_gets_its_own(
    term: str, deep: str, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", deep)
    assert themes.suitable() == theme
    assert themes.suitable("tuinet-contrast") == "tuinet-contrast"
    assert themes.suitable("no such theme") == theme
