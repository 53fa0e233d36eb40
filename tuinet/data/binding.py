"""Binding: from settings to arrays that a network can train on, checked, split, scaled, and told about.

    read  →  split by seed  →  fit the scaling on the training part  →  scale every part  →  facts

The kernels trust what they are given: labels are in range, sizes agree and every number is finite once this is done.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tuinet.data.baselines import Baseline, baselines
from tuinet.data.bound import Bound, Facts, Part, Scale, Scaler
from tuinet.data.curves import CURVES, curve_of
from tuinet.data.duplicates import shared
from tuinet.data.examples import Examples
from tuinet.data.known import read_known
from tuinet.data.labels import Labels
from tuinet.data.own_files import read_file
from tuinet.data.scaling import Prepare, fit
from tuinet.data.series import parts_of, past_of
from tuinet.data.settings import DataSettings
from tuinet.data.splits import Split, by_document, by_source, split
from tuinet.data.vocabulary import Vocabulary
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe

Indices = NDArray[np.intp]
CLASSES = ("classes", "binary")


def bind(settings: DataSettings, seed: int = 0, wanted: str | None = None) -> Bound:
    """The set that the settings name, ready to train on.

    seed: of the split and of generated points, unless the settings have their own; a preset's training.seed.
    wanted: what the loss is for ("classes", "binary" or "reals"); it decides where a label can be read in two ways.
    Raises DataError for what is wrong with a file, PresetError for settings that do not fit the set.
    """
    seed = settings.seed if settings.seed is not None else seed
    examples = read_known(settings, seed, wanted) if settings.set is not None else read_file(settings, wanted)
    parts = _split(settings, examples, seed)
    curve = curve_of(_scale(settings, examples)) if examples.series is not None else ""
    if curve:
        examples = replace(examples, labels=_on_curve(examples, curve))
    # Before the inputs: what is said of a column that is both is not that another scaling of the inputs would do.
    scale = _target_scale(examples, parts.train)
    scaler: Scaler = examples.vocabulary or _scaler(settings, examples, parts.train)
    if examples.labels.task == "reconstruct":
        scale = _inputs_scale(scaler)
    train = _part(examples, parts.train, scaler, scale)
    validation = _part(examples, parts.validation, scaler, scale) if len(parts.validation) else None
    test = _part(examples, parts.test, scaler, scale) if len(parts.test) else None
    facts = replace(_facts(examples, scaler, scale, train, validation, test), target_curve=curve)
    return Bound(facts, train, validation, test, scaler, _baselines(settings, examples, parts))


class HasData(Protocol):
    """What of a preset decides its data."""

    @property
    def data(self) -> DataSettings: ...
    @property
    def training(self) -> Any: ...


def bind_for(preset: HasData) -> Bound:
    """A preset's data, drawn with its seed and read as its loss wants it."""
    return bind(preset.data, preset.training.seed, preset.training.loss.targets)


def _split(settings: DataSettings, examples: Examples, seed: int) -> Split:
    if examples.series is not None:
        return parts_of(examples.series, settings, seed)
    task = examples.labels.task
    kind = settings.split
    if kind == "auto":
        kind = "stratified" if task in CLASSES else "random"
        kind = kind if examples.split == "auto" else examples.split
    if kind == "stratified" and task not in CLASSES:
        what = "this label is a real number" if task == "reals" else "there is no label here"
        raise PresetError(f'"stratified" keeps the shares of classes, and {what}', key="data.split")
    if kind == "sources":
        if examples.vocabulary is None or not examples.vocabulary.source or examples.documents is None:
            raise PresetError('"sources" is for pairs of texts, and these examples are none', key="data.split")
        return by_source(settings, examples.documents, seed)
    if kind == "documents":
        if examples.documents is None:
            raise PresetError('"documents" is for passages of files, and these examples are none', key="data.split")
        return by_document(settings, examples.documents, examples.labels.values, seed)
    labels = examples.labels.values if task in CLASSES else None
    return split(settings, len(examples.rows), examples.own_test, labels, kind, seed)


def _scaler(settings: DataSettings, examples: Examples, train: Indices) -> Prepare:
    """Fitted on the training examples; for a series on each step that they know of, once."""
    rows, series = examples.rows, examples.series
    if series is not None:
        rows, train = series.values, series.known(train)
    scaler = fit(
        rows, train, _scale(settings, examples), impute=examples.impute, forms=examples.forms,
        features=examples.features, largest_pixel=examples.largest_pixel,
    )  # fmt: skip
    return replace(scaler, raw=examples.rows.shape[1:])


def _baselines(settings: DataSettings, examples: Examples, parts: Split) -> tuple[Baseline, ...]:
    series = examples.series
    if series is None:
        return ()
    starts = {"val": parts.validation + series.window, "test": parts.test + series.window}
    return baselines(past_of(series, settings, parts.train), starts)


def _scale(settings: DataSettings, examples: Examples) -> str:
    scale = examples.scale if settings.scale == "auto" else settings.scale
    if scale == "log_standard" and settings.reconstructs:
        raise PresetError(
            '"log_standard" will not do where the inputs are to be given back, in the data\'s own units; '
            'choose "standard", or another task',
            key="data.scale",
        )
    return scale


