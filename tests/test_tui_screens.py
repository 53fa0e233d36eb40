"""The screens beside the workbench: what each key does, what each shows at two sizes, and that no text commands it."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.cli_scenes import HOSTILE, make_run
from tests.stand_in import StandIn, played, same_as, text, until
from tuinet import presets as library
from tuinet.cells import cell_width
from tuinet.errors import RunLocked, TuinetError
from tuinet.presets import Headline
from tuinet.runs import RunFolder, list_runs, remove_forgotten
from tuinet.tui.asked import all_of, asked
from tuinet.tui.bin import Bin
from tuinet.tui.screens.base import Told
from tuinet.tui.screens.compare import Compare, Compared, told
from tuinet.tui.screens.data import Data
from tuinet.tui.screens.help import Help
from tuinet.tui.screens.log import Log
from tuinet.tui.screens.presets import Presets
from tuinet.tui.screens.runs import MOST, Runs
from tuinet.tui.screens.too_small import TooSmall
from tuinet.tui.screens.welcome import FIRST, Welcome

pytestmark = pytest.mark.usefixtures("home")
Play = Pilot[Any]
SCREENS = {"welcome": Welcome, "presets": Presets, "runs": Runs, "data": Data, "log": Log}


@pytest.fixture(autouse=True)
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of runs, the time since they were made, and the user's own settings stand still."""
    numbers = itertools.count(0x1A2B)
    monkeypatch.setattr("secrets.token_hex", lambda size: f"{next(numbers):04x}")
    for module in ("runs", "welcome"):
        monkeypatch.setattr(f"tuinet.tui.screens.{module}.seconds_since", lambda then: 600.0)
    monkeypatch.setenv("TUINET_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def runs(home: Path) -> Path:
    """Three runs: a good one, one that has learnt by heart, one that failed."""
    folder = home / "runs"
    make_run(folder, "spiral", best=12)
    make_run(folder, "overfit", best=3, verdict="overfitting", best_epoch=3)
    make_run(folder, "letters", state="failed", verdict=None, error="no room on the disk")
    return folder


LAYERS = [
    {"row": "network", "preset": "spiral", "parameters": 1185, "multiply_adds": 1120, "memory_bytes": 81_000},
    {"row": "layer", "path": "hidden", "type": "dense", "output_shape": [32], "parameters": 96, "multiply_adds": 64,
     "memory_bytes": 1664},
    {"row": "layer", "path": "out", "type": "dense", "output_shape": [1], "parameters": 33, "multiply_adds": 32,
     "memory_bytes": 172},
]  # fmt: skip
HEADLINES = [
    Headline("spam-neuron", "One neuron", "A weighted sum and a threshold.", (), "spambase", 1, (), ""),
    Headline("spiral", "Two spirals", "Two arms that need several layers.", ("--epochs 30",), "spiral", 3, (), ""),
    Headline("rate", "Three rates", "Too small, right, too large.", (), "digits", 2, ("small", "right", "large"), ""),
]  # fmt: skip


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Three presets, and an answer for whoever asks for their layers; the words that were asked."""
    words: list[tuple[str, ...]] = []

    async def answer(*given: str) -> list[dict[str, Any]]:
        words.append(given)
        return LAYERS

    monkeypatch.setattr("tuinet.tui.screens.presets.library.headlines", lambda: HEADLINES)
    monkeypatch.setattr("tuinet.tui.screens.presets.all_of", answer)
    return words


def bound(**changes: Any) -> dict[str, Any]:
    """The first row of `tuinet data show`."""
    return {
        "set": "digits", "source": "embedded", "task": "classes", "inputs": [2, 4, 1], "outputs": 3, "columns": [],
        "classes": {"cat": 30, "dog": 60, "owl": 10}, "train": 100, "validation": 20, "test": 0,
        "notes": ["3 of the 20 validation examples also stand among the training examples"], **changes,
    }  # fmt: skip


def example(number: int, version: int = 0, **changes: Any) -> dict[str, Any]:
    values = [[[0.0], [0.5], [1.0], [0.0]], [[1.0], [1.0], [0.0], [0.0]]]
    return {"row": "example", "number": number, "version": version, "label": "cat", "values": values, **changes}


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers to `data show`: `rows` or an `error`; the words that were `asked`."""
    said: dict[str, Any] = {"rows": [bound(), *(example(n) for n in (1, 2, 3))], "asked": [], "error": ""}

    async def answer(*words: str) -> list[dict[str, Any]]:
        said["asked"].append(words)
        if said["error"]:
            raise TuinetError(said["error"])
        found: list[dict[str, Any]] = said["rows"]
        return found

    monkeypatch.setattr("tuinet.tui.screens.data.all_of", answer)
    return said


async def answer(pilot: Play, words: str) -> None:
    """Writes an answer into the line that is open, and presses enter."""
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = words
    await pilot.press("enter")
    await pilot.pause()


# -- welcome ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(3))
def test_one_key_starts_each_of_the_three_things_to_try_first(number: int) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press(str(number + 1))
        await until(pilot, lambda: bool(app.calls))

    assert played("welcome", play).calls == [("start_run", FIRST[number][0])]


@pytest.mark.slow
def test_the_first_start_says_what_this_is_and_what_to_do(home: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        found = await until(pilot, "Try first")
        assert "trains neural networks" in found and all(preset in found for preset, _ in FIRST)
        await pilot.press("down", "enter")
        await until(pilot, lambda: bool(app.calls))
        assert app.calls == [("start_run", FIRST[1][0])]

    played("welcome", play)


@pytest.mark.slow
def test_welcome_opens_the_last_runs(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "Last runs")
        await pilot.press("end", "enter")
        assert app.calls == [("open_run", "spiral-1a2b")]

    played("welcome", play)


@pytest.mark.slow
def test_a_run_that_is_being_trained_is_chosen_at_the_start(runs: Path) -> None:
    run = make_run(runs, "xor", state="running")
    with run.lock():

        async def play(app: StandIn, pilot: Play) -> None:
            await until(pilot, "running")
            await pilot.press("enter")
            assert app.calls == [("open_run", run.id)]

        played("welcome", play)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "screen"), [("p", Presets), ("r", Runs), ("d", Data), ("P", Presets), ("L", Log)])
