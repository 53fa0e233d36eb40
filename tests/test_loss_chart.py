"""What a run's curves look like: what belongs together, what is marked, what is said, and where the axes end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.made_curves import made_curves, made_records
from tuinet.tui import chart
from tuinet.tui.chart import Choices, Picture, Scene
from tuinet.tui.curves import Curves

SIZES = [(80, 20), (28, 6), (300, 78), (12, 4), (11, 3), (1, 1), (0, 0), (0, 9), (9, 0), (40, 2)]
EVENTS = [
    {"k": "started", "s": 0, "e": 0},
    {"k": "changed", "s": 850, "e": 3.6, "key": "training.optimizer.learning_rate", "old": 0.001, "new": 0.0001},
    {"k": "checkpoint", "s": 705, "e": 3.0, "kind": "best"},
    {"k": "alert", "s": 300, "e": 1.3, "code": "slow-disk", "message": "the disk is slow"},
]


def lines(shown: Picture) -> list[str]:
    return ["".join(text for text, _ in row) for row in shown.rows]


def inks(shown: Picture) -> set[str]:
    return {ink for row in shown.rows for text, ink in row if text.strip()}


def scene(**said: object) -> Scene:
    return Scene(made_curves(6), **said)  # type: ignore[arg-type]


def said(runs: Sequence[tuple[str, str]]) -> str:
    return "".join(text for text, _ in runs)


def of_text(shown: Picture, text: str) -> tuple[int, int]:
    """Row and column of the canvas at which a text begins."""
    return next((row, line.index(text) - shown.left) for row, line in enumerate(lines(shown)) if text in line)


# -- what there is --------------------------------------------------------------------------------------------------


def test_metrics_are_gone_through_in_the_order_in_which_they_matter() -> None:
    assert chart.metrics(made_curves(2)) == [
        "loss", "accuracy", "penalty", "learning_rate", "gradient_norm", "samples_per_s",
    ]  # fmt: skip
    assert chart.metrics(Curves()) == ["loss"]
    made = Curves()
    made.add([{"k": "epoch", "s": 1, "e": 1, "g": 1, "m": 1.0, "val_rmse_1": 1.0, "train_rmse": 2.0, "val_cer": 0.5}])
    assert chart.metrics(made) == ["loss", "rmse", "cer", "rmse_1"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("metric", ["loss", "accuracy", "learning_rate", "gradient_norm", "penalty"])
@pytest.mark.parametrize("curves", [Curves(), made_curves(1, steps_per_epoch=1), made_curves(3)])
def test_every_picture_fills_its_size(size: tuple[int, int], metric: str, curves: Curves) -> None:
    made = Scene(curves, [("other-12ab", made_curves(2, seed=3))], EVENTS, at=7)
    for choices in (Choices(metric), Choices(metric, "seconds", log_x=True, log_y=True), Choices(window=(0.5, 0.7))):
        width, height = size
        shown = chart.picture(made, choices, width, height)
        assert [len(line) for line in lines(shown)] == [width] * (height if width else 0)


@pytest.mark.parametrize("value", [1.2345678e-5, -1.2345678e-9, 123456789.0, 0.12345678, 1e300])
@pytest.mark.parametrize("width", range(12, 24))
def test_labels_of_any_length_leave_a_picture_of_the_size_that_was_asked_for(value: float, width: int) -> None:
    made = Curves()
    made.add([{"k": "epoch", "s": n, "e": n, "g": 1, "m": n, "val_loss": value * (1 + n / 1e6)} for n in (1, 2, 3)])
    for log_y in (False, True):
        shown = chart.picture(Scene(made), Choices(log_y=log_y), width, 9)
        assert [len(line) for line in lines(shown)] == [width] * 9


def test_train_and_validation_stand_together_with_the_batches_behind_them() -> None:
    shown = chart.picture(scene(), Choices(), 80, 20)
    assert {"train", "val", "batch", "band"} <= inks(shown)
    legend = [line for line in lines(shown) if "━━" in line or "╌╌" in line]
    assert [line.split()[-1] for line in legend] == ["batches", "train", "val"]
    assert "band" not in inks(chart.picture(scene(), Choices("accuracy"), 80, 20))
    assert "band" in inks(chart.picture(scene(), Choices("gradient_norm"), 80, 20))


def test_without_braille_everything_is_ascii_and_each_curve_has_its_letter() -> None:
    made = Scene(made_curves(6), [("other-12ab", made_curves(4, seed=3))], EVENTS, at=500)
    shown = chart.picture(made, Choices(), 80, 20, braille=False)
    whole = "\n".join(lines(shown))
    assert whole.isascii()
    assert "** train" in whole and "oo val" in whole and "*" in lines(shown)[15] + lines(shown)[14]


# -- the axes -------------------------------------------------------------------------------------------------------


def test_the_axis_goes_to_a_round_number_until_the_planned_end_is_near() -> None:
    planned = {"epochs": 20.0}
    assert chart.whole(Scene(made_curves(2), planned=planned), "epochs") == (0, 3)
    assert chart.whole(Scene(made_curves(12, steps_per_epoch=20), planned=planned), "epochs") == (0, 20)
    assert chart.whole(Scene(made_curves(2), planned={"epochs": 1.0}), "epochs") == (0, 2), "more than was planned"
    assert chart.whole(Scene(made_curves(7, steps_per_epoch=20), ended=True), "epochs") == (0, 7), (
        "an ended run fills it"
    )
    assert chart.whole(Scene(Curves()), "steps") == (0, 1)
    longer = [("longer-12ab", made_curves(9, steps_per_epoch=20))]
    assert chart.whole(Scene(made_curves(2), longer, ended=True), "epochs") == (0, 9)


def test_from_one_step_to_the_next_only_a_few_cells_change() -> None:
    records = made_records(8)
    made = Curves()
    made.add(records[:1300])
    before = lines(chart.picture(Scene(made, planned={"epochs": 8.0}), Choices(), 100, 30))
    made.add(records[1300:1330])
    after = lines(chart.picture(Scene(made, planned={"epochs": 8.0}), Choices(), 100, 30))
    changed = sum(
        one != other for old, new in zip(before, after, strict=True) for one, other in zip(old, new, strict=True)
    )
    assert 0 < changed < 30


def test_a_spike_does_not_squash_the_curve_and_is_marked_at_the_edge() -> None:
    calm = chart.picture(Scene(made_curves(6)), Choices(), 80, 20)
    wild = chart.picture(Scene(made_curves(6, spike=705)), Choices(), 80, 20)
    ticks = [[line[: shown.left] for line in lines(shown)[: shown.height]] for shown in (calm, wild)]
    assert ticks[0] == ticks[1]
    row, column = of_text(wild, "▴")
    assert row == 0 and column == wild.column(3.0)
    assert "▴" not in "".join(lines(calm)[: calm.height])


def test_a_spike_is_seen_whole_on_a_logarithmic_axis() -> None:
    shown = chart.picture(Scene(made_curves(6, spike=705)), Choices(log_y=True), 80, 20)
    assert "▴" not in "".join(lines(shown)[: shown.height])
    assert any(line[: shown.left - 1].strip() == "10" for line in lines(shown))


@pytest.mark.parametrize("x", ["steps", "epochs", "seconds"])
def test_a_column_of_the_picture_and_a_place_on_the_axis_are_one(x: chart.Scale) -> None:
    for choices in (Choices(x=x), Choices(x=x, log_x=True), Choices(x=x, window=(3.0, 4.5))):
        shown = chart.picture(scene(), choices, 80, 20)
        for column in (0, 1, 17, shown.width - 1):
            assert shown.column(shown.place(column)) == column


def test_zooming_keeps_the_place_under_the_pointer_and_stays_in_the_run() -> None:
    everything = (0.0, 8.0)
    window = chart.zoomed(everything, 3.0, 0.5, everything)
    assert window == (1.5, 5.5)
    assert (3.0 - window[0]) / (window[1] - window[0]) == 3.0 / 8.0
    assert chart.zoomed((1.5, 5.5), 3.0, 2.0, everything) is None, "the whole run again"
    assert chart.zoomed((0.5, 2.5), 2.5, 2.0, everything) == (0.0, 4.0)
    deep: tuple[float, float] | None = everything
    for _ in range(100):
        assert deep is not None
        deep = chart.zoomed(deep, 3.0, 0.5, everything)
    assert deep is not None and deep[1] > deep[0]


def test_a_window_that_follows_moves_by_quarters() -> None:
    assert chart.following((2.0, 4.0), 3.9) == (2.0, 4.0)
    assert chart.following((2.0, 4.0), 4.1) == (2.5, 4.5)
    assert chart.following((2.0, 4.0), 7.75) == (6.0, 8.0)


# -- marks ----------------------------------------------------------------------------------------------------------


def test_the_best_epoch_changes_and_alerts_are_marked_where_they_happened() -> None:
    shown = chart.picture(scene(events=EVENTS), Choices("accuracy"), 90, 20)
    assert of_text(shown, "▾best")[1] == shown.column(3.0)
    assert of_text(shown, "▾lr ×0.1")[1] == shown.column(850 / 235)
    assert of_text(shown, "▲slow-disk")[1] == shown.column(300 / 235)
    assert lines(shown)[shown.height][shown.left + shown.column(3.0)] == "▴", "the checkpoint, on the axis"
    assert {"best", "event", "bad"} <= inks(shown)


def test_what_is_told_of_data_and_computer_is_no_alarm() -> None:
    told = [{"k": "alert", "s": 0, "e": 0.0, "code": code, "message": "55 modules"} for code in ("data", "machine")]
    shown = chart.picture(scene(events=told), Choices(), 90, 20)
    assert "bad" not in inks(shown) and "▲" not in "".join(lines(shown))


def test_without_a_checkpoint_the_lowest_validation_loss_is_the_best_epoch() -> None:
    found = chart.best(scene())
    assert found is not None and found.epoch == 3.0
    assert chart.best(Scene(Curves())) is None


def test_the_best_epoch_is_the_one_that_was_measured_and_not_the_one_of_the_newest_checkpoint() -> None:
    late = {"k": "checkpoint", "s": 1175, "e": 5.0, "kind": "best"}
    shown = chart.picture(scene(events=[late]), Choices(), 90, 20)
    assert of_text(shown, "▾best")[1] == shown.column(3.0)
    assert "at epoch 3" in said(chart.read_out(scene(), Choices(), 90))


def test_among_values_of_another_metric_the_best_epoch_says_of_which_it_is() -> None:
    by_loss = chart.picture(scene(), Choices("accuracy"), 90, 20)
    assert of_text(by_loss, "▾best loss")[1] == by_loss.column(3.0)
    by_accuracy = chart.picture(scene(monitor="val_accuracy"), Choices("accuracy"), 90, 20)
    row, column = of_text(by_accuracy, "best")
    assert "best accuracy" not in lines(by_accuracy)[row]
    highest = made_curves(6).best("val_accuracy", largest=True)
    assert highest is not None and abs(column - by_accuracy.column(highest.epoch)) <= len("best")


@pytest.mark.parametrize(
    ("event", "label"),
    [
        ({"key": "training.optimizer.learning_rate", "old": 0.1, "new": 0.03}, "lr ×0.3"),
        ({"key": "training.optimizer.learning_rate", "old": 0, "new": 0.03}, "lr 0→0.03"),
        ({"key": "layers.drop.rate", "old": 0.2, "new": 0.5}, "drop.rate 0.2→0.5"),
        ({"key": "training.batch_size", "old": 32, "new": 64}, "batch_size 32→64"),
        ({"key": "\x1b[31m", "old": "\x07", "new": None}, "␛[31m ␇→–"),
        ({}, " –→–"),
    ],
)
def test_a_live_change_is_told_in_a_few_characters(event: dict[str, object], label: str) -> None:
    assert chart.change_label(event) == label


def test_the_legend_stands_where_no_mark_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    late = [EVENTS[1] | {"s": 1180 + 40 * n, "key": f"layers.flatten_{n}.rate"} for n in range(4)]

    def words(metric: str) -> tuple[str, str]:
        """What the marks say, and the whole picture."""
        shown = chart.picture(scene(events=late), Choices(metric), 70, 20)
        return said([run for row in shown.rows for run in row if run[1] == "event"]).replace("┊", ""), str(lines(shown))

    for metric in ("loss", "accuracy"):
        marks, whole = words(metric)
        assert "━━ train" in whole and "flatten_0" in marks
        with monkeypatch.context() as without:
            without.setattr(chart, "_legend", lambda *given: None)
            assert words(metric)[0] == marks


def test_labels_that_would_hide_one_another_stand_below_or_give_way() -> None:
    crowd = [EVENTS[1] | {"s": 700 + 2 * n} for n in range(12)]
    shown = chart.picture(scene(events=crowd), Choices("accuracy"), 60, 20)
    told = [line for line in lines(shown) if "lr" in line]
    assert 1 <= len(told) <= 3
    assert all(line.count("lr ×0.1") * len("▾lr ×0.1") <= 60 for line in told)


def test_the_cursor_is_a_line_through_the_picture_and_a_mark_on_the_axis() -> None:
    shown = chart.picture(scene(at=470), Choices("accuracy"), 80, 20)
    column = shown.left + shown.column(2.0)
    assert lines(shown)[shown.height][column] == "▲"
    assert sum(line[column] == "│" for line in lines(shown)[: shown.height]) > shown.height // 2
    outside = chart.picture(scene(at=470), Choices("accuracy", window=(3.0, 4.0)), 80, 20)
    assert "cursor" not in inks(outside)


# -- other runs -----------------------------------------------------------------------------------------------------


def test_runs_laid_over_keep_their_colours_when_others_come_and_go() -> None:
    names = ["fashion-mlp-7f3a", "wide-0012", "deep-99aa", "deep-12cd"]
    everyone = chart.colours_of(names)
    assert len(set(everyone.values())) == len(names)
    assert chart.colours_of(list(reversed(names))) == everyone
    assert sum(chart.colours_of([name])[name] == everyone[name] for name in names) >= 3
    assert set(chart.colours_of([f"run-{n}" for n in range(20)]).values()) <= set(range(chart.OTHERS))


def test_runs_laid_over_are_named_and_end_in_their_letter() -> None:
    shown = chart.picture(
        scene(others=[("wide-77aa", made_curves(8, seed=4)), ("no-metrics", Curves())]), Choices(), 90, 20
    )
    letter = "abcde"[chart.colours_of(["wide-77aa", "no-metrics"])["wide-77aa"]]
    assert of_text(shown, f"{letter} wide-77aa")
    ends = [
        line for line in lines(shown) if letter in line[shown.left + shown.column(7.9) : shown.left + shown.column(8.4)]
    ]
    assert ends
    assert "no-metrics" not in "".join(lines(shown))


# -- words ----------------------------------------------------------------------------------------------------------


def test_the_newest_values_are_told_in_the_inks_of_their_curves() -> None:
    told = chart.read_out(scene(), Choices(), 100)
    assert said(told).startswith("batches  0.")
    assert [ink for text, ink in told if text.strip().startswith("0.")] == ["batch", "train", "val", "best"]
    assert "at epoch 3" in said(told) and "smooth .6" in said(told)
    assert "93.4%" in said(chart.read_out(scene(), Choices("accuracy"), 100)), "the best accuracy is the highest"


def test_under_the_cursor_the_values_of_that_step_are_told() -> None:
    told = said(chart.read_out(scene(at=500), Choices(), 120))
    here = made_curves(6).at("loss", "steps", 500)
    assert here is not None
    assert told.startswith("step 500  batches") and "epoch 2.13" in told and "10.0 s" in told
    assert f"{here.mean:.4f} {here.lowest:.4f}–{here.highest:.4f}" in told
    before = said(chart.read_out(scene(at=100), Choices(), 120))
    assert "train       –" in before, "nothing was measured before the first epoch"


@pytest.mark.parametrize("width", [0, 1, 9, 20, 45, 200])
@pytest.mark.parametrize("at", [None, 500])
def test_a_read_out_fills_its_width_and_leaves_out_whole_parts(width: int, at: int | None) -> None:
    told = said(chart.read_out(scene(at=at), Choices(), width))
    assert len(told) == width
    assert not told.rstrip().endswith(("train", "val", "batches")) or not told.strip()


def test_the_summary_is_short() -> None:
    assert chart.summary(Curves()) == ""
    made = Curves()
    made.add(made_records(1)[:20])
    assert chart.summary(made).startswith("loss 2.") or chart.summary(made).startswith("loss 1.")
    assert chart.summary(made_curves(6)) == "loss 0.1950/0.4028"


def test_smoothing_calms_the_line_of_the_batches_and_no_other() -> None:
    drawn = {}
    for smooth in (0.0, 0.99):
        shown = chart.picture(scene(), Choices(smooth=smooth, window=(4.0, 6.0)), 80, 20)
        drawn[smooth] = np.array([[ink for text, ink in row for _ in text] for row in shown.rows[: shown.height]])
    rows = {smooth: np.ptp(np.nonzero(cells == "batch")[0]) for smooth, cells in drawn.items()}
    assert rows[0.99] < rows[0.0]
    assert (drawn[0.0] == "val").any() and ((drawn[0.0] == "val").sum() == (drawn[0.99] == "val").sum())
