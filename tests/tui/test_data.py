"""The screen of the data sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.stand_in import StandIn, played, text, until
from tests.tui.scenes import Play, bound, example
from tuinet.errors import TuinetError


def test_a_set_shows_its_parts_its_classes_its_notes_and_its_pictures(sets: dict[str, Any]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "▲ 3 of the 20 validation examples")
        assert "100 training" in shown and "60.0%" in shown and "Come along" in shown
        assert sets["asked"] == [("data", "show", "fashion", "--examples", "8")]

    played("data", play)


@pytest.mark.slow
def test_other_examples_and_augmented_ones_are_asked_for(sets: dict[str, Any]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "100 training")
        await pilot.press("n")
        await until(pilot, lambda: len(sets["asked"]) == 2)
        assert sets["asked"][1] == ("data", "show", "fashion", "--skip", "8", "--examples", "8")
        await pilot.press("a")
        await until(pilot, "shift=2,rotate=12,zoom=0.1")
        await pilot.press("enter")
        await until(pilot, lambda: len(sets["asked"]) == 3)
        assert sets["asked"][2][3:5] == ("--augment", "shift=2,rotate=12,zoom=0.1")
        await until(pilot, "as training draws them")
        await pilot.press("a")
        await until(pilot, lambda: "as training draws them" not in text(app))

    played("data", play)


def test_behind_the_last_examples_the_first_come_again(sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuinet.tui.screens.data.EXAMPLES", 60)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "100 training")
        await pilot.press("n")
        await until(pilot, lambda: len(sets["asked"]) == 2)
        assert sets["asked"][1][3:5] == ("--skip", "60")
        await pilot.press("n")
        await pilot.pause()
        assert "--skip" not in text(app)
        await pilot.press("n")
        await until(pilot, lambda: "--skip 60" in text(app))

    played("data", play)


@pytest.mark.slow
def test_texts_are_not_augmented(sets: dict[str, Any]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "100 training")
        await pilot.press("a")
        await until(pilot, "Texts are not augmented")

    played("data", play, chosen="surnames")


@pytest.mark.slow
def test_a_set_that_is_not_here_is_fetched(sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    async def fetch(*words: str) -> AsyncIterator[dict[str, Any]]:
        yield {"row": "progress", "set": words[2], "done": 1_000_000, "total": 11_600_000}
        await go_on.wait()

    monkeypatch.setattr("tuinet.tui.screens.data.asked", fetch)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "g fetches it")
        await pilot.press("g")
        await until(pilot, "1 MB of 11.6 MB")
        go_on.set()
        await until(pilot, "mnist is fetched.")

    played("data", play, chosen="mnist")


def test_why_a_set_could_not_be_fetched_stays_to_be_read_until_it_is_tried_again(
    sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    go = asyncio.Event()

    async def fetch(*words: str) -> AsyncIterator[dict[str, Any]]:
        if go.is_set():
            yield {"row": "progress", "done": 0, "total": 1}
            await asyncio.sleep(60)
        raise TuinetError("mnist: a.gz could not be fetched: there seems to be no network [/0] Put it into /tmp/x")

    monkeypatch.setattr("tuinet.tui.screens.data.asked", fetch)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "g fetches it")
        await pilot.press("g")
        shown = " ".join((await until(pilot, "mnist could not be fetched")).replace("│", " ").split())
        assert "there seems to be no network [/0] Put it into /tmp/x" in shown
        await pilot.press("down", "up")
        await until(pilot, "there seems to be no network")
        go.set()
        await pilot.press("g")
        await until(pilot, lambda: "no network" not in text(app))

    played("data", play, size=(80, 30), chosen="mnist")


@pytest.mark.slow
def test_a_set_that_is_here_is_not_fetched_again(sets: dict[str, Any]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "100 training")
        await pilot.press("g")
        await until(pilot, "fashion is here already.")

    played("data", play)


@pytest.mark.slow
def test_a_set_that_cannot_be_read_says_why(sets: dict[str, Any]) -> None:
    sets["error"] = "fashion: a cell is missing in row 7"

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "a cell is missing in row 7")

    played("data", play)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("about", "examples", "words"),
    [
        (bound(inputs=[3], columns=["age", "fare", "deck"]), [example(1, numbers=[29.0, 7.25, 3.0])], "29.0000"),
        (bound(inputs=[20]), [example(1, text="Kowalczyk", label="Polish")], "Kowalczyk"),
        (bound(inputs=[4, 1]), [example(1, numbers=[1.0, 2.0, 3.0, 4.0], label="115")], "▁▃▅▇"),
        (bound(inputs=[2], source="generated"), [example(1, numbers=[0.0, 0.0]), example(2, numbers=[1.0, 1.0])], "⠈"),
        (bound(inputs=[1]), [example(1, 1, numbers=[0.5])], "step 1"),
    ],
)
def test_examples_that_are_no_pictures_are_told_in_rows(
    about: dict[str, Any], examples: list[dict[str, Any]], words: str, sets: dict[str, Any]
) -> None:
    sets["rows"] = [about, *examples]

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, words)

    played("data", play, size=(120, 40))


@pytest.mark.slow
def test_sets_are_filtered_by_words(sets: dict[str, Any]) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, " sets")
        await pilot.press("slash", *"spiral")
        shown = await until(pilot, "1 of ")
        assert "Made by a formula" in shown and "Come along" not in shown

    played("data", play)
