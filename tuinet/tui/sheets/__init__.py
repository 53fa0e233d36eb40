"""What slides in beside the list of layers: a form, a text, a choice of layers, lines to read, a question."""

from __future__ import annotations

from tuinet.tui.sheets.base import Sheet
from tuinet.tui.sheets.picker import Picker
from tuinet.tui.sheets.reading import Reading
from tuinet.tui.sheets.saving import Saving
from tuinet.tui.sheets.settings import Settings
from tuinet.tui.sheets.text import Text

__all__ = ["Picker", "Reading", "Saving", "Settings", "Sheet", "Text"]
