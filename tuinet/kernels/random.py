"""Chance as a pure function of (seed, step, place): nothing to save, nothing to restore."""

from __future__ import annotations

import numpy as np

from . import gpu, scalars
from .op import op
from .scalars import ONE, ZERO, U


@op(cut="N")
def shuffled_rows(step, place, *, examples: int, stride: int, begin: int, seed: int):
    """rows = the examples that a batch sees, in an order new for every epoch

    Batches follow each other through an endless line of epochs, so that one may end an epoch and
    begin the next: all batches have one size, and an epoch sees every example once. `place` is where
    in the step's examples each row stands; stride of them belong to a step. `begin` is where step 0 would
    stand in that line: 0, unless the stride was another one before (engine/pace.py).

    step () int   place (N) int   rows (N) int
    """
    at = begin + int(step) * stride + place.astype(np.int64)
    return np.array([scalars.shuffled(i % examples, examples, scalars.key(seed, i // examples, 0)) for i in at])


@shuffled_rows.cpu
def shuffled_rows_cpu(step, place, rows, examples, stride, begin, seed):
    for n in range(rows.size):
        i = begin + step * stride + place[n]
        rows[n] = scalars.shuffled(i % examples, examples, scalars.key(seed, i // examples, 0))


@shuffled_rows.cuda(gpu.numbers("N"))
def shuffled_rows_cuda(step, place, rows, N, examples, stride, begin, seed):
    n = gpu.number()
    if n < N:
        i = begin + step[0] * stride + place[n]
        epoch = i // examples
        rows[n] = scalars.shuffled(U(i - epoch * examples), U(examples), scalars.key(U(seed), U(epoch), U(0)))


@op(cut="N")
def ordered_rows(step, place, *, examples: int, stride: int, begin: int, seed: int):
    """rows = the examples as they stand, round and round        step () int   place (N) int   rows (N) int"""
    return (begin + int(step) * stride + place.astype(np.int64)) % examples


@ordered_rows.cpu
def ordered_rows_cpu(step, place, rows, examples, stride, begin, seed):
    for n in range(rows.size):
        rows[n] = (begin + step * stride + place[n]) % examples


@ordered_rows.cuda(gpu.numbers("N"))
def ordered_rows_cuda(step, place, rows, N, examples, stride, begin, seed):
    n = gpu.number()
    if n < N:
        rows[n] = (begin + step[0] * stride + place[n]) % examples


def mixed(h):
    """scalars.mix of every number of an array."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0xD35A2D97)
    return h ^ (h >> np.uint32(15))


@gpu.device
def line_of(step, rows, n, seed, tag):
    """The key of row n of a batch, from which its numbers are drawn."""
    return scalars.mix(U(scalars.key(U(seed), U(step[0]), U(tag)) ^ U(rows[n])))


@op(cut="N I")
def dropout(x, step, rows, columns, *, rate: float, seed: int, tag: int):
    """y = x / (1 - rate) where a coin of weight 1 - rate fell on its face, else 0 (Srivastava et al. 2014)

    The coin of a number depends on its row and column in the batch, not on who computes it.

    x (N, I)   step () int   rows (N) int   columns (I) int   y (N, I)
    """
    lines = mixed(scalars.key(seed, int(step), tag) ^ rows.astype(np.uint32))[:, None]
    bits = mixed(mixed(columns.astype(np.uint32) ^ lines) ^ np.uint32(0x9E3779B9)) >> np.uint32(8)
    return np.where(bits.astype(np.float32) / 16777216 >= np.float32(rate), x / (1 - rate), 0)


@dropout.gradient
def dropout_gradient(ops, d, x, step, rows, columns, y, rate, seed, tag):
    d[x] += ops.dropout(d[y], step, rows, columns, rate=rate, seed=seed, tag=tag)


@dropout.cpu
def dropout_cpu(x, step, rows, columns, y, rate, seed, tag):
    key = scalars.key(seed, step, tag)
    scale = ONE / (ONE - rate)
    for n in range(x.shape[0]):
        line = scalars.mix(U(key ^ U(rows[n])))
        for i in range(x.shape[1]):
            y[n, i] = x[n, i] * scale if scalars.uniform(line, U(columns[i])) >= rate else ZERO


@dropout.cuda(gpu.numbers("N", "I"))
def dropout_cuda(x, step, rows, columns, y, N, I, rate, seed, tag):  # noqa: E741
    n, i = gpu.place()
    if n < N and i < I:
        kept = scalars.uniform(line_of(step, rows, n, seed, tag), U(columns[i])) >= rate
        y[U(n * I + i)] = x[U(n * I + i)] * (ONE / (ONE - rate)) if kept else ZERO
