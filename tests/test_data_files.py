"""One's own files: read right where they are right, refused by place where they are wrong, never trusted."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet.data import DataSettings, bind, read_table
from tuinet.data.adviser import preset_from_table
from tuinet.data.arrays import npz_names, read_idx, read_npy, read_npz
from tuinet.data.foreign import read_whole
from tuinet.data.tables import parse_table
from tuinet.errors import DataError

# -- tables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("a,b\n1,2\n3,4\n", ["a", "b"], 2),
        ("a;b\n1;2\n3;4\n", ["a", "b"], 2),
        ("a\tb\n1\t2\n3\t4", ["a", "b"], 2),
        ("a|b\r\n1|2\r\n3|4\r\n", ["a", "b"], 2),
        ("1 2\n3 4 \n 5  6\n", ["column_1", "column_2"], 3),
        ("1,2\n3,4\n", ["column_1", "column_2"], 2),
        ("name,kind\nx,p\ny,q\nz,p\n", ["name", "kind"], 3),
        ("x,p\ny,q\nx,p\n", ["column_1", "column_2"], 3),
        ('a,b\n"1",2\n\n\n3,"4"\n', ["a", "b"], 2),
        ('"first, second",b\n1,2\n3,4\n', ["first, second", "b"], 2),
        ("a,a,\n1,2,3\n", ["a", "a_2", "column_3"], 1),
        ("a;b\n1,5;2\n2,5;3\n", ["a", "b"], 2),
    ],
)
def test_separator_and_header_are_found(text: str, names: list[str], rows: int) -> None:
    table = parse_table(text, "t.csv")
    assert (table.names, len(table)) == (names, rows)


def test_numbers_categories_and_missing_cells_are_told_apart() -> None:
    table = parse_table("n,c,m,e\n1,b,2,\n-2.5e3,a,,NA\n 3 ,b,?,null\n", "t.csv")
    assert [column.kind for column in table.columns] == ["number", "category", "number", "empty"]
    assert table.columns[0].values.tolist() == [1, -2500, 3]
    assert (table.columns[1].values.tolist(), table.columns[1].words) == ([1, 0, 1], ("a", "b"))
    assert table.columns[2].missing.tolist() == [False, True, True]


def test_a_category_may_hold_numbers_among_its_words() -> None:
    column = parse_table("c,y\n1,0\nx,0\n1,0\n02,0\n\ny,0\n", "t.csv").columns[0]
    assert [column.words[code] for code in column.values] == ["1", "x", "1", "2", "y"]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    assert parse_table('a,b\n1,2\n\n"3\n",4\n5,6\n', "t.csv").lines.tolist() == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "t.csv: is empty"),
        ("size,colour,price\n", "holds one line, and no number in it"),
        ("a,b\n1,2\n3\n", "t.csv, line 3: has 1 cells; the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "t.csv, line 3: has 3 cells"),
        ("a,b\n1,2\x00\n", "byte 8 is zero"),
        ('a,b\n1,2\n3,"x\n' + "1,2\n" * 50, "t.csv, line 3: a quote opens here and is never closed"),
        ("a,b\n1," + "x" * 200_000 + "\n", "t.csv, line 2: cannot be cut into cells"),
    ],
)
def test_a_broken_table_is_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv")
    assert words in str(caught.value)


@pytest.mark.parametrize("after", ["", "\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_quoted_cell_may_go_over_lines_anywhere_in_the_table(tmp_path: Path, after: str, mark: str) -> None:
    lines = ["a,b", *["1,2"] * 30, '3,"x\ny"', *["1,2"] * 400, '4,"z\nz"']
    (tmp_path / "t.csv").write_text("\n".join(lines).replace(",", mark) + after)
    found = read_table(tmp_path / "t.csv")
    assert len(found) == 432 and found.names == ["a", "b"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("twelve", 'line 14, column "x": "twelve" is no number, but 29 other cells of the column are'),
        ("inf", 'line 14, column "x": "inf" is not a finite number'),
        ("1e999", '"1e999" is not a finite number'),
        ("1_000", '"1_000" is no number'),
    ],
)
def test_an_odd_cell_in_a_column_of_numbers_is_named(tmp_path: Path, cell: str, words: str) -> None:
    rows = [f"{cell if value == 12 else value},{value / 7}" for value in range(30)]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows))
    with pytest.raises(DataError) as caught:
        bind(DataSettings(file=str(tmp_path / "t.csv")))
    assert words in str(caught.value)
    with pytest.raises(DataError):  # with nothing but the label left, the column is not looked at
        bind(DataSettings(file=str(tmp_path / "t.csv"), ignore=("x",)))


def test_decimal_commas_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x;y\n" + "\n".join(f"{value},5;{value}" for value in range(30)))
    with pytest.raises(DataError, match='"0,5" has a decimal comma'):
        bind(DataSettings(file=str(tmp_path / "t.csv")))


@pytest.mark.parametrize(
    ("label", "target"), [("b", "b"), ("1", "a"), ("-1", "c"), ("-2", "b"), (None, "c"), ("3", "c")]
)
def test_a_label_is_named_or_counted(tmp_path: Path, label: str | None, target: str) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n" + "\n".join(f"{v},{v * 2},{v * 3}" for v in range(30)))
    assert bind(DataSettings(file=str(tmp_path / "t.csv"), label=label)).facts.target == target


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label": "prise"}, 'has no column "prise"; did you mean "price"?'),
        ({"label": "4"}, "has no column number 4; it has 3 columns"),
        ({"label": "0"}, "has no column number 0"),
        ({"ignore": ("sise",)}, 'has no column "sise" to ignore; did you mean "size"?'),
        ({"ignore": ("size", "rooms")}, "no column is left to learn from"),
    ],
)
def test_an_unknown_column_is_refused_with_the_nearest_name(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    (tmp_path / "t.csv").write_text("size,rooms,price\n" + "\n".join(f"{v},{v * 2},{v * 3}" for v in range(30)))
    with pytest.raises(DataError) as caught:
        bind(DataSettings(file=str(tmp_path / "t.csv"), **settings))
    assert words in str(caught.value)


def test_gzipped_latin_and_utf16_tables_are_read(tmp_path: Path) -> None:
    text = "größe,y\n" + "\n".join(f"{value},{value * 2}" for value in range(9))
    for name, content in {
        "a.csv.gz": gzip.compress(text.encode()),
        "b.csv": text.encode("latin-1"),
        "c.csv": text.encode("utf-16"),
        "bom.csv": text.encode("utf-8-sig"),
        "d.csv": b"".join(gzip.compress(part) for part in (text[:20].encode(), text[20:].encode())) + b"\0" * 512,
    }.items():
        (tmp_path / name).write_bytes(content)
        table = read_table(tmp_path / name)
        assert (table.names, len(table)) == (["größe", "y"], 9), name


def test_column_names_cannot_drive_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\x1b[2Jx,y\n" + "\n".join(f"{v},{'oops' if v == 3 else v}" for v in range(30)))
    for settings in ({}, {"label": "\x1b[31mz"}, {"ignore": ("\x1b]0;x\x07",)}):
        with pytest.raises(DataError) as caught:
            bind(DataSettings(file=str(tmp_path / "t.csv"), **settings))  # type: ignore[arg-type]
        assert "\x1b" not in str(caught.value) and "\x07" not in str(caught.value)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device"])
def test_what_is_no_regular_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = {"device": Path("/dev/zero")}.get(kind, tmp_path / "x.csv")
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(DataError, match=str(path)):
        bind(DataSettings(file=str(path)))


# -- arrays --------------------------------------------------------------------------------


def npy(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), version=version)
    return buffer.getvalue()


def npy_claiming(shape: str, descr: str = "<f8", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def idx(array: np.ndarray[Any, Any], code: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4", "f2", "f4", ">f8", "?"])
@pytest.mark.parametrize("shape", [(3, 4), (5,), (2, 3, 4), (0, 3), ()])
def test_npy_arrays_of_numbers_are_read_as_numpy_reads_them(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).integers(0, 2, shape).astype(dtype)
    for version in ((1, 0), (2, 0), (3, 0)):
        (tmp_path / "x.npy").write_bytes(npy(values, version))
        assert np.array_equal(read_npy(tmp_path / "x.npy"), values)
    (tmp_path / "x.npy").write_bytes(npy(values.T))  # in Fortran's order
    assert np.array_equal(read_npy(tmp_path / "x.npy"), values.T)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "pickled.npy": (npy(np.array([{"a": 1}], object)), "pickled"),
    "claims.npy": (npy_claiming("(1000000000000,)"), "claims 1,000,000,000,000 numbers"),
    "overflow.npy": (npy_claiming("(4294967296, 4294967296, 4294967296)"), "claims"),
    "digits.npy": (npy_claiming("(" + "9" * 60 + ",)"), "as a size"),
    "negative.npy": (npy_claiming("(-5,)"), "not that of one array of numbers"),
    "code.npy": (npy_claiming("(__import__('os').system('x'),)"), "not that of one array of numbers"),
    "axes.npy": (npy_claiming("(" + "1, " * 40 + ")"), "has 40 axes"),
    "struct.npy": (npy(np.zeros(3, [("a", "f4")])), "header is not that"),
    "text.npy": (npy(np.array(["a", "b"])), "dtype <U1"),
    "complex.npy": (npy(np.zeros(3, complex)), "dtype <c16"),
    "short.npy": (npy(np.zeros(10))[:-1], "ends after 79 of 80 bytes"),
    "long.npy": (npy(np.zeros(10)) + b"x", "goes on after the 80 bytes"),
    "header.npy": (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31), "claims 2,147,483,648 bytes"),
    "version.npy": (b"\x93NUMPY\x09\x00\x00\x00", "version 9.0"),
    "head.npy": (b"\x93NUMPY\x01", "too short"),
    "claims.idx": (struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31), "claims"),
    "short.idx": (idx(np.zeros((3, 4), np.uint8))[:-1], "ends after 11 of 12 bytes"),
    "long.idx": (idx(np.zeros((3, 4), np.uint8)) + b"x", "goes on"),
    "type.idx": (b"\0\0\x0a\x01" + b"\0" * 8, "no idx file"),
    "cut.gz": (gzip.compress(os.urandom(5_000))[:2_000], "ends in the middle"),
    "wrong.gz": (b"\x1f\x8b" + b"x" * 100, "cannot be unpacked"),
    "members.npz": (b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 60_000, 9, 9, 0), "lists 60,000 arrays"),
    "directory.npz": (b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 9, 9, 2**30, 9, 0), "in 1,073,741,824 bytes"),
    "zip64.npz": (
        b"PK\x03\x04" + b"\0" * 40 + b"PK\x06\x07" + b"\0" * 16 + b"PK\x05\x06" + b"\0" * 18,
        "the long form of a zip file's end",
    ),
    "end.npz": (b"PK\x03\x04" + b"\0" * 50, "its end is missing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_damaged_file_is_refused_for_what_is_wrong(tmp_path: Path, name: str) -> None:
    content, words = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        bind(DataSettings(file=str(tmp_path / name)))
    assert words in str(caught.value) and name in str(caught.value)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_npz_arrays_are_read_in_memory_and_only_those_wanted(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.arange(12).reshape(6, 2), y=np.arange(6), other=np.array([{}], object))
    assert sorted(npz_names(path)) == ["other", "x", "y"]
    assert read_npz(path, ["y"])["y"].tolist() == [*range(6)]
    with pytest.raises(DataError, match="pickled"):
        read_npz(path, ["other"])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_packed_otherwise_is_refused(tmp_path: Path, method: int) -> None:
    (tmp_path / "x.npz").write_bytes(zipped({"x.npy": npy(np.zeros(5)), "y.npy": npy(np.zeros(5))}, method))
    with pytest.raises(DataError, match=r"np\.savez does not use"):
        read_npz(tmp_path / "x.npz", ["x"])


def test_nothing_of_an_archive_is_written_anywhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "x.npz"
    names = ["../x.npy", "/tmp/tuinet-escaped.npy", "a/../../x.npy", "x.npy", "y.npy"]
    path.write_bytes(zipped({name: npy(np.arange(12.0)) for name in names}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError):
        bind(DataSettings(file=str(path)))
    assert sorted(tmp_path.rglob("*")) == before and not Path("/tmp/tuinet-escaped.npy").exists()


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    zeros = 400_000_000
    head = struct.pack(">HBB3I", 0, 8, 3, zeros // 784, 28, 28)
    bomb = tmp_path / "bomb.idx.gz"
    with gzip.open(bomb, "wb", 9) as file:
        file.write(head)
        for _ in range(400):
            file.write(b"\0" * 1_000_000)
    assert bomb.stat().st_size < 500_000
    assert peak_of(lambda: read_idx(bomb)) < 90 << 20
    assert peak_of(lambda: read_whole(bomb, 400 << 20)) < 90 << 20
    (tmp_path / "x.npy").write_bytes(npy_claiming("(250000000,)"))  # 2 GB claimed, within the limit, none there
    assert peak_of(lambda: read_npy(tmp_path / "x.npy")) < 1 << 20
    (tmp_path / "x.npz").write_bytes(zipped({"x.npy": npy_claiming("(100000000,)", "|u1", b"\0" * 100_000_000)}))
    assert peak_of(lambda: read_npz(tmp_path / "x.npz", ["x"])) < 1 << 20


def test_examples_that_would_not_fit_into_memory_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "x.npy", "wb") as file:
        file.write(npy_claiming("(20000, 40000)", "|u1"))
        file.truncate(file.tell() + 800_000_000)  # a hole: no disk, and read as zeros
    (tmp_path / "y.npy").write_bytes(npy(np.zeros(20_000, np.uint8)))
    with pytest.raises(DataError, match="GiB of memory"):
        bind(DataSettings(file=str(tmp_path / "x.npy"), label="y.npy"))


# -- arrays as examples --------------------------------------------------------------------


def test_pictures_in_idx_files_find_their_labels_and_test_part(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for part, n in (("train", 50), ("t10k", 20)):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx(rng.integers(0, 256, (n, 6, 5), np.uint8)))
        )
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx((np.arange(n) % 3).astype(np.uint8))))
    bound = bind(DataSettings(file=str(tmp_path / "train-images-idx3-ubyte.gz"), validation=0.2))
    assert bound.facts.inputs == (6, 5, 1) and bound.facts.classes == 3
    assert bound.validation is not None and bound.test is not None
    assert (len(bound.train), len(bound.validation), len(bound.test)) == (40, 10, 20)
    assert (bound.train.inputs.min() >= 0) and (bound.train.inputs.max() <= 1)


def test_npz_parts_are_known_by_their_usual_names(tmp_path: Path) -> None:
    x, y = np.random.default_rng(1).normal(size=(40, 3)), np.arange(40) % 2
    np.savez(tmp_path / "keras.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    np.savez(tmp_path / "plain.npz", X=x, price=np.stack([y, y * 0.5], axis=1))
    keras = bind(DataSettings(file=str(tmp_path / "keras.npz")))
    assert keras.test is not None and len(keras.test) == 10 and keras.facts.task == "binary"
    plain = bind(DataSettings(file=str(tmp_path / "plain.npz"), label="price"))
    assert (plain.facts.task, plain.facts.outputs, plain.train.targets.shape[1]) == ("reals", 2, 2)
    with pytest.raises(DataError, match='has no array "prise"; did you mean "price"'):
        bind(DataSettings(file=str(tmp_path / "plain.npz"), label="prise"))


def test_an_npy_matrix_has_its_label_in_a_column_or_in_a_file_beside_it(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
    np.save(tmp_path / "m.npy", values)
    np.save(tmp_path / "labels.npy", np.arange(40) % 4)
    assert bind(DataSettings(file=str(tmp_path / "m.npy"))).facts.inputs == (3,)
    assert bind(DataSettings(file=str(tmp_path / "m.npy"), label="1")).facts.target == "column_1"
    beside = bind(DataSettings(file=str(tmp_path / "m.npy"), label="labels.npy")).facts
    assert (beside.inputs, beside.task, beside.classes) == ((4,), "classes", 4)
    np.save(tmp_path / "few.npy", np.arange(39))
    with pytest.raises(DataError, match="as many labels as examples"):
        bind(DataSettings(file=str(tmp_path / "m.npy"), label="few.npy"))


def test_nan_and_infinity_in_an_array_are_refused_by_place(tmp_path: Path) -> None:
    values = np.zeros((40, 4))
    values[7, 2] = np.nan
    np.save(tmp_path / "m.npy", values + np.arange(40)[:, None])
    with pytest.raises(DataError, match=r"inputs\[7, 2\]: is nan"):
        bind(DataSettings(file=str(tmp_path / "m.npy")))
    bound = bind(DataSettings(file=str(tmp_path / "m.npy"), impute="median", scale="none", split="time"))
    assert bound.train.inputs[7, 2] == pytest.approx(np.median(np.delete(np.arange(36), 7)))
    values[7, 2] = np.inf
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(DataError, match=r"inputs\[7, 2\]: is inf"):
        bind(DataSettings(file=str(tmp_path / "m.npy"), impute="median"))


def test_a_label_that_is_missing_is_advised_nothing_that_does_not_help(tmp_path: Path) -> None:
    values = np.arange(120.0).reshape(40, 3)
    values[5, 2] = np.nan
    np.save(tmp_path / "m.npy", values)
    for impute in ("no", "median"):
        with pytest.raises(DataError, match=r"\[5\]: is nan, .*; nothing can be learned of an example") as said:
            bind(DataSettings(file=str(tmp_path / "m.npy"), impute=impute))
        assert "data.impute" not in str(said.value)


# -- nothing runs, nothing crashes ---------------------------------------------------------

SEEDS: dict[str, bytes] = {
    "t.csv": b"a,b,c\n" + b"".join(b"%d,%s,%d\n" % (v, b"xy"[v % 2 : v % 2 + 1], v * 3) for v in range(40)),
    "t.csv.gz": gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (v, v * 3) for v in range(40))),
    "x.npy": npy(np.arange(200.0).reshape(40, 5)),
    "x.npz": zipped({"x.npy": npy(np.arange(80.0).reshape(40, 2)), "y.npy": npy(np.arange(40) % 2)}),
    "images-idx3": idx(np.arange(200, dtype=np.uint8).reshape(40, 5)),
}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and place < len(data):
            data[place] = rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])
        elif kind == 1:
            del data[place : place + rng.randint(1, 20)]
        elif kind == 2:
            data[place:place] = rng.choice([b"\0", b'"', b",", b"\n", b"\xff\xff\xff\xff", b"nan", b"1e999", b"\x1b["])
        elif kind == 3:
            data[place:place] = data[place : place + rng.randint(1, 200)]
        else:
            del data[place:]
    return bytes(data)


def fuzz(name: str, count: int, folder: Path) -> None:
    rng = random.Random(name)
    for number in range(count):
        content = mutated(SEEDS[name], rng)
        (folder / name).write_bytes(content)
        try:
            bind(DataSettings(file=str(folder / name), impute=rng.choice(["no", "median"])))
            preset_from_table(folder / name, None)
        except DataError:
            pass
        except Exception as error:  # PresetError: too few examples are left
            assert type(error).__name__ == "PresetError", (number, content, error)


@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_gives_a_data_error_or_data(tmp_path: Path, name: str) -> None:
    fuzz(name, 150, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_ten_thousand_damaged_files_give_data_errors_or_data(tmp_path: Path, name: str) -> None:
    fuzz(name, 10_000, tmp_path)


_watched: list[str] | None = None
_WATCHED = (
    "exec",
    "compile",
    "import",
    "os.system",
    "pickle.find_class",
    "subprocess.Popen",
    "os.exec",
    "ctypes.dlopen",
)


def _watch(event: str, args: tuple[object, ...]) -> None:
    if _watched is not None and event in _WATCHED:
        _watched.append(f"{event} {args}")


def test_no_loader_runs_code_from_a_file(tmp_path: Path) -> None:
    global _watched

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("true",)

    files = {**SEEDS, **{name: content for name, (content, _) in HOSTILE.items()}}
    files["trap.npy"] = npy_claiming("(1,)", "|O", pickle.dumps(Trap()))
    files["trap.pkl"] = pickle.dumps(Trap())
    files["trap.npz"] = zipped({"x.npy": files["trap.npy"], "y.npy": npy(np.zeros(3))})
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def read_all() -> None:
        for name in files:
            with contextlib.suppress(DataError):
                bind(DataSettings(file=str(tmp_path / name)))

    read_all()  # what the loaders themselves import is loaded now
    sys.addaudithook(_watch)
    _watched = []
    try:
        read_all()
        assert _watched == []
        pickle.loads(pickle.dumps(Path))  # the control: the hook does see it
        assert any("pickle.find_class" in event for event in _watched)
    finally:
        _watched = None
