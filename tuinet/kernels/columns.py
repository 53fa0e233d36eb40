"""Columns side by side: matrices put together, parts of one taken out, and the gradients of both."""

from __future__ import annotations

import numpy as np

from . import gpu
from .op import op
from .scalars import ZERO, U


@op(cut="N")
def concatenate(a, b):
    """y = the columns of a, then those of b        a (N, A)   b (N, B)   y (N, J)"""
    return np.concatenate([a, b], 1)


@concatenate.sizes
def concatenate_sizes(size):
    return {"J": size["A"] + size["B"]}


@concatenate.gradient
def concatenate_gradient(ops, d, a, b, y):
    d[a] += ops.slice_columns(d[y], begin=0, width=a.shape[1])
    d[b] += ops.slice_columns(d[y], begin=a.shape[1], width=b.shape[1])


@concatenate.cpu
def concatenate_cpu(a, b, y):
    first = a.shape[1]
    for n in range(y.shape[0]):
        for i in range(a.shape[1]):
            y[n, i] = a[n, i]
        for i in range(b.shape[1]):
            y[n, first + i] = b[n, i]


@concatenate.cuda(gpu.numbers("N", "J"))
def concatenate_cuda(a, b, y, N, A, B, J):
    n, j = gpu.place()
    if n < N and j < J:
        y[U(n * J + j)] = a[U(n * A + j)] if j < A else b[U(n * B + U(j - A))]


# -- a stretch of columns -------------------------------------------------------------------


@op(cut="N")
def slice_columns(x, *, begin: int, width: int):
    """y = so many columns of x, from `begin` on        x (N, J)   y (N, A)"""
    return x[:, begin : begin + width]


@slice_columns.sizes
def slice_columns_sizes(size, begin, width):
    return {"A": width}


@slice_columns.gradient
def slice_columns_gradient(ops, d, x, y, begin, width):
    d[x] += ops.pad_columns(d[y], begin=begin, width=x.shape[1])


@slice_columns.cpu
def slice_columns_cpu(x, y, begin, width):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = x[n, begin + i]


@slice_columns.cuda(gpu.numbers("N", "A"))
def slice_columns_cuda(x, y, N, J, A, begin, width):
    n, i = gpu.place()
    if n < N and i < A:
        y[U(n * A + i)] = x[U(n * J + U(begin) + i)]


@op(cut="N")
def slice_tokens(x, *, begin: int, width: int):
    """y = so many columns of x, from `begin` on        x (N, J) int   y (N, A) int"""
    return x[:, begin : begin + width]


@slice_tokens.sizes
def slice_tokens_sizes(size, begin, width):
    return {"A": width}


@slice_tokens.cpu
def slice_tokens_cpu(x, y, begin, width):
    for n in range(x.shape[0]):
        for i in range(width):
            y[n, i] = x[n, begin + i]


@slice_tokens.cuda(gpu.numbers("N", "A"))
def slice_tokens_cuda(x, y, N, J, A, begin, width):
    n, i = gpu.place()
    if n < N and i < A:
        y[U(n * A + i)] = x[U(n * J + U(begin) + i)]


@op(cut="N")
def pad_columns(x, *, begin: int, width: int):
    """y = x as columns `begin` and on of a matrix of so many columns, the others 0        x (N, A)   y (N, J)"""
    return np.pad(x, ((0, 0), (begin, width - begin - x.shape[1])))


@pad_columns.sizes
def pad_columns_sizes(size, begin, width):
    return {"J": width}


@pad_columns.gradient
def pad_columns_gradient(ops, d, x, y, begin, width):
    d[x] += ops.slice_columns(d[y], begin=begin, width=x.shape[1])


@pad_columns.cpu
def pad_columns_cpu(x, y, begin, width):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = ZERO
        for i in range(x.shape[1]):
            y[n, begin + i] = x[n, i]


@pad_columns.cuda(gpu.numbers("N", "J"))
def pad_columns_cuda(x, y, N, A, J, begin, width):
    n, j = gpu.place()
    if n < N and j < J:
        i = U(j - U(begin))  # before the first it is a huge one
        y[U(n * J + j)] = x[U(n * A + i)] if i < A else ZERO


# -- columns one by one ---------------------------------------------------------------------


@op(cut="N")
def choose_columns(x, chosen):
    """y = the chosen columns of x        x (N, I)   chosen (A) int   y (N, A)"""
    return x[:, chosen]


@choose_columns.gradient
def choose_columns_gradient(ops, d, x, chosen, y):
    d[x] += ops.choose_columns_back(d[y], chosen, width=x.shape[1])


@choose_columns.cpu
def choose_columns_cpu(x, chosen, y):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = x[n, chosen[i]]


@choose_columns.cuda(gpu.numbers("N", "A"))
def choose_columns_cuda(x, chosen, y, N, I, A):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < A:
        y[U(n * A + i)] = x[U(n * I + U(chosen[i]))]


@op(cut="N")
def choose_columns_back(dy, chosen, *, width: int):
    """dx = each column of dy where it was chosen, the others 0        dy (N, A)   chosen (A) int   dx (N, J)"""
    dx = np.zeros((len(dy), width), dy.dtype)
    np.add.at(dx, (slice(None), chosen), dy)
    return dx


@choose_columns_back.sizes
def choose_columns_back_sizes(size, width):
    return {"J": width}


@choose_columns_back.cpu
def choose_columns_back_cpu(dy, chosen, dx, width):
    for n in range(dx.shape[0]):
        for i in range(dx.shape[1]):
            dx[n, i] = ZERO
        for i in range(dy.shape[1]):
            dx[n, chosen[i]] += dy[n, i]


@choose_columns_back.cuda(gpu.numbers("N", "J"))
def choose_columns_back_cuda(dy, chosen, dx, N, A, J, width):
    """Each number looks for where it was chosen: if that is twice, no two threads add to it."""
    n, j = gpu.place()
    if n < N and j < J:
        total = ZERO
        for i in range(A):
            if U(chosen[i]) == j:
                total += dy[U(n * A + i)]
        dx[U(n * J + j)] = total
