"""Recurrent cells: padding does not move the state, and truncated gradients stop where they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.networks import dense, layer, make
from tests.test_ops import run_compiled
from tuinet.engine.plan import plan
from tuinet.engine.program import Call, Slot
from tuinet.kernels import OPS
from tuinet.layers import LAYERS

CELLS = {"rnn": 1, "lstm": 4, "gru": 3}
N, T, H = 5, 8, 6


def operands(cell: str, lengths: Any = None, seed: int = 2) -> dict[str, np.ndarray]:
    """What the forward op takes, but for scratch."""
    rng, gates = np.random.default_rng(seed), CELLS[cell] * H
    found = {"z": rng.standard_normal((N, T * gates)), "W": rng.standard_normal((H, gates)) / np.sqrt(H)}
    if cell == "gru":
        found["b"] = rng.standard_normal(H)
    return found | {"lengths": np.full(N, T) if lengths is None else np.asarray(lengths)}


def run(name: str, inputs: dict[str, np.ndarray], compiled: bool, **settings: int) -> list[np.ndarray]:
    """The results of an op, by its definition in float64 or by its kernel."""
    each = OPS[name]
    settings = {"steps": T, "backwards": 0, "truncate": 0, "relu": 0} | settings
    settings = {key: settings[key] for key in each.settings}
    arrays = inputs | {"scratch": np.zeros(N * 6 * H)}
    given = [arrays[word] for word in each.inputs]
    values = each.define(*given, **settings)
    values = list(values) if len(each.results) > 1 else [values]
    if not compiled:
        return values
    slots = [Slot(w, a.shape, "value", w in each.whole) for w, a in zip(each.operands, [*given, *values], strict=True)]
    views = {
        s: np.ascontiguousarray(a, np.int32 if s.whole else np.float32)
        for s, a in zip(slots, [*given, *(np.full_like(v, np.nan) for v in values)], strict=True)
    }
    call = Call(each, slots[: len(given)], slots[len(given) :], settings)
    run_compiled(call, views)
    return [views[slot] for slot in call.results]


def back(cell: str, inputs: dict[str, np.ndarray], dh: np.ndarray, compiled: bool, **settings: int) -> list[np.ndarray]:
    """The gradients that the backward op makes of dh, (N, T, ...) each."""
    results = dict(zip(OPS[cell].results, run(cell, inputs, compiled, **settings), strict=True))
    given = inputs | results | {"dh": dh, "V": np.ascontiguousarray(inputs["W"].T)}
    return [dz.reshape(N, T, -1) for dz in run(f"{cell}_back", given, compiled, **settings)]


@pytest.mark.parametrize("compiled", [False, True], ids=["definition", "kernel"])
@pytest.mark.parametrize("backwards", [0, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_sequence_has_the_states_of_the_same_sequence_alone(cell: str, backwards: int, compiled: bool) -> None:
    lengths = [T, 3, 1, 0, 5]
    inputs = operands(cell, lengths)
    h = run(cell, inputs, compiled, backwards=backwards)[-1].reshape(N, T, H)
    unpadded = run(cell, operands(cell), False, backwards=backwards)[-1].reshape(N, T, H)
    for n, length in enumerate(lengths):
        if length:
            alone = dict(inputs)
            alone["z"] = inputs["z"][:, : length * CELLS[cell] * H]
            alone["lengths"] = np.full(N, length)
            wanted = run(cell, alone, False, backwards=backwards, steps=length)[-1].reshape(N, length, H)[n]
            assert h[n, :length] == pytest.approx(wanted, abs=1e-5)
        # Read forwards, the last real state stays; read backwards, nothing has been read there yet.
        kept = 0.0 if backwards or not length else h[n, length - 1]
        assert (h[n, length:] == kept).all()
        assert length == T or np.abs(unpadded[n, -1] - h[n, -1]).max() > 0.01, "the control"


@pytest.mark.parametrize("compiled", [False, True], ids=["definition", "kernel"])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_that_are_not_real_have_no_gradient_and_let_it_through(cell: str, compiled: bool) -> None:
    lengths = np.array([T, 3, 1, 0, 5])
    inputs, dh = operands(cell, lengths), np.zeros((N, T * H))
    dh[:, -H:] = np.random.default_rng(1).standard_normal((N, H))  # of the last state alone
    real = np.arange(T) < lengths[:, None]
    for gradient in back(cell, inputs, dh, compiled):
        assert not gradient[~real].any()
        assert (np.abs(gradient).max(2) > 0)[real].all()


@pytest.mark.parametrize("compiled", [False, True], ids=["definition", "kernel"])
@pytest.mark.parametrize("backwards", [0, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_truncated_gradients_are_those_of_a_state_that_is_given_where_a_stretch_begins(
    cell: str, backwards: int, compiled: bool
) -> None:
    """Where the state is given, a stretch owes nothing to the losses behind it: only to those inside it."""
    inputs, K = operands(cell, [T, 3, T, 6, 5]), 3
    dh = np.random.default_rng(1).standard_normal((N, T, H))
    cut = back(cell, inputs, dh.reshape(N, -1), compiled, truncate=K, backwards=backwards)
    full = back(cell, inputs, dh.reshape(N, -1), compiled, backwards=backwards)
    order = np.arange(T)[::-1] if backwards else np.arange(T)
    for first in range(0, T, K):
        stretch = order[first : first + K]
        inside = np.zeros_like(dh)
        inside[:, stretch] = dh[:, stretch]
        alone = back(cell, inputs, inside.reshape(N, -1), compiled, backwards=backwards)
        for got, wanted, whole in zip(cut, alone, full, strict=True):
            assert (got[:, stretch] == wanted[:, stretch]).all()
            last = first + K >= T
            assert (got[:, stretch] == whole[:, stretch]).all() == last, "the control: it differs but in the last one"


@pytest.mark.parametrize("cell", CELLS)
def test_truncation_at_the_whole_length_is_no_truncation(cell: str) -> None:
    def gradients(truncate: int) -> dict[str, np.ndarray]:
        layers = [layer("reshape", shape=(6, 2)), layer(cell, units=5, truncate=truncate), layer("flatten"), dense(5)]
        trainer = make(layers)
        trainer.run(60.0, 1)
        return trainer.gradients()

    full, at_length, beyond, short = (gradients(truncate) for truncate in (0, 6, 1000, 2))
    for slot, exact in full.items():
        assert (at_length[slot] == exact).all() and (beyond[slot] == exact).all()
    assert np.abs(short[f"{cell}_1.Wx"] - full[f"{cell}_1.Wx"]).max() > 1e-4
    assert (short["dense_1.W"] == full["dense_1.W"]).all()


@pytest.mark.parametrize("cell", CELLS)
def test_the_plan_counts_the_products_of_every_step(cell: str) -> None:
    trainer = make(
        [layer("reshape", shape=(6, 2)), layer(cell, units=5), layer("flatten"), dense(5)], device="reference"
    )
    facts = trainer.bound.facts
    planned = plan(trainer.plan.network, trainer.plan.loss, trainer.plan.optimizer, facts, examples=90, batch_size=24)
    row = next(row for row in planned.rows if row.type == cell)
    assert row.multiply_adds == 6 * (2 + 5) * CELLS[cell] * 5
    assert row.output_shape == (6, 5)


def test_every_recurrent_layer_is_tried_here() -> None:
    from tuinet.layers.recurrent import Recurrent

    assert {word for word, cls in LAYERS.items() if issubclass(cls, Recurrent)} == set(CELLS)
