"""One's own files: what kind of file it is, is read off its first bytes; its name only helps to find the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.arrays import npz_names, read_idx, read_npy, read_npz
from tuinet.data.examples import Examples, from_table
from tuinet.data.foreign import check_memory, opened, read_at_most, read_whole
from tuinet.data.labels import RECONSTRUCT, Labels, labels_of
from tuinet.data.pairs import own_pairs
from tuinet.data.pictures import MAGIC, read_folder
from tuinet.data.series import from_rows
from tuinet.data.settings import DataSettings
from tuinet.data.tables import Column, is_table, read_table
from tuinet.data.texts import LARGEST_TEXT, corpus, named_as_text, read_text
from tuinet.errors import DataError, PresetError, nearest
from tuinet.safe_text import safe

Array = NDArray[Any]

# Names that others give to the arrays of an .npz file, in the order they are looked for.
INPUTS = ("x_train", "X_train", "x", "X", "inputs", "images", "features", "data", "train_images", "arr_0")
LABELS = ("y_train", "Y_train", "y", "Y", "labels", "targets", "label", "target", "train_labels", "arr_1")
TEST = (("x_test", "y_test"), ("X_test", "Y_test"), ("X_test", "y_test"), ("test_images", "test_labels"))

FOR_TABLES = ("label", "ignore")  # settings that say of a file named as a text that it is a table
SAMPLE = 1 << 16  # bytes by which a file's kind is told


def kind_of(path: str | Path) -> str:
    """npy, npz, idx, picture, folder (of pictures), table or text.

    A text is what is named as one, unless all of its lines have equally many cells.
    """
    if Path(path).is_dir():
        return "folder"
    with opened(path) as stream:
        start = bytes(read_at_most(stream, SAMPLE))
    return binary_kind(start) or ("text" if named_as_text(path) and not is_table(start) else "table")


def binary_kind(start: bytes) -> str:
    """npy, npz, idx or picture, by a file's first bytes; "" for anything else."""
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "npz"
    if start[:2] == b"\0\0" and len(start) > 3 and 8 <= start[2] <= 14 and 1 <= start[3] <= 8:
        return "idx"
    if start.startswith(MAGIC):
        return "picture"
    return ""


def no_text(path: str | Path) -> bool:
    """Whether a file begins with what no text has."""
    with opened(path) as stream:
        start = bytes(read_at_most(stream, SAMPLE))
    return b"\0" in start and start[:2] not in (b"\xff\xfe", b"\xfe\xff")  # UTF-16 has zeros, and a mark


def read_file(settings: DataSettings, wanted: str | None = None) -> Examples:
    """The examples in settings.file. wanted: what the loss is for. DataError names what is wrong, and where."""
    assert settings.file is not None
    path = Path(settings.file).expanduser()
    if settings.task == "translate":
        return own_pairs(path, read_whole(path, LARGEST_TEXT), settings)
    kind = kind_of(settings.file)
    if settings.series and kind != "table":
        raise PresetError(
            f"is read from tables, and {safe(path.name, 100)} is none ({kind}); write it as CSV", key="data.series"
        )
    if kind == "folder":
        return _from_folder(path, settings, wanted)
    if settings.tokens is not None or (kind == "text" and not any(getattr(settings, key) for key in FOR_TABLES)):
        return own_text(path, settings)
    if kind == "picture":
        raise DataError(f"{safe(str(path), 200)}: is one picture; name the folder with a folder of them for each class")
    kind = "table" if kind == "text" else kind
    if kind == "table":
        table = read_table(path, settings.separator, settings.header)
        if settings.series:
            return from_rows(table, settings, name=path.name, source="file")
        return from_table(table, settings, name=path.name, source="file", wanted=wanted)
    labels: Array | None
    if settings.reconstructs and settings.label is None:
        inputs, labels, own_test, target = read_inputs_alone(path, kind), None, 0, ""
    elif kind == "npz":
        inputs, labels, own_test, target = _from_npz(path, settings.label)
    elif kind == "idx":
        inputs, labels, own_test, target = _from_idx(path, settings.label)
    else:
        inputs, labels, target = _with_labels(path, read_npy(path), settings.label)
        own_test = 0
    return from_arrays(inputs, labels, settings, place=safe(str(path), 200), target=target, own_test=own_test,
                       wanted=wanted)  # fmt: skip


