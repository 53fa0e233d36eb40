"""Curves of any length, reduced to columns: against the records themselves, spike by spike."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tuinet.runs import Records
from tuinet.runs.checked import Json, encoded_line
from tuinet.runs.records import latest
from tuinet.tui import curve_cache, curves, tracks
from tuinet.tui.curves import Columns, Curves, smoothed

GOLDEN = Path(__file__).parent / "golden"


def steps(count: int, *, first: int = 1, every: int = 1, generation: int = 1, loss: object = None) -> list[Json]:
    """Records of kind `steps`, `every` updates each; the loss is [0.9, 1, 1.1] of 1/step."""
    made = []
    for s in range(first + every - 1, first + count * every, every):
        value = [0.9 / s, 1.0 / s, 1.1 / s] if loss is None else loss
        made.append(
            {"k": "steps", "s": s, "e": s * 0.001, "g": generation, "m": s * 0.1, "t": 0.0, "n": every,
             "loss": value, "gradient_norm": [0.1, 0.2, 0.3], "learning_rate": 0.01, "samples_per_s": 100.0}
        )  # fmt: skip
    return made


def epoch(number: int, *, generation: int = 1, kind: str = "epoch", **metrics: object) -> Json:
    return {"k": kind, "s": number * 100, "e": number, "g": generation, "m": number * 10.0, "t": 0.0, **metrics}


def of(*records: Iterable[Json]) -> Curves:
    made = Curves()
    for part in records:
        made.add(part)
    return made


def by_hand(records: Sequence[Json], name: str, lo: float, hi: float, width: int) -> Columns:
    """The same columns, record by record."""
    found: list[list[tuple[list[float], int]]] = [[] for _ in range(width)]
    for record in latest([record for record in records if record["k"] == "steps"]):
        if lo <= record["s"] <= hi:
            place = min(width - 1, int((record["s"] - lo) / (hi - lo) * width))
            found[place].append((record[name], record["n"]))
    rows = [
        (min(v[0] for v, _ in those), _weighted(those), max(v[2] for v, _ in those)) if those else (math.nan,) * 3
        for those in found
    ]  # fmt: skip
    return Columns(*np.array(rows).T)


def _weighted(those: list[tuple[list[float], int]]) -> float:
    return sum(v[1] * n for v, n in those) / sum(n for _, n in those)


def same(found: Columns, wanted: Columns) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("window", [(0, 4096, 64), (1, 4000, 63), (1000.5, 1017, 7), (2000, 2001, 3), (0, 9999, 200)])
@pytest.mark.parametrize("every", [1, 3])
def test_columns_are_those_of_the_records(window: tuple[float, float, int], every: int) -> None:
    rng = random.Random(3)
    records = steps(3000, every=every)
    for record in records:
        low, mean, high = sorted(rng.random() for _ in range(3))
        record["loss"] = [low, mean, high]
    lo, hi, width = window
    same(of(records).columns("loss", "steps", lo, hi, width), by_hand(records, "loss", lo, hi, width))


def test_a_run_that_comes_in_small_portions_has_the_same_curves() -> None:
    records = steps(700)
    portions = [records[i : i + 1 + i % 37] for i in _starts(700)]
    assert sum(len(portion) for portion in portions) == 700
    same(of(*portions).columns("loss", "steps", 0, 700, 33), of(records).columns("loss", "steps", 0, 700, 33))


def _starts(count: int) -> list[int]:
    starts = [0]
    while starts[-1] + 1 + starts[-1] % 37 < count:
        starts.append(starts[-1] + 1 + starts[-1] % 37)
    return starts


@pytest.mark.parametrize("at", [0, 1, 12_345, 29_999])
@pytest.mark.parametrize("most", [1 << 20, 4096])
def test_no_spike_is_lost_at_any_zoom(at: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(curves.KINDS, "steps", ("f4", most))
    records = steps(30_000, loss=[0.4, 0.5, 0.6])
    records[at] = records[at] | {"loss": [0.001, 0.5, 777.0]}
    made = of(records)
    step = at + 1
    for span in (16, 100, 1000, 9_999, 30_000, 2_000_000):
        if span < 4 * made.kinds["steps"].main.span:
            continue  # between two points there is no curve
        for width in (1, 7, 56, 600):
            found = made.columns("loss", "steps", max(0, step - span * 0.4), step + span * 0.6, width)
            assert np.nanmax(found.highest) == 777.0
            assert np.nanmin(found.lowest) == np.float32(0.001)


def test_a_long_run_takes_bounded_room_and_keeps_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(curves.KINDS, "steps", ("f4", 256))
    records = steps(5000)
    made = of(*(records[i : i + 71] for i in range(0, 5000, 71)))
    where, points = made.points("loss")
    assert 128 < len(where) <= 256
    assert where[-1] == 5000
    assert points.highest.max() == np.float32(1.1)
    total = made.columns("loss", "steps", 0, 5000, 1)
    np.testing.assert_allclose(total.mean[0], sum(1 / s for s in range(1, 5001)) / 5000, rtol=1e-5)


def test_the_best_epoch_of_more_than_are_kept_apart_has_its_own_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(curves.KINDS, "epoch", ("f8", 64))
    made = of(*([epoch(n, val_loss=1 + abs(n - 300) / 7, val_accuracy=0.5)] for n in range(1, 1000)))
    best = made.best("val_loss")
    assert best is not None and best.mean == 1.0
    assert 300 <= best.epoch <= 300 + made.kinds["epoch"].main.span
    assert len(made.epochs()) <= 64
    assert made.best("no such metric") is None


def test_a_million_steps_are_reduced_in_milliseconds_whatever_is_shown_of_them() -> None:
    made = Curves()
    values = np.random.default_rng(1).random((3, 1_000_000))
    count = np.arange(1.0, 1_000_001)
    batch = tracks.Batch(
        np.ones(1_000_000, int), np.stack([count, count / 1000, count / 10]), np.ones(1_000_000), {"loss": values}
    )
    made.kinds["steps"]._add_run(batch)
    for window in ((0, 1_000_000), (400_000, 410_000), (999_000, 1_000_000)):
        taken = []
        for _ in range(7):
            start = time.perf_counter()
            made.columns("loss", "steps", *window, 600)
            taken.append(time.perf_counter() - start)
        assert min(taken) < 0.02


def _told(made: Curves, name: str) -> list[tuple[int, float]]:
    where, points = made.points(name)
    return [(int(step), float(mean)) for step, mean in zip(where, points.mean, strict=True)]


@pytest.mark.parametrize("seed", range(40))
def test_generations_overtake_one_another_as_in_the_records(seed: int) -> None:
    """Each generation resumes somewhere in what has been trained and goes on for a while, short of it or beyond."""
    rng = random.Random(seed)
    records: list[Json] = []
    reached = 0
    for generation in range(1, rng.randint(2, 6)):
        first, every = rng.randint(0, reached) + 1, rng.randint(1, 5)
        made = steps(rng.randint(1, 30), first=first, every=every, generation=generation)
        for record in made:
            record["loss"] = [0.0, generation + record["s"] / 1024, 99.0]
        records += made
        reached = max(reached, made[-1]["s"])
    wanted = [(record["s"], record["loss"][1]) for record in latest(records)]
    assert _told(of(records), "loss") == wanted
    assert _told(of(*([record] for record in records)), "loss") == wanted
    assert _told(of(records, records[-3:]), "loss") == wanted, "read twice, it counts once"


def test_epochs_and_evaluations_are_one_curve_and_epochs_come_back_as_rows() -> None:
    made = of([epoch(1, train_loss=0.5, val_loss=0.6), epoch(2, train_loss=0.3, val_loss=0.4)])
    made.add([epoch(3, kind="evaluation", val_loss=0.35)])
    assert _told(made, "val_loss") == [(100, 0.6), (200, 0.4), (300, 0.35)]
    assert _told(made, "train_loss") == [(100, 0.5), (200, 0.3)]
    assert made.epochs() == [
        {"epoch": 1.0, "step": 100, "seconds": 10.0, "train_loss": 0.5, "val_loss": 0.6},
        {"epoch": 2.0, "step": 200, "seconds": 20.0, "train_loss": 0.3, "val_loss": 0.4},
    ]


def test_of_the_epochs_the_last_ones_up_to_a_step_can_be_had_alone_and_all_of_them_as_columns() -> None:
    made = of([epoch(n, train_loss=1 / n) for n in (1, 2, 3, 4)], [epoch(5, train_loss=0.1, accuracy=0.2)])
    every = made.epochs()
    assert [row["epoch"] for row in every] == [1, 2, 3, 4, 5]
    assert made.epochs(2) == every[3:] and made.epochs(9) == every and made.epochs(0) == []
    assert made.epochs(2, until=300) == every[1:3] and made.epochs(2, until=299) == every[:2]
    assert made.epochs(2, until=99) == []
    columns = made.measured()
    assert columns["epoch"].tolist() == [1, 2, 3, 4, 5] and columns["train_loss"].tolist()[-1] == 0.1
    assert np.isnan(columns["accuracy"][:4]).all() and columns["accuracy"][4] == 0.2
    assert len(Curves().measured().get("epoch", [])) == 0


def test_a_run_that_went_on_from_a_checkpoint_has_its_last_epochs_across_both_generations() -> None:
    made = of([epoch(n, train_loss=1 / n) for n in (1, 2, 3, 4, 5)], [epoch(3, g=2, train_loss=9.0)])
    assert [(row["epoch"], row["train_loss"]) for row in made.epochs(4)] == [
        (2, 1 / 2),
        (3, 9.0),
        (4, 1 / 4),
        (5, 1 / 5),
    ]
    assert made.measured()["train_loss"].tolist() == [1, 1 / 2, 9.0, 1 / 4, 1 / 5]


def test_a_metric_that_appears_later_leaves_the_earlier_epochs_empty() -> None:
    made = of([epoch(1, train_loss=0.5)], [epoch(2, train_loss=0.3, val_accuracy=0.8)])
    assert _told(made, "val_accuracy")[1] == (200, 0.8)
    assert math.isnan(_told(made, "val_accuracy")[0][1])
    best = made.best("val_accuracy", largest=True)
    assert best is not None and (best.step, best.mean) == (200, 0.8)


def test_the_rate_of_every_batch_counts_before_that_of_the_epochs() -> None:
    assert _told(of([epoch(1, learning_rate=0.5)]), "learning_rate") == [(100, 0.5)]
    assert len(_told(of([epoch(1, learning_rate=0.5)], steps(7)), "learning_rate")) == 7


@pytest.mark.parametrize(("x", "hi"), [("steps", 1000.0), ("epochs", 1.0), ("seconds", 100.0)])
def test_each_axis_shows_the_same_curve(x: curves.Axis, hi: float) -> None:
    made = of(steps(1000))
    assert made.extent(x) == pytest.approx(hi)
    same(made.columns("loss", x, 0, hi * 1.0005, 10), made.columns("loss", "steps", 0, 1000.5, 10))


def test_a_place_on_one_axis_is_found_on_the_others() -> None:
    made = of(steps(1000, every=10))
    assert made.convert(500, "steps", "epochs") == pytest.approx(0.5)
    assert made.convert(50.0, "seconds", "steps") == pytest.approx(500)
    assert made.convert(2000, "steps", "seconds") == pytest.approx(200), "and on behind the end"
    assert made.convert(5, "steps", "steps") == pytest.approx(5)
    assert Curves().convert(5, "steps", "epochs") == 0


def test_the_read_out_gives_the_batches_around_a_step_and_the_last_measurement_before_it() -> None:
    made = of(steps(100, every=10), [epoch(n, val_loss=n / 10) for n in (1, 2, 3)])
    batch = made.at("loss", "steps", 41)
    assert batch is not None and batch.step == 50
    held = made.at("val_loss", "steps", 299)
    assert held is not None and (held.step, held.epoch, held.mean) == (200, 2.0, 0.2)
    assert made.at("val_loss", "steps", 99) is None
    last = made.last("loss")
    assert last is not None and last.step == 1000
    assert made.at("nothing", "steps", 5) is None


def test_what_is_not_a_number_is_no_value_and_infinity_is_a_spike() -> None:
    records = steps(40)
    records[7]["loss"] = [math.nan, math.nan, math.nan]
    records[8]["loss"] = [0.1, math.inf, math.inf]
    records[9]["loss"] = ["high", None]
    records[10]["loss"] = [1, 10**400, 1e300]
    del records[11]["loss"]
    found = of(records).columns("loss", "steps", 0.5, 40.5, 40)
    assert np.isnan([row[7] for row in found]).all()
    assert found.highest[8] == math.inf and math.isnan(found.mean[8])
    assert np.isnan([row[9] for row in found]).all()
    assert np.isnan(found.mean[11]) and np.isfinite(found.mean[12])
    one = of(records).columns("loss", "steps", 0, 41, 1)
    assert math.isfinite(one.mean[0]), "the mean is that of the others"


def test_nothing_recorded_and_no_room_are_empty_curves() -> None:
    made = Curves()
    assert made.names == [] and made.extent("steps") == 0 and made.last("loss") is None and made.epochs() == []
    assert np.isnan(made.columns("loss", "steps", 0, 10, 5).mean).all()
    assert made.columns("loss", "steps", 0, 10, 0).mean.shape == (0,)
    assert len(of(steps(5)).line("loss", "steps", 0, 5, 0).at) == 0
    assert len(made.line("loss", "steps", 0, 5, 10).at) == 0
    made.add([{"k": "something else", "s": 1, "e": 0, "g": 1, "m": 0, "t": 0}])
    assert made.names == []


def test_smoothing_is_the_average_by_hand_and_starts_where_the_curve_starts() -> None:
    values = np.array([5.0, 1.0, 1.0, 4.0])
    by_definition = []
    for t in range(4):
        weights = [0.4 * 0.6 ** (t - i) for i in range(t + 1)]
        by_definition.append(sum(w * v for w, v in zip(weights, values, strict=False)) / sum(weights))
    np.testing.assert_allclose(smoothed(values, 0.6), by_definition)
    assert smoothed(values, 0.99)[0] == 5.0
    made = of(steps(4))
    np.testing.assert_allclose(
        made.line("loss", "steps", 0, 5, 50, smooth=0.6).values, smoothed(1 / np.arange(1, 5), 0.6), rtol=1e-6
    )


@pytest.mark.parametrize("smooth", [0.0, 0.6, 0.99])
@pytest.mark.parametrize("count", [400, 10_000])
def test_moving_the_window_by_columns_does_not_move_the_smoothed_line(smooth: float, count: int) -> None:
    rng = np.random.default_rng(2)
    made = of(
        [
            record | {"loss": [0.0, float(value), 2.0]}
            for record, value in zip(steps(count), rng.random(count), strict=True)
        ]
    )
    column, lo = count / 4000, count / 2 + 0.037
    here = made.line("loss", "steps", lo, lo + 200 * column, 200, smooth=smooth)
    there = made.line("loss", "steps", lo + 50 * column, lo + 250 * column, 200, smooth=smooth)
    ours = {round(at, 6): value for at, value in zip(here.at - 50, here.values, strict=True)}
    shared = [
        (ours[round(at, 6)], value) for at, value in zip(there.at, there.values, strict=True) if round(at, 6) in ours
    ]
    assert len(shared) > 10
    for one, other in shared:
        assert one == pytest.approx(other, abs=3e-3)


def test_a_line_runs_into_the_window_and_out_of_it() -> None:
    made = of([epoch(n, val_loss=float(n)) for n in range(1, 8)])
    line = made.line("val_loss", "epochs", 2.5, 4.5, 20)
    np.testing.assert_allclose(line.at, [-5, 5, 15, 25])
    np.testing.assert_allclose(line.values, [2, 3, 4, 5])
    logged = made.line("val_loss", "epochs", 1, 4, 20, log=True)
    np.testing.assert_allclose(logged.at[:3], [0, 10, math.log(3) / math.log(4) * 20])


def test_columns_of_equal_ratio_hold_their_decades() -> None:
    made = of(steps(1000))
    found = made.columns("loss", "steps", 1, 1000, 3, log=True)
    np.testing.assert_allclose(found.highest, [1.1 / 1, 1.1 / 10, 1.1 / 100], rtol=1e-6)


def test_the_golden_run_has_its_curves() -> None:
    records = Records(GOLDEN / "run" / "metrics.jsonl", numbers=True)
    made = of(*(tail.records for tail in records.pieces()))
    assert _told(made, "train_loss") == [(115, 0.5), (230, 0.25)]
    assert made.columns("loss", "steps", 0, 230, 1).highest.tolist() == [math.inf]


# -- kept between two openings ------------------------------------------------------------------------------------


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """A metrics.jsonl that is just worth a cache."""
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(curve_cache, "WORTH", 10_000)
    path = tmp_path / "metrics.jsonl"
    _write(path, [*steps(400), epoch(1, val_loss=0.25), epoch(3, val_loss=0.5), *steps(50, first=200, generation=2)])
    return Records(path, numbers=True)


def _write(path: Path, records: Iterable[Json], mode: str = "wb") -> None:
    with path.open(mode) as file:
        file.writelines(encoded_line(record) for record in records)


def _shares(records: Records) -> tuple[Curves, list[float]]:
    """The curves, and the share of the file at each piece that was read."""
    shares: list[float] = []
    return curve_cache.opened(records, shares.append).curves, shares


def test_the_second_opening_comes_from_the_cache_and_shows_the_same(long_run: Records) -> None:
    first, shares = _shares(long_run)
    assert shares[-1] == 1.0
    os.chmod(long_run.path, 0o600)
    again = curve_cache._from_cache(long_run.path)
    assert again is not None and again[1] == long_run.path.stat().st_size
    for name in first.names:
        for one, other in zip(first.points(name)[1], again[0].points(name)[1], strict=True):
            np.testing.assert_array_equal(one, other)
    assert first.epochs() == again[0].epochs()
    more = steps(9, first=300, generation=3)
    first.add(more)
    again[0].add(more)
    assert _told(first, "loss") == _told(again[0], "loss"), "and goes on like it"


def test_a_run_that_has_grown_is_read_from_where_it_was(long_run: Records) -> None:
    _shares(long_run)
    _write(long_run.path, steps(5, first=250, generation=2), "ab")
    known = curve_cache._from_cache(long_run.path)
    assert known is not None and known[1] < long_run.path.stat().st_size
    grown = curve_cache.opened(long_run)
    assert grown.offset == long_run.path.stat().st_size
    fresh = of(*(tail.records for tail in long_run.pieces()))
    assert _told(grown.curves, "loss") == _told(fresh, "loss")


def _another_beginning(path: Path) -> None:
    records = [*steps(400, loss=[7.0, 7.0, 7.0])]
    _write(path, records * 2)


def _same_length(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2].replace(b"0.01", b"0.02") + data[len(data) // 2 :])
    os.utime(path, ns=(1, 1))


def _shorter(path: Path) -> None:
    _write(path, steps(100))


@pytest.mark.parametrize("changed", [_another_beginning, _same_length, _shorter])
def test_a_file_that_became_another_one_is_read_anew(long_run: Records, changed: object) -> None:
    _shares(long_run)
    changed(long_run.path)  # type: ignore[operator]
    assert curve_cache._from_cache(long_run.path) is None
    made, _ = _shares(long_run)
    assert _told(made, "loss") == _told(of(*(tail.records for tail in long_run.pieces())), "loss")


@pytest.mark.parametrize("place", [0, 40, 0.5, -1])
def test_a_damaged_cache_is_thrown_away(long_run: Records, place: float) -> None:
    wanted, _ = _shares(long_run)
    file = next(curve_cache.folder().iterdir())
    data = bytearray(file.read_bytes())
    data[int(place * len(data)) if place == 0.5 else int(place)] ^= 4
    file.write_bytes(data)
    assert curve_cache._from_cache(long_run.path) is None
    made, _ = _shares(long_run)
    assert _told(made, "loss") == _told(wanted, "loss")


def test_a_cache_folder_that_others_can_write_is_not_used(long_run: Records) -> None:
    curve_cache.folder().mkdir(parents=True)
    curve_cache.folder().chmod(0o777)
    made, _ = _shares(long_run)
    assert len(made.points("loss")[0]) == 400
    assert list(curve_cache.folder().iterdir()) == []


def test_a_small_run_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "data"))
    _write(tmp_path / "metrics.jsonl", steps(30))
    curve_cache.opened(Records(tmp_path / "metrics.jsonl", numbers=True))
    assert not curve_cache.folder().exists()


def test_a_run_without_metrics_has_no_curves(tmp_path: Path) -> None:
    found = curve_cache.opened(Records(tmp_path / "metrics.jsonl", numbers=True))
    assert found.curves.names == [] and found.offset == 0
