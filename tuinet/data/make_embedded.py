"""How the embedded sets were made: `python -m tuinet.data.make_embedded SOURCES OUTPUT`.

SOURCES is a folder with the files below, as their publishers give them; OUTPUT gets one file in the compact form
for each set. Nothing is changed but the encoding, except where a line here says so.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.compact import CompactColumn, pack
from tuinet.data.sets import BY_NAME, CLOTHES, SERIES

Made = tuple[dict[str, Any], list[CompactColumn]]


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    sources, output = Path(arguments[0]), Path(arguments[1])
    for name, make in MAKERS.items():
        about, columns = make(sources)
        known = BY_NAME.get(name)
        words = {"name": name, **({"title": known.title, "licence": known.licence} if known else {}), **about}
        packed = pack(words, columns)
        (output / f"{name}.xz").write_bytes(packed)
        print(f"{name:12} {len(packed):>10,} bytes")
    return 0


def _text(path: Path) -> str:
    data = path.read_bytes()
    data = lzma.decompress(data) if path.suffix == ".xz" else gzip.decompress(data) if path.suffix == ".gz" else data
    return data.decode()


def _numbers(name: str, values: Any) -> CompactColumn:
    return CompactColumn(name, np.asarray(values, np.float64))


def _coded(name: str, values: list[str], words: list[str]) -> CompactColumn:
    return CompactColumn(name, np.array([words.index(value) for value in values], np.uint8), tuple(words))


def _idx(path: Path, header: int, shape: tuple[int, ...], count: int) -> NDArray[np.uint8]:
    content = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)
    return content.reshape(-1, *shape)[:count]


# -- images --------------------------------------------------------------------------------


def fashion(sources: Path) -> Made:
    """The first 8,000 of Zalando's training images and the first 2,000 of its test images."""
    parts = [("train", 8_000), ("t10k", 2_000)]
    images = [_idx(sources / f"{part}-images-idx3-ubyte.gz", 16, (28, 28, 1), count) for part, count in parts]
    labels = [_idx(sources / f"{part}-labels-idx1-ubyte.gz", 8, (), count) for part, count in parts]
    columns = [
        CompactColumn("image", np.concatenate(images)),
        CompactColumn("class", np.concatenate(labels), CLOTHES),
    ]
    return {"label": "class", "test": 2_000}, columns


def digits(sources: Path) -> Made:
    """scikit-learn's datasets/data/digits.csv.gz: 64 pixels of 0 to 16, then the digit."""
    rows = np.loadtxt(io.StringIO(_text(sources / "digits.csv.gz")), delimiter=",")
    words = tuple("0123456789")
    columns = [
        CompactColumn("image", rows[:, :64].reshape(-1, 8, 8, 1).astype(np.uint8)),
        CompactColumn("class", rows[:, 64].astype(np.uint8), words),
    ]
    return {"label": "class"}, columns


# -- tables --------------------------------------------------------------------------------


def spambase(sources: Path) -> Made:
    """UCI's spambase.data, its columns named as in spambase.names."""
    names = re.findall(r"^((?:word|char|capital)_\S+):", _text(sources / "spambase.names"), re.MULTILINE)
    rows = np.loadtxt(io.StringIO(_text(sources / "spambase.data")), delimiter=",")
    columns = [_numbers(name, rows[:, place]) for place, name in enumerate(names)]
    columns.append(CompactColumn("class", rows[:, 57].astype(np.uint8), ("no spam", "spam")))
    return {"label": "class"}, columns


def letters(sources: Path) -> Made:
    """The last 4,000 of the 20,000 are the test part, as in the set's own description."""
    head, *rows = csv.reader(io.StringIO(_text(sources / "letter_recognition.csv.xz")))
    values = np.array([row[1:] for row in rows], np.float64)
    columns = [_numbers(name, values[:, place]) for place, name in enumerate(head[1:])]
    columns.append(_coded("letter", [row[0] for row in rows], [chr(ord("A") + place) for place in range(26)]))
    return {"label": "letter", "test": 4_000}, columns


def concrete(sources: Path) -> Made:
    """In UCI's order, which the published splits count on."""
    head, *rows = csv.reader(io.StringIO(_text(sources / "concrete.csv.xz")))
    values = np.array(rows, np.float64)
    return {"label": head[-1]}, [_numbers(name, values[:, place]) for place, name in enumerate(head)]


def auto_mpg(sources: Path) -> Made:
    """cars.json without the 14 cars that lack consumption or horsepower: the customary 392."""
    names = {
        "Cylinders": "cylinders",
        "Displacement": "displacement",
        "Horsepower": "horsepower",
        "Weight_in_lbs": "weight",
        "Acceleration": "acceleration",
    }
    cars = [
        car
        for car in json.loads(_text(sources / "cars.json"))
        if car["Miles_per_Gallon"] is not None and car["Horsepower"] is not None
    ]
    columns = [_numbers(name, [car[key] for car in cars]) for key, name in names.items()]
    columns.append(_numbers("year", [int(car["Year"][:4]) for car in cars]))
    columns.append(_coded("origin", [car["Origin"] for car in cars], ["Europe", "Japan", "USA"]))
    columns.append(_numbers("miles_per_gallon", [car["Miles_per_Gallon"] for car in cars]))
    return {"label": "miles_per_gallon"}, columns


def diabetes(sources: Path) -> Made:
    """scikit-learn's diabetes_data_raw.csv.gz and diabetes_target.csv.gz."""
    names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    values = np.loadtxt(io.StringIO(_text(sources / "diabetes_data_raw.csv.gz")))
    columns = [_numbers(name, values[:, place]) for place, name in enumerate(names)]
    columns.append(_numbers("progression", np.loadtxt(io.StringIO(_text(sources / "diabetes_target.csv.gz")))))
    return {"label": "progression"}, columns


# -- text and series ------------------------------------------------------------------------


def surnames(sources: Path) -> Made:
    """A line a language: its name, a tab, and the surnames of Faker's provider for it, parted by bars."""
    lines = [line.split("\t") for line in _text(sources / "surnames.tsv.xz").split("\n") if line]
    languages = [language for language, _ in lines]
    pairs = [(name, language) for language, names in lines for name in names.split("|")]
    columns = [
        CompactColumn("surname", np.empty(0), lines=tuple(name for name, _ in pairs)),
        _coded("language", [language for _, language in pairs], languages),
    ]
    return {"label": "language"}, columns


def series(sources: Path) -> Made:
    """Ten of R's time series, from a JSON object with R's names."""
    values = json.loads(_text(sources / "r_series.json.xz"))
    about = {"title": "ten time series", "licence": BY_NAME["airline"].licence}
    return about, [_numbers(name, values[their]) for name, their in SERIES.items()]


MAKERS: dict[str, Callable[[Path], Made]] = {
    "fashion": fashion,
    "digits": digits,
    "spambase": spambase,
    "letters": letters,
    "concrete": concrete,
    "auto-mpg": auto_mpg,
    "diabetes": diabetes,
    "surnames": surnames,
    "series": series,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
