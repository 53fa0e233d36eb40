"""The four panes of the workbench, in the order of their keys."""

from __future__ import annotations

from tuinet.tui.panes.base import Pane
from tuinet.tui.panes.weights import WeightsPane

__all__ = ["PANES", "Pane"]


class _Architecture(Pane):
    NAME, TITLE = "architecture", "Architecture"


class _Loss(Pane):
    NAME, TITLE = "loss", "Loss"


class _Overfitting(Pane):
    NAME, TITLE = "overfitting", "Overfitting"


PANES: tuple[type[Pane], ...] = (_Architecture, _Loss, WeightsPane, _Overfitting)
