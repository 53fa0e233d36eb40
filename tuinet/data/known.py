"""Sets that are known by name, read into examples: embedded, generated, or found where they were fetched to."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tuinet.data.archives import zip_member
from tuinet.data.arrays import idx_array
from tuinet.data.compact import CompactColumn, CompactSet, read_embedded
from tuinet.data.examples import Examples, from_table
from tuinet.data.foreign import opened, read_at_most
from tuinet.data.installed import language_reference, packages, python_source
from tuinet.data.labels import labels_of
from tuinet.data.made_pairs import made
from tuinet.data.pairs import examples, read_pairs
from tuinet.data.playground import generate
from tuinet.data.scaling import Form
from tuinet.data.series import from_values
from tuinet.data.sets import RemoteFile, SetInfo, known_set
from tuinet.data.settings import DataSettings
from tuinet.data.splits import random_numbers
from tuinet.data.tables import Column, Table, decoded, parse_table
from tuinet.data.texts import corpus, labelled
from tuinet.data.texts import decoded as decoded_text
from tuinet.errors import DataError, PresetError
from tuinet.safe_text import safe


def read_known(settings: DataSettings, seed: int, wanted: str | None = None) -> Examples:
    """The examples of settings.set. seed: for generated sets. wanted: what the loss is for."""
    assert settings.set is not None
    info = known_set(settings.set)
    _check_settings(settings, info)
    if info.form == "points":
        return _points(info, settings, seed, wanted)
    if info.form == "pairs":
        return _pairs(info, settings, seed)
    if info.form in ("corpus", "labelled", "packages"):
        return _text(info, settings, wanted)
    if info.form == "series":
        return from_values(series(info.name), settings, name=info.name, source="embedded")
    if info.form == "idx":
        return _idx(info, settings, wanted)
    if info.form == "tables":
        return _tables(info, settings, wanted)
    compact = read_embedded(info.file)
    return (_images if info.form == "images" else _table)(compact, info, settings, wanted)


def texts(name: str) -> tuple[list[str], list[str]]:
    """The texts of an embedded text set, and the label of each."""
    info = known_set(name)
    if info.kind != "embedded" or info.form != "labelled":
        raise DataError(f"{name} is no embedded set of texts")
    compact = read_embedded(info.file)
    labels = compact.column(compact.about["label"])
    lines = next(column.lines for column in compact.columns if column.lines)
    return list(lines), [labels.words[code] for code in labels.values]


def series(name: str) -> NDArray[np.float64]:
    """The values of an embedded time series (length)."""
    info = known_set(name)
    if info.form != "series":
        raise DataError(f"{name} is no time series")
    return read_embedded(info.file).column(name).values.astype(np.float64)


TEXTS = ("corpus", "labelled", "packages", "pairs")
FOR_TABLES = ("separator", "header", "ignore")
FOR_POINTS = ("noise", "features")
FOR_SERIES = ("horizon", "period", "order")
FOR_SERIES_OF_FILES = ("series", "targets", "time")


def _check_settings(settings: DataSettings, info: SetInfo) -> None:
    """PresetError for a setting that this set would pass over in silence."""
    useless = [*FOR_TABLES, *FOR_SERIES_OF_FILES]
    useless += [] if info.form in ("table", "tables") else ["label"]
    useless += [] if info.form == "points" else [*FOR_POINTS]
    useless += [] if info.kind == "generated" else ["samples"]
    useless += [] if info.name == "numbers" else ["largest"]
    useless += [] if info.form in ("series", *TEXTS) else ["window"]
    useless += [] if info.form == "series" else [*FOR_SERIES]
    useless += [] if info.form in TEXTS else ["tokens"]
    usual = DataSettings(set=info.name)
    if settings.task == "translate" and info.form != "pairs":
        raise PresetError(f"{info.name} holds no pairs of texts; choose another task", key="data.task")
    for key in useless:
        if getattr(settings, key) != getattr(usual, key):
            raise PresetError(f"has no meaning for the set {info.name}; leave it out", key=f"data.{key}")


# -- embedded ------------------------------------------------------------------------------


def _images(compact: CompactSet, info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    label = _column(compact.column(compact.about["label"]))
    return Examples(
        name=info.name, source="embedded", rows=compact.column("image").values,
        labels=labels_of(label, info.name, settings.task, wanted, info.task), target=label.name, own_test=info.test,
        scale="pixels", largest_pixel=info.largest_pixel,
    )  # fmt: skip


def _table(compact: CompactSet, info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    columns = tuple(_column(column) for column in compact.columns)
    table = Table(info.name, columns, np.arange(1, len(columns[0].values) + 1, dtype=np.int32), header=True)
    label = settings.label or compact.about["label"]
    usual = info.task if label == compact.about["label"] else None
    settings = replace(settings, label=label)
    return from_table(table, settings, name=info.name, source="embedded", wanted=wanted, usual=usual,
                      own_test=info.test)  # fmt: skip


def _column(column: CompactColumn) -> Column:
    if column.words:
        return Column(column.name, "category", column.values.astype(np.int32), column.words)
    return Column(column.name, "number", column.values.astype(np.float64))


# -- generated -----------------------------------------------------------------------------


def _points(info: SetInfo, settings: DataSettings, seed: int, wanted: str | None) -> Examples:
    points, values = generate(info.name, settings.samples, settings.noise, random_numbers(seed, 2))
    labels = labels_of(Column("label", "number", values), info.name, settings.task, wanted, info.task)
    return Examples(
        name=info.name, source="generated", rows=points, labels=labels, target="label", scale="none",
        features=settings.features, forms=(Form("x"), Form("y")), keep_targets=info.task == "binary",
    )  # fmt: skip


# -- texts ---------------------------------------------------------------------------------


def _text(info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    if info.name in INSTALLED:
        return INSTALLED[info.name](info, settings, wanted)
    window = info.inputs[0]
    if info.kind == "embedded":
        lines, labels = texts(info.name)
        return labelled(lines, labels, settings, name=info.name, source="embedded", target=info.label, wanted=wanted,
                        usual=info.task, window=window)  # fmt: skip
    content = decoded_text(verified(info, info.files[0]), info.name, settings.tokens or "characters")
    if info.form == "corpus":
        return corpus(content, settings, name=info.name, source="cached", place=info.name, window=window)
    pairs = [line.partition("\t")[::2] for line in content.split("\n") if line]
    labels, lines = [label for label, _ in pairs], [line for _, line in pairs]
    return labelled(lines, labels, settings, name=info.name, source="cached", target=info.label, wanted=wanted,
                    usual=info.task, window=window)  # fmt: skip


INSTALLED: dict[str, Callable[[SetInfo, DataSettings, str | None], Examples]] = {
    "python-source": lambda info, settings, wanted: python_source(info, settings),
    "language-reference": lambda info, settings, wanted: language_reference(info, settings),
    "topics": packages,
}


# -- pairs ---------------------------------------------------------------------------------


def _pairs(info: SetInfo, settings: DataSettings, seed: int) -> Examples:
    """A source and a target each: made by the seed, or the one member of a fetched archive that holds any."""
    longest = info.inputs[0]
    if info.kind == "generated":
        found = made(info.name, settings.samples, random_numbers(seed, 2), largest=settings.largest,
                     longest=settings.window)  # fmt: skip
        source = "generated"
    else:
        content = zip_member(verified(info, info.files[0]), info.member, info.name)
        found, source = read_pairs(content, info.name, settings.tokens or "characters"), "cached"
    return examples(found, settings, name=info.name, source=source, place=info.name, longest=longest)


# -- on demand -----------------------------------------------------------------------------


def verified(info: SetInfo, file: RemoteFile) -> bytes:
    """What is in a fetched file, its sha256 checked each time; DataError says how to get it where it is not there."""
    path = info.find(file)
    if path is None:
        names = ", ".join(one.name for one in info.files)
        raise DataError(
            f"{info.name} is not on this machine: `tuinet data get {info.name}` fetches it "
            f"({info.bytes / 1e6:,.1f} MB), or put {names} into {safe(str(info.folder))}"
        )
    with opened(path) as stream:
        content = bytes(read_at_most(stream, file.raw_bytes + 1))
    if hashlib.sha256(content).hexdigest() != file.raw_sha256:
        raise DataError(
            f"{safe(str(path))}: is not the file that belongs to {info.name} (its sha256 differs); "
            f"remove it, and `tuinet data get {info.name}` fetches it anew"
        )
    return content


def _idx(info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    """Files in the order training pictures, training labels, test pictures, test labels."""
    arrays = [idx_array(io.BytesIO(verified(info, file)), file.name) for file in info.files]
    labels = Column("class", "category", np.concatenate([arrays[1], arrays[3]]).astype(np.int32), info.classes)
    return Examples(
        name=info.name, source="cached", rows=np.concatenate([arrays[0], arrays[2]])[..., None],
        labels=labels_of(labels, info.name, settings.task, wanted, info.task), target="class", own_test=info.test,
        scale="pixels", largest_pixel=info.largest_pixel,
    )  # fmt: skip


def _tables(info: SetInfo, settings: DataSettings, wanted: str | None) -> Examples:
    """Tables of the same columns, one below the other."""
    form = info.table
    pieces = [decoded(verified(info, file), file.name) for file in info.files]
    text = "".join(piece if piece.endswith("\n") else piece + "\n" for piece in pieces)
    table = parse_table(text, info.name, form.separator, names=form.columns)
    label = settings.label or form.label
    usual = info.task if settings.label is None else None
    impute = form.impute if settings.impute == "no" else settings.impute
    return from_table(table, replace(settings, label=label, impute=impute), name=info.name, source="cached",
                      wanted=wanted, usual=usual, own_test=info.test)  # fmt: skip
