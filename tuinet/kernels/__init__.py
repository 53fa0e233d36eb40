"""All ops, by name. Kernels know arrays, not networks."""

from . import attention, convolution, losses, maps, normalisation, pooling, products, random, rows, updates  # noqa: F401
from .op import OPS, SCALARS, Op, OpError, op, scalar

__all__ = ["OPS", "SCALARS", "Op", "OpError", "op", "scalar"]
