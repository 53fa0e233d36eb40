"""An op: one array operation and everything that is known about it, in one block.

The block's first function is the op's definition, in NumPy. Its docstring is read:
left of the "=" stand the results, behind each name its shape, "int" marks whole
numbers, "*" means any shape, and a result that is also an argument is updated in place.

    @op(cut="N M")
    def dense(x, W, b):
        '''y = x W + b        x (N, K)   W (K, M)   b (M)   y (N, M)'''
        return x @ W + b

`cut` names the letters along which threads may share the work: each thread gets a stretch
of that axis of every operand that has it, and whatever it computes there it computes alone,
with the same bits as if it had computed everything. "*" cuts arrays of any shape.

Everything here is plain Python: nothing is compiled, and Numba is not imported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

OPS: dict[str, Op] = {}
SCALARS: list[Callable] = []  # plain functions of numbers that kernels may call


class OpError(Exception):
    """An op was declared or called with operands that do not fit."""


def op(define=None, *, keeps=False, cut=""):
    """Declare an op. With keeps, its kernels can add to the result instead of replacing it."""
    return Op(define, keeps, cut) if define else lambda define: Op(define, keeps, cut)


def scalar(function):
    """Let kernels call this plain function of numbers."""
    SCALARS.append(function)
    return function


class Op:
    """One array operation: its definition, and what is attached to it below its definition."""

    def __init__(self, define, keeps=False, cut=""):
        self.define, self.keeps, self.name = define, keeps, define.__name__
        self.cut = tuple(cut.split())
        parameters = inspect.signature(define).parameters.values()
        self.inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.settings = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
        text = define.__doc__
        self.outputs = [name.strip() for name in text.split("=")[0].split(",")]
        found = re.findall(r"(\w+) \(([A-Z0-9*, ]*)\)( int)?", text)
        self.dims = {name: tuple(re.findall(r"\w+|\*", dims)) for name, dims, _ in found}
        self.whole = {name for name, _, whole in found if whole}
        self.results = [name for name in self.outputs if name not in self.inputs]
        self.updates = [name for name in self.outputs if name in self.inputs]
        self.operands = self.inputs + self.results
        self.letters = list(
            dict.fromkeys(
                "size" if d == "*" else d for name in self.operands for d in self.dims[name] if not d.isdigit()
            )
        )
        self.chain = self.cpu_kernel = None
        self.cuda_stages, self.cuda_room = [], None
        self.more_sizes = lambda size, **settings: {}
        for name in self.operands:
            if name not in self.dims:
                raise OpError(f"{self.name}: the docstring gives no shape for {name!r}")
        OPS[self.name] = self

    def __repr__(self):
        return f"op {self.name}"

    def sizes(self, rule):
        """Attach the sizes of letters that stand in no input: rule(size by letter, **settings) gives them by letter."""
        self.more_sizes = rule
        return rule

    def gradient(self, rule):
        """Attach the chain rule: from the results' gradients to the inputs' gradients."""
        self._same_names(rule, ["ops", "d", *self.operands])
        self.chain = rule
        return rule

    def cpu(self, kernel):
        """Attach the CPU kernel: a plain function over arrays, compiled when first linked."""
        self._same_names(kernel, self.operands)
        self.cpu_kernel = kernel
        return kernel

    def cuda(self, launch, room=None):
        """Attach a CUDA kernel and how it is launched (gpu.py); further ones are launched after it, in their order.

        room(sizes by letter, and settings by name) gives how many float32 they need beside their operands, at the
        address that each of them takes last.
        """

        def attach(kernel):
            if room is not None:
                self.cuda_room = room
            self._same_names(kernel, self.operands + self.letters, ["room"] * (self.cuda_room is not None))
            self.cuda_stages.append((kernel, launch))
            return kernel

        return attach

    def _same_names(self, sibling, names, last=()):
        wanted = names + list(self.settings)
        if "ops" not in names and self.keeps:
            wanted.append("keep")
        wanted += last
        got = list(inspect.signature(sibling).parameters)
        if got != wanted:
            raise OpError(f"{sibling.__name__} takes {got}; the definition of {self.name} asks for {wanted}")

    def shapes(self, inputs, settings) -> list[tuple]:
        """The results' shapes, from the inputs' shapes and the settings. Letters must agree."""
        if len(inputs) != len(self.inputs):
            raise OpError(f"{self.name} takes {', '.join(self.inputs)}; got {len(inputs)} operands")
        size: dict[str, object] = {}
        for name, slot in zip(self.inputs, inputs, strict=True):
            dims = self.dims[name]
            if dims != ("*",) and len(dims) != len(slot.shape):
                raise OpError(f"{self.name}: {name} is ({', '.join(dims)}), got {slot.name} {slot.shape}")
            pairs = [("*", slot.shape)] if dims == ("*",) else list(zip(dims, slot.shape, strict=True))
            for letter, n in pairs:
                if size.setdefault(letter, n) != n:
                    raise OpError(f"{self.name}: {letter} is {size[letter]}, but {slot.name} {slot.shape} has {n}")
        size |= self.more_sizes(size, **settings)
        return [
            size["*"]
            if self.dims[result] == ("*",)
            else tuple(int(d) if d.isdigit() else size[d] for d in self.dims[result])
            for result in self.results
        ]
