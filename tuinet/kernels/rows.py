"""Ops between a matrix and its rows."""

from __future__ import annotations

import numpy as np

from . import scalars
from .op import op
from .scalars import F


@op(keeps=True, cut="I")
def sum_rows(x):
    """s = the sum of the rows of x        x (N, I)   s (I)"""
    return x.sum(0)


@sum_rows.cpu
def sum_rows_cpu(x, s, keep):
    if not keep:
        for i in range(s.size):
            s[i] = F(0)
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            s[i] += x[n, i]


@op(cut="N I")
def add_row(x, row):
    """y = x + row, on every row        x (N, I)   row (I)   y (N, I)"""
    return x + row


@add_row.gradient
def add_row_gradient(ops, d, x, row, y):
    d[x] += d[y]
    d[row] += ops.sum_rows(d[y])


@add_row.cpu
def add_row_cpu(x, row, y):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] + row[i]


# -- choosing rows --------------------------------------------------------------------------


@op(cut="N")
def take(table, rows):
    """out = table[rows]        table (R, I)   rows (N) int   out (N, I)"""
    return table[rows]


@take.cpu
def take_cpu(table, rows, out):
    for n in range(rows.size):
        r = rows[n]
        for i in range(out.shape[1]):
            out[n, i] = table[r, i]


@op(cut="N")
def pick(labels, rows):
    """out = labels[rows]        labels (R) int   rows (N) int   out (N) int"""
    return labels[rows]


@pick.cpu
def pick_cpu(labels, rows, out):
    for n in range(rows.size):
        out[n] = labels[rows[n]]


# -- means ----------------------------------------------------------------------------------


@op
def mean(values):
    """m = the mean of all values        values (N)   m ()"""
    return values.mean()


@mean.gradient
def mean_gradient(ops, d, values, m):
    d[values] += ops.mean_back(d[m], values, count=values.size)


@mean.cpu
def mean_cpu(values, m):
    total = np.float64(0)
    for n in range(values.size):
        total += values[n]
    m[()] = F(total / values.size)


@op(cut="N")
def mean_back(dm, values, *, count: int):
    """dvalues = dm / count for every value        dm ()   values (N)   dvalues (N)"""
    return np.full_like(values, dm / count)


@mean_back.cpu
def mean_back_cpu(dm, values, dvalues, count):
    share = dm / F(count)
    for n in range(values.size):
        dvalues[n] = share


# -- softmax --------------------------------------------------------------------------------


@op(cut="N")
def softmax(x):
    """y = e^x / the sum of e^x over a row        x (N, I)   y (N, I)"""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@softmax.gradient
def softmax_gradient(ops, d, x, y):
    d[x] += ops.softmax_back(y, d[y])


@softmax.cpu
def softmax_cpu(x, y):
    for n in range(x.shape[0]):
        top = x[n, 0]
        for i in range(x.shape[1]):
            top = max(top, x[n, i])
        s = F(0)
        for i in range(x.shape[1]):
            y[n, i] = scalars.exp(x[n, i] - top)
            s += y[n, i]
        for i in range(x.shape[1]):
            y[n, i] /= s


@op(cut="N")
def softmax_back(y, dy):
    """dx = y (dy - the sum of y dy over a row)        y (N, I)   dy (N, I)   dx (N, I)"""
    return y * (dy - (y * dy).sum(1, keepdims=True))


@softmax_back.cpu
def softmax_back_cpu(y, dy, dx):
    for n in range(y.shape[0]):
        s = F(0)
        for i in range(y.shape[1]):
            s += y[n, i] * dy[n, i]
        for i in range(y.shape[1]):
            dx[n, i] = y[n, i] * (dy[n, i] - s)