def test_a_key_goes_to_each_screen_and_escape_back(
    key: str, screen: type, runs: Path, few: object, sets: object
) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(app.screen, screen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Welcome)

    played("welcome", play)


# -- presets ---------------------------------------------------------------------------------


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


# -- runs ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_runs_show_how_far_and_how_well_with_a_curve_each(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "▁")
        assert "✖ failed" in shown and "overfitting" in shown and "12/12" in shown
        make_run(runs, "xor")
        await until(pilot, "xor-", 10)

    played("runs", play)


@pytest.mark.slow
def test_a_run_that_is_being_trained_has_a_badge(runs: Path) -> None:
    run = make_run(runs, "xor", state="running")
    with run.lock():

        async def play(app: StandIn, pilot: Play) -> None:
            assert "● running" in await until(pilot, "● 1 being trained")

        played("runs", play)


@pytest.mark.slow
def test_enter_opens_a_run(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("down", "enter")
        assert app.calls == [("open_run", "overfit-1a2c")]

    played("runs", play)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "found"),
    [("let", ["letters"]), ("state=failed", ["letters"]), ("best_epoch<5 over", ["overfit"]), ("epoch=99", [])],
)
def test_a_filter_is_a_word_or_a_comparison(words: str, found: list[str], runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("slash", *words)
        shown = await until(pilot, f"{len(found)} of 3 runs")
        assert [name for name in ("letters", "overfit", "spiral") if f"{name}-" in shown] == found
        assert "tuinet runs --filter" in shown

    played("runs", play, size=(130, 30))


def test_a_filter_that_cannot_be_says_why(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("slash", *"stat=x")
        await until(pilot, 'did you mean "state"?')

    played("runs", play)


@pytest.mark.slow
def test_runs_are_sorted_by_the_next_column_and_the_other_way_round(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        def order() -> list[str]:
            return [row.key.partition("-")[0] for row in app.screen.query_one("Rows").lines]  # type: ignore[attr-defined]

        await until(pilot, "when▾")
        assert order() == ["letters", "overfit", "spiral"]
        await pilot.press("S")
        await until(pilot, lambda: order() == ["spiral", "overfit", "letters"])
        await pilot.press("s", "s", "s", "s")
        shown = await until(pilot, "run▴")
        assert order() == ["spiral", "overfit", "letters"] and "tuinet runs --sort run --reverse" in shown

    played("runs", play, size=(140, 30))


@pytest.mark.parametrize(("width", "beside"), [(60, False), (160, True)])
def test_the_curves_of_two_runs_stand_beside_their_tables_where_there_is_room(width: int, beside: bool) -> None:
    curves = {"val_loss": ([1.0, 0.5], [1.0, 0.4, 0.3])}
    found = Compared(("spiral-1a2b", "spiral-1a2c"), [("training.epochs", 2, 3)], [("val_loss", 0.5, 0.3, "b")], curves)
    rows = ["".join(text for text, _ in line) for line in told(found, width)]
    assert all(cell_width(row) <= width for row in rows)
    assert any("setting" in row and "0.3000 to 1.0000" in row for row in rows) == beside
    assert sum(row.count("▇") > 0 for row in rows) == 2


def test_marked_runs_are_laid_over_and_two_of_them_compared(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("c")
        await until(pilot, "Mark one run with space")
        await pilot.press("down", "space", "space")
        await until(pilot, "2 marked")
        assert [run.id for run in app.laid_over] == ["overfit-1a2c", "spiral-1a2b"]
        await pilot.press("c")
        shown = await until(pilot, "The settings are the same.")
        assert isinstance(app.screen, Compare) and "best_epoch" in shown and "val_loss" in shown
        assert shown.index("overfit-1a2c") < shown.index("spiral-1a2b")
        await pilot.press("x")
        shown = await until(pilot, lambda: text(app).index("spiral-1a2b") < text(app).index("overfit-1a2c"))
        await pilot.press("escape")
        await until(pilot, "2 marked")
        await pilot.press("space")
        await until(pilot, "1 marked")
        await pilot.press("home", "enter")
        assert app.calls == [("open_run", "letters-1a2d")]
        assert [run.id for run in app.laid_over] == ["overfit-1a2c"]

    played("runs", play, size=(140, 40))


@pytest.mark.slow
def test_changed_settings_stand_side_by_side(home: Path) -> None:
    make_run(home / "runs", "spiral", units=8, rate=0.01)
    make_run(home / "runs", "spiral", units=32, rate=0.3)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-1a2c")
        await pilot.press("space", "c")
        shown = await until(pilot, "layers.hidden.units")
        line = next(line for line in shown.splitlines() if "learning_rate" in line)
        assert "0.3" in line and "0.01" in line

    played("runs", play)


def test_a_deleted_run_is_gone_at_once_and_comes_back_whole(runs: Path) -> None:
    before = {path.relative_to(runs): path.read_bytes() for path in runs.rglob("*") if path.is_file()}

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("u")
        await until(pilot, "There is nothing to bring back.")
        await pilot.press("d")
        await until(pilot, "2 runs")
        assert [run.run for run in list_runs(runs)] == ["overfit-1a2c", "spiral-1a2b"]
        await pilot.press("u")
        await until(pilot, "3 runs")

    played("runs", play)
    assert {path.relative_to(runs): path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_deleted_run_is_removed_when_the_application_ends(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("delete")
        await until(pilot, "2 runs")
        assert len(list(runs.iterdir())) == 3

    played("runs", play)
    assert sorted(path.name for path in runs.iterdir()) == ["overfit-1a2c", "spiral-1a2b"]


def test_a_run_that_is_being_trained_is_not_deleted(runs: Path) -> None:
    run = make_run(runs, "xor", state="running")
    with run.lock():

        async def play(app: StandIn, pilot: Play) -> None:
            await until(pilot, "● running")
            await pilot.press("d")
            await until(pilot, lambda: bool(app.said))
            assert run.id in app.said[0] and run.path.exists()

        played("runs", play)


@pytest.mark.slow
def test_a_damaged_run_is_listed_and_says_what_is_wrong(runs: Path) -> None:
    (runs / "spiral-1a2b" / "run.json").write_text("{}")

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "✖ damaged")
        await pilot.press("end", "enter")
        assert "checksum" in app.said[0] and not app.calls
        await pilot.press("space")
        assert app.laid_over == ()

    played("runs", play)


@pytest.mark.slow
def test_of_very_many_runs_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from tuinet.runs import RunSummary

    many = [RunSummary(f"run-{number:04}", "finished", sequence=-number) for number in range(MOST + 5)]
    monkeypatch.setattr("tuinet.tui.run_list.RunList.read", lambda self: many)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, f"the first {MOST:,} are shown")
        await pilot.press("end")
        await until(pilot, f"run-{MOST - 1:04}")

    played("runs", play)


@pytest.mark.slow
def test_without_runs_it_says_where_to_begin() -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "There are no runs yet.")
        await pilot.press("enter", "space", "c", "d", "end", "down")
        assert not app.calls

    played("runs", play)


# -- the bin ---------------------------------------------------------------------------------


def test_the_bin_removes_a_run_when_the_time_is_over(runs: Path) -> None:
    now = [0.0]
    waste = Bin(lambda: now[0])
    waste.throw(RunFolder(runs / "spiral-1a2b"))
    now[0] = 10.0
    waste.throw(RunFolder(runs / "overfit-1a2c"))
    now[0] = 30.0
    waste.sweep()
    assert len(waste) == 1 and len(list(runs.iterdir())) == 2
    assert waste.undo() is not None and waste.undo() is None
    assert (runs / "overfit-1a2c").exists() and len(waste) == 0


def test_the_bin_refuses_a_run_that_is_being_trained(runs: Path) -> None:
    run, waste = RunFolder(runs / "spiral-1a2b"), Bin()
    with run.lock(), pytest.raises(RunLocked):
        waste.throw(RunFolder(run.path))
    assert run.path.exists() and len(waste) == 0


def test_a_run_does_not_come_back_over_another_one(runs: Path) -> None:
    waste, run = Bin(), RunFolder(runs / "spiral-1a2b")
    waste.throw(run)
    run.path.mkdir()
    with pytest.raises(TuinetError, match="could not be brought back"):
        waste.undo()
    run.path.rmdir()
    assert waste.undo() is run and run.state() == "finished"


def test_what_a_killed_application_had_set_aside_goes_with_a_later_one(runs: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead = int(gone.stdout)
    for pid, name in ((dead, "spiral-1a2b"), (os.getpid(), "overfit-1a2c")):
        (runs / name).rename(runs / f".tmp-{pid}-{name}")
    (runs / f".tmp-{dead}-").mkdir()
    assert remove_forgotten(runs) == 0
    assert remove_forgotten(runs, older_than=-1.0) == 1
    assert sorted(path.name for path in runs.iterdir()) == sorted(
        [f".tmp-{dead}-", f".tmp-{os.getpid()}-overfit-1a2c", "letters-1a2d"]
    )


# -- data ------------------------------------------------------------------------------------


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


# -- the log ---------------------------------------------------------------------------------


def test_the_log_tells_events_and_what_the_worker_said(runs: Path) -> None:
    run = RunFolder(runs / "letters-1a2d")
    run.log_path.write_text("a warning about nothing\n")

    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "a warning about nothing")
        assert "▲ 3 examples stand in both parts" in shown and "good: It has settled." in shown
        with run.log_path.open("a") as log:
            log.write("and another line\n")
        await until(pilot, "and another line")
        await pilot.press("w")
        assert "a warning" not in await until(pilot, "events only")
        await pilot.press("w")
        assert "settled" not in await until(pilot, "worker only")
        await pilot.press("w", "slash", *"settled")
        assert "another line" not in await until(pilot, "/settled")

    played("log", play)


@pytest.mark.slow
def test_who_goes_up_in_the_log_stays_there_while_lines_come_in(runs: Path) -> None:
    run = RunFolder(runs / "letters-1a2d")
    run.log_path.write_text("".join(f"line {number}\n" for number in range(60)))

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "line 59")
        await pilot.press("home")
        await until(pilot, "does not follow")
        with run.log_path.open("a") as log:
            log.write("line 60\n")
        await pilot.pause(1.0)
        assert "line 60" not in text(app) and "3 examples" in text(app)
        await pilot.press("f")
        await until(pilot, "line 60")

    played("log", play)


@pytest.mark.slow
def test_there_is_no_log_without_a_run() -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "there is no run")

    played("log", play)


# -- help, the palette, a small terminal --------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SCREENS)
def test_the_help_of_each_screen_says_what_its_keys_do(name: str, runs: Path, few: object, sets: object) -> None:
    from tuinet.tui.actions import ACTIONS

    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help))
        shown = " ".join(str(app.screen.query_one(Told).render()).split())
        for action in ACTIONS.values():
            if action.place in (name, "app"):
                assert action.help in shown, action.id
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, SCREENS[name])

    played(name, play, size=(160, 60))


