"""The people's printer, fed with events: what it shows, what it leaves out, and that it never writes a control byte."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from tests.cli_scenes import HOSTILE, PAYLOAD, end_event, epoch_events, start_event
from tuinet.cli.output import Output
from tuinet.cli.printer import FEW_ROWS, Printer, row_interval


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def printed(
    events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False, width: int = 80
) -> tuple[str, str]:
    """What the events leave on standard output and on standard error. The printer's clock stands still."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    out, err = (Screen(), Screen()) if terminal else (io.StringIO(), io.StringIO())
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    printer = Printer(Output(), now=lambda: 0.0)
    for event in events:
        printer.show(event)
    return out.getvalue(), err.getvalue()


def whole(epochs: int = 12, best: int = 8, **changes: Any) -> list[dict[str, Any]]:
    verdict = {"event": "verdict", "word": "overfitting", "sentence": "Since epoch 8 val_loss rose.", "numbers": {}}
    return [start_event(epochs, **changes), *epoch_events(epochs, best=best), verdict, end_event(best_epoch=best)]


def test_a_training_is_told_from_its_start_to_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = printed(whole(), monkeypatch)
    assert err == ""
    assert "fashion-mlp-3f2a  Fashion, one hidden layer" in out
    assert "7,200 training + 800 validation + 2,000 test examples · 101,770 parameters" in out
    assert "adam 0.001 · batch 32 · cpu, 2 threads · seed 1" in out
    assert "Overfitting. Since epoch 8 val_loss rose." in out
    assert "best epoch 8: val_loss 0.3000" in out
    assert "test part: loss 0.4100, accuracy 86.2%" in out


def test_each_epoch_has_a_row_with_both_losses_and_accuracies_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = printed(whole(), monkeypatch)
    table = [line for line in out.splitlines() if line.lstrip()[:1].isdigit() and "%" in line]
    assert table[1].split() == ["2", "0.5000", "0.3600", "85.0%", "80.0%", "1.00", "s", "•"]
    title = next(line for line in out.splitlines() if line.startswith("epoch"))
    assert title.split("  ")[0] == "epoch"
    assert len({line.index("%") for line in table}) == 1, "columns stand still"


def test_the_best_epoch_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = printed(whole(), monkeypatch)
    marked = [line.split()[0] for line in out.splitlines() if line.endswith("•")]
    assert marked == [str(epoch) for epoch in range(1, 9)]
    best = [line for line in out.splitlines() if line.endswith("  best")]
    assert [line.split()[0] for line in best] == ["8"]


def test_many_epochs_get_about_forty_rows_and_the_last_one_always(monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = printed(whole(997, best=500), monkeypatch)
    numbers = [line.split()[0] for line in out.splitlines() if line.lstrip()[:1].isdigit() and "%" in line]
    assert len(numbers) <= FEW_ROWS + 3
    assert "997" in numbers


@pytest.mark.parametrize("epochs", [1, 40, 41, 100, 399, 400, 401, 5_000, 123_456])
def test_rows_are_thinned_to_about_forty(epochs: int) -> None:
    every = row_interval(epochs)
    assert epochs / every <= FEW_ROWS
    assert every == 1 or epochs / every > FEW_ROWS / 2.6


def test_no_terminal_no_bar_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = {"event": "progress", "step": 50, "epoch": 0.2, "loss": 1.0, "samples_per_s": 54_000.0, "seconds": 0.1}
    out, err = printed([start_event(), progress, *epoch_events(3)], monkeypatch)
    assert err == ""
    assert sorted(PAYLOAD & set(out)) == []


def test_on_a_terminal_the_bar_shows_epoch_speed_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    same = {"event": "progress", "loss": 1.0, "samples_per_s": 54_120.4}
    progress = [{**same, "step": step, "epoch": step / 225, "seconds": step / 450} for step in (10, 460)]
    _, err = printed([start_event(), progress[0], *epoch_events(2), progress[1]], monkeypatch, terminal=True)
    assert "epoch 3/12" in err
    assert "54,120 samples/s" in err
    assert "ETA 0:05" in err
    assert "━" in err


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_everything_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = whole(reasons=["a reason that is rather long and speaks of several columns of the table"])
    out, _ = printed(events, monkeypatch, width=width)
    assert max(map(len, out.splitlines())) <= width
    assert "best" in out


def test_a_regression_shows_rmse_and_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        {"event": "epoch", "epoch": 1, "step": 10, "seconds": 0.1, "train_loss": 0.5, "val_loss": 0.6,
         "train_rmse": 7.5, "val_rmse": 8.25, "train_mae": 5.0, "val_mae": 6.0, "penalty": 0.01}
    ]  # fmt: skip
    out, _ = printed([start_event(), *events], monkeypatch)
    assert "train rmse" in out and "8.2500" in out
    assert "acc" not in out.split("epoch", 1)[1]
    assert "penalty" in out
    assert "mae" not in out


