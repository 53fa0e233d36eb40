"""The style that lies under all that a widget paints."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class BaseStyle(Widget):
    """A widget that paints its own lines: `rich_style` walks up to the screen, here once for all of them."""

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
