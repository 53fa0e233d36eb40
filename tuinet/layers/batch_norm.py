"""Batch normalisation: the values of every unit, or of every channel, are brought to the same mean and spread."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from tuinet.fields import real
from tuinet.layers.base import Layer, Ops


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Layer):
    """Give every column mean 0 and spread 1 over the batch, then a learned gain and offset.

    y = g (x - mean) / sqrt(variance + eps) + b        x, y (N, I)   g, b, mean, variance (I)

    Of an image or a sequence every channel is a column, and every place of every example a row: x, y (N, H, W, I).

    mean and variance are the batch's while training; prediction, and a layer that is not trainable, use the running
    ones, which keep `momentum` of themselves at every step.
    """

    momentum: float = real(0.9, at_least=0.0, below=1.0, help="share of the running statistics kept at each step")
    eps: float = real(1e-5, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    def forward(self, ops: Ops, x: Any) -> Any:
        inputs = x.shape[-1]
        g = ops.parameter("g", (inputs,), 1.0, trainable=self.trainable)
        b = ops.parameter("b", (inputs,), 0.0, trainable=self.trainable)
        mean = ops.statistic("mean", (inputs,), 0.0)
        variance = ops.statistic("variance", (inputs,), 1.0)
        columns = x if len(x.shape) == 2 else ops.view(x, (prod(x.shape[:-1]), inputs))
        if ops.training and self.trainable:
            y, _, of_batch, spread = ops.batch_norm(columns, g, b, eps=self.eps)
            ops.track(mean, of_batch, momentum=self.momentum)
            ops.track(variance, spread, momentum=self.momentum)
        else:
            y = ops.batch_norm_fixed(columns, g, b, mean, variance, eps=self.eps)
        return y if len(x.shape) == 2 else ops.view(y, x.shape)
