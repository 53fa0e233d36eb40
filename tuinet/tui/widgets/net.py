"""The picture of a small network on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from tuinet.tui.net_picture import Net, picture

LEGEND = (("━━━", "plus"), (" positive  ", "dim"), ("╍╍╍", "minus"), (" negative", "dim"), ("  thicker: larger", "dim"))


class NetPicture(Widget):
    """Nodes and links, and a legend below."""

    DEFAULT_CSS = """
    NetPicture { height: 1fr; width: 1fr; }
    NetPicture > .net--plus { color: $series-1; }
    NetPicture > .net--minus { color: $series-2; }
    NetPicture > .net--node { text-style: bold; }
    NetPicture > .net--dim { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"net--plus", "net--minus", "net--node", "net--dim"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._net: Net | str = ""
        self._weights: Mapping[str, NDArray[np.float64]] = {}
        self._chosen = ""
        self._rows: list[list[tuple[str, str]]] = []

    def show(self, net: Net | str, weights: Mapping[str, NDArray[np.float64]], chosen: str) -> None:
        """A network, or the sentence why there is no picture; weights by name, as far as they are there."""
        self._net, self._weights, self._chosen = net, weights, chosen
        self._lay()

    def on_resize(self) -> None:
        self._lay()

    def _lay(self) -> None:
        width, height = self.size
        if isinstance(self._net, str):
            self._rows = [[], [(self._net, "dim")]]
        else:
            self._rows = [list(row) for row in picture(self._net, self._weights, width, height - 1, self._chosen)]
            if self._weights:
                largest = max(float(np.abs(w).max()) for w in self._weights.values())
                legend = [*LEGEND, (f"  largest {largest:.3g}", "dim")]
                while sum(len(text) for text, _ in legend) > width:
                    legend.pop()
                self._rows.append(legend)
            else:
                self._rows.append([("the weights come as soon as it is trained", "dim")])
        self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(self.size.width, base)
        segments = []
        for kind, cells in groupby(self._rows[y], key=lambda cell: cell[1]):
            style = base + self.get_component_rich_style(f"net--{kind}", partial=True) if kind else base
            segments.append(Segment("".join(text for text, _ in cells), style))
        return Strip(segments).crop_extend(0, self.size.width, base)
