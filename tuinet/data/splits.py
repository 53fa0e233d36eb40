"""Which examples train, which validate, which test: drawn by seed, or by the order in time, or as published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuinet.data.settings import DataSettings
from tuinet.errors import PresetError
from tuinet.safe_text import safe

Indices = NDArray[np.intp]
_NONE: Indices = np.empty(0, np.intp)


@dataclass(frozen=True, eq=False)
class Split:
    """Places of the examples of each part; the order of train is the order in which `limit` takes them."""

    train: Indices
    validation: Indices
    test: Indices


def random_numbers(seed: int, purpose: int) -> np.random.Generator:
    """Philox numbers that depend on the seed and on what they are for, and on nothing drawn before."""
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, purpose]))


def split(settings: DataSettings, n: int, own_test: int, labels: NDArray[np.integer] | None, kind: str,
          seed: int) -> Split:  # fmt: skip
    """Parts of n examples, the last own_test of which are the set's own test part.

    labels: classes (n) where the split is to keep their shares. kind: random, stratified, time, or uci-0 to uci-19.
    """
    _check(settings, n, own_test, kind)
    rest, test = np.arange(n - own_test), np.arange(n - own_test, n)
    if kind.startswith("uci-"):
        rest, test = published(n, int(kind[4:]))
    on_test = settings.validation == "test"
    share = 0.0 if on_test else float(settings.validation)
    held_out = _count(share, len(rest)), _count(settings.test, len(rest))
    if sum(held_out) >= len(rest):
        raise PresetError(
            f"{len(rest):,} examples are too few: {held_out[0]} for validation and {held_out[1]} for the test leave "
            "none to train on",
            key="data.validation",
        )
    train, validation, drawn_test = _drawn(rest, held_out, labels if kind == "stratified" else None, kind, seed)
    test = test if len(test) else drawn_test
    train = train[: settings.limit]
    return Split(train, test, _NONE) if on_test else Split(train, validation, test)


def by_document(
    settings: DataSettings, documents: NDArray[np.integer], labels: NDArray[np.integer], seed: int
) -> Split:
    """Whole documents on either side of the split, drawn class by class: a class's documents, shuffled, are held out as
    long as its share of the examples is not passed, and at least one of them is, and at least one trains.
    """
    on_test = settings.validation == "test"
    shares = (0.0 if on_test else float(settings.validation), settings.test)
    if on_test and settings.test == 0:
        _check(settings, len(labels), 0, "documents")
    rng, parts = random_numbers(seed, 1), np.zeros(len(labels), np.int8)
    for label in np.unique(labels):
        own = labels == label
        waiting = list(rng.permutation(np.unique(documents[own])))
        for part, share in enumerate(shares, 1):
            taken = 0
            while share > 0 and waiting:
                size = int((documents == waiting[0]).sum())
                if taken and taken + size > share * own.sum():
                    break
                parts[documents == waiting.pop(0)] = part
                taken += size
        if not waiting:
            raise PresetError("a class has too few files for these shares; hold out less", key="data.validation")
    train, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    train = rng.permutation(train)[: settings.limit]
    return Split(train, test, _NONE) if on_test else Split(train, validation, test)


def by_source(settings: DataSettings, sources: NDArray[np.integer], seed: int) -> Split:
    """Whole sources on either side of the split, drawn at random until a part has its share of the pairs.

    sources: which text each pair is from (n), so that no text stands in two parts, however often it is translated.
    """
    n, on_test = len(sources), settings.validation == "test"
    _check(settings, n, 0, "sources")
    rng = random_numbers(seed, 1)
    names, sizes = np.unique(sources, return_counts=True)
    order = rng.permutation(len(names))
    ends = np.cumsum(sizes[order])  # pairs up to and with each source
    part_of, begin = np.zeros(len(names), np.int8), 0
    for part, share in enumerate((0.0 if on_test else float(settings.validation), settings.test), 1):
        before = ends[begin - 1] if begin else 0
        count = _count(share, n)
        end = int(np.searchsorted(ends, before + count)) + 1 if count else begin
        part_of[order[begin:end]], begin = part, end
    if begin >= len(names):
        raise PresetError(f"{len(names):,} different sources are too few for these shares", key="data.validation")
    parts = part_of[np.searchsorted(names, sources)]
    train, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    train = rng.permutation(train)[: settings.limit]
    return Split(train, test, _NONE) if on_test else Split(train, validation, test)


def _check(settings: DataSettings, n: int, own_test: int, kind: str) -> None:
    has_test = own_test > 0 or kind.startswith("uci-")
    if has_test and settings.test > 0:
        where = f"the split {kind}" if kind.startswith("uci-") else f"the set (its last {own_test:,} examples)"
        raise PresetError(f"a test part comes with {where}; leave test out", key="data.test")
    if settings.validation == "test" and not has_test and settings.test == 0:
        raise PresetError(
            '"test" needs a test part, and this set comes without one; give a share such as validation = 0.1, '
            "or test = 0.2",
            key="data.validation",
        )
    if own_test and kind.startswith("uci-"):
        raise PresetError("the published splits are for sets without a test part of their own", key="data.split")
    if n - own_test < 2:
        words = "1 example is" if n - own_test == 1 else "no examples are"
        words += " too few to train on; two are needed at the least"
        if settings.file is not None:  # which is what is to be changed, and not the preset
            raise PresetError(words, file=safe(settings.file, 200))
        raise PresetError(words, key="data")


def _count(share: float, n: int) -> int:
    return max(1, round(share * n)) if share > 0 else 0


def _drawn(
    rest: Indices, held_out: tuple[int, int], labels: NDArray[np.integer] | None, kind: str, seed: int
) -> tuple[Indices, Indices, Indices]:
    for_validation, for_test = held_out
    if kind == "time":
        first, second = len(rest) - for_validation - for_test, len(rest) - for_test
        return rest[:first], rest[first:second], rest[second:]
    rng = random_numbers(seed, 1)
    order = rng.permutation(rest) if labels is None else rest[evenly(labels[rest], rng)]
    validation, test, train = np.split(order, [for_validation, for_validation + for_test])
    return train, validation, test


def evenly(labels: NDArray[np.integer], rng: np.random.Generator) -> Indices:
    """An order (n) in which every stretch holds the classes in their shares, as nearly as whole numbers allow.

    Each class is shuffled and spread evenly over 0..1; read together from left to right, that is the order.
    """
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.unique(labels, return_counts=True)[1]
    rank = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    return by_class[np.lexsort((rng.random(len(labels)), rank))]


def published(n: int, number: int) -> tuple[Indices, Indices]:
    """Train and test of one of the twenty 90/10 splits of Hernández-Lobato and Adams, which Gal and others used.

    Their recipe draws the splits one after the other from NumPy's old generator with seed 1.
    """
    old = np.random.RandomState(1)
    for _ in range(number + 1):
        order = old.choice(n, n, replace=False)
    most = round(0.9 * n)
    return order[:most], order[most:]
