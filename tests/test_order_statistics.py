"""Median and percentile are NumPy's, and do not load what NumPy's load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tuinet.diagnostics.order_statistics import median, percentile

RNG = np.random.default_rng(3)
ROWS = [
    RNG.normal(size=(4, 1)), RNG.normal(size=(3, 2)), RNG.normal(size=(5, 7)), RNG.normal(size=(2, 3, 8)),
    np.array([[1.0, np.nan, 3.0], [np.inf, 2.0, -np.inf]]), np.array([[1e308, 1e308]]) / 2, np.zeros((2, 4)),
]  # fmt: skip


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: "x".join(map(str, rows.shape)))
def test_the_median_is_numpys_to_the_last_bit(rows: np.ndarray) -> None:
    found, wanted = median(rows), np.median(rows, axis=-1)
    assert found.tobytes() == wanted.tobytes() or (np.isnan(found) == np.isnan(wanted)).all()
    assert np.array_equal(found, wanted, equal_nan=True)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
@pytest.mark.parametrize("share", [0.0, 1.0, 50.0, 99.0, 99.5, 100.0])
def test_the_percentile_is_numpys(count: int, share: float) -> None:
    values = RNG.normal(size=count)
    assert percentile(values, share) == pytest.approx(np.percentile(values, share), rel=1e-12)


def test_a_percentile_of_what_is_no_number_is_none() -> None:
    assert np.isnan(percentile(np.array([1.0, np.nan]), 50.0))


def loads(code: str) -> bool:
    """Whether numpy.ma is there after it."""
    said = f"import sys, numpy as np; {code}; print('numpy.ma' in sys.modules)"
    return subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_verdict_and_a_chart_load_no_masked_arrays() -> None:
    assert not loads(
        "from tuinet.diagnostics.verdict import judged; from tuinet.tui import chart; from tuinet.tui.curves import *;"
        "c = Curves(); rows = [{'k': 'epoch', 's': 10 * i, 'e': float(i), 'g': 1, 'm': float(i), 't': 0.0,"
        "'train_loss': 3 / i, 'val_loss': 1 + 2 / i} for i in range(1, 40)]; c.add(rows);"
        "assert judged(c.measured()).word;"
        "assert chart.picture(chart.Scene(c), chart.Choices(), 60, 20, braille=True).rows"
    )


def test_control_numpys_median_loads_them() -> None:
    assert loads("np.median(np.arange(3.0))")
