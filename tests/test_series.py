"""Time series: windows, parts that know nothing of what comes after them, baselines, and tables in any order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli_scenes import HOSTILE, PAYLOAD, process, rows, tuinet
from tests.shape_recorder import Shaped, ShapeRecorder
from tuinet import presets
from tuinet.cli.baselines import baseline_lines
from tuinet.cli.output import Terminal
from tuinet.data import DataSettings, Facts, Prepare, bind, bind_for, read_inputs
from tuinet.data.adviser import preset_from_series, preset_from_table
from tuinet.data.baselines import Past, autoregression, baselines, coefficients, period_of, seasonal
from tuinet.data.known import series
from tuinet.data.splits import split
from tuinet.engine.trainer import metrics
from tuinet.errors import DataError, PresetError

Numbers = NDArray[np.float64]


def write(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def weather(steps: int = 90) -> Numbers:
    """Two columns that follow from each other: (steps, 2)."""
    rng = np.random.default_rng(3)
    wind = rng.normal(size=steps)
    warmth = 20 + 9 * np.sin(np.arange(steps) * 2 * np.pi / 12) + np.roll(wind, 1)
    return np.round(np.column_stack([wind, warmth]), 3)


def table(path: Path, values: Numbers, header: str = "wind,temp") -> str:
    return write(path, [header, *(",".join(f"{value}" for value in row) for row in values)])


# -- windows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "horizon", "targets"),
    [(1, 1, ("temp",)), (12, 1, ("temp",)), (5, 3, ("temp",)), (5, 3, ("temp", "wind")), (3, 1, ("wind", "temp"))],
)
def test_a_window_of_the_past_stands_before_what_comes_after_it(
    window: int, horizon: int, targets: tuple[str, ...], tmp_path: Path
) -> None:
    values = weather()
    file = table(tmp_path / "t.csv", values)
    bound = bind(DataSettings(file=file, series=True, window=window, horizon=horizon, targets=targets, scale="none"))
    places = [("wind", "temp").index(name) for name in targets]
    assert bound.facts.inputs == (window, 2) and bound.facts.outputs == horizon * len(targets)
    assert bound.facts.columns == ["wind", "temp"] and bound.facts.targets == list(targets)
    for example in range(len(bound.train)):
        assert bound.train.inputs[example] == pytest.approx(values[example : example + window].astype("f4"))
        ahead = values[example + window : example + window + horizon, places]
        found = bound.facts.in_own_units(bound.train.targets[example : example + 1]).reshape(horizon, -1)
        assert found == pytest.approx(ahead, abs=1e-4)


@pytest.mark.parametrize(
    ("horizon", "targets", "names"),
    [
        (1, ["a"], ["a"]),
        (1, ["a", "b"], ["a", "b"]),
        (2, ["a"], ["a+1", "a+2"]),
        (2, ["a", "b"], ["a+1", "b+1", "a+2", "b+2"]),
    ],
)
def test_outputs_are_called_by_target_and_step(horizon: int, targets: list[str], names: list[str]) -> None:
    facts = Facts(name="", source="", inputs=(3, 2), task="reals", classes=0, outputs=len(names), columns=["a", "b"],
                  horizon=horizon, targets=targets)  # fmt: skip
    assert facts.output_names == names


# -- parts ---------------------------------------------------------------------------------

PARTS = [
    (1, 1, 0.2, 0.0), (12, 1, 0.1, 0.2), (12, 5, 0.1, 0.2), (24, 3, 0.3, 0.1), (4, 1, 0.0, 0.2), (7, 6, 0.2, 0.2),
]  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """A series of 90 steps, cut: steps that are held out, and what binding makes of the rest."""

    window: int
    horizon: int
    validation: float
    test: float

    def settings(self, file: str) -> DataSettings:
        return DataSettings(file=file, series=True, label="temp", window=self.window, horizon=self.horizon,
                            validation=self.validation, test=self.test)  # fmt: skip

    @property
    def border(self) -> int:
        """The first step that is held out."""
        return 90 - round(self.validation * 90) - round(self.test * 90)


def ours(cut: Cut, file: str) -> bytes:
    """All that training may use of a file."""
    bound = bind(cut.settings(file))
    scales = [bound.scaler.centre, bound.scaler.spread, *(bound.facts.target_scale or ())]
    return b"".join(array.tobytes() for array in (bound.train.inputs, bound.train.targets, *scales))


def scaled_on_everything(cut: Cut, file: str) -> bytes:
    """A control: the scaling is fitted on all steps, as is often done."""
    values = np.loadtxt(file, delimiter=",", skiprows=1)
    return ours(cut, file) + values.mean(axis=0).tobytes()


def split_by_examples(cut: Cut, file: str) -> bytes:
    """A control: examples are cut by their share and not by their steps, so that targets reach over the border."""
    values = np.loadtxt(file, delimiter=",", skiprows=1)
    count = cut.border - cut.window + 1
    return b"".join(values[start : start + cut.window + cut.horizon].tobytes() for start in range(count))


def drawn_at_random(cut: Cut, file: str) -> bytes:
    """A control: the same windows, drawn as the rows of a table are."""
    values = np.loadtxt(file, delimiter=",", skiprows=1)
    n = 90 - cut.window - cut.horizon + 1
    parts = split(DataSettings(set="nile", validation=cut.validation or cut.test), n, 0, None, "random", 1)
    return b"".join(values[start : start + cut.window + cut.horizon].tobytes() for start in parts.train)


def leaks(trained_on: Callable[[Cut, str], bytes], cut: Cut, folder: Path) -> bool:
    """Whether training sees any of the held-out steps: whether it changes when they are other ones."""
    values = weather()
    other = values.copy()
    other[cut.border :] = other[cut.border :][::-1] * 7 + 100
    files = [table(folder / f"{name}.csv", each) for name, each in (("one", values), ("other", other))]
    return trained_on(cut, files[0]) != trained_on(cut, files[1])


@pytest.mark.parametrize("cut", [Cut(*part) for part in PARTS], ids=str)
def test_training_knows_nothing_of_the_steps_that_are_held_out(cut: Cut, tmp_path: Path) -> None:
    assert not leaks(ours, cut, tmp_path)


@pytest.mark.parametrize("control", [scaled_on_everything, split_by_examples, drawn_at_random])
@pytest.mark.parametrize("cut", [Cut(*part) for part in PARTS], ids=str)
def test_what_does_leak_is_found(control: Callable[[Cut, str], bytes], cut: Cut, tmp_path: Path) -> None:
    assert leaks(control, cut, tmp_path)


@pytest.mark.parametrize("cut", [Cut(*part) for part in PARTS], ids=str)
def test_no_step_is_a_target_of_two_parts_and_the_first_held_out_one_is_predicted_from_training(
    cut: Cut, tmp_path: Path
) -> None:
    values = np.column_stack([np.arange(90.0) % 5, np.arange(90.0)])  # every target says which step it is
    bound = bind(cut.settings(table(tmp_path / "t.csv", values)))
    parts = [part for part in (bound.train, bound.validation, bound.test) if part is not None]
    steps = [set(np.rint(bound.facts.in_own_units(part.targets)).ravel().astype(int)) for part in parts]
    assert sorted(step for part in steps for step in part) == list(range(cut.window, 90))
    assert max(steps[0]) == cut.border - 1 and min(steps[1]) == cut.border
    again = bound.scaler
    last = parts[1].inputs[0, -1] * again.spread + again.centre
    assert round(last[1]) == cut.border - 1, "a window that reaches back over the border belongs to the later part"


def test_parts_do_not_depend_on_the_window() -> None:
    for window in (6, 12, 24):
        bound = bind(DataSettings(set="sunspots", window=window, validation=0.1, test=0.2))
        assert bound.validation is not None and bound.test is not None
        assert (len(bound.train), len(bound.validation), len(bound.test)) == (1974 - window, 282, 564)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"set": "nile", "split": "random"}, "data.split"),
        ({"set": "nile", "split": "uci-0"}, "data.split"),
        ({"set": "nile", "task": "classes"}, "data.task"),
        ({"set": "nile", "window": 60}, "data.window"),
        ({"set": "nile", "horizon": 12, "validation": 0.1}, "data.validation"),
        ({"set": "nile", "horizon": 12, "validation": 0.2, "test": 0.1}, "data.test"),
        ({"set": "nile", "validation": 0.95, "window": 12}, "data.validation"),
        ({"set": "nile", "order": 13}, "data.order"),
        ({"set": "nile", "period": 95}, "data.period"),
        ({"set": "nile", "series": True}, "data.series"),
        ({"set": "nile", "targets": ["nile"]}, "data.targets"),
        ({"set": "concrete", "horizon": 2}, "data.horizon"),
        ({"set": "concrete", "period": 12}, "data.period"),
        ({"file": "t.csv", "horizon": 2}, "horizon"),
        ({"file": "t.csv", "time": "date"}, "time"),
        ({"file": "t.csv", "series": True, "label": "a", "targets": ["b"]}, "targets"),
    ],
)
def test_a_setting_that_does_not_fit_a_series_is_refused_by_its_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(PresetError) as caught:
        bind(DataSettings(**settings))
    assert caught.value.key == key


# -- baselines -----------------------------------------------------------------------------


def test_the_published_splits_of_the_sunspots_give_the_known_errors() -> None:
    """Persistence 20.09, seasonal 45.44 and AR(24) 18.2, one step ahead on the last fifth."""
    bound = bind(DataSettings(set="sunspots", window=24, validation=0.1, test=0.2, period=132))
    found = {each.name: each.errors["test"]["rmse"] for each in bound.baselines}
    assert found == pytest.approx(
        {"persistence": 20.0907, "seasonal persistence (132)": 45.4398, "AR(24)": 18.2288}, abs=1e-4
    )


@pytest.mark.parametrize("order", [1, 3, 24])
def test_an_autoregression_is_the_least_squares_solution(order: int) -> None:
    values = series("sunspots")
    matrix = np.array([[1.0, *values[step - order : step][::-1]] for step in range(order, 1500)])
    wanted = np.linalg.lstsq(matrix, values[order:1500], rcond=None)[0]
    assert coefficients(values[:1500], order) == pytest.approx(wanted, rel=1e-6)


def test_an_autoregression_goes_on_where_a_linear_series_goes() -> None:
    values = [1.0, 2.0]
    for _ in range(60):
        values.append(0.5 + 1.2 * values[-1] - 0.9 * values[-2])
    grown = np.array(values)
    starts = np.arange(20, 50)
    found = autoregression([coefficients(grown[:40], 2)], 6)(grown[:, None], starts)
    assert found[..., 0] == pytest.approx(grown[starts[:, None] + np.arange(6)], rel=1e-6)


@pytest.mark.parametrize(("period", "horizon"), [(2, 5), (3, 1), (4, 4), (7, 3)])
def test_a_seasonal_forecast_repeats_the_last_period_and_looks_at_nothing_after_it(period: int, horizon: int) -> None:
    values = np.random.default_rng(1).normal(size=(30, 2))
    start = np.array([12])
    found = seasonal(period, horizon)(values, start)[0]
    wanted = np.concatenate([values[12 - period : 12]] * horizon)[:horizon]
    assert (found == wanted).all()
    values[12:] = np.nan
    assert (seasonal(period, horizon)(values, start)[0] == wanted).all()


@pytest.mark.parametrize(
    ("name", "period"),
    [("airline", 12), ("nottingham", 12), ("co2", 12), ("uk-drivers", 12), ("sunspot-year", 11), ("lynx", 10),
     ("nile", None)],
)  # fmt: skip
def test_the_period_of_a_series_is_found(name: str, period: int | None) -> None:
    assert period_of(series(name)) == period


@pytest.mark.parametrize(
    "values",
    [np.zeros(50), np.arange(50.0), np.random.default_rng(0).normal(size=400), np.ones(3), np.full(60, 1e308)],
    ids=["flat", "a line", "noise", "short", "huge"],
)
def test_where_nothing_comes_round_again_there_is_no_period(values: Numbers) -> None:
    assert period_of(values) is None


@pytest.mark.parametrize(
    "values", [np.zeros(40), np.arange(40.0), np.tile([1.0, 5.0], 20)], ids=["flat", "line", "two"]
)
def test_the_baselines_of_a_simple_series_are_numbers(values: Numbers) -> None:
    past = Past(values=values[:, None], known=30, horizon=2, window=4)
    for each in baselines(past, {"test": np.arange(30, 39), "val": np.arange(0)}):
        assert set(each.errors) == {"test"} and set(each.errors["test"]) == {"rmse", "mae", "rmse_1", "rmse_2"}
        assert np.isfinite(list(each.errors["test"].values())).all()


# -- own units -----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "log_standard", "sqrt_standard"])
def test_errors_are_told_in_the_units_of_the_data(scale: str) -> None:
    bound = bind(DataSettings(set="airline", window=6, horizon=3, scale=scale, validation=0.2))
    part = bound.validation
    assert part is not None
    rng = np.random.default_rng(0)
    outputs = part.targets + rng.normal(0, 0.1, part.targets.shape).astype("f4")
    values = series("airline")
    first = len(values) - round(0.2 * len(values))
    truth = np.array([values[step : step + 3] for step in range(first, len(values) - 2)])
    errors = bound.facts.in_own_units(outputs) - truth
    found = metrics("reals", outputs, part.targets, bound.facts)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-4)
    assert found["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
    by_step = [found[f"rmse_{step}"] for step in (1, 2, 3)]
    assert by_step == pytest.approx(np.sqrt(np.mean(errors**2, axis=0)).tolist(), rel=1e-4)


@pytest.mark.parametrize(("scale", "words"), [("log_standard", "above -1"), ("sqrt_standard", "from 0 on")])
def test_a_curve_refuses_what_is_not_on_it(scale: str, words: str, tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", weather() - 5)
    with pytest.raises(DataError, match=words):
        bind(DataSettings(file=file, series=True, scale=scale))


def test_facts_and_scaling_of_a_series_survive_json(tmp_path: Path) -> None:
    file = table(tmp_path / "t.csv", np.abs(weather()))
    bound = bind(DataSettings(file=file, series=True, window=4, horizon=2, scale="sqrt_standard"))
    facts = Facts.from_table(json.loads(json.dumps(bound.facts.as_table())))
    assert facts.as_table() == bound.facts.as_table()
    again = Prepare.from_table(json.loads(json.dumps(bound.scaler_table())))
    examples = np.random.default_rng(1).uniform(0, 9, (5, 4, 2))
    assert again(examples).tobytes() == bound.prepare(examples).tobytes()


# -- tables --------------------------------------------------------------------------------

DAYS = [f"2020-{day // 28 + 1:02}-{day % 28 + 1:02}" for day in range(56)]


def dated(path: Path, stamps: list[str], header: str = "day,value") -> str:
    return write(path, [header, *(f"{stamp},{(place * 7) % 11}" for place, stamp in enumerate(stamps))])


@pytest.mark.parametrize(
    "stamps",
    [
        DAYS,
        [f"2020-01-01T{hour // 3:02}:{20 * (hour % 3):02}:00" for hour in range(60)],
        [f"2020-01-01 {hour // 3:02}:{20 * (hour % 3):02}:00+02:00" for hour in range(60)],
        [f"{1960 + month // 12}-{month % 12 + 1:02}" for month in range(60)],
        [f"{day % 28 + 1:02}.{day // 28 + 1:02}.2020" for day in range(56)],
        [f"{day // 28 + 1}/{day % 28 + 1}/2020" for day in range(56)],
        [f"{day % 28 + 1}/{day // 28 + 1}/2020" for day in range(56)],
        [f"{number}" for number in range(60)],
    ],
    ids=lambda stamps: str(stamps[13]),
)
def test_a_column_of_times_is_found_and_is_no_input(stamps: list[str], tmp_path: Path) -> None:
    bound = bind(DataSettings(file=dated(tmp_path / "t.csv", stamps), series=True, window=3))
    assert (bound.facts.time, bound.facts.columns, bound.facts.target) == ("day", ["value"], "value")
    assert not any("order" in note for note in bound.facts.notes)


def test_rows_in_another_order_are_sorted_and_it_is_told(tmp_path: Path) -> None:
    lines = Path(dated(tmp_path / "t.csv", DAYS)).read_text().splitlines()
    sorted_one = bind(DataSettings(file=str(tmp_path / "t.csv"), series=True))
    for name, order in (("newest first", lines[:0:-1]), ("swapped", [*lines[1:9], lines[10], lines[9], *lines[11:]])):
        bound = bind(DataSettings(file=write(tmp_path / f"{name}.csv", [lines[0], *order]), series=True))
        assert bound.facts.fingerprint == sorted_one.facts.fingerprint
        told = [note for note in bound.facts.notes if "sorted" in note]
        assert len(told) == 1 and ("line 3 " if name == "newest first" else "line 11 ") in told[0]


@pytest.mark.parametrize(
    ("without", "gaps"),
    [([], 0), ([20], 1), ([20, 21, 40], 2)],
)
def test_gaps_are_told_and_months_of_28_to_31_days_are_none(without: list[int], gaps: int, tmp_path: Path) -> None:
    months = [f"{1960 + month // 12}-{month % 12 + 1:02}-01" for month in range(60)]
    kept = [stamp for place, stamp in enumerate(months) if place not in without]
    notes = bind(DataSettings(file=dated(tmp_path / "t.csv", kept), series=True)).facts.notes
    told = [note for note in notes if "evenly" in note]
    assert len(told) == (gaps > 0)
    assert not told or (f"{gaps} of {len(kept) - 1} steps" in told[0] and "line 22" in told[0])


VALUES = [str(place % 7) for place in range(60)]
LINES = [f"{stamp},{place % 7},{place % 3}" for place, stamp in enumerate(DAYS)]


@pytest.mark.parametrize(
    ("lines", "settings", "words"),
    [
        (["day,a,b", *LINES, LINES[4]], {}, 'line 58, column "day": is the same time as line 6'),
        (["day,a,b", *LINES[:5], ",1,2", *LINES[5:]], {"time": "day"}, 'line 7, column "day": the cell is empty'),
        (["day,a,b", *LINES[:5], "soon,1,2", *LINES[5:]], {"time": "day"}, '"soon" is no time'),
        (["day,a,b", *LINES], {"time": "when"}, 'no column "when" for the time'),
        (["day,a,b", *LINES], {"label": "day"}, '"day" is the time, and cannot be predicted'),
        (["day,a,b", *LINES], {"label": "c"}, 'has no column "c"'),
        (["day,a,b", *LINES], {"label": "a", "ignore": ("a",)}, '"a" is to be predicted'),
        (["day,a,b", *LINES[:9], "2020-03-20,,1", *LINES[9:]], {"label": "a"}, 'line 11, column "a": the cell is emp'),
        (["day,a,b", *LINES[:9], "2020-03-20,,1", *LINES[9:]], {"label": "b"}, 'column "a": the cell is empty; fill'),
        (["day,a,b", *(f"{line}x" for line in LINES)], {"label": "b"}, 'words such as "0x", and a series predicts'),
        (["day,a,b", *LINES[:9]], {}, "has 9 steps, too few"),
        (["day,a,b", *(f"{line}e999" for line in LINES)], {}, "is not a finite number"),
        (["day,a,b", *(line[:-1] + f"{place + 1}e306" for place, line in enumerate(LINES))], {}, "large"),
        (["day", *DAYS], {}, "predict"),
        (["a", *VALUES[:5], "", *VALUES[5:], "", ""], {}, "t.csv, line 7: is empty, and each line is a step"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_series_is_refused_by_line_and_column(
    lines: list[str], settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        bind(DataSettings(file=write(tmp_path / "t.csv", lines), series=True, **settings))
    assert words in str(caught.value)


def test_missing_inputs_are_filled_from_the_training_part(tmp_path: Path) -> None:
    lines = [f"{stamp},{'' if place in (4, 50) else place % 5},{place % 3}" for place, stamp in enumerate(DAYS)]
    settings = DataSettings(file=write(tmp_path / "t.csv", ["day,a,b", *lines]), series=True, impute="median",
                            window=3, scale="none", validation=0.2)  # fmt: skip
    bound = bind(settings)
    assert bound.validation is not None
    assert bound.train.inputs[4, 0, 0] == 2.0 and bound.validation.inputs[6, -1, 0] == 2.0
    assert bound.validation.inputs[6, :, 1].tolist() == [0.0, 1.0, 2.0]
    assert any("2 missing cells" in note for note in bound.facts.notes)


def test_a_category_is_an_input_of_each_step(tmp_path: Path) -> None:
    lines = [f"{'ab'[place % 2]},{place % 5}" for place in range(40)]
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", ["sky,value", *lines]), series=True, window=2))
    assert bound.facts.columns == ["sky=a", "sky=b", "value"] and bound.facts.targets == ["value"]
    assert bound.train.inputs[0, :, :2].tolist() == [[1, 0], [0, 1]]


def test_a_single_column_is_a_series_of_its_own(tmp_path: Path) -> None:
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", ["value", *map(str, series("nile"))]), series=True))
    nile = bind(DataSettings(set="nile"))
    assert bound.train.inputs.tobytes() == nile.train.inputs.tobytes()


def test_foreign_words_in_a_series_cannot_move_the_cursor(tmp_path: Path) -> None:
    words = ["".join(letter for letter in word if letter not in '\n\r",\t;|') for word in HOSTILE[:-1]]
    lines = [f"{words[place % 11]}{place},{place % 5}" for place in range(40)]
    for settings in ({"time": "x"}, {"label": "x"}, {"time": f"{HOSTILE[0]}"}):
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["x,y", *lines]), encoding="utf-8")
        with pytest.raises(DataError) as caught:
            bind(DataSettings(file=str(path), series=True, **settings))  # type: ignore[arg-type]
        assert not PAYLOAD & set(str(caught.value))


# -- new rows ------------------------------------------------------------------------------


def test_every_stretch_of_a_file_is_an_example_and_the_last_one_ends_it(tmp_path: Path) -> None:
    values = weather()
    bound = bind(DataSettings(file=table(tmp_path / "t.csv", values), series=True, window=4))
    swapped = table(tmp_path / "new.csv", values[:10, ::-1], "temp,wind")
    inputs, labels = read_inputs(swapped, bound.facts, bound.scaler)
    assert inputs.tobytes() == bound.train.inputs[:7].tobytes()
    assert labels == [f"after line {line}" for line in range(5, 12)]
    np.save(tmp_path / "new.npy", values[:10])
    assert read_inputs(tmp_path / "new.npy", bound.facts, bound.scaler)[0].tobytes() == inputs.tobytes()
    with pytest.raises(DataError, match="has 3 steps; the network looks at 4"):
        read_inputs(table(tmp_path / "few.csv", values[:3]), bound.facts, bound.scaler)


def test_new_rows_are_put_in_order_and_called_by_their_times(tmp_path: Path) -> None:
    bound = bind(DataSettings(file=dated(tmp_path / "t.csv", DAYS), series=True, window=4))
    lines = (tmp_path / "t.csv").read_text().splitlines()
    new = write(tmp_path / "new.csv", [lines[0], *lines[6:0:-1]])
    inputs, labels = read_inputs(new, bound.facts, bound.scaler)
    assert inputs.tobytes() == bound.train.inputs[:3].tobytes()
    assert labels == ["after 2020-01-04", "after 2020-01-05", "after 2020-01-06"]
    with pytest.raises(DataError, match="same time"):
        read_inputs(write(tmp_path / "twice.csv", [*lines[:8], lines[7]]), bound.facts, bound.scaler)


@pytest.mark.parametrize(
    ("scale", "cell", "words"),
    [("standard", "1e300", "1e+300 does not fit"), ("log_standard", "-4", "holds -4, and log(1 + x) needs numbers")],
)
def test_a_step_that_the_kept_scaling_cannot_take_is_told_by_its_line(
    scale: str, cell: str, words: str, tmp_path: Path
) -> None:
    bound = bind(DataSettings(file=dated(tmp_path / "t.csv", DAYS), series=True, window=4, scale=scale))
    lines = (tmp_path / "t.csv").read_text().splitlines()[:12]
    lines[8] = f"{DAYS[7]},{cell}"
    for order in (lines[1:], lines[:0:-1]):  # earliest first, and newest first
        new = write(tmp_path / "new.csv", [lines[0], *order])
        line = 2 + order.index(lines[8])
        with pytest.raises(DataError) as caught:
            read_inputs(new, bound.facts, bound.scaler)
        assert f'new.csv, line {line}, column "value": {words}' in str(caught.value)
        assert "data.scale" not in str(caught.value)
    np.save(tmp_path / "new.npy", [*range(6), float(cell)])
    with pytest.raises(DataError, match=r'new\.npy, step 7, column "value": '):
        read_inputs(tmp_path / "new.npy", bound.facts, bound.scaler)


@pytest.mark.parametrize("scale", ["auto", "minmax"])
def test_against_a_series_too_large_to_predict_only_what_works_is_advised(scale: str, tmp_path: Path) -> None:
    lines = [line.replace(",", ",1e298,", 1) + "e298" for line in Path(dated(tmp_path / "t.csv", DAYS)).read_text()
             .splitlines()[1:]]  # fmt: skip
    file = write(tmp_path / "t.csv", ["day,other,value", *lines])
    with pytest.raises(DataError, match=r'"value" holds .*, too large to scale; write it in a larger unit'):
        bind(DataSettings(file=file, series=True, scale=scale))


# -- a run ---------------------------------------------------------------------------------

PRESET = """
title = "Weather"
[data]
file = "weather.csv"
series = true
label = "temp"
window = 4
horizon = 2
test = 0.2
scale = "sqrt_standard"
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
name = "out"
units = "outputs"
[training]
loss = "mean_squared_error"
epochs = 3
"""


def test_a_run_says_its_errors_beside_the_baselines_and_predicts_what_it_was_tested_on(tmp_path: Path) -> None:
    values = np.abs(weather(120))
    stamps = np.datetime64("2020-01-01") + np.arange(120)
    lines = [f"{stamp},{wind},{temp}" for stamp, (wind, temp) in zip(stamps, values, strict=True)]
    write(tmp_path / "weather.csv", ["day,wind,temp", *lines])
    (tmp_path / "weather.toml").write_text(PRESET)
    said = process("run", str(tmp_path / "weather.toml"), "--device", "reference", "--json", home=tmp_path)
    assert said.returncode == 0, said.stderr
    events = rows(said.stdout)
    end = events[-1]
    others = {other["name"]: other for other in end["baselines"]["others"]}
    assert set(others) == {"persistence", "seasonal persistence (12)", "AR(4)"}
    assert end["baselines"]["part"] == "test"
    assert end["baselines"]["network"]["rmse"] == end["test"]["test_rmse"]
    assert {"val_rmse_1", "val_rmse_2"} <= set(next(event for event in events if event["event"] == "epoch"))
    assert "The network is worse than" in " ".join(said.stderr.split())
    (run,) = (tmp_path / "runs").iterdir()
    shown = tuinet("show", str(run))
    assert shown.exit_code == 0 and "The network is worse than" in shown.stdout
    assert rows(tuinet("show", str(run), "--json").stdout)[0]["baselines"] == end["baselines"]
    out = tmp_path / "forecasts.csv"
    said_again = tuinet("predict", str(run), str(tmp_path / "weather.csv"), "--out", str(out))
    assert said_again.exit_code == 0, said_again.output
    header, *forecasts = out.read_text().splitlines()
    assert header == "row,after,temp+1,temp+2" and len(forecasts) == 120 - 4 + 1
    assert forecasts[0].split(",")[1] == "2020-01-04" and forecasts[-1].split(",")[1] == "2020-04-29"
    found = np.array([[float(cell) for cell in line.split(",")[2:]] for line in forecasts])[96 - 4 : 119 - 4]
    errors = found - np.column_stack([values[96:119, 1], values[97:120, 1]])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(end["test"]["test_rmse"], rel=1e-5)


@pytest.mark.slow
def test_the_gru_comes_as_near_to_the_linear_autoregression_of_the_sunspots_as_it_should(tmp_path: Path) -> None:
    """The median of five seeds, at most 1 % above AR(24)."""
    found, wanted = [], 0.0
    for seed in range(1, 6):
        said = process("run", "sunspots-gru", "--seed", f"{seed}", "--json", home=tmp_path)
        assert said.returncode == 0, said.stderr
        end = rows(said.stdout)[-1]
        wanted = next(other["rmse"] for other in end["baselines"]["others"] if other["name"] == "AR(24)")
        found.append(end["test"]["test_rmse"])
    assert wanted == pytest.approx(18.229, abs=0.001)
    assert np.median(found) <= 1.01 * wanted, found


@pytest.mark.parametrize(
    "found",
    [
        None, {}, [], "x", {"others": []}, {"others": [{}], "network": {"rmse": 1.0, "mae": 1.0}},
        {"others": [{"name": "a", "rmse": "b", "mae": 1}], "network": {"rmse": 1.0, "mae": 1.0}},
        {"others": [{"name": "a", "rmse": 1, "mae": 1}], "network": {"rmse": True, "mae": 1.0}},
        {"others": [{"name": 7, "rmse": 1, "mae": 1}], "network": {"rmse": 2.0, "mae": 1.0}},
    ],
    ids=str,
)  # fmt: skip
def test_baselines_that_are_none_are_not_shown(found: object) -> None:
    assert baseline_lines(found, terminal()) == []


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        (2.0, 1.0, "The network is worse than AR(3) by 100.0%"),
        (1.0, 2.0, "The network is better than AR(3), the best of the simple methods, by 50.0%."),
        (1.0, 1.0, "The network is no better than AR(3)."),
        ("nan", 1.0, "The network gives no number here"),
        (1.0, 0.0, "The network is worse than AR(3): AR(3) is simpler"),
    ],
)
def test_who_is_better_is_said_in_plain_words(own: object, other: float, words: str) -> None:
    others = [{"name": "AR(3)", "rmse": other, "mae": 1}, {"name": "persistence\x1b[2J", "rmse": 9.0, "mae": 1}]
    found = {"part": "test", "network": {"rmse": own, "mae": 1.0}, "others": others}
    lines = baseline_lines(found, terminal())
    assert words in " ".join(lines) and not PAYLOAD & set("".join(lines))


def terminal() -> Terminal:
    import io

    return Terminal(io.StringIO())


# -- the adviser ---------------------------------------------------------------------------


def test_one_table_is_enough_for_a_preset_of_a_series(tmp_path: Path) -> None:
    stamps = np.datetime64("2020-01-01") + np.arange(150)
    lines = [f"{stamp},{wind},{temp}" for stamp, (wind, temp) in zip(stamps, weather(150), strict=True)]
    file = write(tmp_path / "weather.csv", ["day,wind,temp", *lines])
    text, reasons = preset_from_series(file, None)
    words = " ".join(reasons)
    assert "it comes round again after 12 steps" in words and '"temp", is predicted' in words
    preset = presets.load("weather.toml", text=text)
    assert (preset.data.series, preset.data.label, preset.data.window) == (True, "temp", 18)
    bound = bind_for(preset)
    x = Shaped("x", (4, *bound.facts.inputs))
    assert preset.network(bound.facts).forward(ShapeRecorder(), x).shape == (4, 1)


@pytest.mark.parametrize(
    ("lines", "label", "words"),
    [
        (["day,a", *LINES], None, "cells"),
        (["day", *DAYS], None, "no column to predict beside the time"),
        (["day,a,b", *LINES], "c", 'has no column "c"'),
        (["day,a,b", *LINES[:5]], "a", "too few"),
    ],
)
def test_a_table_without_a_series_gets_no_preset(
    lines: list[str], label: str | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        preset_from_series(write(tmp_path / "t.csv", lines), label)


@pytest.mark.parametrize("advise", [preset_from_table, preset_from_series])
@pytest.mark.parametrize("odd", [["inf"], ["1e400"], ["-inf", "inf", "nan"]])
def test_a_column_that_is_not_finite_is_told_by_line_and_by_nothing_else(
    advise: Callable[[str, str | None], object], odd: list[str], tmp_path: Path
) -> None:
    """Warnings are errors here: NumPy's would stand before the message."""
    lines = [f"{odd[place % len(odd)] if place > 30 else place},{place % 7},{place % 3}" for place in range(40)]
    with pytest.raises(DataError, match=r'line 33, column "a": ".*" is not a finite number'):
        advise(write(tmp_path / "t.csv", ["a,b,c", *lines]), None)


def test_times_that_lie_further_apart_than_floats_go_are_put_in_order_without_a_word(tmp_path: Path) -> None:
    lines = [f"{(-1) ** place * (1e308 + place * 1e305)},{place % 7}" for place in range(40)]
    bound = bind(DataSettings(file=write(tmp_path / "t.csv", ["when,a", *lines]), series=True, time="when"))
    assert any("sorted" in note for note in bound.facts.notes)


@pytest.mark.parametrize("words", [["run", "xor", "--series"], ["run", "--series"]])
def test_series_without_a_table_is_refused(words: list[str]) -> None:
    said = tuinet(*words)
    assert said.exit_code == 2 and "--series" in said.output
