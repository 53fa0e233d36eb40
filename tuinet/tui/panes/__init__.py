"""The four panes of the workbench, in the order of their keys."""

from __future__ import annotations

from tuinet.tui.panes.architecture import ArchitecturePane
from tuinet.tui.panes.base import Pane
from tuinet.tui.panes.loss import LossPane
from tuinet.tui.panes.overfitting import OverfittingPane
from tuinet.tui.panes.weights import WeightsPane

__all__ = ["PANES", "Pane"]

PANES: tuple[type[Pane], ...] = (ArchitecturePane, LossPane, WeightsPane, OverfittingPane)
