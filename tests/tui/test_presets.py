"""The screen of the presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stand_in import StandIn, played, text, until
from tests.tui.scenes import Play, answer
from tuinet import presets as library
from tuinet.tui.screens.presets import Presets


def test_presets_stand_in_groups_with_what_each_teaches_and_is_made_of(few: list[tuple[str, ...]]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        found = await until(pilot, "1,185")
        assert found.index("Points in the plane") < found.index("Tables") < found.index("Pictures")
        assert "Two arms that need several layers." in found
        assert "tuinet run spiral --epochs 30" in found and few == [("show", "spiral")]
        await pilot.press("down", "up")
        await pilot.pause(0.3)
        assert few.count(("show", "spiral")) == 1, "what is known is not asked for again"

    played("presets", play)


@pytest.mark.slow
def test_enter_starts_the_preset_under_the_cursor(few: object) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spam-neuron")
        await pilot.press("down", "enter")
        await until(pilot, lambda: bool(app.calls))
        assert app.calls == [("start_run", "spam-neuron")]

    played("presets", play)


@pytest.mark.slow
def test_a_preset_that_cannot_be_loaded_says_why(few: object) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "rate")
        await pilot.press("end", "enter")
        await until(pilot, 'there is no preset "rate"')
        assert not app.calls

    played("presets", play)


@pytest.mark.parametrize(
    ("words", "name"),
    [("fashion-mlp", "fashion-mlp"), ("gpt", "char-gpt"), ("airline", "airline-lstm"), ("", ""), ("no such words", "")],
)
def test_the_cursor_goes_to_the_preset_that_is_called_as_the_filter_says(words: str, name: str) -> None:
    page = Presets()
    page._headlines = library.headlines()
    assert page._likeliest(words) == name


@pytest.mark.slow
def test_words_filter_the_presets_and_escape_brings_them_back(few: object) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spam-neuron")
        await pilot.press("slash", *"too large")
        found = await until(pilot, "1 of 3")
        assert "spam-neuron" not in found and "rate ×3" in found
        await pilot.press("enter")
        assert "1 of 3" in await until(pilot, "/too large")
        await pilot.press("slash", "escape")
        assert "spam-neuron" in await until(pilot, lambda: "of 3" not in text(app))
        await pilot.press("slash", *"nothing")
        await until(pilot, "No preset has these words.")

    played("presets", play)


def test_a_preset_is_copied_to_a_file_of_ones_own(few: object, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "Two arms")
        await pilot.press("c")
        await until(pilot, "tuinet new spiral-mine.toml --from spiral")
        await answer(pilot, "spiral.txt")
        await until(pilot, "ends in .toml")
        await answer(pilot, str(file))
        await until(pilot, "Copied to")
        await pilot.press("c")
        await answer(pilot, str(file))
        await until(pilot, "is there already")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Presets)

    played("presets", play)
    assert file.read_text() == library.load("spiral").text
