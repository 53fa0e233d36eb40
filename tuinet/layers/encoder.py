"""The encoder: the half of a network that reads a source, for a decoder to look at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tuinet.errors import PresetError, ShapeError
from tuinet.fields import stack as stack_field
from tuinet.layers.base import Facts, Layer, Ops, bound, each, every_layer, stack


@dataclass(frozen=True, kw_only=True)
class Half(Layer):
    """What encoder and decoder share: layers inside, and tokens of which the first `source` are the source's."""

    takes_tokens = True

    layers: tuple[Layer, ...] = stack_field(every_layer, noun="a layer type", help="the stack inside")

    source: int = field(default=0, compare=False)  # tokens of the source in front; the data fills it in

    def __post_init__(self) -> None:
        if not self.layers:
            raise PresetError("is empty; put at least one layer inside", key="layers")

    def bound(self, facts: Facts, on_data: bool) -> Half:
        if not facts.source_steps:
            raise ShapeError(
                "encoder and decoder are for pairs of texts, which this data has not; write [[layers]] instead",
                key=f"layers.{self.path}",
            )
        return replace(self, layers=bound(self.layers, facts, on_data), source=facts.source_steps)


@dataclass(frozen=True, kw_only=True)
class Encoder(Half):
    """Read the source; what comes out is kept for the decoder, which looks at it by cross attention.

    memory = layers(x[:S])        x (N, S + T) tokens, 0 behind the source's end   memory (N, S, D)   y = x

    Sutskever et al. 2014; Bahdanau et al. 2015.
    """

    def forward(self, ops: Ops, x: Any) -> Any:
        source = ops.slice_tokens(x, begin=0, width=source_of(self, x))
        ops.lengths = ops.lengths_of(source)
        memory = stack(ops, self.layers, source)
        if len(memory.shape) != 3:
            raise ShapeError(
                f"the layers inside give {each(memory)}, but the decoder looks at a sequence (S, D); keep the "
                "positions apart"
            )
        ops.memory, ops.lengths = (memory, ops.lengths), None
        return x


def source_of(half: Half, x: Any) -> int:
    """S, the tokens of the source in front of x (N, S + T)."""
    if not 0 < half.source < x.shape[1]:
        raise ShapeError("encoder and decoder are known to fit only once data is bound")
    return half.source
