"""Pictures: PNG and JPEG files as numbers, alone, or in a folder that has a folder of them for each class.

    pets/cat/1.png  pets/cat/2.jpg  pets/dog/1.png  →  uint8 (3, height, width, colours), codes 0 0 1, ("cat", "dog")

Pillow decodes them. What a small file can do to it is known (a megabyte of PNG may claim a terabyte of pixels), so the
header is read first and held against the limits; only the two formats are tried, and whatever the decoder stumbles
over comes out as a DataError that names the file.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tuinet.data.foreign import check_memory, opened
from tuinet.errors import DataError
from tuinet.safe_text import safe

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]

MAGIC = (b"\x89PNG\r\n", b"\xff\xd8\xff")  # how the files begin
SUFFIXES = (".png", ".jpg", ".jpeg")
OTHERS = (".gif", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".avif")  # pictures that are not read, and told so
LARGEST_FILE = 64 << 20  # bytes
MOST_PIXELS = 64_000_000  # of one picture
MOST_PICTURES = 100_000
MOST_CLASSES = 1_000
LARGEST_OWN = 64  # pixels a side up to which pictures that are all of one size keep it
USUAL = (32, 32)  # height and width of others, where the preset does not say
GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")  # Pillow's modes without colours


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True, eq=False)
class Folder:
    """The pictures of a folder, decoded: rows (n, height, width, colours), the class of each, the classes' names."""

    rows: Bytes
    codes: NDArray[np.int32]
    names: tuple[str, ...]
    notes: list[str]


# -- one picture ---------------------------------------------------------------------------


def header_of(path: Path) -> Header:
    """Size and colours of a picture. DataError where it is none, or larger than is read."""
    with _decoding(path) as image:
        return Header(image.height, image.width, image.mode in GREY)


def read_picture(path: Path, height: int, width: int, colours: int) -> Bytes:
    """The picture as (height, width, colours), 0 to 255, 1 colour for grey and 3 for red, green and blue.

    Turned as its camera says; what is transparent becomes white. One of another size is scaled until it covers the
    wanted one, and cut around its middle, so that nothing is distorted.
    """
    with _decoding(path) as image:
        pixels = np.asarray(_fitted(image, height, width, "L" if colours == 1 else "RGB"))
    return pixels.reshape(height, width, colours)


def _fitted(image: Image.Image, height: int, width: int, mode: str) -> Image.Image:
    from PIL import Image, ImageOps

    side = 2 * max(height, width)
    image.draft(mode, (side, side))  # a JPEG is decoded no larger than it has to be
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert(mode)
    return image if image.size == (width, height) else ImageOps.fit(image, (width, height))


