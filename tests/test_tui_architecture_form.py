"""The architecture pane: the form and the text of a preset, in step with the list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.architecture_pane import App, drive, made_view, settled
from tests.tui_screens import check_picture, until
from tuinet.tui.draft import TRAINING
from tuinet.tui.sheets import Settings, Text
from tuinet.tui.widgets.form import Choice, SettingsForm

pytestmark = pytest.mark.usefixtures("own_config")


# -- the form --------------------------------------------------------------------------------------


def test_the_form_sets_what_is_typed_at_once_and_says_what_cannot_be() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "e")
        await pilot.pause()
        assert isinstance(app.screen, Settings)
        field = app.focused
        assert isinstance(field, Input) and field.value == "128"
        await pilot.press("backspace", "backspace", "backspace")
        assert app.draft.table(("layers", 1))["units"] == 1
        assert "is missing" in app.shown()
        await pilot.press("6", "4")
        assert app.draft.table(("layers", 1))["units"] == 64 and "is missing" not in app.shown()
        await pilot.press("x")
        assert app.draft.table(("layers", 1))["units"] == 64
        assert "must be a whole number" in app.words()
        await pilot.press("escape")
        assert app.screen is app.bench
        await settled(pilot)
        assert "50,240" in app.list_text()
        await pilot.press("u")
        assert not app.draft.changed

    drive(type_, size=(80, 24))


def test_what_is_typed_just_before_the_form_closes_counts() -> None:
    """On a busy machine keys come faster than they are looked at."""

    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "e")
        await pilot.pause()
        assert isinstance(app.screen, Settings) and isinstance(app.focused, Input)
        for text in ("12", "1", "4", "48"):
            app.focused.value = text
        app.screen.action_close()
        await settled(pilot)
        assert app.draft.table(("layers", 1))["units"] == 48

    drive(type_, size=(80, 24))


def test_a_choice_goes_round_by_arrows_and_by_its_first_letter() -> None:
    async def choose(app: App, pilot: Pilot[Any]) -> None:
        def said() -> Any:
            return app.draft.table(("layers", 1)).get("activation")

        await pilot.press("down", "e", "down")
        assert isinstance(app.focused, Choice)
        await pilot.press("t")
        assert said() == "tanh"
        before = said()
        await pilot.press("right")
        assert said() != before
        await pilot.press("left")
        assert said() == before
        await pilot.press("delete")
        assert said() is None
        await pilot.press("q")
        assert isinstance(app.screen, Settings)

    drive(choose)


def test_another_part_brings_its_own_settings_into_the_form() -> None:
    async def exchange(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("end", "e")
        await pilot.pause()
        form = app.screen.query_one(SettingsForm)
        assert app.pane.place == TRAINING and "optimizer.beta1" in form.keys
        line = form.line("optimizer")
        assert line is not None
        line.control.focus()
        await pilot.press("s")
        await pilot.pause()
        assert app.draft.preset.training.optimizer.__class__.__name__ == "SGD"
        assert "optimizer.momentum" in form.keys and "optimizer.beta1" not in form.keys
        assert app.focused is line.control
        rate = form.line("optimizer.learning_rate")
        assert rate is not None
        rate.control.focus()
        await pilot.press(*"0.25")
        assert app.draft.preset.training.optimizer.learning_rate == 0.25

    drive(exchange)


@pytest.mark.parametrize(("word", "size"), [("dense", (80, 24)), ("training", (160, 40))])
def test_the_form_looks_as_it_was_looked_at(word: str, size: tuple[int, int]) -> None:
    async def look(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press(*(("end",) if word == "training" else ("down",)), "e")
        await pilot.pause(0.1)
        app.pane.speed = None
        app.pane._draw()
        await pilot.pause()
        check_picture(app, f"architecture-form-{word}")

    view = made_view()
    view.status = replace(view.status, samples_per_s=float("nan"))
    drive(look, view=view, size=size)


# -- the text --------------------------------------------------------------------------------------


async def text_of_second_layer(app: App, pilot: Pilot[Any]) -> TextArea:
    """The text sheet, opened over the list."""
    await pilot.press("down", "t")
    await pilot.pause()
    return app.screen.query_one(TextArea)


def test_text_that_cannot_be_read_is_not_thrown_away_without_a_word() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        area = await text_of_second_layer(app, pilot)
        area.text = area.text.replace("units = 128", "units = ")
        await pilot.press("escape")
        await until(pilot, lambda: "esc again" in app.words())
        area.text = area.text.replace("units = ", "units =  ", 1)
        await until(pilot, lambda: "esc again" not in app.words())
        await pilot.press("escape")
        await until(pilot, lambda: "esc again" in app.words())
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Text))
        assert app.draft.table(("layers", 1))["units"] == 128

    drive(type_)


def test_text_that_is_kept_with_its_error_needs_no_second_esc() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        area = await text_of_second_layer(app, pilot)
        area.text = area.text.replace("units = 128", 'units = "many"')
        await until(pilot, lambda: '"many" is not known here' in app.words())
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Text))
        assert app.draft.table(("layers", 1))["units"] == "many"

    drive(type_)


def test_what_is_wrong_with_a_text_stays_when_the_costs_of_the_one_before_are_known() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        area = await text_of_second_layer(app, pilot)
        area.text = area.text.replace("units = 128", "units = ")
        await until(pilot, lambda: "this is not TOML" in app.words())
        app.pane._tell_sheet()
        await pilot.pause(0.1)
        assert "this is not TOML" in app.words()

    drive(type_)


def test_text_and_list_are_in_step_and_an_error_names_its_line() -> None:
    async def type_(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("down", "t")
        await pilot.pause()
        assert isinstance(app.screen, Text)
        area = app.screen.query_one(TextArea)
        assert area.cursor_location[0] == area.text.split("\n").index('type = "dense"') - 1
        area.text = area.text.replace("units = 128", "units = 32")
        await until(pilot, lambda: app.draft.table(("layers", 1))["units"] == 32)
        assert "32" in app.list_text()
        area.text = area.text.replace("units = 32", "units = ")
        await until(pilot, lambda: "this is not TOML" in app.words())
        assert app.draft.table(("layers", 1))["units"] == 32
        area.text = area.text.replace("units = ", 'units = "many"', 1)
        await until(pilot, lambda: '"many" is not known here' in app.words())
        area.text = area.text.replace('units = "many"', "units = 16")
        await pilot.press("escape")
        await settled(pilot)
        assert app.draft.table(("layers", 1))["units"] == 16 and app.draft.error is None
        await pilot.press("u")
        assert not app.draft.changed

    drive(type_)
