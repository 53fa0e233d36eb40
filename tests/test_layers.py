"""Layers: settings, shapes and refusals. Gradients and devices are tested with the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.families import made
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError, ShapeError
from tuinet.fields import part_table
from tuinet.layers import FUNCTIONS, LAYERS, Dropout
from tuinet.network import Network

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
    ({"type": "branch", "columns": ["3-2"]}, (6,), '3-2 runs backwards; write "2-3"'),
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
    setting = ".columns" if "columns" in table else ""
    assert caught.value.key == f"layers.{Network((made(table),)).layers[0].path}{setting}"


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


def test_spatial_dropout_is_nothing_in_prediction() -> None:
    for training, rate, ops in ((True, 0.2, ["dropout_channels"]), (False, 0.2, []), (True, 0.0, [])):
        recorder = ShapeRecorder(training=training)
        made({"type": "spatial_dropout", "rate": rate}).forward(recorder, Shaped("x", (4, 5, 6)))
        assert [name for name, _ in recorder.calls] == ops
