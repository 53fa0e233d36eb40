"""How weights start: drawn once, in NumPy, from the run's seed, so that every device starts from the same bits.

A layer that adds up `fan_in` inputs keeps the spread of its signal when its weights have a variance of about
1 / fan_in; the families below differ in which signal they keep (forward, backward, or through a relu).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, ClassVar

from tuinet.errors import PresetError
from tuinet.fields import real

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Initializer(ABC):
    """Settings are fields; `sample` draws the values."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """float64 values of the shape; fan_in inputs are added up to an output, fan_out outputs read an input."""


@dataclass(frozen=True, kw_only=True)
class ByVariance(Initializer):
    """Mean 0 and a variance that follows from the fans; uniform or normal."""

    uniform: ClassVar[bool]

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Variance of every value."""

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        deviation = sqrt(self.variance(fan_in, fan_out))
        if self.uniform:
            return rng.uniform(-sqrt(3.0) * deviation, sqrt(3.0) * deviation, shape)
        return deviation * rng.standard_normal(shape)


@dataclass(frozen=True, kw_only=True)
class GlorotUniform(ByVariance):
    """Variance 2 / (fan_in + fan_out), uniform: a compromise between the signal forward and the gradient backward."""

    uniform = True

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


@dataclass(frozen=True, kw_only=True)
class GlorotNormal(ByVariance):
    """Variance 2 / (fan_in + fan_out), normal."""

    uniform = False

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


@dataclass(frozen=True, kw_only=True)
class HeUniform(ByVariance):
    """Variance 2 / fan_in, uniform: keeps the signal through a relu, which zeroes half of it."""

    uniform = True

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


@dataclass(frozen=True, kw_only=True)
class HeNormal(ByVariance):
    """Variance 2 / fan_in, normal: keeps the signal through a relu."""

    uniform = False

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


@dataclass(frozen=True, kw_only=True)
class LecunUniform(ByVariance):
    """Variance 1 / fan_in, uniform: keeps the signal where the layer is linear or selu."""

    uniform = True

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


@dataclass(frozen=True, kw_only=True)
class LecunNormal(ByVariance):
    """Variance 1 / fan_in, normal: what selu was designed with."""

    uniform = False

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Initializer):
    """Rows or columns, whichever are fewer, at right angles and of length `gain`: no direction grows or shrinks."""

    gain: float = real(1.0, above=0.0, help="length of each row or column")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        import numpy as np

        rows, columns = prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # without it, q leans towards one sign
        return self.gain * np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer):
    """Every value between low and high alike."""

    low: float = real(-0.05, help="smallest value")
    high: float = real(0.05, help="largest value")

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise PresetError(f"low {self.low} is above high {self.high}; exchange them", key="low")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return rng.uniform(self.low, self.high, shape)


@dataclass(frozen=True, kw_only=True)
class Normal(Initializer):
    """The normal distribution."""

    mean: float = real(0.0, help="mean of the values")
    deviation: float = real(0.05, at_least=0.0, help="standard deviation of the values")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return self.mean + self.deviation * rng.standard_normal(shape)


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer):
    """One value everywhere. Units that start alike stay alike: try it once, and see that nothing is learnt."""

    value: float = real(0.0, help="the value")

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        import numpy as np

        return np.full(shape, self.value)


INITIALIZERS: dict[str, type[Initializer]] = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "normal": Normal,
    "orthogonal": Orthogonal,
    "uniform": Uniform,
}
