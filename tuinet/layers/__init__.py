"""Layers, one file each. A layer is its settings and its forward pass."""

from __future__ import annotations

from tuinet.layers.activation import FUNCTIONS, Activation
from tuinet.layers.attention import Attention
from tuinet.layers.average_pool import AveragePool
from tuinet.layers.base import Facts, Layer, Ops, Slot, bound, holding, stack
from tuinet.layers.batch_norm import BatchNorm
from tuinet.layers.branches import Branch, Branches
from tuinet.layers.conv1d import Conv1d
from tuinet.layers.conv2d import Conv2d
from tuinet.layers.conv2d_transpose import Conv2dTranspose
from tuinet.layers.decoder import Decoder
from tuinet.layers.decoder_block import DecoderBlock
from tuinet.layers.dense import Dense
from tuinet.layers.dropout import Dropout
from tuinet.layers.embedding import Embedding
from tuinet.layers.encoder import Encoder
from tuinet.layers.flatten import Flatten
from tuinet.layers.global_average_pool import GlobalAveragePool
from tuinet.layers.global_max_pool import GlobalMaxPool
from tuinet.layers.group_norm import GroupNorm
from tuinet.layers.gru import Gru
from tuinet.layers.initializers import INITIALIZERS, Initializer
from tuinet.layers.layer_norm import LayerNorm
from tuinet.layers.lstm import Lstm
from tuinet.layers.max_pool import MaxPool
from tuinet.layers.positions import Positions
from tuinet.layers.reshape import Reshape
from tuinet.layers.residual import Residual
from tuinet.layers.rms_norm import RmsNorm
from tuinet.layers.rnn import Rnn
from tuinet.layers.spatial_dropout import SpatialDropout
from tuinet.layers.transformer_block import TransformerBlock
from tuinet.layers.unembedding import Unembedding
from tuinet.layers.upsample import Upsample

LAYERS: dict[str, type[Layer]] = {
    "activation": Activation,
    "attention": Attention,
    "average_pool": AveragePool,
    "batch_norm": BatchNorm,
    "branch": Branch,
    "branches": Branches,
    "conv1d": Conv1d,
    "conv2d": Conv2d,
    "conv2d_transpose": Conv2dTranspose,
    "decoder": Decoder,
    "decoder_block": DecoderBlock,
    "dense": Dense,
    "dropout": Dropout,
    "embedding": Embedding,
    "encoder": Encoder,
    "flatten": Flatten,
    "global_average_pool": GlobalAveragePool,
    "global_max_pool": GlobalMaxPool,
    "group_norm": GroupNorm,
    "gru": Gru,
    "layer_norm": LayerNorm,
    "lstm": Lstm,
    "max_pool": MaxPool,
    "positions": Positions,
    "reshape": Reshape,
    "residual": Residual,
    "rms_norm": RmsNorm,
    "rnn": Rnn,
    "spatial_dropout": SpatialDropout,
    "transformer_block": TransformerBlock,
    "unembedding": Unembedding,
    "upsample": Upsample,
}

__all__ = [
    "FUNCTIONS",
    "INITIALIZERS",
    "LAYERS",
    "Activation",
    "Attention",
    "AveragePool",
    "BatchNorm",
    "Branch",
    "Branches",
    "Conv1d",
    "Conv2d",
    "Conv2dTranspose",
    "Decoder",
    "DecoderBlock",
    "Dense",
    "Dropout",
    "Embedding",
    "Encoder",
    "Facts",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "Gru",
    "Initializer",
    "Layer",
    "LayerNorm",
    "Lstm",
    "MaxPool",
    "Ops",
    "Positions",
    "Reshape",
    "Residual",
    "RmsNorm",
    "Rnn",
    "Slot",
    "SpatialDropout",
    "TransformerBlock",
    "Unembedding",
    "Upsample",
    "bound",
    "holding",
    "stack",
]
