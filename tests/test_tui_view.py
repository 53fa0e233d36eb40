"""What a screen knows of a run: the files first, the worker where there is one, and nothing lost in between."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.workers import LINEAR, act, clouds, heard, train, training, wait_for
from tuinet.errors import RunError
from tuinet.runs import RunFolder
from tuinet.training.protocol import Refused
from tuinet.training.session import resume
from tuinet.tui.view import RunView

GOLDEN = Path(__file__).parent / "golden" / "run"


def watched(folder: RunFolder, steps: Callable[[RunView], Awaitable[None]]) -> None:
    async def work() -> None:
        view = RunView(folder)
        try:
            await view.open()
            await view.poll()
            await steps(view)
        finally:
            await view.close()

    asyncio.run(asyncio.wait_for(work(), 60.0))


async def until(view: RunView, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about: {view.status}"
        await view.poll()
        await asyncio.sleep(0.02)


def epochs(view: RunView) -> list[int]:
    return [row["epoch"] for row in view.curves.epochs()]


def test_a_finished_run_is_read_whole(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, kernels=0)
    told = train(home / "runs", clouds(5))

    async def steps(view: RunView) -> None:
        assert (view.status.state, view.status.epochs, view.live) == ("finished", 5, False)
        assert view.status.steps == view.status.step, "as many as were planned, though nobody tells it"
        assert epochs(view) == [1, 2, 3, 4, 5]
        assert [row["val_loss"] for row in view.curves.epochs()] == [event["val_loss"] for event in told.all("epoch")]
        assert view.verdict["word"] == told.all("verdict")[0]["word"]
        assert view.preset is not None and view.preset.training.epochs == 5
        with pytest.raises(Refused, match="is finished: nobody trains it now"):
            await view.command("pause")
        look = await view.ask("parameters")
        assert [slot["name"] for slot in look.fields["parameters"]] == ["out.W", "out.b", "out.seen"]
        assert (await view.ask("heatmap", slot="out.V")).error

    watched(told.run, steps)


class Answering:
    """A worker, as far as it is told something."""

    open = True

    async def request(self, name: str, **fields: Any) -> Any:
        return SimpleNamespace(fields={"told": name})

    async def close(self) -> None:
        """Nothing is open."""


def test_what_is_asked_of_a_run_that_is_just_starting_waits_for_its_worker(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        view = RunView(RunFolder.create(home / "runs", "digits"))
        await view.open()
        asked = asyncio.ensure_future(view.command("pause"))
        await asyncio.sleep(0.1)
        assert not asked.done()
        view._connection = Answering()  # type: ignore[assignment]
        assert await asked == {"told": "pause"}
        view._connection = None
        monkeypatch.setattr("tuinet.tui.view.STARTING", 0.0)
        with pytest.raises(Refused, match="has not begun to train yet, so it can only be looked at"):
            await view.command("pause")
        await view.close()

    asyncio.run(steps())


def test_a_live_run_is_followed_and_steered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:

        async def steps(view: RunView) -> None:
            await until(view, lambda: view.live and view.status.state == "running" and view.status.step > 50)
            assert view.start["epochs"] == 100_000
            assert view.status.steps == view.start["steps"]
            await view.command("pause")
            assert view.status.state == "paused", "seen before the next look into the files"
            step = (await view.ask("parameters")).fields["step"]
            await until(view, lambda: view.status.step == step)
            await view.command("resume")
            await until(view, lambda: view.status.step > step + 20)

        watched(session.folder, steps)


def test_wishes_are_granted_again_and_again_while_it_trains(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:

        async def steps(view: RunView) -> None:
            await until(view, lambda: view.live)
            view.want("map", "heatmap", slot="out.W", rows=2, columns=2)
            await until(view, lambda: "map" in view.looked)
            first = view.looked["map"]
            assert not first.error and first.body
            await until(view, lambda: view.looked["map"].fields["step"] > first.fields["step"])
            view.want("map", "heatmap", slot="out.V")
            await until(
                view, lambda: "did you mean" in view.looked["map"].error or "no parameter" in view.looked["map"].error
            )
            view.want("map", None)
            assert "map" not in view.looked

        watched(session.folder, steps)


def test_a_worker_that_is_killed_leaves_a_run_that_can_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:

        async def steps(view: RunView) -> None:
            await until(view, lambda: view.live and view.curves.epochs())
            os.kill(session.pid, signal.SIGKILL)
            await until(view, lambda: not view.live and view.status.state == "interrupted")
            assert view.curves.epochs()
            with pytest.raises(Refused):
                await view.command("resume")

        watched(session.folder, steps)


def test_a_folder_that_is_taken_away_is_said_and_outlived(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:

        async def steps(view: RunView) -> None:
            await until(view, lambda: view.live and view.status.step > 10)
            await view.command("pause")
            shutil.rmtree(session.folder.path)
            await until(view, lambda: "its folder was taken away" in view.status.error)
            os.kill(session.pid, signal.SIGKILL)
            await until(view, lambda: not view.live)
            with pytest.raises(Refused, match="its folder was taken away"):
                await view.command("resume")

        watched(session.folder, steps)


def test_a_run_that_is_resumed_is_followed_on_by_the_same_screen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:
        wait_for(lambda: len(session.folder.metrics().read({"epoch"})[0]) > 2)
    folder = session.folder

    async def steps(view: RunView) -> None:
        assert view.status.state == "interrupted"
        again = await asyncio.to_thread(resume, folder, command=LINEAR)
        with heard(again):
            await until(view, lambda: view.live and view.status.state == "running")
            await until(view, lambda: len(set(epochs(view))) == len(epochs(view)) > 3)
            await view.command("stop")
            await until(view, lambda: view.status.state == "stopped")

    watched(folder, steps)


def test_a_client_that_comes_late_misses_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with training(home / "runs", monkeypatch) as session:

        async def early(view: RunView) -> None:
            await until(view, lambda: len(epochs(view)) >= 3)

        watched(session.folder, early)

        async def late(view: RunView) -> None:
            await until(view, lambda: view.live and len(epochs(view)) >= 6)
            assert epochs(view) == list(range(1, len(epochs(view)) + 1))
            records = session.folder.metrics().read({"epoch"})[0]
            assert [row["val_loss"] for row in view.curves.epochs()] == [
                r["val_loss"] for r in records[: len(epochs(view))]
            ]

        watched(session.folder, late)


def test_a_run_copied_from_elsewhere_opens_read_only(tmp_path: Path, home: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "from-elsewhere")

    async def steps(view: RunView) -> None:
        assert (view.status.state, view.live, epochs(view)) == (
            "finished",
            False,
            [1, 2],
        )
        assert view.facts is not None
        assert view.looked == {}

    watched(RunFolder(tmp_path / "from-elsewhere"), steps)


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path: Path) -> None:
    async def steps(view: RunView) -> None: ...

    with pytest.raises(RunError, match="is no run"):
        watched(RunFolder(tmp_path), steps)


@pytest.mark.parametrize("name", ["run.json", "preset.toml", "data.json", "metrics.jsonl", "events.jsonl"])
def test_a_damaged_file_takes_only_what_it_held(name: str, tmp_path: Path, home: Path) -> None:
    """run.json alone must be whole at the opening; if it breaks later, what is known stays."""
    shutil.copytree(GOLDEN, tmp_path / "run")
    path = tmp_path / "run" / name

    async def steps(view: RunView) -> None:
        if name == "run.json":
            path.write_bytes(b"\xff" * 100)
        view._info_at = -1e9
        await view.poll()
        assert view.status.state == "finished"

    if name != "run.json":
        path.write_bytes(b"\xff\x00{]\n" * 40)
    watched(RunFolder(tmp_path / "run"), steps)


def test_the_selection_is_one_for_all_and_is_told_once(tmp_path: Path) -> None:
    view, nudges = RunView(RunFolder(tmp_path)), []
    view.on_change = lambda: nudges.append(1)
    view.choose_layer("hidden")
    view.choose_layer("hidden")
    view.choose_step(12)
    assert (view.layer, view.at, len(nudges)) == ("hidden", 12, 2)
    assert "selection" in view._changed
