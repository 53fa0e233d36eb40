"""New rows for a network: found by name, scaled as in training, refused by place where they do not fit."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuinet.data import Bound, DataSettings, bind, read_inputs
from tuinet.errors import DataError

ROWS = [(value, "red" if value % 3 else "blue", value / 4, value * 2.5) for value in range(60)]


@pytest.fixture
def trained(tmp_path: Path) -> Bound:
    text = "size,colour,age,price\n" + "\n".join(",".join(map(str, row)) for row in ROWS)
    (tmp_path / "train.csv").write_text(text)
    return bind(DataSettings(file=str(tmp_path / "train.csv"), split="time", validation=0.0))


def inputs(trained: Bound, path: Path | str) -> tuple[np.ndarray[Any, Any], list[str]]:
    return read_inputs(path, trained.facts, trained.scaler)


@pytest.mark.parametrize(
    "text",
    [
        "size,colour,age\n7,red,1.75\n9,blue,2.25\n",
        "age;name;colour;size;price\n1.75;x;red;7;\n2.25;y;blue;9;oops\n",
        "7,red,1.75\n9,blue,2.25\n",
    ],
)
def test_rows_come_out_as_they_did_in_training(trained: Bound, tmp_path: Path, text: str) -> None:
    (tmp_path / "new.csv").write_text(text)
    rows, labels = inputs(trained, tmp_path / "new.csv")
    assert rows.tobytes() == trained.train.inputs[[7, 9]].tobytes()
    assert labels == (["line 2", "line 3"] if text[0] in "sa" else ["line 1", "line 2"])


def test_a_single_row_without_names_is_read_from_standard_input(
    trained: Bound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"7,red,1.75\n")))
    assert inputs(trained, "-")[0].tobytes() == trained.train.inputs[7:8].tobytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "size,color,age\n7,red,1\n",
            'has no column "colour", which the network was trained on; did you mean "color"?',
        ),
        ("size,colour,age\n7,rde,1\n", 'line 2, column "colour": "rde" did not come in training; did you mean "red"?'),
        ("size,colour,age\n7,red,1\n,red,1\n", 'line 3, column "size": the cell is empty'),
        ("size,colour,age\nbig,red,1\n", 'line 2, column "size": "big" is no number'),
        ("size,colour,age\n7,,1\n", 'line 2, column "colour": the cell is empty'),
        ("7,red\n", "no line of column names, and 2 columns where 3 were trained on"),
        ("", "is empty"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_place(trained: Bound, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        inputs(trained, tmp_path / "new.csv")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("scale", "cell", "words"),
    [
        ("none", "1e300", "1e+300 does not fit into a 32-bit float once scaled"),
        ("standard", "1e300", "1e+300 does not fit into a 32-bit float once scaled"),
        ("log_standard", "-3", "holds -3, and log(1 + x) needs numbers above -1"),
    ],
)
def test_a_number_that_the_kept_scaling_cannot_take_is_told_by_line_and_no_other_scaling_is_advised(
    trained: Bound, tmp_path: Path, scale: str, cell: str, words: str
) -> None:
    bound = bind(DataSettings(file=str(tmp_path / "train.csv"), scale=scale))
    file = tmp_path / "new.csv"
    file.write_text(f"size,colour,age\n7,red,1\n\n7,red,{cell}\n")
    with pytest.raises(DataError) as caught:
        inputs(bound, file)
    assert str(caught.value).startswith(f'{file}, line 4, column "age": {words}; a trained network keeps its scaling')
    assert "data.scale" not in str(caught.value)


def test_a_number_of_an_array_that_the_kept_scaling_cannot_take_is_told_by_example(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", np.column_stack([np.arange(60.0), np.arange(60) % 2]))
    bound = bind(DataSettings(file=str(tmp_path / "train.npy")))
    np.save(tmp_path / "new.npy", np.array([[1.0], [1e300]]))
    with pytest.raises(DataError, match=r"new\.npy, example 2, number 1: 1e\+300 does not fit.*; a trained network"):
        inputs(bound, tmp_path / "new.npy")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\x93NUMPY\x01", b"PK\x03\x04"])
def test_files_of_other_kinds_on_standard_input_are_to_be_named(
    trained: Bound, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content + bytes(99))))
    with pytest.raises(DataError, match=r"standard input: is no CSV; .* name the file"):
        read_inputs("-", trained.facts, trained.scaler)


def test_missing_cells_are_filled_as_in_training(tmp_path: Path) -> None:
    lines = [f"{'' if value == 5 else value},{value % 7},{value / 3}" for value in range(60)]
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(lines))
    bound = bind(DataSettings(file=str(tmp_path / "t.csv"), impute="median", split="time", validation=0.0))
    (tmp_path / "new.csv").write_text("a,b\n,5\n")
    assert inputs(bound, tmp_path / "new.csv")[0].tobytes() == bound.train.inputs[5:6].tobytes()


def test_pictures_are_taken_as_npy_idx_or_lines_of_numbers(tmp_path: Path) -> None:
    bound = bind(DataSettings(set="digits", validation=0.0, split="time"))
    pictures = np.rint(bound.train.inputs[:3] * 16).astype(np.uint8)
    np.save(tmp_path / "many.npy", pictures[..., 0])
    np.save(tmp_path / "one.npy", pictures[0, ..., 0])
    np.save(tmp_path / "flat.npy", pictures.reshape(3, 64).astype(float))
    np.savez(tmp_path / "many.npz", x=pictures)
    (tmp_path / "many.idx").write_bytes(struct.pack(">HBB3I", 0, 8, 3, 3, 8, 8) + pictures.tobytes())
    (tmp_path / "many.csv").write_text("\n".join(",".join(map(str, row)) for row in pictures.reshape(3, 64)))
    for name in ("many.npy", "one.npy", "flat.npy", "many.npz", "many.idx", "many.csv"):
        rows, labels = inputs(bound, tmp_path / name)
        count = 1 if name == "one.npy" else 3
        assert rows.tobytes() == bound.train.inputs[:count].tobytes() and len(labels) == count, name
    np.save(tmp_path / "wrong.npy", np.zeros((3, 9, 9)))
    with pytest.raises(DataError, match=r"has the shape \(3, 9, 9\); examples of the shape \(8, 8, 1\) are wanted"):
        inputs(bound, tmp_path / "wrong.npy")


def test_points_are_given_by_their_coordinates(tmp_path: Path) -> None:
    bound = bind(DataSettings(set="spiral", features=("x", "xy")))
    (tmp_path / "p.csv").write_text("y,x\n2,3\n")
    assert inputs(bound, tmp_path / "p.csv")[0].tolist() == [[3.0, 6.0]]


def test_a_training_table_can_be_predicted_as_it_is(trained: Bound, tmp_path: Path) -> None:
    assert inputs(trained, tmp_path / "train.csv")[0].tobytes() == trained.train.inputs.tobytes()
