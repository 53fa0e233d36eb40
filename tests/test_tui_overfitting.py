"""The overfitting pane: what it tells is what was measured, and every cure asks of the run what it says."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.scripted_view import FACTS, ScriptedView, scripted_view
from tests.tui_screens import check_picture, on_screen, picture, until
from tuinet import presets
from tuinet.data import Facts
from tuinet.runs import RunFolder
from tuinet.training.live import changed
from tuinet.tui import diagnosis
from tuinet.tui.app import TuinetApp
from tuinet.tui.colours import palette
from tuinet.tui.cures import Cure, command, cures
from tuinet.tui.curves import Curves
from tuinet.tui.diagnosis import Line
from tuinet.tui.panes.base import Pane
from tuinet.tui.panes.overfitting import OverfittingPane
from tuinet.tui.screens.workbench import Workbench
from tuinet.tui.view import Looked, RunView, _Files

pytestmark = pytest.mark.usefixtures("home", "own_config")


def text(lines: list[Line] | Line) -> str:
    """What stands there, without its styles."""
    if lines and isinstance(lines[0], tuple):
        lines = [lines]  # type: ignore[list-item]
    return "\n".join("".join(piece for piece, _ in line) for line in lines)  # type: ignore[union-attr]


# -- cures ------------------------------------------------------------------------------------------------------------


def by_name(preset: str, facts: Facts | None = FACTS, *changes: str, **chosen: float) -> dict[str, Cure]:
    found = cures(presets.load(preset).with_overrides(changes), facts, chosen)
    return {cure.name: cure for cure in found}


@pytest.mark.parametrize(
    "name", ["fashion-cnn", "digits", "concrete", "char-gpt", "overfit-l2", "fashion-augment", "deep"]
)
def test_a_cure_says_what_is_to_be_set_and_leads_to_a_preset_that_has_it(name: str) -> None:
    """Every change is one that a running training takes, and afterwards the cure is as it was wished."""
    preset = presets.load(name)
    facts = FACTS if name.startswith(("fashion", "overfit")) else replace(FACTS, inputs=(8, 8, 1))
    facts = replace(facts, tokens=65, inputs=(64,)) if name == "char-gpt" else facts
    for place, cure in enumerate(cures(preset, facts, {})):
        for value in (cure.next(cure.value, True), None, cure.value) if not cure.why_not else ():
            made = preset
            for key, new in cure.settings(value):
                made = changed(made, key, new)
            after = cures(made, facts, {})[place]
            assert after.on == (value is not None), (cure.name, value)
            assert value is None or after.value == pytest.approx(value)


def test_several_layers_are_set_by_one_key_and_one_layer_by_its_name() -> None:
    assert by_name("fashion-cnn")["dropout"].settings(0.4) == [("layers.*.rate", 0.4)]
    assert by_name("fashion-cnn")["L2 penalty"].settings(None) == [("layers.*.l2", 0.0)]
    one = by_name("spam-neuron", replace(FACTS, inputs=(57,)))["L2 penalty"].settings(0.01)
    assert one == [("layers.neuron.l2", 0.01)]
    assert ("layers.*.dropout", 0.1) in by_name("char-gpt")["dropout"].settings(0.1)


def test_a_penalty_on_one_layer_goes_off_and_on_again_there_and_nowhere_else() -> None:
    preset = presets.load("airline-lstm")
    facts = replace(FACTS, inputs=(12, 1), task="reals")
    on = {cure.name: cure for cure in cures(preset, facts, {})}["L2 penalty"]
    assert on.on and on.settings(None) == [("layers.look.read.mix.l2", 0.0)]
    assert on.next(on.value, False) == 1.0 and on.next(on.value, True) == 10.0
    made = changed(preset, *on.settings(None)[0])
    off = {cure.name: cure for cure in cures(made, facts, {}, {"L2 penalty": on.keys})}["L2 penalty"]
    assert not off.on and off.settings(3.0) == [("layers.look.read.mix.l2", 3.0)]
    unknown = {cure.name: cure for cure in cures(made, facts, {})}["L2 penalty"]
    assert unknown.settings(3.0) == [("layers.*.l2", 3.0)], "nobody knows where it was"


def test_values_go_up_and_down_a_ladder_and_stay_at_its_ends() -> None:
    cure = by_name("fashion-cnn")["dropout"]
    assert cure.on and cure.value == 0.5 and cure.next(0.5, True) == 0.6 and cure.next(0.5, False) == 0.4
    assert cure.next(0.8, True) == 0.8 and cure.next(0.05, False) == 0.05 and cure.next(0.22, True) == 0.25


def test_what_is_off_shows_the_value_that_it_would_have() -> None:
    chosen = {"early stop": 8.0}
    found = {cure.name: cure for cure in cures(presets.load("fashion-mlp"), FACTS, chosen)}
    assert not found["early stop"].on and found["early stop"].shown(8.0) == "after 8"
    assert found["early stop"].settings(8.0) == [("training.early_stopping.patience", 8)]
    assert found["early stop"].settings(None) == [("training.early_stopping", "")]
    assert command("run-1", found["L2 penalty"].settings(1e-4)) == "ctl run-1 set layers.*.l2=0.0001"


def test_augmentation_is_what_suits_the_examples() -> None:
    assert by_name("fashion-mlp")["augment"].settings(3.0) == [("training.augment.shift", 3)]
    assert by_name("concrete", replace(FACTS, inputs=(8,)))["augment"].settings(0.1) == [
        ("training.augment.noise", 0.1)
    ]
    assert "text" in by_name("char-gpt", replace(FACTS, tokens=65, inputs=(64,)))["augment"].why_not
    assert "not known" in by_name("fashion-mlp", None)["augment"].why_not
    told = by_name("fashion-augment")["augment"]
    assert told.on and told.shown(told.value) == "shift +3 1" and told.settings(None) == [("training.augment", "")]


def test_where_there_is_nothing_to_switch_it_is_said_what_to_do() -> None:
    assert "architecture pane adds one" in by_name("fashion-mlp")["dropout"].why_not


# -- lines ------------------------------------------------------------------------------------------------------------


def rows(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    return [
        {"epoch": number, "step": 100 * number, "train_loss": train, "val_loss": val}
        for number, (train, val) in enumerate(pairs, 1)
    ]


def curves(found: list[dict[str, Any]]) -> Curves:
    """The same as a run's curves."""
    made = Curves()
    made.add([
        {**{key: value for key, value in row.items() if key not in ("epoch", "step")}, "k": "epoch", "g": 1, "t": 0.0,
         "e": float(row["epoch"]), "s": 100 * row["epoch"], "m": float(row["epoch"])}
        for row in found
    ])  # fmt: skip
    return made