def test_the_help_shows_the_commands_with_what_is_chosen(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.press("question_mark")
        await until(pilot, "tuinet rm letters-1a2d")

    played("runs", play, size=(120, 40))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("train spiral", ("start_run", "spiral")),
        ("open overfit", ("open_run", "overfit-1a2c")),
        ("close the application", ("leave", "")),
    ],
)
def test_the_palette_finds_and_does(words: str, call: tuple[str, str], runs: Path, few: object) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press(*words)
        await until(pilot, words.split()[1])
        await pilot.pause(0.4)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.calls))
        assert app.calls == [call]

    played("welcome", play)


@pytest.mark.slow
@pytest.mark.parametrize(("words", "screen"), [("preset spam", Presets), ("data digits", Data)])
def test_the_palette_goes_to_a_line_of_another_screen(
    words: str, screen: type, few: object, sets: object, runs: Path
) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press(*words)
        await pilot.pause(0.6)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, screen))
        await until(pilot, lambda: app.screen.query_one("Rows").key.startswith(words.split()[1]))  # type: ignore[attr-defined]

    played("runs", play)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(59, 24), (80, 14), (30, 8), (12, 3), (1, 1)])
def test_a_terminal_that_is_too_small_is_told_so_and_grows_back(size: tuple[int, int], runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: isinstance(app.screen, TooSmall))
        if size[0] >= 30:
            assert "60×15" in text(app) and f"{size[0]}×{size[1]}" in text(app)
        await pilot.press("d", "R", "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, TooSmall) and len(list(runs.iterdir())) == 3
        await pilot.press("q")
        assert app.calls == [("leave", "")]
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: isinstance(app.screen, Runs))

    played("runs", play)


