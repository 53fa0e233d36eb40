"""The picture of a small network: nodes, links and the weights that it has now."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from tests.architecture_pane import App, drive, made_view
from tuinet import presets
from tuinet.data.bound import Facts
from tuinet.diagnostics.pictures import levels_of
from tuinet.tui.net_picture import MOST, Net, net_of, picture
from tuinet.tui.view import Looked
from tuinet.tui.widgets.net import NetPicture

pytestmark = pytest.mark.usefixtures("own_config")


PLANE = Facts(name="xor", source="", inputs=(2,), task="binary", classes=2, outputs=1, columns=["x", "y"])


def test_a_small_network_is_drawn_with_the_weights_that_it_has_now() -> None:
    def heatmap(request: dict[str, Any]) -> Looked:
        rows, columns = request["rows"], request["columns"]
        weights = np.linspace(-1.0, 1.0, rows * columns).reshape(rows, columns)
        return Looked({"limit": 1.0}, levels_of(weights, 1.0).tobytes())

    async def draw(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        for _ in range(20):
            app.bench.feed()
            await pilot.pause(0.02)
        text = app.shown()
        assert text.count("●") + text.count("◉") >= 2 + 8 + 1
        assert "positive" in text and "negative" in text and "largest 1" in text
        widget = app.pane.query_one(NetPicture)
        assert {kind for row in widget._rows for _, kind in row} >= {"plus", "minus", "node"}
        await pilot.press("p")
        await pilot.pause()
        assert "positive" not in app.shown() and not [key for key in app.bench.view._wishes if key.startswith("net:")]

    view = made_view("xor", PLANE)
    view.looks["heatmap"] = heatmap
    drive(draw, view=view)


def test_why_there_is_no_picture_is_said() -> None:
    async def draw(app: App, pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        await pilot.pause()
        assert f"there are 784 inputs; the picture shows up to {MOST} units a layer" in app.shown()

    drive(draw)


def links(net: Net, weights: dict[str, Any], width: int = 60, height: int = 20) -> list[list[tuple[str, str]]]:
    return picture(net, weights, width, height)


def planned_layers(name: str, facts: Facts) -> Any:
    from tuinet.training.planning import planned

    return planned(presets.load(name), facts, 100).layers


def test_a_link_is_solid_or_broken_by_its_sign_and_thick_by_its_size() -> None:
    net = net_of(planned_layers("xor", PLANE), (2,), ["x", "y"])
    assert isinstance(net, Net) and [column.units for column in net.columns] == [2, 8, 1]

    def dots(strength: float, other: float = 1.0) -> tuple[int, set[str]]:
        weights = {"hidden.W": np.zeros((2, 8)), "out.W": np.zeros((8, 1))}
        weights["hidden.W"][0, 0], weights["out.W"][7, 0] = strength, other
        rows = links(net, weights)
        middle = [cell for row in rows for cell in row[: len(row) // 2 - 2]]
        drawn = [(text, kind) for text, kind in middle if "⠀" < text <= "⣿"]
        return sum(bin(ord(text) - 0x2800).count("1") for text, _ in drawn), {kind for _, kind in drawn}

    solid, broken, thin = dots(1.0), dots(-1.0), dots(0.1)
    assert solid[1] == thin[1] == {"plus"} and broken[1] == {"minus"}
    assert solid[0] > 1.5 * broken[0] and solid[0] > 2 * thin[0]
    assert dots(0.001)[0] == 0


@pytest.mark.parametrize("size", [(0, 0), (11, 9), (12, 4), (13, 5), (200, 60)])
def test_a_picture_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    net = net_of(planned_layers("xor", PLANE), (2,), ["a very long name of an input", "\u4e16\u754c"])
    assert isinstance(net, Net)
    rows = links(net, {"hidden.W": np.ones((2, 8)), "out.W": np.ones((7, 1))}, *size)
    assert [len(row) for row in rows] == [size[0]] * size[1]
