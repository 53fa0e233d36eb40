"""A stand-in for the engine's recorder: it computes shapes, keeps the op calls, and knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any


@dataclass
class Shaped:
    """A slot that is only a name and a shape."""

    name: str
    shape: tuple[int, ...]
    whole: bool = False

    def __add__(self, other: Shaped) -> Shaped:
        assert self.shape == other.shape
        return Shaped("add", self.shape)


@dataclass
class ShapeRecorder:
    """Every op gives its first operand's shape, but for products, losses, and what changes columns or images."""

    training: bool = True
    step: Shaped = field(default_factory=lambda: Shaped("step", ()))
    lengths: Any = None
    memory: Any = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    statistics: dict[str, tuple[int, ...]] = field(default_factory=dict)
    marks: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    lengths: Any = None

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        self.scopes.append(name)
        yield
        self.scopes.pop()

    def parameter(self, name: str, shape: tuple[int, ...], start: Any, **settings: Any) -> Shaped:
        full = ".".join([*self.scopes, name])
        self.parameters[full] = {"shape": shape, "start": start, **settings}
        return Shaped(full, shape)

    def statistic(self, name: str, shape: tuple[int, ...], start: Any) -> Shaped:
        full = ".".join([*self.scopes, name])
        self.statistics[full] = shape
        return Shaped(full, shape)

    def constant(self, name: str, array: Any) -> Shaped:
        self.calls.append(("constant", {"array": array}))
        return Shaped(name, getattr(array, "shape", (len(array),)))

    def shared(self, name: str) -> Any:
        return Shaped(name, self.parameters[name]["shape"]) if name in self.parameters else None

    def scratch(self, size: int) -> Shaped:
        return Shaped("scratch", (size,))

    def view(self, x: Shaped, shape: tuple[int, ...]) -> Shaped:
        assert prod(shape) == prod(x.shape)
        return Shaped("view", shape)

    def mark(self, path: str, layer: Any, x: Shaped, y: Shaped) -> None:
        self.marks.append((path, x.shape, y.shape))

    def __getattr__(self, op: str) -> Any:
        if op.startswith("_"):
            raise AttributeError(op)

        def record(x: Shaped, *operands: Any, **settings: Any) -> Any:
            self.calls.append((op, settings))
            if op in ("dense", "matmul_nn"):
                return Shaped(op, (x.shape[0], operands[0].shape[1]))
            if op == "matmul_nt":
                return Shaped(op, (x.shape[0], operands[0].shape[0]))
            if op == "take":
                return Shaped(op, (*operands[0].shape, x.shape[1]))
            if op == "batch_norm":
                return (Shaped(op, x.shape), *(Shaped("rest", x.shape[1:]) for _ in range(3)))
            if op in ("cross_entropy", "layer_norm", "rms_norm", "attention"):
                shape = x.shape[:1] if op == "cross_entropy" else x.shape
                return (Shaped(op, shape), Shaped("rest", shape))
            if "steps" in settings and op in ("rnn", "gru", "lstm"):
                h = Shaped(op, (x.shape[0], settings["steps"] * operands[0].shape[0]))
                return h if op == "rnn" else (x, h, h)
            if op == "slice_tokens":
                return Shaped(op, (x.shape[0], settings["width"]), whole=True)
            if op == "lengths_of":
                return Shaped(op, x.shape[:1], whole=True)
            if op == "turned":
                return Shaped(op, x.shape[::-1])
            if op in ("concatenate", "slice_columns", "choose_columns"):
                width = settings["width"] if op == "slice_columns" else operands[0].shape[-1]
                return Shaped(op, (x.shape[0], width + x.shape[1] * (op == "concatenate")))
            if op == "group_norm":
                return (Shaped(op, x.shape), Shaped("rest", x.shape), Shaped("rest", (x.shape[0], settings["groups"])))
            if op in ("conv2d_inputs", "upsample"):
                return Shaped(op, (x.shape[0], prod(settings["geometry"][:3])))
            if "geometry" in settings:
                places = settings["geometry"].rows * settings["geometry"].columns
                outputs = operands[0].shape[1] if op == "conv2d" else settings["geometry"].channels
                y = Shaped(op, (x.shape[0], places * outputs))
                return (y, Shaped("place", y.shape)) if op == "max_pool" else y
            if op in ("binary_cross_entropy", "squared_error", "absolute_error", "huber"):
                return Shaped(op, x.shape[:1])
            return Shaped(op, x.shape)

        return record