@pytest.mark.slow
def test_the_screens_load_no_compiler_and_the_first_one_no_arrays() -> None:
    names = ("compare", "data", "help", "log", "presets", "runs")
    code = (
        "import sys; import tuinet.tui.navigation, tuinet.tui.screens.welcome; first = set(sys.modules)\n"
        f"for name in {names}: __import__(f'tuinet.tui.screens.{{name}}')\n"
        "print('numpy' in first, [name for name in sys.modules if name.startswith(('numba', 'llvmlite', "
        "'tuinet.engine', 'tuinet.kernels', 'scipy', 'plotext'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False []"


# -- what a command says, asked for ---------------------------------------------------------------


@pytest.mark.slow
def test_rows_of_a_command_come_from_a_process_of_its_own() -> None:
    rows = asyncio.run(all_of("data"))
    assert {row["set"] for row in rows} >= {"fashion", "spiral"}


@pytest.mark.slow
def test_a_command_that_fails_gives_its_sentence() -> None:
    with pytest.raises(TuinetError, match=r'called "spirla"; did you mean "spiral"'):
        asyncio.run(all_of("show", "spirla"))


def test_a_command_that_nobody_waits_for_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tuinet").mkdir()
    (tmp_path / "tuinet" / "__init__.py").touch()
    (tmp_path / "tuinet" / "__main__.py").write_text(
        "import os, time\nprint('{\"pid\": %d}' % os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setattr("tuinet.tui.asked.environment", lambda: {**os.environ, "PYTHONPATH": str(tmp_path)})

    async def look() -> int:
        async for row in (rows := asked("show")):
            await rows.aclose()
            return int(row["pid"])
        return 0

    pid = asyncio.run(look())
    assert pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# -- the mouse -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_click_chooses_and_a_second_one_opens(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        await pilot.click("Rows", offset=(5, 2))
        await pilot.pause()
        assert app.screen.query_one("Rows").key == "spiral-1a2b" and not app.calls  # type: ignore[attr-defined]
        await pilot.click("Rows", offset=(5, 2))
        assert app.calls == [("open_run", "spiral-1a2b")]
        await pilot.click("Rows", offset=(5, 9))
        assert len(app.calls) == 1

    played("runs", play)


@pytest.mark.slow
def test_a_click_on_a_hint_presses_its_key(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "spiral-")
        place = shown.splitlines()[-1].index("space mark")
        await pilot.click("Hints", offset=(place + 2, 0))
        await until(pilot, "1 marked")

    played("runs", play)


# -- pictures in characters -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "keys", "wanted"),
    [
        ("welcome", [], "Last runs"),
        ("presets", [], "1,185"),
        ("runs", ["down", "space"], "1 marked"),
        ("data", [], "100 training"),
        ("log", [], "It has settled."),
        ("help", ["question_mark"], "Runs"),
        ("compare", ["space", "c"], "best_epoch"),
    ],
)
def test_each_screen_looks_as_it_did(
    name: str, keys: list[str], wanted: str, size: tuple[int, int], runs: Path, few: object, sets: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tuinet.tui.told._clock", lambda seconds: "12:00:00")
    monkeypatch.setattr("tuinet.tui.run_list.size_on_disk", lambda path: 1_500_000)

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, {"log": wanted, "data": wanted}.get(name, "spiral"))
        await pilot.pause(0.2)
        await pilot.press(*keys)
        await until(pilot, wanted)
        await pilot.pause(0.3)
        text(app)
        same_as(name, app, size)

    played(name if name in SCREENS else "runs", play, size=size)


# -- hostile text ------------------------------------------------------------------------------------


def test_no_text_of_others_commands_the_terminal(
    home: Path, few: object, sets: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look at the screen (`text`) fails where anything in it could command a terminal."""
    payloads = "".join(HOSTILE)
    markup = f"[bold red]{payloads.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace')}[/nothing] $boom"
    run = make_run(home / "runs", "spiral", title=markup, error=markup, verdict=markup[:40])
    run.write_info(run=f"copy {markup}", host=markup)
    lock = run.lock()
    with run.events().writer(2) as events:
        for kind in ("alert", "changed", "stopped", markup[:40]):
            events.append({"k": kind, "s": 1, "e": 0.0, "message": markup, "key": markup, "state": markup})
    lock.release()
    run.log_path.write_bytes(payloads.encode("utf-8", "surrogatepass") + b"\xff\x9b31m\n")
    hostile = [Headline(f"x{markup}", markup, markup, (markup,), markup, 1, (markup,), "")]
    monkeypatch.setattr("tuinet.tui.screens.presets.library.headlines", lambda: hostile)
    about = bound(classes={markup: 3}, notes=[markup], columns=[markup], inputs=[1], task=markup, source=markup)
    sets["rows"] = [about, example(1, label=markup, text=markup, numbers=[1.0])]
    marks = {"R": "spiral-", "P": "[/nothing]", "D": "100 training", "L": "▲ ", "W": "Last runs"}

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "spiral-")
        for key, mark in marks.items():
            await pilot.press(key)
            await until(pilot, mark)
            await pilot.press("question_mark")
            await pilot.pause()
            text(app)
            await pilot.press("escape")
        await pilot.press("colon", *"bold")
        await pilot.pause(0.3)
        text(app)
        await pilot.press("escape", "R")
        app.tell(markup, bad=True)
        await until(pilot, "spiral-")
        await pilot.press("slash", *"a[b")
        await until(pilot, "/a[b")

    played("welcome", play, size=(120, 40))
