"""Presets as text, to be made wrong or otherwise by tests, and the names of those that are built in."""

from __future__ import annotations

import pytest

from tuinet import presets
from tuinet.errors import PresetError

WANTED = [
    "char-gpt",
    "char-gru",
    "char-lstm",
    "char-rnn",
    "names-lstm",
    "names-rnn",
    "text-classify",
    "translate-dates",
    "attention-copy",
    "spam-neuron",
    "spam-mlp",
    "xor",
    "circle",
    "gauss",
    "spiral",
    "plane",
    "hills",
    "fashion-linear",
    "fashion-mlp",
    "fashion-cnn",
    "fashion-resnet",
    "autoencoder",
    "shallow",
    "deep",
    "deep-plain",
    "digits",
    "digits-cnn",
    "letters",
    "concrete",
    "auto-mpg",
    "linear-collapse",
    "linear-collapse-relu",
    "rate-too-small",
    "rate-right",
    "rate-too-large",
    "batch-one",
    "batch-mini",
    "batch-full",
    "overfit",
    "overfit-dropout",
    "overfit-l2",
    "architecture-match",
    "sunspots-gru",
    "airline-lstm",
    "fashion-augment",
]

# What the data of the built-in presets are: the shape of an example, the task, classes, outputs.
FACTS: dict[str, tuple[tuple[int, ...], str, int, int]] = {
    "spambase": ((57,), "binary", 2, 1),
    "fashion": ((28, 28, 1), "classes", 10, 10),
    "digits": ((8, 8, 1), "classes", 10, 10),
    "letters": ((16,), "classes", 26, 26),
    "concrete": ((8,), "reals", 0, 1),
    "auto-mpg": ((9,), "reals", 0, 1),
    "sunspots": ((24, 1), "reals", 0, 1),
    "airline": ((13, 1), "reals", 0, 1),
    **dict.fromkeys(("circle", "xor", "gauss", "spiral"), ((2,), "binary", 2, 1)),
    **dict.fromkeys(("plane", "hills"), ((2,), "reals", 0, 1)),
    "python-source": ((64,), "classes", 100, 100),
    "language-reference": ((64,), "classes", 103, 103),
    "topics": ((128,), "classes", 6, 6),
    "surnames": ((20,), "classes", 20, 20),
    "dates": ((49,), "classes", 49, 49),
    "copy": ((26,), "classes", 29, 29),
}


BASE = """\
title = "Mine"                  # line 1

[data]
set = "spiral"

[[layers]]                      # line 6
type = "dense"
name = "hidden"
units = 8
activation = "tanh"

[[layers]]                      # line 12
type = "residual"
name = "block"
repeat = 3
[[layers.layers]]
type = "dense"
units = 8

[[layers]]                      # line 20
type = "dense"
units = "outputs"

[training]                      # line 24
loss = "binary_cross_entropy"
epochs = 5
optimizer = { type = "sgd", learning_rate = 0.1 }
"""


BRANCHED = """\
[data]
set = "auto-mpg"

[[layers]]                      # line 4
type = "branches"
name = "both"
join = "concatenate"

[[layers.branches]]             # line 9
name = "left"
columns = ["weight", 1]

[[layers.branches.layers]]      # line 13
type = "dense"
name = "hidden"
units = 8

[[layers.branches]]             # line 18
columns = ["origin"]

[[layers.branches]]             # line 21
name = "twin"
repeat = 2

[[layers.branches.layers]]      # line 25
type = "dense"
units = 2
trainable = false

[[layers]]                      # line 30
type = "dense"
units = "outputs"

[training]
loss = "mean_squared_error"
"""


def load(text: str) -> presets.Preset:
    return presets.load("my.toml", text=text)


def message(text: str) -> str:
    with pytest.raises(PresetError) as caught:
        load(text)
    assert caught.value.exit_code == 2
    return str(caught.value)