def test_the_gap_is_what_validation_loses_more_and_its_arrow_what_it_does() -> None:
    grows = rows((1.0, 1.0), (0.5, 0.6), (0.4, 0.6), (0.2, 0.62))
    assert text(diagnosis.losses(grows, 60)) == "train 0.2000  val 0.6200  gap +0.4200 ▲ grows"
    assert text(diagnosis.losses(grows, 37)) == "train 0.2000 val 0.6200 gap +0.4200 ▲"
    assert diagnosis.growth(rows((1.0, 2.0), (0.5, 0.6), (0.4, 0.5), (0.2, 0.3))) == ("shrinks", "▼")
    assert diagnosis.growth(rows(*[(0.5, 0.6)] * 4)) == ("steady", "─") and diagnosis.growth(grows[:3]) == ("", "")
    epochs, gaps = diagnosis.gaps(curves(grows))
    assert epochs.tolist() == [1, 2, 3, 4] and gaps == pytest.approx([0.0, 0.1, 0.2, 0.42])
    assert "no validation part" in text(diagnosis.losses([{"epoch": 1, "train_loss": 0.5}], 60))
    assert "no epoch is measured" in text(diagnosis.losses([], 60))
    broken = [{"epoch": 1, "train_loss": "nan", "val_loss": "inf"}]
    assert "nan" in text(diagnosis.losses(broken, 60)) and diagnosis.growth(broken * 4) == ("", "")
    assert len(diagnosis.gaps(curves(broken))[1]) == 0
    alone = diagnosis.gaps(curves([{"epoch": 1, "train_loss": 0.5}]))
    assert len(alone[0]) == len(alone[1]) == 0


