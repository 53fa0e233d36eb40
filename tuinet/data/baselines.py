"""What simple methods make of a series, in the data's own units: what a network has to beat before it is worth it.

    persistence             y[t+h] = y[t-1]                          the last value stays
    seasonal persistence    y[t+h] = y[t+h-mP]                       what was a whole period P before
    AR(p)                   y[t] = c + a1 y[t-1] + ... + ap y[t-p]   least squares on the training part, step after step

Box, Jenkins and Reinsel, Time Series Analysis, 3.2; Hyndman and Athanasopoulos, Forecasting, 5.2. Each forecast of a
held-out step starts from the true values before it, as the network's does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuinet.errors import PresetError

MOST_FITTED = 100_000  # steps that coefficients are fitted on, the newest ones
USUAL_ORDER = 48  # of AR at the most, where none is asked for
CLEAR = 0.2  # autocorrelation from which a period counts as one
AS_HIGH = 0.8

Numbers = NDArray[np.float64]
Starts = NDArray[np.intp]
Forecast = Callable[[Numbers, Starts], Numbers]


@dataclass(frozen=True, eq=False, kw_only=True)
class Past:
    """A series as the baselines see it: values (L, K), of which the first `known` steps may be fitted on."""

    values: Numbers
    known: int
    horizon: int
    window: int
    period: int | None = None
    order: int | None = None


@dataclass(frozen=True)
class Baseline:
    """A simple method and its errors by part ("val", "test"): rmse, mae, and rmse_1 ... where it looks further."""

    name: str
    errors: Mapping[str, Mapping[str, float]]


def baselines(past: Past, starts: Mapping[str, Starts]) -> tuple[Baseline, ...]:
    """The baselines' errors. starts: for each part, the steps (n) at which its examples begin to predict."""
    found = {"persistence": persistence(past.horizon)}
    period = _period(past)
    if period is not None:
        found[f"seasonal persistence ({period})"] = seasonal(period, past.horizon)
    order = _order(past)
    if order > 0:
        fitted = [coefficients(past.values[: past.known, place], order) for place in range(past.values.shape[1])]
        found[f"AR({order})"] = autoregression(fitted, past.horizon)
    parts = {part: chosen for part, chosen in starts.items() if len(chosen)}
    return tuple(
        Baseline(name, {part: _errors(past, forecast, chosen) for part, chosen in parts.items()})
        for name, forecast in found.items()
    )


def errors_of(errors: Numbers) -> dict[str, float]:
    """rmse and mae of errors (n, H, K), and the rmse of each step ahead where there are several."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = {"rmse": float(np.sqrt(np.mean(errors**2))), "mae": float(np.mean(np.abs(errors)))}
        if errors.shape[1] > 1:
            by_step = np.sqrt(np.mean(errors**2, axis=(0, 2)))
            found |= {f"rmse_{step}": float(value) for step, value in enumerate(by_step, 1)}
    return found


def _errors(past: Past, forecast: Forecast, starts: Starts) -> dict[str, float]:
    truth = past.values[starts[:, None] + np.arange(past.horizon)]
    with np.errstate(over="ignore", invalid="ignore"):
        return errors_of(forecast(past.values, starts) - truth)


# -- the methods ---------------------------------------------------------------------------


def persistence(horizon: int) -> Forecast:
    """The value just before, for every step ahead."""
    return lambda values, starts: np.repeat(values[starts - 1][:, None], horizon, axis=1)


def seasonal(period: int, horizon: int) -> Forecast:
    """The value one period before; where that is not known yet, two periods before, and so on."""
    ahead = np.arange(horizon)
    back = ahead - period * (ahead // period + 1)
    return lambda values, starts: values[starts[:, None] + back]


def autoregression(fitted: list[Numbers], horizon: int) -> Forecast:
    """Step after step, each from the forecasts before it. fitted: c, a1 ... ap for each of the K columns."""

    def forecast(values: Numbers, starts: Starts) -> Numbers:
        order = len(fitted[0]) - 1
        found = np.empty((len(starts), horizon, len(fitted)))
        for place, weights in enumerate(fitted):
            recent = values[starts[:, None] - np.arange(1, order + 1), place]  # newest first
            for step in range(horizon):
                found[:, step, place] = weights[0] + recent @ weights[1:]
                recent = np.column_stack([found[:, step, place], recent[:, :-1]])
        return found

    return forecast


def coefficients(values: Numbers, order: int) -> Numbers:
    """c, a1 ... ap (p + 1) of values (n) by least squares."""
    values = values[-(MOST_FITTED + order) :]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(values.mean()), float(values.std())
        scaled = (values - mean) / (spread if spread > 0 else 1.0)
    before = np.lib.stride_tricks.sliding_window_view(scaled[:-1], order)[:, ::-1]
    design = np.column_stack([np.ones(len(before)), before])
    found = np.linalg.lstsq(design, scaled[order:], rcond=None)[0]
    constant = mean * (1.0 - found[1:].sum()) + found[0] * (spread if spread > 0 else 1.0)
    return np.concatenate([[constant], found[1:]])


# -- period and order ----------------------------------------------------------------------


def _period(past: Past) -> int | None:
    if past.period is None:
        return period_of(past.values[: past.known, 0])
    if past.period > past.known:
        raise PresetError(
            f"{past.period} is longer than the training part, which has {past.known} steps", key="data.period"
        )
    return past.period


def period_of(values: Numbers) -> int | None:
    """The lag at which values (n) are most like themselves once their trend is gone; None where they hardly are.

    A peak of the autocorrelation after it has fallen below zero, so that what is merely smooth has no period; the first
    of those that are about as high as the highest, so that two periods are not taken for one.
    """
    n = len(values)
    longest = n // 3
    if longest < 2:
        return None
    places = np.arange(n) - (n - 1) / 2
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        centred = values - values.mean()
        centred = centred - places * (places @ centred) / (places @ places)
        power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
        correlation = np.fft.irfft(power)[: longest + 2]
        correlation = correlation / correlation[0] * n / (n - np.arange(len(correlation)))
    if not np.isfinite(correlation).all():
        return None
    below = np.flatnonzero(correlation < 0)
    if not len(below):
        return None
    lags = np.arange(max(2, int(below[0])), longest + 1)
    peaks = lags[(correlation[lags] >= correlation[lags - 1]) & (correlation[lags] >= correlation[lags + 1])]
    if not len(peaks):
        return None
    best = int(peaks[correlation[peaks] >= AS_HIGH * correlation[peaks].max()][0])
    return best if correlation[best] >= CLEAR else None


def _order(past: Past) -> int:
    """p of AR(p): as asked for, or the window's length, as far as the training part allows."""
    most = (past.known - 1) // 3  # two equations for each coefficient
    if past.order is None:
        return min(past.window, USUAL_ORDER, most)
    if past.order > min(most, past.window):
        raise PresetError(
            f"{past.order} is too much; with a window of {past.window} and {past.known} training steps at most "
            f"{min(most, past.window)}",
            key="data.order",
        )
    return past.order
