"""Attention: every position gathers what it needs from the others, wherever they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuinet.errors import ShapeError
from tuinet.fields import flag, whole
from tuinet.layers.base import Ops, WeightedLayer, sequence
from tuinet.shapes import ATTENTION_BLOCK, divisor

if TYPE_CHECKING:
    import numpy as np


CAUSAL = "causal", "write causal = true"


@dataclass(frozen=True, kw_only=True)
class Attention(WeightedLayer):
    """Mix the vectors of a sequence: each position takes of every other as much as its query fits the other's key.

    y = concatenate(softmax(q k^T / sqrt(D / heads)) v) Wo + bo        x, y (N, T, D)   Wq, Wk, Wv, Wo (D, D)
    q, k, v = x Wq + bq, x Wk + bk, x Wv + bv, cut into heads

    Vaswani et al. 2017. Steps that only fill a sequence up are not looked at. With cross, keys and values come from the
    encoder.
    """

    heads: int = whole(4, at_least=1, at_most=1_024, help="parts of the vectors that look around separately")
    causal: bool = flag(False, help="no position sees what comes after it, as is needed to predict the next token")
    cross: bool = flag(False, help="look at what the encoder has read instead of at the sequence itself")
    rotary: bool = flag(False, help="turn queries and keys by their place (Su et al. 2021), instead of positions")
    bias: bool = flag(True, help="add learned offsets")

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        return None if self.causal or self.cross else CAUSAL

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, width = sequence(x, "attention")
        if self.cross and self.causal:
            raise ShapeError("causal makes no sense across two sequences; leave out causal or cross")
        rows = ops.view(x, (x.shape[0] * steps, width))
        seen, lengths = memory_rows(ops, width) if self.cross else (rows, ops.lengths)
        mixed = attend(self, ops, rows, seen, x.shape[0], lengths, causal=self.causal)
        return ops.view(mixed, x.shape)


def memory_rows(ops: Ops, width: int) -> tuple[Any, Any]:
    """What the encoder has read as rows (N S, D), and how many steps of each example are real; ShapeError without."""
    if ops.memory is None:
        raise ShapeError(
            "it looks at what an encoder has read, but there is none before it; put it into a decoder, behind one"
        )
    memory, lengths = ops.memory
    batch, steps, numbers = memory.shape
    if numbers != width:
        raise ShapeError(f"vectors of {width} numbers cannot look at the encoder's of {numbers}; let them be as many")
    return ops.view(memory, (batch * steps, numbers)), lengths


def attend(layer: Any, ops: Ops, x: Any, seen: Any, batch: int, lengths: Any, *, causal: bool) -> Any:
    """Every row of x (N T, D) gathers from the rows of seen (N S, D); lengths (N) of S are real, None: all."""
    width, heads = x.shape[1], layer.heads
    steps, others = x.shape[0] // batch, seen.shape[0] // batch
    if width % heads or (layer.rotary and width % (2 * heads)):
        raise ShapeError(
            f"vectors of {width} numbers cannot be parted into {heads} heads"
            f"{' of an even size, which rotary needs' if layer.rotary else ''}; choose "
            f"{_fitting(width, heads, layer.rotary)}"
        )
    q, k, v = (
        ops.view(_project(layer, ops, rows, word), (batch, count * width))
        for word, rows, count in (("q", x, steps), ("k", seen, others), ("v", seen, others))
    )
    if layer.rotary:
        q, k = (_rotated(ops, z, count, width, heads) for z, count in ((q, steps), (k, others)))
    if lengths is None:
        lengths = ops.constant("lengths", [others] * batch)
    scratch = ops.scratch(others * (width // heads + ATTENTION_BLOCK + 1))
    y = ops.attention(q, k, v, lengths, scratch, steps=steps, heads=heads, causal=int(causal))[0]
    return _project(layer, ops, ops.view(y, (batch * steps, width)), "o")


def _fitting(width: int, heads: int, rotary: bool) -> str:
    """A number of heads that will do, in words."""
    if rotary and width % 2:
        return "vectors of an even size"
    return f"a number that divides them, such as {divisor(width // 2 if rotary else width, heads)}"


def _project(layer: Any, ops: Ops, rows: Any, word: str) -> Any:
    width = rows.shape[1]
    W = layer.weights(ops, f"W{word}", width, width)
    if not layer.bias:
        return ops.matmul_nn(rows, W)
    return ops.dense(rows, W, ops.parameter(f"b{word}", (width,), layer.bias_start, trainable=layer.trainable))


def _rotated(ops: Ops, x: Any, steps: int, width: int, heads: int) -> Any:
    cosines, sines = angles(steps, width // heads // 2)
    return ops.rotate(x, ops.constant("cosines", cosines), ops.constant("sines", sines), steps=steps, heads=heads)


def angles(steps: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of t / 10000^(i / half), flat (T half)."""
    import numpy as np

    turns = np.arange(steps)[:, None] / 10_000 ** (np.arange(half) / half)
    return np.cos(turns).ravel().astype(np.float32), np.sin(turns).ravel().astype(np.float32)
