"""What the recurrent layers share: they read a sequence step by step, and keep a state of what they have read."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tuinet.fields import flag, late, part, real, whole
from tuinet.layers.base import Ops, WeightedLayer, sequence
from tuinet.layers.initializers import INITIALIZERS, Initializer

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Recurrent(WeightedLayer):
    """Settings of all recurrent layers; a cell says what a step does.

    Weights of each level and direction: Wx (I, gates H), Wh (H, gates H), b (gates H).
    """

    gates: ClassVar[int]  # sums that a step works out for each number of the state
    word: ClassVar[str]

    units: int = whole(at_least=1, at_most=16_384, help="numbers in the state, H")
    sequence: bool = flag(True, help="give the state at every step; false: only the last one")
    depth: int = whole(1, at_least=1, at_most=64, help="so many on top of each other, each reading the states below")
    bidirectional: bool = flag(False, help="read backwards too, with weights of its own; the states stand side by side")
    dropout: float = real(
        0.0, at_least=0.0, at_most=0.999999, live=True, help="share of the values left out between them"
    )
    truncate: int = whole(
        0, at_least=0, at_most=1_000_000,
        help="gradients go back within stretches of so many steps, the state through all; 0: gradients too",
    )  # fmt: skip
    bias: bool = flag(True, help="add learned offsets")
    recurrent_initializer: Initializer = late(  # noqa: RUF009 - makes a field, as dataclasses.field does
        part("orthogonal", INITIALIZERS, noun="an initializer", help="distribution Wh is drawn from, gate by gate")
    )

    @abstractmethod
    def states(self, ops: Ops, z: Any, Wh: Any, lengths: Any, scratch: Any, **how: int) -> Any:
        """Record the states h (N, T H) of what the inputs add to the sums, z (N, T gates H)."""

    def offsets(self) -> Any:
        """What b starts with."""
        return self.bias_start

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        return ("bidirectional", "write bidirectional = false") if self.bidirectional and self.sequence else None

    def forward(self, ops: Ops, x: Any) -> Any:
        steps, _ = sequence(x, self.word)
        batch = x.shape[0]
        lengths = ops.lengths
        if lengths is None:
            lengths = ops.constant("lengths", [steps] * batch)
        for level in range(self.depth):
            last = level == self.depth - 1
            with ops.scope(f"level_{level + 1}") if self.depth > 1 else nullcontext():
                x = self._level(ops, x, steps, lengths, self.sequence or not last)
            if self.dropout and ops.training and not last:
                x = ops.dropout_rows(x, self.dropout)
        return x

    def _level(self, ops: Ops, x: Any, steps: int, lengths: Any, every: bool) -> Any:
        """The states of one level at every step (N, T, H), or the last ones (N, H); 2 H where it reads both ways."""
        if not self.bidirectional:
            return self._one_way(ops, x, steps, lengths, every, False)
        found = []
        for word, backwards in (("forwards", False), ("backwards", True)):
            with ops.scope(word):
                found.append(self._one_way(ops, x, steps, lengths, every, backwards))
        if not every:
            return ops.concatenate(*found)
        both = ops.concatenate(*(ops.view(h, (h.shape[0] * steps, self.units)) for h in found))
        return ops.view(both, (x.shape[0], steps, 2 * self.units))

    def _one_way(self, ops: Ops, x: Any, steps: int, lengths: Any, every: bool, backwards: bool) -> Any:
        batch, _, inputs = x.shape
        sums = self.gates * self.units
        rows = ops.view(x, (batch * steps, inputs))
        Wx = self.weights(ops, "Wx", inputs, self.units, (inputs, sums))
        Wh = self._recurrent_weights(ops)
        if self.bias:
            z = ops.dense(rows, Wx, ops.parameter("b", (sums,), self.offsets(), trainable=self.trainable))
        else:
            z = ops.matmul_nn(rows, Wx)
        scratch = ops.scratch(batch * (sums + 2 * self.units))
        how = {"steps": steps, "backwards": int(backwards), "truncate": self.truncate}
        h = self.states(ops, ops.view(z, (batch, steps * sums)), Wh, lengths, scratch, **how)
        if every:
            return ops.view(h, (batch, steps, self.units))
        # Steps that are not real leave the state as it is: at the far end stands the one after the last real step.
        return ops.slice_columns(h, begin=0 if backwards else (steps - 1) * self.units, width=self.units)

    def _recurrent_weights(self, ops: Ops) -> Any:
        initializer, units, gates = self.recurrent_initializer, self.units, self.gates

        def start(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            import numpy as np

            return np.concatenate([initializer.sample(rng, (units, units), units, units) for _ in range(gates)], 1)

        shape = (units, gates * units)
        return ops.parameter("Wh", shape, start, l1=self.l1, l2=self.l2, trainable=self.trainable)