def _on_curve(examples: Examples, curve: str) -> Labels:
    """The targets of a series on the curve that its inputs are put on."""

    def title(column: int) -> str:
        names = examples.series.names if examples.series is not None else [examples.target]
        return f'{examples.name}, column "{safe(names[column % len(names)], 60)}"'

    return replace(examples.labels, values=CURVES[curve](examples.labels.values, title))


def _target_scale(examples: Examples, train: Indices) -> Scale | None:
    """Mean and deviation of the training part's real targets; a target that never changes keeps its size."""
    if examples.labels.task != "reals" or examples.keep_targets:
        return None
    values = examples.labels.values[train]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = values.mean(axis=0), values.std(axis=0)
    if not np.isfinite(mean + deviation).all():
        largest = values.ravel()[np.argmax(np.abs(values))]
        raise DataError(
            f'{examples.name}: the label "{safe(examples.target, 60)}" holds {largest:g}, too large to scale; '
            "write it in a larger unit"
        )
    deviation[~(deviation > 0)] = 1.0
    return mean, deviation


def _inputs_scale(scaler: Scaler) -> Scale | None:
    """Inputs that are to be given back have the centre and spread that they were scaled by."""
    assert isinstance(scaler, Prepare)  # a text is not given back
    if scaler.scale == "none":
        return None
    size = math.prod(scaler.shape)
    return np.broadcast_to(scaler.centre, size).copy(), np.broadcast_to(scaler.spread, size).copy()


def _part(examples: Examples, chosen: Indices, scaler: Scaler, scale: Scale | None) -> Part:
    inputs = _taken(examples.rows, chosen) if isinstance(scaler, Vocabulary) else scaler(examples.rows, chosen)
    if examples.labels.task == "reconstruct":
        return Part(inputs, inputs.reshape(len(inputs), -1))
    values = _taken(examples.labels.values, chosen)
    targets: NDArray[Any]
    if examples.labels.task == "classes":
        targets = values.astype(np.int32, copy=False)
    elif examples.labels.task == "binary":
        targets = values[:, None].astype(np.float32)
    else:
        mean, deviation = scale if scale is not None else (0.0, 1.0)
        targets = ((values - mean) / deviation).astype(np.float32)
    return Part(inputs, targets)


def _taken(rows: NDArray[Any], chosen: Indices) -> NDArray[Any]:
    """The chosen rows; a view, where they follow one another, as those of a corpus do."""
    if len(chosen) and (np.diff(chosen) == 1).all():
        return rows[chosen[0] : chosen[-1] + 1]
    return rows[chosen]


# -- facts ---------------------------------------------------------------------------------


def _facts(
    examples: Examples, scaler: Scaler, scale: Scale | None, train: Part, validation: Part | None, test: Part | None
) -> Facts:
    labels = examples.labels
    classes = len(labels.words)
    task, target = labels.task, examples.target
    if task == "reconstruct":
        task, target, outputs = "reals", "", math.prod(scaler.shape)
    else:
        outputs = {"classes": classes, "binary": 1, "reals": labels.values.shape[-1]}[task]
    codes = train.targets.ravel().astype(int) if classes else np.empty(0, int)
    counts: list[int] = np.bincount(codes[codes >= 0], minlength=classes).tolist()
    notes = list(examples.notes)
    series = examples.series
    if examples.source != "generated" and series is None:  # a calm stretch of a series comes again, and is no copy
        notes += list(_duplicates(train, validation, test))
    steps = labels.values.shape[-1] if examples.vocabulary is not None and labels.values.ndim == 2 else 0
    if not steps:
        absent = [labels.words[code] for code, count in enumerate(counts) if count == 0]
        notes += [f'no training example is of the class "{safe(word, 40)}"' for word in absent[:5]]
    words = examples.vocabulary
    return Facts(
        name=examples.name, source=examples.source, inputs=scaler.shape, task=task, classes=classes,
        outputs=outputs, tokens=words.size if words else 0, steps=steps, padded=words is not None and words.padded,
        source_steps=words.source if words else 0, class_names=list(labels.words), class_counts=counts,
        columns=scaler.columns, target=target, target_scale=scale, reason=labels.reason, notes=notes,
        fingerprint=_fingerprint(train, validation, test), white=_white(examples),
        horizon=series.horizon if series else 0, targets=series.names if series else [],
        time=series.time if series else "",
    )  # fmt: skip


def _white(examples: Examples) -> int:
    """What a white pixel is where examples are pictures (height, width, 1 or 3 colours); 0 where they are none."""
    rows = examples.rows
    if rows.ndim != 4 or rows.shape[-1] not in (1, 3):
        return 0
    return int(examples.largest_pixel) if rows.dtype == np.uint8 else int(examples.scale == "none")


def _duplicates(train: Part, validation: Part | None, test: Part | None) -> Iterator[str]:
    for word, part in (("validation", validation), ("test", test)):
        count = shared(train.inputs, part.inputs) if part is not None else 0
        if part is not None and count:
            yield f"{count:,} of the {len(part):,} {word} examples also stand among the training examples"


def _fingerprint(*parts: Part | None) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for values in (part.inputs, part.targets) if part is not None else ():
            digest.update(f"{values.dtype.str}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
        digest.update(b";")
    return digest.hexdigest()