def test_a_loss_keeps_its_width_while_it_falls() -> None:
    shown = [
        diagnosis.figure(value) for value in (123.456, 12.3456, 1.23456, 0.5, 0.0123, 0.00012, 0.0, math.nan, None)
    ]
    assert {len(figure) for figure in shown} == {6} and shown[1] == "12.346" and shown[5] == "1.2e-4"


def test_the_best_epoch_is_named_with_whether_its_weights_are_kept() -> None:
    found = curves(rows((1.0, 0.9), (0.5, 0.6), (0.4, 0.7)))
    assert text(diagnosis.best(found, "val_loss", frozenset({200}), 60)) == "best epoch 2  val_loss 0.6000  ✓ kept"
    assert "not saved yet" in text(diagnosis.best(found, "val_loss", frozenset({300}), 60))
    assert text(diagnosis.best(found, "val_loss", frozenset({300}), 44)) == "best 2  val_loss 0.6000  … not saved"
    found = curves([row | {"val_accuracy": row["val_loss"]} for row in rows((1.0, 0.9), (0.5, 0.6))])
    assert text(diagnosis.best(found, "val_accuracy", frozenset(), 60)).startswith("best epoch 1  val_accuracy 0.9")
    assert text(diagnosis.best(Curves(), "val_loss", frozenset(), 60)) == "no best epoch yet"


def test_data_loss_and_penalty_stand_apart() -> None:
    row = {"train_loss": 0.3, "penalty": 0.1}
    assert text(diagnosis.penalty(row, {}, 60)) == "data loss 0.3000 + penalty 0.1000  25% of both"
    assert "0.2000" in text(diagnosis.penalty(row, {"penalty": 0.2}, 60))
    assert "after the first epoch" in text(diagnosis.penalty({}, {}, 60))
    assert text(diagnosis.penalty(row, {}, 40)) == "data loss 0.3000 + penalty 0.1000", "whole, or not at all"


def test_every_verdict_has_a_mark_and_its_sentence_fits() -> None:
    from typing import get_args

    from tuinet.diagnostics.verdict import Word

    for word in get_args(Word):
        found = {"word": word, "sentence": "one two three " * 20, "numbers": {"best_epoch": 5.0}}
        lines = diagnosis.verdict(found, 30, 3)
        assert len(lines) == 3 and all(diagnosis.length(line) <= 30 for line in lines)
        assert ("since epoch 5" in text(lines)) == (word == "overfitting")
    assert "nothing is measured" in text(diagnosis.verdict({}, 30, 3))


def test_of_a_verdict_that_is_cut_what_to_do_is_kept() -> None:
    found = {"word": "diverged", "sentence": f"{'NaN in the loss. ' * 15}A smaller learning rate is the first thing."}
    lines = [text([line]) for line in diagnosis.verdict(found, 30, 7)]
    assert (
        len(lines) == 7 and lines[-2:] == ["A smaller learning rate is the", "first thing."] and lines[-3].endswith("…")
    )
    narrow = diagnosis.verdict(found, 30, 4)
    assert len(narrow) == 4 and text(narrow[1:2]).startswith("NaN"), "where there is no room for both, what happened"


def test_the_gap_is_drawn_over_the_epochs_with_its_line_at_zero() -> None:
    epochs, gaps = np.arange(1.0, 13.0), 0.5 - 1.0 / np.arange(1.0, 13.0)
    lines = diagnosis.gap_curve(epochs, gaps, 12, None, 50, 8)
    assert len(lines) == 8 and all(diagnosis.length(line) == 50 for line in lines)
    inks = {kind for line in lines for _, kind in line}
    assert {"warn", "dim"} <= inks and "accent" not in inks
    marked = diagnosis.gap_curve(epochs, gaps, 12, 6.0, 50, 8)
    assert "accent" in {kind for line in marked for _, kind in line}
    assert diagnosis.gap_curve(epochs[:0], gaps[:0], 12, None, 50, 8) == []
    assert diagnosis.gap_curve(epochs, gaps, 12, None, 10, 8) == []


