"""The rows of a training: train and validation loss and accuracy side by side, an epoch a line, the best one marked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuinet import figures
from tuinet.cells import pad
from tuinet.cli.output import Terminal
from tuinet.columns import GAP, Column, fitted
from tuinet.training.early_stopping import improves

Event = Mapping[str, Any]

TITLES = {
    "train_loss": ("train loss", 8),
    "val_loss": ("val loss", 8),
    "train_accuracy": ("train acc", 4),
    "val_accuracy": ("val acc", 7),
    "val_exact_match": ("val exact", 8),
    "val_cer": ("val cer", 5),
    "train_bits_per_char": ("train bits/char", 3),
    "val_bits_per_char": ("val bits/char", 6),
    "train_perplexity": ("train perplexity", 2),
    "val_perplexity": ("val perplexity", 5),
    "train_top5": ("train top5", 1),
    "val_top5": ("val top5", 3),
    "train_rmse": ("train rmse", 4),
    "val_rmse": ("val rmse", 7),
    "train_mae": ("train mae", 2),
    "val_mae": ("val mae", 3),
    "penalty": ("penalty", 1),
    "learning_rate": ("rate", 1),
}
"""Each metric's title, and how much it is needed where the terminal is narrow."""

MARK, BEST = "•", "best"


class EpochTable:
    """Columns are chosen by what the first epoch measured; their widths stay put while numbers come in."""

    def __init__(self, first: Event, start: Event, terminal: Terminal) -> None:
        self.terminal = terminal
        self.metrics = shown_metrics(first, start)
        self.monitor = monitor_of(first, start)
        best = start.get("best_epoch")  # of a run that goes on
        self._best: Event | None = None if best is None else {"epoch": best, self.monitor: start.get("best")}
        columns = [Column("epoch", right=True, need=9)]
        columns += [Column(TITLES[name][0], right=True, need=TITLES[name][1]) for name in self.metrics]
        columns.append(Column("time", right=True, need=5))
        last = str(start.get("epochs") or "")
        widest = [last, *("154,348.3" if "rmse" in name else "0.123456" for name in self.metrics), "12:34:56"]
        width = self.terminal.width
        self._columns = columns
        self._widths = fitted(columns, [widest], None if width is None else width - len(GAP) - len(BEST))

    def title_lines(self) -> list[str]:
        """The line above the rows."""
        return [self.terminal.paint(self._joined([column.title for column in self._columns]), "dim")]

    def see(self, event: Event) -> bool:
        """Take one epoch in; True where it is the best so far."""
        value, best = _real(event.get(self.monitor)), _real((self._best or {}).get(self.monitor))
        if value is None or not improves(self.monitor, value, best):
            return False
        self._best = event
        return True

    def row(self, event: Event, better: bool) -> str:
        """One epoch's line; `better` puts the mark of a best one so far behind it."""
        mark = GAP + self.terminal.paint(MARK, "good") if better else ""
        return self._joined(self._cells(event)) + mark

    def best_lines(self) -> list[str]:
        """The best epoch once more, below the others."""
        if self._best is None:
            return []
        line = self._joined(self._cells(self._best)) + GAP + BEST
        rule = "─" * len(self._joined(["" for _ in self._columns]))
        return [self.terminal.paint(rule, "dim"), self.terminal.paint(line, "good")]

    def _cells(self, event: Event) -> list[str]:
        cells = [f"{float(event.get('epoch') or 0):.6g}"]
        for name in self.metrics:
            value = event.get(name)
            cells.append(figures.metric(name, value))
        return [*cells, figures.duration(event.get("seconds"))]

    def _joined(self, cells: list[str]) -> str:
        shown = [pad(cell, width, right=True) for cell, width in zip(cells, self._widths, strict=True) if width]
        return GAP.join(shown)


def shown_metrics(first: Event, start: Event) -> list[str]:
    """The columns for what was measured: both losses, accuracy or rmse of both parts, penalty where there is one.

    What says the same again is left out: mae beside rmse, and the loss of the training part in other units. What is
    rarely asked for, top 5, has a column only where the best epoch is chosen by it.
    """
    again = ["train_mae", "val_mae"] if "train_rmse" in first or "val_rmse" in first else []
    again += ["train_bits_per_char", "train_perplexity"] if "val_perplexity" in first else []
    wanted = [name for name in TITLES if name in first and name not in again]
    wanted = [name for name in wanted if not name.endswith("_top5") or name == monitor_of(first, start)]
    if not _real(first.get("penalty")):
        wanted = [name for name in wanted if name != "penalty"]
    training = (start.get("preset") or {}).get("training") or {}
    schedule = training.get("schedule")
    kind = schedule.get("type") if isinstance(schedule, Mapping) else schedule
    if kind in (None, "constant"):
        wanted = [name for name in wanted if name != "learning_rate"]
    return wanted


def monitor_of(first: Event, start: Event) -> str:
    """The metric by which the best epoch is chosen."""
    named = start.get("monitor")
    if isinstance(named, str) and named in first:
        return named
    return "val_loss" if "val_loss" in first else "train_loss"


def _real(value: object) -> float | None:
    """The value where it is a finite number. Events write what is not finite as a word."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None
