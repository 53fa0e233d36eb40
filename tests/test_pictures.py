"""Pictures of arrays: where each cell comes from, what it is the mean of, and how numbers become levels and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tuinet.diagnostics.pictures import (
    HALF,
    NOTHING,
    ZERO,
    cells_of,
    counts,
    edges,
    index_of,
    levels_of,
    limit_of,
    matrix_shape,
    means,
    picture,
    small,
    statistics,
    values_of,
)

# An array's shape, and the rows and columns of its matrix.
SHAPES = [
    ((), (1, 1)), ((7,), (1, 7)), ((7, 1), (1, 7)), ((1, 7), (1, 7)), ((1, 1), (1, 1)), ((1, 5, 1, 1), (1, 5)),
    ((3, 4), (3, 4)), ((3, 5, 2, 7), (30, 7)), ((3, 2, 5), (6, 5)), ((1, 2, 3), (2, 3)), ((2, 3, 1), (6, 1)),
]  # fmt: skip
# The shape of a matrix, and of a picture of it that is smaller, equal or odd.
REDUCED = [((7, 11), (3, 4)), ((784, 10), (20, 10)), ((5, 3), (5, 2)), ((64, 64), (64, 64)), ((100, 1), (7, 1)),
           ((13, 17), (1, 1))]  # fmt: skip


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("shape", "matrix"), SHAPES)
def test_the_matrix_of_an_array_has_its_last_axis_across(shape, matrix):
    assert matrix_shape(shape) == matrix
    array = np.arange(math.prod(shape)).reshape(shape)
    laid = array.reshape(matrix)
    for row in range(matrix[0]):
        for column in range(matrix[1]):
            assert array[index_of(shape, row, column)] == laid[row, column]


@pytest.mark.parametrize(("size", "cells"), REDUCED)
def test_a_cell_is_the_mean_of_its_block(size, cells):
    matrix = drawn(size)
    rows, columns = edges(0, size[0], cells[0]), edges(0, size[1], cells[1])
    wanted = [
        [matrix[rows[i] : rows[i + 1], columns[j] : columns[j + 1]].astype(np.float64).mean() for j in range(cells[1])]
        for i in range(cells[0])
    ]
    np.testing.assert_allclose(means(matrix, *cells), wanted, rtol=1e-4, atol=1e-6)
    heights = set(np.diff(rows))
    assert max(heights) - min(heights) <= 1 and rows[-1] == size[0]


def test_as_many_cells_as_numbers_are_the_numbers_themselves():
    matrix = drawn((9, 14))
    assert means(matrix, 9, 14) is matrix


@pytest.mark.parametrize("size", [1e-30, 3.7e-9, 0.00099, 0.01, 0.1, 0.7, 0.99, 1.0, 12.3, 999.9, 1e20])
def test_a_limit_is_a_round_number_just_above(size):
    limit = limit_of(np.array([size, -size / 2]))
    assert size <= limit * (1 + 1e-6) and limit < size * 1.35
    assert limit == float(f"{limit:.3g}")


def test_one_large_weight_does_not_darken_all_others():
    values = np.full(1000, 0.1)
    values[17] = -50.0
    assert limit_of(values) == 0.1
    assert limit_of(values, outside=0.0) == 50.0


@pytest.mark.parametrize("values", [[0.0, 0.0], [], [math.nan, math.inf]])
def test_nothing_but_zeros_has_no_limit(values):
    assert limit_of(np.array(values)) == 0.0


def test_levels_are_symmetric_and_show_what_is_no_number():
    values = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.nan, math.inf, -math.inf])
    levels = levels_of(values, 1.0)
    assert levels.tolist() == [1, 1, 64, ZERO, 192, 255, 255, NOTHING, NOTHING, NOTHING]
    assert levels_of(values, 0.0).tolist() == [ZERO] * 7 + [NOTHING] * 3
    assert levels.dtype == np.uint8


def test_levels_read_back_to_half_a_step():
    values = drawn((40, 30)).astype(np.float64)
    limit = float(np.abs(values).max())
    assert np.abs(values_of(levels_of(values, limit), limit) - values).max() <= limit / HALF / 2 * (1 + 1e-9)
    assert np.isnan(values_of(np.array([NOTHING], np.uint8), 1.0)).all()


@pytest.mark.parametrize("shape", [(5,), (57, 1), (1, 300), (10_000,)])
def test_a_vector_is_folded_in_the_order_of_its_numbers(shape):
    array = drawn(shape)
    found = picture(array, 12, 20, outside=0.0)
    assert found.folded and found.levels.shape[0] <= 12 and found.levels.shape[1] <= 20
    cells = min(array.size, 12 * 20)
    assert found.exact == (cells == array.size)
    values = cells_of(found, shape)
    assert values.shape == (1, cells)
    np.testing.assert_allclose(values, small(array, values), atol=found.limit / HALF / 1.9)
    assert (found.levels.ravel()[cells:] == NOTHING).all()


def test_a_part_of_a_matrix_is_drawn_as_that_part_alone():
    array = drawn((30, 20))
    found = picture(array, 50, 50, (10, 14, 3, 9), outside=0.0)
    assert (found.levels.shape, found.crop, found.exact) == ((4, 6), (10, 14, 3, 9), True)
    np.testing.assert_array_equal(found.levels, levels_of(array[10:14, 3:9], found.limit))


def test_a_block_that_holds_what_is_no_number_shows_none():
    array = drawn((8, 8))
    array[5, 2] = math.nan
    levels = picture(array, 4, 4).levels
    assert levels[2, 1] == NOTHING and np.count_nonzero(levels == NOTHING) == 1


def test_statistics_leave_out_what_is_no_number_and_count_it():
    array = np.array([[1.0, -3.0, 0.0], [math.nan, math.inf, 2.0]], np.float32)
    found = statistics(array)
    assert found.pop("deviation") == pytest.approx(math.sqrt(3.5))
    assert found == {"lowest": -3.0, "highest": 2.0, "mean": 0.0, "zeros": 1, "strange": 2}
    assert statistics(np.full(3, math.nan))["strange"] == 3
    assert statistics(np.arange(5, dtype=np.int64))["mean"] == 2.0


def test_counts_are_numpys_histogram():
    values = drawn((500,))
    assert counts(values, 17) == np.histogram(values.astype(np.float64), 17)[0].tolist()
    assert counts(np.full(4, 2.5), 3) == [0, 4, 0]
    assert counts(np.array([math.nan]), 3) == [0, 0, 0]
