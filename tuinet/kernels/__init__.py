"""All ops, by name. Kernels know arrays, not networks."""

from . import (  # noqa: F401
    attention,
    augmentation,
    batch_norm,
    columns,
    convolution,
    gru,
    losses,
    lstm,
    maps,
    normalisation,
    pooled_convolution,
    pooling,
    products,
    random,
    recurrence,
    rotary,
    rows,
    updates,
    upsampling,
)
from .op import OPS, SCALARS, Op, OpError, op, scalar

__all__ = ["OPS", "SCALARS", "Op", "OpError", "op", "scalar"]
