"""R5: after any number of SIGKILLs a run ends with the same weights, the same epochs and the same decisions."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import Scene
from tests.workers import LINEAR, Told, act, clouds, kill_after_epochs, kill_at_random, listen, train
from tuinet import presets
from tuinet.training.session import WORKER, resume, start

DECISIONS = ("state", "reason", "epoch", "step", "best_epoch", "best", "test", "until", "weights_sha256", "exit_code")
TIMED = ("m", "t", "g", "samples_per_s", "gradient_norm")


def outcome(told: Told) -> dict[str, Any]:
    """What must be the same: the end, and every epoch's record as it stands on disk."""
    records, damaged = told.run.metrics().read({"epoch"})
    assert damaged == 0
    epochs = [{key: value for key, value in record.items() if key not in TIMED} for record in records]
    return {name: told.end[name] for name in DECISIONS} | {"epochs": epochs}


def shown(told: Told) -> set[int]:
    return {event["step"] for event in told.all("epoch")}


def killed_often(
    preset: presets.Preset, runs: Path, draws: random.Random, *, kills: int, window: tuple[float, float] | None,
    command: tuple[str, ...] = LINEAR, **options: Any,
) -> tuple[Told, int]:  # fmt: skip
    """Starts the run and kills it, time and again; the last generation comes to its end. Gives it and the kills.

    window: seconds after the start in which the kill comes; None: after the first few epochs were told.
    """
    often = {"command": command, "checkpoint_seconds": 0.02}
    session = start(preset, runs=runs, **often, **options)
    steps: set[int] = set()
    done = 0
    while True:
        if done == kills:
            told, killed = listen(session), False
        elif window is None:
            told, killed = kill_after_epochs(session, draws.randrange(1, 20))
        else:
            told, killed = kill_at_random(session, draws, window)
        steps |= shown(told)
        assert told.run.info()["run"] == told.run.id, "run.json can be read after every kill"
        records, damaged = told.run.metrics().read({"epoch"})
        assert damaged == 0
        assert steps <= {record["s"] for record in records}, "a metric that was shown is lost"
        if not killed:
            return told, done
        done += 1
        session = resume(told.run, **often)


STOPPING = ["training.early_stopping.patience=3", "training.early_stopping.min_delta=0.003"]
CASES: dict[str, tuple[list[str], Scene]] = {
    "plain": ([], Scene(test=20)),
    "early stopping": (STOPPING, Scene(test=20)),
    "plateau": (["training.schedule={type='reduce_on_plateau', patience=1, min_delta=0.02}"], Scene()),
}


@pytest.mark.parametrize("case", ["plain", *(pytest.param(case, marks=pytest.mark.slow) for case in list(CASES)[1:])])
def test_a_run_that_is_killed_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    overrides, scene = CASES[case]
    act(monkeypatch, scene)
    preset = clouds(12, *overrides)
    whole = train(tmp_path, preset)
    act(monkeypatch, scene, step_seconds=0.008)
    draws, kills = random.Random(case), 0
    for _ in range(20):  # one that is at its end before the first kill is followed by another
        told, kills = killed_often(preset, tmp_path, draws, kills=3, window=(0.3, 1.6))
        assert outcome(told) == outcome(whole)
        if kills:
            break
    assert kills >= 1


def killed_while_training(name: str, runs: Path, *, threads: int, kills: int, draws: random.Random) -> int:
    """The preset, so long that kills find it training, ends as without them. Gives how many there were.

    A run that comes to its end before it had its share of kills is followed by another.
    """
    preset = presets.load(name)
    preset = preset.with_overrides([f"training.epochs={100 * preset.training.epochs}"])
    told = train(runs, preset.with_overrides(["training.max_seconds=2"]), command=WORKER, threads=threads)
    assert told.code in (0, 4), told.end
    preset = preset.with_overrides([f"training.max_steps={told.end['step']}"])
    began = time.monotonic()
    whole = train(runs, preset, command=WORKER, threads=threads)
    took, done = time.monotonic() - began, 0
    while done < kills:
        window = took / 5, 2 / 3 * took
        again, more = killed_often(
            preset, runs, draws, kills=kills - done, window=window, command=WORKER, threads=threads
        )
        assert outcome(again) == outcome(whole), name
        done += more
    return done


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_over_the_presets(tmp_path: Path) -> None:
    """The real engine on every preset; two at a time, of which one has two threads."""
    names = presets.names()
    share = -(-200 // len(names))

    def killed(place: int) -> int:
        return killed_while_training(
            names[place], tmp_path, threads=1 + place % 2, kills=share, draws=random.Random(place)
        )

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(killed, range(len(names)))) >= 200


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_the_real_engine_resumes_exactly(tmp_path: Path, device: str) -> None:
    """Dropout, batch statistics, Adam, a schedule, batches that do not divide the set: everything with a state."""
    text = (Path(__file__).parent / "resume.toml").read_text()
    preset = presets.load("resume.toml", text=text)
    if device == "reference":
        preset = preset.with_overrides(["training.epochs=60", "data.limit=200"])
    whole = train(tmp_path, preset, command=WORKER, device=device)
    assert whole.code == 0, whole.end
    told, kills = killed_often(preset, tmp_path, random.Random(2), kills=3, window=None, command=WORKER, device=device)
    assert kills >= 1
    assert outcome(told) == outcome(whole)
