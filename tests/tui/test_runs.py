"""The screen of the runs, and two of them compared."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.cli_scenes import make_run
from tests.stand_in import StandIn, played, text, until
from tests.tui.scenes import SCREENS, Play
from tuinet.cells import cell_width
from tuinet.errors import RunDamaged
from tuinet.runs import RunSummary, list_runs
from tuinet.tui.run_list import RunList
from tuinet.tui.screens.compare import Compare, Compared, told
from tuinet.tui.screens.runs import MOST, table


@pytest.mark.slow
def test_runs_show_how_far_and_how_well_with_a_curve_each(runs: Path) -> None:
    async def play(app: StandIn, pilot: Play) -> None:
        shown = await until(pilot, "▁")
        assert "✖ failed" in shown and "overfitting" in shown and "12/12" in shown
        make_run(runs, "xor")
        await until(pilot, "xor-", 10)

    played("runs", play)


@pytest.mark.slow
@pytest.mark.parametrize("screen", ["runs", "welcome"])
def test_a_folder_that_cannot_be_read_for_a_while_is_said_once_and_read_again(
    screen: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, times = RunList.read, itertools.count()

    def read(self: RunList) -> list[RunSummary]:
        if next(times) < 3:
            raise RunDamaged("the folder is away")
        return found(self)

    monkeypatch.setattr(RunList, "read", read)
    monkeypatch.setattr(SCREENS[screen].__init__, "__defaults__", (0.05,))

    async def play(app: StandIn, pilot: Play) -> None:
        await until(pilot, "letters-")
        assert app.said == ["the folder is away"]

    played(screen, play)


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
    curves = {"val_loss": ([(1.0, 1.0), (2.0, 0.5)], [(1.0, 1.0), (2.0, 0.4), (3.0, 0.3)])}
    found = Compared(("spiral-1a2b", "spiral-1a2c"), [("training.epochs", 2, 3)], [("val_loss", 0.5, 0.3, "b")], curves)
    drawn = told(found, width, 30)
    rows = ["".join(text for text, _ in line) for line in drawn]
    assert all(cell_width(row) <= width for row in rows)
    assert any("setting" in row and "━ spiral-1a2b   ╌ spiral-1a2c" in row for row in rows) == beside
    inked = {ink for line in drawn for text, ink in line if any("⠀" < letter <= "⣿" for letter in text)}
    assert inked == {"series-1", "series-2"}
    plain = ["".join(text for text, _ in line) for line in told(found, width, 30, braille=False)]
    assert all(letter < "⠀" or letter in "◂▸" for row in plain for letter in row)
    assert any("a spiral-1a2b   b spiral-1a2c" in row for row in plain)


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308], [5.0, 5.0], [float("nan")], [float("inf"), 1.0], [0.5]])
def test_curves_of_any_numbers_are_drawn(values: list[float]) -> None:
    points = [(float(epoch), value) for epoch, value in enumerate(values)]
    found = Compared(("spiral-1a2b", "spiral-1a2c"), [], [], {"val_loss": (points, points[:1])})
    for width in (30, 120):
        rows = ["".join(text for text, _ in line) for line in told(found, width, 40)]
        assert len(rows) > 8 and all(cell_width(row) <= width for row in rows)


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


def test_runs_whose_names_begin_alike_are_told_apart_where_they_are_cut() -> None:
    names = [f"architecture-match-{end}" for end in ("attention-b577", "conv-05b3", "dense-20ef")]
    listed = [RunSummary(name, "finished", epoch=12, epochs=12, best=0.4, verdict="overfitting") for name in names]
    _, lines = table(listed, dict.fromkeys(names, (0.5, 0.4)), (), 60, "created", False)
    shown = ["".join(text for text, _ in line) for line in lines]
    assert not any(name in line for name, line in zip(names, shown, strict=True))  # the control: they are cut
    assert [line.count(name[-5:]) for name, line in zip(names, shown, strict=True)] == [1, 1, 1]
