"""Pictures side by side, two pixels to a character, with a title above each; shades where there are no colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tuinet.cells import pad
from tuinet.safe_text import safe
from tuinet.tui.colours import Palette, palette_of
from tuinet.tui.widgets.heatmap import EMPTY, enlarged, halves, heat_strips

GAP = 2
LARGEST = 28  # cells across


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of shares from 0 to 1 (height, width), and what stands above it."""

    title: str
    shares: NDArray[np.float64]


class Pictures(Widget):
    """As many pictures to a row as there is room for; a row of its own for each group."""

    DEFAULT_CSS = "Pictures { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._groups: Sequence[Sequence[Picture]] = ()
        self._strips: dict[tuple[int, str], list[Strip]] = {}

    def show(self, groups: Sequence[Sequence[Picture]]) -> None:
        self._groups = groups
        self._strips.clear()
        self.refresh(layout=True)

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def _lines(self, width: int) -> list[Strip]:
        key = width, self.app.theme
        if key not in self._strips:
            self._strips = {key: drawn(self._groups, width, palette_of(self.app), self.rich_style)}
        return self._strips[key]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        lines = self._lines(self.size.width)
        return lines[y] if y < len(lines) else Strip.blank(self.size.width, self.rich_style)


def drawn(groups: Sequence[Sequence[Picture]], width: int, palette: Palette, base: Style) -> list[Strip]:
    """The lines of all groups, each of exactly this width."""
    strips: list[Strip] = []
    for group in groups:
        for row in _rows(group, width, palette):
            strips += _row(row, width, palette, base)
            strips.append(Strip.blank(width, base))
    return strips


def _rows(group: Sequence[Picture], width: int, palette: Palette) -> list[Sequence[Picture]]:
    if not group:
        return []
    across = max(1, (width + GAP) // (_places(group[0], palette, width).shape[1] + GAP))
    return [group[start : start + across] for start in range(0, len(group), across)]


def _places(picture: Picture, palette: Palette, width: int) -> NDArray[np.int16]:
    """A picture as places on the ramp of greys, small ones enlarged, one that is too wide cut."""
    levels = len(palette.grey) - 1
    places = np.rint(np.clip(picture.shares, 0.0, 1.0) * levels).astype(np.int16)
    two = halves(palette, palette.grey)
    room = max(1, min(width, LARGEST))
    grown = enlarged(places, room, room // 2, two=two).places
    return np.ascontiguousarray(grown[:, :width])


def _row(row: Sequence[Picture], width: int, palette: Palette, base: Style) -> list[Strip]:
    tiles = [_places(picture, palette, width) for picture in row]
    height = max(tile.shape[0] for tile in tiles)
    canvas = np.full((height, width), EMPTY, np.int16)
    titles, at = "", 0
    for picture, tile in zip(row, tiles, strict=True):
        canvas[: tile.shape[0], at : at + tile.shape[1]] = tile
        titles += pad(safe(picture.title, 60), tile.shape[1]) + " " * GAP
        at += tile.shape[1] + GAP
    strips = heat_strips(canvas, palette.grey, palette, base)
    return [Strip([Segment(titles, base)]).crop_extend(0, width, base), *strips]
