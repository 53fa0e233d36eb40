"""Scenes for the tests of the command line: runs on the disk, events of a training, a command called as users do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from tuinet import presets
from tuinet.cli.main import cli
from tuinet.runs import RunFolder

HOSTILE = (
    "\x1b]52;c;cm0gLXJm\x07",  # writes the clipboard
    "\x1b]0;title\x07",
    "\x1b[2J\x1b[H",
    "\x1b[?1049l",
    "\x1bc",
    "\x1b[6n",
    "\x9d52;c;eA==\x9c",  # the 8-bit form
    "\x9b31m",
    "a\u202egnp.exe",
    "\U000e0041\U000e0042",
    "tab\there\r\nnew line\x7f",
    "\udcff\ud800",
)
PAYLOAD = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n"} | {"\u202e", "\U000e0041"}

PRESET = """
title = "Two spirals"
[data]
set = "spiral"
[[layers]]
type = "dense"
name = "hidden"
units = {units}
activation = "tanh"
[[layers]]
type = "dense"
name = "out"
units = "outputs"
[training]
loss = "binary_cross_entropy"
epochs = {epochs}
optimizer = {{ type = "adam", learning_rate = {rate} }}
"""


def tuinet(*words: str, stdin: str | None = None) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(cli, list(words), input=stdin)


def process(
    *words: str, home: Path, stdin: str | None = None, env: dict[str, str] | None = None, timeout: int = 60, **more: Any
) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, without a terminal."""
    around = {**os.environ, "TUINET_HOME": str(home), **(env or {})}
    return subprocess.run(
        [sys.executable, "-m", "tuinet", *words],
        input=stdin, env=around, text=True, timeout=timeout, check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )  # fmt: skip


def rows(text: str) -> list[dict[str, Any]]:
    """The JSON objects of a --json output; fails where a line is anything else."""
    return [json.loads(line) for line in text.splitlines()]


def epoch_events(count: int, *, first: int = 1, best: int | None = None) -> Iterator[dict[str, Any]]:
    """Epochs whose validation loss falls to `best` and rises after it."""
    turn = best or count
    for epoch in range(first, first + count):
        yield {
            "event": "epoch",
            "epoch": epoch,
            "step": epoch * 225,
            "seconds": epoch * 0.5,
            "train_loss": 1.0 / epoch,
            "val_loss": 0.3 + 0.01 * abs(epoch - turn),
            "train_accuracy": 1 - 0.3 / epoch,
            "val_accuracy": 1 - 0.4 / epoch,
            "penalty": 0.0,
            "learning_rate": 0.001,
            "gradient_norm": 0.5,
            "samples_per_s": 54_000.0,
        }


def start_event(epochs: int = 12, **changes: Any) -> dict[str, Any]:
    """The first event of a training."""
    return {
        "event": "start",
        "version": 1,
        "run": "fashion-mlp-3f2a",
        "folder": "/runs/fashion-mlp-3f2a",
        "name": "fashion-mlp",
        "preset": {
            "title": "Fashion, one hidden layer",
            "training": {
                "epochs": epochs,
                "batch_size": 32,
                "optimizer": {"type": "adam", "learning_rate": 0.001},
                "schedule": {"type": "constant"},
            },
        },
        "device": "cpu",
        "threads": 2,
        "seed": 1,
        "parameters": 101_770,
        "examples": {"train": 7200, "validation": 800, "test": 2000},
        "epochs": epochs,
        "steps": epochs * 225,
        "resumed": None,
        "generation": 1,
        "init": None,
        "reasons": [],
        **changes,
    }


def end_event(**changes: Any) -> dict[str, Any]:
    """The last one."""
    return {
        "event": "end",
        "run": "fashion-mlp-3f2a",
        "state": "finished",
        "reason": "epochs",
        "epoch": 12,
        "step": 2700,
        "seconds": 6.0,
        "monitor": "val_loss",
        "best_epoch": 8,
        "best": 0.3,
        "test": {"test_loss": 0.41, "test_accuracy": 0.862},
        "until": None,
        "samples_per_s": 54_120.0,
        "weights_sha256": "ab" * 32,
        "error": None,
        "exit_code": 0,
        **changes,
    }


def make_run(
    runs: Path,
    name: str = "spiral",
    *,
    units: int = 8,
    rate: float = 0.01,
    epochs: int = 12,
    best: int = 8,
    **info: Any,
) -> RunFolder:
    """A finished run with its records and a checkpoint, as a worker leaves it behind."""
    preset = presets.load(f"{name}.toml", text=PRESET.format(units=units, rate=rate, epochs=epochs))
    run = RunFolder.create(runs, name, title=preset.title, seed=1, epochs=epochs)
    run.write_preset(preset.resolved())
    lock = run.lock()
    with run.metrics().writer(1) as metrics, run.events().writer(1) as events:
        for event in epoch_events(epochs, best=best):
            fields = {key: value for key, value in event.items() if key not in ("event", "epoch", "step", "seconds")}
            metrics.append({"k": "epoch", "s": event["step"], "e": event["epoch"], "m": event["seconds"], **fields})
        events.append({"k": "alert", "s": 225, "e": 1, "code": "data", "message": "3 examples stand in both parts"})
        events.append(
            {"k": "verdict", "s": 2700, "e": epochs, "word": "good", "sentence": "It has settled.", "numbers": {}}
        )
    weights = {"hidden.W": np.ones((2, units), np.float32), "hidden.b": np.zeros(units, np.float32)}
    run.save_checkpoint(2700, weights, {"hidden.W.m": weights["hidden.W"]}, {"kind": "last", "epoch": epochs})
    said = {
        "state": "finished", "generation": 1, "device": "cpu", "threads": 2, "parameters": 3 * units, "epoch": epochs,
        "step": 2700, "seconds": 6.0, "monitor": "val_loss", "best": 0.3, "best_epoch": best, "verdict": "good",
        "final": {"train_loss": 1.0 / epochs, "val_loss": 0.34, "val_accuracy": 0.9},
    }  # fmt: skip
    run.write_info(**{**said, **info})
    lock.release()
    return run
