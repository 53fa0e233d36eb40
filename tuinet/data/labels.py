"""What a label column is: classes, yes or no, or real numbers, and why it was taken for that.

Words are classes. Numbers are classes too where they are whole, few, and each of them comes again often enough;
otherwise they are real. Two of either are yes or no. The preset's task and the loss have the last word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.tables import Column
from tuinet.errors import DataError
from tuinet.safe_text import safe

FEW = 20  # as many different whole numbers may be classes
OFTEN = 10  # if each comes so many times on average
MOST_CLASSES = 1_000


@dataclass(frozen=True, eq=False)
class Labels:
    """values: int32 codes (n) for classes and binary, float64 (n, 1) for reals; words: the classes' names.

    A task of "reconstruct" has no labels: the inputs, scaled, are the targets.
    """

    task: str
    values: NDArray[Any]
    words: tuple[str, ...]
    reason: str


RECONSTRUCT = Labels("reconstruct", np.empty(0), (), "the network is to give its inputs back, as the preset says")


def labels_of(
    column: Column, place: str, task: str = "auto", wanted: str | None = None, usual: str | None = None
) -> Labels:
    """The labels in a column without missing cells.

    task: what the preset says. wanted: what the loss is for; it decides where the column can be read that way.
    usual: what a known set is used for.
    """
    if task == "reconstruct":
        return RECONSTRUCT
    where = f'{place}, column "{safe(column.name, 60)}"'
    name = f'"{safe(column.name, 60)}"'
    if task == "auto":
        natural, reason = (usual, f"{name} is {TASKS[usual]}") if usual else _natural(column, name)
        task = wanted if wanted and _fits(column, wanted) else natural
        if task != natural:
            reason += f"; it is read as {TASKS[task]}, which the loss is for"
    else:
        reason = f"{name} is read as {TASKS[task]}, as the preset says"
    if task == "reals":
        return Labels(task, _reals(column, where)[:, None], (), reason)
    codes, words = _codes(column)
    _check_classes(column, codes, words, task, where)
    return Labels(task, codes, words, reason)


TASKS = {"classes": "classes", "binary": "yes or no", "reals": "real numbers"}


def _natural(column: Column, name: str) -> tuple[str, str]:
    n, count = len(column.values), len(np.unique(column.values))
    if column.kind == "category":
        task = "binary" if count == 2 else "classes"
        return task, f"{name} holds {count:,} different words: {TASKS[task]}"
    if not _whole(column.values):
        return "reals", f"{name} holds {count:,} different numbers, not all of them whole: a real number"
    if count == 2:
        return "binary", f"{name} holds two different numbers: yes or no"
    if count <= FEW and n >= OFTEN * count:
        return "classes", f"{name} holds {count:,} whole numbers, each {n // count:,} times on average: classes"
    return "reals", f"{name} holds {count:,} different whole numbers in {n:,} rows: a real number"


def _fits(column: Column, task: str) -> bool:
    if task == "reals":
        return column.kind == "number"
    count = len(np.unique(column.values))
    if column.kind == "number" and (not _whole(column.values) or count > MOST_CLASSES):
        return False
    return count == 2 if task == "binary" else count >= 2


def _whole(values: NDArray[Any]) -> bool:
    return bool((values == np.rint(values)).all() and (np.abs(values) < 2**53).all())


def _reals(column: Column, where: str) -> NDArray[np.float64]:
    if column.kind != "number":
        raise DataError(
            f'{where}: holds words such as "{safe(column.words[0], 40)}", which are no real numbers; '
            'choose data.task = "classes"'
        )
    return column.values.astype(np.float64)


def _codes(column: Column) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes 0, 1, ... of the values that come at all, in their order, and what they stand for."""
    if column.kind == "category":
        if column.words and len(np.unique(column.values)) == len(column.words):
            return column.values.astype(np.int32), column.words
        present, codes = np.unique(column.values, return_inverse=True)
        return codes.astype(np.int32), tuple(column.words[code] for code in present)
    numbers, codes = np.unique(column.values, return_inverse=True)
    return codes.astype(np.int32), tuple(f"{number:.15g}" for number in numbers)


def _check_classes(column: Column, codes: NDArray[np.int32], words: tuple[str, ...], task: str, where: str) -> None:
    if len(words) < 2:
        raise DataError(f'{where}: holds nothing but "{safe(words[0], 40)}"; there is nothing to tell apart')
    if task == "binary" and len(words) != 2:
        some = ", ".join(f'"{safe(word, 20)}"' for word in words[:3])
        raise DataError(
            f'{where}: holds {len(words):,} different values ({some} ...), not two; choose data.task = "classes"'
        )
    if len(words) > MOST_CLASSES or (len(words) > 20 and len(words) > len(codes) // 2):
        remedy = 'choose data.task = "reals"' if column.kind == "number" else "choose another label"
        raise DataError(
            f"{where}: holds {len(words):,} different values in {len(codes):,} rows, too many for classes; {remedy}"
        )
