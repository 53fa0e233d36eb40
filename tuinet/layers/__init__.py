"""Layers, one file each. A layer is its settings and its forward pass."""

from __future__ import annotations

from tuinet.layers.activation import FUNCTIONS, Activation
from tuinet.layers.base import Layer, Ops, Slot, stack
from tuinet.layers.batch_norm import BatchNorm
from tuinet.layers.dense import Dense
from tuinet.layers.dropout import Dropout
from tuinet.layers.flatten import Flatten
from tuinet.layers.initializers import INITIALIZERS, Initializer
from tuinet.layers.layer_norm import LayerNorm
from tuinet.layers.reshape import Reshape
from tuinet.layers.residual import Residual

LAYERS: dict[str, type[Layer]] = {
    "activation": Activation,
    "batch_norm": BatchNorm,
    "dense": Dense,
    "dropout": Dropout,
    "flatten": Flatten,
    "layer_norm": LayerNorm,
    "reshape": Reshape,
    "residual": Residual,
}

__all__ = [
    "FUNCTIONS",
    "INITIALIZERS",
    "LAYERS",
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Flatten",
    "Initializer",
    "Layer",
    "LayerNorm",
    "Ops",
    "Reshape",
    "Residual",
    "Slot",
    "stack",
]