def test_a_run_of_a_hundred_thousand_epochs_is_laid_out_while_nobody_waits() -> None:
    view = scripted_view("fashion-cnn", 3, looks=LOOKS)
    count = 100_000
    found = [{"k": "epoch", "s": 10 * k, "e": float(k), "g": 1, "m": float(k), "t": 0.0, "train_loss": 1 / k,
              "val_loss": 1 / k + k / count} for k in range(4, count)]  # fmt: skip
    view._take_metrics(found)
    view.at = 10 * 4_321
    pane = OverfittingPane()
    pane.view = view
    began = time.thread_time()  # of this thread alone: other programs may be busy
    for _ in range(10):
        pane._told(60, 6)
        pane._gap(58, 8)
    assert (time.thread_time() - began) / 10 < 0.05
    assert pane._rows[-1]["epoch"] == 4_321


CONFUSED = np.array([[90, 8, 2], [1, 70, 0], [0, 0, 80]])
FIELDS = {
    "names": ["shirt", "coat", "bag"], "pairs": [[0, 1, 8], [0, 2, 2], [1, 0, 1]], "examples": 251, "right": 240,
    "classes": 3, "step": 400, "part": "validation",
}  # fmt: skip


@pytest.mark.parametrize("depth", ["full", "256", "16", "none"])
@pytest.mark.parametrize(("width", "wide"), [(16, 2), (24, 5)])
def test_a_matrix_shows_what_is_right_on_one_arm_of_its_ramp_and_what_is_wrong_on_the_other(
    depth: Any, width: int, wide: int
) -> None:
    found = palette(depth)
    lines = diagnosis.matrix(FIELDS, CONFUSED, found, width, 12)
    assert len(lines) == 4 and all(diagnosis.length(line) <= width for line in lines)
    assert text(lines[0]).split() == ["0", "1", "2"] and text(lines[2]).startswith("1 coat")
    assert ("90" in text(lines)) == (wide == 5)
    levels, middle = diagnosis.shades(CONFUSED, len(found.diverging)), len(found.diverging) // 2
    assert (np.diag(levels) > middle).all() and levels[0, 1] == 0 and levels[1, 2] == middle
    assert levels[0, 1] < levels[0, 2] < middle


def test_the_most_confused_pairs_are_told_in_words() -> None:
    lines = diagnosis.pairs(FIELDS, 30, 2)
    assert [line.split() for line in text(lines).split("\n")] == [
        ["shirt", "→", "coat", "8"],
        ["shirt", "→", "bag", "2"],
    ]
    assert text(diagnosis.pairs({**FIELDS, "pairs": []}, 30, 2)) == "nothing is confused"
    assert diagnosis.judged(FIELDS)[0] == "251 validation examples, 95.6% right"


def worst(kind: str, count: int = 3, side: int = 6) -> Looked:
    examples = [
        {"index": 7 * k, "loss": 5.0 - k, "label": "Shirt", "said": "Coat", "probability": 0.99, "words": f"age {k}"}
        for k in range(count)
    ]
    if kind == "series":
        examples = [{**example, "points": [0.0, 1.0, 2.0], "probability": None} for example in examples]
    fields = {"kind": kind, "examples": examples, "step": 400, "part": "validation", "height": side, "width": side}
    body = np.arange(count * side * side, dtype=np.uint8).tobytes() if kind == "picture" else b""
    return Looked(fields, body)


@pytest.mark.parametrize("depth", ["full", "16", "none"])
@pytest.mark.parametrize("kind", ["picture", "row", "text", "series"])
def test_the_worst_examples_are_drawn_or_told_in_the_room_that_there_is(depth: Any, kind: str) -> None:
    found = worst(kind)
    lines = diagnosis.worst(found.fields, found.body, palette(depth), 44, 7)
    assert 3 < len(lines) <= 7 and all(diagnosis.length(line) <= 44 for line in lines)
    told = text(lines)
    assert "Shirt" in told and "Coat" in told
    assert (".99" in told) == (kind != "series") and ("age 0" in told) == (kind in ("row", "text"))
    assert ("▁▄▇" in told) == (kind == "series")