@contextmanager
def _decoding(path: Path) -> Iterator[Image.Image]:
    """An open picture that is not decoded yet; what is wrong with it, then or later, comes out as DataError."""
    from PIL import Image, UnidentifiedImageError

    damage = (
        OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, EOFError,
        MemoryError, zlib.error, struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
    )  # fmt: skip
    place = safe(str(path), 200)
    with opened(path) as stream:
        if not isinstance(stream, io.BufferedReader):
            raise DataError(f"{place}: is gzipped; PNG and JPEG are packed already, so unpack it once")
        size = os.fstat(stream.fileno()).st_size
        if size > LARGEST_FILE:
            raise DataError(f"{place}: holds {size:,} bytes; at most {LARGEST_FILE:,} of a picture are read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                with Image.open(stream, formats=("PNG", "JPEG")) as image:
                    if image.width * image.height > MOST_PIXELS:
                        raise DataError(
                            f"{place}: claims {image.width:,} x {image.height:,} pixels; "
                            f"at most {MOST_PIXELS:,} of a picture are read"
                        )
                    yield image
            except UnidentifiedImageError:
                raise DataError(f"{place}: is no PNG or JPEG, or its beginning is damaged") from None
            except (Image.DecompressionBombError, Image.DecompressionBombWarning):
                raise DataError(f"{place}: claims more than {MOST_PIXELS:,} pixels") from None
            except damage as error:
                raise DataError(f"{place}: is a damaged picture ({safe(str(error), 100)})") from None


# -- a folder ------------------------------------------------------------------------------


def read_folder(path: Path, size: tuple[int, int] | None, colors: str) -> Folder:
    """All pictures of a folder with a folder for each class. DataError names what is wrong, and where.

    size: height and width; left out, their own where all have the same of at most 64 a side, else 32 x 32.
    colors: "grey", "rgb", or "auto": grey where all pictures are.
    """
    place = safe(str(path), 200)
    found, notes = _by_class(path, place)
    files = [file for group in found.values() for file in group]
    headers = [header_of(file) for file in files]
    height, width = size or _usual(headers, notes)
    grey = colors == "grey" or (colors == "auto" and all(header.grey for header in headers))
    colours = 1 if grey else 3
    check_memory(place, len(files), height * width * colours, len(files) * height * width * colours)
    others = sum((header.height, header.width) != (height, width) for header in headers)
    if others:
        notes.append(
            f"{others:,} of {len(files):,} pictures were scaled to {height} x {width} and cut around their middle"
        )
    if colors == "grey" and not all(header.grey for header in headers):
        notes.append("colours were left out: the pictures are read as grey")
    rows = np.empty((len(files), height, width, colours), np.uint8)
    for row, file in zip(rows, files, strict=True):
        row[...] = read_picture(file, height, width, colours)
    codes = np.repeat(np.arange(len(found), dtype=np.int32), [len(group) for group in found.values()])
    return Folder(rows, codes, tuple(found), notes)


def _by_class(path: Path, place: str) -> tuple[dict[str, list[Path]], list[str]]:
    """The pictures in each folder of the folder, by its name, in the order of their names; and what to say of it."""
    names = [name for name in _entries(path) if (path / name).is_dir()]
    if not names:
        raise DataError(
            f"{place}: has no folders in it; a folder of pictures for each class is wanted, as in {path.name}/cat/1.png"
        )
    if len(names) > MOST_CLASSES:
        raise DataError(f"{place}: has {len(names):,} folders in it; at most {MOST_CLASSES:,} classes are read")
    found: dict[str, list[Path]] = {}
    notes, left, count = [], 0, 0
    for name in names:
        entries = _entries(path / name, MOST_PICTURES - count)
        pictures = [path / name / entry for entry in entries if Path(entry).suffix.lower() in SUFFIXES]
        left, count = left + len(entries) - len(pictures), count + len(entries)
        if pictures:
            found[name] = pictures
        else:
            notes.append(f'the folder "{safe(name, 60)}" holds no pictures and is left out')
    if len(found) < 2:
        deeper = [name for name in names if any((path / name / entry).is_dir() for entry in _entries(path / name))]
        remedy = f"; is {safe(deeper[0], 60)} the folder you mean?" if deeper else ""
        where = "no folder" if not found else "one folder alone"
        raise DataError(f"{place}: has pictures in {where}, and two classes are needed{remedy}")
    if left:
        notes.append(f"passed over, as they are no .png, .jpg or .jpeg: {left:,}")
    return found, notes


def pictures_in(path: Path) -> list[Path]:
    """The pictures that lie in a folder, in the order of their names; where there are none, those in its folders."""
    names = _entries(path)
    found = [path / name for name in names if Path(name).suffix.lower() in SUFFIXES]
    folders = [] if found else [path / name for name in names if (path / name).is_dir()]
    for folder in folders[:MOST_CLASSES]:
        room = MOST_PICTURES - len(found)
        found += [folder / name for name in _entries(folder, room) if Path(name).suffix.lower() in SUFFIXES]
    if not found:
        raise DataError(f"{safe(str(path), 200)}: holds no .png, .jpg or .jpeg")
    return found


def _entries(path: Path, most: int = MOST_PICTURES) -> list[str]:
    """Names in a folder, sorted, hidden ones left out. DataError where there are more than are read."""
    place = safe(str(path), 200)
    names = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    names.append(entry.name)
                if len(names) > most:
                    raise DataError(f"{place}: at most {MOST_PICTURES:,} pictures are read, and here are more")
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror})") from None
    return sorted(names)


def _usual(headers: list[Header], notes: list[str]) -> tuple[int, int]:
    sizes = Counter((header.height, header.width) for header in headers)
    (height, width), _ = sizes.most_common(1)[0]
    if len(sizes) == 1 and max(height, width) <= LARGEST_OWN:
        return height, width
    notes.append(f"the pictures are read as {USUAL[0]} x {USUAL[1]}; data.size chooses another size")
    return USUAL


def converted(path: Path, raw: tuple[int, ...], white: float) -> tuple[NDArray[Any], list[str]]:
    """A picture as an example (height, width, colours) in which white is so much; and in words what was done to it."""
    header, (height, width, colours) = header_of(path), raw
    done = []
    if (header.height, header.width) != (height, width):
        done.append(f"scaled to {height} x {width} and cut around its middle")
    if colours == 1 and not header.grey:
        done.append("made grey")
    pixels = read_picture(path, height, width, colours)
    return (pixels if white == 255 else pixels * (white / 255)), done