def test_changes_warnings_and_resumes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        start_event(resumed=450, init={"run": "old-1234", "taken": ["hidden.W"], "left": ["out.W", "out.b"]}),
        {"event": "warning", "step": 0, "code": "data", "message": "105 examples stand in both parts"},
        *epoch_events(1),
        {"event": "changed", "step": 9, "key": "training.seed", "old": 0.001, "new": 0.0005, "why": "plateau"},
    ]
    out, _ = printed(events, monkeypatch)
    assert "goes on from step 450" in out
    assert "starts from old-1234: took hidden.W; its own start for out.W, out.b" in " ".join(out.split())
    assert "! 105 examples stand in both parts" in out
    assert "training.seed: 0.001 to 0.0005 (plateau)" in out


def test_the_best_epoch_before_a_resume_is_still_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    start = start_event(12, resumed=900, best=0.1, best_epoch=3)
    out, _ = printed([start, *list(epoch_events(12, best=8))[8:]], monkeypatch)
    assert "•" not in out
    out, _ = printed([start, *list(epoch_events(12, best=8))[8:], end_event(best_epoch=3)], monkeypatch)
    row = next(line for line in out.splitlines() if line.endswith("best"))
    assert row.split()[0] == "3" and "0.1000" in row


def test_a_row_that_was_left_out_comes_before_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit ended the training inside an epoch: the rows stand in order."""
    events = list(epoch_events(400))
    look = {**events[13], "event": "evaluation", "step": events[13]["step"] + 3}
    out, _ = printed([start_event(400), *events[:14], look], monkeypatch)
    rows = [float(line.split()[0]) for line in out.splitlines() if line.lstrip()[:1].isdigit() and "%" in line]
    assert rows == sorted(rows) and 14 in rows


def test_compiling_is_said_only_where_it_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for seconds in (0.01, 1.0):
        printer = Printer(Output(), now=lambda: clock[0])
        printer.show(start_event())
        for done in range(5):
            printer.show({"event": "compile", "done": done, "total": 4, "name": "dense"})
            clock[0] += seconds
        printer.show(next(epoch_events(1)))
    assert out.getvalue().count("compiling 4 kernels, once on this machine") == 1
    assert out.getvalue().count("compiled in 5.00 s") == 1


def test_what_is_not_finite_is_printed_as_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {**next(epoch_events(1)), "train_loss": "nan", "val_loss": "inf"}
    out, _ = printed([start_event(), event, end_event(state="diverged", reason="diverged")], monkeypatch)
    assert "nan" in out and "inf" in out and "diverged" in out


def test_unknown_events_and_missing_keys_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        {"event": "start"},
        {"event": "sparkle"},
        {"event": "epoch", "epoch": 1},
        {"event": "progress"},
        {"event": "end"},
    ]
    printed(events, monkeypatch, terminal=True)


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_in_any_field_is_shown_as_marks(payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: value[key] if key == "event" else poisoned(value[key]) for key in value}
        if isinstance(value, list):
            return [poisoned(item) for item in value]
        return f"x{payload}y" if isinstance(value, str) else value

    extra = [
        {"event": "warning", "message": "m"},
        {"event": "changed", "key": "k", "old": "o", "new": "n", "why": "w"},
        {"event": "compile", "done": 0, "total": 2, "name": "n"},
    ]
    init = {"run": "r", "taken": ["t"], "left": ["l"]}
    events = [start_event(reasons=["r"], init=init), *extra, *epoch_events(2), *whole()[-2:]]
    out, err = printed(poisoned(events), monkeypatch)
    assert sorted(PAYLOAD & set(out + err)) == []
