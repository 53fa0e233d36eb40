"""The adviser: looks at one's own data and proposes a preset, with a reason for every choice. Rules, no magic.

what the label is           →  loss and last layer
how many rows, how wide     →  hidden layers, dropout, weight decay, batch size, epochs
pictures                    →  convolutions, and moving them a little where they are few
how the columns look        →  scaling, imputing, columns left out
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from tuinet.data.baselines import period_of
from tuinet.data.examples import Examples, label_column, named_column, unusable
from tuinet.data.moments import counts_rows, time_column
from tuinet.data.own_files import kind_of, read_file
from tuinet.data.series import WINDOW, Series
from tuinet.data.settings import DataSettings
from tuinet.data.tables import Table, read_table
from tuinet.data.text_adviser import preset_from_text
from tuinet.data.toml_text import toml_text
from tuinet.errors import DataError
from tuinet.fields import build
from tuinet.safe_text import safe

LONGEST_NAME = 200
LONGEST_WINDOW = 48
SERIES_HELD_OUT = 0.3
FEW_PICTURES, MANY_PICTURES = 100, 20_000
NOTHING: Mapping[str, Any] = MappingProxyType({})
SMALLEST = 12  # pixels a side from which filters pay
PICTURE_UPDATES = 4_000
UPDATES = 12_000  # steps that a small network needs to settle, by experience with the embedded sets


@dataclass(frozen=True)
class Proposal:
    """What the rules came to, before it is written down."""

    data: dict[str, Any]
    hidden: tuple[int, ...]
    dropout: float
    loss: str
    balanced: bool
    batch_size: int
    epochs: int
    decay: float
    pictures: bool
    filters: tuple[int, ...] = ()  # of convolutions, each followed by a pool
    shift: int = 0  # pixels by which pictures are moved when they are drawn
    linear: bool = False  # a linear way leads around the hidden layers


READ = ("label", "separator", "header", "impute", "window")
"""Settings of [data] without which a file may not be read at all, or which say what would else be proposed."""


def _asked(where: Path, label: str | None, given: Mapping[str, Any], *, series: bool = False) -> DataSettings:
    told = {"label": label} if label is not None else {}
    known = {key: given[key] for key in READ if key in given}
    return build(DataSettings, {"file": str(where), "series": series, **known, **told}, "data")


def preset_from_table(path: str | Path, label: str | None, given: Mapping[str, Any] = NOTHING) -> tuple[str, list[str]]:
    """A preset (TOML text) for a file of one's own, and the reasons for what is in it.

    label: the column to predict, by name or number; None for the last one. Also for .npy, .npz and idx files, and for
    texts, which need no label, and for a folder with a folder of pictures for each class. given: settings of [data]
    that stand already; of them those in READ count.
    Raises DataError for a file that cannot be used.
    """
    where = Path(path).expanduser().absolute()
    kind = kind_of(where)
    if kind == "text" and label is None:
        lines, why = preset_from_text(where)
        head = [f"title = {toml_text(where.name)}", f"teaches = {toml_text(f'To write like {where.name}.')}", ""]
        return "\n".join([*head, *lines]) + "\n", why
    settings = _asked(where, label, given)
    reasons: list[str] = []
    if kind in ("table", "text"):
        settings = _for_table(read_table(where, settings.separator, settings.header), settings, reasons)
    examples = read_file(settings)
    reasons.extend(map(_sentence, examples.notes))
    with np.errstate(all="ignore"):  # numbers near the end of what a float can hold are no reason to stop here
        proposal = _proposed(examples, settings, reasons)
    return _written(where, examples, proposal), reasons


def preset_from_series(
    path: str | Path, label: str | None, given: Mapping[str, Any] = NOTHING
) -> tuple[str, list[str]]:
    """The same for a table whose rows follow one another in time. label: the column to predict."""
    where = Path(path).expanduser().absolute()
    settings = _asked(where, label, given, series=True)
    reasons: list[str] = []
    if kind_of(where) == "table":
        settings = _series_of(read_table(where, settings.separator, settings.header), settings, reasons)
    examples = read_file(settings)
    series = examples.series
    assert series is not None
    if "window" not in given:
        settings = replace(settings, window=_window(series, reasons))
    examples = read_file(settings)
    reasons.extend(map(_sentence, examples.notes))
    with np.errstate(all="ignore"):
        proposal = _proposed_for_series(examples, settings, reasons)
    return _written(where, examples, proposal), reasons


# -- series --------------------------------------------------------------------------------


def _series_of(table: Table, settings: DataSettings, reasons: list[str]) -> DataSettings:
    """The time, the column to predict, and whether missing cells are filled in; columns of no use are left out."""
    clock = time_column(table, None, () if settings.label is None else (settings.label,))
    others = [column for column in table.columns if column is not clock and not unusable(column, len(table))]
    if not others:
        raise DataError(f"{table.place}: has no column to predict beside the time")
    target = others[-1] if settings.label is None else named_column(table, settings.label)
    missing = any(column.missing.any() for column in others if column is not target)
    name = target.name if len(target.name) <= LONGEST_NAME else str(table.columns.index(target) + 1)
    if settings.label is None and len(others) > 1:
        reasons.append(f'The last column, "{safe(target.name, 60)}", is predicted; --label names another.')
    return replace(settings, label=name, impute=_filling(settings, missing))


def _window(series: Series, reasons: list[str]) -> int:
    """Steps to look back: two rounds of what comes round again, where something does; fewer where there are few."""
    steps = len(series.values)
    known = series.values[: round(steps * (1 - SERIES_HELD_OUT)), series.targets[0]]
    period = period_of(known)
    most = max(1, min(LONGEST_WINDOW, steps // 8))
    window = min(most, WINDOW if period is None else 2 * period)
    why = "nothing comes round again clearly" if period is None else f"it comes round again after {period} steps"
    reasons.append(f"A window of {window} steps: {why}.")
    return window


def _proposed_for_series(examples: Examples, settings: DataSettings, reasons: list[str]) -> Proposal:
    n = len(examples.rows)
    reasons.append(_sentence(examples.labels.reason))
    units = 16 if n < 500 else 32
    reasons.append(f"One hidden layer of {units}, and a linear way around it: much of most series is linear.")
    data: dict[str, Any] = {"file": settings.file, "series": True, "label": settings.label, "window": settings.window}
    data |= _reading(settings)
    data |= {"validation": 0.1, "test": 0.2}
    reasons.append("The last 20% of the steps are kept for a test, and the 10% before them decide when to stop.")
    batch_size = 16 if n < 500 else 32 if n < 20_000 else 128
    epochs = max(10, min(200, round(UPDATES * batch_size / n)))
    return Proposal(data, (units,), 0.0, "mean_squared_error", False, batch_size, epochs, 1e-2 if n < 2_000 else 1e-3,
                    pictures=False, linear=True)  # fmt: skip


# -- the columns ---------------------------------------------------------------------------


def _for_table(table: Table, settings: DataSettings, reasons: list[str]) -> DataSettings:
    """Which columns are left out, and whether missing cells are filled in."""
    label = label_column(table, settings.label)
    inputs = [column for column in table.columns if column is not label]
    counting = [column.name for column in inputs if len(column.name) <= LONGEST_NAME and counts_rows(column)]
    if len(counting) == len(inputs):
        counting = []
    for name in counting:
        reasons.append(f'"{safe(name, 60)}" counts the rows and is left out: it only helps to learn them by heart.')
    missing = any(
        column.missing.any() for column in inputs if column.name not in counting and not unusable(column, len(table))
    )
    name = label.name if len(label.name) <= LONGEST_NAME else str(table.columns.index(label) + 1)
    return replace(settings, label=name, ignore=tuple(counting), impute=_filling(settings, missing))


def _filling(settings: DataSettings, missing: bool) -> str:
    return "median" if missing and settings.impute == "no" else settings.impute


def _reading(settings: DataSettings) -> dict[str, str]:
    """How the file is to be read, where that is not found out."""
    said = {"separator": settings.separator, "header": settings.header, "impute": settings.impute}
    usual = {"separator": "auto", "header": "auto", "impute": "no"}
    return {key: value for key, value in said.items() if value != usual[key]}


def _skewed(examples: Examples) -> float:
    """Share of the columns of amounts (none below 0) that are so lopsided that a logarithm helps."""
    rows = examples.rows.reshape(len(examples.rows), -1)
    if not examples.forms or not np.issubdtype(rows.dtype, np.floating):
        return 0.0
    flags = np.array([bool(form.words) for form in examples.forms for _ in form.titles])
    rows = rows[:, ~flags]
    if not rows.shape[1] or np.nanmin(rows) < 0:
        return 0.0
    deviation = np.nanstd(rows, axis=0)
    far = np.nanmax(rows, axis=0) - np.nanmean(rows, axis=0) > 8 * np.where(deviation > 0, deviation, np.inf)
    return float(far.mean())


# -- the rules -----------------------------------------------------------------------------


def _proposed(examples: Examples, settings: DataSettings, reasons: list[str]) -> Proposal:
    n, labels = len(examples.rows) - examples.own_test, examples.labels
    width = math.prod(examples.rows.shape[1:])
    reasons.append(_sentence(labels.reason))
    loss, balanced = _loss(examples, reasons)
    filters, shift = _filters(n, examples.rows.shape[1:], reasons)
    hidden, dropout = ((64,), 0.3) if filters else _layers(n, width, examples.rows.ndim > 2, reasons)
    batch_size = 16 if n < 500 else 32 if n < 20_000 else 128
    data: dict[str, Any] = {"file": settings.file}
    data |= {"label": settings.label} if settings.label is not None else {}
    data |= {"ignore": list(settings.ignore)} if settings.ignore else {}
    data |= _reading(settings)
    data |= _held_out(n, examples, reasons)
    share = data.get("validation")
    trained = round(n * (1 - share)) if isinstance(share, float) else n
    if _skewed(examples) > 0.3:
        data["scale"] = "log_standard"
        reasons.append("Many columns hold a few very large amounts: log(1 + x) is scaled instead of x.")
    most, updates = (60, PICTURE_UPDATES) if filters else (200, UPDATES)
    epochs = max(10, min(most, round(updates * batch_size / n)))
    updates = math.ceil(epochs * trained / batch_size)
    reasons.append(
        f"Batches of {batch_size} and up to {epochs} epochs: some {updates:,} updates; "
        "training stops earlier once validation no longer improves."
    )
    decay = 1e-2 if n < 2_000 else 1e-3
    return Proposal(
        data, hidden, dropout, loss, balanced, batch_size, epochs, decay, examples.rows.ndim > 2, filters, shift
    )


def _loss(examples: Examples, reasons: list[str]) -> tuple[str, bool]:
    labels = examples.labels
    if labels.task == "reals":
        values = labels.values
        deviation = values.std(axis=0)
        far = np.abs(values - np.median(values, axis=0)).max(axis=0) > 10 * np.where(deviation > 0, deviation, np.inf)
        if far.any():
            reasons.append("A few labels lie very far out: Huber's loss, which they cannot dominate.")
            return "huber", False
        reasons.append("A number is predicted: mean squared error, and the error is told in the label's own units.")
        return "mean_squared_error", False
    counts = np.bincount(labels.values, minlength=len(labels.words))
    most = counts.max() / counts.sum()
    reasons.append(f"Always guessing the most frequent class would be right in {most:.1%} of the rows.")
    balanced = bool(counts.min() < 0.2 * counts.sum() / len(counts))
    if balanced:
        rare = labels.words[int(counts.argmin())]
        reasons.append(
            f'Classes are uneven ("{safe(rare, 40)}": {counts.min():,} rows): rare ones count more in the loss.'
        )
    return ("cross_entropy" if labels.task == "classes" else "binary_cross_entropy"), balanced


def _filters(n: int, shape: tuple[int, ...], reasons: list[str]) -> tuple[tuple[int, ...], int]:
    """Filters of convolutions where the rows are pictures (height, width, colours), and how far to move those."""
    if n < FEW_PICTURES or len(shape) != 3 or shape[-1] not in (1, 3) or min(shape[:2]) < SMALLEST:
        return (), 0
    size = f"{shape[0]} x {shape[1]}"
    reasons.append(
        f"Pictures of {size} pixels, {'grey' if shape[-1] == 1 else 'in colour'}: two convolutions, small filters that "
        "look at every place, each with a pool behind it."
    )
    shift = max(1, min(shape[:2]) // 16) if n < MANY_PICTURES else 0
    if shift:
        pixels = "a pixel" if shift == 1 else f"{shift} pixels"
        reasons.append(f"{n:,} pictures are few: each is moved by up to {pixels} whenever it is drawn, so none comes "
                       "twice the same.")  # fmt: skip
    return (16, 32), shift


def _layers(n: int, width: int, pictures: bool, reasons: list[str]) -> tuple[tuple[int, ...], float]:
    """Hidden layers and dropout from the number of rows and inputs."""
    if n < 100:
        reasons.append(f"{n} rows are few: no hidden layer, as there is too little to learn curves from.")
        return (), 0.0
    if pictures:
        reasons.append(f"Pictures of {width:,} numbers: one wide hidden layer.")
        return (128,), 0.2
    units = 16 if n < 500 else 32 if n < 3_000 else 64 if n < 50_000 else 128
    layers = (units,) if n < 500 else (units, units)
    dropout = 0.2 if n < 20 * width else 0.0
    words = f"one hidden layer of {units}" if len(layers) == 1 else f"two hidden layers of {units}"
    reasons.append(f"{n:,} rows of {width:,} inputs: {words}.")
    if dropout:
        reasons.append(f"Less than twenty rows for each input: dropout {dropout:g} against learning them by heart.")
    return layers, dropout


def _held_out(n: int, examples: Examples, reasons: list[str]) -> dict[str, Any]:
    validation = 0.2 if n < 5_000 else 0.1
    held_out: dict[str, Any] = {"validation": validation}
    words = f"{validation:.0%} of the rows are held out to see how well it does on new ones"
    if examples.own_test:
        words += f"; the test part of {examples.own_test:,} that comes along is kept for the end"
    elif n >= 1_000:
        held_out["test"] = 0.1
        words += ", and 10% more for a test at the end"
    reasons.append(words + ".")
    return held_out


def _sentence(text: str) -> str:
    text = text.rstrip(".") + "."
    return text[0].upper() + text[1:] if text[:1].islower() else text


# -- writing it down -----------------------------------------------------------------------


def _written(path: Path, examples: Examples, proposal: Proposal) -> str:
    target = examples.target[:LONGEST_NAME]
    lines = [
        f"title = {toml_text(f'{path.name}: {target}')}",
        f"teaches = {toml_text(f'What {path.name} says about {target}.')}",
        "",
        "[data]",
        *(f"{key} = {_value(value)}" for key, value in proposal.data.items()),
        *_layer_lines(proposal, examples.labels.task),
        "",
        "[training]",
    ]
    if proposal.balanced:
        lines.append(f'loss = {{ type = "{proposal.loss}", class_weights = "balanced" }}')
    else:
        lines.append(f'loss = "{proposal.loss}"')
    lines += [
        f"epochs = {proposal.epochs}",
        f"batch_size = {proposal.batch_size}",
        "seed = 1",
        f'optimizer = {{ type = "adamw", learning_rate = 2e-3, weight_decay = {proposal.decay:g} }}',
        'schedule = { type = "cosine", warm_up = 0.05 }',
        f'early_stopping = {{ monitor = "val_loss", patience = {max(10, proposal.epochs // 8)} }}',
    ]
    if proposal.shift:
        lines.append(f"augment = {{ shift = {proposal.shift} }}")
    return "\n".join(lines) + "\n"


def _layer_lines(proposal: Proposal, task: str) -> Iterator[str]:
    for number, filters in enumerate(proposal.filters, 1):
        yield from (
            "",
            "[[layers]]",
            'type = "conv2d"',
            f'name = "conv_{number}"',
            f"filters = {filters}",
            "kernel = 3",
        )
        yield from ('padding = "same"', 'activation = "relu"', "", "[[layers]]", 'type = "max_pool"')
    if proposal.pictures or proposal.linear:
        yield from ("", "[[layers]]", 'type = "flatten"')
    if proposal.linear:
        yield from _two_ways(proposal.hidden[0])
        return
    for number, units in enumerate(proposal.hidden, 1):
        yield from ("", "[[layers]]", 'type = "dense"', f'name = "hidden_{number}"', f"units = {units}")
        yield 'activation = "relu"'
        if proposal.dropout:
            yield from ("", "[[layers]]", 'type = "dropout"', f"rate = {proposal.dropout:g}")
    units_word = "classes" if task == "classes" else "outputs"
    yield from ("", "[[layers]]", 'type = "dense"', 'name = "out"', f'units = "{units_word}"')


def _two_ways(units: int) -> Iterator[str]:
    """y = a x + f(x), with a hidden layer in f: both ways are added."""
    yield from ("", "[[layers]]", 'type = "branches"', 'name = "look"')
    yield from ("", "[[layers.branches]]", 'name = "linear"')
    yield from ("[[layers.branches.layers]]", 'type = "dense"', 'name = "ar"', 'units = "outputs"')
    yield from ("", "[[layers.branches]]", 'name = "read"')
    yield from ("[[layers.branches.layers]]", 'type = "dense"', 'name = "hidden"', f"units = {units}")
    yield 'activation = "tanh"'
    yield from ("[[layers.branches.layers]]", 'type = "dense"', 'name = "mix"', 'units = "outputs"', "l2 = 0.01")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(_value, value)) + "]" if isinstance(value, list) else repr(value)
