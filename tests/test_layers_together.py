"""Layers in a network: what they are called, what freezes with them, and which columns a branch reads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.families import Facts, made
from tests.networks import make_tokens
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet.errors import PresetError, ShapeError
from tuinet.layers import LAYERS, Activation, Branch, Branches, Dense, Flatten, LayerNorm, Residual
from tuinet.network import Network


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


def test_sizes_that_the_data_decides_are_filled_in() -> None:
    network = Network((Dense(units="classes"), Residual(layers=(Dense(units="outputs"),))))
    assert [layer.units for layer in network.bound(Facts(classes=7, outputs=2)).walk() if isinstance(layer, Dense)] == [
        7,
        2,
    ]
    with pytest.raises(ShapeError, match='write units = "outputs"'):
        network.bound(Facts(classes=0, outputs=2))


ORDERED: list[tuple[dict[str, Any], bool]] = [
    ({"type": "activation", "function": "softmax"}, False),
    ({"type": "attention", "heads": 2}, True),
    ({"type": "attention", "heads": 2, "causal": True}, False),
    ({"type": "average_pool", "size": 3, "stride": 1, "padding": "same"}, True),
    ({"type": "batch_norm"}, False),
    ({"type": "branches", "branches": [{"layers": []}, {"layers": [{"type": "attention", "heads": 2}]}]}, True),
    ({"type": "conv1d", "filters": 6, "padding": "same"}, True),
    ({"type": "conv1d", "filters": 6, "padding": 1}, True),
    ({"type": "conv1d", "filters": 6, "kernel": 1}, False),
    ({"type": "dense", "units": 6, "activation": "tanh"}, False),
    ({"type": "dropout", "rate": 0.5}, False),
    ({"type": "group_norm", "groups": 2}, True),
    ({"type": "gru", "units": 6, "bidirectional": True}, True),
    ({"type": "gru", "units": 6}, False),
    ({"type": "layer_norm"}, False),
    ({"type": "lstm", "units": 6, "depth": 2, "bidirectional": True}, True),
    ({"type": "lstm", "units": 6, "depth": 2}, False),
    ({"type": "max_pool", "size": 3, "stride": 1, "padding": [0, 1]}, True),
    ({"type": "max_pool", "size": 1, "stride": 1, "padding": "same"}, False),
    ({"type": "positions"}, False),
    ({"type": "residual", "layers": [{"type": "transformer_block", "heads": 2}]}, True),
    ({"type": "rms_norm"}, False),
    ({"type": "rnn", "units": 6, "bidirectional": True}, True),
    ({"type": "rnn", "units": 6}, False),
    ({"type": "spatial_dropout", "rate": 0.5}, False),
    ({"type": "transformer_block", "heads": 2, "causal": True}, False),
]
KEEP_NO_POSITIONS = {
    "conv2d",
    "conv2d_transpose",
    "flatten",
    "global_average_pool",
    "global_max_pool",
    "reshape",
    "upsample",
}
OF_TOKENS_OR_PAIRS = {"embedding", "unembedding", "encoder", "decoder", "decoder_block", "branch"}


@pytest.mark.parametrize(("table", "ahead"), ORDERED, ids=str)
def test_a_layer_by_which_a_position_sees_those_behind_it_says_so(table: dict[str, Any], ahead: bool) -> None:
    """As its numbers have it: whether those of a token's position change with the token behind it."""
    inside = made(table)
    trainer = make_tokens(
        [made({"type": "embedding", "units": 6}), inside, Dense(units=7)], device="reference", steps=8
    )
    rows = trainer.bound.train.inputs[:4].copy()
    changed = rows.copy()
    changed[:, 5] = 7 - changed[:, 5]
    before, after = (trainer.outputs(each).reshape(4, 8, 7)[:, :5] for each in (rows, changed))
    assert bool((before != after).any()) == ahead
    if not ahead:
        trainer.plan.network.check_order()
    else:
        with pytest.raises(
            ShapeError, match=r"layers\.\w+.*sees those behind it, and so the token that it is to predict"
        ):
            trainer.plan.network.check_order()


def test_every_layer_that_keeps_positions_is_asked_whether_it_sees_ahead() -> None:
    assert {table["type"] for table, _ in ORDERED} | KEEP_NO_POSITIONS | OF_TOKENS_OR_PAIRS == set(LAYERS)


def test_an_encoder_may_look_both_ways_and_a_decoder_not() -> None:
    block = {"type": "transformer_block", "heads": 2}
    half = [{"type": "embedding", "units": 6}, block]
    Network((made({"type": "encoder", "layers": half}), made({"type": "decoder", "layers": half[:1]}))).check_order()
    with pytest.raises(ShapeError, match=r"layers\.decoder_1\.transformer_block_1\.causal"):
        Network((made({"type": "encoder", "layers": half}), made({"type": "decoder", "layers": half}))).check_order()