@pytest.mark.parametrize("loss", [0.05888, 0.0072, 12.88, 1.5e-9, 123456.0])
def test_a_blank_stands_between_a_loss_and_what_the_example_is(loss: float) -> None:
    found = {"kind": "row", "examples": [{"loss": loss, "label": "363", "said": "390.4", "words": ""}]}
    (line,) = diagnosis.worst(found, b"", palette("full"), 44, 7)
    assert text(line).split() == [diagnosis.number(loss), "363", "→", "390.4"]


def test_a_heading_takes_the_longest_note_for_which_there_is_room() -> None:
    notes = diagnosis.judged({"examples": 12_551, "right": 10_882, "part": "validation"})
    for width, wanted in ((60, "12,551 validation examples, 86.7% right"), (44, "12,551 validation, 86.7% right"),
                          (24, "86.7% right"), (14, "")):  # fmt: skip
        assert text(diagnosis.title("confusion", *notes, width=width)).strip() == f"confusion  {wanted}".strip()


def test_cures_follow_facts_that_come_after_the_preset(tmp_path: Any) -> None:
    view = RunView(RunFolder(tmp_path))
    view._take(_Files(facts=FACTS))
    assert view.facts is FACTS and "preset" in view._changed


def test_as_many_pictures_are_asked_for_as_can_be_seen() -> None:
    count, tall, wide = diagnosis.picture_room(58, 10)
    assert (count, tall, wide) == (3, 14, 14) or count >= 3
    for width, room in ((58, 10), (30, 6), (100, 30), (20, 5)):
        count, tall, wide = diagnosis.picture_room(width, room)
        look = worst("picture", count, tall)
        drawn = diagnosis.worst(look.fields, look.body, palette("full"), width, room)
        assert text(drawn).count("Shirt") == count and len(drawn) <= room


HEALTH = {
    "layers": {
        "hidden": {"state": "bad", "reasons": ["62% of its units are dead"], "update_ratio": -2.9, "marks": ["dead"]},
        "out": {"state": "ok", "reasons": [], "update_ratio": -3.1, "marks": []},
    },
    "step": 400,
}
NORMS = {"layers": [{"path": "hidden", "norm": 20.0, "start": 10.0}, {"path": "out", "norm": 5.0, "start": None}],
         "penalty": 0.0, "loss": 0.2, "step": 400}  # fmt: skip


def test_weights_are_told_layer_by_layer_with_what_ails_them() -> None:
    lines = diagnosis.weights(NORMS, HEALTH, 70, 8)
    hidden, out, reason = text(lines).split("\n")
    assert hidden.startswith("✖ hidden") and "20.0000" in hidden and "×2.00" in hidden and "update 10^-2.9" in hidden
    assert out.startswith("● out") and "×" not in out
    bars = [len(line.partition("10^-")[2][4:].strip()) for line in (hidden, out)]
    assert bars[0] >= 3 * bars[1] > 0
    assert reason == "✖ hidden: 62% of its units are dead"
    sick = {"layers": {f"layer_{k}": HEALTH["layers"]["hidden"] for k in range(5)}}  # type: ignore[index]
    assert "✖ layer_0 and 4 more: 62% of its units are dead" in text(diagnosis.weights({}, sick, 70, 8))
    many = {"layers": [{"path": f"layer_{k}", "norm": 1.0, "start": 1.0} for k in range(30)]}
    assert text(diagnosis.weights(many, {}, 70, 8)).split("\n")[-1] == "  and 23 more layers"


# -- the pane ---------------------------------------------------------------------------------------------------------


def confusion(request: dict[str, Any]) -> Looked:
    matrix = np.full((10, 10), 3, "<i4") + np.diag(np.arange(80, 180, 10)).astype("<i4")
    pairs = [[6, 0, 19], [4, 2, 12], [2, 4, 9]]
    fields = {"names": FACTS.class_names, "pairs": pairs, "examples": 1570, "right": 1300, "classes": 10, "step": 1645,
              "part": "validation"}  # fmt: skip
    return Looked(fields, matrix.tobytes())


LOOKS = {
    "confusion": confusion,
    "worst": lambda request: worst("picture", request["count"], request["height"]),
    "norms": lambda request: Looked(NORMS),
    "health": lambda request: Looked(HEALTH),
}