def own_text(path: Path, settings: DataSettings) -> Examples:
    """A text of one's own, to predict its next character."""
    text = read_text(path, settings.tokens or "characters")
    return corpus(text, settings, name=path.name, source="file", place=safe(str(path), 200))


def read_array(path: str | Path) -> Array:
    """The one array of an .npy or idx file."""
    kind = kind_of(path)
    if kind == "npy":
        return read_npy(path)
    if kind == "idx":
        return read_idx(path)
    raise DataError(f"{safe(str(path), 200)}: is neither an .npy nor an idx file")


def _from_folder(path: Path, settings: DataSettings, wanted: str | None) -> Examples:
    """Pictures, their classes called as the folders they lie in."""
    place = safe(str(path), 200)
    if settings.label is not None or settings.ignore:
        raise DataError(f"{place}: is a folder of pictures, whose classes are its folders; leave label and ignore out")
    found = read_folder(path, settings.size, settings.colors)
    column = Column("folder", "category", found.codes, found.names)
    return Examples(
        name=path.name, source="file", rows=found.rows, labels=labels_of(column, place, settings.task, wanted),
        target="folder", scale="pixels", notes=found.notes,
    )  # fmt: skip


def read_inputs_alone(path: Path, kind: str) -> Array:
    """The array of inputs in a file that needs no labels."""
    if kind != "npz":
        return read_array(path)
    names = npz_names(path)
    x = next((name for name in INPUTS if name in names), names[0] if len(names) == 1 else None)
    if x is None:
        raise DataError(f"{safe(str(path), 200)}: has no array called x; it has {', '.join(map(safe, names[:20]))}")
    return read_npz(path, [x])[x]


# -- finding inputs and labels -------------------------------------------------------------


def _from_npz(path: Path, label: str | None) -> tuple[Array, Array, int, str]:
    names, place = npz_names(path), safe(str(path), 200)
    x = next((name for name in INPUTS if name in names), None)
    y = label if label is not None else next((name for name in LABELS if name in names), None)
    if x is None or y is None or y not in names:
        if label is not None and label not in names:
            raise DataError(
                f'{place}: has no array "{safe(label, 60)}"{nearest(label, names) or ";"} it has {names[:20]}'
            )
        raise DataError(
            f"{place}: has the arrays {', '.join(safe(name, 40) for name in names[:20])}; inputs are looked for as x, "
            "labels as y (or x_train and y_train), or name the labels with data.label"
        )
    pair = next((pair for pair in TEST if set(pair) <= set(names)), None)
    arrays = read_npz(path, {x, y, *(pair or ())})
    inputs, labels = arrays[x], arrays[y]
    if pair is None:
        return inputs, labels, 0, y
    tests, test_labels = arrays[pair[0]], arrays[pair[1]]
    if tests.shape[1:] != inputs.shape[1:] or len(tests) != len(test_labels):
        raise DataError(f"{place}: {pair[0]} {tests.shape} and {pair[1]} {test_labels.shape} do not fit {x}")
    return np.concatenate([inputs, tests]), np.concatenate([labels, test_labels]), len(tests), y


def _from_idx(path: Path, label: str | None) -> tuple[Array, Array, int, str]:
    """idx files come in pairs, and MNIST's four lie together: train-images-idx3-ubyte, train-labels-idx1-ubyte, ..."""
    inputs, labels, target = _with_labels(path, read_idx(path), label or _partner(path.name))
    tests = path.with_name(path.name.replace("train-", "t10k-", 1))
    if label is not None or tests == path or not tests.exists():
        return inputs, labels, 0, target
    test_inputs, test_labels, _ = _with_labels(tests, read_idx(tests), _partner(tests.name))
    if test_inputs.shape[1:] != inputs.shape[1:]:
        raise DataError(f"{safe(str(tests), 200)}: its examples are {test_inputs.shape[1:]}, not {inputs.shape[1:]}")
    return np.concatenate([inputs, test_inputs]), np.concatenate([labels, test_labels]), len(test_inputs), target


def _partner(name: str) -> str | None:
    partner = name.replace("images", "labels").replace("idx3", "idx1")
    return partner if partner != name else None


