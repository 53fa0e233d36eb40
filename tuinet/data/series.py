"""Time series: steps that follow one another become windows of the past and what comes after them.

    values (L, D)    inputs (T, D): steps i ... i+T-1    targets (H, K): steps i+T ... i+T+H-1 of K of the D columns

Parts follow one another in time and are cut by steps, so that they do not depend on the window. An example belongs to
the part in which all of its targets lie: what a held-out part asks for is no target of training, and a window that
reaches back over a border belongs to the later part. Examples whose targets would lie on both sides are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tuinet.data.baselines import Past
from tuinet.data.examples import Examples, encoded, inputs_of, named_column, no_missing, told_of_filled
from tuinet.data.foreign import check_memory
from tuinet.data.labels import Labels
from tuinet.data.moments import in_order, time_column
from tuinet.data.scaling import Form
from tuinet.data.settings import DataSettings
from tuinet.data.splits import Split, split
from tuinet.data.tables import Column, Table
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe

WINDOW = 12
FEWEST = 10  # examples that a series must at least give

Numbers = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False, kw_only=True)
class Series:
    """values (L, D): a step a row, NaN where a number is missing. targets: places of the K columns to predict."""

    place: str
    values: Numbers
    forms: tuple[Form, ...]
    targets: tuple[int, ...]
    window: int
    horizon: int
    time: str = ""  # name of the column of times, where there is one

    @property
    def names(self) -> list[str]:
        """What is predicted."""
        columns = [title for form in self.forms for title in form.titles]
        return [columns[place] for place in self.targets]

    def windows(self) -> Numbers:
        """The inputs of all examples (n, T, D), as a view."""
        return windows(self.values[: len(self.values) - self.horizon], self.window)

    def answers(self) -> Numbers:
        """The targets of all examples (n, H K): all K of the first step, then those of the second ..."""
        ahead = windows(self.values[self.window :, list(self.targets)], self.horizon)
        return ahead.reshape(len(ahead), -1)

    def within(self, steps: Indices) -> Indices:
        """The examples all of whose targets lie in these steps, which follow one another."""
        if not len(steps):
            return steps
        first, after = int(steps[0]) - self.window, int(steps[-1]) + 2 - self.window - self.horizon
        return np.arange(max(first, 0), max(after, first, 0))

    def known(self, chosen: Indices) -> Indices:
        """The steps that these examples, from the first one on, know of: what may be fitted on them."""
        return np.arange(int(chosen[-1]) + self.window + self.horizon)


def windows(values: Numbers, size: int) -> Numbers:
    """Every stretch of so many rows: (n - size + 1, size, D) of (n, D), as a view."""
    return np.lib.stride_tricks.sliding_window_view(values, size, axis=0).transpose(0, 2, 1)


# -- from a set, from a table --------------------------------------------------------------


def from_values(values: Numbers, settings: DataSettings, *, name: str, source: str) -> Examples:
    """Examples of a series of one number a step."""
    column = Column(name, "number", values)
    return _examples([column], [column], settings, place=name, name=name, source=source)


def from_rows(table: Table, settings: DataSettings, *, name: str, source: str) -> Examples:
    """Examples of a table whose rows follow one another. All columns but the time are inputs; some are predicted.

    Raises DataError that names line and column of what cannot be.
    """
    notes: list[str] = []
    check_whole(table)
    clock = time_column(table, settings.time, _wanted(settings))
    order = in_order(table, clock, notes) if clock is not None else np.arange(len(table))
    targets = _targets(table, settings, clock, notes)
    no_missing(table, targets, "a value to predict cannot be guessed: leave the line out, or fill it in")
    inputs = inputs_of(table, (clock,) if clock is not None else (), settings.ignore, notes)
    for target in targets:
        if target not in inputs:
            raise DataError(f'{table.place}: "{safe(target.name, 60)}" is to be predicted, and is left out: keep it in')
    if settings.impute == "no":
        no_missing(table, inputs, 'fill it in, or choose data.impute = "median"')
    told_of_filled(inputs, settings.impute, notes)
    sorted_ones = {id(column): replace(column, values=column.values[order]) for column in inputs}
    return _examples(
        list(sorted_ones.values()), [sorted_ones[id(column)] for column in targets], settings, place=table.place,
        name=name, source=source, time=clock.name if clock is not None else "", notes=notes,
    )  # fmt: skip


def check_whole(table: Table) -> None:
    """DataError for an empty line between those of a single column: it is a step without a value, not none at all."""
    gaps = np.flatnonzero(np.diff(table.lines) > 1)
    if len(table.columns) == 1 and len(gaps):
        raise DataError(
            f"{table.place}, line {table.lines[gaps[0]] + 1}: is empty, and each line is a step of the series; take it "
            "out, or fill it in"
        )


def _wanted(settings: DataSettings) -> tuple[str, ...]:
    return settings.targets or ((settings.label,) if settings.label is not None else ())


def _targets(table: Table, settings: DataSettings, clock: Column | None, notes: list[str]) -> list[Column]:
    if words := _wanted(settings):
        found = [named_column(table, word) for word in words]
    else:
        found = [column for column in table.columns if column is not clock][-1:]
        if len(table.columns) > 1:
            notes.append(f'what is predicted is the last column, "{safe(found[0].name, 60)}"')
    for column in found:
        if column.trouble:
            raise DataError(column.trouble)
        if column is clock:
            raise DataError(f'{table.place}: "{safe(column.name, 60)}" is the time, and cannot be predicted')
        if column.kind != "number":
            what = f'words such as "{safe(column.words[0], 40)}"' if column.words else "nothing"
            raise DataError(
                f'{table.place}, column "{safe(column.name, 60)}": holds {what}, and a series predicts numbers'
            )
        if found.count(column) > 1:
            raise PresetError(f'names "{safe(column.name, 60)}" twice; once is enough', key="data.targets")
    return found


def _examples(inputs: list[Column], targets: list[Column], settings: DataSettings, *, place: str, name: str,
              source: str, time: str = "", notes: list[str] | None = None) -> Examples:  # fmt: skip
    if settings.task not in ("auto", "reals"):
        raise PresetError(f'is "{settings.task}"; a series predicts numbers: "reals"', key="data.task")
    forms = tuple(Form(column.name, column.words if column.kind == "category" else ()) for column in inputs)
    starts = np.cumsum([0, *(len(form.titles) for form in forms)])
    series = Series(
        place=place, values=encoded(inputs, forms), forms=forms, window=settings.window or WINDOW,
        targets=tuple(int(starts[inputs.index(target)]) for target in targets), horizon=settings.horizon, time=time,
    )  # fmt: skip
    _check_length(series)
    rows = series.windows()
    check_memory(place, len(rows), rows[0].size, series.values.nbytes + 8 * len(rows) * settings.horizon * len(targets))
    predicted = ", ".join(f'"{safe(one, 60)}"' for one in series.names)
    ahead = "the next step" if settings.horizon == 1 else f"the next {settings.horizon} steps"
    reason = f"{predicted}: {ahead} of a series, from the {series.window} before"
    reason += f'; "{safe(time, 60)}" gives their order, and is no input' if time else ""
    return Examples(
        name=name, source=source, rows=rows, labels=Labels("reals", series.answers(), (), reason),
        target=", ".join(series.names), impute=settings.impute, forms=forms, series=series, notes=notes or [],
    )  # fmt: skip


def _check_length(series: Series) -> None:
    """PresetError where a window and what is to be predicted leave too few examples, or too few steps to learn from."""
    steps, window, horizon = len(series.values), series.window, series.horizon
    most = (steps - horizon - FEWEST + 1) // 2
    if window <= most:
        return
    if most < 1:
        raise DataError(
            f"{series.place}: has {steps} steps, too few to predict {horizon} at a time; at least "
            f"{horizon + FEWEST + 1} are needed"
        )
    raise PresetError(f"{window} is too much for {series.place}, which has {steps} values; at most {most}",
                      key="data.window")  # fmt: skip


# -- parts ---------------------------------------------------------------------------------


def parts_of(series: Series, settings: DataSettings, seed: int) -> Split:
    """Examples of each part. Shares are shares of the steps; PresetError where a part has room for no example."""
    if settings.split not in ("auto", "time"):
        raise PresetError(
            f'"{settings.split}" would train on what comes after the held-out steps; parts of a series follow one '
            'another in time: "time"',
            key="data.split",
        )
    steps = split(replace(settings, limit=None), len(series.values), 0, None, "time", seed)
    parts = {"train": steps.train, "validation": steps.validation, "test": steps.test}
    chosen = {name: series.within(part) for name, part in parts.items()}
    for name, part in parts.items():
        if len(part) and not len(chosen[name]):
            before = f" after a window of {series.window}" if name == "train" else ""
            raise PresetError(
                f"{len(part)} steps for the {name if name != 'train' else 'training'} part have no room for "
                f"{series.horizon} to predict{before}",
                key="data.validation" if name != "test" else "data.test",
            )
    return Split(chosen["train"][: settings.limit], chosen["validation"], chosen["test"])


def past_of(series: Series, settings: DataSettings, train: Indices) -> Past:
    """What the baselines may look at."""
    return Past(
        values=series.values[:, list(series.targets)], known=len(series.known(train)), horizon=series.horizon,
        window=series.window, period=settings.period, order=settings.order,
    )  # fmt: skip
