"""Any stretch of a long series: what its points come to, one by one; and how little room points of one number take."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from tuinet.tui.curves import KINDS, Curves
from tuinet.tui.pyramid import Floats, Pyramid, nothing, point_rows

ODD = (math.nan, math.inf, -math.inf, 0.0, 1e300)


def numbers(count: int, seed: int) -> Floats:
    """(4, count): points that are one number each, some of them none or without an end."""
    rng = random.Random(seed)
    drawn = np.array([rng.choice(ODD) if rng.random() < 0.1 else rng.gauss(0, 1) for _ in range(count)])
    return point_rows(np.tile(drawn, (3, 1)), 1.0)


def in_portions(pyramid: Pyramid, rows: Floats, seed: int) -> None:
    """Some of them more than once: the last point of a track grows until it is whole."""
    rng, at = random.Random(seed), 0
    while at < rows.shape[1]:
        end = min(at + rng.randint(1, 40), rows.shape[1])
        pyramid.put(at, rows[:, at:end])
        at = end - (rng.random() < 0.3 and end < rows.shape[1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_points_have_the_type_in_which_they_are_kept(dtype: str) -> None:
    pyramid = Pyramid(dtype)
    for rows in (nothing(3), np.ones((4, 3)), np.ones((4, 3)) * [[1], [2], [3], [4]]):
        pyramid.put(0, rows)
        assert pyramid.points(slice(0, 3)).dtype == pyramid.means(slice(0, 3)).dtype == dtype


@pytest.mark.parametrize("seed", range(5))
def test_points_of_one_number_and_points_of_three_give_the_same_stretches(seed: int) -> None:
    rows = numbers(500, seed)
    narrow, wide = Pyramid("f8"), Pyramid("f8")
    wide.put(0, np.ones((4, 1)) * [[1], [2], [3], [7]])  # which stands there for a moment only
    for pyramid in (narrow, wide):
        in_portions(pyramid, rows, seed)
        pyramid.over(np.array([0]), np.array([500]))
    assert narrow.nbytes < wide.nbytes
    everything = slice(0, 500)
    np.testing.assert_array_equal(narrow.points(everything), rows)
    np.testing.assert_array_equal(wide.points(everything), rows)
    np.testing.assert_array_equal(narrow.means(everything), wide.means(everything))
    left = np.random.default_rng(seed).integers(0, 500, 60)
    right = np.minimum(left + np.random.default_rng(seed + 1).integers(0, 300, 60), 500)
    np.testing.assert_array_equal(narrow.over(left, right), wide.over(left, right))


def test_points_that_become_more_than_one_number_lose_nothing() -> None:
    rows = numbers(90, 1)
    more = np.array([[1.0, math.nan], [2.0, math.nan], [3.0, math.nan], [5.0, 0.0]])
    pyramid = Pyramid("f8")
    pyramid.put(0, rows)
    pyramid.put(90, more)
    pyramid.put(92, rows)
    np.testing.assert_array_equal(pyramid.points(slice(0, 182)), np.hstack([rows, more, rows]))
    assert pyramid.over(np.array([88]), np.array([92]))[0] == np.nanmin([*rows[0, 88:], 1.0])


def test_a_series_that_nobody_measured_has_points_of_nothing() -> None:
    pyramid = Pyramid("f8")
    pyramid.put(0, nothing(70))
    assert np.isnan(pyramid.over(np.array([0]), np.array([70]))[:3]).all()


def test_an_epoch_takes_32_bytes_a_metric_at_the_most() -> None:
    names = [f"val_{letter}" for letter in "abcdefghijkl"]
    curves = Curves()
    for first in range(0, 20_000, 100):
        curves.add(
            {"k": "epoch", "s": n, "e": n, "g": 1, "m": n * 0.5, "t": 0.0, **{name: 1 / n for name in names}}
            for n in range(first + 1, first + 101)
        )
    kept = curves.kinds["epoch"].main
    assert len(kept) == 20_000
    for name in names:
        kept.series[name].over(np.array([0]), np.array([20_000]))
    assert sum(kept.series[name].nbytes for name in names) <= 32 * 20_000 * len(names)
    found = curves.epochs(1)[0]
    assert found["val_c"] == 1 / 20_000, "each stands by itself, as it was measured"


def test_a_run_of_any_length_takes_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "epoch", ("f8", 256))
    curves, largest = Curves(), 0
    for n in range(1, 5_001):
        curves.add([{"k": "epoch", "s": n, "e": n, "g": 1, "m": n * 0.5, "t": 0.0, "val_loss": 1 / n}])
        (kept,) = curves.kinds["epoch"].parts
        curves.columns("val_loss", "steps", 0, n, 10)
        largest = max(largest, kept.series["val_loss"].nbytes)
    assert largest <= 2 * 256 * 4 * 8 * 4 // 3, "four numbers a point, the levels above them, and room to grow"
