"""The embedding: a learned vector for each token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tuinet.errors import ShapeError
from tuinet.fields import whole
from tuinet.layers.base import Facts, Ops, WeightedLayer


@dataclass(frozen=True, kw_only=True)
class Embedding(WeightedLayer):
    """Look up a vector for each token of a sequence; the vectors are learned.

    y[t] = W[x[t]]        x (N, T) whole numbers below V   y (N, T, O)   W (V, O)

    Bengio et al. 2003. An unembedding at the end may share W.
    """

    takes_tokens = True

    units: int = whole(at_least=1, at_most=65_536, help="numbers in the vector of a token, O")
    tokens: int | str = whole(
        "data", at_least=1, at_most=1_000_000, symbols=("data",), help="how many tokens there are, V; as the data has"
    )

    def bound(self, facts: Facts, on_data: bool) -> Embedding:
        if not isinstance(self.tokens, str):
            return self
        if not facts.tokens:
            raise ShapeError(
                "an embedding is for tokens, but the inputs of this data are numbers; leave it out",
                key=f"layers.{self.path}",
            )
        return replace(self, tokens=facts.tokens)

    def forward(self, ops: Ops, x: Any) -> Any:
        if isinstance(self.tokens, str):
            raise ShapeError('tokens = "data" is known only once data is bound; give a number here')
        batch, steps = x.shape
        W = self.weights(ops, "W", self.tokens, self.units)
        return ops.view(ops.take(W, ops.view(x, (batch * steps,))), (batch, steps, self.units))
