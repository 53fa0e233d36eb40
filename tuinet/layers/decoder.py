"""The decoder: the half of a network that writes, token by token, with an eye on what the encoder has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.errors import ShapeError
from tuinet.layers.base import Ops, stack
from tuinet.layers.encoder import Half, source_of


@dataclass(frozen=True, kw_only=True)
class Decoder(Half):
    """Write the target: at each position the next token, from those before it and from the encoder's memory.

    y = layers(x[S:])        x (N, S + T) tokens: a start token and the target, one behind   y (N, T, V)

    Sutskever et al. 2014; Bahdanau et al. 2015.
    """

    def forward(self, ops: Ops, x: Any) -> Any:
        first = source_of(self, x)
        if ops.memory is None:
            raise ShapeError("there is no encoder before it; write [[encoder]] tables too")
        return stack(ops, self.layers, ops.slice_tokens(x, begin=first, width=x.shape[1] - first))