class Alone(TuinetApp):
    """The application with the workbench of a view without a run, the overfitting pane in front."""

    def __init__(self, view: ScriptedView) -> None:
        super().__init__()
        self.shown = view

    def open_first(self) -> None:
        self.push_screen(Workbench(self.shown))

    @property
    def pane(self) -> OverfittingPane:
        return self.screen.query_one(OverfittingPane)


def opened(pilot: Pilot[Any]) -> Alone:
    assert isinstance(pilot.app, Alone)
    return pilot.app


async def to_the_pane(pilot: Pilot[Any]) -> OverfittingPane:
    app = opened(pilot)
    await until(pilot, lambda: list(app.screen.query(Pane)), "the workbench")
    await pilot.press("4")
    await until(pilot, lambda: app.pane.has_focus and "cures" in picture(app), "the pane")
    return app.pane


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_pane_looks_as_it_did(size: tuple[int, int]) -> None:
    app = Alone(scripted_view("fashion-cnn", 12, looks=LOOKS))

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        await pilot.press("z")
        await until(pilot, lambda: pane.size.width > size[0] - 8, "the whole screen")
        pages = {"fit": "overfitting since", "matrix": "1,570 validation", "worst": "of validation, step 400",
                 "weights": "62% of its units"}  # fmt: skip
        for name in pane._pages:
            await until(pilot, lambda name=name: pages[name] in picture(app), name)
            await pilot.pause()
            own = slice(pane.region.y, pane.region.bottom)  # what stands above and below is not the pane's
            kept = "\n".join(picture(app).split("\n")[own]) + "\n"
            check_picture(app, f"overfitting-{name}-{size[0]}x{size[1]}", still=lambda _, kept=kept: kept)
            await pilot.press("m")

    on_screen(app, size, steps)


@pytest.mark.parametrize(
    ("patience", "shown"), [(10, "after 10  ◂▸"), (100_000, "after 100000"), (1_000_000, "after 10000…")]
)
def test_a_value_that_is_too_long_for_its_line_is_cut_where_it_can_be_seen(patience: int, shown: str) -> None:
    found = by_name("fashion-mlp", FACTS, f"training.early_stopping.patience={patience}")["early stop"]
    ((words, _),) = OverfittingPane()._switch(1, found, 28)
    assert (words.rstrip().endswith(shown), len(words) <= 28) == (True, True), words


def set_by(view: ScriptedView) -> list[tuple[str, Any]]:
    return [(fields["key"], fields["value"]) for name, fields in view.commands if name == "set"]


