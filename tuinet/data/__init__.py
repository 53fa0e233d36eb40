"""Examples to train on: embedded sets, generated ones, sets fetched on demand, and one's own files.

    catalog()                 every set that is known by name
    get(name)                 fetches one of those that do not come along
    bind_for(preset)          its arrays, ready to train on, and the facts about them
    bind(settings, seed)      the same without a preset
    read_inputs(path, ...)    new rows for a trained network
    read_table(path)          a CSV or TSV file as columns

Importing this package loads neither NumPy nor a set: its functions fetch what they need when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuinet.data.sets import SetInfo, catalog
from tuinet.data.settings import DataSettings

if TYPE_CHECKING:
    from tuinet.data.binding import bind, bind_for
    from tuinet.data.bound import Bound, Facts, Part, Scaler
    from tuinet.data.download import get
    from tuinet.data.inputs import read_inputs
    from tuinet.data.scaling import Prepare
    from tuinet.data.tables import read_table
    from tuinet.data.vocabulary import Vocabulary

__all__ = [
    "Bound", "DataSettings", "Facts", "Part", "Prepare", "Scaler", "SetInfo", "Vocabulary", "bind", "bind_for",
    "catalog", "get", "read_inputs", "read_table",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("Bound", "Facts", "Part", "Scaler"):
        from tuinet.data import bound

        return getattr(bound, name)
    if name == "Prepare":
        from tuinet.data.scaling import Prepare

        return Prepare
    if name == "Vocabulary":
        from tuinet.data.vocabulary import Vocabulary

        return Vocabulary
    if name in ("bind", "bind_for"):
        from tuinet.data import binding

        return getattr(binding, name)
    if name == "get":
        from tuinet.data.download import get

        return get
    if name == "read_inputs":
        from tuinet.data.inputs import read_inputs

        return read_inputs
    if name == "read_table":
        from tuinet.data.tables import read_table

        return read_table
    raise AttributeError(f"module 'tuinet.data' has no attribute {name!r}")
