"""Group normalisation: of each example by itself, the channels of a group are brought to mean 0 and spread 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import real, whole
from tuinet.layers.base import Layer, Ops
from tuinet.layers.images import axes_of, rows
from tuinet.shapes import divisor


@dataclass(frozen=True, kw_only=True)
class GroupNorm(Layer):
    """Give every group of channels mean 0 and spread 1 over all places, then each channel a learned gain and offset.

    y = g (x - mean) / sqrt(variance + eps) + b        x, y (N, H, W, C) or (N, T, C)   g, b (C)
    mean and variance over the places and the C / groups channels of a group

    Unlike batch_norm it looks at one example alone, so small batches do, and prediction is as training. Wu and He 2018.
    """

    groups: int = whole(8, at_least=1, at_most=65_536, help="groups of neighbouring channels; 1: all of them together")
    eps: float = real(1e-5, at_least=1e-30, at_most=1.0, help="keeps the division away from 0")

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        return "groups", "a layer_norm or an rms_norm looks at each position by itself"

    def forward(self, ops: Ops, x: Any) -> Any:
        axes_of(x, "group_norm")
        channels = x.shape[-1]
        if channels % self.groups:
            raise ShapeError(
                f"{channels} channels cannot be parted into {self.groups} groups; choose a number that divides them, "
                f"such as {divisor(channels, self.groups)}"
            )
        g = ops.parameter("g", (channels,), 1.0, trainable=self.trainable)
        b = ops.parameter("b", (channels,), 0.0, trainable=self.trainable)
        y = ops.group_norm(rows(ops, x), g, b, groups=self.groups, eps=self.eps)[0]
        return ops.view(y, x.shape)
