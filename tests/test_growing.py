"""An edited network keeps what it has learned, and says the same as before where it can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.networks import branch, dense, layer, make, make_tokens, stacks, token_stacks
from tuinet.errors import TuinetError
from tuinet.network import Network
from tuinet.optimizers import OPTIMIZERS
from tuinet.training.changes import take_over
from tuinet.training.growing import Applied, applied

STEPS = 12  # so that no number is where it began
Layers = list[Any]


def preset(layers: Layers, optimizer: Any = None) -> Any:
    network = Network(tuple(layers))
    training = SimpleNamespace(seed=3, optimizer=optimizer or OPTIMIZERS["adam"](learning_rate=0.01))
    return SimpleNamespace(network=network.bound, training=training)


def named(layers: Layers) -> Layers:
    return list(Network(tuple(layers)).layers)


def trained(layers: Layers, maker: Any = make, **settings: Any) -> Any:
    trainer = maker(layers, device="reference", **settings)
    trainer.run(60.0, STEPS)
    return trainer


def grown(trainer: Any, old: Layers, new: Layers, maker: Any = make, **settings: Any) -> tuple[Any, Applied]:
    """A trainer of the new network that goes on from where the old one stands."""
    found = applied(preset(old), preset(new), trainer.bound.facts, trainer.model(), trainer.optimizer_state())
    after = maker(new, device="reference", **settings)
    take_over(after, found.model, found.optimizer, trainer.step)
    return after, found


def loss(trainer: Any) -> float:
    return float(trainer.evaluate(trainer.bound.train)["loss"])


def check(old: Layers, new: Layers, maker: Any = make, **settings: Any) -> Applied:
    """The loss is the one it was, unless the edit says why not; and training goes on from there."""
    trainer = trained(old, maker, **settings)
    before = loss(trainer)
    after, found = grown(trainer, old, new, maker, **settings)
    if not found.changes:
        assert loss(after) == pytest.approx(before, rel=1e-6, abs=1e-6)
    assert after.run(60.0, STEPS + 5) == "done"
    assert all(np.isfinite(array).all() for array in after.model().values())
    words = [*found.kept, *found.widened, *found.narrowed, *found.made]
    inside = [name for name in found.model if name not in words]
    assert len(words) == len(set(words))
    assert all(any(name.startswith(f"{path}.") for path in found.inserted) for name in inside)
    return found


# -- more units -------------------------------------------------------------------------------------------------------

UNITS = {"units": 3, "filters": 4, "ratio": 1}  # so many more; filters in groups stay divisible


def widened(layers: tuple[Any, ...], path: str) -> tuple[Any, ...]:
    """The same layers, one of them with more units."""
    found = []
    for each in layers:
        if each.path == path:
            name = next(name for name in UNITS if hasattr(each, name))
            each = replace(each, **{name: getattr(each, name) + UNITS[name]})
        elif each.inner:
            each = each.around(widened(each.inner, path))
        found.append(each)
    return tuple(found)


def with_units(layers: Layers) -> Iterator[str]:
    last = layers[-1].path
    for each in Network(tuple(layers)).walk():
        if any(hasattr(each, name) for name in UNITS) and each.path != last:
            yield each.path


# Where units beside the old ones fit without more edits, and nothing behind them looks at all units at once.
PRESERVING = (
    "odd and wide", "dropout", "batch norm", "convolution and batch norm", "convolution, tanh and pool",
    "convolution, relu and pool", "transposed convolution", "no bias", "lstm", "gru", "rnn", "lstm last", "gru last",
    "penalties", "frozen", "activation gelu", "branches side by side", "lstm on frozen", "reshaped",
)  # fmt: skip
FAST = ("odd and wide", "batch norm", "convolution and batch norm", "gru", "branches side by side")
WIDER = [(name, path) for name in stacks() for path in with_units(named(stacks()[name]))]


def fits(layers: Layers) -> bool:
    try:
        make(layers, device="reference")
    except TuinetError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(*each, marks=[] if each[0] in FAST else pytest.mark.slow) for each in WIDER]
)
def test_more_units_leave_the_loss_as_it_was(name: str, path: str) -> None:
    """Over all stacks: either the loss is the same, or the edit says why it is not."""
    old = named(stacks()[name])
    new = list(widened(tuple(old), path))
    if not fits(new):  # a sum, a reshape or heads of a fixed size: other layers would have to follow
        assert name not in PRESERVING or name in ("branches side by side", "reshaped")
        return
    found = check(old, new)
    if name in PRESERVING:
        assert found.widened and not found.changes and not found.made


# -- new layers -------------------------------------------------------------------------------------------------------

IMAGE, FLAT = layer("reshape", shape=(3, 4, 1)), layer("flatten")
CONV = layer("conv2d", filters=6, kernel=(3, 3), padding="same", activation="relu")
INSERTED: dict[str, tuple[Layers, Any, int]] = {  # a network, what is put into it, and where
    "dense": ([dense(9, "tanh"), dense(5)], dense(9), 1),
    "dense without offsets": ([dense(9, "tanh"), dense(5)], dense(9, bias=False), 1),
    "relu behind relu": ([dense(9, "relu"), dense(5)], dense(9, "relu"), 1),
    "relu behind relu and dropout": (
        [dense(9, "relu"), layer("dropout", rate=0.3), dense(5)], dense(9, "leaky_relu"), 2,
    ),
    "relu behind a sigmoid": ([dense(9, "sigmoid"), dense(5)], layer("activation", function="relu"), 1),
    "dense on the inputs": ([dense(5)], dense(12), 0),
    "dropout": ([dense(9, "tanh"), dense(5)], layer("dropout", rate=0.5), 1),
    "convolution": ([IMAGE, CONV, FLAT, dense(5)], replace(CONV), 2),
    "convolution of one pixel": ([IMAGE, CONV, FLAT, dense(5)], layer("conv2d", filters=6, kernel=(1, 1)), 2),
    "dense behind pools": (
        [IMAGE, CONV, layer("max_pool"), FLAT, dense(5)], dense(12, "relu"), 4,
    ),
    "convolution over time": (
        [layer("reshape", shape=(6, 2)), layer("conv1d", filters=4, kernel=2), layer("global_max_pool"), dense(5)],
        layer("conv1d", filters=4, kernel=5, padding=2), 2,
    ),
    "residual": ([dense(8, "tanh"), dense(5)], layer("residual", layers=(dense(20, "gelu"), dense(8))), 1),
    "residual that ends in a norm": (
        [dense(8, "tanh"), dense(5)], layer("residual", layers=(dense(8, bias=False), layer("batch_norm"))), 1,
    ),
    "residual of convolutions": (
        [IMAGE, CONV, FLAT, dense(5)],
        layer("residual", layers=(layer("conv2d", filters=6, padding="same"), layer("activation", function="tanh"))), 2,
    ),
    "transformer": (
        [layer("reshape", shape=(3, 4)), dense(8), layer("global_average_pool"), dense(5)],
        layer("transformer_block", heads=2, activation="swiglu"), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INSERTED)
def test_a_new_layer_begins_as_the_identity(case: str) -> None:
    layers, inserted, place = INSERTED[case]
    old = named(layers)
    new = [*old[:place], replace(inserted, name="put_in"), *old[place:]]
    found = check(old, new)
    assert not found.changes
    assert list(found.inserted) == ["put_in"]
    assert not found.made and not found.widened


NOT_THE_SAME: dict[str, tuple[Layers, Any, int, str]] = {
    "relu behind tanh": ([dense(9, "tanh"), dense(5)], dense(9, "relu"), 1, "put_in is new, and cannot begin as the"),
    "another size": ([dense(9, "tanh"), dense(5)], dense(8), 1, "put_in is new"),
    "batch norm": ([dense(9), dense(5)], layer("batch_norm"), 1, "brings what comes in to another mean and spread"),
    "layer norm": ([dense(9), dense(5)], layer("layer_norm"), 1, "brings what comes in to another mean and spread"),
    "residual that ends in a sigmoid": (
        [dense(8), dense(5)], layer("residual", layers=(dense(8, "sigmoid"),)), 1, "does not start at 0",
    ),
    "after the last": ([dense(5)], layer("activation", function="tanh"), 1, "put_in is new"),
    "gru": (
        [layer("reshape", shape=(6, 2)), dense(4), layer("global_max_pool"), dense(5)], layer("gru", units=4), 2,
        "put_in is new",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_THE_SAME)
def test_a_new_layer_that_cannot_begin_as_the_identity_is_said_to_change_the_network(case: str) -> None:
    layers, inserted, place, why = NOT_THE_SAME[case]
    old = named(layers)
    found = check(old, [*old[:place], replace(inserted, name="put_in"), *old[place:]])
    assert any(why in said for said in found.changes), found.changes
    assert not found.inserted


# -- other edits ------------------------------------------------------------------------------------------------------

WIDE = [dense(9, "tanh", name="a"), dense(7, "relu", name="b"), dense(5, name="out")]
RELU, TANH = (layer("activation", function=each, name=each) for each in ("relu", "tanh"))


def around(inner: int, units: int) -> Layers:
    """A dense layer and a residual behind it, with so many units inside and around."""
    layers = (dense(inner, "tanh", name="i"), dense(units, name="j"))
    return [dense(units, name="a"), layer("residual", name="r", layers=layers), WIDE[2]]


def beside(one: int, other: int) -> Layers:
    """Two dense layers side by side."""
    branches = (branch(dense(one, name="p")), branch(dense(other, name="q")))
    return [layer("branches", name="s", join="concatenate", branches=branches), WIDE[2]]


def before_a_norm(units: int) -> Layers:
    return [replace(WIDE[0], units=units), layer("layer_norm", name="n"), WIDE[2]]


# Old and new layers, what became of the tensors, and why the network differs.
EDITS: dict[str, tuple[Layers, Layers, dict[str, list[str]], str]] = {
    "nothing": (WIDE, WIDE, {"kept": ["a.W", "a.b", "b.W", "b.b", "out.W", "out.b"]}, ""),
    "another activation": (
        WIDE, [replace(WIDE[0], activation="relu"), *WIDE[1:]], {"kept": ["a.W", "a.b", "b.W"]}, 'activation is "relu"',
    ),
    "a layer is gone": (WIDE, [WIDE[0], WIDE[2]], {"kept": ["a.W", "a.b", "out.b"], "made": ["out.W"]}, "b is gone"),
    "a layer of the same size is gone": (
        [WIDE[0], dense(9, "relu", name="b"), WIDE[2]], [WIDE[0], WIDE[2]], {"kept": ["a.W", "out.W"]}, "b is gone",
    ),
    "fewer units": (
        WIDE, [replace(WIDE[0], units=4), *WIDE[1:]], {"narrowed": ["a.W", "a.b", "b.W"], "kept": ["b.b"]}, "lost some",
    ),
    "offsets": ([dense(5, bias=False, name="out")], [dense(5, name="out")], {"made": ["out.b"], "kept": ["out.W"]}, ""),
    "offsets gone": (
        [dense(5, name="out")], [dense(5, bias=False, name="out")], {"kept": ["out.W"]}, "bias is false, was true",
    ),
    "dropout gone": (
        [*WIDE[:2], layer("dropout", rate=0.1), WIDE[2]], WIDE, {"kept": ["a.W", "b.W", "out.W"]}, "",
    ),
    "another kind under the same name": (
        [layer("reshape", shape=(6, 2)), layer("gru", units=4, name="a", sequence=False), dense(5, name="out")],
        [layer("reshape", shape=(6, 2)), layer("lstm", units=4, name="a", sequence=False), dense(5, name="out")],
        {"made": ["a.Wx", "a.Wh", "a.b"], "kept": ["out.W"]}, "a is of another kind",
    ),
    "another order": (
        [WIDE[0], RELU, TANH, WIDE[2]], [WIDE[0], TANH, RELU, WIDE[2]], {"kept": ["a.W", "out.W"]}, "another order",
    ),
    "units before a norm of all units": (
        before_a_norm(9),
        before_a_norm(12),
        {"widened": ["a.W", "n.g", "n.b", "out.W"]},
        "n looks at all units at once",
    ),
    "frozen": (WIDE, [replace(WIDE[0], trainable=False), *WIDE[1:]], {"kept": ["a.W", "a.b"]}, ""),
    "wider and deeper at once": (
        WIDE, [replace(WIDE[0], units=20), dense(20, name="c"), replace(WIDE[1], units=30), WIDE[2]],
        {"widened": ["a.W", "a.b", "b.W", "b.b", "out.W"], "inserted": ["c"]}, "",
    ),
    "a residual and what goes into it": (
        around(8, 8), around(20, 11), {"widened": ["a.W", "r.i.W", "r.j.W", "out.W"]}, "",
    ),
    "branches side by side": (
        beside(4, 3), beside(6, 5), {"widened": ["s.branch_1.p.W", "s.branch_2.q.W", "out.W"]}, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_what_fits_is_kept_and_the_rest_is_said(case: str) -> None:
    old, new, became, why = EDITS[case]
    found = check(named(old), named(new))
    for word, names in became.items():
        assert set(names) <= set(getattr(found, word)), (word, found)
    assert any(why in said for said in found.changes) if why else not found.changes
    assert found.as_table()["kept"] == list(found.kept)


def test_hidden_units_of_a_transformer_block_grow() -> None:
    old = named(token_stacks()["a small transformer"])
    new = list(widened(tuple(old), next(each.path for each in old if hasattr(each, "ratio"))))
    found = check(old, new, make_tokens)
    assert not found.changes and not found.made
    assert [name.rpartition(".")[2] for name in found.widened] == ["W1", "b1", "W2"]


def test_the_optimizer_keeps_its_state_beside_zeros() -> None:
    old = named(WIDE)
    trainer = trained(old)
    after, _ = grown(trainer, old, [replace(old[0], units=12), *old[1:]])
    before, state = trainer.optimizer_state(), after.optimizer_state()
    assert np.array_equal(state["a.W.v"][:, :9], before["a.W.v"]) and not state["a.W.v"][:, 9:].any()
    assert np.array_equal(state["b.W.m"][:9], before["b.W.m"]) and not state["b.W.m"][9:].any()
    assert np.array_equal(state["out.W.m"], before["out.W.m"])
    assert after.step == trainer.step == STEPS


def test_the_state_of_an_optimizer_of_another_kind_is_not_taken() -> None:
    trainer = trained(named(WIDE))
    old, new = (preset(WIDE, OPTIMIZERS[word]()) for word in ("adam", "rmsprop"))
    found = applied(old, new, trainer.bound.facts, trainer.model(), trainer.optimizer_state())
    assert not found.optimizer and len(found.kept) == 6


def test_new_units_are_fresh_and_meet_old_ones_with_nothing() -> None:
    old = named(WIDE)
    trainer = trained(old)
    after, _ = grown(trainer, old, [replace(old[0], units=12), *old[1:]])
    model = after.model()
    assert model["a.W"][:, 9:].std() > 0.1
    assert not model["b.W"][9:].any()
    after.run(60.0, STEPS + 1)
    assert np.abs(after.model()["b.W"][9:]).min() > 0, "they learn from the first step on"
