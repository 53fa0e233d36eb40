"""The one matrix product that all others are made of.

Called as Python it is NumPy; inside a compiled kernel it is the register tile of
engine/tiles.py, whose sums run in the same order however the work is cut.
"""

from __future__ import annotations


def gemm(a, a_turned, b, b_turned, out, keep):
    """out = a b, or out += a b with keep; each side may be turned (transposed)."""
    product = (a.T if a_turned else a) @ (b.T if b_turned else b)
    out[...] = out + product if keep else product


def gemm_row(a, b, row, out):
    """out = a b + row."""
    out[...] = a @ b + row
