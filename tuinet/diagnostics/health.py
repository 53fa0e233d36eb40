"""How well each layer learns: its gradient, its updates, and whether its units still answer to anything.

    not finite   a weight, a gradient or an output is no number any more
    dead         relu units that gave 0 for every example looked at: no gradient reaches them, so they stay as they are
    saturated    outputs of tanh beyond 0.97, or of sigmoid beyond 0.015 and 0.985: there the slope is almost 0
    vanishing    the gradient is ten thousand times smaller than that of the layer with the largest
    fast, slow   an update changes the weights by more than 1 in 100, or by less than 1 in 10,000 (guide: 1 in 1,000),
                 the latter although there is a gradient

An update is measured by its deviation over that of the weights, as a power of ten. Only matrices are judged by it.
The figures 0.97 and -3 are those of Karpathy's lectures (2022); where units saturate, Glorot and Bengio 2010.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["ok", "warn", "bad"]
Array = NDArray[Any]

TANH, SIGMOID = 0.97, (0.015, 0.985)
DEAD = 0.25, 0.5  # share of a layer's units: to be warned of, and bad
SATURATED = 0.85, 0.97  # share of its values; to part two classes by a sharp line takes 0.8
FAST, SLOW = (-2.0, -1.0), (-4.0, -6.0)  # log10 of update over weights
VANISHING = 1e-4, 1e-7  # of the largest gradient, as the root of the mean square
GUIDE = -3.0
FELT = 1e-2  # gradient over weights: less than this, and small updates are no wonder
SETTLED = 100  # steps after which an optimizer that starts from nothing takes its usual strides


@dataclass(frozen=True)
class Weights:
    """One parameter of a layer, or a part of its numbers; gradient and update at the same places.

    size: how many numbers it has in all. gradient_norm: over all of them. matrix: whether it has rows and columns.
    Without a gradient where it is not trained, or no step was made yet.
    """

    values: Array
    size: int
    matrix: bool = True
    gradient: Array | None = None
    gradient_norm: float = 0.0
    update: Array | None = None


@dataclass(frozen=True)
class Seen:
    """A layer: its weights, its output (n, ...) for n examples, and (name, values (n, places, units)) of functions."""

    weights: Sequence[Weights] = ()
    output: Array | None = None
    functions: Sequence[tuple[str, Array]] = ()


@dataclass(frozen=True)
class Finding:
    """mark: a word of the list above. text: a sentence with its number. remedy: what to try, in words."""

    mark: str
    bad: bool
    text: str
    remedy: str


@dataclass(frozen=True)
class Health:
    """The figures of a layer, None where there are none, and what is wrong with it, the worst first."""

    gradient_norm: float | None = None
    update_ratio: float | None = None
    dead: float | None = None
    saturated: float | None = None
    mean: float | None = None
    deviation: float | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def state(self) -> State:
        if any(finding.bad for finding in self.findings):
            return "bad"
        return "warn" if self.findings else "ok"

    def as_table(self) -> dict[str, Any]:
        """Plain values that JSON keeps: numbers that are none are left out, findings become words."""
        numbers = {name: getattr(self, name) for name in NUMBERS}
        return {
            "state": self.state,
            "marks": [finding.mark for finding in self.findings],
            "reasons": [f"{finding.text}; {finding.remedy}" for finding in self.findings],
            **{name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()},
        }


NUMBERS = ("gradient_norm", "update_ratio", "dead", "saturated", "mean", "deviation")


def health(layers: Mapping[str, Seen], *, step: int, rate_factor: float = 1.0) -> dict[str, Health]:
    """Of each layer, by path. A layer that holds layers tells of those inside too.

    step: of the training. rate_factor: what a schedule makes of the learning rate now: small updates that it has asked
    for are nothing to be warned of.
    """
    found = {path: _figures(seen) for path, seen in layers.items()}
    spreads = {path: _spread(seen) for path, seen in layers.items() if not _holds(path, layers)}
    largest = max((spread for spread in spreads.values() if spread is not None), default=0.0)
    judged = {}
    for path, figures in found.items():
        findings = [*_not_finite(layers[path]), *_units(figures, layers[path])]
        if path in spreads:
            findings += _gradient(spreads[path], largest)
            findings += _strides(figures, layers[path], step, rate_factor)
        judged[path] = replace(figures, findings=_worst_first(findings))
    return {path: _with_inner(path, judged) for path in judged}


def _holds(path: str, paths: Iterable[str]) -> bool:
    return any(other.startswith(f"{path}.") for other in paths)


def _worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: not finding.bad))


def _with_inner(path: str, judged: Mapping[str, Health]) -> Health:
    inner = [
        replace(finding, text=f"{other.removeprefix(path + '.')}: {finding.text}")
        for other, health in judged.items()
        if other.startswith(f"{path}.") and not _holds(other, judged)
        for finding in health.findings
    ]
    own = judged[path]
    return replace(own, findings=_worst_first([*own.findings, *inner])) if inner else own


# -- figures -----------------------------------------------------------------------------------------------------------


def _figures(seen: Seen) -> Health:
    with np.errstate(all="ignore"):
        output = None if seen.output is None or seen.output.dtype.kind != "f" else seen.output
        return Health(
            gradient_norm=_norm(seen),
            update_ratio=update_ratio(seen.weights),
            dead=_mean([(dead(values), values.shape[-1]) for name, values in seen.functions if name == "relu"]),
            saturated=_mean([(saturated(name, values), values.size) for name, values in _squashed(seen)]),
            mean=None if output is None else float(output.mean(dtype=np.float64)),
            deviation=None if output is None else float(output.std(dtype=np.float64)),
        )


def _squashed(seen: Seen) -> list[tuple[str, Array]]:
    return [(name, values) for name, values in seen.functions if name in ("tanh", "sigmoid")]


def _mean(shares: Sequence[tuple[float, int]]) -> float | None:
    """The mean of shares, each of so many things; None of none."""
    of_all = sum(count for _, count in shares)
    return sum(share * count for share, count in shares) / of_all if of_all else None


def dead(values: Array) -> float:
    """The share of units, the last axis, that are 0 or less everywhere."""
    return float((values.reshape(-1, values.shape[-1]) <= 0).all(axis=0).mean())


def saturated(function: str, values: Array) -> float:
    """The share of values at which tanh or sigmoid is almost flat."""
    low, high = SIGMOID if function == "sigmoid" else (-TANH, TANH)
    return float(((values < low) | (values > high)).mean())


def _norm(seen: Seen) -> float | None:
    """Of the gradient of all weights of the layer."""
    norms = [w.gradient_norm for w in seen.weights if w.gradient is not None]
    return math.hypot(*norms) if norms else None


def _spread(seen: Seen) -> float | None:
    """The root of the mean square of the gradient, over all weights of the layer."""
    norm = _norm(seen)
    return None if norm is None else norm / math.sqrt(sum(w.size for w in seen.weights if w.gradient is not None))


def update_ratio(weights: Sequence[Weights]) -> float | None:
    """log10 of the deviation of an update over that of the weights; None where nothing moves, or all are alike."""
    trained = [w for w in weights if w.update is not None]
    trained = [w for w in trained if w.matrix] or trained
    if not trained:
        return None
    values, updates = (
        sum(w.size * float(array.var(dtype=np.float64)) for w, array in zip(trained, arrays, strict=True))
        for arrays in ([w.values for w in trained], [w.update for w in trained if w.update is not None])
    )
    return 0.5 * math.log10(updates / values) if values > 0 and updates > 0 else None


# -- judging -----------------------------------------------------------------------------------------------------------


def _not_finite(seen: Seen) -> list[Finding]:
    places = {
        "weights": [w.values for w in seen.weights],
        "gradient": [w.gradient for w in seen.weights if w.gradient is not None],
        "output": [seen.output] if seen.output is not None else [],
    }
    for word, arrays in places.items():
        share = _mean([(float((~np.isfinite(array)).mean()), array.size) for array in arrays])
        if share:
            text = f"{_percent(share)} of its {word} {'are' if word == 'weights' else 'is'} no number any more"
            return [Finding("not finite", True, text, "go back to a checkpoint with a smaller learning rate")]
    return []


def _units(figures: Health, seen: Seen) -> list[Finding]:
    found = []
    if figures.dead is not None and figures.dead > DEAD[0]:
        count = 0 if seen.output is None else len(seen.output)
        text = f"{_percent(figures.dead)} of its units are dead: relu gave 0 for all {count} examples looked at"
        remedy = "try a smaller learning rate, leaky_relu, or a new start"
        found.append(Finding("dead", figures.dead > DEAD[1], text, remedy))
    if figures.saturated is not None and figures.saturated > SATURATED[0]:
        text = f"{_percent(figures.saturated)} of its values are saturated: there the slope is almost 0"
        remedy = "try smaller first weights, a normalisation before it, or relu"
        found.append(Finding("saturated", figures.saturated > SATURATED[1], text, remedy))
    return found


def _gradient(spread: float | None, largest: float) -> list[Finding]:
    if spread is None or not largest > 0 or not math.isfinite(largest) or not spread < VANISHING[0] * largest:
        return []
    if spread == 0:
        text = "no gradient reaches it"
    else:
        text = f"its gradient vanishes: {largest / spread:,.0f} times smaller than the largest one"
    remedy = "try relu, residual connections, a normalisation, or fewer layers"
    return [Finding("vanishing", spread < VANISHING[1] * largest, text, remedy)]


def _strides(figures: Health, seen: Seen, step: int, rate_factor: float) -> list[Finding]:
    matrices, ratio = [w for w in seen.weights if w.matrix and w.update is not None], figures.update_ratio
    if ratio is None or not matrices or step < SETTLED:
        return []
    if ratio > FAST[0]:
        text = f"an update changes the weights by 1 in {10**-ratio:,.0f}" if ratio < 0 else "updates exceed the weights"
        return [Finding("fast", ratio > FAST[1], f"{text} (guide: 1 in 1,000)", "try a smaller learning rate")]
    meant = ratio - math.log10(rate_factor) if rate_factor > 0 else GUIDE
    gradient = math.hypot(*(w.gradient_norm for w in matrices))
    weights = math.hypot(*(float(np.linalg.norm(w.values)) * math.sqrt(w.size / w.values.size) for w in matrices))
    if meant < SLOW[0] and gradient > FELT * weights:
        text = f"an update changes the weights by 1 in {10 ** min(-ratio, 15):,.0f} (guide: 1 in 1,000)"
        return [Finding("slow", meant < SLOW[1], text, "try a larger learning rate")]
    return []


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "less than 1%"
