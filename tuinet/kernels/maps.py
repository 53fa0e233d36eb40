"""Ops that treat every number alike: y = f(x).

An activation says f and its slope twice: once in NumPy, and once for a single float32.
Two ops come of it, `name` and `name_back`; the loops around f are below, once for all.
Arrays of any shape reach these loops as rows and columns.
"""

from __future__ import annotations

import inspect
import math

import numpy as np

from . import gpu, scalars
from .op import Op, op, scalar
from .scalars import HALF, ONE, ZERO, F


class Activation:
    """Four plain functions: f and slope in NumPy, f and slope of one number. Some have a setting, alpha."""

    def __init__(self, f):
        self.f, self.name = f, f.__name__
        self.has_alpha = "alpha" in inspect.signature(f).parameters

    def slope(self, slope):
        self.df = slope
        return slope

    def cpu(self, f):
        self.fast_f = scalar(f)
        return f

    def slope_cpu(self, slope):
        self.fast_df = scalar(slope)
        forward, back = self._with_alpha() if self.has_alpha else self._plain()
        for (function, rule, kernel, on_gpu), name, text in (
            (forward, self.name, f"y = {self.name}(x)        x (*)   y (*)"),
            (back, f"{self.name}_back", f"dx = {self.name}'(x) dy        x (*)   y (*)   dy (*)   dx (*)"),
        ):
            function.__name__, function.__doc__ = name, text
            one = Op(function, cut="*")
            if rule:
                one.gradient(rule)
            one.cpu(kernel)
            one.cuda(gpu.numbers())(on_gpu)
        return slope

    def _plain(self):
        f, df, fast_f, fast_df, name = self.f, self.df, self.fast_f, self.fast_df, self.name

        def forward(x):
            return f(x)

        def back(x, y, dy):
            return df(x, y) * dy

        def rule(ops, d, x, y):
            d[x] += getattr(ops, f"{name}_back")(x, y, d[y])

        def forward_cpu(x, y):
            for n in range(x.shape[0]):
                for i in range(x.shape[1]):
                    y[n, i] = fast_f(x[n, i])

        def back_cpu(x, y, dy, dx):
            for n in range(x.shape[0]):
                for i in range(x.shape[1]):
                    dx[n, i] = fast_df(x[n, i], y[n, i]) * dy[n, i]

        def forward_cuda(x, y, size):
            i = gpu.number()
            if i < size:
                y[i] = fast_f(x[i])

        def back_cuda(x, y, dy, dx, size):
            i = gpu.number()
            if i < size:
                dx[i] = fast_df(x[i], y[i]) * dy[i]

        return (forward, rule, forward_cpu, forward_cuda), (back, None, back_cpu, back_cuda)

    def _with_alpha(self):
        f, df, fast_f, fast_df, name = self.f, self.df, self.fast_f, self.fast_df, self.name

        def forward(x, *, alpha: float):
            return f(x, alpha)

        def back(x, y, dy, *, alpha: float):
            return df(x, y, alpha) * dy

        def rule(ops, d, x, y, alpha):
            d[x] += getattr(ops, f"{name}_back")(x, y, d[y], alpha=alpha)

        def forward_cpu(x, y, alpha):
            for n in range(x.shape[0]):
                for i in range(x.shape[1]):
                    y[n, i] = fast_f(x[n, i], alpha)

        def back_cpu(x, y, dy, dx, alpha):
            for n in range(x.shape[0]):
                for i in range(x.shape[1]):
                    dx[n, i] = fast_df(x[n, i], y[n, i], alpha) * dy[n, i]

        def forward_cuda(x, y, size, alpha):
            i = gpu.number()
            if i < size:
                y[i] = fast_f(x[i], alpha)

        def back_cuda(x, y, dy, dx, size, alpha):
            i = gpu.number()
            if i < size:
                dx[i] = fast_df(x[i], y[i], alpha) * dy[i]

        return (forward, rule, forward_cpu, forward_cuda), (back, None, back_cpu, back_cuda)


def activation(f):
    return Activation(f)


# -- the activations ------------------------------------------------------------------------


@activation
def relu(x):
    return np.where(x < 0, 0, x)  # not maximum: NaN stays NaN on both targets


@relu.slope
def relu_slope(x, y):
    return (y > 0) * 1.0


@relu.cpu
def relu_cpu(x):
    return ZERO if x < ZERO else x


@relu.slope_cpu
def relu_slope_cpu(x, y):
    return ONE if y > ZERO else ZERO


# ------------------------------------------------------------------------------------------


@activation
def leaky_relu(x, alpha):
    return np.where(x < 0, alpha * x, x)


@leaky_relu.slope
def leaky_relu_slope(x, y, alpha):
    return np.where(x > 0, 1.0, alpha)


@leaky_relu.cpu
def leaky_relu_cpu(x, alpha):
    return alpha * x if x < ZERO else x


@leaky_relu.slope_cpu
def leaky_relu_slope_cpu(x, y, alpha):
    return ONE if x > ZERO else alpha


