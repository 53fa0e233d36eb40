"""The six generators of TensorFlow Playground, and its seven features.

U(a, b) is uniform, n the number of examples, v the noise (its slider / 100, 0 to 0.5). Points lie in -6..6. Where
noise is on the label, the point itself is stored without it, so that some points carry the wrong label.
The formulas are those of its `dataset.ts` (Apache-2.0); the numbers are NumPy's Philox, so a seed gives other points.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Generator = np.random.Generator
Examples = tuple[Numbers, Numbers]  # points (n, 2), labels (n): -1 and 1 for classes

RADIUS = 5.0

FEATURES: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "x2": lambda x, y: x * x,
    "y2": lambda x, y: y * y,
    "xy": lambda x, y: x * y,
    "sin_x": lambda x, y: np.sin(x),
    "sin_y": lambda x, y: np.sin(y),
}


def generate(name: str, n: int, noise: float, rng: Generator) -> Examples:
    """n examples of the generator of this name, in random order: points (n, 2) and labels (n)."""
    points, labels = GENERATORS[name](n, noise, rng)
    order = rng.permutation(len(points))
    return points[order], labels[order]


def circle(n: int, v: float, rng: Generator) -> Examples:
    """A disc of radius R/2 inside a ring from 0.7 R to R. Noise is on the label."""
    r = np.concatenate([rng.uniform(0, 0.5 * RADIUS, n // 2), rng.uniform(0.7 * RADIUS, RADIUS, n - n // 2)])
    a = rng.uniform(0, 2 * math.pi, n)
    points = np.stack([r * np.sin(a), r * np.cos(a)], axis=1)
    noisy = points + v * rng.uniform(-RADIUS, RADIUS, (n, 2))
    return points, np.where(np.hypot(noisy[:, 0], noisy[:, 1]) < 0.5 * RADIUS, 1.0, -1.0)


def xor(n: int, v: float, rng: Generator) -> Examples:
    """The sign of x y, the axes kept free by 0.3. Noise is on the label."""
    points = rng.uniform(-5, 5, (n, 2))
    points += np.where(points > 0, 0.3, -0.3)
    noisy = points + v * rng.uniform(-5, 5, (n, 2))
    return points, np.where(noisy[:, 0] * noisy[:, 1] >= 0, 1.0, -1.0)


def gauss(n: int, v: float, rng: Generator) -> Examples:
    """Two normal clouds around (2, 2) and (-2, -2); noise widens their variance from 0.5 to 4."""
    deviation = math.sqrt(0.5 + 7 * v)
    labels = np.where(np.arange(n) < n // 2, 1.0, -1.0)
    return rng.normal(0, deviation, (n, 2)) + 2 * labels[:, None], labels


def spiral(n: int, v: float, rng: Generator) -> Examples:
    """Two arms, half a turn apart, each of 1.75 turns. Noise moves the points."""
    points, labels = [], []
    for m, turn, label in ((n // 2, 0.0, 1.0), (n - n // 2, math.pi, -1.0)):
        i = np.arange(m)
        r, t = RADIUS * i / m, 1.75 * 2 * math.pi * i / m + turn
        points.append(np.stack([r * np.sin(t), r * np.cos(t)], axis=1) + v * rng.uniform(-1, 1, (m, 2)))
        labels.append(np.full(m, label))
    return np.concatenate(points), np.concatenate(labels)


def plane(n: int, v: float, rng: Generator) -> Examples:
    """(x + y) / 10 of the noisy point."""
    points = rng.uniform(-6, 6, (n, 2))
    return points, (points + v * rng.uniform(-6, 6, (n, 2))).sum(axis=1) / 10


HILLS = np.array([(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)], np.float64)


def hills(n: int, v: float, rng: Generator) -> Examples:
    """Six cones of radius 2, up and down in turn, of which the strongest at the noisy point is its label."""
    points = rng.uniform(-6, 6, (n, 2))
    noisy = points + v * rng.uniform(-6, 6, (n, 2))
    distance = np.hypot(noisy[:, None, 0] - HILLS[:, 0], noisy[:, None, 1] - HILLS[:, 1])
    heights = HILLS[:, 2] * np.clip(1 - distance / 2, 0, 1)
    strongest = np.argmax(np.abs(heights), axis=1)  # the first wins ties
    return points, heights[np.arange(n), strongest]


GENERATORS: dict[str, Callable[[int, float, Generator], Examples]] = {
    "circle": circle,
    "xor": xor,
    "gauss": gauss,
    "spiral": spiral,
    "plane": plane,
    "hills": hills,
}
