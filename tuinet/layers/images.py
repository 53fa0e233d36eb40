"""What layers that work on images share: reading the shape of an image, and laying it out as the ops want it."""

from __future__ import annotations

from math import prod
from typing import Any

from tuinet.errors import ShapeError
from tuinet.layers.base import Ops, Slot, each
from tuinet.shapes import Geometry


def image(x: Slot, who: str, axes: int = 2) -> tuple[int, int, int]:
    """(height, width, channels) of an image, or (1, length, channels) of a sequence where axes is 1."""
    wanted = "an image (height, width, channels)" if axes == 2 else "a sequence (length, channels)"
    if len(x.shape) != axes + 2:
        shape = "[28, 28, 1]" if axes == 2 else "[100, 1]"
        raise ShapeError(
            f"{who} wants {wanted}, but {each(x)} comes in; put a reshape to such a shape, {shape}, before it"
        )
    return (1, *x.shape[1:])[-3:]  # type: ignore[return-value]


def axes_of(x: Slot, who: str) -> int:
    """2 for an image, 1 for a sequence; ShapeError with the remedy for anything else."""
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"{who} wants an image (height, width, channels) or a sequence (length, channels), "
            f"but {each(x)} comes in; put a reshape before it"
        )
    return len(x.shape) - 2


def rows(ops: Ops, x: Any) -> Any:
    """Images as rows of numbers (N, ...)."""
    return ops.view(x, (x.shape[0], prod(x.shape[1:])))


def shaped(ops: Ops, y: Any, geometry: Geometry, channels: int, axes: int = 2) -> Any:
    """Rows of numbers as images (N, rows, columns, channels), or as sequences (N, columns, channels)."""
    return ops.view(y, (y.shape[0], *(geometry.rows, geometry.columns)[2 - axes :], channels))
