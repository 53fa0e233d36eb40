"""The one matrix product that all others are made of.

Called as Python it is NumPy; inside a compiled kernel it is the register tile of
engine/tiles.py, whose sums run in the same order however the work is cut.
"""

from __future__ import annotations

import numpy as np

REPLACE, ADD, ROW = 0, 1, 2  # what a product starts from: zero, what is there, a row that all rows share


def gemm(a, a_turned, b, b_turned, out, keep):
    """out = a b, or out += a b with keep; each side may be turned (transposed)."""
    product = (a.T if a_turned else a) @ (b.T if b_turned else b)
    out[...] = out + product if keep else product


def gemm_row(a, b, row, out):
    """out = a b + row."""
    out[...] = a @ b + row


def multiply(a, a_at, a_rows, a_steps, b, b_at, b_rows, c, c_at, c_rows, row, row_at, M, N, K, mode):
    """C (M, N) = A (M, K) B (K, N), each a part of an array: from so many numbers behind its first, with so many from
    row to row; of A also from step to step, so that it may be turned. mode: what C starts from.
    """
    out = matrix_of(c, c_at, (M, N), (c_rows, 1))
    start = (0, out, matrix_of(row, row_at, (N,), (1,)))[mode]
    out[...] = start + matrix_of(a, a_at, (M, K), (a_rows, a_steps)) @ matrix_of(b, b_at, (K, N), (b_rows, 1))


def multiply_turned(a, a_at, a_rows, a_steps, b, b_at, b_rows, c, c_at, c_rows, row, row_at, M, N, K, mode):
    """C = A B^T, likewise: B (N, K)."""
    out = matrix_of(c, c_at, (M, N), (c_rows, 1))
    start = (0, out, matrix_of(row, row_at, (N,), (1,)))[mode]
    out[...] = start + matrix_of(a, a_at, (M, K), (a_rows, a_steps)) @ matrix_of(b, b_at, (N, K), (b_rows, 1)).T


def matrix_of(array, at, shape, steps):
    """So many rows and columns of an array, from so many numbers behind its first on, and so far apart."""
    first = np.lib.stride_tricks.as_strided(array, (at + 1,), (array.itemsize,))[at:]
    return np.lib.stride_tricks.as_strided(first, shape, [step * array.itemsize for step in steps])
