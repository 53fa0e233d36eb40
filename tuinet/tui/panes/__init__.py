"""The four panes of the workbench, in the order of their keys."""

from __future__ import annotations

from tuinet.tui.panes.base import Pane
from tuinet.tui.panes.loss import LossPane

__all__ = ["PANES", "Pane"]


class _Architecture(Pane):
    NAME, TITLE = "architecture", "Architecture"


class _Weights(Pane):
    NAME, TITLE = "weights", "Weights"


class _Overfitting(Pane):
    NAME, TITLE = "overfitting", "Overfitting"


PANES: tuple[type[Pane], ...] = (_Architecture, LossPane, _Weights, _Overfitting)
