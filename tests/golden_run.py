"""The run of tests/golden/run: made with a clock, a host and a name that stand still, so that its bytes do too.

After a change of a form (docs/formats.md first):  python tests/golden_run.py tests/golden/run
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from tuinet import presets
from tuinet.data import Facts, Prepare, Vocabulary
from tuinet.data.scaling import Form
from tuinet.diagnostics.by_class import ByClass
from tuinet.runs import RunFolder
from tuinet.runs.data import encoded

NOON = 1790000000.125
ID = "spam-neuron-3fa2"
PRESET = Path(__file__).with_name("golden") / "preset.toml"


def made(runs: Path) -> RunFolder:
    """One neuron, two epochs, then a resume that trains the second one again."""
    stand_still = (
        patch("time.time", lambda: NOON),
        patch("socket.gethostname", lambda: "box"),
        patch("os.getpid", lambda: 4711),
        patch("secrets.token_hex", lambda size: "3fa2"),
        patch("tuinet.runs.folder.versions", lambda: {"tuinet": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"}),
    )
    for still in stand_still:
        still.start()
    try:
        return _made(runs)
    finally:
        for still in stand_still:
            still.stop()


def _made(runs: Path) -> RunFolder:
    run = RunFolder.create(runs, "spam-neuron", title="One neuron reads mail \u2014 is it spam?", seed=1, epochs=2)
    run.write_preset(presets.load(PRESET).resolved())
    with run.lock():
        run.write_data(*data())
        _train(run, generation=1, epochs=(1, 2))
        _train(run, generation=2, epochs=(2,))
        run.write_by_class(by_class(), step=230, epoch=2)
        run.probe_writer(0).take(230, shown(230))
        run.write_info(
            state="finished", epoch=2, step=230, seconds=0.5, best=0.25, best_epoch=2, verdict="good",
            final={"train_loss": 0.25, "val_loss": 0.25, "val_accuracy": 0.921875},
            weights_sha256=run.checkpoints()[0].manifest["weights_sha256"],
        )  # fmt: skip
    return run


def _train(run: RunFolder, *, generation: int, epochs: tuple[int, ...]) -> None:
    run.write_info(
        state="running", generation=generation, device="cpu", threads=2, parameters=58, monitor="val_loss",
        data={"name": "spambase", "source": "embedded", "fingerprint": "00ff"},
    )  # fmt: skip
    clock = iter(np.arange(0.0, 10.0, 0.125))
    form = {"clock": lambda: float(next(clock)), "wall": lambda: NOON}
    start = 115 * (epochs[0] - 1)
    with run.metrics().writer(generation, **form) as metrics, run.events().writer(generation, **form) as events:
        resumed = start or None
        events.append(
            {
                "k": "started",
                "s": start,
                "e": epochs[0] - 1,
                "device": "cpu",
                "gpu": None,
                "threads": 2,
                "seed": 1,
                "parameters": 58,
                "resumed": resumed,
                "versions": {"tuinet": "0.1.0"},
                "init": None,
            }
        )
        for epoch in epochs:
            step, loss = 115 * epoch, np.float32(0.5) / np.float32(epoch)
            metrics.append(
                {
                    "k": "steps",
                    "s": step,
                    "e": epoch,
                    "n": 115,
                    "loss": [loss, loss, float("inf")],
                    "gradient_norm": [0.125, 0.25, 0.5],
                    "learning_rate": 0.001,
                    "samples_per_s": 1.5e6,
                }
            )
            metrics.append(
                {
                    "k": "epoch",
                    "s": step,
                    "e": epoch,
                    "train_loss": loss,
                    "train_accuracy": 0.9,
                    "val_loss": float("nan") if epoch == 1 else loss,
                    "val_accuracy": 0.921875,
                    "penalty": 0.0,
                    "learning_rate": 0.001,
                    "gradient_norm": 0.25,
                    "samples_per_s": 1.5e6,
                }
            )
            saved = run.save_checkpoint(
                step,
                *arrays(step),
                {
                    "epoch": epoch,
                    "preset": run.preset_text(),
                    "seen": 32 * step,
                    "learning_rate": 0.001,
                    "best": {"monitor": "val_loss", "value": float(loss), "epoch": epoch, "step": step},
                },
            )
            events.append(
                {
                    "k": "checkpoint",
                    "s": step,
                    "e": epoch,
                    "kind": "last",
                    "folder": f"checkpoints/{saved.path.name}",
                    "bytes": saved.size,
                }
            )


def data() -> tuple[Facts, Prepare]:
    """A number and a category of two words; numbers that a decimal fraction does not have."""
    scaler = Prepare(
        (3,), "standard", np.array([1 / 3, 0.0, 0.0]), np.array([0.1, 1.0, 1.0]), np.array([0.5, 0.0, 1.0]),
        (Form("char_freq_$"), Form("sender", ("bekannt", "fremd \u2014 neu"))),
    )  # fmt: skip
    facts = Facts(
        name="spambase", source="embedded", inputs=(3,), task="binary", classes=2, outputs=1,
        class_names=["mail", "spam"], class_counts=[2230, 1450], columns=scaler.columns, target="is_spam",
        reason='"is_spam" is yes or no', notes=["1 missing cell is filled"], fingerprint="00ff",
    )  # fmt: skip
    return facts, scaler


def text() -> tuple[Facts, Vocabulary]:
    """A text of eight characters: what commands a terminal and what JSON has to escape stand in it too."""
    characters = '\n\x1b "ab\u2014\U0001f600'
    facts = Facts(
        name="notes.txt", source="file", inputs=(4,), task="classes", classes=8, outputs=8, tokens=8, steps=4,
        class_names=list(characters), class_counts=[1, 0, 9, 2, 5, 3, 1, 3], target="next character",
        reason="the next character is to be predicted, one of 8", fingerprint="00ff",
    )  # fmt: skip
    return facts, Vocabulary("characters", characters, 4)


def pairs() -> tuple[Facts, Vocabulary]:
    """Pairs of texts of up to four characters, two of them written; one has to be escaped, one is hostile."""
    characters = "\x1bab\u202e"
    facts = Facts(
        name="pairs.tsv", source="file", inputs=(8,), task="classes", classes=7, outputs=7, tokens=7, steps=3,
        padded=True, source_steps=5, class_names=["", "<start>", "<end>", *characters],
        class_counts=[0, 0, 9, 1, 8, 7, 1], target="translation",
        reason="a text is to be written from another, token by token, each one of 7", fingerprint="00ff",
    )  # fmt: skip
    return facts, Vocabulary("characters", characters, 3, padded=True, source=5)


def by_class() -> ByClass:
    """Two classes; one of them was never predicted."""
    return ByClass(("mail", "spam \u2014 neu"), (300, 20), (320, 0), (300, 0), ((1, 0, 20),))


def arrays(step: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Model and optimizer after a step; the slot order is neither that of the alphabet nor that of the types."""
    model = {
        "neuron.W": np.full((3, 1), step, np.float32),
        "neuron.b": np.zeros(1, np.float32),
        "count": np.array(step, np.int64),
        "batch_norm_1.mean": np.arange(2, dtype=np.float32),
    }
    return model, {"neuron.W.m": np.full((3, 1), 0.5, np.float32), "neuron.b.m": np.zeros(1, np.float32)}


def shown(step: int) -> SimpleNamespace:
    """What a probe is taken of."""
    model = arrays(step)[0]
    slots = [SimpleNamespace(name=name, shape=array.shape) for name, array in model.items()]
    return SimpleNamespace(slots=slots, value=model.__getitem__)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(target.with_name(ID), ignore_errors=True)
    made(target.parent).path.rename(target)
    for name, kept in (("text", text()), ("pairs", pairs())):
        target.with_name(name).mkdir(exist_ok=True)
        target.with_name(name).joinpath("data.json").write_bytes(encoded(*kept))