def test_enter_switches_the_chosen_cure_and_arrows_turn_it() -> None:
    view = scripted_view("fashion-cnn", 12, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        assert pane.command_form() == f"ctl {view.name} set layers.*.rate=0"
        await pilot.press("right")
        await until(pilot, lambda: set_by(view) == [("layers.*.rate", 0.6)], "more dropout")
        await until(pilot, lambda: f"tuinet ctl {view.name} set layers.*.rate=0.6" in flat(app), "what was sent")
        await pilot.press("enter")
        await until(pilot, lambda: set_by(view)[-1] == ("layers.*.rate", 0.0), "dropout off")
        await pilot.press("down", "enter")
        await until(pilot, lambda: set_by(view)[-1] == ("layers.*.l2", 0.0001), "a penalty")
        await pilot.press("down", "left", "enter")
        await until(pilot, lambda: set_by(view)[-1] == ("training.augment.shift", 1), "augmentation")
        await pilot.press("down", "right", "right", "enter")
        await until(pilot, lambda: set_by(view)[-1] == ("training.early_stopping.patience", 10), "patience")
        assert len(set_by(view)) == 5  # what is off is turned without a word to the run
        await pilot.press("up", "up", "up", "up")
        assert pane.cursor == 3

    on_screen(app, (200, 50), steps)


def flat(app: Alone) -> str:
    """What the pane says, its lines put together."""
    return " ".join(" ".join("".join(piece for piece, _ in line).split()) for line in app.pane._lines)


def test_a_refusal_is_said_in_the_pane() -> None:
    view = scripted_view("fashion-mlp", 6, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        assert pane.cursor == 1  # dropout has no layer here
        view.refuse = "this cannot be set now"
        await pilot.press("enter")
        await until(pilot, lambda: "this cannot be set now" in flat(app), "the refusal")
        assert view.commands == []
        await pilot.press("up", "enter")
        await until(pilot, lambda: "no dropout layer" in flat(app), "why not")
        assert view.commands == [] and pane.command_form() == ""

    on_screen(app, (120, 40), steps)


def test_a_click_chooses_a_cure_and_on_its_box_or_arrows_switches_or_turns_it() -> None:
    view = scripted_view("fashion-cnn", 12, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        row = next(line for line, place in pane._cure_rows.items() if place == 3)
        words = "".join(piece for piece, _ in pane._lines[row])
        await pilot.click(pane, offset=(words.index("early") + 2, row + 1))
        assert pane.cursor == 3 and view.commands == []
        await pilot.click(pane, offset=(words.index("[") + 3, row + 1))
        await until(pilot, lambda: set_by(view) == [("training.early_stopping.patience", 5)], "the box")
        first = next(line for line, place in pane._cure_rows.items() if place == 0)
        await pilot.click(pane, offset=(words.index("▸", 5) + 2, first + 1))
        await until(pilot, lambda: set_by(view)[-1] == ("layers.*.rate", 0.6), "the arrow")

    on_screen(app, (200, 50), steps)


def test_only_what_is_shown_is_asked_for() -> None:
    view = scripted_view("fashion-cnn", 12, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await to_the_pane(pilot)
        own = {"confusion", "worst", "norms", "health of overfitting"}
        await until(pilot, lambda: own & set(view._wishes) == {"confusion"}, "the pairs beside the cures")
        await until(pilot, lambda: "taken for another" in flat(app) and "Shirt → T-shirt" in flat(app), "the pairs")
        await pilot.press("m")
        await until(pilot, lambda: own & set(view._wishes) == {"confusion"}, "the matrix")
        assert view._wishes["confusion"].request["most"] >= 10
        await pilot.press("m")
        await until(pilot, lambda: own & set(view._wishes) == {"worst"}, "the worst")
        await pilot.press("m")
        await until(pilot, lambda: own & set(view._wishes) == {"norms", "health of overfitting"}, "the weights")

    on_screen(app, (80, 24), steps)


def test_an_earlier_step_shows_the_losses_of_its_epoch() -> None:
    view = scripted_view("fashion-cnn", 12, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        await to_the_pane(pilot)
        view.choose_step(view.curves.epochs()[2]["step"] + 10)
        await until(pilot, lambda: "as it stood at step" in flat(app), "the step")
        assert text(diagnosis.losses(view.curves.epochs()[:3], 60)).split()[1] in flat(app)
        view.choose_step(None)
        await until(pilot, lambda: "overfitting since" in flat(app), "now")

    on_screen(app, (200, 50), steps)


def test_numbers_have_no_confusion_to_be_shown() -> None:
    view = scripted_view("concrete", 6, looks={**LOOKS, "worst": lambda request: worst("row", request["count"])})
    view.facts = replace(FACTS, task="reals", inputs=(8,), classes=0, outputs=1, class_names=[], class_counts=[])
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        assert pane._pages == ("fit", "worst", "weights")
        await pilot.press("m")
        await until(pilot, lambda: "age 0" in flat(app), "the rows")

    on_screen(app, (120, 40), steps)


def test_the_summary_and_every_action_of_the_table_are_there() -> None:
    from tuinet.tui.actions import of

    pane = OverfittingPane()
    assert pane.summary() == ""
    pane.view = scripted_view("fashion-cnn", 12)
    assert pane.summary() == "▲ overfitting since 5"
    for action in of("overfitting"):
        assert hasattr(pane, f"action_{action.method.partition('(')[0]}"), action.id


@pytest.mark.parametrize("size", [(60, 15), (61, 16), (100, 32), (300, 80)])
def test_nothing_is_drawn_beyond_the_pane_at_any_size(size: tuple[int, int]) -> None:
    view = scripted_view("fashion-cnn", 12, looks=LOOKS)
    app = Alone(view)

    async def steps(pilot: Pilot[Any]) -> None:
        pane = await to_the_pane(pilot)
        for _ in range(4):
            await pilot.pause()
            assert len(pane._lines) <= pane.size.height
            await pilot.press("m")

    on_screen(app, size, steps)
