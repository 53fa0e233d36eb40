"""A stretch of an array's numbers, as an array of its own.

Called as Python these are slices; inside a compiled kernel they are an address and a length (engine/primitives.py), and
loops over them are vectorised. A slice in a kernel would be tested for negative bounds, each time anew.
"""

from __future__ import annotations


def part(x, first, count):
    """So many numbers of a vector, from one on."""
    return x[first : first + count]


def row_part(x, n, first, count):
    """So many numbers of row n of a matrix, from one on."""
    return x[n, first : first + count]


def ask_for(x, n, first, count):
    """Say that these numbers of row n will be needed soon: inside a compiled kernel they come nearer meanwhile.

    A row of one array, then a row of another: what no processor guesses by itself.
    """
