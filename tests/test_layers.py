"""Layers: settings, names, shapes and refusals. Gradients and devices are tested with the engine."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError, ShapeError
from tuinet.fields import Field, build_part, describe, part_table
from tuinet.layers import (
    FUNCTIONS,
    INITIALIZERS,
    LAYERS,
    Activation,
    Branch,
    Branches,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    Residual,
)
from tuinet.layers.initializers import Orthogonal
from tuinet.losses import LOSSES, CrossEntropy
from tuinet.network import Network
from tuinet.optimizers import OPTIMIZERS, SCHEDULES, SGD

LAYER = Field("part", family=lambda: LAYERS)
FAMILIES: dict[str, dict[str, Any]] = {
    "layers": LAYERS,
    "initializers": INITIALIZERS,
    "losses": LOSSES,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}
MEMBERS = [(family, word) for family, members in FAMILIES.items() for word in members]


@dataclass
class Facts:
    task: str = "classes"
    columns: tuple[str, ...] = ()
    classes: int = 3
    outputs: int = 3
    class_counts: tuple[int, ...] | None = None
    tokens: int = 0
    steps: int = 0


def made(table: Any) -> Any:
    return build_part(LAYER, table, "layers.it")


EXAMPLES: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = [
    ({"type": "dense", "units": 3}, (5,), (3,)),
    ({"type": "dense", "units": 1, "bias": False, "activation": "relu"}, (7,), (1,)),
    ({"type": "dense", "units": 4, "activation": "softmax"}, (7,), (4,)),
    ("flatten", (2, 3, 4), (24,)),
    ("flatten", (5,), (5,)),
    ({"type": "reshape", "shape": [2, 6]}, (3, 4), (2, 6)),
    ({"type": "reshape", "shape": [-1, 2]}, (3, 4), (6, 2)),
    ("activation", (3, 4), (3, 4)),
    *[({"type": "activation", "function": function}, (6,), (6,)) for function in FUNCTIONS],
    ("dropout", (3, 4), (3, 4)),
    ("dropout", (3,), (3,)),
    ({"type": "conv2d", "filters": 3}, (6, 5, 2), (4, 3, 3)),
    (
        {"type": "conv2d", "filters": 4, "kernel": [3, 2], "stride": 2, "padding": "same", "groups": 2},
        (5, 6, 2),
        (3, 3, 4),
    ),
    ({"type": "conv2d", "filters": 2, "kernel": 3, "padding": 1, "dilation": 2, "bias": False}, (7, 5, 1), (5, 3, 2)),
    ({"type": "conv1d", "filters": 3, "kernel": 4, "stride": 3}, (10, 2), (3, 3)),
    ({"type": "conv1d", "filters": 3, "kernel": 4, "padding": 2, "activation": "relu"}, (10, 2), (11, 3)),
    ("max_pool", (5, 6, 2), (2, 3, 2)),
    ({"type": "max_pool", "size": 3, "stride": 1, "padding": "same"}, (5, 6, 2), (5, 6, 2)),
    ({"type": "average_pool", "size": [2, 3], "padding": 1}, (5, 6, 2), (3, 2, 2)),
    ({"type": "average_pool", "size": 2}, (7, 3), (3, 3)),
    ("global_max_pool", (5, 6, 2), (2,)),
    ("global_average_pool", (7, 3), (3,)),
    ("layer_norm", (6,), (6,)),
    ("batch_norm", (6,), (6,)),
    ("batch_norm", (7, 3), (7, 3)),
    ("batch_norm", (5, 4, 3), (5, 4, 3)),
    ({"type": "rnn", "units": 3, "activation": "relu"}, (5, 2), (5, 3)),
    ({"type": "rnn", "units": 3, "sequence": False, "bidirectional": True}, (5, 2), (6,)),
    ({"type": "lstm", "units": 4, "depth": 2, "dropout": 0.2, "bidirectional": True}, (5, 2), (5, 8)),
    ({"type": "lstm", "units": 4, "truncate": 2, "bias": False}, (5, 2), (5, 4)),
    ({"type": "gru", "units": 1, "sequence": False}, (1, 1), (1,)),
    ({"type": "gru", "units": 3, "depth": 2, "sequence": False, "bias": False}, (5, 2), (3,)),
    ({"type": "dense", "units": 3, "activation": "softmax"}, (7, 5), (7, 3)),
    ("layer_norm", (7, 6), (7, 6)),
    ({"type": "layer_norm", "bias": False}, (6,), (6,)),
    ("rms_norm", (6,), (6,)),
    ("rms_norm", (7, 6), (7, 6)),
    ({"type": "embedding", "units": 6, "tokens": 9}, (7,), (7, 6)),
    ("positions", (7, 6), (7, 6)),
    ({"type": "positions", "kind": "sinusoidal"}, (7, 5), (7, 5)),
    ({"type": "positions", "length": 9}, (7, 6), (7, 6)),
    ({"type": "attention", "heads": 3}, (7, 6), (7, 6)),
    ({"type": "attention", "heads": 1, "causal": True, "rotary": True, "bias": False}, (7, 6), (7, 6)),
    ({"type": "transformer_block", "heads": 2}, (7, 6), (7, 6)),
    (
        {
            "type": "transformer_block",
            "heads": 1,
            "activation": "swiglu",
            "norm": "rms_norm",
            "place": "post",
            "dropout": 0.1,
            "bias": False,
        },
        (7, 6),
        (7, 6),
    ),
    ({"type": "residual", "layers": ["layer_norm", {"type": "dense", "units": 6}]}, (6,), (6,)),
    ({"type": "conv2d_transpose", "filters": 3}, (4, 3, 2), (6, 5, 3)),
    ({"type": "conv2d_transpose", "filters": 3, "kernel": [2, 5], "stride": [3, 2]}, (4, 3, 2), (11, 9, 3)),
    ({"type": "conv2d_transpose", "filters": 3, "kernel": 4, "stride": 2, "padding": 1}, (4, 3, 2), (8, 6, 3)),
    ({"type": "conv2d_transpose", "filters": 3, "stride": 2, "padding": "same", "bias": False}, (4, 3, 2), (8, 6, 3)),
    ({"type": "conv2d_transpose", "filters": 1, "kernel": 1, "stride": 3, "padding": "same"}, (2, 3, 2), (6, 9, 1)),
    ("upsample", (3, 4, 2), (6, 8, 2)),
    ({"type": "upsample", "factor": [1, 3]}, (3, 4, 2), (3, 12, 2)),
    ({"type": "upsample", "factor": [5, 3]}, (4, 2), (12, 2)),
    ("spatial_dropout", (3, 4, 2), (3, 4, 2)),
    ("spatial_dropout", (3, 4), (3, 4)),
    ("group_norm", (3, 4, 16), (3, 4, 16)),
    ({"type": "group_norm", "groups": 3}, (5, 6), (5, 6)),
    ("branch", (3, 4), (3, 4)),
    ({"type": "branch", "columns": [2, "4-5"]}, (6,), (3,)),
    ({"type": "branch", "columns": ["2-3"], "layers": ["flatten"]}, (4, 3), (8,)),
    ({"type": "branches", "branches": [{}]}, (6,), (6,)),
    ({"type": "branches", "branches": [{}, {"layers": [{"type": "dense", "units": 6}]}, {}]}, (6,), (6,)),
    (
        {
            "type": "branches",
            "join": "concatenate",
            "branches": [{}, {"name": "side", "layers": [{"type": "conv2d", "filters": 3, "padding": "same"}]}],
        },
        (5, 4, 2),
        (5, 4, 5),
    ),
    (
        {"type": "branches", "join": "concatenate", "branches": [{"columns": ["1-4"]}, {"columns": [6, 1]}, {}]},
        (6,),
        (12,),
    ),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("table", "inputs", "outputs"), EXAMPLES)
def test_a_layer_gives_the_shape_it_says(
    table: Any, inputs: tuple[int, ...], outputs: tuple[int, ...], training: bool
) -> None:
    recorder = ShapeRecorder(training=training)
    layer = made(table)
    y = Network((layer,)).forward(recorder, Shaped("x", (4, *inputs), whole=bool(layer.takes_tokens)))
    assert y.shape == (4, *outputs)
    assert recorder.marks[-1] == (Network((made(table),)).layers[0].path, (4, *inputs), (4, *outputs))


@pytest.mark.parametrize(("table", "inputs", "outputs"), EXAMPLES)
def test_a_layer_written_out_builds_an_equal_layer(
    table: Any, inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    layer = made(table)
    assert made(part_table(layer, LAYERS)) == layer


MISFITS: list[tuple[Any, tuple[int, ...], str]] = [
    ({"type": "dense", "units": 3}, (28, 28, 1), "or a sequence (T, I), but (28, 28, 1) comes in; put a flatten"),
    ({"type": "embedding", "units": 6, "tokens": 9}, (7,), "is for tokens, but numbers (7) come in"),
    ("positions", (7,), "positions wants a sequence (T, D), but (7) comes in; put an embedding"),
    ({"type": "positions", "length": 5}, (7, 6), "a sequence of 7 comes in, but there are 5 positions; let length be"),
    ("attention", (7,), "attention wants a sequence (T, D), but (7) comes in"),
    ({"type": "attention", "heads": 4}, (7, 6), "vectors of 6 numbers cannot be parted into 4 heads; choose"),
    ({"type": "attention", "heads": 2, "rotary": True}, (7, 6), "2 heads of an even size, which rotary needs"),
    ({"type": "transformer_block", "heads": 4}, (7, 6), "vectors of 6 numbers cannot be parted into 4 heads; choose"),
    ("unembedding", (7, 6), 'there is no embedding called "embedding_1" before it'),
    ({"type": "conv2d", "filters": 3}, (784,), "conv2d wants an image (height, width, channels), but (784) comes in"),
    ({"type": "conv2d", "filters": 3, "kernel": 5}, (4, 9, 1), "over 5 values does not fit into 4 (height)"),
    (
        {"type": "conv2d", "filters": 3, "groups": 2},
        (4, 4, 2),
        "2 channels and 3 filters cannot be parted into 2 groups",
    ),
    ({"type": "conv1d", "filters": 3}, (4, 4, 2), "conv1d wants a sequence (length, channels)"),
    ("max_pool", (8,), "pooling wants an image"),
    ({"type": "max_pool", "size": 9, "padding": 1}, (4, 4, 1), "does not fit into 6 (height with its padding)"),
    ({"type": "max_pool", "padding": 2}, (4, 4, 1), "lets whole windows of [2, 2] lie outside"),
    ({"type": "rnn", "units": 3}, (8,), "rnn wants a sequence (T, D), but (8) comes in; put an embedding or a reshape"),
    ({"type": "lstm", "units": 3}, (4, 4, 2), "lstm wants a sequence (T, D), but (4, 4, 2) comes in"),
    ({"type": "gru", "units": 3, "depth": 2}, (8,), "gru wants a sequence (T, D)"),
    ("layer_norm", (2, 2, 3), "layer_norm wants a flat input"),
    ({"type": "activation", "function": "softmax"}, (2, 2, 3), "softmax wants a flat input"),
    ({"type": "reshape", "shape": [5, 5]}, (24,), "choose axes whose product is 24"),
    ({"type": "reshape", "shape": [-1, 5]}, (24,), "do not fill [-1, 5]"),
    (
        {"type": "residual", "layers": [{"type": "dense", "units": 5}]},
        (6,),
        "give (5), which cannot be added to the (6)",
    ),
    ({"type": "dense", "units": "classes"}, (6,), "known only once data is bound"),
    ({"type": "conv2d_transpose", "filters": 3}, (784,), "conv2d_transpose wants an image"),
    (
        {"type": "conv2d_transpose", "filters": 3, "kernel": [3, 2], "padding": [0, 4]},
        (9, 2, 1),
        "padding 4 on both sides cuts off all of the 3 values of the result (width)",
    ),
    ("upsample", (8,), "upsample wants an image (height, width, channels) or a sequence (length, channels)"),
    ("spatial_dropout", (8,), "spatial_dropout wants an image"),
    ("group_norm", (8,), "group_norm wants an image"),
    ({"type": "group_norm", "groups": 4}, (3, 3, 6), "6 channels cannot be parted into 4 groups"),
    ({"type": "branch", "columns": ["2-7"]}, (6,), "there is no column 2-7; 6 come in"),
    ({"type": "branch", "columns": [0]}, (6,), "there is no column 0; 6 come in"),
    ({"type": "branch", "columns": ["3-2"]}, (6,), "there is no column 3-2"),
    ({"type": "branch", "columns": [1, "1-3"]}, (6,), "column 1 is named twice"),
    ({"type": "branch", "columns": ["age"]}, (6,), '"age" is known only once data is bound'),
    (
        {
            "type": "branches",
            "branches": [{"name": "way"}, {"name": "main", "layers": [{"type": "dense", "units": 5}]}],
        },
        (6,),
        "way gives (6) and main gives (5); to add them, they must be of one shape",
    ),
    (
        {"type": "branches", "join": "concatenate", "branches": [{"name": "a"}, {"name": "b", "layers": ["upsample"]}]},
        (4, 3, 2),
        "a gives (4, 3, 2) and b gives (8, 6, 2); to concatenate them, they must agree in all axes but the last",
    ),
]


@pytest.mark.parametrize(("table", "inputs", "words"), MISFITS)
def test_a_layer_that_does_not_fit_says_why_and_what_would(table: Any, inputs: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Network((made(table),)).forward(ShapeRecorder(), Shaped("x", (4, *inputs)))
    assert words in caught.value.message
    assert caught.value.key == f"layers.{Network((made(table),)).layers[0].path}"


REFUSED: list[tuple[Any, str, str]] = [
    ({"type": "dense"}, "layers.it.units", "is missing"),
    (
        {"type": "dense", "units": 2, "activation": "rellu"},
        "layers.it.activation",
        'not an activation; did you mean "relu"?',
    ),
    ({"type": "dense", "units": 0}, "layers.it.units", "between 1 and 1000000"),
    ({"type": "dense", "units": 2, "l2": -1}, "layers.it.l2", "at least 0"),
    ({"type": "dense", "units": 2, "name": "a.b"}, "layers.it.name", "a letter first"),
    ({"type": "dense", "units": 2, "initializer": "he"}, "layers.it.initializer", "Known: constant, glorot_normal"),
    (
        {"type": "dense", "units": 2, "initializer": {"type": "uniform", "low": 1}},
        "layers.it.initializer.low",
        "above high",
    ),
    ({"type": "dropout", "rate": 1.0}, "layers.it.rate", "between 0 and 0.999999"),
    ({"type": "reshape", "shape": []}, "layers.it.shape", "0 axes"),
    ({"type": "reshape", "shape": [-1, -1]}, "layers.it.shape", "more than one -1"),
    ({"type": "reshape", "shape": [0]}, "layers.it.shape", "has a 0"),
    ({"type": "conv2d", "filters": 0}, "layers.it.filters", "between 1 and 65536"),
    ({"type": "conv2d", "filters": 3, "kernel": [3, 3, 3]}, "layers.it.kernel", "two of them for down and across"),
    ({"type": "conv2d", "filters": 3, "kernel": 0}, "layers.it.kernel", "between 1 and 1000"),
    ({"type": "conv2d", "filters": 3, "padding": "sam"}, "layers.it.padding", 'did you mean "same"?'),
    ({"type": "lstm"}, "layers.it.units", "is missing"),
    ({"type": "rnn", "units": 3, "activation": "sigmoid"}, "layers.it.activation", "Known: tanh, relu"),
    ({"type": "lstm", "units": 3, "activation": "relu"}, "layers.it.activation", "is not a setting"),
    ({"type": "gru", "units": 3, "depth": 0}, "layers.it.depth", "between 1 and 64"),
    ({"type": "gru", "units": 3, "truncate": -1}, "layers.it.truncate", "between 0 and 1000000"),
    ({"type": "gru", "units": 3, "recurrent_initializer": "ortho"}, "layers.it.recurrent_initializer", "orthogonal"),
    ({"type": "residual"}, "layers.it.layers", "at least one layer inside"),
    ({"type": "branches"}, "layers.it.branches", "at least one branch inside"),
    ({"type": "branches", "branches": []}, "layers.it.branches", "at least one branch inside"),
    ({"type": "branches", "branches": ["dense"]}, "layers.it.branches[0]", '"dense" is not a branch'),
    ({"type": "branches", "branches": [3]}, "layers.it.branches[0]", "3 will not do here"),
    ({"type": "branches", "join": "sum", "branches": [{}]}, "layers.it.join", "not a way to join"),
    ({"type": "branch", "columns": [1.5]}, "layers.it.columns[0]", "will not do here"),
    ({"type": "branch", "layers": [{"units": 3}]}, "layers.it.layers[0]", "type is missing"),
    ({"type": "group_norm", "groups": 0}, "layers.it.groups", "between 1 and 65536"),
    ({"type": "upsample", "factor": 0}, "layers.it.factor", "between 1 and 1000"),
    ({"type": "batch_norm", "momentum": 1}, "layers.it.momentum", "below 1"),
    ("dens", "layers.it", 'did you mean "dense"?'),
]


@pytest.mark.parametrize(("table", "key", "words"), REFUSED)
def test_a_wrong_setting_is_refused_by_its_key(table: Any, key: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        made(table)
    assert (caught.value.key, words in caught.value.message) == (key, True), str(caught.value)


def test_dense_records_a_product_an_offset_and_its_function() -> None:
    recorder = ShapeRecorder()
    Network(
        (made({"type": "dense", "name": "hidden", "units": 3, "activation": "elu", "l1": 0.1, "l2": 0.2}),)
    ).forward(recorder, Shaped("x", (4, 5)))
    assert recorder.calls == [("dense", {}), ("elu", {"alpha": 1.0})]
    W, b = recorder.parameters["hidden.W"], recorder.parameters["hidden.b"]
    assert (W["shape"], W["l1"], W["l2"], W["trainable"]) == ((5, 3), 0.1, 0.2, True)
    assert (b["shape"], b["start"], b.get("l2", 0.0)) == ((3,), 0.0, 0.0)


def test_dropout_is_nothing_in_prediction_and_at_rate_0() -> None:
    for layer, training in ((Dropout(), False), (Dropout(rate=0.0), True)):
        recorder, x = ShapeRecorder(training=training), Shaped("x", (4, 5))
        assert layer.forward(recorder, x) is x and not recorder.calls
    recorder = ShapeRecorder()
    Dropout(rate=0.3).forward(recorder, Shaped("x", (4, 5)))
    assert [name for name, _ in recorder.calls] == ["dropout_rows"]


def test_batch_norm_learns_its_statistics_only_while_it_is_trainable() -> None:
    for training, trainable, ops in (
        (True, True, ["batch_norm", "track", "track"]),
        (False, True, ["batch_norm_fixed"]),
        (True, False, ["batch_norm_fixed"]),
    ):
        recorder = ShapeRecorder(training=training)
        made({"type": "batch_norm", "trainable": trainable}).forward(recorder, Shaped("x", (4, 5)))
        assert [name for name, _ in recorder.calls] == ops
        assert recorder.statistics == {"mean": (5,), "variance": (5,)}


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_of_an_image_has_one_gain_and_one_mean_for_each_channel(training: bool) -> None:
    recorder = ShapeRecorder(training=training)
    made("batch_norm").forward(recorder, Shaped("x", (4, 6, 5, 3)))
    assert {name: parameter["shape"] for name, parameter in recorder.parameters.items()} == {"g": (3,), "b": (3,)}
    assert recorder.statistics == {"mean": (3,), "variance": (3,)}


def test_the_weights_of_a_recurrent_layer_are_named_by_what_they_read() -> None:
    recorder = ShapeRecorder()
    layer = made({"type": "lstm", "name": "memory", "units": 3, "depth": 2, "bidirectional": True, "forget_bias": 2})
    Network((layer, made({"type": "gru", "units": 2}))).forward(recorder, Shaped("x", (4, 5, 7)))
    shapes = {name: parameter["shape"] for name, parameter in recorder.parameters.items()}
    ways = [f"memory.level_{level}.{way}" for level in (1, 2) for way in ("forwards", "backwards")]
    weights = [(f"{way}.{word}") for way in ways for word in ("Wx", "Wh", "b")]
    assert list(shapes) == [*weights, "gru_1.Wx", "gru_1.Wh", "gru_1.b", "gru_1.bh"]
    assert shapes[weights[0]] == (7, 12) and shapes["memory.level_2.backwards.Wx"] == (6, 12)
    assert (shapes["gru_1.Wh"], shapes["gru_1.bh"]) == ((2, 6), (2,))
    b, Wh = (recorder.parameters[f"{ways[0]}.{word}"]["start"] for word in ("b", "Wh"))
    rng = np.random.default_rng(1)
    assert list(b(rng, (12,))) == [0] * 3 + [2] * 3 + [0] * 6
    for gate in np.split(Wh(rng, (3, 12)), 4, 1):
        assert gate @ gate.T == pytest.approx(np.eye(3), abs=1e-12)


def test_dropout_stands_between_the_levels_of_a_recurrent_layer_and_only_in_training() -> None:
    for training, count in ((True, 2), (False, 0)):
        recorder = ShapeRecorder(training=training)
        made({"type": "rnn", "units": 3, "depth": 3, "dropout": 0.5}).forward(recorder, Shaped("x", (4, 5, 2)))
        assert [name for name, _ in recorder.calls].count("dropout_rows") == count


# -- networks -------------------------------------------------------------------------------


def test_unnamed_layers_are_called_by_type_and_place() -> None:
    network = Network(
        (
            Flatten(),
            Dense(units=4),
            Dense(units=4, name="hidden"),
            Residual(layers=(LayerNorm(), Dense(units=4), Residual(name="in", layers=(Dense(units=4),)))),
            Dense(units=2),
        )
    )
    assert [layer.path for layer in network.walk()] == [
        "flatten_1",
        "dense_1",
        "hidden",
        "residual_1",
        "residual_1.layer_norm_1",
        "residual_1.dense_1",
        "residual_1.in",
        "residual_1.in.dense_1",
        "dense_3",
    ]
    assert Network(network.layers) == network


def test_a_given_name_is_never_given_twice() -> None:
    assert [layer.name for layer in Network((Dense(units=1), Dense(units=1, name="dense_1"))).layers] == [
        "dense_2",
        "dense_1",
    ]
    with pytest.raises(PresetError, match='two layers are called "a"'):
        Network((Dense(units=1, name="a"), Dense(units=1, name="a")))
    with pytest.raises(PresetError, match="at least one"):
        Network(())


def test_a_frozen_residual_freezes_what_is_inside() -> None:
    network = Network((Residual(trainable=False, layers=(Dense(units=4),)), Dense(units=2)))
    assert [layer.trainable for layer in network.walk()] == [False, False, True]
    branches = Branches(branches=(Branch(trainable=False, layers=(Dense(units=4),)), Branch(layers=(Dense(units=4),))))
    assert [layer.trainable for layer in Network((branches,)).walk()] == [True, False, False, True, True]


def test_inner_layers_are_marked_before_the_one_around_them() -> None:
    recorder = ShapeRecorder()
    Network((Residual(layers=(Dense(units=5), Activation())),)).forward(recorder, Shaped("x", (4, 5)))
    assert [path for path, _, _ in recorder.marks] == ["residual_1.dense_1", "residual_1.activation_1", "residual_1"]
    assert list(recorder.parameters) == ["residual_1.dense_1.W", "residual_1.dense_1.b"]


def test_branches_are_named_like_layers_and_so_is_what_they_hold() -> None:
    sides = (Branch(name="left", layers=(Dense(units=3), Dense(units=4))), Branch(), Branch(layers=(Dense(units=4),)))
    network = Network((Branches(name="both", join="concatenate", branches=sides),))
    recorder = ShapeRecorder()
    network.forward(recorder, Shaped("x", (4, 5)))
    assert [(path, y) for path, _, y in recorder.marks] == [
        ("both.left.dense_1", (4, 3)),
        ("both.left.dense_2", (4, 4)),
        ("both.left", (4, 4)),
        ("both.branch_2", (4, 5)),
        ("both.branch_3.dense_1", (4, 4)),
        ("both.branch_3", (4, 4)),
        ("both", (4, 13)),
    ]
    assert list(recorder.parameters)[-1] == "both.branch_3.dense_1.b"
    with pytest.raises(PresetError, match='two layers are called "a"') as caught:
        Network((Branches(name="both", branches=(Branch(name="a"), Branch(name="a"))),))
    assert caught.value.key == "layers.both.a.name"


HOUSES = Facts(columns=("age", "rooms", "town=Ulm", "town=Bonn", "2"))
SEEN: list[tuple[list[Any], tuple[str, ...]]] = [
    (["rooms"], ("2",)),
    (["town", "age"], ("3", "4", "1")),
    (["town=Bonn"], ("4",)),
    (["1-2", 4], ("1-2", "4")),
    (["2"], ("5",)),  # a column of that name comes before a number
]


@pytest.mark.parametrize(("columns", "places"), SEEN)
def test_a_branch_finds_its_columns_by_name_or_number(columns: list[Any], places: tuple[str, ...]) -> None:
    side = {"type": "branch", "columns": columns, "layers": ["flatten"]}
    for table in (side, {"type": "branches", "branches": [side]}, {"type": "residual", "layers": [side]}):
        network = Network((made(table),)).bound(HOUSES)
        assert [layer.columns for layer in network.walk() if isinstance(layer, Branch)] == [places]


LOST: list[tuple[list[Any], Facts, str]] = [
    (
        [{"type": "branch", "columns": ["room"]}],
        HOUSES,
        'there is no column "room"; did you mean "rooms"? Columns: age',
    ),
    ([{"type": "branch", "columns": ["age"]}], Facts(), "this data's inputs have none; give numbers from 1"),
    (["flatten", {"type": "branch", "columns": ["age"]}], HOUSES, "is a name, and what comes in here has none"),
    (
        [{"type": "branch", "columns": [2], "layers": [{"type": "branch", "name": "inner", "columns": ["age"]}]}],
        HOUSES,
        "is a name, and what comes in here has none",
    ),
]


@pytest.mark.parametrize(("tables", "facts", "words"), LOST)
def test_a_name_that_is_no_column_there_is_refused(tables: list[Any], facts: Facts, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Network(tuple(made(table) for table in tables)).bound(facts)
    assert words in caught.value.message
    assert str(caught.value.key).startswith("layers.branch_1") and str(caught.value.key).endswith(".columns")


def test_neighbouring_columns_are_a_slice_and_others_are_chosen() -> None:
    for columns, op in (("2-4", "slice_columns"), ("4-4", "slice_columns")):
        recorder = ShapeRecorder()
        made({"type": "branch", "columns": [columns]}).forward(recorder, Shaped("x", (4, 5)))
        assert [name for name, _ in recorder.calls] == [op]
    recorder = ShapeRecorder()
    made({"type": "branch", "columns": [4, "1-2"]}).forward(recorder, Shaped("x", (4, 5)))
    assert recorder.calls == [("constant", {"array": [3, 0, 1]}), ("choose_columns", {})]


def test_spatial_dropout_is_nothing_in_prediction() -> None:
    for training, rate, ops in ((True, 0.2, ["dropout_channels"]), (False, 0.2, []), (True, 0.0, [])):
        recorder = ShapeRecorder(training=training)
        made({"type": "spatial_dropout", "rate": rate}).forward(recorder, Shaped("x", (4, 5, 6)))
        assert [name for name, _ in recorder.calls] == ops


def test_sizes_that_the_data_decides_are_filled_in() -> None:
    network = Network((Dense(units="classes"), Residual(layers=(Dense(units="outputs"),))))
    assert [layer.units for layer in network.bound(Facts(classes=7, outputs=2)).walk() if isinstance(layer, Dense)] == [
        7,
        2,
    ]
    with pytest.raises(ShapeError, match='write units = "outputs"'):
        network.bound(Facts(classes=0, outputs=2))


# -- every member of every family -------------------------------------------------------------


@pytest.mark.parametrize(("family", "word"), MEMBERS)
def test_everything_has_a_sentence_and_a_help_text_for_each_setting(family: str, word: str) -> None:
    cls = FAMILIES[family][word]
    assert cls.__doc__ and cls.__doc__.strip()[0].isalpha()
    assert all(field.help for field in describe(cls)), word
    assert {field.name for field in describe(cls)} == {item.name for item in fields(cls) if item.compare}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_listed_in_order(family: str) -> None:
    assert list(FAMILIES[family]) == sorted(FAMILIES[family])


# -- initializers ---------------------------------------------------------------------------

VARIANCES = {
    "glorot_normal": 2 / 500,
    "glorot_uniform": 2 / 500,
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300,
    "lecun_uniform": 1 / 300,
    "normal": 0.05**2,
    "uniform": 0.1**2 / 12,
    "orthogonal": 1 / 300,
    "constant": 0.0,
}


@pytest.mark.parametrize("word", INITIALIZERS)
def test_an_initializer_draws_with_the_spread_it_names(word: str) -> None:
    drawn = INITIALIZERS[word]().sample(np.random.default_rng(3), (300, 200), 300, 200)
    assert drawn.shape == (300, 200) and drawn.dtype == np.float64
    assert abs(drawn.mean()) < 1e-3
    assert drawn.var() == pytest.approx(VARIANCES[word], rel=0.03)
    again = INITIALIZERS[word]().sample(np.random.default_rng(3), (300, 200), 300, 200)
    assert (drawn == again).all()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 6)])
def test_orthogonal_rows_or_columns_stand_at_right_angles(shape: tuple[int, int]) -> None:
    W = Orthogonal(gain=2.0).sample(np.random.default_rng(1), shape, *shape)
    small = W @ W.T if shape[0] < shape[1] else W.T @ W
    assert small == pytest.approx(4 * np.eye(min(shape)), abs=1e-12)


# -- losses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("cross_entropy", Facts()),
        ("binary_cross_entropy", Facts("binary", 2, 1)),
        ("mean_squared_error", Facts("reals", 0, 2)),
        ("mean_absolute_error", Facts("reals", 0, 2)),
        ("huber", Facts("reals", 0, 2)),
    ],
)
def test_a_loss_gives_one_number_an_example_and_refuses_other_outputs(word: str, facts: Facts) -> None:
    loss = LOSSES[word]()
    wanted = facts.classes if loss.targets == "classes" else facts.outputs
    assert loss.record(ShapeRecorder(), Shaped("y", (4, wanted)), Shaped("t", (4, wanted)), facts).shape == (4,)
    with pytest.raises(ShapeError, match=f"the network gives \\({wanted + 1}\\).*the data has {wanted} .*units = "):
        loss.record(ShapeRecorder(), Shaped("y", (4, wanted + 1)), Shaped("t", (4, wanted)), facts)
    other = Facts("reals" if facts.task != "reals" else "classes", 3, 3)
    with pytest.raises(PresetError, match="use loss = ") as caught:
        loss.record(ShapeRecorder(), Shaped("y", (4, 3)), Shaped("t", (4, 3)), other)
    assert caught.value.key == "training.loss"


@pytest.mark.parametrize(
    ("setting", "weights"), [(None, (1, 1, 1)), ((1.0, 2.0, 3.0), (1, 2, 3)), ("balanced", (4 / 3, 2 / 3, 4 / 3))]
)
def test_class_weights_are_given_even_or_balanced(setting: Any, weights: tuple[float, ...]) -> None:
    recorder, facts = ShapeRecorder(), Facts(class_counts=(5, 10, 5))
    CrossEntropy(class_weights=setting).record(recorder, Shaped("y", (4, 3)), Shaped("t", (4,)), facts)
    assert recorder.calls[0][1]["array"] == pytest.approx(weights)
    with pytest.raises(PresetError, match="give one for each class"):
        CrossEntropy(class_weights=(1.0,)).record(recorder, Shaped("y", (4, 3)), Shaped("t", (4,)), facts)


# -- optimizers and schedules ---------------------------------------------------------------


@pytest.mark.parametrize("word", OPTIMIZERS)
def test_an_optimizer_updates_with_the_states_it_names(word: str) -> None:
    optimizer, recorder = OPTIMIZERS[word](), ShapeRecorder()
    p = Shaped("p", (3, 2))
    state = {name: Shaped(name, p.shape) for name in optimizer.states}
    optimizer.record(recorder, p, Shaped("g", p.shape), Shaped("rate", ()), Shaped("clip", ()), state)
    assert len(recorder.calls) == 1
    first = describe(type(optimizer))[0]
    assert first.name == "learning_rate" and first.live


def test_nesterov_needs_momentum() -> None:
    assert SGD().states == () and SGD(momentum=0.5).states == ("m",)
    with pytest.raises(PresetError, match="needs a momentum above 0"):
        SGD(nesterov=True)


def factors(word: str, steps: list[float], **settings: Any) -> list[float]:
    return list(SCHEDULES[word](**settings).factors(np.array(steps, np.int64), 100, 10.0))


@pytest.mark.parametrize(
    ("word", "settings", "steps", "expected"),
    [
        ("constant", {}, [0, 50, 99], [1, 1, 1]),
        ("constant", {"warm_up": 4}, [0, 1, 2, 3, 4, 50], [0.25, 0.5, 0.75, 1, 1, 1]),
        ("constant", {"warm_up": 0.1}, [0, 4, 9, 10], [0.1, 0.5, 1, 1]),
        ("step", {"every": 2, "factor": 0.5}, [0, 19, 20, 39, 40], [1, 1, 0.5, 0.5, 0.25]),
        ("exponential", {"decay": 0.5}, [0, 10, 20, 25], [1, 0.5, 0.25, 0.5**2.5]),
        ("cosine", {}, [0, 50, 100], [1, 0.5, 0]),
        ("cosine", {"final": 0.2}, [0, 50, 100, 200], [1, 0.6, 0.2, 0.2]),
        ("cosine", {"warm_up": 0.5}, [0, 49, 50, 75], [1 / 50, 1, 1, 0.5]),
        (
            "one_cycle",
            {"peak_at": 0.5, "start_div": 10, "end_div": 100},
            [0, 25, 50, 75, 100],
            [0.1, 0.55, 1, 0.505, 0.01],
        ),
        ("reduce_on_plateau", {}, [0, 99], [1, 1]),
    ],
)
def test_a_schedule_multiplies_the_rate_as_it_says(
    word: str, settings: dict[str, Any], steps: list[float], expected: list[float]
) -> None:
    assert factors(word, steps, **settings) == pytest.approx(expected)


@pytest.mark.parametrize("word", SCHEDULES)
def test_a_schedule_is_a_pure_function_of_the_step(word: str) -> None:
    schedule = SCHEDULES[word](warm_up=7)
    steps = np.arange(1000)
    whole = schedule.factors(steps, 1000, 31.25)
    pieces = np.concatenate([schedule.factors(steps[place : place + 13], 1000, 31.25) for place in range(0, 1000, 13)])
    assert (whole == pieces).all()
    assert ((whole > 0) & (whole <= 1)).all()
