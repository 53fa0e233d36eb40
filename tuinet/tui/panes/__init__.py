"""The four panes of the workbench, in the order of their keys."""

from __future__ import annotations

from tuinet.tui.panes.base import Pane
from tuinet.tui.panes.overfitting import OverfittingPane

__all__ = ["PANES", "OverfittingPane", "Pane"]


class _Architecture(Pane):
    NAME, TITLE = "architecture", "Architecture"


class _Loss(Pane):
    NAME, TITLE = "loss", "Loss"


class _Weights(Pane):
    NAME, TITLE = "weights", "Weights"


PANES: tuple[type[Pane], ...] = (_Architecture, _Loss, _Weights, OverfittingPane)
