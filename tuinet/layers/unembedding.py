"""The unembedding: an embedding read backwards, from vectors to a score for each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import flag, text
from tuinet.layers.base import NAME, Layer, Ops, vectors


@dataclass(frozen=True, kw_only=True)
class Unembedding(Layer):
    """Score every token by how well its embedding fits: the output layer with the embedding's own weights.

    y = x W^T + b        x (N, T, I) or (N, I)   y (N, T, V) or (N, V)   W (V, I), of the embedding   b (V)

    Press and Wolf 2017 (weight tying): fewer weights, and both ends learn the same vectors.
    """

    embedding: str = text("embedding_1", pattern=NAME, noun="a layer's name", help="the embedding whose weights it has")
    bias: bool = flag(True, help="add a learned offset b to every token's score")

    def forward(self, ops: Ops, x: Any) -> Any:
        W = self._weights(ops)
        if W is None:
            raise ShapeError(
                f'there is no embedding called "{self.embedding}" before it; write the name of the one that is there, '
                "or put one first"
            )
        rows, inputs = vectors(ops, x, "unembedding")
        tokens, units = W.shape
        if inputs != units:
            raise ShapeError(
                f"vectors of {inputs} numbers come in, but those of {self.embedding} have {units}; let them be as many"
            )
        y = ops.matmul_nt(rows, W)
        if self.bias:
            y = ops.add_row(y, ops.parameter("b", (tokens,), 0.0, trainable=self.trainable))
        return ops.view(y, (*x.shape[:-1], tokens))

    def _weights(self, ops: Ops) -> Any:
        """Of the embedding of that name beside this layer, or around it."""
        above = self.path.split(".")[:-1]
        names = [".".join([*above[:depth], self.embedding, "W"]) for depth in range(len(above), -1, -1)]
        return next((W for W in map(ops.shared, names) if W is not None), None)
