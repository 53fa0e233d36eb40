"""Initializers draw with the spread that they name."""

from __future__ import annotations

import numpy as np
import pytest

from tuinet.layers import INITIALIZERS
from tuinet.layers.initializers import Orthogonal

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
