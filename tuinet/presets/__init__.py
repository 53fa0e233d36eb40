"""Presets: TOML files that say data, layers and training. Loading one needs neither NumPy nor Numba.

`names` and `headlines` list the built-in ones without loading what checks a preset; the rest is imported when used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tuinet.presets.catalog import Headline, headlines, names, template

if TYPE_CHECKING:
    from tuinet.presets.finding import load
    from tuinet.presets.preset import Preset
    from tuinet.presets.training import EarlyStopping, TrainingSettings

_LATER = {"load": "finding", "Preset": "preset", "EarlyStopping": "training", "TrainingSettings": "training"}

__all__ = ["EarlyStopping", "Headline", "Preset", "TrainingSettings", "headlines", "load", "names", "template"]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
