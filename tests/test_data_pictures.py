"""Pictures from files: decoded, scaled, coloured as asked; what is hostile or broken is refused by its name."""

from __future__ import annotations

import io
import struct
import tomllib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli_scenes import rows, tuinet
from tuinet import presets
from tuinet.data import Bound, DataSettings, bind, read_inputs
from tuinet.data.adviser import preset_from_table
from tuinet.data.inputs import read_pictures
from tuinet.data.pictures import MOST_PIXELS, converted, header_of, read_picture
from tuinet.errors import DataError

NOISE = np.random.default_rng(5)


def save(path: Path, pixels: Any, mode: str | None = None, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, np.uint8))
    (image.convert(mode) if mode else image).save(path, **how)
    return path


def grey(value: int = 0, height: int = 14, width: int = 14) -> np.ndarray[Any, Any]:
    """A noisy picture whose left half is brighter by `value`."""
    pixels = NOISE.integers(0, 90, (height, width)).astype(np.uint8)
    pixels[:, : width // 2] += np.uint8(value)
    return pixels


def clothes(folder: Path, count: int = 20, **size: int) -> Path:
    """Two classes that anybody can tell apart."""
    for name, value in (("dark", 0), ("light", 150)):
        for number in range(count):
            save(folder / name / f"{number:02}.png", grey(value, **size))
    return folder


# -- one picture -------------------------------------------------------------------------------


def test_a_picture_of_the_wanted_size_keeps_its_numbers(tmp_path: Path) -> None:
    pixels, colour = grey(), NOISE.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    assert np.array_equal(read_picture(save(tmp_path / "g.png", pixels), 14, 14, 1)[..., 0], pixels)
    assert np.array_equal(read_picture(save(tmp_path / "c.png", colour), 9, 7, 3), colour)
    assert np.array_equal(read_picture(tmp_path / "g.png", 14, 14, 3), np.repeat(pixels[..., None], 3, 2))


@pytest.mark.parametrize(("height", "width"), [(40, 20), (20, 40), (7, 7)])
def test_another_size_is_scaled_to_cover_and_cut_around_its_middle(tmp_path: Path, height: int, width: int) -> None:
    """A square in the middle stays one: nothing is distorted."""
    pixels = np.zeros((height, width), np.uint8)
    short = min(height, width)
    top, left, side = (height - short) // 2, (width - short) // 2, max(1, short // 2)
    pixels[top + short // 4 : top + short // 4 + side, left + short // 4 : left + short // 4 + side] = 255
    found = read_picture(save(tmp_path / "p.png", pixels), 10, 10, 1)[..., 0] > 127
    assert found.any() and abs(int(found.any(0).sum()) - int(found.any(1).sum())) <= 1


def test_a_photograph_lies_as_its_camera_says(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    path = save(tmp_path / "p.jpg", pixels, exif=turned, quality=95)
    found = read_picture(path, 8, 8, 1)[..., 0]
    assert found[:3].max() < 30 and found[5:].min() > 220


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (6, 6), (0, 0, 0, 0))
    image.paste((10, 10, 10, 255), (0, 0, 3, 6))
    path = save(tmp_path / "p.png", image.convert("P" if mode == "P" else mode))
    found = read_picture(path, 6, 6, 3)
    assert (found[:, 3:] == 255).all() and (found[:, :3] < 20).all()


def test_sixteen_bits_are_read_as_eight(tmp_path: Path) -> None:
    deep = Image.fromarray((np.arange(64, dtype=np.uint16) * 1024).reshape(8, 8))
    found = read_picture(save(tmp_path / "p.png", deep), 8, 8, 1)
    assert header_of(tmp_path / "p.png").grey and found.ravel().tolist() == list(range(0, 256, 4))


def test_white_is_what_it_was_in_the_training(tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", np.full((8, 8, 3), 255))
    pixels, done = converted(path, (8, 8, 1), 16)
    assert (pixels == 16).all() and done == ["made grey"]
    assert converted(path, (4, 4, 3), 255)[1] == ["scaled to 4 x 4 and cut around its middle"]


# -- what is hostile or broken -------------------------------------------------------------------


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks, each with its right checksum."""
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + made


def size_of(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)


def whole(form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE.integers(0, 256, (40, 40), np.uint8)).save(stream, form)
    return stream.getvalue()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "bomb.png": (png(size_of(60_000, 60_000), (b"IDAT", zlib.compress(bytes(1000)))), "pixels"),
    "large.png": (
        png(size_of(8_001, 8_000), (b"IDAT", zlib.compress(bytes(1000)))),
        f"8,001 x 8,000 pixels; at most {MOST_PIXELS:,}",
    ),
    "empty.png": (b"", "no PNG or JPEG"),
    "text.png": (b"not a picture\n", "no PNG or JPEG"),
    "gif.png": (b"GIF89a" + bytes(100), "no PNG or JPEG"),
    "cut.png": (whole()[:700], "damaged picture"),
    "cut.jpg": (whole("JPEG")[:700], "damaged picture"),
    "garbled.png": (png(size_of(40, 40), (b"IDAT", b"\x00" * 90), (b"IEND", b"")), "damaged picture"),
    "words.png": (
        png(size_of(4, 4), (b"zTXt", b"a\0\0" + zlib.compress(bytes(80 << 20))), (b"IDAT", zlib.compress(bytes(20)))),
        "damaged picture|no PNG",
    ),
    "zipped.png": (zlib.compress(b"x" * 9, wbits=31), "is gzipped"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_whole_picture_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    content, text = HOSTILE[name]
    folder = clothes(tmp_path / "all", 6)
    (folder / "dark" / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}.*({text})"):
        bind(DataSettings(file=str(folder), validation=0.2))
    with pytest.raises(DataError, match=rf"{name}.*({text})"):
        read_picture(folder / "dark" / name, 14, 14, 1)


def test_no_bytes_whatever_bring_down_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    for form in ("PNG", "JPEG"):
        good = np.frombuffer(whole(form), np.uint8)
        for _ in range(150):
            bad = good.copy()
            bad[NOISE.integers(0, len(bad), 4)] = NOISE.integers(0, 256, 4)
            path.write_bytes(bad.tobytes()[: int(NOISE.integers(1, len(bad) + 1))])
            try:
                assert read_picture(path, 8, 8, 3).shape == (8, 8, 3)
            except DataError as error:
                assert "p.png" in str(error)


def test_a_pipe_and_a_missing_file_are_no_pictures(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "p.png")
    with pytest.raises(DataError, match="is a pipe"):
        read_picture(tmp_path / "p.png", 8, 8, 1)
    with pytest.raises(DataError, match="no such file"):
        read_picture(tmp_path / "q.png", 8, 8, 1)


# -- a folder ----------------------------------------------------------------------------------


def test_a_folder_of_folders_is_a_set_with_their_names_as_classes(tmp_path: Path) -> None:
    folder = clothes(tmp_path / "clothes")
    (folder / "dark" / "notes.txt").write_text("no picture")
    (folder / "nothing").mkdir()
    (folder / ".hidden").mkdir()
    bound = bind(DataSettings(file=str(folder), task="classes", validation=0.25))
    facts = bound.facts
    assert (facts.inputs, facts.class_names, facts.class_counts, facts.white) == (
        (14, 14, 1), ["dark", "light"], [15, 15], 255,
    )  # fmt: skip
    assert bound.validation is not None and np.bincount(bound.validation.targets).tolist() == [5, 5]
    assert bound.train.inputs.min() >= 0 and 0.8 < bound.train.inputs.max() <= 1
    assert facts.notes == [
        'the folder "nothing" holds no pictures and is left out',
        "passed over, as they are no .png, .jpg or .jpeg: 1",
    ]
    again = bind(DataSettings(file=str(folder), task="classes", validation=0.25))
    assert again.facts.fingerprint == facts.fingerprint


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (32, 32, 3)),
        ({"size": (10, 12)}, (10, 12, 3)),
        ({"size": (10, 12), "colors": "grey"}, (10, 12, 1)),
    ],
)
def test_size_and_colours_are_chosen_and_told(tmp_path: Path, settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    folder = clothes(tmp_path / "clothes", 6)
    save(folder / "dark" / "large.jpg", NOISE.integers(0, 256, (90, 80, 3)))
    facts = bind(DataSettings(file=str(folder), **settings)).facts
    notes = " ".join(facts.notes)
    assert facts.inputs == shape
    assert f"13 of 13 pictures were scaled to {shape[0]} x {shape[1]}" in notes
    assert ("data.size chooses another" in notes) == ("size" not in settings)
    assert ("read as grey" in notes) == ("colors" in settings)


def test_the_same_picture_on_both_sides_of_the_split_is_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(10):
            save(tmp_path / name / f"{number}.png", np.full((12, 12), 7 if number else ord(name)))
    notes = bind(DataSettings(file=str(tmp_path), validation=0.5)).facts.notes
    assert any("validation examples also stand among the training examples" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "settings", "text"),
    [
        ([], {}, "has no folders in it; a folder of pictures for each class is wanted"),
        (["1.png"], {}, "has no folders in it"),
        (["cat/1.png"], {}, "has pictures in one folder alone, and two classes are needed"),
        (["train/cat/1.png", "train/dog/2.png"], {}, "no folder, and two classes are needed; is train the folder"),
        (["cat/1.png", "dog/1.png"], {"label": "x"}, "whose classes are its folders; leave label"),
        (["cat/1.png", "dog/1.png"], {"task": "reals"}, "no real numbers"),
    ],
)
def test_a_folder_that_is_no_set_is_refused_with_the_remedy(
    tmp_path: Path, names: list[str], settings: dict[str, Any], text: str
) -> None:
    for name in names:
        save(tmp_path / "pets" / name, grey())
    (tmp_path / "pets").mkdir(exist_ok=True)
    with pytest.raises(DataError, match=text):
        bind(DataSettings(file=str(tmp_path / "pets"), **settings))


def test_a_folder_with_more_than_is_read_is_refused_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuinet.data import pictures

    folder = clothes(tmp_path / "clothes", 6)
    monkeypatch.setattr(pictures, "MOST_PICTURES", 9)
    monkeypatch.setattr(pictures, "header_of", lambda path: pytest.fail("decoded"))
    with pytest.raises(DataError, match="at most 9 pictures are read, and here are more"):
        bind(DataSettings(file=str(folder)))
    monkeypatch.setattr(pictures, "MOST_PICTURES", 100)
    monkeypatch.setattr(pictures, "MOST_CLASSES", 1)
    with pytest.raises(DataError, match="2 folders in it; at most 1 classes"):
        bind(DataSettings(file=str(folder)))


def test_a_class_of_any_name_is_shown_without_its_control_letters(tmp_path: Path) -> None:
    for name in ("es\x1b[2Jc", "späße"):
        for number in range(6):
            save(tmp_path / "pets" / name / f"{number}.png", grey())
    shown = tuinet("data", "show", str(tmp_path / "pets"))
    assert shown.exit_code == 0 and "\x1b" not in shown.stdout and "späße" in shown.stdout


# -- the adviser and predict ----------------------------------------------------------------------


def test_the_adviser_proposes_convolutions_and_moves_few_pictures(tmp_path: Path) -> None:
    folder = clothes(tmp_path / "clothes", 60, height=18, width=18)
    text, reasons = preset_from_table(folder, None)
    preset = tomllib.loads(text)
    assert [layer["type"] for layer in preset["layers"]] == [
        "conv2d", "max_pool", "conv2d", "max_pool", "flatten", "dense", "dropout", "dense",
    ]  # fmt: skip
    assert preset["training"]["augment"] == {"shift": 1} and preset["training"]["loss"] == "binary_cross_entropy"
    assert "two convolutions" in " ".join(reasons) and "moved by up to a pixel" in " ".join(reasons)
    loaded = presets.load(tmp_path / "clothes.toml", text=text)
    loaded.network(bind(loaded.data, 1, "binary").facts)


@pytest.fixture
def trained(tmp_path: Path) -> Bound:
    return bind(DataSettings(file=str(clothes(tmp_path / "clothes")), task="classes"))


def test_new_pictures_come_out_as_they_did_in_training(trained: Bound, tmp_path: Path) -> None:
    found, names = read_inputs(tmp_path / "clothes" / "light" / "03.png", trained.facts, trained.scaler)
    assert names == ["03.png"]
    assert any(np.array_equal(found[0], row) for row in trained.train.inputs)
    every, names, notes = read_pictures(tmp_path / "clothes", trained.facts, trained.scaler)
    assert every.shape == (40, 14, 14, 1) and names[0] == "dark/00.png" and not notes
    save(tmp_path / "new" / "b.jpg", NOISE.integers(0, 256, (30, 50, 3)))
    save(tmp_path / "new" / "a.png", grey())
    _, names, notes = read_pictures(tmp_path / "new", trained.facts, trained.scaler)
    assert names == ["a.png", "b.jpg"]
    assert notes == ["1 of 2 pictures scaled to 14 x 14 and cut around its middle", "1 of 2 pictures made grey"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gif", b"GIF89a\x0e\0\x0e\0"), ("a.bmp", b"BM\x36\0\0\0\0\0"), ("a.webp", b"RIFFabcdWEBP"), ("a.dat", b"a,b\0"),
     ("a.png", b""), ("b.jpg", b"no picture\n"), ("c.png", b"a,b\n1,2\n")],
)  # fmt: skip
def test_to_a_network_of_pictures_what_is_no_picture_is_no_table(
    trained: Bound, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_inputs(tmp_path / name, trained.facts, trained.scaler)
    assert str(caught.value) == f"{tmp_path / name}: is no PNG or JPEG, or its beginning is damaged"


def test_a_network_of_pictures_still_reads_tables_of_numbers(trained: Bound, tmp_path: Path) -> None:
    text = ",".join(["0"] * 14 * 14) + "\n"
    for name, encoding in (("a.csv", "utf-8"), ("b.csv", "utf-16")):
        (tmp_path / name).write_text(text * 2, encoding=encoding)
        assert read_inputs(tmp_path / name, trained.facts, trained.scaler)[0].shape == (2, 14, 14, 1)


def test_a_set_that_has_another_white_takes_pictures_too(tmp_path: Path) -> None:
    digits = bind(DataSettings(set="digits"))
    pixels = (digits.train.inputs[0, ..., 0] * 255).astype(np.uint8)
    found, _ = read_inputs(save(tmp_path / "d.png", pixels), digits.facts, digits.scaler)
    assert np.allclose(found[0], digits.train.inputs[0], atol=1 / 255)


def test_a_network_that_has_seen_no_pictures_takes_none(tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", grey())
    np.save(tmp_path / "n.npy", np.column_stack([NOISE.standard_normal((60, 3)), np.arange(60) % 2]))
    numbers = bind(DataSettings(file=str(tmp_path / "n.npy")))
    with pytest.raises(DataError, match=r"is a picture, and the network was trained on examples of the shape \(3\)"):
        read_inputs(path, numbers.facts, numbers.scaler)
    table = bind(DataSettings(set="spambase"))
    with pytest.raises(DataError, match="was trained on a table"):
        read_inputs(path, table.facts, table.scaler)
    with pytest.raises(DataError, match="is one picture; name the folder"):
        bind(DataSettings(file=str(path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no \.png"):
        digits = bind(DataSettings(set="digits"))
        read_inputs(tmp_path / "empty", digits.facts, digits.scaler)


def test_a_folder_trains_and_predicts_without_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    from tests.cli_scenes import process

    folder = clothes(tmp_path / "clothes", 60)
    for name in ("x.png", "y.png"):
        save(tmp_path / "new" / name, grey(150 if name == "y.png" else 0))
    monkeypatch.setenv("TUINET_HOME", str(tmp_path / "home"))
    words = ["run", "--data", str(folder), "--epochs", "4", "--device", "reference", "--json"]
    done = process(*words, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder)
    printed = tuinet("predict", "last", str(tmp_path / "new"), "--json", "--out", str(tmp_path / "out.csv"))
    assert [(row["file"], row["label"]) for row in rows(printed.stdout)] == [("x.png", "dark"), ("y.png", "light")]
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "row,file,label,probability"
