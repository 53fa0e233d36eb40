"""A network: a stack of layers, every one with a name, and the sizes that the data decides filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuinet.errors import PresetError, ShapeError
from tuinet.fields import type_word
from tuinet.layers import LAYERS, Decoder, Encoder, Facts, Layer, Ops, bound, stack


@dataclass(frozen=True)
class Network:
    """Layers in order. Unnamed ones are called dense_1, dense_2 ... by their place among those of their type."""

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise PresetError("there is none; a network needs at least one [[layers]] table", key="layers")
        object.__setattr__(self, "layers", _named(self.layers, "", trainable=True))

    def bound(self, facts: Facts) -> Network:
        """The same with what the data decides as numbers: units = "classes" and "outputs", tokens, names of columns."""
        if facts.source_steps and not any(isinstance(layer, Decoder) for layer in self.layers):
            raise ShapeError(
                "the data are pairs of texts: an encoder reads one, a decoder writes the other; write [[encoder]] and "
                "[[decoder]] instead of [[layers]]",
                key="layers",
            )
        return Network(bound(self.layers, facts, on_data=True))

    def check_order(self) -> None:
        """ShapeError where a layer lets a position see what comes behind it: with data whose next token is predicted.

        What has seen the answer need not learn to predict it, and has none to see when it is to write. An encoder may
        look both ways: it reads what is given.
        """
        for layer in _walk(layer for layer in self.layers if not isinstance(layer, Encoder)):
            if layer.sees_ahead:
                setting, remedy = layer.sees_ahead
                raise ShapeError(
                    f"each position sees those behind it, and so the token that it is to predict; {remedy}",
                    key=f"layers.{layer.path}.{setting}",
                )

    def forward(self, ops: Ops, x: Any) -> Any:
        """Record every layer in the scope of its name; returns the network's outputs (N, ...).

        `ops.mark(path, layer, x, y)` is called after each layer, inner ones first, where ops has it.
        Raises ShapeError, its key naming the layer.
        """
        return stack(ops, self.layers, x)

    def walk(self) -> Iterator[Layer]:
        """Every layer, outer before inner; `layer.path` is its full name."""
        return _walk(self.layers)


def names(types: Sequence[str], given: Sequence[str | None]) -> list[str]:
    """A name for each layer of a stack: the given one, or its type's word with the next free number."""
    taken, counts, result = {name for name in given if name}, dict.fromkeys(types, 0), []
    for word, name in zip(types, given, strict=True):
        counts[word] += 1
        while not name and f"{word}_{counts[word]}" in taken:
            counts[word] += 1
        result.append(name or f"{word}_{counts[word]}")
    return result


def _named(layers: Iterable[Layer], above: str, trainable: bool) -> tuple[Layer, ...]:
    stack = tuple(layers)
    words = names([type_word(layer, LAYERS) for layer in stack], [layer.name for layer in stack])
    for place, word in enumerate(words):
        if word in words[:place]:
            raise PresetError(
                f'two layers are called "{word}"; give one of them another name', key=f"layers.{above}{word}.name"
            )
    return tuple(_placed(layer, word, above, trainable) for layer, word in zip(stack, words, strict=True))


def _placed(layer: Layer, name: str, above: str, trainable: bool) -> Layer:
    path = above + name
    layer = replace(layer, name=name, path=path, trainable=layer.trainable and trainable)
    return layer.around(_named(layer.inner, f"{path}.", layer.trainable))


def _walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        yield from _walk(layer.inner)
