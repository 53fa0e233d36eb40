"""The four panes of the workbench, in the order of their keys.

They are imported when they are first wanted: together they take longer to import than Textual does, and the curve need
not wait for the editor.
"""

from __future__ import annotations

from importlib import import_module

from tuinet.tui.panes.base import Pane

__all__ = ["FIRST", "PANES", "Pane", "is_loaded", "load", "made"]

PANES = ("architecture", "loss", "weights", "overfitting")
"""The name of each is that of its module, and the id of its widget."""

FIRST = "loss"
"""What is looked at first, and needs the least."""

_loaded: dict[str, type[Pane]] = {}


def is_loaded(name: str) -> bool:
    """Whether that pane has been imported."""
    return name in _loaded


def load(name: str) -> type[Pane]:
    """That pane's class. The first time takes up to a third of a second."""
    if name not in _loaded:
        module = import_module(f"tuinet.tui.panes.{name}")
        _loaded[name] = getattr(module, f"{name.capitalize()}Pane")
    return _loaded[name]


def made(name: str) -> Pane:
    """A new pane of that name; an empty frame where it has not been imported yet."""
    if is_loaded(name):
        return load(name)()
    return Pane(id=name)
