"""The four panes of the workbench, in the order of their keys."""

from __future__ import annotations

from tuinet.tui.panes.architecture import ArchitecturePane
from tuinet.tui.panes.base import Pane

__all__ = ["PANES", "Pane"]


class _Loss(Pane):
    NAME, TITLE = "loss", "Loss"


class _Weights(Pane):
    NAME, TITLE = "weights", "Weights"


class _Overfitting(Pane):
    NAME, TITLE = "overfitting", "Overfitting"


PANES: tuple[type[Pane], ...] = (ArchitecturePane, _Loss, _Weights, _Overfitting)
