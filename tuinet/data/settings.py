"""The [data] table of a preset: which set, which columns, how it is split and scaled.

Only words and numbers stand here, so that listing presets never loads NumPy; `tuinet.data.binding` acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tuinet.data.sets import known_set
from tuinet.errors import DataError, PresetError
from tuinet.fields import choice, flag, optional, pair, real, shown, text, text_list, whole

FEATURES = ("x", "y", "x2", "y2", "xy", "sin_x", "sin_y")
UCI_SPLITS = tuple(f"uci-{number}" for number in range(20))
SPLITS = ("auto", "random", "stratified", "time", *UCI_SPLITS)
COLORS = ("auto", "grey", "rgb")
SCALES = ("auto", "none", "standard", "minmax", "log_standard", "sqrt_standard", "pixels")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the examples come from and what is done to them before the first step."""

    set: str | None = optional(text(help="name of a set that `tuinet data` lists, such as fashion or spiral"))
    file: str | None = optional(
        text(
            help="one's own file: .csv, .tsv, .npy, .npz or idx, gzipped or not; or a folder that holds a folder of "
            "pictures (.png, .jpg) for each class"
        )
    )
    label: str | None = optional(
        text(help="column to predict: its name, or its number from 1 (-1 is the last one, which is the default)")
    )
    task: str = choice(
        "auto", ("auto", "classes", "binary", "reals", "reconstruct"),
        help="what the label is; auto looks at the column and says why; reconstruct: there is none, and the network is "
        "to give its inputs back",
    )  # fmt: skip
    ignore: tuple[str, ...] = text_list((), help="columns of a table that are left out, such as row numbers")
    impute: str = choice(
        "no", ("no", "mean", "median"), help="what stands in for a missing number (taken from the training part)"
    )
    separator: str = choice(
        "auto", ("auto", "comma", "semicolon", "tab", "bar", "space"), help="what parts the columns of a table"
    )
    header: str = choice("auto", ("auto", "yes", "no"), help="whether the first line of a table names the columns")

    size: tuple[int, int] | None = optional(
        pair(at_least=1, at_most=1_024, help="height and width to which the pictures of a folder are scaled")
    )
    colors: str = choice("auto", COLORS, help="of the pictures of a folder; auto: grey where all of them are")

    validation: float | str = real(
        0.1,
        at_least=0.0,
        below=1.0,
        symbols=("test",),
        help='share held out for validation, or "test": validate on the set\'s own test part',
    )
    test: float = real(0.0, at_least=0.0, below=1.0, help="share held out for a test at the end")
    split: str = choice(
        "auto",
        SPLITS,
        help="how parts are drawn: stratified keeps the shares of the classes (the default for classes), "
        "time keeps the order and holds out the end, uci-0 to uci-19 are published 90/10 splits",
    )
    scale: str = choice(
        "auto",
        SCALES,
        help="how inputs are scaled, fitted on the training part; auto: pixels for images, else standard. "
        "log_standard and sqrt_standard take log(1 + x) or the root first; of a series, its targets too",
    )
    limit: int | None = optional(whole(at_least=1, help="use only so many training examples"))
    seed: int | None = optional(
        whole(at_least=0, at_most=2**63 - 1, help="seed of the split and of generated sets; left out: training.seed")
    )

    samples: int = whole(500, at_least=20, at_most=1_000_000, help="examples of a generated set")
    noise: float = real(0.0, at_least=0.0, at_most=0.5, help="noise of a generated set (the playground's slider / 100)")
    features: tuple[str, ...] = text_list(
        ("x", "y"), options=FEATURES, help="inputs made from the two coordinates of a generated set"
    )
    series: bool = flag(
        False, help="the rows of a table follow one another in time: windows of them predict what comes next"
    )
    targets: tuple[str, ...] = text_list(
        (), help="columns of a series to predict, where there are several; left out: the one that label names"
    )
    time: str | None = optional(
        text(
            help="column that says when the rows of a series were; left out: the first one of dates, or that counts "
            "evenly"
        )
    )
    window: int | None = optional(
        whole(at_least=1, at_most=4_096, help="past steps from which a series is predicted (left out: 12)")
    )
    horizon: int = whole(1, at_least=1, at_most=200, help="steps of a series that are predicted: the next 1, 2, ... H")
    period: int | None = optional(
        whole(
            at_least=2,
            at_most=1_000_000,
            help="steps after which a series comes round again, for the seasonal baseline; left out: it is looked for "
            "in the training part",
        )
    )
    order: int | None = optional(
        whole(
            at_least=1,
            at_most=1_000,
            help="past values that the linear baseline AR(p) has; left out: as many as the window, at most 48",
        )
    )

    @property
    def reconstructs(self) -> bool:
        """Whether the inputs themselves are the targets."""
        return self.task == "reconstruct"

    def located(self, folder: Path) -> DataSettings:
        """The same settings with `file` made absolute, as seen from `folder`."""
        if self.file is None:
            return self
        return replace(self, file=str((folder / Path(self.file).expanduser()).absolute()))

    def __post_init__(self) -> None:
        if self.set is None and self.file is None:
            raise PresetError('says neither set = "..." nor file = "..."; `tuinet data` lists the sets')
        if self.set is not None and self.file is not None:
            raise PresetError(f"names both set = {shown(self.set)} and file = {shown(self.file)}; keep one of them")
        if self.set is not None:
            try:
                known_set(self.set)
            except DataError as error:
                raise PresetError(str(error), key="set") from None
        if self.validation != "test" and float(self.validation) + self.test >= 1.0:
            raise PresetError(
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on; "
                "together they must stay below 1",
                key="validation",
            )
        self._check_series()
        if not self.features:
            raise PresetError(f"the list is empty; choose from {', '.join(FEATURES)}", key="features")

    def _check_series(self) -> None:
        if self.targets and self.label is not None:
            raise PresetError(
                f"names both label = {shown(self.label)} and targets = {shown(list(self.targets))}; keep one of them",
                key="targets",
            )
        if self.file is None or self.series:
            return
        for key in ("targets", "time", "period", "order"):
            if getattr(self, key):
                raise PresetError("is for a series; write series = true, or leave it out", key=key)
        if self.horizon != 1:
            raise PresetError("is for a series; write series = true, or leave it out", key="horizon")
