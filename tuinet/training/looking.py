"""Where a trained network looks: the weights of its attentions, for a text that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.layers import Attention
from tuinet.training.translating import END, START, translated, upto_end

if TYPE_CHECKING:
    from tuinet.data import Facts, Vocabulary
    from tuinet.network import Network

Weights = NDArray[np.floating[Any]]


class Looks(Protocol):
    """The part of a trainer that is needed here."""

    def outputs(self, inputs: NDArray[np.int32]) -> Weights: ...
    def attention(self, inputs: NDArray[np.int32]) -> dict[str, Weights]: ...


@dataclass(frozen=True)
class Looked:
    """One attention. weights (heads, T, S): what position t takes of s; along s they add up to 1.

    rows, columns: the tokens that stand there, of a decoder's rows those that it writes there.
    """

    layer: str
    rows: list[int]
    columns: list[int]
    weights: Weights

    @property
    def diagonal(self) -> float:
        """The mean weight, over heads, of what stands at the same place."""
        size = min(len(self.rows), len(self.columns))
        return float(self.weights[:, range(size), range(size)].mean())


def looked(trainer: Looks, network: Network, facts: Facts, vocabulary: Vocabulary, text: str,
           place: str = "the text") -> list[Looked]:  # fmt: skip
    """All attentions of the network, in the order of its layers, while it reads the text, or translates it greedily.

    DataError where the text is too long, or holds a character that did not come in training.
    """
    from tuinet.data.pairs import source_rows

    if not facts.source_steps:
        read = vocabulary.encode(text, place)[: vocabulary.window]
        row = np.zeros((1, vocabulary.window), np.int32)
        row[0, : len(read)] = read
        return [_cut(name, read.tolist(), read.tolist(), p) for name, p in trainer.attention(row).items()]
    sources = source_rows([text], vocabulary, [place])
    written = translated(trainer.outputs, sources, vocabulary.window).tokens[0].tolist()
    target = list(upto_end(written))
    source = [*upto_end(sources[0].tolist()), END]
    row = np.zeros((1, vocabulary.source + vocabulary.window), np.int32)
    row[0, : len(source)] = source
    seen = [START, *target][: vocabulary.window]
    row[0, vocabulary.source : vocabulary.source + len(seen)] = seen
    writes = [*target, END][: vocabulary.window]
    crossing = {layer.path for layer in network.walk() if isinstance(layer, Attention) and layer.cross}
    own = {layer.path for layer in network.walk()}
    found = []
    for name, p in trainer.attention(row).items():
        if name.split(".")[0] == "encoder":
            found.append(_cut(name, source, source, p))
        elif name in crossing or (name not in own and name.endswith(".cross")):
            found.append(_cut(name, writes, source, p))
        else:
            found.append(_cut(name, writes, seen, p))
    return found


def _cut(name: str, rows: Sequence[int], columns: Sequence[int], weights: Weights) -> Looked:
    return Looked(name, list(rows), list(columns), weights[:, : len(rows), : len(columns)])
