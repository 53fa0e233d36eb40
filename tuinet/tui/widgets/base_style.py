"""The style that lies under all that a widget paints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    _Base = Widget
else:
    _Base = object  # of several widgets that a class is made of, Textual takes the CSS of the first one alone


class BaseStyle(_Base):
    """Mixed into a widget that paints its own lines: `rich_style` walks up to the screen, here once for all of them."""

    _base: Style | None = None

    @property
    def base_style(self) -> Style:
        return self.rich_style if self._base is None else self._base

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._base = None