def _with_labels(path: Path, inputs: Array, label: str | None) -> tuple[Array, Array, str]:
    """Labels from a file beside the inputs where label names one, or from a column of the inputs."""
    place = safe(str(path), 200)
    if label is not None and not label.lstrip("-").isdecimal():
        beside = path.parent / Path(label).expanduser()
        labels = read_array(beside)
        if labels.shape[:1] != inputs.shape[:1]:
            raise DataError(
                f"{safe(str(beside), 200)}: has the shape {labels.shape}, but {path.name} has {inputs.shape}: "
                "as many labels as examples are needed"
            )
        return inputs, labels, beside.name
    if inputs.ndim != 2 or inputs.shape[1] < 2:
        raise DataError(
            f"{place}: has the shape {inputs.shape} and no labels; name the file of the labels as data.label"
        )
    number = int(label or -1)
    if not 1 <= abs(number) <= inputs.shape[1]:
        raise DataError(f"{place}: has no column number {number}; it has {inputs.shape[1]} columns, counted from 1")
    column = number - 1 if number > 0 else inputs.shape[1] + number
    return np.delete(inputs, column, axis=1), inputs[:, column], f"column_{column + 1}"


# -- examples ------------------------------------------------------------------------------


def from_arrays(
    inputs: Array,
    labels: Array | None,
    settings: DataSettings,
    *,
    place: str,
    target: str = "label",
    own_test: int = 0,
    wanted: str | None = None,
) -> Examples:
    """Examples from inputs (n, ...) and labels (n) or (n, outputs), or none where the inputs are to be given back."""
    if settings.ignore:
        raise DataError(f"{place}: an array's columns have no names; data.ignore is for tables")
    if inputs.ndim < 2 or not inputs.size:
        raise DataError(f"{place}: inputs of shape {inputs.shape} are no examples; (examples, numbers ...) is wanted")
    if labels is not None and len(labels) != len(inputs):
        raise DataError(f"{place}: there are {len(inputs):,} examples and {len(labels):,} labels")
    check_memory(place, len(inputs), inputs[0].size, inputs.nbytes)
    check_finite(
        inputs, f"{place}, inputs", allow_missing=settings.impute != "no",
        remedy='choose data.impute = "median" to fill it in',
    )  # fmt: skip
    if labels is not None:
        check_finite(
            labels, f"{place}, {safe(target, 60)}", allow_missing=False,
            remedy="nothing can be learned of an example whose label is missing, so take it out",
        )  # fmt: skip
    rows, scale = as_examples(inputs)
    found = RECONSTRUCT if labels is None else _array_labels(labels, target, place, settings, wanted)
    return Examples(
        name=Path(place).name, source="file", rows=rows, labels=found, target=target, own_test=own_test, scale=scale,
        impute=settings.impute,
    )  # fmt: skip


def as_examples(inputs: Array) -> tuple[Array, str]:
    """The examples with an axis for colour where they are grey pictures, and the scaling that suits them."""
    if inputs.dtype == np.uint8 and inputs.ndim >= 3:
        return (inputs[..., None] if inputs.ndim == 3 else inputs), "pixels"
    if inputs.ndim >= 3 and float(inputs.min()) >= 0 and float(inputs.max()) <= 1:
        return inputs, "none"
    return inputs, "standard"


def _array_labels(labels: Array, target: str, place: str, settings: DataSettings, wanted: str | None) -> Labels:
    if settings.reconstructs:
        return RECONSTRUCT
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1:
        column = Column(target, "number", labels.astype(np.float64))
        return labels_of(column, place, settings.task, wanted)
    if labels.ndim != 2 or not labels.shape[1]:
        raise DataError(f"{place}: labels of shape {labels.shape} are neither one nor several numbers an example")
    if settings.task not in ("auto", "reals"):
        raise DataError(f"{place}: has {labels.shape[1]} labels an example; classes have one, its number")
    return Labels("reals", labels.astype(np.float64), (), f"{place}: has {labels.shape[1]} labels an example")


def check_finite(values: Array, place: str, *, allow_missing: bool, remedy: str) -> None:
    """DataError at the first infinity, and at the first NaN unless NaN is allowed. remedy: what helps against NaN."""
    if values.dtype.kind != "f":
        return
    step = max(1, (1 << 20) // max(1, values[0].size if len(values) else 1))
    for start in range(0, len(values), step):
        piece = values[start : start + step]
        wrong = np.isinf(piece) if allow_missing else ~np.isfinite(piece)
        if wrong.any():
            first = np.argwhere(wrong)[0]
            spot = ", ".join(str(int(index)) for index in (first[0] + start, *first[1:]))
            value = piece[tuple(first)]
            what = f"; {remedy}" if np.isnan(value) else ""
            raise DataError(f"{place}[{spot}]: is {value}, and finite numbers are needed{what}")
