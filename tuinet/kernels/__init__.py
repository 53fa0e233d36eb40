"""All ops, by name. Kernels know arrays, not networks."""

from . import (  # noqa: F401
    attention,
    columns,
    convolution,
    losses,
    maps,
    normalisation,
    pooling,
    products,
    random,
    rows,
    updates,
    upsampling,
)
from .op import OPS, SCALARS, Op, OpError, op, scalar

__all__ = ["OPS", "SCALARS", "Op", "OpError", "op", "scalar"]
