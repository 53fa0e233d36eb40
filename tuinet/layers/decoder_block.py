"""The decoder block: a transformer block that also looks at what the encoder has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuinet.layers.attention import attend, memory_rows
from tuinet.layers.base import Ops, sequence
from tuinet.layers.block import Block


@dataclass(frozen=True, kw_only=True)
class DecoderBlock(Block):
    """Look at what is written so far, then at the encoder's memory, then think about it at each position.

    z = x + attention(norm(x)), causal;   c = z + attention(norm(z), memory);   y = c + f(norm(c)), f as in
    transformer_block; with place "post" the sums are normalised instead        x, y (N, T, D)   memory (N, S, D)

    Vaswani et al. 2017.
    """

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, width = sequence(x, "decoder_block")
        batch = x.shape[0]
        seen, lengths = memory_rows(ops, width)
        rows = ops.view(x, (batch * steps, width))
        rows = self.branch(ops, rows, "attention", lambda z: attend(self, ops, z, z, batch, ops.lengths, causal=True))
        rows = self.branch(ops, rows, "cross", lambda z: attend(self, ops, z, seen, batch, lengths, causal=False))
        rows = self.branch(ops, rows, "feedforward", lambda z: self.feedforward(ops, z))
        return ops.view(rows, x.shape)
