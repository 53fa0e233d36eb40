"""What a layer is, and what it is handed.

A layer is its settings and its forward pass, said in ops that it is handed. Handed a recorder, it leaves its op calls
behind as a list; the gradient follows from that list by the chain rule, so no layer says a backward pass.

Letters, here and everywhere: N examples of a batch, I inputs, O outputs, C classes; x in, y out, W and b a layer's
weights and offsets, g and b a normalisation's gain and offset. The first axis of every value is N.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tuinet.errors import ShapeError
from tuinet.fields import Field, describe, flag, late, optional, part, real, text
from tuinet.layers.initializers import INITIALIZERS, Initializer

if TYPE_CHECKING:
    import numpy as np

    Start = float | Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"


class Slot(Protocol):
    """An array of the program: its name and its shape, N first."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def __add__(self, other: Any) -> Any: ...


class Ops(Protocol):
    """What writes op calls down. Every op of the kernels is a method besides those named here."""

    @property
    def training(self) -> bool: ...
    @property
    def step(self) -> Any: ...

    lengths: Any
    memory: Any

    def scope(self, name: str) -> AbstractContextManager[Any]: ...
    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        start: Start,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        trainable: bool = True,
    ) -> Any: ...
    def shared(self, name: str) -> Any: ...
    def statistic(self, name: str, shape: tuple[int, ...], start: Start) -> Any: ...
    def constant(self, name: str, array: Any) -> Any: ...
    def view(self, x: Any, shape: tuple[int, ...]) -> Any: ...
    def scratch(self, size: int) -> Any: ...
    def __getattr__(self, op: str) -> Callable[..., Any]: ...


class Facts(Protocol):
    """What a network has to know of the data.

    tokens: size of the vocabulary, 0 where the inputs are numbers. columns: names of the inputs, where they have any.
    steps: how many targets an example has where each position has its own; of tokens it is the next token then.
    """

    @property
    def classes(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def tokens(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def source_steps(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Layer(ABC):
    """Settings are fields; `forward` records the layer's op calls and returns y."""

    name: str | None = optional(
        text(pattern=NAME, noun="letters, digits, _ and -, a letter first", help="how the layer is addressed")
    )
    trainable: bool = late(flag(True, help="false: the layer keeps the weights it starts with"))

    path: str = field(default="", compare=False)  # full name, "residual_1.dense_2"; the network fills it in

    takes_tokens: ClassVar[bool | None] = False  # whether x is whole numbers, as of characters; None: either

    @abstractmethod
    def forward(self, ops: Ops, x: Any) -> Any:
        """Record y of x, both slots with the batch N first. Raises ShapeError where x does not fit."""

    def bound(self, facts: Facts, on_data: bool) -> Layer:
        """The same layer with what the data decides as numbers. on_data: what comes in are the data's own inputs."""
        return self

    @property
    def sees_ahead(self) -> tuple[str, str] | None:
        """The setting by which a position of a sequence sees those behind it, and the remedy; None: it does not."""
        return None

    @property
    def inner(self) -> tuple[Layer, ...]:
        """The layers inside this one, in the order in which they are written; none for most."""
        holder = holding(type(self))
        return getattr(self, holder.name) if holder else ()

    def around(self, layers: Sequence[Layer]) -> Layer:
        """The same layer with these inside."""
        holder = holding(type(self))
        changed: dict[str, Any] = {holder.name: tuple(layers)} if holder else {}
        return replace(self, **changed) if changed else self


@cache
def holding(cls: type[Layer]) -> Field | None:
    """The setting under which layers of this kind hold others: layers of a residual, branches of a branches."""
    return next((field for field in describe(cls) if field.kind == "stack"), None)


@dataclass(frozen=True, kw_only=True)
class WeightedLayer(Layer):
    """A layer with a weight matrix: how it starts, and what its size costs."""

    initializer: Initializer = late(  # noqa: RUF009 - makes a field, as dataclasses.field does
        part("glorot_uniform", INITIALIZERS, noun="an initializer", help="distribution the weights are drawn from")
    )
    bias_start: float = late(real(0.0, help="value that every offset b starts with"))
    l1: float = late(real(0.0, at_least=0.0, live=True, help="adds l1 times the sum of |W| to the loss"))
    l2: float = late(real(0.0, at_least=0.0, live=True, help="adds l2 times the sum of W squared to the loss"))

    def weights(self, ops: Ops, name: str, inputs: int, outputs: int, shape: tuple[int, ...] | None = None) -> Any:
        """Weights under this layer's penalties, drawn by the initializer: a matrix (I, O), or of another shape.

        inputs: how many are added up to an output. outputs: how many read an input.
        """
        initializer = self.initializer

        def start(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
            return initializer.sample(rng, shape, inputs, outputs)

        return ops.parameter(name, shape or (inputs, outputs), start, l1=self.l1, l2=self.l2, trainable=self.trainable)


def stack(ops: Ops, layers: Iterable[Layer], x: Any) -> Any:
    """Run layers one after the other."""
    for layer in layers:
        x = apply(ops, layer, x)
    return x


def bound(layers: Iterable[Layer], facts: Facts, on_data: bool) -> tuple[Layer, ...]:
    """Layers that stand one after the other, bound: what comes into the stack comes into the first of them."""
    return tuple(layer.bound(facts, on_data and place == 0) for place, layer in enumerate(layers))


def apply(ops: Ops, layer: Layer, x: Any) -> Any:
    """Run a layer in the scope of its name; tells `ops.mark`, where there is one."""
    with ops.scope(layer.name or layer.path):
        y = fit(layer, ops, x)
    mark = getattr(ops, "mark", None)
    if mark is not None:
        mark(layer.path or layer.name, layer, x, y)
    return y


def fit(layer: Layer, ops: Ops, x: Any) -> Any:
    """The layer's forward pass; a ShapeError learns which layer it was."""
    try:
        if layer.takes_tokens not in (None, getattr(x, "whole", False)):
            raise ShapeError(
                f"this layer is for tokens, but numbers {each(x)} come in; it stands first, on text"
                if layer.takes_tokens
                else f"this layer is for numbers, but tokens {each(x)} come in; put an embedding before it"
            )
        return layer.forward(ops, x)
    except ShapeError as error:
        raise error if error.key else error.at(key=f"layers.{layer.path}") from None


def vectors(ops: Ops, x: Any, who: str) -> tuple[Any, int]:
    """x as rows of I numbers, and I: a row for each example (I), or for each position of a sequence (T, I)."""
    if len(x.shape) > 3:
        raise ShapeError(
            f"{who} wants a flat input (I), or a sequence (T, I), but {each(x)} comes in; put a flatten layer before it"
        )
    width = x.shape[-1]
    return ops.view(x, (prod(x.shape[:-1]), width)), width


def sequence(x: Slot, who: str) -> tuple[int, int]:
    """T and D of a sequence (N, T, D), or ShapeError with the remedy."""
    if len(x.shape) != 3:
        raise ShapeError(
            f"{who} wants a sequence (T, D), but {each(x)} comes in; put an embedding or a reshape before it"
        )
    return x.shape[1], x.shape[2]


def each(x: Slot) -> str:
    """The shape of one example in words: (28, 28)."""
    return "(" + ", ".join(str(size) for size in x.shape[1:]) + ")"


def every_layer() -> Mapping[str, type[Layer]]:
    """What a layer that holds layers may hold: any, its own kind too. The table is made after the kinds."""
    from tuinet.layers import LAYERS

    return LAYERS
