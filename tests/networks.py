"""Small networks of every kind, with data made for them, as rows of tables for the engine's tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tuinet.data.bound import Facts
from tuinet.engine.trainer import Trainer
from tuinet.layers import LAYERS
from tuinet.losses import LOSSES
from tuinet.network import Network
from tuinet.optimizers import OPTIMIZERS

FUNCTIONS = (
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "sigmoid",
    "tanh",
    "softmax",
    "linear",
)


def layer(word: str, **settings: Any) -> Any:
    return LAYERS[word](**settings)


def dense(units: int, activation: str = "linear", **settings: Any) -> Any:
    return layer("dense", units=units, activation=activation, **settings)


def branch(*layers: Any, **settings: Any) -> Any:
    return layer("branch", layers=layers, **settings)


def stacks() -> dict[str, list[Any]]:
    """Networks for 12 inputs and 5 outputs: every layer, every activation, alone and inside a residual."""
    found: dict[str, list[Any]] = {
        f"activation {f}": [dense(9), layer("activation", function=f), dense(5)] for f in FUNCTIONS
    }
    found |= {
        "one neuron a class": [dense(5)],
        "no bias": [dense(17, "tanh", bias=False), dense(5, bias=False)],
        "odd and wide": [dense(129, "gelu"), dense(67, "tanh"), dense(5)],
        "dropout": [dense(70, "tanh"), layer("dropout", rate=0.3), dense(5)],
        "batch norm": [dense(19, bias=False), layer("batch_norm"), layer("activation", function="tanh"), dense(5)],
        "layer norm": [dense(19), layer("layer_norm"), layer("activation", function="gelu"), dense(5)],
        "residual": [
            dense(70),
            layer("residual", layers=(layer("layer_norm"), dense(70, "gelu"), layer("dropout", rate=0.1), dense(70))),
            dense(5),
        ],
        "residual in residual": [
            dense(8),
            layer("residual", layers=(dense(8, "tanh"), layer("residual", layers=(dense(8, "sigmoid"),)))),
            dense(5),
        ],
        "reshaped": [
            layer("reshape", shape=(3, 4)),
            layer("flatten"),
            dense(11, "tanh"),
            layer("reshape", shape=(11, 1)),
            layer("activation", function="sigmoid"),
            layer("flatten"),
            dense(5),
        ],
        "convolution": [
            layer("reshape", shape=(3, 4, 1)),
            layer("conv2d", filters=6, kernel=(3, 3), padding="same", activation="tanh"),
            layer("conv2d", filters=4, kernel=(2, 2), groups=2, dilation=(1, 2), padding=(1, 1), bias=False),
            layer("max_pool", stride=(1, 1)),
            layer("average_pool", padding="same"),
            layer("flatten"),
            dense(5),
        ],
        "convolution, relu and pool": [
            layer("reshape", shape=(3, 4, 1)),
            layer("conv2d", filters=6, kernel=(2, 3), padding="same", activation="relu"),
            layer("max_pool", stride=(1, 1)),
            layer("conv2d", filters=19, kernel=(3, 3), padding=(1, 1), activation="relu"),
            layer("max_pool", size=(2, 2)),
            layer("flatten"),
            dense(5),
        ],
        "convolution, relu and pools that overlap": [
            layer("reshape", shape=(3, 4, 1)),
            layer("conv2d", filters=17, kernel=(2, 2), padding="same", activation="relu"),
            layer("max_pool", size=(1, 2), stride=(1, 1)),
            layer("conv2d", filters=7, kernel=(2, 2), padding=(1, 2), dilation=(1, 2), stride=(1, 1), bias=False),
            layer("activation", function="relu"),
            layer("max_pool", size=(3, 3), stride=(2, 2), padding=(1, 1)),
            layer("flatten"),
            dense(5),
        ],
        "convolution, tanh and pool": [
            layer("reshape", shape=(3, 4, 1)),
            layer("conv2d", filters=5, kernel=(2, 2), padding="same", activation="tanh"),
            layer("conv2d", filters=4, kernel=(1, 4), padding="same", l2=0.1),
            layer("max_pool"),
            layer("flatten"),
            dense(5),
        ],
        "convolution and batch norm": [
            layer("reshape", shape=(3, 4, 1)),
            layer("conv2d", filters=6, kernel=(2, 3), padding="same", bias=False),
            layer("batch_norm"),
            layer("activation", function="relu"),
            layer("conv2d", filters=5, kernel=(2, 2)),
            layer("batch_norm", momentum=0.8),
            layer("global_average_pool"),
            dense(5),
        ],
        "depthwise": [
            layer("reshape", shape=(2, 3, 2)),
            layer("conv2d", filters=2, kernel=(2, 2), groups=2, padding="same", l2=0.1),
            layer("conv2d", filters=37, kernel=(1, 1), activation="gelu"),
            layer("global_average_pool"),
            dense(5),
        ],
        "convolution dealt out by columns": [
            layer("reshape", shape=(6, 2)),
            layer("conv1d", filters=24, kernel=1),
            layer("conv1d", filters=72, kernel=2),
            layer("global_average_pool"),
            dense(5),
        ],
        "transposed convolution": [
            layer("reshape", shape=(2, 3, 2)),
            layer("conv2d_transpose", filters=3, kernel=(3, 2), stride=(2, 1), padding="same", activation="tanh"),
            layer("conv2d_transpose", filters=4, kernel=(2, 3), stride=(1, 2), padding=(0, 1), l2=0.1),
            layer("conv2d_transpose", filters=2, kernel=(2, 2), bias=False),
            layer("global_average_pool"),
            dense(5),
        ],
        "upsampled": [
            layer("reshape", shape=(2, 3, 2)),
            layer("upsample", factor=(3, 2)),
            layer("conv2d", filters=8, kernel=(3, 3), activation="tanh"),
            layer("group_norm", groups=4),
            layer("spatial_dropout", rate=0.3),
            layer("global_average_pool"),
            dense(5),
        ],
        "branches added": [
            layer("reshape", shape=(2, 3, 2)),
            layer(
                "branches",
                branches=(
                    branch(
                        layer("conv2d", filters=6, kernel=(2, 2), padding="same", activation="tanh"),
                        layer("conv2d", filters=6, kernel=(3, 3), padding="same", bias=False),
                        layer("batch_norm"),
                    ),
                    branch(layer("conv2d", filters=6, kernel=(1, 1))),
                ),
            ),
            layer("branches", branches=(branch(), branch(), branch(layer("activation", function="tanh")))),
            layer("global_average_pool"),
            dense(5),
        ],
        "branches side by side": [
            layer(
                "branches",
                join="concatenate",
                branches=(
                    branch(dense(7, "tanh"), layer("dropout", rate=0.2), columns=("1-5",)),
                    branch(dense(70, "gelu", l2=0.1), columns=("12", "3", "7-9")),
                    branch(),
                    branch(layer("residual", layers=(dense(12, "tanh"),)), trainable=False),
                ),
            ),
            layer("branch", layers=(dense(8, "tanh"),)),
            layer("branch", columns=("8", "1")),
            layer("reshape", shape=(2, 1)),
            layer(
                "branches",
                join="concatenate",
                branches=(branch(layer("conv1d", filters=3, kernel=1)), branch(layer("activation", function="tanh"))),
            ),
            layer("flatten"),
            dense(5),
        ],
        "sequence upsampled": [
            layer("reshape", shape=(6, 2)),
            layer("conv1d", filters=6, kernel=2),
            layer("group_norm", groups=2),
            layer("upsample", factor=(1, 3)),
            layer("spatial_dropout", rate=0.2),
            layer("conv1d", filters=4, kernel=4, stride=2, activation="tanh"),
            layer("global_max_pool"),
            dense(5),
        ],
        "sequence": [
            layer("reshape", shape=(6, 2)),
            layer("conv1d", filters=8, kernel=3, groups=2, stride=2, padding=1, activation="tanh"),
            layer("max_pool", size=(1, 2), padding=(0, 1)),
            layer("global_max_pool"),
            dense(5),
        ],
        **recurrent(),
        "by position": [
            layer("reshape", shape=(4, 3)),
            dense(6, "softmax"),
            layer("layer_norm", bias=False),
            layer("dropout", rate=0.2),
            layer("rms_norm"),
            layer("flatten"),
            dense(5),
        ],
        "attention": [
            layer("reshape", shape=(3, 4)),
            dense(12),
            layer("positions"),
            layer("attention", heads=3),
            layer("attention", heads=2, causal=True, rotary=True, bias=False),
            layer("flatten"),
            dense(5),
        ],
        "transformer": [
            layer("reshape", shape=(6, 2)),
            dense(8),
            layer("positions", kind="sinusoidal"),
            layer("transformer_block", heads=2, causal=True, dropout=0.1),
            layer("transformer_block", heads=1, activation="swiglu", norm="rms_norm", place="post", rotary=True),
            layer("global_average_pool"),
            dense(5),
        ],
        "penalties": [dense(9, "tanh", l1=0.01, l2=0.02), dense(5, l2=0.1)],
        "frozen": [dense(9, "tanh", trainable=False), dense(6, "tanh"), dense(5)],
    }
    return found


def recurrent() -> dict[str, list[Any]]:
    """Sequences of 6 steps of 2 numbers, or 3 of 4: every cell, in both directions, on top of each other."""
    long, short = layer("reshape", shape=(6, 2)), layer("reshape", shape=(3, 4))
    flat, out = layer("flatten"), dense(5)
    return {
        "rnn": [long, layer("rnn", units=7), flat, out],
        "rnn relu": [short, layer("rnn", units=33, activation="relu", sequence=False, l2=0.1), out],
        "rnn backwards": [short, layer("rnn", units=4, bidirectional=True, depth=2), flat, out],
        "rnn of one step": [layer("reshape", shape=(1, 12)), layer("rnn", units=6, sequence=False), out],
        "lstm": [short, layer("lstm", units=37), flat, out],
        "lstm last": [long, layer("lstm", units=9, sequence=False, bias=False), out],
        "lstm in both directions": [short, layer("lstm", units=3, bidirectional=True, sequence=False), out],
        "lstm on lstm": [short, layer("lstm", units=6, depth=2, dropout=0.2), flat, out],
        "lstm on frozen": [short, layer("gru", units=6, trainable=False), layer("lstm", units=3), flat, out],
        "gru": [short, layer("gru", units=37), flat, out],
        "gru last": [long, layer("gru", units=9, sequence=False, bias=False), out],
        "gru in both directions": [short, layer("gru", units=3, bidirectional=True, sequence=False), out],
    }


def token_stacks() -> dict[str, list[Any]]:
    """Networks from 21 tokens a row, of 7 kinds, to an answer at each."""
    return {
        "bigrams": [layer("embedding", units=6), dense(7)],
        "tied": [layer("embedding", units=6), dense(6, "tanh"), layer("unembedding")],
        "tied without offsets": [
            layer("embedding", units=6, name="letters"),
            layer("positions"),
            layer("unembedding", embedding="letters", bias=False),
        ],
        "recurrent": [
            layer("embedding", units=5),
            layer("gru", units=3),
            layer("lstm", units=3),
            layer("rnn", units=5),
            dense(7),
        ],
        "a small transformer": [
            layer("embedding", units=12),
            layer("positions", length=30),
            layer("transformer_block", heads=3, causal=True),
            layer("attention", heads=2),
            layer("rms_norm"),
            layer("unembedding", bias=False),
        ],
    }


def pair_stacks() -> dict[str, list[Any]]:
    """Networks of two halves, for a source of 9 tokens and a target of 12, of 7 kinds."""
    encoder = [layer("embedding", units=6), layer("positions"), layer("transformer_block", heads=2)]
    decoder = [layer("embedding", units=6), layer("positions", kind="sinusoidal")]
    cross = [layer("attention", heads=1, cross=True), layer("rms_norm"), layer("unembedding")]
    return {
        "cross attention": [layer("encoder", layers=encoder[:2]), layer("decoder", layers=decoder + cross)],
        "decoder blocks": [
            layer("encoder", layers=encoder),
            layer(
                "decoder",
                layers=[
                    *decoder,
                    layer("decoder_block", heads=3),
                    layer("decoder_block", heads=1, place="post", rotary=True, activation="swiglu", dropout=0.1),
                    layer("unembedding", bias=False),
                ],
            ),
        ],
    }


def make_tokens(
    layers: list[Any], *, padded: bool = False, steps: int = 21, source: int = 0, seed: int = 3, **settings: Any
) -> Trainer:
    """A trainer on rows of tokens, the target of each the next; padded: some rows end early, in 0, without targets."""
    rng, examples = np.random.default_rng(5), 50
    rows = rng.integers(1, 7, (examples, steps + 1)).astype(np.int32)
    inputs, targets = rows[:, :-1].copy(), rows[:, 1:].copy()
    if padded:
        ends = rng.integers(1, steps + 1, examples)[:, None]
        inputs[np.arange(steps) >= ends], targets[np.arange(steps) >= ends] = 0, -1
    facts = Facts(
        name="made", source="generated", task="classes", inputs=(steps,), outputs=7, classes=7,
        tokens=7, steps=steps - source, padded=padded, source_steps=source,
    )  # fmt: skip
    settings = {"batch_size": 13, "device": "cpu", "threads": 1, "epochs": 1000} | settings
    return Trainer(
        Network(tuple(layers)).bound(facts),
        LOSSES["cross_entropy"](),
        OPTIMIZERS["adam"](learning_rate=0.01),
        SimpleNamespace(train=SimpleNamespace(inputs=inputs, targets=targets[:, source:].copy()), facts=facts),
        seed=seed,
        **settings,
    )


def make(
    layers: list[Any],
    loss: Any = None,
    optimizer: Any = None,
    *,
    inputs: int | tuple[int, ...] = 12,
    outputs: int = 5,
    examples: int = 90,
    batch_size: int | str = 24,
    device: str = "cpu",
    threads: int | None = 1,
    seed: int = 3,
    epochs: int = 1000,
    **settings: Any,
) -> Trainer:
    """A trainer on made data: 90 examples, of which some epochs end inside a batch."""
    loss = loss or LOSSES["cross_entropy"]()
    rng = np.random.default_rng(11)
    shape = (inputs,) if isinstance(inputs, int) else inputs
    x = rng.standard_normal((examples, *shape)).astype(np.float32)
    targets: np.ndarray
    if loss.targets == "classes":
        targets, task = rng.integers(0, outputs, examples).astype(np.int32), "classes"
    elif loss.targets == "binary":
        targets, task = rng.integers(0, 2, (examples, outputs)).astype(np.float32), "binary"
    else:
        targets, task = rng.standard_normal((examples, outputs)).astype(np.float32), "reals"
    facts = Facts(
        name="made",
        source="generated",
        task=task,
        inputs=shape,
        outputs=outputs,
        classes=outputs if task == "classes" else 0,
        class_counts=np.bincount(targets, minlength=outputs).tolist() if task == "classes" else [],
    )
    bound = SimpleNamespace(train=SimpleNamespace(inputs=x, targets=targets), facts=facts)
    return Trainer(
        Network(tuple(layers)),
        loss,
        optimizer or OPTIMIZERS["adam"](learning_rate=0.01),
        bound,
        batch_size=batch_size,
        device=device,
        threads=threads,
        seed=seed,
        epochs=epochs,
        **settings,
    )


def losses() -> dict[str, tuple[Any, int]]:
    """Every loss with every setting that changes its arithmetic, and the outputs it is tried with."""
    return {
        "cross_entropy": (LOSSES["cross_entropy"](), 5),
        "cross_entropy smoothed and weighted": (
            LOSSES["cross_entropy"](label_smoothing=0.1, class_weights=(1.0, 2.0, 0.5, 1.0, 3.0)),
            5,
        ),
        "binary_cross_entropy": (LOSSES["binary_cross_entropy"](), 1),
        "binary_cross_entropy weighted": (LOSSES["binary_cross_entropy"](class_weights=(1.0, 3.0)), 1),
        "mean_squared_error": (LOSSES["mean_squared_error"](), 3),
        "mean_absolute_error": (LOSSES["mean_absolute_error"](), 3),
        "huber": (LOSSES["huber"](delta=0.7), 3),
    }


def optimizers() -> dict[str, Any]:
    """Every optimizer with every setting that changes its arithmetic."""
    return {
        "sgd": OPTIMIZERS["sgd"](learning_rate=0.1),
        "momentum": OPTIMIZERS["sgd"](learning_rate=0.1, momentum=0.9),
        "nesterov": OPTIMIZERS["sgd"](learning_rate=0.1, momentum=0.9, nesterov=True),
        "rmsprop": OPTIMIZERS["rmsprop"](learning_rate=0.01),
        "rmsprop with momentum": OPTIMIZERS["rmsprop"](learning_rate=0.01, momentum=0.5),
        "adagrad": OPTIMIZERS["adagrad"](learning_rate=0.1),
        "adam": OPTIMIZERS["adam"](learning_rate=0.01),
        "adamw": OPTIMIZERS["adamw"](learning_rate=0.01, weight_decay=0.1),
    }