# ------------------------------------------------------------------------------------------


@activation
def elu(x, alpha):
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


@elu.slope
def elu_slope(x, y, alpha):
    return np.where(x > 0, 1.0, y + alpha)


@elu.cpu
def elu_cpu(x, alpha):
    return alpha * (scalars.exp(x) - ONE) if x < ZERO else x


@elu.slope_cpu
def elu_slope_cpu(x, y, alpha):
    return ONE if x > ZERO else y + alpha


# ------------------------------------------------------------------------------------------

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017
SELU_S, SELU_SA = F(SELU_SCALE), F(SELU_SCALE * SELU_ALPHA)


@activation
def selu(x):
    return SELU_SCALE * np.where(x < 0, SELU_ALPHA * np.expm1(np.minimum(x, 0)), x)


@selu.slope
def selu_slope(x, y):
    return np.where(x > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


@selu.cpu
def selu_cpu(x):
    return SELU_SA * (scalars.exp(x) - ONE) if x < ZERO else SELU_S * x


@selu.slope_cpu
def selu_slope_cpu(x, y):
    return SELU_S if x > ZERO else y + SELU_SA


# ------------------------------------------------------------------------------------------


@activation
def tanh(x):
    return np.tanh(x)


@tanh.slope
def tanh_slope(x, y):
    return 1 - y * y


@tanh.cpu
def tanh_cpu(x):
    return scalars.tanh(x)


@tanh.slope_cpu
def tanh_slope_cpu(x, y):
    return ONE - y * y


# ------------------------------------------------------------------------------------------


@activation
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@sigmoid.slope
def sigmoid_slope(x, y):
    return y * (1 - y)


@sigmoid.cpu
def sigmoid_cpu(x):
    return scalars.sigmoid(x)


@sigmoid.slope_cpu
def sigmoid_slope_cpu(x, y):
    return y * (ONE - y)


# ------------------------------------------------------------------------------------------


@activation
def silu(x):
    return x / (1 + np.exp(-x))


@silu.slope
def silu_slope(x, y):
    s = 1 / (1 + np.exp(-x))
    return s + y * (1 - s)


@silu.cpu
def silu_cpu(x):
    return x * scalars.sigmoid(x)


@silu.slope_cpu
def silu_slope_cpu(x, y):
    s = scalars.sigmoid(x)
    return s + y * (ONE - s)


# ------------------------------------------------------------------------------------------


@activation
def softplus(x):
    return np.logaddexp(0, x)


@softplus.slope
def softplus_slope(x, y):
    return 1 / (1 + np.exp(-x))


@softplus.cpu
def softplus_cpu(x):
    return max(x, ZERO) + scalars.log(ONE + scalars.exp(-abs(x))) if x == x else x


@softplus.slope_cpu
def softplus_slope_cpu(x, y):
    return scalars.sigmoid(x)


# ------------------------------------------------------------------------------------------


def erf(x):
    """math.erf of every number, so that the definition needs no SciPy."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


@activation
def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


@gelu.slope
def gelu_slope(x, y):
    return (1 + erf(x / np.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


@gelu.cpu
def gelu_cpu(x):
    return HALF * x * (ONE + scalars.erf(x * F(0.70710678)))


@gelu.slope_cpu
def gelu_slope_cpu(x, y):
    return HALF * (ONE + scalars.erf(x * F(0.70710678))) + x * F(0.39894228) * scalars.exp(-HALF * x * x)


# -- two operands -----------------------------------------------------------------------------


@op(cut="*")
def add(a, b):
    """y = a + b        a (*)   b (*)   y (*)"""
    return a + b


@add.gradient
def add_gradient(ops, d, a, b, y):
    d[a] += d[y]
    d[b] += d[y]


@add.cpu
def add_cpu(a, b, y):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = a[n, i] + b[n, i]


@add.cuda(gpu.numbers())
def add_cuda(a, b, y, size):
    i = gpu.number()
    if i < size:
        y[i] = a[i] + b[i]


@op(cut="*")
def multiply(a, b):
    """y = a b, number by number        a (*)   b (*)   y (*)"""
    return a * b


@multiply.gradient
def multiply_gradient(ops, d, a, b, y):
    d[a] += ops.multiply(d[y], b)
    d[b] += ops.multiply(d[y], a)


@multiply.cpu
def multiply_cpu(a, b, y):
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            y[n, i] = a[n, i] * b[n, i]


@multiply.cuda(gpu.numbers())
def multiply_cuda(a, b, y, size):
    i = gpu.number()
    if i < size:
        y[i] = a[i] * b[i]


@op(cut="*")
def copy(x):
    """y = x        x (*)   y (*)"""
    return x + 0


@copy.gradient
def copy_gradient(ops, d, x, y):
    d[x] += d[y]


@copy.cpu
def copy_cpu(x, y):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[n, i] = x[n, i]


@copy.cuda(gpu.numbers())
def copy_cuda(x, y, size):
    i = gpu.number()
    if i < size:
        y[i] = x[i]
