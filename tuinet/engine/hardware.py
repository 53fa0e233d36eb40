"""One dense network in several widths, timed on a device: where a GPU begins to win."""

from __future__ import annotations

import gc
import time

from ..diagnostics.hardware import Timed
from .bench import dense, multiply_adds_of, trainer_for

WIDTHS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
BATCH, CLASSES, LEARNING_RATE = 256, 10, 1e-3
SECONDS, TIMES = 0.3, 3  # that a width is trained for, and in how many parts, of which the fastest counts
ENOUGH = 1 << 30  # steps


def timed(width, device, *, batch=BATCH, threads=None):
    """Two hidden layers as wide as the input, ten classes, plain gradient descent."""
    sizes = (width, width, width, CLASSES)
    task = dense(sizes, batch, "cross_entropy", "relu", "sgd", LEARNING_RATE, steps=0)
    trainer = trainer_for(task, f"width {width}", threads, device=device)
    _seconds_a_step(trainer, 0.0)  # what is compiled, loaded and captured at the first step is not timed
    best = min(_seconds_a_step(trainer, SECONDS / TIMES) for _ in range(TIMES))
    kernels = len(trainer.machine.launches) if device.startswith("cuda") else 0
    found = Timed(width, device, trainer.threads, best * 1e6, multiply_adds_of(trainer.plan), kernels)
    del trainer
    gc.collect()  # the next one may be four times as large
    return found


def _seconds_a_step(trainer, seconds):
    """Over about so many seconds, and at least one step."""
    before, begin = trainer.step, time.perf_counter()
    trainer.run(seconds, before + ENOUGH)
    passed = time.perf_counter() - begin
    trainer.drain()
    return passed / max(1, trainer.step - before)
