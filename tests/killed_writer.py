"""The processes that tests/test_reliability_*.py kill: a nursery that forks a fresh writer on demand.

The nursery loads NumPy once; each writer is a fork of it, since starting Python two hundred times is what would take
the time. Line in: MODE FOLDER. Line out: the writer's number. Everything that a writer says it has done goes to the
nursery's standard error, one line each, by one write: "r STEP" for a record, "c STEP" for a checkpoint.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tuinet.runs import RunFolder

SIZE = 20_000  # numbers in the arrays, so that a save takes long enough to be hit


def say(text: str) -> None:
    os.write(2, text.encode() + b"\n")


def weights(step: int) -> dict[str, np.ndarray]:
    return {"W": np.full(SIZE, step, np.float32), "b": np.arange(5, dtype=np.float32) * step}


def ours(folder: Path) -> None:
    """Writes as a worker does: records, and a checkpoint now and then. Goes on where the last one was killed."""
    run = RunFolder(folder)
    with run.lock():
        generation = run.info()["generation"] + 1
        run.write_info(state="running", generation=generation)
        newest = run.load_newest(warn=lambda text: say(f"w {text}"))
        step = newest.step if newest else 0
        say("go")
        with run.metrics().writer(generation) as metrics:
            while True:
                step += 1
                metrics.append({"k": "steps", "s": step, "e": step / 100, "n": 1, "loss": [1 / step] * 3})
                say(f"r {step}")
                if step % 5 == 0:
                    run.save_checkpoint(step, weights(step), {"m": weights(step)["W"]}, {"epoch": step / 100})
                    say(f"c {step}")


def naive(folder: Path) -> None:
    """What most programs do: a buffered log, and np.savez over the last checkpoint."""
    say("go")
    step = 0
    with open(folder / "metrics.jsonl", "a") as log:
        while True:
            step += 1
            log.write(json.dumps({"s": step, "loss": 1 / step}) + "\n")
            say(f"r {step}")
            if step % 5 == 0:
                np.savez(folder / "checkpoint.npz", **weights(step))
                say(f"c {step}")


def holder(folder: Path) -> None:
    with RunFolder(folder).lock():
        say("go")
        time.sleep(60)


def forking_holder(folder: Path) -> None:
    """Against the rule: a child that is forked while the lock is held keeps it after its parent was killed."""
    with RunFolder(folder).lock():
        child = os.fork()
        if child:
            say(f"go {child}")
        time.sleep(60)


def naive_holder(folder: Path) -> None:
    """A lock that is a file with a number in it."""
    (folder / "lock.pid").write_text(str(os.getpid()))
    say("go")
    time.sleep(60)


def starter(folder: Path) -> None:
    """Waits for the moment that all starters wait for, then takes the lock and keeps it."""
    from tuinet.errors import RunLocked

    while not (folder / "now").exists():
        time.sleep(0.001)
    try:
        with RunFolder(folder).lock():
            say("won")
            time.sleep(60)
    except RunLocked as error:
        say(f"lost {error}")


def naive_starter(folder: Path) -> None:
    """Looks whether the run is free and then says that it is its own."""
    while not (folder / "now").exists():
        time.sleep(0.001)
    if not (folder / "lock.pid").exists():
        time.sleep(0.001)  # any work between looking and writing
        (folder / "lock.pid").write_text(str(os.getpid()))
        say("won")
        time.sleep(60)
    else:
        say("lost")


MODES: dict[str, Callable[[Path], None]] = {
    act.__name__: act for act in (ours, naive, holder, forking_holder, naive_holder, starter, naive_starter)
}


def main() -> None:
    for line in io.TextIOWrapper(sys.stdin.buffer, write_through=True):
        mode, folder = line.rstrip("\n").split(" ", 1)
        child = os.fork()
        if child == 0:
            try:
                MODES[mode](Path(folder))
            except BaseException as error:
                say(f"x {type(error).__name__}: {error}")
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # killed writers need no reaping
    main()
